//! Judges each event as it comes. Event and facts in, findings out.
//!
//! Uses the model, the facts of enrichment and the state kept here. It never reads a clock,
//! never looks at another shard, and never waits for a window to close.

pub mod baseline;
mod beacon;
mod bulk_read;
mod denied_burst;
mod destinations;
mod detector;
mod dormant_system;
mod egress;
mod enumeration;
mod exceptions;
mod first_seen;
mod impossible_travel;
mod ladder;
mod leaver;
mod mode;
mod no_actor;
mod no_case;
mod outbound_bytes;
mod port_scan;
mod roster;
mod rule_match;
mod rule_noise;
pub mod rules;
mod rulings;
mod sensitive;
pub mod state;
mod travel;
mod watched_subject;
pub mod window;

pub use bulk_read::{BulkReadConfig, Limits};
pub use detector::{Detector, Judged, Stream, severity_of};
pub use egress::Egress;
pub use exceptions::{Exception, Exceptions};
pub use mode::Mode;
pub use roster::{DETECTOR_NAMES, DetectConfig, Roster, check_budget};
pub use rule_match::{RuleBooks, RuleCounts, RuleScratch, RuleState, Rules};
pub use rulings::{RULINGS_MAX, Ruling, Rulings};
