//! The shard itself.

use serde::Deserialize;

use super::{
    Clock, Duplicates, Evidence, Output, Recorder, RecorderConfig, Settings, Verdict, Watch,
};
use crate::engine::detect::baseline::Peers;
use crate::engine::detect::state::{ActorState, SourceState, Table, cut};
use crate::engine::detect::{Judged, RuleScratch, Stream};
use crate::engine::model::{Event, EventTime, Finding, Key, KeyKind, Origin, Problems};

/// `[state]`: how much a shard remembers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShardConfig {
    /// Actors remembered; the idlest and least risky are forgotten first and counted.
    pub actors_max: usize,
    /// Source addresses remembered, likewise.
    pub sources_max: usize,
    /// Event ids remembered against duplicates.
    pub ids_max: usize,
    #[serde(skip)]
    pub recorder: RecorderConfig,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            actors_max: 1_000_000,
            sources_max: 1_000_000,
            ids_max: 131_072,
            recorder: RecorderConfig::default(),
        }
    }
}

impl ShardConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("state.actors_max", self.actors_max),
            ("state.sources_max", self.sources_max),
            ("state.ids_max", self.ids_max),
        ] {
            problems.require((1..=100_000_000).contains(&value), key, || {
                format!("must be 1 to 100000000 entries, got {value}")
            });
        }
    }
}

/// An event as it comes to a shard.
#[derive(Clone, Copy)]
pub struct Incoming<'e> {
    pub event: &'e Event<'e>,
    /// Parses the raw record, should a rule ask for a field only it has.
    pub raw: &'e dyn Fn() -> serde_json::Value,
    pub origin: Origin,
    /// The broker's time of the record, where the stream has one.
    pub broker_time: Option<EventTime>,
}

/// How much a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    pub actors: usize,
    pub sources: usize,
    pub actor_bytes: usize,
    pub source_bytes: usize,
    pub recorder_bytes: usize,
    pub actors_evicted: u64,
    pub sources_evicted: u64,
}

/// Event ids a finding names.
const EVIDENCE_IDS_MAX: usize = 20;

/// One partition's engine.
pub struct Shard {
    streams: Vec<Stream>,
    clock: Clock,
    duplicates: Duplicates,
    recorder: Recorder,
    actors: Table<ActorState>,
    sources: Table<SourceState>,
    peers: Peers,
    rules: RuleScratch,
}

impl Shard {
    /// `streams` names what the events' origins count: usually one partition, or the files of a
    /// replay.
    pub fn new(streams: Vec<Stream>, config: &ShardConfig) -> Self {
        Self {
            streams,
            clock: Clock::default(),
            duplicates: Duplicates::new(config.ids_max),
            recorder: Recorder::new(&config.recorder),
            actors: Table::new(config.actors_max),
            sources: Table::new(config.sources_max),
            peers: Peers::default(),
            rules: RuleScratch::default(),
        }
    }

