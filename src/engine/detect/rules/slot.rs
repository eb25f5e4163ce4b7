//! The normalised fields, by the names rules of `product: tidewaiter` use.

macro_rules! slots {
    ($($slot:ident $name:literal,)*) => {
        /// A field of the normalised event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Slot { $($slot,)* }

        impl Slot {
            pub const ALL: &'static [Self] = &[$(Self::$slot,)*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$slot => $name,)* }
            }

            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$slot),)* _ => None }
            }
        }
    };
}

slots! {
    Kind "kind",
    Id "id",
    Time "time",
    ActorId "actor.id",
    ActorRole "actor.role",
    ActorUnit "actor.unit",
    ActorType "actor.type",
    Session "session",
    SourceIp "source.ip",
    SourceHost "source.host",
    SourceSite "source.site",
    SourcePort "source.port",
    System "system",
    Action "action",
    Outcome "outcome",
    Verdict "verdict",
    Dataset "resource.dataset",
    Category "resource.category",
    Record "resource.record",
    SubjectsTotal "subjects_total",
    SubjectToken "subject_token",
    Records "records",
    Bytes "bytes",
    Case "case",
    Purpose "purpose",
    Query "query",
    Note "note",
    UserAgent "user_agent",
    Mfa "mfa",
    DestinationIp "destination.ip",
    DestinationHost "destination.host",
    DestinationPort "destination.port",
    Protocol "protocol",
    Application "application",
    BytesOut "bytes_out",
    BytesIn "bytes_in",
    PacketsOut "packets_out",
    PacketsIn "packets_in",
    DurationMs "duration_ms",
    Tier "tier",
    CaseRequired "case_required",
}

impl Slot {
    /// What the field holds where the record does not say.
    pub fn default_word(self) -> Option<&'static str> {
        match self {
            Self::ActorType => Some("person"),
            Self::Outcome | Self::Verdict => Some("allowed"),
            _ => None,
        }
    }
}

/// Keys under which native and OCSF records name the people and consignments they are about.
const SUBJECT_KEYS: [&str; 3] = ["subject", "subjects", "subject_refs"];

/// True for a key whose content rules may not read.
pub(super) fn is_private_key(key: &str) -> bool {
    SUBJECT_KEYS.contains(&key)
}

/// True for a path that leads to such a key.
pub(super) fn is_private_path(path: &str) -> bool {
    path.split('.').any(is_private_key)
}
