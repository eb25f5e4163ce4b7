//! Accounts that read the same subjects: two that worked off one stolen list are one story.
//!
//! Colleagues on one flight read the same people too, so what counts is only what is far beyond
//! that: both are in an open incident, at least half of all that either has read in it is the same, and where
//! both cited a case a subject does not count.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::{CorrelateConfig, Correlated, Correlator, Scope};
use crate::engine::model::{
    Entry, EntryKind, EventTime, Finding, IncidentId, Key, KeyKind, Source, Status,
};

/// Subjects kept of one reader. Beyond, half of them by their tokens' bits, then a quarter, and so
/// on, the same for every reader: Flajolet, "On adaptive sampling", Computing 43 (1990).
const SAMPLE_MAX: usize = 256;
/// Readers kept; the one known longest goes first.
const READERS_MAX: usize = 5_000;

/// When a subject was first read, and whether a case was cited.
#[derive(Clone, Copy)]
struct First {
    time: EventTime,
    case: bool,
}

/// What one actor, or one address nobody had logged in from, has read in one incident.
struct Reader {
    incident: IncidentId,
    key: Key,
    read: HashMap<u64, First>,
    /// Only tokens that begin with so many zero bits are kept.
    level: u32,
    /// Its first finding: what it had read by then is judged as a whole.
    alerted: Option<EventTime>,
    /// The newest that is known of it. Before its first finding it is not known whole.
    upto: EventTime,
    /// Subjects when it was last compared.
    compared: usize,
}

/// What two readers have in common, when that was most.
struct Common {
    shared: u64,
    /// What each had read by then.
    read: [u64; 2],
    is_exact: bool,
    time: EventTime,
}

/// Who has read whom, of the incidents at hand. Subjects come one by one and in any order between
/// readers: whether two are joined depends on what was read alone, not on what came in first.
pub(super) struct SharedSubjects {
    least: usize,
    share: f64,
    readers: BTreeMap<u32, Reader>,
    next: u32,
    by_place: HashMap<(IncidentId, Key), u32>,
    by_subject: HashMap<u64, SmallVec<[u32; 2]>>,
    /// Readers of whom there is more than when they were last compared.
    due: BTreeSet<u32>,
}

