//! One worker: one consumer, its partitions' shards, two producers, one plain thread.
//!
//! Delivery: take a batch → decode → judge → hand findings, evidence and dead letters to one producer. Every
//! few seconds, and before a partition is given up: wait until that has been acknowledged, then
//! write the changed state to the changelogs and the offsets to the group, in one transaction of
//! the other producer. What was not committed is done again by whoever comes next, from the same
//! state, with the same ids.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::runtime::Handle;

use super::assignment::{Assignment, Partition};
use super::changelog::ChangelogError;
use super::checkpoint::Snapshot;
use super::intake::Intake;
use super::lane::{HOUR_MS, Lane, LaneError, Outlet};
use super::link::{Link, wall_clock_ms};
use super::peers::{Board, Deciding, send_figures};
use super::rekey::{Layout, send_lookups};
use super::saver::{Saver, SaverError};
use super::sender::{SendError, Sender};
use super::transaction::{TransactionError, Transactions};
use super::{InputConfig, KafkaConfig, Start, Topics, TopicsError};
use crate::adapters::secrets::SecretError;
use crate::adapters::telemetry::Telemetry;
use crate::engine::detect::baseline::Calibration;
use crate::engine::model::EventTime;
use crate::engine::shard::{
    EvidenceRecord, HourReads, LearnedError, Output, Settings, ShardConfig, StateError, StateSize,
    Watch,
};

