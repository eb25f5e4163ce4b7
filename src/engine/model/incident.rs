//! Findings that belong together, with a severity and a scope.

use serde::{Deserialize, Serialize};

use super::{EventTime, FindingId, Severity};

/// 32 hex digits: a hash of the finding that began it.
pub type IncidentId = String;

/// How much of one dataset an incident touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetScope {
    pub dataset: String,
    pub category: String,
    /// 0 to 3, T0 to T3.
    pub tier: u8,
    pub records: u64,
    /// Distinct subjects.
    pub subjects: u64,
    /// Relative standard error of `subjects`, 0 while it is exact.
    #[serde(default)]
    pub subjects_error: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Below medium: counted and shown on request, pages nobody.
    Signal,
    /// Open, and still being added to.
    Open,
    /// No finding for the quiet gap.
    Quiet,
    /// Absorbed by another incident.
    Merged,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Open => "open",
            Self::Quiet => "quiet",
            Self::Merged => "merged",
        }
    }
}

/// One term of the score, for a person to take apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreTerm {
    pub term: String,
    /// Points of the 100.
    pub points: f64,
    pub why: String,
}

/// A line of `replay --incidents`; what the API serves. Field order is the wire order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    /// Event time at which it first reached medium; `null` while it is a signal.
    pub opened: Option<EventTime>,
    pub updated: EventTime,
    pub severity: Severity,
    /// 0 to 100.
    pub score: u8,
    pub status: Status,
    pub title: String,
    pub why: String,
    pub actors: Vec<String>,
    pub sources: Vec<String>,
    pub datasets: Vec<DatasetScope>,
    /// Distinct people and consignments.
    pub subjects: u64,
    /// Relative standard error of `subjects`, 0 while it is exact.
    pub subjects_error: f64,
    pub records: u64,
    pub bytes: u64,
    pub first_event: EventTime,
    pub last_event: EventTime,
    pub first_finding: EventTime,
    /// The score is as of this time: that of the last finding which was not taken in from another day.
    #[serde(default)]
    pub scored_at: EventTime,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    pub findings: Vec<FindingId>,
    pub timeline_length: u64,
    /// What the score is made of.
    pub score_terms: Vec<ScoreTerm>,
    /// The incident that absorbed this one.
    pub merged_into: Option<IncidentId>,
}
