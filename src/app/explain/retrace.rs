//! Records judged as when they came, until the finding is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::correlate::{Chains, CorrelateConfig, Correlated, Correlator, FactorReads};
use crate::engine::decode::Decoder;
use crate::engine::detect::Exceptions;
use crate::engine::detect::baseline::{Figures, Leaving, Lookups};
use crate::engine::model::{Entry, EventTime, Finding, Key, KeyKind, Origin, Source};
use crate::engine::shard::{Evidence, Incoming, Output, Settings, Shard, Watch};
use crate::engine::timeline::sentence;

/// The detector that tells of what does not come.
const SILENCE: &str = "silent_source";

/// An event the finding names.
#[derive(Clone, Debug)]
pub struct Seen {
    pub id: String,
    /// None where it was not among what was read.
    pub place: Option<Source>,
    pub time: Option<EventTime>,
    /// What a timeline says of it.
    pub text: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Retraced {
    pub records: u64,
    pub rejected: u64,
    /// The finding as it was made this time.
    pub again: Option<Finding>,
    /// The events the recorded finding names, in its order.
    pub events: Vec<Seen>,
}

/// A finding being made again.
pub struct Retrace<'s> {
    recorded: &'s Finding,
    settings: &'s Settings,
    /// Makes chains of findings, where the finding is one.
    correlator: Option<Correlator>,
    /// Places of the events the finding names.
    places: BTreeMap<&'s str, Option<(Source, EventTime)>>,
    story: Vec<Entry>,
    out: Output,
    /// Reads the correlator waits for.
    asked: Vec<Watch>,
    /// What is for other shards.
    lookups: Leaving,
    figures: Vec<Figures>,
    traced: Retraced,
}

impl<'s> Retrace<'s> {
    /// `settings` lose their exceptions: they hide findings and change nothing else.
    pub fn new(
        recorded: &'s Finding,
        settings: &'s mut Settings,
        correlate: &CorrelateConfig,
    ) -> Self {
        // Just loaded, they are nobody else's.
        if let Some(rules) = Arc::get_mut(&mut settings.rules) {
            rules.except(Exceptions::default());
        }
        let is_chain = [Chains::NAME, FactorReads::NAME].contains(&&*recorded.detector);
        Self {
            recorded,
            settings,
            correlator: is_chain.then(|| Correlator::new(correlate.clone())),
            places: recorded.evidence.iter().map(|id| (id.as_str(), None)).collect(),
            story: Vec::new(),
            out: Output::default(),
            asked: Vec::new(),
            lookups: Leaving::default(),
            figures: Vec::new(),
            traced: Retraced::default(),
        }
    }

