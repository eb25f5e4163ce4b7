//! Who did what beside their usual work, and when: what an evaluation is measured by.

use serde::Serialize;

use crate::engine::model::EventTime;

/// One attack, or one oddity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TruthEntry {
    /// Kind and number: `dump-5000-3`.
    pub name: String,
    pub kind: &'static str,
    pub description: &'static str,
    /// False for an oddity, which must stay quiet.
    pub attack: bool,
    /// True where it goes on for more than three days.
    pub slow: bool,
    /// Accounts that did it.
    pub actors: Vec<String>,
    /// Its first and its last event so far; both absent before it has begun.
    pub start: Option<EventTime>,
    pub end: Option<EventTime>,
    pub events: u64,
    /// Rows they returned.
    pub records: u64,
    /// Ids of its events.
    pub ids: Vec<String>,
}

/// Complete once the stream has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Truth {
    pub seed: u64,
    pub actors: u32,
    pub days: u32,
    pub start: EventTime,
    pub entries: Vec<TruthEntry>,
}
