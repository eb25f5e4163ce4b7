//! Judges each event as it comes. Event and facts in, findings out.
//!
//! Uses the model, the facts of enrichment and the state kept here. It never reads a clock,
//! never looks at another shard, and never waits for a window to close.

mod bulk_read;
mod denied_burst;
mod detector;
mod enumeration;
mod exceptions;
mod first_seen;
mod ladder;
mod leaver;
mod no_actor;
mod no_case;
mod outbound_bytes;
mod roster;
mod rule_match;
pub mod rules;
pub mod state;
mod watched_subject;
pub mod window;

pub use bulk_read::{BulkReadConfig, Limits};
pub use detector::{Detector, Judged, Stream, severity_of};
pub use exceptions::{Exception, Exceptions};
pub use roster::{DETECTOR_NAMES, DetectConfig, Roster};
pub use rule_match::{RuleCounts, RuleScratch, RuleState, Rules};
