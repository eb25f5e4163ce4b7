//! One worker: one consumer, its partitions' shards, one producer, one plain thread.
//!
//! Delivery: poll → decode → judge → hand findings, evidence and dead letters to the producer →
//! flush → commit. What was not acknowledged is not committed, and is done again with the same
//! ids.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;

use super::assignment::{Assignment, Change, Partition, Position};
use super::dead_letter::DeadLetter;
use super::link::{Link, wall_clock_ms};
use super::sender::{SendError, Sender};
use super::{InputConfig, KafkaConfig, Start, Topics};
use crate::adapters::secrets::SecretError;
use crate::adapters::telemetry::{BatchCounts, Telemetry, TopicTelemetry};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::model::{EventTime, Kind, Origin, Outcome};
use crate::engine::shard::{
    EvidenceRecord, Incoming, Output, Settings, Shard, ShardConfig, StateSize, Verdict, Watch,
};

/// Settings that a reload swaps as a whole.
pub type SharedSettings = Arc<RwLock<Arc<Settings>>>;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot make a Kafka consumer: {0}")]
    Consumer(KafkaError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("cannot write a finding: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot commit offsets: {0}")]
    Commit(KafkaError),
}

/// What a worker is given.
pub struct WorkerParts {
    pub kafka: KafkaConfig,
    pub inputs: Vec<InputConfig>,
    pub shard: ShardConfig,
    pub settings: SharedSettings,
    pub telemetry: Arc<Telemetry>,
    pub link: Arc<Link>,
    pub watches: Arc<Mutex<Receiver<Watch>>>,
    pub stop: Arc<AtomicBool>,
}

/// Records taken between two looks at anything else.
const BATCH_MAX: usize = 500;
/// How long the first record of a batch is waited for.
const POLL: Duration = Duration::from_millis(20);
/// How long acknowledgements are waited for before a commit, and before the last one.
const FLUSH: Duration = Duration::from_secs(5);
const LAST_COMMIT: Duration = Duration::from_secs(10);
/// How often state sizes are measured: it walks the tables.
const SIZES_EVERY: Duration = Duration::from_secs(5);

/// Everything one partition needs.
struct Lane {
    shard: Shard,
    decoder: Decoder,
    telemetry: Arc<TopicTelemetry>,
    counts: BatchCounts,
    /// Records below this were handed on before a restart.
    warm_until: i64,
    /// Offset of the next record to come.
    next: i64,
}

pub struct Worker {
    parts: WorkerParts,
    topics: Topics,
    consumer: BaseConsumer<Assignment>,
    sender: Arc<Sender>,
    lanes: BTreeMap<Partition, Lane>,
    out: Output,
    /// Broker times of the batch's records, for the latency.
    times: Vec<(Arc<TopicTelemetry>, i64)>,
    committed_at: Instant,
    sized_at: Instant,
    /// Something has been handed on since the last commit was asked for.
    uncommitted: bool,
    /// A commit was asked for, and nobody has looked whether it has arrived.
    unverified: bool,
}

