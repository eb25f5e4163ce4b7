//! The shard itself.

use serde::Deserialize;

use super::duplicates::IdsSaving;
use super::first_reads::FirstReads;
use super::newcomer::take_in;
use super::pulse::Pulse;
use super::saved::{Kept, ShardMark, Writer, save_table};
use super::sharers::{Sharers, SharersSaving};
use super::turns::save_held;
use super::{
    Clock, Duplicates, Evidence, Incoming, Output, Recorder, RecorderConfig, Records, Restoring,
    Settings, StateError, StateSize, Verdict, Watch,
};
use crate::engine::detect::baseline::{Known, Lookups, Peers, PeersSaving, WindowP};
use crate::engine::detect::rules::{GroupState, Groups, Held, HeldSaving, Ticks};
use crate::engine::detect::state::{ActorState, Saving, SourceState, Table, cut};
use crate::engine::detect::{Exceptions, Judged, Mode, RuleBooks, RuleCounts, RuleScratch, Stream};
use crate::engine::enrich::Facts;
use crate::engine::model::{EventTime, Finding, Key, KeyKind, Outcome, Problems, Severity};

/// `[state]`: how much a shard remembers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShardConfig {
    /// Actors remembered; the idlest and least risky are forgotten first and counted.
    pub actors_max: usize,
    /// Source addresses remembered, likewise.
    pub sources_max: usize,
    /// Groups of correlation rules remembered, likewise.
    pub groups_max: usize,
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
            groups_max: 1_000_000,
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
            ("state.groups_max", self.groups_max),
            ("state.ids_max", self.ids_max),
        ] {
            problems.require((1..=100_000_000).contains(&value), key, || {
                format!("must be 1 to 100000000 entries, got {value}")
            });
        }
    }
}

/// One partition's engine.
pub struct Shard {
    pub(super) streams: Vec<Stream>,
    pub(super) clock: Clock,
    pub(super) duplicates: Duplicates,
    pub(super) sharers: Sharers,
    pulse: Pulse,
    pub(super) recorder: Recorder,
    first_reads: FirstReads,
    pub(super) actors: Table<ActorState>,
    pub(super) sources: Table<SourceState>,
    pub(super) groups: Table<GroupState>,
    pub(super) held: Held,
    pub(super) peers: Peers,
    pub(super) rules: RuleScratch,
    /// Keys saved by an earlier version, to be withdrawn with the next save.
    stale: Vec<Vec<u8>>,
}

impl Shard {
    /// `streams` names what the events' origins count: usually one partition, or the files of a
    /// replay.
    pub fn new(streams: Vec<Stream>, config: &ShardConfig) -> Self {
        Self {
            streams,
            clock: Clock::default(),
            duplicates: Duplicates::new(config.ids_max),
            sharers: Sharers::default(),
            pulse: Pulse::default(),
            recorder: Recorder::new(&config.recorder),
            first_reads: FirstReads::default(),
            actors: Table::new(config.actors_max),
            sources: Table::new(config.sources_max),
            groups: Table::new(config.groups_max),
            held: Held::default(),
            peers: Peers::default(),
            rules: RuleScratch::default(),
            stale: Vec::new(),
        }
    }

