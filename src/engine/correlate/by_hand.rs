//! What people say about grouping: these two are one, this finding does not belong.

use std::collections::BTreeSet;

use super::entries::is_evidence;
use super::group::{Asked, Group, key_of};
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
    /// about goes along, and what he did on its day where the rest is about other days. None where the finding is not there, or is the only one.
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
        // Of somebody the rest is about too, what he did when only this finding asked for it.
        let asked = |finding: &Finding, time| {
            let Asked { since, until } = self.asked(finding);
            (since..=until).contains(&time)
        };
        let by_itself = |time| asked(first, time) && !rest.iter().any(|other| asked(other, time));
        let goes_along = |entry: &Entry| match entry.kind {
            EntryKind::Finding => entry.finding.as_deref() == Some(finding),
            _ => key_of(entry).filter(|_| is_evidence(entry)).is_some_and(|key| {
                let key = (key.kind.name(), key.value);
                theirs.contains(&key) && (!ours.contains(&key) || by_itself(entry.time))
            }),
        };
        let moved: Vec<usize> =
            (0..entries.len()).filter(|&place| goes_along(&entries[place])).collect();

        let mut left = Group::new(id.clone(), first_left, &self.config);
        let mut split = Group::new(to.clone(), first, &self.config);
        left.take_back(&before, rest.iter().copied());
        taken.iter().for_each(|finding| split.take_finding(finding));
        let mut evidence: Vec<(Key, usize)> = Vec::new();
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| is_evidence(entry)) {
            evidence.extend(key_of(entry).map(|key| (key, place)));
        }
        for (key, place) in &evidence {
            let group = if moved.binary_search(place).is_ok() { &mut split } else { &mut left };
            group.take_entry(key, &entries[*place]);
            group.settles_on_evidence();
        }
        let old = self.groups.get(id)?;
        left.heard = old.heard;
        split.heard = old.heard;
        left.watched.clone_from(&old.watched);
        for key in self.keys(first) {
            split.ask(key, self.asked(first));
        }
        left.split_from.clone_from(&old.split_from);
        left.went_on = old.went_on;
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
        self.readers.forget(id);
        rest.iter().for_each(|finding| self.readers.alert(id, finding));
        self.readers.alert(&to, first);
        for (key, place) in &evidence {
            let home = if moved.binary_search(place).is_ok() { &to } else { id };
            self.readers.take(home, key, &entries[*place]);
        }
        self.unlink(id, first, &rest);
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

    /// Of an incident and the one that was taken out of it, one takes what both could: the one
    /// that has the actor, where only one has; else the older.
    pub(super) fn without_split<'i>(
        &self,
        near: Vec<&'i IncidentId>,
        has_actor: impl Fn(&IncidentId) -> bool,
    ) -> Vec<&'i IncidentId> {
        let origin = |id: &IncidentId| {
            let from = self.groups.get(id).and_then(|group| group.split_from.as_ref());
            from.filter(|from| near.contains(from))
        };
        let stronger = |id: &IncidentId, other: &IncidentId| has_actor(id) && !has_actor(other);
        let yields = |id: &&&IncidentId| {
            let to_origin = origin(id).is_some_and(|from| !stronger(id, from));
            let to_split =
                near.iter().any(|split| origin(split) == Some(**id) && stronger(split, id));
            !(to_origin || to_split)
        };
        near.iter().filter(yields).copied().collect()
    }

    /// What leads to the finding taken out and to none of the rest leads here no longer.
    fn unlink(&mut self, id: &IncidentId, first: &Finding, rest: &[&Finding]) {
        let ours: Vec<Key> = rest.iter().flat_map(|finding| self.keys(finding)).collect();
        for key in self.keys(first).into_iter().filter(|key| !ours.contains(key)) {
            if let Some(ids) = self.by_key.get_mut(&key) {
                ids.retain(|other| other != id);
            }
        }
        if let Some(session) = &first.session
            && rest.iter().all(|finding| finding.session.as_ref() != Some(session))
            && let Some(ids) = self.by_session.get_mut(session)
        {
            ids.retain(|other| other != id);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::correlate::CorrelateConfig;
    use crate::engine::model::{EventTime, KeyKind, Severity, Window};
    use crate::engine::shard::Evidence;

    fn at(minute: i64) -> EventTime {
        EventTime::default().plus_ms(minute * 60_000)
    }

    /// `minute actor address`.
    fn finding(text: &str) -> Finding {
        let [minute, actor, ip] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let time = at(minute.parse().unwrap());
        Finding {
            id: text.replace(' ', "-"),
            time,
            detector: "bulk_read".into(),
            rule: None,
            severity: Severity::High,
            score: 70,
            key: Key { kind: KeyKind::Actor, value: actor.into() },
            actor: Some(actor.into()),
            source_ip: Some(ip.into()),
            session: None,
            dataset: None,
            category: None,
            tier: 2,
            window: Window { start: time, end: time },
            observed: 1.0,
            expected: 0.0,
            unit: "records".into(),
            subjects: 1,
            records: 1,
            bytes: 1,
            attack: vec![],
            why: "read".into(),
            evidence: vec![],
            source: Source::File { file: "f".into(), line: 1 },
            usual: Vec::new(),
            source_actors: 0,
        }
    }

    fn read(actor: &str, line: u64) -> Evidence {
        let entry = Entry {
            time: at(0),
            action: "read".into(),
            outcome: "allowed".into(),
            actor: Some(actor.into()),
            dataset: Some("pnr".into()),
            tier: 2,
            records: 1,
            ..Entry::at(Source::File { file: actor.into(), line })
        };
        let key = Key { kind: KeyKind::Actor, value: actor.into() };
        Evidence { key, entry, alone: false }
    }

    /// What a store would hold beside the correlator.
    #[derive(Default)]
    struct World {
        findings: Vec<(IncidentId, Finding)>,
        entries: Vec<(IncidentId, Entry)>,
        incidents: std::collections::BTreeMap<IncidentId, Incident>,
    }

    impl World {
        fn store(&mut self, correlator: &mut Correlator, mut out: Correlated) {
            correlator.flush(&mut out);
            for (from, into) in &out.merged {
                self.findings
                    .iter_mut()
                    .filter(|(id, _)| id == from)
                    .for_each(|f| f.0 = into.clone());
                self.entries
                    .iter_mut()
                    .filter(|(id, _)| id == from)
                    .for_each(|e| e.0 = into.clone());
                self.incidents.remove(from);
            }
            self.findings.append(&mut out.findings);
            self.entries.append(&mut out.entries);
            for id in out.changed {
                self.incidents.insert(id.clone(), correlator.incident(&id).unwrap().clone());
            }
        }

        fn take(&mut self, correlator: &mut Correlator, text: &str) {
            let mut out = Correlated::default();
            correlator.take_finding(finding(text), &mut out);
            self.store(correlator, out);
        }

        fn show(&mut self, correlator: &mut Correlator, evidence: Evidence) {
            let mut out = Correlated::default();
            correlator.take_evidence(evidence, &mut out);
            self.store(correlator, out);
        }

        fn of(&self, id: &str) -> (Vec<Finding>, Vec<Entry>) {
            let findings = self.findings.iter().filter(|(of, _)| of == id).map(|(_, f)| f.clone());
            let entries = self.entries.iter().filter(|(of, _)| of == id).map(|(_, e)| e.clone());
            (findings.collect(), entries.collect())
        }

        fn split(&mut self, correlator: &mut Correlator, id: &str, finding: &str) -> IncidentId {
            let (findings, entries) = self.of(id);
            let (mut out, to) = (Correlated::default(), split_id(7));
            let id = id.to_owned();
            let divided = correlator
                .split_by_hand(&id, finding, to.clone(), &findings, &entries, &mut out)
                .expect("divided");
            let places: Vec<usize> =
                (0..self.entries.len()).filter(|&place| self.entries[place].0 == id).collect();
            divided.entries.iter().for_each(|&n| self.entries[places[n]].0 = to.clone());
            self.findings
                .iter_mut()
                .filter(|(_, f)| f.id == finding)
                .for_each(|f| f.0 = to.clone());
            self.store(correlator, out);
            to
        }

        /// Everything a restart takes back.
        fn restart(&self, apart: &[(&str, &str)]) -> Correlator {
            let mut correlator = Correlator::new(CorrelateConfig::default());
            correlator.reach(at(30));
            for (id, incident) in &self.incidents {
                let (findings, entries) = self.of(id);
                correlator.restore(incident.clone(), &findings, &entries);
            }
            apart.iter().for_each(|(split, from)| correlator.keep_apart(split, from));
            correlator
        }
    }

    /// Incidents as `actors xfindings records`, in no order but that of their words.
    fn check(correlator: &Correlator, expected: &str) {
        let mut shown: Vec<String> = correlator
            .incidents()
            .map(|i| format!("{} x{} {}", i.actors.join("+"), i.findings.len(), i.records))
            .collect();
        shown.sort();
        assert_eq!(shown.join("; "), expected);
    }

    fn new() -> (Correlator, World) {
        let mut correlator = Correlator::new(CorrelateConfig::default());
        correlator.reach(at(0));
        (correlator, World::default())
    }

    fn id_of(correlator: &Correlator, actor: &str) -> IncidentId {
        let mut with = correlator.incidents().filter(|i| i.actors.contains(&actor.to_owned()));
        with.next().expect(actor).id.clone()
    }

    #[test]
    fn two_become_one_and_take_what_follows() {
        let (mut correlator, mut world) = new();
        world.take(&mut correlator, "0 ann 10.0.0.1");
        world.take(&mut correlator, "1 bob 10.0.0.2");
        world.show(&mut correlator, read("ann", 1));
        world.show(&mut correlator, read("bob", 1));
        check(&correlator, "ann x1 1; bob x1 1");
        let (ann, bob) = (id_of(&correlator, "ann"), id_of(&correlator, "bob"));
        let mut out = Correlated::default();
        assert!(correlator.absorb_by_hand(&bob, &ann, &mut out));
        assert_eq!(out.merged, [(bob.clone(), ann.clone())]);
        world.store(&mut correlator, out);
        check(&correlator, "ann+bob x2 2");
        world.take(&mut correlator, "2 bob 10.0.0.2");
        check(&correlator, "ann+bob x3 2");
        let mut again = Correlated::default();
        assert!(!correlator.absorb_by_hand(&bob, &ann, &mut again), "it is no longer there");
        assert!(!correlator.absorb_by_hand(&ann, &ann, &mut again), "nor itself");
        check(&world.restart(&[]), "ann+bob x3 2");
    }

    #[test]
    fn a_finding_of_somebody_else_takes_his_reads_along() {
        let (mut correlator, mut world) = new();
        world.take(&mut correlator, "0 ann 10.0.0.1");
        world.take(&mut correlator, "1 bob 10.0.0.1");
        world.show(&mut correlator, read("ann", 1));
        world.show(&mut correlator, read("bob", 1));
        world.show(&mut correlator, read("bob", 2));
        check(&correlator, "ann+bob x2 3");
        let from = id_of(&correlator, "ann");
        let to = world.split(&mut correlator, &from, "1-bob-10.0.0.1");
        check(&correlator, "ann x1 1; bob x1 2");
        // They share an address still, and stay apart; so they do after a restart.
        for mut correlator in [world.restart(&[(&to, &from)]), correlator] {
            let mut world = World::default();
            world.take(&mut correlator, "3 bob 10.0.0.1");
            check(&correlator, "ann x1 1; bob x2 2");
            world.take(&mut correlator, "4 ann 10.0.0.1");
            check(&correlator, "ann x2 1; bob x2 2");
            world.take(&mut correlator, "5 cas 10.0.0.1");
            check(&correlator, "ann+cas x3 1; bob x2 2");
        }
    }

    #[test]
    fn a_finding_of_the_same_actor_leaves_his_reads_where_they_are() {
        let (mut correlator, mut world) = new();
        world.take(&mut correlator, "0 ann 10.0.0.1");
        world.take(&mut correlator, "1 ann 10.0.0.1");
        world.show(&mut correlator, read("ann", 1));
        let from = id_of(&correlator, "ann");
        world.split(&mut correlator, &from, "0-ann-10.0.0.1");
        check(&correlator, "ann x1 0; ann x1 1");
        world.show(&mut correlator, read("ann", 2));
        world.take(&mut correlator, "2 ann 10.0.0.1");
        check(&correlator, "ann x1 0; ann x2 2");
    }

    #[test]
    fn the_only_finding_and_a_strange_one_stay() {
        let (mut correlator, mut world) = new();
        world.take(&mut correlator, "0 ann 10.0.0.1");
        let id = id_of(&correlator, "ann");
        let (findings, entries) = world.of(&id);
        for finding in ["0-ann-10.0.0.1", "none"] {
            let mut out = Correlated::default();
            let divided =
                correlator.split_by_hand(&id, finding, split_id(1), &findings, &entries, &mut out);
            assert!(divided.is_none(), "{finding}");
        }
        check(&correlator, "ann x1 0");
    }

    #[test]
    fn what_was_taken_out_can_be_put_back() {
        let (mut correlator, mut world) = new();
        world.take(&mut correlator, "0 ann 10.0.0.1");
        world.take(&mut correlator, "1 bob 10.0.0.1");
        let from = id_of(&correlator, "ann");
        let to = world.split(&mut correlator, &from, "1-bob-10.0.0.1");
        let mut out = Correlated::default();
        assert!(correlator.absorb_by_hand(&to, &from, &mut out));
        world.store(&mut correlator, out);
        check(&correlator, "ann+bob x2 0");
    }
}