impl Worker {
    pub fn new(parts: WorkerParts) -> Result<Self, WorkerError> {
        let kafka = &parts.kafka;
        let sender = Arc::new(Sender::new(
            kafka.client("detect")?,
            Arc::clone(&parts.link),
            Arc::clone(&parts.stop),
        )?);
        let mut client = kafka.client("detect")?;
        client
            .set("group.id", &kafka.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set(
                "auto.offset.reset",
                match kafka.start {
                    Start::Earliest => "earliest",
                    Start::Latest => "latest",
                },
            )
            // The default of one second stalls a consumer that is slower than the fetcher.
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "16384")
            .set("session.timeout.ms", "10000")
            .set("statistics.interval.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "10000");
        let assignment = Assignment::new(
            Arc::clone(&parts.link),
            Arc::clone(&parts.telemetry),
            Arc::clone(&sender),
            kafka.warmup_s,
        );
        let consumer: BaseConsumer<Assignment> =
            client.create_with_context(assignment).map_err(WorkerError::Consumer)?;
        let names: Vec<&str> = parts.inputs.iter().map(|input| input.topic.as_str()).collect();
        consumer.subscribe(&names).map_err(WorkerError::Consumer)?;
        Ok(Self {
            topics: kafka.topics(),
            consumer,
            sender,
            lanes: BTreeMap::new(),
            out: Output::default(),
            times: Vec::new(),
            committed_at: Instant::now(),
            sized_at: Instant::now(),
            uncommitted: false,
            unverified: false,
            parts,
        })
    }

    /// Works until told to stop, then finishes what is in flight and commits it.
    pub fn run(mut self) -> Result<(), WorkerError> {
        while !self.parts.stop.load(Ordering::Relaxed) {
            let settings = self.settings();
            self.batch(&settings)?;
            self.watches()?;
            self.sender.poll();
            self.report()?;
            let every = Duration::from_millis(self.parts.kafka.commit_interval_ms);
            let due = self.committed_at.elapsed() >= every && self.parts.link.is_connected();
            if due && self.uncommitted {
                self.commit(FLUSH)?;
            } else if due && self.unverified {
                self.verify();
            }
        }
        if self.commit_last()? {
            tracing::info!("detector stopped; offsets are committed");
        } else {
            tracing::warn!(
                "detector stopped; what was not committed is read again at the next start"
            );
        }
        Ok(())
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn batch(&mut self, settings: &Settings) -> Result<(), WorkerError> {
        let mut wait = POLL;
        let mut read = Vec::new();
        let consumer = &self.consumer;
        for _ in 0..BATCH_MAX {
            let polled = consumer.poll(wait);
            for change in consumer.context().changes() {
                take_change(&mut self.lanes, &self.parts, change);
            }
            let Some(polled) = polled else { break };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    let lane = lane(&mut self.lanes, &self.parts, &message);
                    let time =
                        take(lane, &message, settings, &mut self.out, &self.sender, &self.topics)?;
                    if let Some(time) = time {
                        self.times.push((Arc::clone(&lane.telemetry), time));
                        let partition = (message.topic().to_owned(), message.partition());
                        let position = Position { next: message.offset() + 1, time_ms: time };
                        read.push((partition, position));
                    }
                }
                Err(KafkaError::MessageConsumption(code))
                    if code != rdkafka::types::RDKafkaErrorCode::UnknownTopicOrPartition =>
                {
                    self.parts
                        .link
                        .note_error(&KafkaError::MessageConsumption(code), "cannot consume");
                }
                Err(_) => {}
            }
        }
        hand_on(&mut self.out, &self.sender, &self.topics, &self.parts.telemetry)?;
        // Only now: a commit, be it by a rebalance in the middle of the batch, must not pass what
        // has not been handed on.
        for (partition, position) in read {
            if self.lanes.contains_key(&partition) {
                self.consumer.context().advance(&partition, position);
                self.uncommitted = true;
            }
        }
        let now = wall_clock_ms();
        for (telemetry, time) in self.times.drain(..) {
            telemetry.latency_ms(u64::try_from(now - time).unwrap_or(0), 1);
        }
        for ((topic, partition), lane) in &mut self.lanes {
            let counts = std::mem::take(&mut lane.counts);
            if counts.records_in > 0 {
                lane.telemetry.batch(&counts);
                if let Some(mark) = lane.shard.watermark() {
                    self.parts.telemetry.watermark(topic, *partition, mark);
                }
            }
        }
        Ok(())
    }

    /// Requests for evidence, from the correlator to every shard there is.
    fn watches(&mut self) -> Result<(), WorkerError> {
        let watches = Arc::clone(&self.parts.watches);
        let watches = watches.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(watch) = watches.try_recv() {
            // A shard that is still rebuilding would answer with half of its past; it is asked
            // again.
            for lane in self.lanes.values_mut().filter(|lane| lane.next >= lane.warm_until) {
                lane.shard.watch(&watch, &mut self.out);
            }
        }
        hand_on(&mut self.out, &self.sender, &self.topics, &self.parts.telemetry)
    }

