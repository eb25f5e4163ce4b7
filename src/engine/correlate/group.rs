//! One incident as it is kept at hand: the served shape, and what is needed to grow it.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::goes_on::HALF_DAY_MS;
use super::reached::{Stage, stage};
use super::risk::{self, Best};
use super::scope::Scope;
use super::title::title;
use super::{Chains, CorrelateConfig, FactorReads, Involved};
use crate::engine::model::{
    Entry, EntryKind, EventTime, Finding, Incident, IncidentId, Key, KeyKind, ScoreTerm, Severity,
    Source, Status,
};

/// Finding ids, actors and sources an incident lists; the rest are in the findings themselves.
const LISTED_MAX: usize = 1_000;
/// Spans of one key in which the shards were asked for what it did; the oldest are forgotten.
const SPANS_MAX: usize = 64;
/// Reads an incident takes only because somebody reads on: a service's never end.
const FOLLOWED_MAX: u64 = 20_000;

/// An incident that may still grow.
pub struct Group {
    pub incident: Incident,
    pub last_finding: EventTime,
    /// When the last of those opened that it took in from later days.
    pub went_on: EventTime,
    /// The correlator's own time when the last finding was taken, however old that was.
    pub heard: EventTime,
    pub scope: Scope,
    /// Best finding by detector, of those up to `scored_at`.
    best: BTreeMap<String, Best>,
    /// Of those after it, which came along from other days: they count once it is later than they are.
    best_later: BTreeMap<String, Best>,
    /// The farthest that a finding of at least low speaks of.
    stage: Option<Stage>,
    strongest: Option<Finding>,
    findings_total: u64,
    actors: BTreeSet<String>,
    sources: BTreeSet<String>,
    attack: BTreeSet<String>,
    /// Datasets findings are on, and their categories: known before any evidence has come.
    found_on: BTreeSet<(String, String)>,
    /// Evidence already taken, by key and stream, as the highest position.
    taken: HashMap<(Key, String), u64>,
    /// Pieces of evidence, and at how many of them the score is next looked at.
    evidence: u64,
    settles_at: u64,
    /// What was asked of the shards, by key: spans that do not meet, in their order.
    pub watched: HashMap<Key, Vec<Asked>>,
    /// Who went on reading after what was asked for: until when that is followed.
    followed: HashMap<Key, EventTime>,
    /// Reads that were taken because of that alone.
    followed_reads: u64,
    /// Second factors removed: whose, and when.
    removals: BTreeSet<(String, EventTime)>,
    /// It has gone quiet and was looked at for whose story it belongs to.
    pub is_placed: bool,
    /// The incident somebody took this one out of: what both could take is the other's.
    pub split_from: Option<IncidentId>,
}

/// A span of time in which the shards are asked for what somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub since: EventTime,
    pub until: EventTime,
}

/// What an incident is named after: the same finding in whatever order they arrive. A read that was
/// followed by an outflow is the whole story, whichever half has the higher score.
fn strength(finding: &Finding) -> (bool, u8, EventTime, &str) {
    let is_chain = finding.detector == Chains::NAME;
    (is_chain, finding.score, finding.time, &finding.id)
}

/// Where an entry's chain is kept: by actor, or by source for flows and for nobody's reads.
pub fn key_of(entry: &Entry) -> Option<Key> {
    match (&entry.actor, &entry.source_ip, entry.kind) {
        (_, Some(ip), EntryKind::Flow) | (None, Some(ip), _) => {
            Some(Key { kind: KeyKind::Source, value: ip.clone() })
        }
        (Some(actor), _, _) => Some(Key { kind: KeyKind::Actor, value: actor.clone() }),
        (None, None, _) => None,
    }
}

impl Group {
    pub fn new(id: IncidentId, first: &Finding, config: &CorrelateConfig) -> Self {
        Self {
            incident: Incident {
                id,
                opened: None,
                updated: first.time,
                severity: Severity::Informational,
                score: 0,
                status: Status::Signal,
                title: String::new(),
                why: String::new(),
                actors: Vec::new(),
                sources: Vec::new(),
                datasets: Vec::new(),
                subjects: 0,
                subjects_error: 0.0,
                records: 0,
                bytes: 0,
                first_event: first.time,
                last_event: first.time,
                first_finding: first.time,
                scored_at: first.time,
                attack: Vec::new(),
                findings: Vec::new(),
                timeline_length: 0,
                score_terms: Vec::new(),
                merged_into: None,
            },
            last_finding: first.time,
            went_on: EventTime::MIN,
            heard: EventTime::MIN,
            scope: Scope::new(config.subjects_exact_max),
            best: BTreeMap::new(),
            best_later: BTreeMap::new(),
            stage: None,
            strongest: None,
            findings_total: 0,
            actors: BTreeSet::new(),
            sources: BTreeSet::new(),
            attack: BTreeSet::new(),
            found_on: BTreeSet::new(),
            taken: HashMap::new(),
            evidence: 0,
            settles_at: 1,
            watched: HashMap::new(),
            followed: HashMap::new(),
            followed_reads: 0,
            removals: BTreeSet::new(),
            is_placed: false,
            split_from: None,
        }
    }