    /// Judges one event of which `facts` are known: see [`Shard::look_ahead`].
    pub fn judge_known(
        &mut self,
        incoming: &Incoming<'_>,
        facts: &Facts<'_>,
        settings: &Settings,
        out: &mut Output,
    ) -> Verdict {
        let event = incoming.event;
        if let Some(arrived) = incoming.broker_time {
            self.pulse.take(event.system.as_deref(), arrived);
        }
        let seed = settings.enricher.pseudonyms.event_id_seed();
        if event.id.as_deref().is_some_and(|id| self.duplicates.is_repeat(id, seed)) {
            return Verdict::Duplicate;
        }
        let ahead_ms = i64::from(settings.time.ahead_max_s) * 1_000;
        let mut at = incoming.bounded_by_broker(ahead_ms);
        let late = self.clock.take(at, i64::from(settings.time.allowed_lateness_s) * 1_000);
        self.take_turns(settings, out);
        if !incoming.is_of_now() {
            at = self.clock.bounded(at, ahead_ms);
        }
        let judged =
            Judged { event, facts, at, late, origin: incoming.origin, streams: &self.streams };
        let found_before = out.findings.len();
        let mut groups = Groups {
            table: &mut self.groups,
            at,
            watermark: self.clock.watermark(),
            lateness_ms: settings.time.allowed_lateness_s.saturating_mul(1_000),
            seed,
            held: Some(&mut self.held),
        };
        if settings.suite.is_ruled_anew(&judged, &self.peers) {
            settings.suite.rule(&mut self.peers, &mut self.actors);
        }
        let head = match event.actor_id().filter(|_| event.flow.is_none()).map(cut) {
            Some(actor) => {
                if let Some(ip) = event.source_ip().filter(|_| event.outcome == Outcome::Allowed) {
                    let now = self.clock.watermark().unwrap_or(at);
                    self.sharers.note(actor, ip, now, seed);
                }
                let state = self.actors.entry(actor);
                state.touched = state.touched.max(at);
                state.chain = self.recorder.record(&judged, state.chain);
                take_in(settings, &judged, actor, state, &mut self.peers);
                settings.suite.observe(
                    &judged,
                    &mut state.baseline,
                    &mut self.peers,
                    &mut out.findings,
                );
                let learned = self.peers.lanes.is_learned();
                settings.roster.observe_actor(
                    &judged,
                    state,
                    learned,
                    (&mut self.peers.rules, &mut self.peers.travel),
                    &mut out.findings,
                );
                settings.rules.observe(
                    &judged,
                    incoming.raw,
                    &mut self.rules,
                    RuleBooks {
                        told: &mut state.rules,
                        groups: &mut groups,
                        noise: &mut self.peers.rules,
                    },
                    &mut out.findings,
                );
                let found = &out.findings[found_before..];
                state.risk = state.risk.saturating_add(risk(found));
                if found.iter().any(|finding| finding.severity >= Severity::Medium) {
                    settings.suite.keep_before(&judged, &self.peers, &mut state.baseline);
                }
                if state.watch.follows(at) {
                    state.watch.sent = state.chain;
                    let key = Key { kind: KeyKind::Actor, value: actor.to_owned() };
                    send(&self.recorder, &self.streams, key, &[state.chain], out);
                } else {
                    let recorded = (&self.recorder, state.chain, self.streams.as_slice());
                    self.first_reads.look(actor, recorded, out);
                }
                state.chain
            }
            None => {
                let source = cut(event.source_ip().unwrap_or("unknown"));
                let state = self.sources.entry(source);
                state.touched = state.touched.max(at);
                state.chain = self.recorder.record(&judged, state.chain);
                if let (None, Some(learned)) = (&state.egress.0, &settings.learned) {
                    learned.adopt_source(source, at, state);
                }
                settings.roster.observe_source(
                    &judged,
                    state,
                    &mut self.peers.destinations,
                    &mut out.findings,
                );
                settings.rules.observe(
                    &judged,
                    incoming.raw,
                    &mut self.rules,
                    RuleBooks {
                        told: &mut state.rules,
                        groups: &mut groups,
                        noise: &mut self.peers.rules,
                    },
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
        settings.roster.observe_system(&judged, &mut self.peers.systems, &mut out.findings);
        if let Some(leaving) = self.peers.leaving.as_mut().filter(|leaving| !leaving.is_empty()) {
            out.lookups.append(leaving);
        }
        if let Some(figures) = self.peers.shared.telling.take() {
            out.figures.push(*figures);
        }
        hold_back(settings.rules.exceptions(), found_before, out);
        for finding in &mut out.findings[found_before..] {
            self.recorder.name(finding, head, EventTime::MAX, &self.streams);
            if let Some(ip) = &finding.source_ip {
                finding.source_actors = self.sharers.actors(ip, seed);
            }
        }
        if late { Verdict::Late } else { Verdict::Scored }
    }

    /// From now on subjects are counted in other shards: lookups go out instead of into the count.
    pub fn send_lookups(&mut self) {
        self.peers.leaving.get_or_insert_default();
    }

    /// From now on the shard tells the others its figures as days turn.
    pub fn tell_figures(&mut self) {
        self.peers.tell_figures();
    }

    /// Decides what counts of other shards from the turn of a day on that is to come. To be saved
    /// before another event is judged.
    pub fn offer(&mut self, known: Known) {
        self.peers.offer(known);
    }

    /// Counts what other shards tell of their accounts' lookups; `now` is when the broker got it.
    pub fn gather(&mut self, told: Lookups, now: EventTime, settings: &Settings, out: &mut Output) {
        let found_before = out.findings.len();
        settings.suite.gather(told, now, &mut self.peers, &mut out.findings);
        hold_back(settings.rules.exceptions(), found_before, out);
    }

    /// Has the rules timed, by one event in some. Nothing that is judged rests on it.
    pub fn time_rules_with(&mut self, ticks: Ticks) {
        self.rules.time_with(ticks);
    }

    /// Hands out what the rules did since this was last asked, rule by rule.
    pub fn take_rule_counts(&mut self, of: impl FnMut(&str, RuleCounts)) {
        self.rules.take_counts(of);
    }

    /// Takes an event that was judged before a restart into the flight recorder, and nowhere else.
    pub fn recall(&mut self, incoming: &Incoming<'_>, settings: &Settings) {
        let event = incoming.event;
        let facts = settings.enricher.facts(event);
        let judged = Judged {
            event,
            facts: &facts,
            at: incoming.bounded_by_broker(i64::from(settings.time.ahead_max_s) * 1_000),
            late: false,
            origin: incoming.origin,
            streams: &self.streams,
        };
        let chain = match event.actor_id().filter(|_| event.flow.is_none()) {
            Some(actor) => self.actors.get_mut(actor).map(|state| &mut state.chain),
            None => {
                let source = event.source_ip().unwrap_or("unknown");
                self.sources.get_mut(source).map(|state| &mut state.chain)
            }
        };
        if let Some(chain) = chain {
            *chain = self.recorder.record(&judged, *chain);
        }
    }

    /// Appends what has changed since the last save. Until [`Shard::saved`] or
    /// [`Shard::save_again`] is told what became of it, no other save may begin.
    pub fn save(&mut self, records: &mut Records) -> Result<ShardSaving, StateError> {
        let mut to = Writer::new(records);
        let saving = ShardSaving {
            actors: save_table(&mut self.actors, Kept::Actor, &mut to),
            sources: save_table(&mut self.sources, Kept::Source, &mut to),
            groups: save_table(&mut self.groups, Kept::Group, &mut to),
            ids: self.duplicates.save(|part| to.ids(&part)),
            peers: self.peers.save(&mut to),
            sharers: self.sharers.save(|part| to.sharers(&part)),
            held: save_held(&mut self.held, &mut to),
        };
        to.mark(&ShardMark {
            clock: self.clock.clone(),
            actors: self.actors.mark(),
            sources: self.sources.mark(),
            groups: self.groups.mark(),
            generation: self.duplicates.generation(),
            pulse: self.pulse.clone(),
        });
        self.stale.iter().for_each(|key| to.withdraw_key(key));
        match to.finish() {
            Ok(()) => Ok(saving),
            Err(error) => {
                self.save_again(saving);
                Err(error)
            }
        }
    }

    /// A save has arrived.
    pub fn saved(&mut self, saving: ShardSaving) {
        self.duplicates.saved(saving.ids);
        self.stale.clear();
        self.sharers.saved(saving.sharers);
    }

    /// A save has come to nothing: what it held is part of the next one.
    pub fn save_again(&mut self, saving: ShardSaving) {
        self.actors.save_again(saving.actors);
        self.sources.save_again(saving.sources);
        self.groups.save_again(saving.groups);
        self.peers.save_again(saving.peers);
        self.held.save_again(saving.held);
    }

    /// Takes everything saved back into a shard that has judged nothing yet.
    pub fn restore(&mut self, restoring: Restoring) -> Result<(), StateError> {
        let Some(read) = restoring.read()? else { return Ok(()) };
        self.clock = read.mark.clock;
        let mut before = std::mem::replace(&mut self.peers, read.peers);
        self.peers.take_links(&mut before);
        self.stale = read.stale;
        self.pulse = read.mark.pulse;
        self.duplicates.restore(read.mark.generation, read.ids);
        self.sharers.restore(read.sharers);
        self.actors.restore(read.mark.actors, read.actors);
        self.sources.restore(read.mark.sources, read.sources);
        self.groups.restore(read.mark.groups, read.groups);
        self.held.restore(read.held);
        Ok(())
    }

    /// Sends the recorded past of a key, and from now on what follows, as evidence.
    pub fn watch(&mut self, watch: &Watch, out: &mut Output) {
        if let Some(tier) = watch.first_read {
            let head = self.actors.get_mut(&watch.key.value).map_or(0, |state| state.chain);
            let recorded = (&self.recorder, head, self.streams.as_slice());
            return self.first_reads.take(watch, tier, self.clock.watermark(), recorded, out);
        }
        let (watching, chain) = match watch.key.kind {
            KeyKind::Actor => {
                let state = self.actors.entry(&watch.key.value);
                (&mut state.watch, state.chain)
            }
            KeyKind::Source => {
                let state = self.sources.entry(&watch.key.value);
                (&mut state.watch, state.chain)
            }
            KeyKind::Dataset | KeyKind::Subject | KeyKind::System => return,
        };
        watching.until = watching.until.max(watch.until);
        let mut entries = self.recorder.chain(chain, watching.sent, watch.since);
        // What came long after, as where a backlog is read, is for whoever asks for that.
        let after = |&at: &u64| self.recorder.time(at).is_some_and(|time| time > watch.until);
        match entries.iter().position(after) {
            None => watching.sent = chain,
            Some(asked) => {
                entries.truncate(asked);
                watching.sent = entries.last().copied().unwrap_or(watching.sent);
            }
        }
        send(&self.recorder, &self.streams, watch.key.clone(), &entries, out);
    }

    /// Tells of sources that have fallen silent. `now` is the broker's time; to be called only
    /// when everything that has arrived has been judged.
    pub fn look_for_silence(&mut self, now: EventTime, mode: Mode, out: &mut Output) {
        let told = out.findings.len();
        if let [stream] = self.streams.as_slice() {
            self.pulse.look(now, stream, &mut out.findings);
        }
        if mode == Mode::Off {
            out.findings.truncate(told);
        }
        out.findings[told..].iter_mut().for_each(|finding| mode.shade(finding));
    }

    /// Whether the whole partition has fallen silent.
    pub fn is_silent(&self) -> bool {
        self.pulse.is_silent()
    }

    /// Has every window's probability written down as it ends. Nothing that is judged rests on it.
    pub fn measure(&mut self) {
        self.peers.gauge.begin();
    }

    /// Windows that ended since this was last asked.
    pub fn take_windows(&mut self) -> impl Iterator<Item = WindowP> {
        self.peers.gauge.take()
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
            groups: self.groups.len(),
            held: self.held.len(),
            actor_bytes: self.actors.bytes(),
            source_bytes: self.sources.bytes(),
            group_bytes: self.groups.bytes(),
            recorder_bytes: self.recorder.bytes() + self.duplicates.bytes() + self.sharers.bytes(),
            actors_evicted: self.actors.evicted(),
            sources_evicted: self.sources.evicted(),
            groups_evicted: self.groups.evicted(),
            held_early: self.held.early(),
        }
    }
}

/// What one save of a shard has handed out.
#[derive(Debug)]
pub struct ShardSaving {
    actors: Saving,
    sources: Saving,
    groups: Saving,
    ids: IdsSaving,
    peers: PeersSaving,
    sharers: SharersSaving,
    held: HeldSaving,
}

fn send(recorder: &Recorder, streams: &[Stream], key: Key, entries: &[u64], out: &mut Output) {
    let entries = entries.iter().filter_map(|&at| recorder.entry(at, streams));
    let evidence = entries.map(|entry| Evidence { key: key.clone(), entry, alone: false });
    out.evidence.extend(evidence);
}

/// Takes out what somebody has answered for. Rules have looked at their own by then.
fn hold_back(exceptions: &Exceptions, from: usize, out: &mut Output) {
    if exceptions.list().is_empty() {
        return;
    }
    let mut place = from;
    while let Some(finding) = out.findings.get(place) {
        if finding.rule.is_none() && exceptions.cover(finding, finding.window.end) {
            let held = out.findings.remove(place);
            out.suppressed.push(held.detector);
        } else {
            place += 1;
        }
    }
}

/// Weighs findings for eviction: a notice at informational is no reason to keep an actor.
pub(super) fn risk(findings: &[Finding]) -> u8 {
    findings
        .iter()
        .map(|finding| finding.severity)
        .filter(|&s| s > Severity::Informational)
        .count()
        .min(8) as u8
}
