//! The input topics' retained past, read once, without a group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use super::KafkaConfig;
use super::link::{Link, Linked, appended_ms};
use super::patience::patiently;
use crate::adapters::secrets::SecretError;
use crate::engine::model::EventTime;

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot read the past of {topic}: {source}")]
    Topic { topic: String, source: KafkaError },
    #[error("cannot ask {brokers} what topic {topic} holds: {source}")]
    Ask { brokers: String, topic: String, source: Box<KafkaError> },
    #[error("cannot reach Kafka: {0}")]
    Client(KafkaError),
    #[error("the broker has sent nothing for {0} s; {1} partitions are not at their end")]
    Silent(u64, usize),
}

const LOOK: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(500);
/// How long one partition is waited for before the client is heard.
const TURN: Duration = Duration::from_millis(100);
/// Without a record and without an end.
const SILENCE: Duration = Duration::from_secs(30);
/// Whether the broker still holds it is asked each time nothing came for so long, and waited for
/// no longer than that.
const ASK: Duration = Duration::from_secs(2);
/// A sixteenth of what is left is given up first, then twice as much each time.
const LARGEST_PART: u32 = 5;

fn ask_failed(kafka: &KafkaConfig, topic: &str, source: KafkaError) -> HistoryError {
    let (brokers, topic) = (kafka.brokers.clone(), topic.to_owned());
    HistoryError::Ask { brokers, topic, source: Box::new(source) }
}

/// Stands before the first record asked for; partitions end where they ended when it was opened.
pub struct History {
    consumer: BaseConsumer<Linked>,
    topics: BTreeMap<String, Vec<Stretch>>,
}

/// From an offset to before another, of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub partition: i32,
    pub start: i64,
    pub end: i64,
}

/// Reads a record's time off its topic, partition and payload.
type Time<'t> = dyn FnMut(&str, i32, &[u8]) -> Option<i64> + 't;

impl History {
    /// Every partition of `topics`, from the first record appended at `from` on: what is appended
    /// earlier does not tell of what happened later. What was appended long after it happened does,
    /// so there is no such bound to the other side.
    pub fn open(
        kafka: &KafkaConfig,
        topics: &[String],
        from: Option<EventTime>,
        link: &Arc<Link>,
    ) -> Result<Self, HistoryError> {
        let mut history = Self::connect(kafka, link)?;
        for topic in topics {
            let stretches = history.stretches(topic, from);
            let stretches = stretches.map_err(|source| ask_failed(kafka, topic, source))?;
            history.topics.insert(topic.clone(), stretches);
        }
        Ok(history)
    }

    /// One partition from `first` on, or from its beginning where that is later; and what it holds
    /// from there, none where there is no such partition.
    pub fn of_partition(
        kafka: &KafkaConfig,
        topic: &str,
        partition: i32,
        first: i64,
        link: &Arc<Link>,
    ) -> Result<(Self, Option<Stretch>), HistoryError> {
        let mut history = Self::connect(kafka, link)?;
        let failed = |source| HistoryError::Topic { topic: topic.to_owned(), source };
        let metadata = history.consumer.fetch_metadata(Some(topic), LOOK);
        let metadata = metadata.map_err(|source| ask_failed(kafka, topic, source))?;
        let partitions = metadata.topics().iter().flat_map(|found| found.partitions());
        if !partitions.into_iter().any(|found| found.id() == partition) {
            return Ok((history, None));
        }
        let watermarks =
            patiently(LOOK, || history.consumer.fetch_watermarks(topic, partition, LOOK));
        let (low, end) = watermarks.map_err(failed)?;
        let held = Stretch { partition, start: low.max(first), end };
        history.topics.insert(topic.to_owned(), vec![held]);
        Ok((history, Some(held)))
    }

    fn connect(kafka: &KafkaConfig, link: &Arc<Link>) -> Result<Self, HistoryError> {
        let mut client = kafka.client("history")?;
        client
            .set("group.id", "tidewaiter-history")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer<Linked> =
            client.create_with_context(Linked(Arc::clone(link))).map_err(HistoryError::Client)?;
        Ok(Self { consumer, topics: BTreeMap::new() })
    }

