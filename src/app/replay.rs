//! The engine over files, without Kafka: same shard, same correlator, same findings.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::adapters::files::{FileError, Merge};
use crate::engine::correlate::{CorrelateConfig, Correlated, Correlator};
use crate::engine::decode::Decoder;
use crate::engine::detect::Stream;
use crate::engine::detect::baseline::WindowP;
use crate::engine::enrich::Facts;
use crate::engine::model::{Event, EventTime, Finding, Incident, IncidentId, Origin, Severity};
use crate::engine::shard::{
    AHEAD, Incoming, LearnedError, Output, Settings, Shard, ShardConfig, Verdict, read_ahead,
};

/// What became of the records. `replay --summary` writes it as it stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub records: u64,
    pub scored: u64,
    pub late: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub rejected_by_reason: BTreeMap<String, u64>,
    pub findings_by_detector: BTreeMap<String, u64>,
    /// Incidents that reached medium, by their severity at the end.
    pub incidents_by_severity: BTreeMap<String, u64>,
    /// Numbers that were negative or absurd and were brought into range.
    #[serde(skip)]
    pub saturated: u64,
    pub seconds: f64,
    pub events_per_second: f64,
    pub peak_rss_bytes: u64,
    /// How much the engine held at the end.
    #[serde(skip)]
    pub actors: usize,
    #[serde(skip)]
    pub state_bytes: usize,
}

/// Who is told while a replay runs.
pub trait Listener {
    /// A finding, in the order they are made.
    fn finding(&mut self, _finding: &Finding) -> std::io::Result<()> {
        Ok(())
    }
    /// What changed in the correlator after one record: entries, findings, incidents.
    fn correlated(&mut self, _correlator: &Correlator, _out: &Correlated) -> std::io::Result<()> {
        Ok(())
    }
    /// A window of the actor's has ended; only where [`Replay::measure`] has been asked.
    fn window(&mut self, _actor: &str, _role: &str, _window: &WindowP) {}
    /// A file could not be read to its end. What stood before is judged; the rest counts as one
    /// rejected record.
    fn unreadable(&mut self, _error: &FileError) {}
    /// Called now and then with the records read so far.
    fn progress(&mut self, _records: u64) {}
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
}

/// Reason of what is missing of a file that cannot be read to its end.
const UNREADABLE: &str = "unreadable";
/// Records between two calls of `Listener::progress`.
const PROGRESS_RECORDS: u64 = 4_096;
/// Event time that passes at most until incidents are looked at for having gone quiet.
const LOOK_MS: i64 = 600_000;

/// One line of one file.
#[derive(Clone, Copy, Debug)]
pub struct Line<'l> {
    pub file: usize,
    /// From 1.
    pub number: u64,
    pub text: &'l [u8],
}

/// Lines read and not taken yet, in buffers that are used again.
#[derive(Default)]
struct Held {
    lines: Vec<(usize, u64, Vec<u8>)>,
    held: usize,
}

impl Held {
    fn push(&mut self, file: usize, number: u64, text: &[u8]) {
        if self.lines.len() == self.held {
            self.lines.push(Default::default());
        }
        if let Some(line) = self.lines.get_mut(self.held) {
            (line.0, line.1) = (file, number);
            line.2.clear();
            line.2.extend_from_slice(text);
            self.held += 1;
        }
    }

    fn borrowed(&self) -> Vec<Line<'_>> {
        let held = self.lines.iter().take(self.held);
        held.map(|(file, number, text)| Line { file: *file, number: *number, text }).collect()
    }
}

/// A replay from start to end.
pub struct Replay {
    shard: Shard,
    decoders: Vec<Decoder>,
    correlator: Correlator,
    out: Output,
    correlated: Correlated,
    /// Event time at which incidents were last looked at.
    looked_at: EventTime,
    /// Incidents absorbed or no longer at hand, as they last were.
    settled: BTreeMap<IncidentId, Incident>,
    worst: Option<Severity>,
    measures: bool,
    pub summary: Summary,
}

