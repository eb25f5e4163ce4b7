//! One partition's share of the engine: its clock, its memory of ids, its flight recorder, its
//! tables. Events in, findings and evidence out.
//!
//! A shard owns everything it uses and knows of no other shard. Rules and settings come with
//! each call, so that a reload takes effect between two events and nowhere else.

mod before;
mod clock;
mod duplicates;
mod output;
mod pulse;
mod recorder;
mod saved;
mod settings;
#[allow(clippy::module_inception)]
mod shard;
mod sharers;

pub use clock::{Clock, TimeConfig};
pub use duplicates::Duplicates;
pub use output::{Evidence, EvidenceRecord, Output, Verdict, Watch};
pub use recorder::{Recorder, RecorderConfig};
pub use saved::{Restoring, STATE_VERSION, Saved, StateError};
pub use settings::Settings;
pub use shard::{Incoming, Shard, ShardConfig, ShardSaving, StateSize};