    pub fn recorded(&self) -> &'s Finding {
        self.recorded
    }

    pub fn is_chain(&self) -> bool {
        self.correlator.is_some()
    }

    /// Judges one record; true once the finding is there.
    pub(super) fn take(
        &mut self,
        shard: &mut Shard,
        decoder: &mut Decoder,
        record: &[u8],
        (origin, place): (Origin, &Source),
        broker_time: Option<EventTime>,
    ) -> bool {
        if self.recorded.detector == SILENCE && broker_time > Some(self.recorded.time) {
            return self.end(shard);
        }
        self.traced.records += 1;
        let event = match decoder.decode(record) {
            Ok(Some(event)) => event,
            Ok(None) => return false,
            Err(_) => {
                self.traced.rejected += 1;
                return false;
            }
        };
        let at_place = place.to_string();
        let id = event.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&at_place);
        for name in [id, at_place.as_str()] {
            self.stands(name, place, event.time);
        }
        let raw = || decoder.raw_value(record).unwrap_or_default();
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time };
        shard.judge(&incoming, self.settings, &mut self.out);
        let found = std::mem::take(&mut self.out.findings);
        self.lookups.append(&mut self.out.lookups);
        self.figures.append(&mut self.out.figures);
        let shown = std::mem::take(&mut self.out.evidence);
        self.out.clear();
        self.look_at_evidence(shown, shard) || found.into_iter().any(|f| self.look(f, shard))
    }

    fn look_at_evidence(&mut self, shown: Vec<Evidence>, shard: &mut Shard) -> bool {
        let is_made = shown.into_iter().any(|evidence| self.take_evidence(evidence));
        if is_made {
            self.recall(shard);
        }
        is_made
    }

    /// What the last record's shard has for others.
    pub(super) fn take_told(&mut self) -> (Leaving, Vec<Figures>) {
        (std::mem::take(&mut self.lookups), std::mem::take(&mut self.figures))
    }

    pub(super) fn settings(&self) -> &Settings {
        self.settings
    }

    /// Counts lookups in `shard`; they were made in `from`. True once the finding is there.
    pub(super) fn gather(
        &mut self,
        (shard, from): (&mut Shard, &mut Shard),
        told: Lookups,
        now: EventTime,
    ) -> bool {
        shard.gather(told, now, self.settings, &mut self.out);
        let found = std::mem::take(&mut self.out.findings);
        self.out.clear();
        found.into_iter().any(|finding| self.look(finding, from))
    }

    /// Everything has been read: tells of silence, where that is what was found.
    pub(super) fn end(&mut self, shard: &mut Shard) -> bool {
        if self.recorded.detector == SILENCE {
            let mode = self.settings.roster.silence;
            shard.look_for_silence(self.recorded.time, mode, &mut self.out);
        }
        shard.let_go(None, self.settings, &mut self.out);
        let found = std::mem::take(&mut self.out.findings);
        found.into_iter().any(|finding| self.look(finding, shard))
    }

    /// A finding a chain may be made of; true once the chain is there.
    pub(super) fn take_finding(&mut self, finding: Finding) -> bool {
        if let Some(trigger) = finding.evidence.last() {
            self.stands(trigger, &finding.source, finding.time);
        }
        let Some(correlator) = &mut self.correlator else { return false };
        let mut correlated = Correlated::default();
        correlator.take_finding(finding, &mut correlated);
        self.asked.extend(correlated.watches.drain(..).filter(|watch| watch.first_read.is_some()));
        self.is_made(correlated)
    }

    /// A read a chain may be made of; true once the chain is there.
    pub(super) fn take_evidence(&mut self, evidence: Evidence) -> bool {
        let Some(correlator) = &mut self.correlator else { return false };
        let mut correlated = Correlated::default();
        correlator.take_evidence(evidence.clone(), &mut correlated);
        self.tell(evidence.entry);
        self.is_made(correlated)
    }

    /// An event as the timeline has it.
    pub(super) fn tell(&mut self, entry: Entry) {
        self.stands(&entry.event_id(), &entry.source, entry.time);
        self.story.push(entry);
    }

    fn stands(&mut self, event: &str, place: &Source, time: EventTime) {
        if let Some(seen) = self.places.get_mut(event).filter(|seen| seen.is_none()) {
            *seen = Some((place.clone(), time));
        }
    }

    fn is_made(&mut self, correlated: Correlated) -> bool {
        let wanted = &self.recorded.id;
        self.traced.again = correlated.chains.into_iter().find(|chain| chain.id == *wanted);
        self.traced.again.is_some()
    }

    pub(super) fn count(&mut self) {
        self.traced.records += 1;
    }

    pub(super) fn reject(&mut self) {
        self.traced.rejected += 1;
    }

    pub fn done(self) -> Retraced {
        let text_of = |place: &Source| {
            let entry = self.story.iter().find(|entry| entry.source == *place);
            entry.map(|entry| sentence(entry, 1))
        };
        let events = self.recorded.evidence.iter().map(|id| {
            let seen = self.places.get(id.as_str()).cloned().flatten();
            Seen {
                id: id.clone(),
                text: seen.as_ref().and_then(|(place, _)| text_of(place)),
                time: seen.as_ref().map(|(_, time)| *time),
                place: seen.map(|(place, _)| place),
            }
        });
        Retraced { events: events.collect(), ..self.traced }
    }

    fn look(&mut self, finding: Finding, shard: &mut Shard) -> bool {
        if self.is_chain() {
            if self.take_finding(finding) {
                self.recall(shard);
                return true;
            }
            for watch in std::mem::take(&mut self.asked) {
                shard.watch(&watch, &mut self.out);
            }
            let shown = std::mem::take(&mut self.out.evidence);
            return self.look_at_evidence(shown, shard);
        }
        if finding.id != self.recorded.id {
            return false;
        }
        // The correlator keeps that number to itself: it is recorded by some and not by others.
        let source_actors = self.recorded.source_actors;
        self.traced.again = Some(Finding { source_actors, ..finding });
        self.recall(shard);
        true
    }

    /// The recorder's own lines say what each event was.
    fn recall(&mut self, shard: &mut Shard) {
        let Some(finding) = &self.traced.again else { return };
        let actor = finding.actor.clone().map(|value| Key { kind: KeyKind::Actor, value });
        let source = finding.source_ip.clone().map(|value| Key { kind: KeyKind::Source, value });
        let earliest = self.places.values().flatten().map(|(_, time)| *time).min();
        let since = earliest.unwrap_or(finding.window.start).min(finding.window.start);
        for key in [Some(finding.key.clone()), actor, source].into_iter().flatten() {
            let watch = Watch { key, since, until: EventTime::MAX, first_read: None };
            shard.watch(&watch, &mut self.out);
        }
        let shown = std::mem::take(&mut self.out.evidence);
        shown.into_iter().for_each(|evidence| self.tell(evidence.entry));
    }
}
