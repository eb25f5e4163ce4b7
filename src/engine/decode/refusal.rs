//! Why a record was refused.

/// Why a record could not be made an event: the dead letter's reason and a metric label.
///
/// A closed set. It names fields of the contract, never what stood in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Only a stream has such: a blank line of a file is no record.
    #[error("record has no value, or an empty one")]
    Empty,
    #[error("record is larger than the configured cap")]
    TooLarge,
    #[error("record is not UTF-8")]
    NotUtf8,
    #[error("record is not valid JSON")]
    NotJson,
    #[error("record nests deeper than {} levels", super::json::DEPTH_MAX)]
    TooDeep,
    #[error("record is JSON, but not an object")]
    NotAnObject,
    #[error("a field that is read stands in the record twice, and could mean either")]
    DuplicateKey,
    #[error("record is none of the known formats; say which with the topic's `format`")]
    UnknownFormat,
    #[error("`kind` is none of access, auth, network")]
    UnknownKind,
    #[error("OCSF class is none of 6005, 6003, 6001, 6006, 3002, 3001, 1008, 4001")]
    UnsupportedClass,
    #[error("OCSF version is not 1.x")]
    UnsupportedVersion,
    #[error("Zeek log is not conn.log")]
    NotConn,
    #[error("Zeek line does not have as many columns as its header")]
    ColumnCount,
    #[error("required field `{0}` is missing")]
    MissingField(&'static str),
    #[error("field `{0}` has the wrong type")]
    WrongType(&'static str),
    #[error("time is neither RFC 3339 with zone nor a count since 1970 that a calendar can show")]
    BadTime,
}

impl Refusal {
    /// Every label, for registering the metric's series beforehand.
    pub const LABELS: [&'static str; 16] = [
        "empty",
        "too_large",
        "not_utf8",
        "not_json",
        "too_deep",
        "not_an_object",
        "duplicate_key",
        "unknown_format",
        "unknown_kind",
        "unsupported_class",
        "unsupported_version",
        "not_conn",
        "column_count",
        "missing_field",
        "wrong_type",
        "bad_time",
    ];

    /// Its metric label, one of [`Self::LABELS`].
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownFormat => "unknown_format",
            Self::UnknownKind => "unknown_kind",
            Self::UnsupportedClass => "unsupported_class",
            Self::UnsupportedVersion => "unsupported_version",
            Self::NotConn => "not_conn",
            Self::ColumnCount => "column_count",
            Self::MissingField(_) => "missing_field",
            Self::WrongType(_) => "wrong_type",
            Self::BadTime => "bad_time",
        }
    }
}
