//! Which partitions are ours, and from where they are read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::link::Link;
use super::sender::Sender;
use crate::adapters::telemetry::Telemetry;

/// A topic's partition.
pub type Partition = (String, i32);

/// How far a partition has been handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset of the next record.
    pub next: i64,
    /// Broker time of the last record, in milliseconds.
    pub time_ms: i64,
}

/// What a rebalance changed, for the worker to take up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Records below `warm_until` were handed on before; they only rebuild the state.
    Assigned {
        partition: Partition,
        warm_until: i64,
    },
    Revoked {
        partition: Partition,
    },
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// For a look at what is committed.
const LOOK: Duration = Duration::from_secs(2);
/// What may be lost of a flush when partitions are taken away: it is only read again elsewhere.
const FLUSH_ON_REVOKE: Duration = Duration::from_secs(5);

/// The consumer's context: keeps positions, commits them, and decides where reading starts.
pub struct Assignment {
    link: Arc<Link>,
    telemetry: Arc<Telemetry>,
    sender: Arc<Sender>,
    warmup_ms: i64,
    positions: Mutex<BTreeMap<Partition, Position>>,
    changes: Mutex<Vec<Change>>,
}

impl Assignment {
    pub fn new(
        link: Arc<Link>,
        telemetry: Arc<Telemetry>,
        sender: Arc<Sender>,
        warmup_s: u32,
    ) -> Self {
        Self {
            link,
            telemetry,
            sender,
            warmup_ms: i64::from(warmup_s) * 1_000,
            positions: Mutex::default(),
            changes: Mutex::default(),
        }
    }

    /// Changes since the last call, in order.
    pub fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what has been handed to the producer.
    pub fn advance(&self, partition: &Partition, position: Position) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        match positions.get_mut(partition) {
            Some(place) => *place = position,
            None => {
                positions.insert(partition.clone(), position);
            }
        }
    }

    /// Asks the broker to commit every position; [`Assignment::is_committed`] says whether it has.
    /// Only to be called once the producer has flushed. Never waits for the answer: a broker that
    /// is away would hold the caller for as long as it is.
    pub fn commit(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        let list = self.list()?;
        if list.count() == 0 {
            return Ok(());
        }
        consumer.commit(&list, CommitMode::Async)
    }

    /// True where the broker has every position. Waits at most two seconds.
    pub fn is_committed(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<bool> {
        let list = self.list()?;
        if list.count() == 0 {
            return Ok(true);
        }
        let committed = consumer.committed_offsets(list, LOOK)?;
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(committed.elements().iter().all(|element| {
            let partition = (element.topic().to_owned(), element.partition());
            let next = positions.get(&partition).map(|position| position.next);
            next.is_none_or(|next| element.offset() == Offset::Offset(next))
        }))
    }

    fn list(&self) -> KafkaResult<TopicPartitionList> {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for ((topic, partition), position) in positions.iter() {
            let mut place = list.add_partition(topic, *partition);
            place.set_offset(Offset::Offset(position.next))?;
            place.set_metadata(position.time_ms.to_string());
        }
        Ok(list)
    }

    /// Sets where each new partition is read from: the committed offset, less the warm-up.
    fn place(&self, consumer: &BaseConsumer<Self>, assigned: &mut TopicPartitionList) {
        let committed = consumer.committed_offsets(assigned.clone(), TIMEOUT);
        let committed = match committed {
            Ok(committed) => committed,
            Err(error) => {
                // Without positions of our own the client goes by the group's.
                self.link.note_error(&error, "cannot read committed offsets");
                return;
            }
        };
        let warm = self.warm_starts(consumer, &committed);
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for element in committed.elements() {
            let partition = (element.topic().to_owned(), element.partition());
            let Offset::Offset(next) = element.offset() else {
                changes.push(Change::Assigned { partition, warm_until: 0 });
                continue;
            };
            let from = warm.get(&partition).copied().filter(|&from| from < next).unwrap_or(next);
            if let Some(mut place) = assigned.find_partition(&partition.0, partition.1)
                && place.set_offset(Offset::Offset(from)).is_err()
            {
                continue;
            }
            let time_ms = element.metadata().parse().unwrap_or(0);
            self.advance(&partition, Position { next, time_ms });
            changes.push(Change::Assigned { partition, warm_until: next });
        }
    }

    /// For partitions whose commit says when it was: the first offset within the warm-up.
    fn warm_starts(
        &self,
        consumer: &BaseConsumer<Self>,
        committed: &TopicPartitionList,
    ) -> BTreeMap<Partition, i64> {
        let mut wanted = TopicPartitionList::new();
        for element in committed.elements() {
            let time_ms: i64 = element.metadata().parse().unwrap_or(0);
            if time_ms > 0 && self.warmup_ms > 0 && matches!(element.offset(), Offset::Offset(_)) {
                let since = Offset::Offset((time_ms - self.warmup_ms).max(0));
                let _ = wanted.add_partition_offset(element.topic(), element.partition(), since);
            }
        }
        if wanted.count() == 0 {
            return BTreeMap::new();
        }
        match consumer.offsets_for_times(wanted, TIMEOUT) {
            Ok(found) => found
                .elements()
                .iter()
                .filter_map(|element| match element.offset() {
                    Offset::Offset(from) => {
                        Some(((element.topic().to_owned(), element.partition()), from))
                    }
                    _ => None,
                })
                .collect(),
            Err(error) => {
                tracing::warn!(error = %error, "cannot look up where the warm-up begins; starting cold");
                BTreeMap::new()
            }
        }
    }

    fn give_up(&self, consumer: &BaseConsumer<Self>, revoked: &TopicPartitionList) {
        // Whoever takes over reads the committed offsets next, so here the answer is waited for,
        // unless nobody is there to give it.
        let handed_on = self.link.is_connected()
            && self.sender.flush(FLUSH_ON_REVOKE).is_ok()
            && !self.sender.has_refused();
        let committed = if handed_on {
            self.list().and_then(|list| match list.count() {
                0 => Ok(()),
                _ => consumer.commit(&list, CommitMode::Sync),
            })
        } else {
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::BrokerNotAvailable))
        };
        if let Err(error) = committed {
            tracing::warn!(error = %error, "offsets were not committed on revocation; records are read again");
        }
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for element in revoked.elements() {
            let partition = (element.topic().to_owned(), element.partition());
            positions.remove(&partition);
            self.telemetry.forget_partition(&partition.0, partition.1);
            changes.push(Change::Revoked { partition });
        }
    }
}

impl ClientContext for Assignment {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.link.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.note_error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        for ((topic, partition), position) in positions.iter() {
            let end = statistics
                .topics
                .get(topic)
                .and_then(|topic| topic.partitions.get(partition))
                .map(|partition| partition.hi_offset)
                .filter(|&end| end >= 0);
            if let Some(end) = end {
                self.telemetry.lag(topic, *partition, (end - position.next).max(0));
            }
        }
    }
}

impl ConsumerContext for Assignment {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.place(consumer, partitions);
                tracing::info!(partitions = partitions.count(), "partitions assigned");
                self.link.note_assigned();
                if cooperative {
                    consumer.incremental_assign(partitions)
                } else {
                    consumer.assign(partitions)
                }
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.give_up(consumer, partitions);
                tracing::info!(partitions = partitions.count(), "partitions revoked");
                if cooperative {
                    consumer.incremental_unassign(partitions)
                } else {
                    consumer.unassign()
                }
            }
            _ => consumer.unassign(),
        };
        if let Err(error) = done {
            tracing::error!(error = %error, "rebalance failed");
        }
    }
}