    /// Judges one event.
    pub fn judge(
        &mut self,
        incoming: &Incoming<'_>,
        settings: &Settings,
        out: &mut Output,
    ) -> Verdict {
        let event = incoming.event;
        if event.id.as_deref().is_some_and(|id| self.duplicates.is_repeat(id)) {
            return Verdict::Duplicate;
        }
        let ahead_ms = i64::from(settings.time.ahead_max_s) * 1_000;
        let at =
            incoming.broker_time.map_or(event.time, |now| event.time.min(now.plus_ms(ahead_ms)));
        let late = self.clock.take(at, i64::from(settings.time.allowed_lateness_s) * 1_000);
        let facts = settings.enricher.facts(event);
        let judged = Judged {
            event,
            facts: &facts,
            at,
            late,
            origin: incoming.origin,
            streams: &self.streams,
        };
        let found_before = out.findings.len();
        let head = match event.actor_id().filter(|_| event.flow.is_none()).map(cut) {
            Some(actor) => {
                let state = self.actors.entry(actor);
                state.touched = state.touched.max(at);
                state.chain = self.recorder.record(&judged, state.chain);
                settings.suite.observe(
                    &judged,
                    &mut state.baseline,
                    &mut self.peers,
                    &mut out.findings,
                );
                let learned = self.peers.lanes.is_learned();
                settings.roster.observe_actor(&judged, state, learned, &mut out.findings);
                settings.rules.observe(
                    &judged,
                    incoming.raw,
                    &mut self.rules,
                    &mut state.rules,
                    &mut self.peers.rules,
                    &mut out.findings,
                );
                state.risk = state.risk.saturating_add(risk(&out.findings[found_before..]));
                if state.watch.follows(at) {
                    state.watch.sent = state.chain;
                    let key = Key { kind: KeyKind::Actor, value: actor.to_owned() };
                    send(&self.recorder, &self.streams, key, &[state.chain], out);
                }
                state.chain
            }
            None => {
                let source = cut(event.source_ip().unwrap_or("unknown"));
                let state = self.sources.entry(source);
                state.touched = state.touched.max(at);
                state.chain = self.recorder.record(&judged, state.chain);
                settings.roster.observe_source(&judged, state, &mut out.findings);
                settings.rules.observe(
                    &judged,
                    incoming.raw,
                    &mut self.rules,
                    &mut state.rules,
                    &mut self.peers.rules,
                    &mut out.findings,
                );
                state.risk = state.risk.saturating_add(risk(&out.findings[found_before..]));
                if state.watch.follows(at) {
                    state.watch.sent = state.chain;
                    let key = Key { kind: KeyKind::Source, value: source.to_owned() };
                    send(&self.recorder, &self.streams, key, &[state.chain], out);
                }
                state.chain
            }
        };
        for finding in &mut out.findings[found_before..] {
            let since = finding.window.start;
            let ids = self.recorder.ids(head, since, EVIDENCE_IDS_MAX, &self.streams);
            if !ids.is_empty() {
                finding.evidence = ids;
            }
        }
        if late { Verdict::Late } else { Verdict::Scored }
    }

    /// Sends the recorded past of a key, and from now on what follows, as evidence.
    pub fn watch(&mut self, watch: &Watch, out: &mut Output) {
        let (watching, chain) = match watch.key.kind {
            KeyKind::Actor => {
                let state = self.actors.entry(&watch.key.value);
                (&mut state.watch, state.chain)
            }
            KeyKind::Source => {
                let state = self.sources.entry(&watch.key.value);
                (&mut state.watch, state.chain)
            }
            KeyKind::Dataset | KeyKind::Subject => return,
        };
        watching.until = watching.until.max(watch.until);
        let entries = self.recorder.chain(chain, watching.sent, watch.since);
        watching.sent = chain;
        send(&self.recorder, &self.streams, watch.key.clone(), &entries, out);
    }

    /// What the shard's actors have in common, and how alerts are calibrated.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    pub fn watermark(&self) -> Option<EventTime> {
        self.clock.watermark()
    }

    /// Walks the tables: for a metric now and then.
    pub fn size(&self) -> StateSize {
        StateSize {
            actors: self.actors.len(),
            sources: self.sources.len(),
            actor_bytes: self.actors.bytes(),
            source_bytes: self.sources.bytes(),
            recorder_bytes: self.recorder.bytes() + self.duplicates.bytes(),
            actors_evicted: self.actors.evicted(),
            sources_evicted: self.sources.evicted(),
        }
    }
}

fn send(recorder: &Recorder, streams: &[Stream], key: Key, entries: &[u64], out: &mut Output) {
    let entries = entries.iter().filter_map(|&at| recorder.entry(at, streams));
    out.evidence.extend(entries.map(|entry| Evidence { key: key.clone(), entry }));
}

/// Weighs findings for eviction: a notice at informational is no reason to keep an actor.
fn risk(findings: &[Finding]) -> u8 {
    use crate::engine::model::Severity;
    findings
        .iter()
        .map(|finding| finding.severity)
        .filter(|&s| s > Severity::Informational)
        .count()
        .min(8) as u8
}
