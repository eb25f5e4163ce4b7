//! A breach that takes days is one story: an account's incident takes in what is found on it within days.
//!
//! Each day's findings are grouped and scored by themselves first, so that a day pages nobody for
//! what was found before it. What has opened, or has gone quiet as a signal, is then taken in by the
//! incident that was open on the same account or the same shared thing. Whether two are
//! joined depends on their times and on whether they opened, not on what came in first.

use std::collections::BTreeSet;

use super::group::Group;
use super::{Correlated, Correlator, NoticeKind};
use crate::engine::model::{Entry, EntryKind, EventTime, IncidentId, Key, KeyKind, Source, Status};

/// A signal goes along with an incident that opens within this time after it.
const LEAD_IN_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

impl Correlator {
    /// Makes incidents one that are the same story on different days. To be called where some have
    /// opened, were joined, or have gone quiet as signals.
    pub(super) fn join_days(&mut self, out: &mut Correlated) {
        while let Some(id) = self.due_days.pop_first() {
            while let Some((from, into)) = self.same_story(&id) {
                self.join_day(&from, &into, out);
                if from == id {
                    self.due_days.insert(into);
                    break;
                }
            }
        }
    }

    /// Two incidents to be made one, of which one is `id`: which is taken in, and by which.
    fn same_story(&self, id: &IncidentId) -> Option<(IncidentId, IncidentId)> {
        let group = self.groups.get(id)?;
        let keys = self.story_keys(id, group);
        let others: BTreeSet<&IncidentId> =
            keys.iter().filter_map(|key| self.by_key.get(key)).flatten().collect();
        let others = others.into_iter().filter(|other| *other != id);
        let near: Vec<(&IncidentId, &Group)> = others
            .filter_map(|other| Some((other, self.groups.get(other)?)))
            .filter(|(other, theirs)| {
                let apart = group.split_from.as_ref() == Some(*other)
                    || theirs.split_from.as_ref() == Some(id);
                !apart && self.is_one_story(group, theirs) && self.may_share(&keys, group, theirs)
            })
            .collect();
        let near = near.into_iter().map(|(other, _)| other).collect();
        let near = self.without_split(near, |_| false);
        let age = |id: &IncidentId| {
            self.groups.get(id).map(|group| {
                (group.incident.opened.is_none(), group.incident.first_finding, id.clone())
            })
        };
        let other = near.into_iter().min_by_key(|other| age(other))?;
        let (from, into) = if age(id) < age(other) { (other, id) } else { (id, other) };
        Some((from.clone(), into.clone()))
    }

    /// What makes what was found on different days one story: the account, or the subject or block of
    /// ids that many share. An address is somebody else's tomorrow.
    fn story_keys(&self, id: &IncidentId, group: &Group) -> Vec<Key> {
        let kinds = [KeyKind::Actor, KeyKind::Subject, KeyKind::Dataset];
        let keys = group.watched.keys().filter(|key| kinds.contains(&key.kind));
        let leads_here = |key: &&Key| self.by_key.get(*key).is_some_and(|ids| ids.contains(id));
        keys.filter(leads_here).cloned().collect()
    }

    fn is_one_story(&self, a: &Group, b: &Group) -> bool {
        let is_first = a.incident.first_finding <= b.incident.first_finding;
        let (earlier, later) = if is_first { (a, b) } else { (b, a) };
        let goes_on_ms = self.config.goes_on_ms();
        if goes_on_ms == 0 {
            return false;
        }
        let apart_ms = |from: EventTime| later.incident.first_finding.since(from);
        let [opened, also] = [earlier, later].map(|group| group.incident.opened.is_some());
        let ended = |group: &Group| group.is_quiet(self.now(), self.config.quiet_gap_ms());
        match (opened, also) {
            (true, true) => apart_ms(earlier.incident.scored_at) <= goes_on_ms,
            (true, false) => ended(later) && apart_ms(earlier.incident.scored_at) <= goes_on_ms,
            (false, true) => {
                ended(earlier) && apart_ms(earlier.last_finding) <= LEAD_IN_MS.min(goes_on_ms)
            }
            (false, false) => false,
        }
    }

    /// Whether one of the keys that lead to both joins them: an account that several use only does
    /// where both came from one address.
    fn may_share(&self, keys: &[Key], a: &Group, b: &Group) -> bool {
        let leads_to = |key: &&Key| {
            let ids = self.by_key.get(*key);
            ids.is_some_and(|ids| ids.contains(&a.incident.id) && ids.contains(&b.incident.id))
        };
        keys.iter().filter(leads_to).any(|key| {
            !self.is_shared_account(key) || a.incident.sources.iter().any(|ip| b.has_source(ip))
        })
    }

    fn join_day(&mut self, from: &IncidentId, into: &IncidentId, out: &mut Correlated) {
        let (Some(theirs), Some(mine)) = (self.groups.get(from), self.groups.get(into)) else {
            return;
        };
        let Some(opened) = theirs.incident.opened else { return self.take_along(from, into, out) };
        let entry = goes_on_entry(mine, theirs, opened);
        let is_open = [mine, theirs].iter().any(|group| group.incident.status == Status::Open);
        let mut is_told = false;
        for notice in out.notices.iter_mut().filter(|notice| notice.incident == *from) {
            if notice.kind == NoticeKind::Opened {
                notice.kind = NoticeKind::GoesOn;
                is_told = true;
            }
        }
        self.merge(from, into, out);
        let Some(group) = self.groups.get_mut(into) else { return };
        if is_open {
            group.incident.status = Status::Open;
        }
        group.incident.timeline_length += 1;
        let (time, source) = (group.incident.scored_at, entry.source.clone());
        out.entries.push((into.clone(), entry));
        self.settle(into, time, &source, out);
        // What was told of a day by itself is told of the whole.
        if let (true, Some(group)) = (is_told, self.groups.get(into)) {
            let severity = group.incident.severity;
            let ours = out.notices.iter_mut().filter(|n| n.incident == *into);
            for notice in ours.filter(|n| n.kind == NoticeKind::GoesOn) {
                notice.severity = severity;
            }
        }
    }

    /// A signal goes along with an incident: it wakes nobody, and is in the timeline.
    fn take_along(&mut self, from: &IncidentId, into: &IncidentId, out: &mut Correlated) {
        let Some(signal) = self.groups.remove(from) else { return };
        if let Some(group) = self.groups.get_mut(into) {
            group.take_along(signal);
            group.refresh_all();
        }
        self.follow(from, into, out);
        out.change(into);
    }
}

/// Says in the timeline that a story goes on.
fn goes_on_entry(mine: &Group, theirs: &Group, opened: EventTime) -> Entry {
    let id = &theirs.incident.id;
    let short = id.get(..8).unwrap_or_default();
    let hours = theirs.incident.first_finding.since(mine.incident.scored_at) / HOUR_MS;
    let later = match hours {
        ..1 => "within the hour".to_owned(),
        1..48 => format!("{hours} h later"),
        _ => format!("{} days later", hours / 24),
    };
    Entry {
        time: opened,
        kind: EntryKind::Act,
        action: "joined".into(),
        outcome: "goes_on".into(),
        severity: Some(theirs.incident.severity),
        text: format!("goes on {later}: took in incident {short}, at {}", theirs.incident.severity),
        ..Entry::at(Source::Monitor { monitor: format!("joined {id}") })
    }
}
