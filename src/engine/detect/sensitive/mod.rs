//! Identifiers where they should not be: in the text of searches, notes and other free fields.
//!
//! In: an event's free texts. Out: findings that say what kind of identifier, how many and in which
//! field. What was found is neither kept nor told: not in a finding, not in a log, not in a metric.
//! An ordinary event costs a look at a length or two and a pass over a few bytes.

mod check_digits;
mod detector;
mod find;

pub use detector::{SensitiveIdentifier, SensitiveIdentifierConfig, SensitiveState};
