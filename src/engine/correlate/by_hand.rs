//! What people say about grouping: these two are one, this finding does not belong.

use std::collections::BTreeSet;

use super::entries::is_evidence;
use super::group::{Group, key_of};
use super::{Correlated, Correlator};
use crate::engine::model::{
    Entry, EntryKind, Finding, IdHasher, Incident, IncidentId, Key, Source, Status,
};

/// An incident somebody took a finding out of, and the one that finding makes.
#[derive(Debug)]
pub struct Divided {
    pub from: Incident,
    pub to: Incident,
    /// Places, in the entries handed in, of those that go along.
    pub entries: Vec<usize>,
}

/// The id of the incident that a request to split makes, by the request's number.
pub fn split_id(request: i64) -> IncidentId {
    IdHasher::new("split").part(&request.to_le_bytes()).finish()
}

fn by_hand() -> Source {
    Source::Monitor { monitor: "by hand".into() }
}

impl Correlator {
    /// Makes two incidents at hand one. False, and nothing done, where one is not at hand.
    pub fn absorb_by_hand(
        &mut self,
        from: &IncidentId,
        into: &IncidentId,
        out: &mut Correlated,
    ) -> bool {
        if from == into || !self.groups.contains_key(from) {
            return false;
        }
        let Some(group) = self.groups.get(into) else { return false };
        let time = group.last_finding;
        self.merge(from, into, out);
        self.settle(into, time, &by_hand(), out);
        true
    }

    /// Takes a finding out of an incident at hand, into one of its own. `findings` and `entries`
    /// are all the incident has. What was read or sent by somebody whom only this finding is
    /// about goes along. None where the finding is not there, or is the only one.
    pub fn split_by_hand(
        &mut self,
        id: &IncidentId,
        finding: &str,
        to: IncidentId,
        findings: &[Finding],
        entries: &[Entry],
        out: &mut Correlated,
    ) -> Option<Divided> {
        let (taken, rest): (Vec<&Finding>, Vec<&Finding>) =
            findings.iter().partition(|other| other.id == finding);
        let (first, first_left) = (*taken.first()?, *rest.first()?);
        let before = self.groups.get(id)?.incident.clone();
        let of = |all: &[&Finding]| -> BTreeSet<(&str, String)> {
            all.iter().flat_map(|f| self.keys(f)).map(|key| (key.kind.name(), key.value)).collect()
        };
        let (theirs, ours) = (of(&taken), of(&rest));
        let goes_along = |entry: &Entry| match entry.kind {
            EntryKind::Finding => entry.finding.as_deref() == Some(finding),
            _ => key_of(entry).filter(|_| is_evidence(entry)).is_some_and(|key| {
                let key = (key.kind.name(), key.value);
                theirs.contains(&key) && !ours.contains(&key)
            }),
        };
        let moved: Vec<usize> =
            (0..entries.len()).filter(|&place| goes_along(&entries[place])).collect();

        let mut left = Group::new(id.clone(), first_left, &self.config);
        let mut split = Group::new(to.clone(), first, &self.config);
        rest.iter().for_each(|finding| left.take_finding(finding));
        taken.iter().for_each(|finding| split.take_finding(finding));
        let mut evidence: Vec<(Key, usize)> = Vec::new();
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| is_evidence(entry)) {
            evidence.extend(key_of(entry).map(|key| (key, place)));
        }
        for (key, place) in evidence {
            let group = if moved.binary_search(&place).is_ok() { &mut split } else { &mut left };
            group.take_entry(&key, &entries[place]);
            group.settles_on_evidence();
        }
        let old = self.groups.get(id)?;
        left.heard = old.heard;
        split.heard = old.heard;
        left.watched.clone_from(&old.watched);
        left.split_from.clone_from(&old.split_from);
        left.incident.opened = before.opened;
        left.incident.status = before.status;
        left.incident.severity = before.severity;
        left.incident.updated = before.updated;
        left.incident.timeline_length = before.timeline_length - moved.len() as u64;
        if before.status == Status::Quiet {
            split.incident.status = Status::Quiet;
        }
        split.split_from = Some(id.clone());
        let (left_time, split_time) = (left.last_finding, split.last_finding);
        self.groups.insert(id.clone(), left);
        self.groups.insert(to.clone(), split);
        self.index(first, &to);
        self.settle(id, left_time, &by_hand(), out);
        self.settle(&to, split_time, &by_hand(), out);
        Some(Divided {
            from: self.incident(id)?.clone(),
            to: self.incident(&to)?.clone(),
            entries: moved,
        })
    }

    /// After a restart: `split` was taken out of `from`.
    pub fn keep_apart(&mut self, split: &str, from: &str) {
        if self.groups.contains_key(from)
            && let Some(group) = self.groups.get_mut(split)
        {
            group.split_from = Some(from.to_owned());
        }
    }

    /// An incident that was taken out of another takes nothing that the other could take.
    pub(super) fn without_split<'i>(&self, near: Vec<&'i IncidentId>) -> Vec<&'i IncidentId> {
        let yields = |id: &&IncidentId| {
            let from = self.groups.get(*id).and_then(|group| group.split_from.as_ref());
            from.is_some_and(|from| near.contains(&from))
        };
        near.iter().filter(|id| !yields(id)).copied().collect()
    }

    /// What was taken out of an absorbed incident was taken out of the one that absorbed it.
    pub(super) fn follow_origin(&mut self, from: &IncidentId, into: &IncidentId) {
        for (id, group) in &mut self.groups {
            if group.split_from.as_ref() == Some(from) {
                group.split_from = Some(into.clone());
            }
            if id == into && group.split_from.as_ref() == Some(into) {
                group.split_from = None;
            }
        }
    }
}
