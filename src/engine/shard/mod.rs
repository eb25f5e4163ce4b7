//! One partition's share of the engine: its clock, its memory of ids, its flight recorder, its
//! tables. Events in, findings and evidence out.
//!
//! A shard owns everything it uses and knows of no other shard. Rules and settings come with
//! each call, so that a reload takes effect between two events and nowhere else.

mod ahead;
mod before;
mod clock;
mod duplicates;
mod first_reads;
mod incoming;
mod learned;
mod newcomer;
mod output;
mod pulse;
mod recorder;
mod saved;
mod settings;
#[allow(clippy::module_inception)]
mod shard;
mod sharers;
mod size;
mod teller;
mod turns;

pub use ahead::{AHEAD, read_ahead};
pub use before::is_read;
pub use clock::{Clock, TimeConfig};
pub use duplicates::Duplicates;
pub use incoming::Incoming;
pub use learned::{Learned, LearnedError, LearnedSpan};
pub use output::{Evidence, EvidenceRecord, HourReads, Output, Verdict, Watch};
pub use recorder::{Recorder, RecorderConfig};
pub use saved::{Records, Restoring, STATE_VERSION, StateError};
pub use settings::Settings;
pub use shard::{Shard, ShardConfig, ShardSaving};
pub use size::StateSize;
pub use teller::Teller;
