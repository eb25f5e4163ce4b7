//! Reads whole topics of our own, every partition, from positions kept elsewhere.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::Metadata;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

use super::link::Link;
use super::patience::patiently;

const METADATA: Duration = Duration::from_secs(10);
/// How long a look for added partitions may take.
const LOOK: Duration = Duration::from_secs(2);

struct Context(Arc<Link>);

impl ClientContext for Context {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note_error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.note_statistics(&statistics);
    }
}

impl ConsumerContext for Context {}

/// A consumer without a group.
pub struct Reader {
    consumer: BaseConsumer<Context>,
    topics: Vec<String>,
    assigned: BTreeSet<(String, i32)>,
    /// Partitions that were read to their end, where that is told: of a single topic.
    ended: RefCell<BTreeSet<i32>>,
}

/// Where partitions ended at a time, but for those that have been read as far since.
pub struct Backlog(BTreeMap<(String, i32), i64>);

impl Backlog {
    /// Everything that was there then has been read. The last offset may hold no record: a
    /// transaction's mark does not.
    pub fn is_read(&self, reader: &Reader) -> bool {
        let ended = reader.ended.borrow();
        self.0.keys().all(|(_, partition)| ended.contains(partition))
    }

    pub fn read(&mut self, message: &BorrowedMessage<'_>) {
        let place = (message.topic().to_owned(), message.partition());
        if self.0.get(&place).is_some_and(|end| message.offset() + 1 >= *end) {
            self.0.remove(&place);
        }
    }
}

/// Where a partition without a kept position begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Beginning,
    End,
}

impl Reader {
    /// Assigns every partition of `topics`. Fails where the broker does not answer: try again.
    ///
    /// With `pulse` it tells the link every second whether a broker can be reached. For one
    /// reader of a process, one that is polled all the time.
    pub fn open(
        mut client: ClientConfig,
        link: Arc<Link>,
        topics: &[&str],
        positions: &BTreeMap<(String, i32), i64>,
        from: From,
        pulse: bool,
    ) -> KafkaResult<Self> {
        client
            .set("statistics.interval.ms", if pulse { "1000" } else { "0" })
            .set("group.id", "tidewaiter-reader")
            .set("enable.auto.commit", "false")
            // The client tells of an end by the partition's number alone.
            .set("enable.partition.eof", if topics.len() == 1 { "true" } else { "false" })
            .set("fetch.queue.backoff.ms", "5")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed");
        let consumer: BaseConsumer<Context> = client.create_with_context(Context(link))?;
        let mut assigned = TopicPartitionList::new();
        for topic in topics {
            for partition in partitions(&consumer, topic)? {
                let kept = positions.get(&((*topic).to_owned(), partition));
                let offset = match (kept, from) {
                    (Some(&next), _) => Offset::Offset(next),
                    (None, From::Beginning) => Offset::Beginning,
                    (None, From::End) => Offset::End,
                };
                assigned.add_partition_offset(topic, partition, offset)?;
            }
        }
        consumer.assign(&assigned)?;
        let assigned = assigned
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        let topics = topics.iter().map(|&topic| topic.to_owned()).collect();
        Ok(Self { consumer, topics, assigned, ended: RefCell::default() })
    }

    /// Takes up partitions that were added to the topics since, from their beginning. May wait
    /// for the broker, at most two seconds.
    pub fn take_up_partitions(&mut self) -> KafkaResult<()> {
        let mut added = TopicPartitionList::new();
        for topic in &self.topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), LOOK)?;
            for partition in numbers(&metadata) {
                if self.assigned.insert((topic.clone(), partition)) {
                    added.add_partition_offset(topic, partition, Offset::Beginning)?;
                }
            }
        }
        if added.count() == 0 {
            return Ok(());
        }
        tracing::info!(partitions = added.count(), "reading partitions that were added");
        self.consumer.incremental_assign(&added)
    }

    /// What is there now, for who has opened it from the beginning.
    pub fn backlog(&self) -> KafkaResult<Backlog> {
        let mut ends = BTreeMap::new();
        for (topic, partition) in &self.assigned {
            let (start, end) = self.watermarks(topic, *partition)?;
            if end > start {
                ends.insert((topic.clone(), *partition), end);
            }
        }
        Ok(Backlog(ends))
    }

    /// Where a partition begins and ends.
    fn watermarks(&self, topic: &str, partition: i32) -> KafkaResult<(i64, i64)> {
        patiently(METADATA, || self.consumer.fetch_watermarks(topic, partition, METADATA))
    }

    pub fn poll(&self, timeout: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        match self.consumer.poll(timeout) {
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.ended.borrow_mut().insert(partition);
                None
            }
            polled => polled,
        }
    }
}

fn numbers(metadata: &Metadata) -> impl Iterator<Item = i32> {
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    partitions.map(|partition| partition.id())
}

/// Every partition of a topic; the error is that there is none.
fn partitions(consumer: &BaseConsumer<Context>, topic: &str) -> KafkaResult<Vec<i32>> {
    patiently(METADATA, || {
        let metadata = consumer.fetch_metadata(Some(topic), METADATA)?;
        let found: Vec<i32> = numbers(&metadata).collect();
        if found.is_empty() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        Ok(found)
    })
}
