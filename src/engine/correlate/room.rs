//! Room for incidents: which ones are let go where there are more than are kept at hand.

use std::collections::BTreeSet;

use super::Correlator;
use super::output::Correlated;
use crate::engine::model::{EventTime, Incident, IncidentId, Severity, Status};

/// Quiet ones, then open ones by severity.
const CLASSES: usize = 5;

impl Correlator {
    /// How many incidents were let go for want of room.
    pub fn shed_total(&self) -> u64 {
        self.shed
    }

    /// Adds to `gone` what is beyond the cap: quiet ones before open ones, then the least severe, of
    /// these the longest idle. A severity gives way to graver ones only down to a quarter of the room,
    /// and one that still grows is not idle: who has many made-up accounts do one grave thing each
    /// pushes out no dump that is going on.
    pub(super) fn shed(&mut self, gone: &mut BTreeSet<IncidentId>) {
        let room = self.config.incidents_max;
        let mut over = self.groups.len().saturating_sub(gone.len()).saturating_sub(room);
        if over == 0 {
            return;
        }
        self.shed += over as u64;
        let mut classes: [Vec<(EventTime, &IncidentId)>; CLASSES] = Default::default();
        for (id, group) in self.groups.iter().filter(|(id, _)| !gone.contains(*id)) {
            let incident = &group.incident;
            let class = match incident.status {
                Status::Open => class(incident.severity),
                _ => 0,
            };
            classes[class].push((incident.last_event, id));
        }
        let mut shed = Vec::with_capacity(over);
        for (number, class) in classes.iter_mut().enumerate() {
            let least = if number == 0 { 0 } else { room / (CLASSES - 1) };
            let some = class.len().saturating_sub(least).min(over);
            if some > 0 {
                class.select_nth_unstable(some - 1);
                shed.extend(class[..some].iter().map(|(_, id)| (*id).clone()));
                over -= some;
            }
        }
        gone.extend(shed);
    }

    /// Lets them go, and whatever leads to them. Nothing is added to one that was open, so it is quiet.
    pub(super) fn forget(&mut self, gone: &BTreeSet<IncidentId>, out: &mut Correlated) {
        if gone.is_empty() {
            return;
        }
        let groups = gone.iter().filter_map(|id| self.groups.remove(id));
        out.let_go.extend(groups.map(|group| Incident { status: Status::Quiet, ..group.incident }));
        self.readers.forget_all(gone);
        let drop_from = |ids: &mut Vec<IncidentId>| {
            ids.retain(|id| !gone.contains(id));
            !ids.is_empty()
        };
        self.by_key.retain(|_, ids| drop_from(ids));
        self.by_session.retain(|_, ids| drop_from(ids));
    }
}

fn class(severity: Severity) -> usize {
    match severity {
        Severity::Informational | Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}
