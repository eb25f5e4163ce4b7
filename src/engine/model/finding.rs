//! One detector's statement: this key, in this window, did something; how unusual; why.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{EventTime, Severity, Source};

/// 32 hex digits: a hash of detector, key and what triggered it, so that the same events give the
/// same ids however often they are processed.
pub type FindingId = String;

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    pub kind: KeyKind,
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    Actor,
    Source,
    Dataset,
    Subject,
    /// A source of records: a topic, or a system that writes into one.
    System,
}

impl KeyKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Source => "source",
            Self::Dataset => "dataset",
            Self::Subject => "subject",
            Self::System => "system",
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The span of event time a finding speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub start: EventTime,
    pub end: EventTime,
}

/// Distinct subjects an actor was expected to read in an hour in which it reads at all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsualHour {
    pub start: EventTime,
    /// Half of such hours stay at or under it.
    pub median: f64,
    /// All but one in a hundred do.
    pub p99: f64,
}

/// The findings topic's record and a line of `replay --findings`. Field order is the wire order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub id: FindingId,
    /// Event time of the event that triggered it.
    pub time: EventTime,
    pub detector: Cow<'static, str>,
    /// The Sigma rule's id, where a rule fired.
    pub rule: Option<String>,
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    pub key: Key,
    pub actor: Option<String>,
    pub source_ip: Option<String>,
    pub session: Option<String>,
    pub dataset: Option<String>,
    pub category: Option<String>,
    /// 0 to 3, T0 to T3.
    pub tier: u8,
    pub window: Window,
    pub observed: f64,
    pub expected: f64,
    /// Of `observed` and `expected`: `records`, `subjects`, `bytes`, `events`, …
    pub unit: Cow<'static, str>,
    /// Distinct subjects in the window.
    pub subjects: u64,
    pub records: u64,
    pub bytes: u64,
    /// ATT&CK technique ids.
    pub attack: Vec<Cow<'static, str>>,
    /// One sentence a person can act on.
    pub why: String,
    /// Ids of the events it rests on, the trigger last. An event without an id is named by its
    /// place, as [`Source`] is written.
    pub evidence: Vec<String>,
    /// Where the triggering event was read.
    pub source: Source,
    /// What the actor was expected to read, hour by hour up to this one, where that is learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usual: Vec<UsualHour>,
    /// How many actors the shard knows at the source address of earlier days, for the correlator,
    /// which keeps it to itself; 0 is left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub source_actors: u32,
}

impl Finding {
    /// The events that this finding and then `next` rest on, as evidence of what the two make.
    pub fn evidence_before<'i>(&'i self, next: impl IntoIterator<Item = &'i str>) -> Vec<String> {
        let next: Vec<&str> = next.into_iter().collect();
        let mine = self.evidence.iter().map(String::as_str).filter(|id| !next.contains(id));
        mine.chain(next.iter().copied()).map(str::to_owned).collect()
    }
}