/// Settings that a reload swaps as a whole.
pub type SharedSettings = Arc<RwLock<Arc<Settings>>>;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot make a Kafka consumer: {0}")]
    Consumer(KafkaError),
    #[error("cannot make a queue for the records of a Kafka consumer")]
    Queue,
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Lane(#[from] LaneError),
    #[error("cannot write a finding: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    #[error(transparent)]
    Changelog(#[from] ChangelogError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("what was learned from history: {0}")]
    Learned(#[from] LearnedError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error("the group cannot be answered: {0}")]
    Group(KafkaError),
    #[error(
        "this worker may no longer consume ({0}): is another process running under the same kafka.instance?"
    )]
    Fenced(RDKafkaErrorCode),
    #[error("cannot start the thread that saves: {0}")]
    Thread(#[from] std::io::Error),
    #[error(transparent)]
    Saver(#[from] SaverError),
}

/// What a worker is given.
pub struct WorkerParts {
    /// Which of the process's workers this is, from 0.
    pub number: usize,
    pub kafka: KafkaConfig,
    pub inputs: Vec<InputConfig>,
    pub shard: ShardConfig,
    pub settings: SharedSettings,
    pub telemetry: Arc<Telemetry>,
    pub link: Arc<Link>,
    pub watches: Arc<Mutex<Receiver<Watch>>>,
    /// What shards tell each other.
    pub board: Arc<Board>,
    pub stop: Arc<AtomicBool>,
    pub runtime: Handle,
}

/// How long the first record of a batch is waited for.
const POLL: Duration = Duration::from_millis(20);
/// Saving takes at most one part in so many of a worker's time: with much state it comes less often.
const SAVE_SHARE: u32 = 12;
/// But never so seldom: a broker that is slow to commit must not leave much to be done again.
const SAVE_LATE_MAX: u32 = 5;
/// How often state sizes are measured: it walks the tables.
const SIZES_EVERY: Duration = Duration::from_secs(5);

pub struct Worker {
    pub(super) parts: WorkerParts,
    pub(super) topics: Topics,
    pub(super) intake: Intake<Assignment>,
    pub(super) consumer: Arc<BaseConsumer<Assignment>>,
    pub(super) sender: Arc<Sender>,
    pub(super) saver: Saver<Snapshot>,
    pub(super) lanes: BTreeMap<Partition, Lane>,
    pub(super) saved_at: Instant,
    /// How long the last save kept the worker from its work.
    pub(super) save_took: Duration,
    /// Input topics whose changelog has this many partitions.
    pub(super) changelogs: BTreeMap<String, i32>,
    out: Output,
    /// The partition of the records at hand: kept, so that none costs an allocation.
    place: Partition,
    sized_at: Instant,
    pub(super) layout: Layout,
    /// When progress was last looked at.
    pub(super) told_at: Instant,
    /// The last batch took all there was.
    idle: bool,
    pub(super) deciding: Deciding,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closing the consumer asks once more what to do with its partitions.
        self.consumer.context().close(&self.consumer);
    }
}

impl Worker {
    pub fn new(parts: WorkerParts) -> Result<Self, WorkerError> {
        let kafka = &parts.kafka;
        let (link, stop) = (Arc::clone(&parts.link), Arc::clone(&parts.stop));
        let sender = Sender::new(kafka.client("detect")?, Arc::clone(&link), Arc::clone(&stop))?;
        let sender = Arc::new(sender);
        let name = kafka.worker_name(parts.number);
        let transactions =
            Transactions::open(kafka.client("detect")?, &name, Arc::clone(&link), stop)?;
        let saver =
            Saver::start(format!("save-{}", parts.number), transactions, Arc::clone(&sender))?;
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
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1500")
            .set("statistics.interval.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "10000");
        if kafka.instance.is_some() {
            client.set("group.instance.id", &name);
        }
        let assignment = Assignment::new(link, Arc::clone(&parts.telemetry));
        let consumer: BaseConsumer<Assignment> =
            client.create_with_context(assignment).map_err(WorkerError::Consumer)?;
        let topics = kafka.topics();
        let mut names: Vec<&str> = parts.inputs.iter().map(|input| input.topic.as_str()).collect();
        names.push(&topics.lookups);
        consumer.subscribe(&names).map_err(WorkerError::Consumer)?;
        let consumer = Arc::new(consumer);
        let intake = Intake::new(Arc::clone(&consumer)).ok_or(WorkerError::Queue)?;
        Ok(Self {
            topics,
            intake,
            consumer,
            sender,
            saver,
            place: (String::new(), 0),
            lanes: BTreeMap::new(),
            changelogs: BTreeMap::new(),
            out: Output::default(),
            saved_at: Instant::now(),
            save_took: Duration::ZERO,
            sized_at: Instant::now(),
            layout: Layout::default(),
            told_at: Instant::now(),
            idle: false,
            deciding: Deciding::default(),
            parts,
        })
    }

    /// Works until told to stop, then finishes what is in flight and saves it.
    pub fn run(mut self) -> Result<(), WorkerError> {
        while !self.parts.stop.load(Ordering::Relaxed) {
            self.listen()?;
            self.follow_group()?;
            if !self.decide()? {
                continue;
            }
            self.batch()?;
            self.watches()?;
            self.tell_progress(false)?;
            self.sender.poll();
            self.report()?;
            let every = Duration::from_millis(self.parts.kafka.commit_interval_ms);
            let every = (self.save_took * SAVE_SHARE).clamp(every, every * SAVE_LATE_MAX);
            self.end_save(false)?;
            let due = self.saved_at.elapsed() >= every && !self.saver.is_busy();
            if due && self.parts.link.is_connected() {
                self.begin_save()?;
            }
        }
        if self.parts.link.is_connected() && self.save()? {
            tracing::info!(worker = self.parts.number, "detector stopped; offsets are committed");
        } else {
            tracing::warn!(
                worker = self.parts.number,
                "detector stopped; what was not committed is read again at the next start"
            );
        }
        Ok(())
    }

    /// Hears what the group and the client have to say; records come another way.
    fn listen(&mut self) -> Result<(), WorkerError> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            match polled {
                // Of a partition that was not led into our queue: it is none of ours.
                Ok(_) => {}
                Err(KafkaError::MessageConsumptionFatal(code)) => {
                    return Err(WorkerError::Fenced(code));
                }
                Err(error) => self.note(&error),
            }
        }
        Ok(())
    }

    fn note(&self, error: &KafkaError) {
        // A topic that is not there yet is told of elsewhere.
        let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
        if *error != KafkaError::MessageConsumption(missing) {
            self.parts.link.note_error(error, "cannot consume");
        }
    }

    /// Judges what has come.
    fn batch(&mut self) -> Result<(), WorkerError> {
        let settings =
            Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner));
        let batch = self.intake.take(POLL);
        self.idle = !batch.is_full();
        let mut failed = Vec::new();
        for run in batch.runs() {
            self.place.0.clear();
            self.place.0.push_str(run.topic());
            self.place.1 = run.partition();
            // Of a partition that is not ours any more, nothing counts.
            let Some(lane) = self.lanes.get_mut(&self.place) else { continue };
            let mut to = Outlet {
                settings: &settings,
                out: &mut self.out,
                sender: &self.sender,
                topics: &self.topics,
            };
            let mut records = Vec::with_capacity(run.len());
            for record in run.records() {
                match record {
                    Ok(record) => records.push(record),
                    Err(code) => failed.push(KafkaError::MessageConsumption(code)),
                }
            }
            lane.take_all(&records, &mut to)?;
            send_lookups(lane, &self.place, self.layout, &mut to)?;
            send_figures(&self.place, &mut to)?;
        }
        drop(batch);
        failed.iter().for_each(|error| self.note(error));
        self.hand_on()?;
        let now = wall_clock_ms();
        for (partition, lane) in &mut self.lanes {
            for (time, records) in lane.times.drain(..) {
                lane.telemetry.latency_ms(u64::try_from(now - time).unwrap_or(0), records);
            }
            let counts = std::mem::take(&mut lane.counts);
            if counts.records_in > 0 {
                lane.telemetry.batch(&counts);
                self.consumer.context().advance(partition, lane.mark.next);
                if let Some(mark) = lane.shard.watermark() {
                    self.parts.telemetry.watermark(&partition.0, partition.1, mark);
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
            for lane in self.lanes.values_mut() {
                lane.shard.watch(&watch, &mut self.out);
                lane.changed = true;
            }
        }
        self.hand_on()
    }

    /// State sizes to telemetry, and how far event time has got to the correlator.
    fn report(&mut self) -> Result<(), WorkerError> {
        if self.sized_at.elapsed() < SIZES_EVERY {
            return Ok(());
        }
        self.sized_at = Instant::now();
        self.look_for_silence()?;
        let sizes = self.lanes.values().map(|lane| lane.shard.size());
        self.parts
            .telemetry
            .state(self.parts.number, sizes.fold(StateSize::default(), |a, b| a + b));
        self.tell_calibration();
        let telemetry = &self.parts.telemetry;
        for lane in self.lanes.values_mut() {
            lane.shard.take_rule_counts(|id, counts| telemetry.rule_counts(id, counts));
        }
        let marks = self.lanes.values().filter_map(|lane| lane.shard.watermark());
        let Some(progress) = marks.max() else { return Ok(()) };
        let told = self.lanes.values_mut().flat_map(|lane| std::mem::take(&mut lane.reads));
        let reads = summed(told, progress);
        let record = serde_json::to_vec(&EvidenceRecord::Progress { progress, reads })?;
        Ok(self.sender.send(&self.topics.evidence, "", &record)?)
    }

    pub(super) fn tell_calibration(&self) {
        let calibrations = self.lanes.values().map(|lane| lane.shard.peers().calibration());
        let all = calibrations.fold(Calibration::default(), |a, b| a + b);
        self.parts.telemetry.calibration(self.parts.number, all);
    }

    /// Tells of partitions and systems that have fallen silent, of each where there is nothing left
    /// to judge: others that are behind do not hide it.
    fn look_for_silence(&mut self) -> Result<(), WorkerError> {
        let Ok(now) = EventTime::from_millis(wall_clock_ms()) else { return Ok(()) };
        if self.parts.link.is_connected() {
            let context = self.consumer.context();
            let settings = self.parts.settings.read().unwrap_or_else(PoisonError::into_inner);
            let mode = settings.roster.silence;
            let complete = settings.time.complete(now);
            for (partition, lane) in &mut self.lanes {
                if !self.idle && !context.is_read_out(partition) {
                    continue;
                }
                let told = self.out.findings.len();
                lane.shard.look_for_silence(now, mode, &mut self.out);
                // What waits for a watermark that nothing moves waits by the clock.
                lane.changed |= lane.shard.has_turns();
                lane.shard.let_go(Some(complete), &settings, &mut self.out);
                lane.changed |= self.out.findings.len() > told;
            }
            drop(settings);
        }
        for ((topic, partition), lane) in self.lanes.iter().filter(|(_, lane)| !lane.gathers) {
            self.parts.telemetry.silent(topic, *partition, lane.shard.is_silent());
        }
        self.hand_on()
    }

    /// Findings and evidence to the producer, keyed by whom they are about.
    fn hand_on(&mut self) -> Result<(), WorkerError> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.parts.telemetry.findings(&self.out.findings);
        self.parts.telemetry.suppressed(&self.out.suppressed);
        for finding in &self.out.findings {
            let record = serde_json::to_vec(finding)?;
            self.sender.send(&self.topics.findings, &finding.key.value, &record)?;
        }
        for evidence in &self.out.evidence {
            let record = serde_json::to_vec(evidence)?;
            self.sender.send(&self.topics.evidence, &evidence.key.value, &record)?;
        }
        self.out.clear();
        Ok(())
    }
}

/// By hour and category; what claims to be later than `progress` counts as of then.
fn summed(told: impl Iterator<Item = HourReads>, progress: EventTime) -> Vec<HourReads> {
    let newest = progress.millis().div_euclid(HOUR_MS);
    let mut sums = BTreeMap::<(i64, String), u64>::new();
    for HourReads { hour, category, reads } in told {
        *sums.entry((hour.min(newest), category)).or_default() += reads;
    }
    let one = |((hour, category), reads)| HourReads { hour, category, reads };
    sums.into_iter().map(one).collect()
}