    /// State sizes to telemetry, and how far event time has got to the correlator.
    fn report(&mut self) -> Result<(), WorkerError> {
        if self.sized_at.elapsed() < SIZES_EVERY {
            return Ok(());
        }
        self.sized_at = Instant::now();
        let total =
            self.lanes.values().map(|lane| lane.shard.size()).fold(StateSize::default(), |a, b| {
                StateSize {
                    actors: a.actors + b.actors,
                    sources: a.sources + b.sources,
                    actor_bytes: a.actor_bytes + b.actor_bytes,
                    source_bytes: a.source_bytes + b.source_bytes,
                    recorder_bytes: a.recorder_bytes + b.recorder_bytes,
                    actors_evicted: a.actors_evicted + b.actors_evicted,
                    sources_evicted: a.sources_evicted + b.sources_evicted,
                }
            });
        self.parts.telemetry.state(total);
        let Some(progress) = self.lanes.values().filter_map(|lane| lane.shard.watermark()).max()
        else {
            return Ok(());
        };
        let record = serde_json::to_vec(&EvidenceRecord::Progress { progress })?;
        Ok(self.sender.send(&self.topics.evidence, "", &record)?)
    }

    /// Asks for a commit of everything handed on, once the broker has acknowledged that.
    fn commit(&mut self, flush: Duration) -> Result<(), WorkerError> {
        self.committed_at = Instant::now();
        match self.sender.flush(flush) {
            Ok(()) => {}
            Err(SendError::Pending(records)) => {
                tracing::warn!(
                    records,
                    "the broker has not acknowledged everything; nothing is committed yet"
                );
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        match self.consumer.context().commit(&self.consumer) {
            Ok(()) => {
                self.uncommitted = false;
                self.unverified = true;
                Ok(())
            }
            // The group is being shared out anew: what is not committed is read again with the
            // same ids.
            Err(KafkaError::ConsumerCommit(code)) => {
                self.parts
                    .link
                    .note_error(&KafkaError::ConsumerCommit(code), "offsets not committed");
                Ok(())
            }
            Err(error) => Err(WorkerError::Commit(error)),
        }
    }

    /// Looks whether the last commit has arrived; if not, the next one is due.
    fn verify(&mut self) {
        self.committed_at = Instant::now();
        match self.consumer.context().is_committed(&self.consumer) {
            Ok(true) => self.unverified = false,
            Ok(false) => self.uncommitted = true,
            Err(error) => {
                self.uncommitted = true;
                self.parts.link.note_error(&error, "cannot see whether offsets are committed");
            }
        }
    }

    /// Commits and waits for the broker's word, within bounds; true where it came.
    fn commit_last(&mut self) -> Result<bool, WorkerError> {
        let deadline = Instant::now() + LAST_COMMIT;
        self.uncommitted = true;
        while Instant::now() < deadline {
            if self.uncommitted {
                self.commit(deadline.saturating_duration_since(Instant::now()))?;
            }
            if self.uncommitted {
                break;
            }
            self.verify();
            if !self.unverified {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn take_change(lanes: &mut BTreeMap<Partition, Lane>, parts: &WorkerParts, change: Change) {
    match change {
        Change::Assigned { partition, warm_until } => {
            let lane = new_lane(parts, &partition, warm_until);
            lanes.insert(partition, lane);
        }
        Change::Revoked { partition } => {
            lanes.remove(&partition);
        }
    }
}

fn new_lane(parts: &WorkerParts, partition: &Partition, warm_until: i64) -> Lane {
    let (topic, number) = partition;
    let stream = Stream::Partition { topic: topic.clone(), partition: *number };
    let input = parts.inputs.iter().find(|input| input.topic == *topic);
    Lane {
        shard: Shard::new(vec![stream], &parts.shard),
        decoder: Decoder::new(input.map_or(Expected::Auto, InputConfig::expected)),
        telemetry: parts.telemetry.topic(topic),
        counts: BatchCounts::default(),
        warm_until,
        next: 0,
    }
}

fn lane<'l>(
    lanes: &'l mut BTreeMap<Partition, Lane>,
    parts: &WorkerParts,
    message: &BorrowedMessage<'_>,
) -> &'l mut Lane {
    let partition = (message.topic().to_owned(), message.partition());
    lanes.entry(partition.clone()).or_insert_with(|| new_lane(parts, &partition, 0))
}

/// Judges one record; its broker time, or none where it only rebuilt the state.
fn take(
    lane: &mut Lane,
    message: &BorrowedMessage<'_>,
    settings: &Settings,
    out: &mut Output,
    sender: &Sender,
    topics: &Topics,
) -> Result<Option<i64>, WorkerError> {
    let payload = message.payload().unwrap_or_default();
    let time_ms = message.timestamp().to_millis().unwrap_or_else(wall_clock_ms);
    lane.next = message.offset() + 1;
    let Lane { shard, decoder, .. } = lane;
    let decoded = decoder.decode(payload);
    let raw = || decoder.raw_value(payload).unwrap_or_default();
    if message.offset() < lane.warm_until {
        if let Ok(Some(event)) = decoded {
            let mut unheard = Output::default();
            shard.judge(&incoming(&event, &raw, message, time_ms), settings, &mut unheard);
        }
        return Ok(None);
    }
    lane.counts.records_in += 1;
    let event = match decoded {
        Ok(Some(event)) => event,
        Ok(None) => {
            // A header or a blank line is no event; it is read, and there is nothing to judge.
            lane.counts.scored += 1;
            return Ok(Some(time_ms));
        }
        Err(refusal) => {
            lane.counts.dead_lettered += 1;
            lane.telemetry.refused(refusal.label());
            let letter = DeadLetter::new(message, &refusal, payload);
            sender.send(&topics.dead_letter, message.topic(), &serde_json::to_vec(&letter)?)?;
            return Ok(Some(time_ms));
        }
    };
    lane.counts.saturated += u64::from(event.saturated);
    match shard.judge(&incoming(&event, &raw, message, time_ms), settings, out) {
        Verdict::Scored => lane.counts.scored += 1,
        Verdict::Late => lane.counts.late += 1,
        Verdict::Duplicate => lane.counts.duplicate += 1,
    }
    if event.kind == Kind::Access && event.outcome == Outcome::Allowed {
        let dataset = event.resource.dataset.as_deref();
        let known = dataset.and_then(|name| settings.enricher.catalogue.get(name));
        let category = known.map(|d| d.category.as_str()).or(event.resource.category.as_deref());
        lane.telemetry.read(category.unwrap_or("unclassified"), 1, event.records);
    }
    Ok(Some(time_ms))
}

fn incoming<'e>(
    event: &'e crate::engine::model::Event<'e>,
    raw: &'e dyn Fn() -> serde_json::Value,
    message: &BorrowedMessage<'_>,
    time_ms: i64,
) -> Incoming<'e> {
    Incoming {
        event,
        raw,
        origin: Origin { stream: 0, position: u64::try_from(message.offset()).unwrap_or(0) },
        broker_time: EventTime::from_millis(time_ms).ok(),
    }
}

/// Findings and evidence to the producer, keyed by whom they are about.
fn hand_on(
    out: &mut Output,
    sender: &Sender,
    topics: &Topics,
    telemetry: &Telemetry,
) -> Result<(), WorkerError> {
    if out.is_empty() {
        return Ok(());
    }
    telemetry.findings(&out.findings);
    for finding in &out.findings {
        sender.send(&topics.findings, &finding.key.value, &serde_json::to_vec(finding)?)?;
    }
    for evidence in &out.evidence {
        sender.send(&topics.evidence, &evidence.key.value, &serde_json::to_vec(evidence)?)?;
    }
    out.clear();
    Ok(())
}
