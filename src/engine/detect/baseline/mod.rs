//! The detectors that learn: what is usual for an actor, its peers and the season, and how far
//! from it is worth an alert at the budget people set.
//!
//! Comes in: an event with its facts, the actor's part, the peers of the shard. Goes out:
//! findings, at medium or above exactly where a lane's threshold is crossed. An ordinary event
//! costs a comparison a window; tails are computed beyond a gate only. Nothing here reads a clock,
//! and what is learned across actors takes effect at the turn of ten minutes, an hour or a day of
//! event time; what other shards have learned, at the turn of a day.

mod actor;
mod actor_before;
mod actor_day;
mod bits;
mod blocks;
mod book;
mod calibration;
mod cases;
mod config;
mod doubt;
mod fan_in;
mod fan_in_saved;
mod figures;
mod gauge;
mod habits;
mod hours;
mod journaled;
mod lane;
mod lanes;
mod lanes_saved;
mod lookup;
mod lookups;
mod lookups_saved;
mod mark;
mod novelty;
mod pages;
mod part;
mod peers;
mod rate;
mod regions;
mod residuals;
mod returned;
mod role;
mod roll;
mod ruled;
mod saving;
mod scores;
mod season;
mod sequence;
mod session;
mod shares;
mod sharing;
mod slow;
mod strength;
mod suite;
mod sums;
mod suspicion;
mod tail;
mod tally;
mod why;

pub use actor::Baseline;
pub use actor_before::{BaselineOfEight, BaselineOfTwelve};
pub use calibration::{Calibration, LaneView};
pub use config::BaselineConfig;
pub use figures::{Figures, FiguresError, Known, Version};
pub use gauge::{Gauge, WindowP};
pub use lookup::{Leaving, Lookups, LookupsError, Progress};
pub use mark::mark;
pub use peers::{Peers, PeersSaving};
pub use saving::{Form, PartKey, PartKind, PartSink, Parts};
pub use suite::Suite;

/// The detectors in this room: what they find rests on other shards too.
pub const LEARNED: [&str; 8] = [
    VOLUME,
    UNEXPLAINED_READS,
    SLOW_DRIFT,
    NOVELTY,
    SEQUENCE,
    SESSION_START,
    ID_BLOCK,
    SUBJECT_FAN_IN,
];

pub const VOLUME: &str = "unusual_volume";
pub const UNEXPLAINED_READS: &str = "unusual_unexplained";
pub const SLOW_DRIFT: &str = "slow_drift";
pub const NOVELTY: &str = "novelty";
pub const SEQUENCE: &str = "sequence";
pub const SESSION_START: &str = "session_start";
pub const ID_BLOCK: &str = "id_block";
pub const SUBJECT_FAN_IN: &str = "subject_fan_in";