    /// Until when it was told of: from then on counts how long it may go on.
    pub fn told_until(&self) -> EventTime {
        self.incident.scored_at.max(self.went_on)
    }

    /// True where `time` lies in the incident's span or within `gap_ms` of it.
    pub fn is_near(&self, time: EventTime, gap_ms: i64) -> bool {
        time >= self.incident.first_finding.minus_ms(gap_ms)
            && time <= self.last_finding.plus_ms(gap_ms)
    }

    /// True where nothing was found for `gap_ms`, neither in event time nor since the correlator
    /// last heard of the incident: a finding on the distant past is news all the same.
    pub fn is_quiet(&self, now: EventTime, gap_ms: i64) -> bool {
        now.since(self.last_finding) > gap_ms && now.since(self.heard) > gap_ms
    }

    /// True of what a removal of this incident's led to, however long after.
    pub fn waits_for(&self, finding: &Finding) -> bool {
        FactorReads::is_told(finding) && {
            let actor = finding.actor.clone().unwrap_or_default();
            self.removals.contains(&(actor, finding.window.start))
        }
    }

    /// Until when something may come that belongs here by itself.
    pub fn waits_until(&self, gap_ms: i64) -> EventTime {
        let last = self.removals.iter().map(|(_, time)| *time).max();
        last.map_or(EventTime::MIN, |time| time.plus_ms(FactorReads::WITHIN_MS + gap_ms))
    }

    pub fn has_source(&self, ip: &String) -> bool {
        self.sources.contains(ip)
    }

    /// What findings alone say it is about, whether or not evidence has come.
    pub fn involved(&self) -> Involved {
        let (datasets, categories): (Vec<_>, BTreeSet<_>) = self.found_on.iter().cloned().unzip();
        Involved {
            detectors: self.best.keys().cloned().collect(),
            datasets,
            categories: categories.into_iter().collect(),
        }
    }

    /// Takes a finding's facts; scores are brought up to date by [`Group::settle`].
    pub fn take_finding(&mut self, finding: &Finding) {
        self.score_as_of(finding.time);
        self.note_finding(finding);
    }

    /// The score is as of `time` at least.
    fn score_as_of(&mut self, time: EventTime) {
        self.incident.scored_at = self.incident.scored_at.max(time);
        for (detector, best) in std::mem::take(&mut self.best_later) {
            self.note_best(detector, best);
        }
    }

    fn note_finding(&mut self, finding: &Finding) {
        let incident = &mut self.incident;
        incident.first_finding = incident.first_finding.min(finding.time);
        incident.first_event = incident.first_event.min(finding.time);
        incident.last_event = incident.last_event.max(finding.time);
        self.last_finding = self.last_finding.max(finding.time);
        self.findings_total += 1;
        self.is_placed = false;
        if incident.status == Status::Quiet {
            incident.status = Status::Open;
        }
        if incident.findings.len() < LISTED_MAX {
            incident.findings.push(finding.id.clone());
        }
        note(&mut self.actors, finding.actor.as_ref());
        note(&mut self.sources, finding.source_ip.as_ref());
        self.attack.extend(finding.attack.iter().map(|id| id.to_string()));
        if let (Some(dataset), Some(category)) = (&finding.dataset, &finding.category)
            && self.found_on.len() < LISTED_MAX
        {
            self.found_on.insert((dataset.clone(), category.clone()));
        }
        self.note_best(finding.detector.to_string(), Best::of(finding));
        self.stage = self.stage.max(stage(std::slice::from_ref(finding)));
        if self.removals.len() < LISTED_MAX {
            self.removals.extend(FactorReads::removal(finding));
        }
        if self.strongest.as_ref().is_none_or(|strongest| strength(finding) > strength(strongest)) {
            self.strongest = Some(finding.clone());
        }
        self.incident.timeline_length += 1;
    }

    /// Takes evidence; false where it was taken before.
    pub fn take_entry(&mut self, key: &Key, entry: &Entry) -> bool {
        if let Some((stream, position)) = place(&entry.source) {
            let highest = self.taken.entry((key.clone(), stream)).or_insert(0);
            if position < *highest {
                return false;
            }
            *highest = position + 1;
        }
        self.scope.take(entry);
        self.evidence += 1;
        self.incident.first_event = self.incident.first_event.min(entry.time);
        self.incident.last_event = self.incident.last_event.max(entry.time);
        self.incident.timeline_length += 1;
        true
    }

