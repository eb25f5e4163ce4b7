//! Findings become incidents.
//!
//! Comes in: findings and evidence, in whatever order the partitions deliver them. Goes out:
//! changed incidents, timeline entries, requests for more evidence, and findings of its own
//! (the chains). Uses the model and the shard's wire types. It never reads a clock: time moves
//! with the findings and with the watermarks it is told.

mod by_hand;
mod chain;
mod config;
mod correlator;
mod entries;
mod evidence;
mod factor_reads;
mod goes_on;
mod group;
mod output;
mod reached;
mod risk;
mod room;
mod scope;
mod shared_subjects;
mod sharing;
mod sketch;
mod title;

pub use by_hand::{Divided, split_id};
pub use chain::Chains;
pub use config::CorrelateConfig;
pub use correlator::Correlator;
pub use factor_reads::FactorReads;
pub use output::{Correlated, Involved, Notice, NoticeKind};
pub use reached::{LeftNetwork, Stage, Verdict, left_network, stage};
pub use scope::Scope;
pub use sketch::SubjectCount;
