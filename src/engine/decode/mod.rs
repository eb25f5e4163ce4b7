//! Bytes of a record become an event, or the reason why not.
//!
//! In: the value of one Kafka record or one line of a file, native, OCSF, CloudTrail or Zeek
//! conn. Out: an [`Event`] that borrows from it, or a [`Refusal`]. May use the model. Never
//! panics on any input, never does I/O, and keeps nothing between records but Zeek's header.

use std::str::FromStr;

mod cloudtrail;
mod document;
mod json;
mod native;
mod number;
mod ocsf;
mod refusal;
#[cfg(test)]
mod shown;
mod words;
mod zeek;

#[cfg(test)]
mod mutation;
#[cfg(test)]
mod real_data;
#[cfg(test)]
mod tests;

pub use json::DEPTH_MAX;
pub use number::COUNT_MAX;
pub use refusal::Refusal;

use super::model::{Event, Format, SUBJECTS_MAX, Str};

/// Largest record decoded unless the decoder is told otherwise.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Which decoder a topic uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Told record by record from what stands in it.
    #[default]
    Auto,
    Only(Format),
}

/// The word is none of the formats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: use auto, native, ocsf, cloudtrail or zeek")]
pub struct UnknownExpected(String);

impl FromStr for Expected {
    type Err = UnknownExpected;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word == "auto" {
            return Ok(Self::Auto);
        }
        [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek]
            .into_iter()
            .find(|format| format.name() == word)
            .map(Self::Only)
            .ok_or_else(|| UnknownExpected(word.to_owned()))
    }
}

/// Decodes one stream: one topic partition, or one file.
///
/// Keeps what a stream needs between records: Zeek's header.
#[derive(Clone, Debug)]
pub struct Decoder {
    expected: Expected,
    record_bytes_max: usize,
    zeek: zeek::Header,
}

impl Decoder {
    pub fn new(expected: Expected) -> Self {
        Self { expected, record_bytes_max: RECORD_BYTES_MAX, zeek: zeek::Header::default() }
    }

    /// What later records need of those before, for keeping; none while there is nothing.
    pub fn header(&self) -> Option<Vec<u8>> {
        let said = self.zeek != zeek::Header::default();
        said.then(|| postcard::to_stdvec(&self.zeek).ok()).flatten()
    }

    /// Takes it back; what does not read back is passed over, and the next header counts.
    pub fn restore_header(&mut self, header: &[u8]) {
        if let Ok(header) = postcard::from_bytes(header) {
            self.zeek = header;
        }
    }

    /// Refuses records above `bytes` instead of [`RECORD_BYTES_MAX`]; a gibibyte is the most.
    #[must_use]
    pub fn with_record_bytes_max(mut self, bytes: usize) -> Self {
        self.record_bytes_max = bytes.min(json::TEXT_BYTES_MAX);
        self
    }

    /// The event in `payload`; none where the line carries none: a blank one, or Zeek's header.
    pub fn decode<'a>(&mut self, payload: &'a [u8]) -> Result<Option<Event<'a>>, Refusal> {
        if payload.len() > self.record_bytes_max {
            return Err(Refusal::TooLarge);
        }
        let text = without_mark(std::str::from_utf8(payload).map_err(|_| Refusal::NotUtf8)?);
        let Some(first) = first_byte(text) else { return Ok(None) };
        match self.expected {
            Expected::Only(Format::Native) => native(text).map(Some),
            Expected::Only(Format::Ocsf) => ocsf::decode(text).map(Some),
            Expected::Only(Format::CloudTrail) => cloudtrail::decode(text).map(Some),
            Expected::Only(Format::Zeek) => self.zeek(text, first),
            Expected::Auto if first == b'#' => self.zeek(text, first),
            Expected::Auto if first != b'{' && text.contains('\t') && !looks_like_json(first) => {
                self.zeek(text, first)
            }
            Expected::Auto => by_content(text).map(Some),
        }
    }

    /// Every field of the record, for rules: JSON as it stands, a tab-separated Zeek line as an
    /// object of its named columns. None for what [`Self::decode`] does not make an event of for
    /// its shape.
    pub fn raw_value(&self, payload: &[u8]) -> Option<serde_json::Value> {
        if payload.len() > self.record_bytes_max {
            return None;
        }
        let text = without_mark(std::str::from_utf8(payload).ok()?);
        match first_byte(text)? {
            b'{' => serde_json::from_str(text).ok(),
            _ => match self.expected {
                Expected::Auto | Expected::Only(Format::Zeek) => self.zeek.raw_value(text),
                Expected::Only(_) => None,
            },
        }
    }

    fn zeek<'a>(&mut self, text: &'a str, first: u8) -> Result<Option<Event<'a>>, Refusal> {
        match first {
            b'{' => zeek::decode_json(text).map(Some),
            b'#' => {
                self.zeek.note(text);
                Ok(None)
            }
            _ => self.zeek.decode_line(text).map(Some),
        }
    }
}

fn native(text: &str) -> Result<Event<'_>, Refusal> {
    let mut slots = native::Slots::default();
    native::extract(text, &mut slots)?;
    native::event_of(slots)
}

/// Native where `kind` says so; otherwise what the marks at the top of the record say.
fn by_content(text: &str) -> Result<Event<'_>, Refusal> {
    let mut slots = native::Slots::default();
    native::extract(text, &mut slots)?;
    let marks = slots.marks;
    if slots.names_a_kind() {
        native::event_of(slots)
    } else if marks.class_uid {
        ocsf::decode(text)
    } else if marks.event_name && marks.event_source {
        cloudtrail::decode(text)
    } else if marks.zeek_uid && marks.zeek_origin {
        zeek::decode_json(text)
    } else if slots.has_kind() {
        native::event_of(slots)
    } else {
        Err(Refusal::UnknownFormat)
    }
}

/// Some editors put a byte order mark before the first record of a file.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn first_byte(text: &str) -> Option<u8> {
    text.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// A value that is JSON but no object, as far as its first byte tells. Zeek's lines begin with a
/// time or a name.
fn looks_like_json(first: u8) -> bool {
    matches!(first, b'[' | b'"')
}