impl Replay {
    /// `files` are names and decoders in the order [`Merge`] counts them.
    pub fn new(
        files: Vec<(String, Decoder)>,
        shard: &ShardConfig,
        correlate: CorrelateConfig,
    ) -> Self {
        let (names, decoders): (Vec<String>, Vec<Decoder>) = files.into_iter().unzip();
        let streams = names.into_iter().map(|name| Stream::File { name }).collect();
        Self {
            shard: Shard::new(streams, shard),
            decoders,
            correlator: Correlator::new(correlate),
            out: Output::default(),
            correlated: Correlated::default(),
            looked_at: EventTime::MIN,
            settled: BTreeMap::new(),
            worst: None,
            measures: false,
            summary: Summary::default(),
        }
    }

    /// From now on the listener is told of windows as they end.
    pub fn measure(&mut self) {
        self.measures = true;
        self.shard.measure();
    }

    /// Before the first record: begins with what was learned from history, where the settings
    /// have it.
    pub fn begin_with(&mut self, settings: &Settings) -> Result<(), LearnedError> {
        let seed = settings.enricher.pseudonyms.event_id_seed();
        match &settings.learned {
            Some(learned) => self.shard.begin_with(learned, 1, seed),
            None => Ok(()),
        }
    }

    /// Reads all of `merge`.
    pub fn run(
        &mut self,
        merge: &mut Merge,
        settings: &Settings,
        listener: &mut dyn Listener,
    ) -> Result<(), ReplayError> {
        let started = Instant::now();
        let mut lines = Held::default();
        loop {
            match merge.advance() {
                Ok(Some(place)) => {
                    let (file, number) = (place.file, place.line);
                    lines.push(file, number, merge.line());
                    if lines.held < AHEAD {
                        continue;
                    }
                    self.take_all(&lines.borrowed(), settings, listener)?;
                    lines.held = 0;
                }
                Ok(None) => break,
                Err(error) => {
                    self.take_all(&lines.borrowed(), settings, listener)?;
                    lines.held = 0;
                    self.reject(UNREADABLE);
                    listener.unreadable(&error);
                }
            }
        }
        self.take_all(&lines.borrowed(), settings, listener)?;
        self.end(settings, listener)?;
        self.finish(started);
        Ok(())
    }

    /// Takes one line of one file.
    pub fn take(
        &mut self,
        file: usize,
        number: u64,
        line: &[u8],
        settings: &Settings,
        listener: &mut dyn Listener,
    ) -> Result<(), ReplayError> {
        self.take_all(&[Line { file, number, text: line }], settings, listener)
    }

