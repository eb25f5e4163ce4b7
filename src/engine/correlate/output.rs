//! What the correlator says.

use std::collections::BTreeSet;

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

    /// The notices, each incident's told in one: what opens, grows worse or takes in another between
    /// two moments at which it is told of pages people once, with how bad it is by then.
    pub fn notices_in_one(&self) -> Vec<Notice> {
        let mut told: Vec<Notice> = Vec::new();
        for notice in &self.notices {
            let before = told.iter_mut().rev().find(|other| other.incident == notice.incident);
            match before.filter(|_| notice.kind != NoticeKind::Quiet) {
                Some(before) if before.kind != NoticeKind::Quiet => {
                    before.severity = before.severity.max(notice.severity);
                    before.time = before.time.max(notice.time);
                }
                _ => told.push(notice.clone()),
            }
        }
        told
    }

    pub(super) fn change(&mut self, id: &IncidentId) {
        if !self.changed.contains(id) {
            self.changed.push(id.clone());
        }
    }
}

/// What an incident is about by its findings. Evidence, and with it the scope, comes after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Involved {
    /// By name, those that had a part in it.
    pub detectors: Vec<String>,
    pub datasets: Vec<String>,
    pub categories: Vec<String>,
}

impl Involved {
    /// Of findings read back.
    pub fn of(findings: &[Finding]) -> Self {
        let names = |of: fn(&Finding) -> Option<String>| -> Vec<String> {
            findings.iter().filter_map(of).collect::<BTreeSet<String>>().into_iter().collect()
        };
        Self {
            detectors: names(|finding| Some(finding.detector.to_string())),
            datasets: names(|finding| finding.dataset.clone()),
            categories: names(|finding| finding.category.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Notices as `incident kind severity`.
    #[track_caller]
    fn check(notices: &str, expected: &str) {
        let kinds = [NoticeKind::Opened, NoticeKind::SeverityRaised, NoticeKind::Quiet];
        let notice = |text: &str| {
            let [incident, kind, severity] = text.split(' ').collect::<Vec<_>>()[..] else {
                panic!("three words, got `{text}`");
            };
            let severity = serde_json::from_str(&format!("\"{severity}\"")).expect("a severity");
            let kind = kinds.into_iter().find(|known| known.name() == kind).expect("a kind");
            Notice { incident: incident.into(), kind, severity, time: EventTime::default() }
        };
        let out = Correlated {
            notices: notices.split("; ").map(notice).collect(),
            ..Correlated::default()
        };
        let text = |n: &Notice| format!("{} {} {}", n.incident, n.kind.name(), n.severity.name());
        let told: Vec<String> = out.notices_in_one().iter().map(text).collect();
        assert_eq!(told.join("; "), expected);
    }

    #[test]
    fn what_opens_and_rises_at_once_is_told_in_one() {
        check(
            "a opened medium; b opened low; a severity_raised high; a severity_raised critical",
            "a opened critical; b opened low",
        );
        check("a severity_raised high; a severity_raised critical", "a severity_raised critical");
        check("a opened medium; a opened high", "a opened high");
    }

    #[test]
    fn what_is_quiet_and_goes_on_is_told_twice() {
        check(
            "a opened medium; a quiet medium; a severity_raised high",
            "a opened medium; a quiet medium; a severity_raised high",
        );
    }
}