    fn stretches(&self, topic: &str, from: Option<EventTime>) -> Result<Vec<Stretch>, KafkaError> {
        let metadata = self.consumer.fetch_metadata(Some(topic), LOOK)?;
        let found = metadata.topics().first();
        if let Some(error) = found.and_then(|found| found.error()) {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let mut stretches = Vec::new();
        for partition in found.into_iter().flat_map(|found| found.partitions()) {
            let id = partition.id();
            let ends = || self.consumer.fetch_watermarks(topic, id, LOOK);
            let (low, high) = patiently(LOOK, ends)?;
            let start = match from {
                Some(from) => self.offset_at(topic, id, from.millis())?.unwrap_or(high),
                None => low,
            };
            stretches.push(Stretch { partition: id, start, end: high });
        }
        stretches.retain(|stretch| stretch.start < stretch.end);
        Ok(stretches)
    }

    /// Offset of the first record appended at or after `time`.
    fn offset_at(&self, topic: &str, id: i32, time: i64) -> Result<Option<i64>, KafkaError> {
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(topic, id, Offset::Offset(time.max(0)))?;
        let found = patiently(LOOK, || self.consumer.offsets_for_times(wanted.clone(), LOOK))?;
        let offset = found.find_partition(topic, id).map(|found| found.offset());
        Ok(offset.and_then(|offset| match offset {
            Offset::Offset(offset) if offset >= 0 => Some(offset),
            _ => None,
        }))
    }

    /// Records there are at most.
    pub fn total(&self) -> u64 {
        self.topics.values().flatten().map(|stretch| stretch.start.abs_diff(stretch.end)).sum()
    }

    /// Hands every record to `take`, topic by topic, each partition's in its order.
    pub fn each(self, mut take: impl FnMut(&BorrowedMessage<'_>)) -> Result<(), HistoryError> {
        self.until(|message| {
            take(message);
            false
        })
    }

    /// The same, until `take` says that it has seen enough.
    pub fn until(
        self,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> bool,
    ) -> Result<(), HistoryError> {
        for (topic, stretches) in &self.topics {
            let failed = |source| HistoryError::Topic { topic: topic.clone(), source };
            let mut assigned = TopicPartitionList::new();
            for stretch in stretches {
                let start = Offset::Offset(stretch.start);
                assigned.add_partition_offset(topic, stretch.partition, start).map_err(failed)?;
            }
            self.consumer.assign(&assigned).map_err(failed)?;
            if self.read(topic, stretches, &mut take)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands every record of all partitions to `take`, in the order of the times that `time` reads
    /// off them, each partition's in its own order. A record of which it reads none comes with the
    /// one before.
    pub fn merged(
        self,
        mut time: impl FnMut(&str, i32, &[u8]) -> Option<i64>,
        mut take: impl FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), HistoryError> {
        let consumer = Arc::new(self.consumer);
        let mut assigned = TopicPartitionList::new();
        let failed = |topic: &str| {
            let topic = topic.to_owned();
            move |source| HistoryError::Topic { topic, source }
        };
        for (topic, stretches) in &self.topics {
            for Stretch { partition, start, .. } in stretches {
                let added =
                    assigned.add_partition_offset(topic, *partition, Offset::Offset(*start));
                added.map_err(failed(topic))?;
            }
        }
        consumer.assign(&assigned).map_err(HistoryError::Client)?;
        // What was fetched before a partition has a queue of its own is fetched again.
        consumer.pause(&assigned).map_err(HistoryError::Client)?;
        let mut queues = Vec::new();
        for (topic, stretches) in &self.topics {
            for stretch in stretches {
                let queue = consumer.split_partition_queue(topic, stretch.partition);
                let missing = || KafkaError::Subscription("the partition has no queue".into());
                let queue = queue.ok_or_else(missing).map_err(failed(topic))?;
                queues.push((topic, *stretch, queue));
            }
        }
        consumer.resume(&assigned).map_err(HistoryError::Client)?;
        let mut rests: Vec<Rest> =
            queues.iter().map(|(_, stretch, _)| Rest::of(*stretch)).collect();
        let mut heads: Vec<Option<(i64, BorrowedMessage<'_>)>> = Vec::new();
        let mut next = |n: usize, last: i64, time: &mut Time<'_>| {
            let (topic, stretch, queue): &(&String, Stretch, _) = &queues[n];
            let found = head(&consumer, topic, queue, &mut rests[n]);
            let found = found.map_err(|cause| match cause {
                Some(source) => HistoryError::Topic { topic: (*topic).clone(), source },
                None => HistoryError::Silent(SILENCE.as_secs(), queues.len()),
            })?;
            Ok::<_, HistoryError>(found.map(|message| {
                let payload = message.payload().unwrap_or_default();
                let read = time(topic, stretch.partition, payload).unwrap_or(last);
                let appended = appended_ms(message.timestamp().to_millis()).unwrap_or(i64::MAX);
                // A clock in the future holds nothing back for longer than it took to come in.
                (read.min(appended), message)
            }))
        };
        let mut order = std::collections::BinaryHeap::new();
        for n in 0..queues.len() {
            heads.push(next(n, i64::MIN, &mut time)?);
            order.extend(heads[n].as_ref().map(|(at, _)| std::cmp::Reverse((*at, n))));
        }
        while let Some(std::cmp::Reverse((_, n))) = order.pop() {
            let Some((at, message)) = heads[n].take() else { continue };
            take(&message);
            let (_, stretch, _) = &queues[n];
            if message.offset() + 1 < stretch.end {
                heads[n] = next(n, at, &mut time)?;
                order.extend(heads[n].as_ref().map(|(at, _)| std::cmp::Reverse((*at, n))));
            }
        }
        Ok(())
    }

    fn read(
        &self,
        topic: &str,
        stretches: &[Stretch],
        take: &mut impl FnMut(&BorrowedMessage<'_>) -> bool,
    ) -> Result<bool, HistoryError> {
        let failed = |source| HistoryError::Topic { topic: topic.to_owned(), source };
        let mut rest: BTreeMap<i32, Rest> =
            stretches.iter().map(|&stretch| (stretch.partition, Rest::of(stretch))).collect();
        let mut silent = Duration::ZERO;
        while !rest.is_empty() {
            let Some(polled) = self.consumer.poll(POLL) else {
                silent += POLL;
                if silent >= SILENCE {
                    return Err(HistoryError::Silent(SILENCE.as_secs(), rest.len()));
                }
                if asks(silent, POLL) {
                    let mut over = Vec::new();
                    for (partition, left) in &mut rest {
                        match left.pass_dropped(&self.consumer, topic) {
                            Ok(true) => {}
                            Ok(false) => over.push(*partition),
                            Err(_) => break,
                        }
                    }
                    rest.retain(|partition, _| !over.contains(partition));
                }
                continue;
            };
            silent = Duration::ZERO;
            match polled {
                Ok(message) => {
                    let Some(left) = rest.get_mut(&message.partition()) else { continue };
                    let end = left.stretch.end;
                    if message.offset() < end && take(&message) {
                        return Ok(true);
                    }
                    left.read(&message);
                    if message.offset() + 1 >= end {
                        rest.remove(&message.partition());
                    }
                }
                // At the last offsets there may be a transaction's marks, and no record.
                Err(KafkaError::PartitionEOF(partition)) => {
                    rest.remove(&partition);
                }
                Err(source) => return Err(failed(source)),
            }
        }
        Ok(false)
    }
}

/// Whether it is time to ask, where one turn more of silence is over.
const fn asks(silent: Duration, turn: Duration) -> bool {
    silent.as_millis() % ASK.as_millis() < turn.as_millis()
}

/// What is left to be read of a stretch: from its start on.
struct Rest {
    stretch: Stretch,
    /// How often a part was given up since a record was read.
    passed: u32,
}

impl Rest {
    const fn of(stretch: Stretch) -> Self {
        Self { stretch, passed: 0 }
    }

    fn read(&mut self, message: &BorrowedMessage<'_>) {
        self.stretch.start = message.offset() + 1;
        self.passed = 0;
    }

    /// To be asked when nothing comes. The client goes on with the oldest record by itself when the
    /// next one was dropped; but that may have been dropped too until it is asked for, again and
    /// again for as long as the topic is written to. So a part of what is left is given up, each
    /// time in a row a larger one. False where nothing is left; what fails is asked again.
    fn pass_dropped(
        &mut self,
        consumer: &BaseConsumer<Linked>,
        topic: &str,
    ) -> Result<bool, KafkaError> {
        let Stretch { partition, start, end } = self.stretch;
        let (low, _) = consumer.fetch_watermarks(topic, partition, ASK)?;
        if low <= start {
            return Ok(true);
        }
        self.passed += 1;
        let given_up = (end - low).max(0) >> LARGEST_PART.saturating_sub(self.passed);
        self.stretch.start = low + given_up;
        let records = self.stretch.start - start;
        tracing::warn!(topic, partition, records, "the broker drops records before they are read");
        if self.stretch.start >= end {
            return Ok(false);
        }
        consumer.seek(topic, partition, Offset::Offset(self.stretch.start), ASK)?;
        Ok(true)
    }
}

/// The next record of one partition, none at its end. Waits; the error is none where the broker
/// sends nothing.
fn head<'a>(
    consumer: &BaseConsumer<Linked>,
    topic: &str,
    queue: &'a PartitionQueue<Linked>,
    rest: &mut Rest,
) -> Result<Option<BorrowedMessage<'a>>, Option<KafkaError>> {
    let mut silent = Duration::ZERO;
    loop {
        match queue.poll(TURN) {
            Some(Ok(message)) if message.offset() >= rest.stretch.end => return Ok(None),
            Some(Ok(message)) => {
                rest.read(&message);
                return Ok(Some(message));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error)) => return Err(Some(error)),
            None => {
                // What the client itself has to say comes this way.
                if let Some(Err(error)) = consumer.poll(Duration::ZERO)
                    && !matches!(error, KafkaError::PartitionEOF(_))
                {
                    return Err(Some(error));
                }
                silent += TURN;
                if silent >= SILENCE {
                    return Err(None);
                }
                if asks(silent, TURN) && matches!(rest.pass_dropped(consumer, topic), Ok(false)) {
                    return Ok(None);
                }
            }
        }
    }
}