    /// Takes lines in their order, looking ahead at some at a time.
    pub fn take_all(
        &mut self,
        mut lines: &[Line<'_>],
        settings: &Settings,
        listener: &mut dyn Listener,
    ) -> Result<(), ReplayError> {
        while !lines.is_empty() {
            let (now, later) = lines.split_at(read_ahead(lines.iter().map(|line| line.text)));
            lines = later;
            let mut decoded = Vec::with_capacity(now.len());
            decoded.extend(now.iter().map(|line| self.decoders[line.file].decode(line.text)));
            let events = decoded.iter().filter_map(|decoded| decoded.as_ref().ok()?.as_ref());
            let mut facts = self.shard.look_ahead(events, settings).into_iter();
            for (line, decoded) in now.iter().zip(&decoded) {
                match decoded {
                    Ok(Some(event)) => {
                        let Some(facts) = facts.next() else { continue };
                        self.judge(line, event, &facts, settings, listener)?;
                    }
                    Ok(None) => {}
                    Err(refusal) => self.reject(refusal.label()),
                }
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        line: &Line<'_>,
        event: &Event<'_>,
        facts: &Facts<'_>,
        settings: &Settings,
        listener: &mut dyn Listener,
    ) -> Result<(), ReplayError> {
        self.summary.records += 1;
        self.summary.saturated += u64::from(event.saturated);
        let decoder = &self.decoders[line.file];
        let raw = || decoder.raw_value(line.text).unwrap_or_default();
        let incoming = Incoming {
            event,
            raw: &raw,
            origin: Origin { stream: line.file as u16, position: line.number },
            broker_time: None,
        };
        match self.shard.judge_known(&incoming, facts, settings, &mut self.out) {
            Verdict::Scored => self.summary.scored += 1,
            Verdict::Late => self.summary.late += 1,
            Verdict::Duplicate => self.summary.duplicate += 1,
        }
        if let (true, Some(actor)) = (self.measures, event.actor_id()) {
            let role = event.actor.role.as_deref().unwrap_or_default();
            self.shard.take_windows().for_each(|window| listener.window(actor, role, &window));
        }
        if !self.out.is_empty() {
            self.correlate(listener)?;
        }
        let is_due =
            self.shard.watermark().is_some_and(|mark| mark.since(self.looked_at) >= LOOK_MS);
        if is_due || self.summary.records.is_multiple_of(PROGRESS_RECORDS) {
            self.tick(listener)?;
        }
        Ok(())
    }

    fn reject(&mut self, reason: &str) {
        self.summary.records += 1;
        self.summary.rejected += 1;
        *self.summary.rejected_by_reason.entry(reason.into()).or_default() += 1;
    }

    /// Nothing more is to come: has shard and correlator say what they still hold back. For whoever
    /// calls [`Self::take`].
    pub fn end(
        &mut self,
        settings: &Settings,
        listener: &mut dyn Listener,
    ) -> Result<(), ReplayError> {
        self.shard.let_go(None, settings, &mut self.out);
        if !self.out.is_empty() {
            self.correlate(listener)?;
        }
        self.tick(listener)
    }

    /// Incidents that reached medium, in the order they opened.
    pub fn incidents(&self) -> Vec<&Incident> {
        let mut opened: Vec<&Incident> = self
            .settled
            .values()
            .chain(self.correlator.incidents())
            .filter(|incident| incident.opened.is_some() && incident.merged_into.is_none())
            .collect();
        opened.sort_by_key(|incident| (incident.opened, &incident.id));
        opened
    }

    /// The worst severity among the findings told.
    pub fn worst_finding(&self) -> Option<Severity> {
        self.worst
    }

    /// Hands the shard's output to the correlator, and its requests back to the shard, until
    /// neither has more to say.
    fn correlate(&mut self, listener: &mut dyn Listener) -> Result<(), ReplayError> {
        if let Some(mark) = self.shard.watermark() {
            self.correlator.reach(mark);
        }
        while !self.out.is_empty() {
            for finding in self.out.findings.drain(..) {
                self.correlator.take_finding(finding, &mut self.correlated);
            }
            for evidence in self.out.evidence.drain(..) {
                self.correlator.take_evidence(evidence, &mut self.correlated);
            }
            for watch in std::mem::take(&mut self.correlated.watches) {
                self.shard.watch(&watch, &mut self.out);
            }
        }
        for (_, finding) in &self.correlated.findings {
            self.worst = self.worst.max(Some(finding.severity));
            *self.summary.findings_by_detector.entry(finding.detector.to_string()).or_default() +=
                1;
            listener.finding(finding)?;
        }
        self.hand_on(listener)
    }

    /// Lets time pass in the correlator, and keeps what it lets go.
    fn tick(&mut self, listener: &mut dyn Listener) -> Result<(), ReplayError> {
        self.correlator.flush(&mut self.correlated);
        if let Some(mark) = self.shard.watermark() {
            self.looked_at = mark;
            self.correlator.advance(mark, &mut self.correlated);
        }
        self.hand_on(listener)?;
        listener.progress(self.summary.records);
        Ok(())
    }

    fn hand_on(&mut self, listener: &mut dyn Listener) -> Result<(), ReplayError> {
        listener.correlated(&self.correlator, &self.correlated)?;
        for (absorbed, _) in &self.correlated.merged {
            self.settled.remove(absorbed);
        }
        for incident in self.correlated.let_go.drain(..) {
            self.settled.insert(incident.id.clone(), incident);
        }
        self.correlated.clear();
        Ok(())
    }

    fn finish(&mut self, started: Instant) {
        let size = self.shard.size();
        let summary = &mut self.summary;
        summary.actors = size.actors;
        summary.state_bytes = size.actor_bytes + size.source_bytes;
        summary.seconds = started.elapsed().as_secs_f64();
        let per_second = summary.records as f64 / summary.seconds.max(1e-9);
        summary.events_per_second = (per_second * 10.0).round() / 10.0;
        summary.peak_rss_bytes = crate::adapters::telemetry::peak_rss_bytes().unwrap_or(0);
        let by_severity: Vec<Severity> = self.incidents().iter().map(|i| i.severity).collect();
        for severity in by_severity {
            *self.summary.incidents_by_severity.entry(severity.name().into()).or_default() += 1;
        }
    }
}
