//! What the monitor says of itself: metrics, latency, logs, its own memory.
//!
//! Comes in: counts, once a batch, from whoever does the work. Goes out: Prometheus text, the
//! API's stats, log lines on stderr. Counts are kept here and nowhere else; a scrape reads all of
//! a topic's under one lock, so that its ledger balances in every scrape. Labels are closed sets:
//! what is not known beforehand is counted as `other`, and no label ever names a person.

mod budget;
mod cases;
mod exposition;
mod figures;
mod latency;
mod logging;
mod notices;
mod partitions;
mod process;
mod rate;
mod render;
mod rules;
mod stats;
#[allow(clippy::module_inception)]
mod telemetry;
#[cfg(test)]
mod tests;
mod topic;

pub use budget::{BudgetStats, LaneStats};
pub use cases::{CaseNumbers, Feedback};
pub use exposition::ExpositionError;
pub use figures::ReloadedFile;
pub use latency::LatencyStats;
pub use logging::init_logging;
pub use notices::{AlertLoad, NoticeCounts, NoticesKept, SilencesKept};
pub use process::{peak_rss_bytes, rss_bytes};
pub use rules::RuleStats;
pub use stats::{
    CategoryHourStats, HourStats, IncidentStats, RecordStats, RulesStats, StateStats, Stats,
    ToDoStats, TopicStats,
};
pub use telemetry::{Telemetry, now};
pub use topic::{BatchCounts, TopicTelemetry};

/// What is not in a closed set is counted under this name.
pub(super) const OTHER: &str = "other";

/// A figure is a number: a thread that died while adding leaves it usable.
fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
