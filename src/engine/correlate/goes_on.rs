//! A breach that takes days is one story: an account's incident takes in what is found on it within days.
//!
//! Each day's findings are grouped, scored and told by themselves, as if there had been no yesterday.
//! Once they have gone quiet they are taken in by the incident that had opened on the same account or
//! the same shared thing. What is graver than an incident of the same day, or far larger than that of
//! any, stays one of its own: it is what people have to look at. Whether two are joined depends on their times and severities, not on
//! what came in first.

use std::collections::BTreeSet;

use super::entries::severity_entry;
use super::group::Group;
use super::{Correlated, Correlator};
use crate::engine::model::{Entry, EntryKind, EventTime, IncidentId, Key, KeyKind, Source};

/// A signal goes along with an incident that opens within this time after it; and within it, what is
/// graver than the incident before it stays apart.
pub(super) const HALF_DAY_MS: i64 = 43_200_000;
const HOUR_MS: i64 = 3_600_000;
/// So many times the subjects of the incident before it, and so many at least, make an incident of its own.
const FAR_LARGER: u64 = 5;
const LARGE_MIN: u64 = 1_000;
const JOINED: &str = "joined";
const GOES_ON: &str = "goes_on";

impl Correlator {
    /// Makes incidents that have just gone quiet one with those that are the same story on other days.
    pub(super) fn join_days(&mut self, mut quiet: BTreeSet<IncidentId>, out: &mut Correlated) {
        while let Some(id) = quiet.pop_first() {
            while let Some((from, into)) = self.same_story(&id) {
                self.join_day(&from, &into, out);
                if from == id {
                    quiet.insert(into);
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
        let goes_on_ms = self.config.goes_on_ms();
        let ended = |group: &Group| group.is_quiet(self.now(), self.config.quiet_gap_ms());
        if goes_on_ms == 0 || !ended(a) || !ended(b) {
            return false;
        }
        let is_first = a.incident.first_finding <= b.incident.first_finding;
        let (earlier, later) = if is_first { (a, b) } else { (b, a) };
        let apart_ms = |from: EventTime| later.incident.first_finding.since(from);
        let goes_on = || apart_ms(earlier.told_until()) <= goes_on_ms;
        match (earlier.incident.opened, later.incident.opened) {
            (Some(_), Some(_)) => {
                let is_graver = later.incident.severity > earlier.incident.severity;
                let same_day = (0..HALF_DAY_MS).contains(&apart_ms(earlier.incident.scored_at));
                goes_on() && !(is_graver && same_day) && !is_far_larger(earlier, later)
            }
            (Some(_), None) => goes_on(),
            (None, Some(_)) => apart_ms(earlier.last_finding) <= HALF_DAY_MS.min(goes_on_ms),
            (None, None) => false,
        }
    }

    /// Until when an incident is kept at hand for what it may go on with. What has begun by then may
    /// take half a day itself.
    pub(super) fn may_go_on_until(&self, group: &Group) -> EventTime {
        match (self.config.goes_on_ms(), group.incident.opened) {
            (0, _) | (_, None) => EventTime::MIN,
            (goes_on_ms, Some(_)) => group.told_until().plus_ms(goes_on_ms + HALF_DAY_MS),
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
        let Some(theirs) = self.groups.remove(from) else { return };
        let Some(mine) = self.groups.get_mut(into) else { return };
        if let Some(opened) = theirs.incident.opened {
            out.entries.push((into.clone(), goes_on_entry(mine, &theirs, opened)));
            mine.incident.timeline_length += 1;
            mine.went_on = mine.went_on.max(opened);
        }
        if theirs.incident.severity > mine.incident.severity {
            // People were told of it as it happened.
            let (time, source) = (theirs.incident.scored_at, by_monitor(from));
            mine.absorb(theirs);
            let before = mine.settle(time);
            if mine.incident.severity != before {
                let entry = severity_entry(&mine.incident, before, time, source);
                mine.incident.timeline_length += 1;
                out.entries.push((into.clone(), entry));
            }
        } else {
            mine.take_along(theirs);
            mine.refresh_all();
        }
        self.follow(from, into, out);
        out.change(into);
    }
}

/// A dump is no further day of what was read by the dozen.
fn is_far_larger(earlier: &Group, later: &Group) -> bool {
    let [before, after] = [earlier, later].map(|group| group.scope.subjects());
    after >= LARGE_MIN && after >= FAR_LARGER * before
}

/// Of an entry that says a story went on: when what it took in had opened.
pub(super) fn went_on(entry: &Entry) -> EventTime {
    let is_told =
        entry.kind == EntryKind::Act && entry.action == JOINED && entry.outcome == GOES_ON;
    if is_told { entry.time } else { EventTime::MIN }
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
        action: JOINED.into(),
        outcome: GOES_ON.into(),
        severity: Some(theirs.incident.severity),
        text: format!("goes on {later}: took in incident {short}, at {}", theirs.incident.severity),
        ..Entry::at(by_monitor(id))
    }
}

fn by_monitor(joined: &IncidentId) -> Source {
    Source::Monitor { monitor: format!("joined {joined}") }
}