    /// True at the first piece of evidence and each time it has grown by an eighth: the score
    /// moves with the logarithm of the scope, so looking at every piece would be waste.
    pub fn settles_on_evidence(&mut self) -> bool {
        let due = self.evidence >= self.settles_at;
        if due {
            self.settles_at = self.evidence + self.evidence / 8 + 1;
        }
        due
    }

    fn note_best(&mut self, detector: String, found: Best) {
        let is_later = found.is_after(self.incident.scored_at);
        let known = if is_later { &mut self.best_later } else { &mut self.best };
        let best = known.get(&detector).map_or(found, |best| best.or(found));
        known.insert(detector, best);
    }

    /// Takes in another's findings and evidence.
    pub fn absorb(&mut self, other: Self) {
        self.score_as_of(other.incident.scored_at);
        self.take_along(other);
    }

    /// Takes in another's of another day, which does not make what was told before it fade.
    pub fn take_along(&mut self, other: Self) {
        self.scope.merge(&other.scope);
        for (detector, best) in other.best.into_iter().chain(other.best_later) {
            self.note_best(detector, best);
        }
        let stronger = match (&self.strongest, &other.strongest) {
            (Some(ours), Some(theirs)) => strength(theirs) > strength(ours),
            (None, Some(_)) => true,
            _ => false,
        };
        if stronger {
            self.strongest = other.strongest;
        }
        self.stage = self.stage.max(other.stage);
        self.findings_total += other.findings_total;
        self.actors.extend(other.actors);
        self.sources.extend(other.sources);
        self.attack.extend(other.attack);
        self.found_on.extend(other.found_on);
        for (place, position) in other.taken {
            let highest = self.taken.entry(place).or_insert(0);
            *highest = position.max(*highest);
        }
        self.evidence += other.evidence;
        self.followed_reads += other.followed_reads;
        for (key, until) in other.followed {
            let known = self.followed.entry(key).or_insert(until);
            *known = until.max(*known);
        }
        for (key, spans) in other.watched {
            spans.into_iter().for_each(|asked| self.ask(key.clone(), asked));
        }
        self.removals.extend(other.removals);
        self.went_on = self.went_on.max(other.went_on);
        self.is_placed &= other.is_placed;
        let (ours, theirs) = (&mut self.incident, other.incident);
        ours.findings.extend(theirs.findings);
        ours.findings.truncate(LISTED_MAX);
        ours.timeline_length += theirs.timeline_length;
        ours.first_event = ours.first_event.min(theirs.first_event);
        ours.last_event = ours.last_event.max(theirs.last_event);
        ours.first_finding = ours.first_finding.min(theirs.first_finding);
        ours.opened = match (ours.opened, theirs.opened) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_finding = self.last_finding.max(other.last_finding);
        self.heard = self.heard.max(other.heard);
    }

    /// Brings score, severity, scope and words up to date as of `time`; the severity before.
    pub fn settle(&mut self, time: EventTime) -> Severity {
        let before = self.incident.severity;
        let (score, severity, terms) = self.score();
        let incident = &mut self.incident;
        incident.updated = incident.updated.max(time);
        incident.score = score;
        incident.severity = severity;
        incident.score_terms = terms;
        self.refresh_words();
        let incident = &mut self.incident;
        if incident.opened.is_none() && severity >= Severity::Medium {
            incident.opened = Some(time);
        }
        // Evidence alone does not wake an incident that has gone quiet.
        if incident.status != Status::Quiet {
            incident.status = if incident.opened.is_some() { Status::Open } else { Status::Signal };
        }
        self.refresh_scope();
        before
    }

    fn refresh_words(&mut self) {
        let incident = &mut self.incident;
        incident.actors = self.actors.iter().take(LISTED_MAX).cloned().collect();
        incident.sources = self.sources.iter().take(LISTED_MAX).cloned().collect();
        incident.attack = self.attack.iter().cloned().collect();
        if let Some(strongest) = &self.strongest {
            incident.title = title(strongest);
            let others = self.findings_total - 1;
            incident.why = match others {
                0 => strongest.why.clone(),
                1 => format!("{}; and 1 more finding", strongest.why),
                _ => format!("{}; and {others} more findings", strongest.why),
            };
            let days = self.last_finding.since(incident.first_finding) / (2 * HALF_DAY_MS);
            if days > 0 {
                incident.why += &format!(" within {} days", days + 1);
            }
        }
    }

    fn score(&self) -> (u8, Severity, Vec<ScoreTerm>) {
        risk::score(&self.best, self.incident.scored_at, &self.scope, self.stage)
    }