impl SharedSubjects {
    pub fn new(config: &CorrelateConfig) -> Self {
        Self {
            least: config.shared_subjects_min,
            share: config.shared_subjects_share,
            readers: BTreeMap::new(),
            next: 0,
            by_place: HashMap::new(),
            by_subject: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Takes what was read; true where there is so much more that it is worth comparing at once.
    pub fn take(&mut self, incident: &IncidentId, key: &Key, entry: &Entry) -> bool {
        let is_reader = matches!(key.kind, KeyKind::Actor | KeyKind::Source);
        if self.least == 0 || !is_reader {
            return false;
        }
        let reads = !entry.tokens.is_empty() && Scope::is_read(entry);
        let known = self.by_place.get(&(incident.clone(), key.clone())).copied();
        // Whoever has read nothing takes no room.
        let number = match known {
            Some(number) => number,
            None if reads => self.number(incident, key),
            None => return false,
        };
        if let Some(reader) = self.readers.get_mut(&number).filter(|r| r.upto < entry.time) {
            if reader.alerted.is_some_and(|time| reader.upto < time && time <= entry.time) {
                self.due.insert(number);
            }
            reader.upto = entry.time;
        }
        if !reads {
            return false;
        }
        let first = First { time: entry.time, case: entry.case };
        for token in &entry.tokens {
            self.note(number, token.short(), first);
        }
        let Some(reader) = self.readers.get(&number) else { return false };
        let read = reader.read.len();
        reader.is_known() && read >= self.least && read > reader.compared + read / 8
    }

    /// Notes that somebody had a finding. What many share is about none of its actors alone.
    pub fn alert(&mut self, incident: &IncidentId, finding: &Finding) {
        let key = match (&finding.actor, &finding.source_ip, finding.key.kind) {
            (_, _, KeyKind::Subject | KeyKind::Dataset | KeyKind::System) => None,
            (Some(actor), _, _) => Some(Key { kind: KeyKind::Actor, value: actor.clone() }),
            (None, Some(ip), _) => Some(Key { kind: KeyKind::Source, value: ip.clone() }),
            (None, None, _) => None,
        };
        let Some(key) = key.filter(|_| self.least > 0) else { return };
        let number = self.number(incident, &key);
        let Some(reader) = self.readers.get_mut(&number) else { return };
        if reader.alerted.is_none_or(|alerted| finding.time < alerted) {
            reader.alerted = Some(finding.time);
            self.due.insert(number);
        }
    }

    /// An incident has opened: its readers count from now on.
    pub fn opened(&mut self, incident: &IncidentId) {
        let theirs = self.readers.iter().filter(|(_, reader)| reader.incident == *incident);
        self.due.extend(theirs.map(|(number, _)| *number));
    }

    /// An incident was absorbed.
    pub fn follow(&mut self, from: &IncidentId, into: &IncidentId) {
        for number in self.of(from) {
            let Some(reader) = self.remove(number) else { continue };
            let into = self.number(into, &reader.key);
            for (token, first) in reader.read {
                self.note(into, token, first);
            }
            if let Some(mine) = self.readers.get_mut(&into) {
                mine.alerted = match (mine.alerted, reader.alerted) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                mine.upto = mine.upto.max(reader.upto);
            }
            self.due.insert(into);
        }
    }

    pub fn forget(&mut self, incident: &IncidentId) {
        for number in self.of(incident) {
            self.remove(number);
        }
    }

    pub fn forget_all(&mut self, incidents: &BTreeSet<IncidentId>) {
        let theirs = self.readers.iter().filter(|(_, of)| incidents.contains(&of.incident));
        let theirs: Vec<u32> = theirs.map(|(number, _)| *number).collect();
        for number in theirs {
            self.remove(number);
        }
    }

    fn of(&self, incident: &IncidentId) -> Vec<u32> {
        let theirs = self.readers.iter().filter(|(_, reader)| reader.incident == *incident);
        theirs.map(|(number, _)| *number).collect()
    }

    fn number(&mut self, incident: &IncidentId, key: &Key) -> u32 {
        let place = (incident.clone(), key.clone());
        if let Some(number) = self.by_place.get(&place) {
            return *number;
        }
        if self.readers.len() >= READERS_MAX
            && let Some(oldest) = self.readers.keys().next().copied()
        {
            self.remove(oldest);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let reader = Reader {
            incident: incident.clone(),
            key: key.clone(),
            read: HashMap::new(),
            level: 0,
            alerted: None,
            upto: EventTime::MIN,
            compared: 0,
        };
        self.readers.insert(number, reader);
        self.by_place.insert(place, number);
        number
    }

    fn note(&mut self, number: u32, token: u64, first: First) {
        let Some(reader) = self.readers.get_mut(&number) else { return };
        if token.leading_zeros() < reader.level {
            return;
        }
        match reader.read.entry(token) {
            hashbrown::hash_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                match first.time.cmp(&known.time) {
                    std::cmp::Ordering::Less => *known = first,
                    std::cmp::Ordering::Equal => known.case &= first.case,
                    std::cmp::Ordering::Greater => return,
                }
            }
            hashbrown::hash_map::Entry::Vacant(free) => {
                free.insert(first);
                self.by_subject.entry(token).or_default().push(number);
            }
        }
        self.due.insert(number);
        if reader.read.len() > SAMPLE_MAX {
            reader.level += 1;
            let level = reader.level;
            let gone: Vec<u64> =
                reader.read.keys().copied().filter(|token| token.leading_zeros() < level).collect();
            reader.read.retain(|token, _| token.leading_zeros() >= level);
            reader.compared = reader.compared.min(reader.read.len());
            gone.into_iter().for_each(|token| self.unlink(token, number));
        }
    }

    fn unlink(&mut self, token: u64, number: u32) {
        if let Some(readers) = self.by_subject.get_mut(&token) {
            readers.retain(|reader| *reader != number);
            if readers.is_empty() {
                self.by_subject.remove(&token);
            }
        }
    }

    fn remove(&mut self, number: u32) -> Option<Reader> {
        let reader = self.readers.remove(&number)?;
        self.by_place.remove(&(reader.incident.clone(), reader.key.clone()));
        reader.read.keys().for_each(|&token| self.unlink(token, number));
        self.due.remove(&number);
        Some(reader)
    }

    /// Readers of other incidents who share enough with this one by number alone, in order.
    fn candidates(&self, number: u32) -> Vec<u32> {
        let Some(reader) = self.readers.get(&number).filter(|r| r.is_known()) else {
            return Vec::new();
        };
        let mut shared: BTreeMap<u32, usize> = BTreeMap::new();
        for token in reader.read.keys() {
            for other in self.by_subject.get(token).into_iter().flatten() {
                *shared.entry(*other).or_default() += 1;
            }
        }
        let others = shared.into_iter().filter(|&(other, shared)| {
            shared >= self.least
                && self.readers.get(&other).is_some_and(|other| {
                    other.is_known() && other.incident != reader.incident && other.key != reader.key
                })
        });
        others.map(|(other, _)| other).collect()
    }

    /// What two have in common, where that is enough: at some moment of each after its first
    /// finding, the subjects both had read were so many of all that either had.
    fn common(&self, a: &Reader, b: &Reader) -> Option<Common> {
        let level = a.level.max(b.level);
        let (in_order, others) = (a.in_order(level), b.in_order(level));
        let (judged, others_judged) = (a.judged(&in_order), b.judged(&others));
        let places: HashMap<u64, usize> =
            others.iter().enumerate().map(|(place, &(_, token))| (token, place + 1)).collect();
        let mut best: Option<(usize, Reverse<usize>, [usize; 2])> = None;
        // Of what both have read so far, the places in the other's order.
        let mut theirs: Vec<usize> = Vec::new();
        for (place, (_, token)) in in_order.iter().enumerate() {
            let Some(&other) = places.get(token) else { continue };
            let with_case = |reader: &Reader| reader.read.get(token).is_some_and(|r| r.case);
            if with_case(a) && with_case(b) {
                continue;
            }
            theirs.insert(theirs.partition_point(|&known| known < other), other);
            let read = (place + 1).max(judged);
            for (known, &other) in theirs.iter().enumerate() {
                let (shared, other) = (known + 1, other.max(others_judged));
                let enough = shared as f64 >= self.share * read.max(other) as f64;
                if shared >= self.least && enough {
                    best = best.max(Some((shared, Reverse(read + other), [read, other])));
                }
            }
        }
        let (shared, _, [read, other]) = best?;
        let last = |order: &[(EventTime, u64)], count: usize| {
            order.get(count.saturating_sub(1)).map(|(time, _)| *time)
        };
        let times = [last(&in_order, read), last(&others, other), a.alerted, b.alerted];
        // All that is known of either, where it is as true of that.
        let told = |read: usize, known: usize| {
            if shared as f64 >= self.share * known as f64 { known } else { read }
        };
        let (read, other) = (told(read, in_order.len()), told(other, others.len()));
        Some(Common {
            shared: (shared as u64) << level,
            read: [(read as u64) << level, (other as u64) << level],
            is_exact: level == 0,
            time: times.into_iter().flatten().max()?,
        })
    }
}

impl Reader {
    /// Whether it has had a finding, and all it had read by then is at hand.
    fn is_known(&self) -> bool {
        self.alerted.is_some_and(|alerted| alerted <= self.upto)
    }

    /// Subjects as they were first read.
    fn in_order(&self, level: u32) -> Vec<(EventTime, u64)> {
        let kept = self.read.iter().filter(|(token, _)| token.leading_zeros() >= level);
        let mut in_order: Vec<(EventTime, u64)> =
            kept.map(|(token, first)| (first.time, *token)).collect();
        in_order.sort_unstable();
        in_order
    }

    /// How many it had read when it was first found out.
    fn judged(&self, in_order: &[(EventTime, u64)]) -> usize {
        in_order.partition_point(|(time, _)| Some(*time) <= self.alerted)
    }
}

impl Correlator {
    /// Makes incidents one whose readers have read the same.
    pub(super) fn join_readers(&mut self, out: &mut Correlated) {
        while let Some(number) = self.readers.due.pop_first() {
            if let Some(reader) = self.readers.readers.get_mut(&number) {
                reader.compared = reader.read.len();
            }
            for other in self.readers.candidates(number) {
                self.join_reader(number, other, out);
            }
        }
    }

    fn join_reader(&mut self, number: u32, other: u32, out: &mut Correlated) {
        let readers = &self.readers.readers;
        let (Some(a), Some(b)) = (readers.get(&number), readers.get(&other)) else { return };
        let groups = (self.groups.get(&a.incident), self.groups.get(&b.incident));
        let (Some(mine), Some(theirs)) = groups else { return };
        let span_ms = i64::from(self.config.shared_subjects_span_s) * 1_000;
        let near = mine.incident.first_finding <= theirs.last_finding.plus_ms(span_ms)
            && theirs.incident.first_finding <= mine.last_finding.plus_ms(span_ms);
        let opened = mine.incident.opened.is_some() && theirs.incident.opened.is_some();
        let apart = mine.split_from.as_ref() == Some(&b.incident)
            || theirs.split_from.as_ref() == Some(&a.incident);
        if !near || !opened || apart || a.incident == b.incident {
            return;
        }
        let age = |at: &Reader, first: EventTime| (first, at.incident.clone());
        let mine_is_older =
            age(a, mine.incident.first_finding) <= age(b, theirs.incident.first_finding);
        let (older, newer) = if mine_is_older { (a, b) } else { (b, a) };
        let Some(common) = self.readers.common(older, newer) else { return };
        let entry = joined_entry(older, newer, &common);
        let (into, from) = (older.incident.clone(), newer.incident.clone());
        let goes_on = [mine, theirs].iter().any(|group| group.incident.status == Status::Open);
        self.merge(&from, &into, out);
        let Some(group) = self.groups.get_mut(&into) else { return };
        if goes_on {
            group.incident.status = Status::Open;
        }
        group.incident.timeline_length += 1;
        let (time, source) = (group.last_finding, entry.source.clone());
        out.entries.push((into.clone(), entry));
        self.settle(&into, time, &source, out);
    }
}

/// Says in the timeline why two incidents are one.
fn joined_entry(older: &Reader, newer: &Reader, common: &Common) -> Entry {
    let Common { shared, read: [mine, theirs], is_exact, time } = *common;
    let about = if is_exact { "" } else { "about " };
    let (incident, short) = (&newer.incident, newer.incident.get(..8).unwrap_or_default());
    Entry {
        time,
        kind: EntryKind::Act,
        action: "joined".into(),
        outcome: "shared_subjects".into(),
        subjects: u32::try_from(shared).unwrap_or(u32::MAX),
        text: format!(
            "took in incident {short}, since both read the same: {about}{shared} subjects, of {mine} that {} and {theirs} that {} had read",
            older.key.value, newer.key.value
        ),
        ..Entry::at(Source::Monitor { monitor: format!("joined {incident}") })
    }
}
