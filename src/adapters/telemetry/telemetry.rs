//! The one place where counts are handed in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::figures::{Figures, ReloadedFile};
use super::stats::HourStats;
use super::topic::Categories;
use super::{OTHER, TopicTelemetry, locked};
use crate::engine::model::{EventTime, Finding, Severity};
use crate::engine::shard::StateSize;

/// The wall clock, for stats and logs; never for judging events.
pub fn now() -> EventTime {
    EventTime::from_millis(jiff::Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// All of the monitor's own figures.
pub struct Telemetry {
    pub(super) topics: BTreeMap<String, Arc<TopicTelemetry>>,
    /// Counts of a topic that was not named beforehand.
    pub(super) other: Arc<TopicTelemetry>,
    /// Counts of a topic of ours that is read as inputs are: it is in the account, and no input.
    own: Option<Arc<TopicTelemetry>>,
    pub(super) categories: Arc<Categories>,
    figures: Mutex<Figures>,
    pub(super) origin: Instant,
    pub(super) started: EventTime,
}

impl Telemetry {
    /// `topics` and `categories` are the label sets; anything else is counted as `other`.
    pub fn new(topics: &[String], categories: impl IntoIterator<Item = String>) -> Arc<Self> {
        Self::with_own(topics, None, categories)
    }

    /// `own` is a topic of ours that is read as `topics` are.
    pub fn with_own(
        topics: &[String],
        own: Option<&str>,
        categories: impl IntoIterator<Item = String>,
    ) -> Arc<Self> {
        let origin = Instant::now();
        let categories = Arc::new(Categories::new(categories));
        let topic = |name: &str| Arc::new(TopicTelemetry::new(name, categories.clone(), origin));
        let mut figures = Figures::default();
        figures.unready.push("starting".to_owned());
        Arc::new(Self {
            topics: topics.iter().map(|name| (name.clone(), topic(name))).collect(),
            other: topic(OTHER),
            own: own.map(topic),
            categories: categories.clone(),
            figures: Mutex::new(figures),
            origin,
            started: now(),
        })
    }

    /// Where a topic's batches are handed in; ask once, not once a batch.
    pub fn topic(&self, name: &str) -> Arc<TopicTelemetry> {
        let own = self.own.iter().find(|own| own.name == name);
        own.or(self.topics.get(name)).unwrap_or(&self.other).clone()
    }

    pub fn findings(&self, findings: &[Finding]) {
        if !findings.is_empty() {
            let mut figures = self.figures();
            findings.iter().for_each(|finding| figures.finding(finding));
        }
    }

    /// Whether Kafka answers.
    pub fn connected(&self, yes: bool) {
        self.figures().connected = yes;
    }

    /// Why the monitor is not ready; empty means ready. At first it is `starting`.
    pub fn ready(&self, reasons: Vec<String>) {
        self.figures().unready = reasons;
    }

    /// Why not ready, as last told.
    pub fn unready(&self) -> Vec<String> {
        self.figures().unready.clone()
    }

    /// A part of the process that may fail: shown from the start, with no failure.
    pub fn role(&self, role: &'static str) {
        self.figures().role_failures.entry(role).or_default();
    }

    /// It failed and is started again.
    pub fn role_failed(&self, role: &'static str) {
        *self.figures().role_failures.entry(role).or_default() += 1;
    }

    /// Which of the topics named beforehand do not exist.
    pub fn inputs_missing(&self, topics: &[String]) {
        self.figures().inputs_missing = topics.to_vec();
    }

    pub fn kafka_error(&self) {
        self.figures().kafka_errors += 1;
    }

    /// Records between the last one judged and the partition's end.
    pub fn lag(&self, topic: &str, partition: i32, records: i64) {
        self.figures().partitions.at(self.label(topic), partition).lag = Some(records);
    }

    /// The partition is another process's now.
    pub fn forget_partition(&self, topic: &str, partition: i32) {
        self.figures().partitions.forget(self.label(topic), partition);
    }

    /// Whether a partition that was regular has fallen silent.
    pub fn silent(&self, topic: &str, partition: i32, yes: bool) {
        self.figures().partitions.at(self.label(topic), partition).silent = yes;
    }

    pub fn watermark(&self, topic: &str, partition: i32, at: EventTime) {
        self.figures().partitions.at(self.label(topic), partition).watermark = Some(at);
    }

    /// Sizes summed over the shards of one worker; evictions as totals so far.
    pub fn state(&self, worker: usize, size: StateSize) {
        self.figures().state(worker, size);
    }

    /// State was written to the changelogs, or the transaction came to nothing.
    pub fn saved(&self, arrived: bool, records: u64, bytes: u64, took: Duration) {
        let mut figures = self.figures();
        let saves = &mut figures.saves;
        if arrived {
            saves.arrived += 1;
            saves.records += records;
            saves.bytes += bytes;
        } else {
            saves.undone += 1;
        }
        saves.last_s = took.as_secs_f64();
    }

    /// A worker stood still for so long to take its state down.
    pub fn paused(&self, took: Duration) {
        self.figures().saves.pauses.add(took.as_secs_f64());
    }

    /// Partitions were taken over with so many entries of state.
    pub fn restored(&self, entries: u64, took: Duration) {
        let mut figures = self.figures();
        figures.restored_entries += entries;
        figures.restore_last_s = took.as_secs_f64();
    }

    /// How many incidents the correlator has let go for want of room.
    pub fn incidents_shed(&self, total: u64) {
        self.figures().evicted.incidents.follow(total);
    }

    /// `[signals, medium, high, critical]`, as the store counts them.
    pub fn incidents_open(&self, counts: [u64; 4]) {
        self.figures().incidents_open = counts;
    }

    /// Incidents nobody has resolved, and those of them nobody has taken up, going on or quiet:
    /// `[medium, high, critical]`.
    pub fn incidents_to_do(&self, all: [u64; 3], new: [u64; 3]) {
        let mut figures = self.figures();
        (figures.incidents_to_do, figures.incidents_new) = (all, new);
    }

    /// The hour of event time that goes on, as the store has it.
    pub fn hour(&self, hour: Option<HourStats>) {
        self.figures().hour = hour;
    }

    pub fn incident_opened(&self, severity: Severity) {
        self.figures().incidents_opened[severity as usize] += 1;
    }

    /// Records the broker took, or refused, from the outbox.
    pub fn published(&self, delivered: u64, failed: u64) {
        let mut figures = self.figures();
        figures.delivered += delivered;
        figures.failed += failed;
    }

    /// Records that wait to be published.
    pub fn outbox(&self, pending: u64) {
        self.figures().outbox = pending;
    }

    /// A file was read again. `error` says what is wrong with it, naming no person; it stands
    /// until the file is read the next time.
    pub fn reload(&self, file: ReloadedFile, applied: bool, error: Option<String>) {
        self.figures().reload(file, applied, error);
    }

    /// Whether this process is the one that correlates, and does not stand by.
    pub fn correlating(&self, yes: bool) {
        self.figures().correlating = yes;
    }

    /// The events are made up.
    pub fn demo(&self, yes: bool) {
        self.figures().demo = yes;
    }

    pub(super) fn figures(&self) -> MutexGuard<'_, Figures> {
        locked(&self.figures)
    }

    /// All topics named beforehand, and `other` where it was ever needed.
    /// Inputs, and what is read as they are.
    pub(super) fn accounts(&self) -> impl Iterator<Item = &Arc<TopicTelemetry>> {
        self.every_topic().chain(&self.own)
    }

    pub(super) fn every_topic(&self) -> impl Iterator<Item = &Arc<TopicTelemetry>> {
        let used = locked(&self.other.totals).counts.records_in > 0;
        self.topics.values().chain(Some(&self.other).filter(|_| used))
    }

    fn label<'a>(&self, topic: &'a str) -> &'a str {
        let own = self.own.as_ref().is_some_and(|own| own.name == topic);
        if own || self.topics.contains_key(topic) { topic } else { OTHER }
    }
}