    /// Takes back the findings of an incident that was stored, oldest first.
    pub fn take_back<'f, I: Iterator<Item = &'f Finding> + Clone>(
        &mut self,
        incident: &Incident,
        findings: I,
    ) {
        // Those stored before it was kept were scored as of their last finding.
        let last = findings.clone().map(|finding| finding.time).max();
        let kept = Some(incident.scored_at).filter(|&time| time > EventTime::default());
        self.score_as_of(kept.or(last).unwrap_or(incident.scored_at));
        findings.for_each(|finding| self.note_finding(finding));
    }

    /// Goes on from how the incident was stored, once its findings and evidence are taken.
    pub fn resume(&mut self, incident: Incident) {
        let scored_at = self.incident.scored_at;
        self.incident = incident;
        self.incident.scored_at = scored_at;
    }

    /// Notes what is asked of the shards about a key.
    pub fn ask(&mut self, key: Key, asked: Asked) {
        let spans = self.watched.entry(key).or_default();
        let (meet, mut apart): (Vec<Asked>, Vec<Asked>) =
            spans.iter().partition(|span| span.since <= asked.until && asked.since <= span.until);
        let whole = meet.into_iter().fold(asked, |whole, span| Asked {
            since: whole.since.min(span.since),
            until: whole.until.max(span.until),
        });
        let place = apart.partition_point(|span| span.since < whole.since);
        apart.insert(place, whole);
        if apart.len() > SPANS_MAX {
            apart.remove(0);
        }
        *spans = apart;
    }

    /// Somebody reads on: for as long as the pauses are shorter than the quiet gap, and for half a day at
    /// most, what an open incident is about is what was read, and not only what was found. Until when
    /// the shards are to be asked for that, where it is worth asking.
    pub fn follow(&mut self, key: &Key, entry: &Entry, gap_ms: i64) -> Option<EventTime> {
        if self.incident.opened.is_none() || !Scope::is_read(entry) {
            return None;
        }
        let (asked, known) = self.heard_until(key)?;
        if entry.time > known {
            return None;
        }
        self.followed_reads += u64::from(entry.time > asked);
        let last = self.last_finding.plus_ms(HALF_DAY_MS);
        let until = entry.time.plus_ms(gap_ms).min(last);
        if until.since(known) < gap_ms / 2 || self.followed_reads >= FOLLOWED_MAX {
            return None;
        }
        self.followed.insert(key.clone(), until);
        Some(until)
    }

    /// Until when what is done by `key` was asked for, and until when it is evidence.
    fn heard_until(&self, key: &Key) -> Option<(EventTime, EventTime)> {
        let asked = self.watched.get(key)?.last()?.until;
        Some((asked, self.followed.get(key).map_or(asked, |&until| until.max(asked))))
    }

    /// Until when what is done by `key` is evidence, whether it was asked for or is followed.
    pub fn followed_until(&self, key: &Key) -> Option<EventTime> {
        self.heard_until(key).map(|(_, until)| until)
    }

    /// Whether it is what somebody read on.
    pub fn follows(&self, key: &Key, time: EventTime) -> bool {
        self.heard_until(key).is_some_and(|(asked, until)| asked < time && time <= until)
    }

    /// Whether the shards were asked for what was done by `key` at that time.
    pub fn asked_for(&self, key: &Key, time: EventTime) -> bool {
        let mut spans = self.watched.get(key).into_iter().flatten();
        spans.any(|asked| (asked.since..=asked.until).contains(&time))
    }

    /// Brings the scope's numbers up to date, and the score's terms with them. A severity that
    /// would change waits for [`Group::settle`], which says when it did.
    pub fn refresh(&mut self) {
        let (score, severity, terms) = self.score();
        if severity == self.incident.severity {
            self.incident.score = score;
            self.incident.score_terms = terms;
        }
        self.refresh_scope();
    }

    /// The same after another day's has come along: what it adds to the words, and never to the severity.
    pub fn refresh_all(&mut self) {
        self.refresh_words();
        self.refresh();
    }

    fn refresh_scope(&mut self) {
        let (incident, scope) = (&mut self.incident, &self.scope);
        incident.updated = incident.updated.max(incident.last_event);
        incident.datasets = scope.datasets();
        incident.subjects = scope.subjects();
        incident.subjects_error = scope.subjects_error();
        incident.records = scope.records;
        incident.bytes = scope.bytes;
    }
}

fn note(set: &mut BTreeSet<String>, value: Option<&String>) {
    if let Some(value) = value.filter(|v| set.len() < LISTED_MAX && !set.contains(*v)) {
        set.insert(value.clone());
    }
}

fn place(source: &Source) -> Option<(String, u64)> {
    match source {
        Source::Kafka { topic, partition, offset } => {
            Some((format!("{topic}/{partition}"), *offset))
        }
        Source::File { file, line } => Some((file.clone(), *line)),
        Source::Monitor { .. } => None,
    }
}
