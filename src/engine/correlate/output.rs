//! What the correlator says.

use crate::engine::model::{Entry, EventTime, Finding, Incident, IncidentId, Severity};
use crate::engine::shard::Watch;

/// What the correlator gives rise to. Filled by it, emptied by whoever drives it.
#[derive(Default)]
pub struct Correlated {
    /// Incidents to be stored anew, in the order they changed; each once.
    pub changed: Vec<IncidentId>,
    /// Findings taken for the first time, with the incident they belong to.
    pub findings: Vec<(IncidentId, Finding)>,
    /// Timeline entries to be stored.
    pub entries: Vec<(IncidentId, Entry)>,
    /// Incidents absorbed by others: `(absorbed, by)`.
    pub merged: Vec<(IncidentId, IncidentId)>,
    /// Incidents no longer at hand, as they last were.
    pub let_go: Vec<Incident>,
    /// Requests to the shards.
    pub watches: Vec<Watch>,
    /// The correlator's own findings (chains), to be published like any other.
    pub chains: Vec<Finding>,
    /// What people must be told.
    pub notices: Vec<Notice>,
}

impl Correlated {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn change(&mut self, id: &IncidentId) {
        if !self.changed.contains(id) {
            self.changed.push(id.clone());
        }
    }
}

/// A change that pages somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub incident: IncidentId,
    pub kind: NoticeKind,
    pub severity: Severity,
    pub time: EventTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Opened,
    SeverityRaised,
    Quiet,
}

impl NoticeKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::SeverityRaised => "severity_raised",
            Self::Quiet => "quiet",
        }
    }
}
