//! The changelog topics: a shard's state as it was when its offset was committed.
//!
//! One compacted topic an input topic, with as many partitions. A partition's records are those of
//! the shard (`engine::shard::Records`) and one of ours: the partition's mark.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::link::{Link, Linked};
use crate::engine::shard::{Restoring, STATE_VERSION, StateError, is_read};

#[derive(Debug, thiserror::Error)]
pub enum ChangelogError {
    #[error("cannot read the changelog {topic}: {source}")]
    Kafka { topic: String, source: KafkaError },
    #[error("changelog {topic}, partition {partition}: {source}")]
    State { topic: String, partition: i32, source: StateError },
    #[error("the changelog {topic} has gone while it was read, as after a deletion")]
    Gone { topic: String },
    #[error("the process is to stop")]
    Stopped,
}

/// Key of the partition's mark. The engine's keys begin with other letters.
pub const MARK_KEY: &[u8] = b"p";

/// What is known of an input partition beside its shard's state: how far it has been read, and
/// what became of every record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionMark {
    /// Offset at which Tidewaiter began.
    pub first: i64,
    /// Offset of the next record.
    pub next: i64,
    /// Broker time of the last record, in milliseconds.
    pub time_ms: i64,
    pub scored: u64,
    pub late: u64,
    pub duplicate: u64,
    pub dead_lettered: u64,
    /// Offsets at which the broker holds no record: compacted away, or a transaction's marks.
    pub gaps: u64,
    /// What the decoder must know of the records before: Zeek's header.
    pub header: Option<Vec<u8>>,
}

impl PartitionMark {
    pub fn records_in(&self) -> u64 {
        self.scored + self.late + self.duplicate + self.dead_lettered
    }

    /// Offsets read that are accounted for nowhere: 0, or something is wrong.
    pub fn imbalance(&self) -> i64 {
        (self.next - self.first) - (self.records_in() + self.gaps) as i64
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, StateError> {
        postcard::to_extend(self, vec![STATE_VERSION])
            .map_err(|error| StateError::Write(error.into()))
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let (&found, content) = bytes.split_first().ok_or(StateError::Empty)?;
        if !is_read(found) {
            return Err(StateError::Version { found });
        }
        let read = postcard::from_bytes(content);
        read.map_err(|error| StateError::Read { what: "a partition's mark", source: error.into() })
    }
}

/// A partition's state as the changelog has it.
#[derive(Default)]
pub struct Kept {
    pub mark: Option<PartitionMark>,
    pub shard: Restoring,
    /// Records read, older ones of the same key among them.
    pub records: u64,
}

const POLL: Duration = Duration::from_millis(100);
/// How long records are waited for whose offsets are committed: a transaction that a dead worker
/// left open is ended by the broker within twenty seconds.
const SHORT_MAX: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(2);
/// How often a long restore is told of.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Reads partitions of one changelog to their ends, each with the group's offset on the input.
/// A transaction whose offsets are there already may need a moment longer until its records are,
/// and is waited for.
pub fn read(
    mut client: ClientConfig,
    link: &Arc<Link>,
    topic: &str,
    committed: &BTreeMap<i32, Option<i64>>,
    stop: &AtomicBool,
) -> Result<BTreeMap<i32, Kept>, ChangelogError> {
    let failed = |source| ChangelogError::Kafka { topic: topic.to_owned(), source };
    client
        .set("group.id", "tidewaiter-changelog")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "5")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer<Linked> =
        client.create_with_context(Linked(Arc::clone(link))).map_err(failed)?;
    let mut assigned = TopicPartitionList::new();
    for &partition in committed.keys() {
        assigned.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&assigned).map_err(failed)?;
    let mut kept: BTreeMap<i32, Kept> =
        committed.keys().map(|&partition| (partition, Kept::default())).collect();
    let mut waiting: BTreeSet<i32> = committed.keys().copied().collect();
    let mut told = (Instant::now(), 0);
    let mut short_since = None;
    while !waiting.is_empty() {
        if stop.load(Ordering::Relaxed) {
            return Err(ChangelogError::Stopped);
        }
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let partition = message.partition();
                let kept = kept.entry(partition).or_default();
                kept.records += 1;
                let key = message.key().unwrap_or_default();
                take(kept, key, message.payload()).map_err(|source| ChangelogError::State {
                    topic: topic.to_owned(),
                    partition,
                    source,
                })?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let next = kept.get(&partition).and_then(|kept| kept.mark.as_ref()).map(|m| m.next);
                if next >= committed.get(&partition).copied().flatten() {
                    waiting.remove(&partition);
                } else {
                    short_since = short_since.or_else(|| Some(Instant::now()));
                }
            }
            Some(Err(error)) => link.note_error(&error, "cannot read the changelog"),
            None => {}
        }
        if short_since.is_some_and(|since: Instant| since.elapsed() >= SHORT_MAX) {
            break;
        }
        if told.0.elapsed() >= TELL_EVERY {
            let records: u64 = kept.values().map(|kept| kept.records).sum();
            tracing::info!(topic, partitions = waiting.len(), records, "reading saved state");
            if records == told.1 && is_gone(&consumer, topic) {
                return Err(ChangelogError::Gone { topic: topic.to_owned() });
            }
            told = (Instant::now(), records);
        }
    }
    Ok(kept)
}

/// The client waits for ever for a topic that is not there. A broker that does not answer is another
/// matter.
fn is_gone(consumer: &BaseConsumer<Linked>, topic: &str) -> bool {
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    consumer
        .fetch_metadata(Some(topic), LOOK)
        .is_ok_and(|metadata| metadata.topics().iter().any(|topic| topic.error() == Some(unknown)))
}

fn take(kept: &mut Kept, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
    if key == MARK_KEY {
        kept.mark = value.map(PartitionMark::from_bytes).transpose()?;
    } else {
        kept.shard.take(key, value);
    }
    Ok(())
}
