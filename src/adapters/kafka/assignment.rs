//! Which partitions are ours. The group's word is only noted here: the worker acts on it, since it
//! alone holds the state that must be saved before a partition goes, and restored before one
//! is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::link::Link;
use crate::adapters::telemetry::Telemetry;

/// A topic's partition.
pub type Partition = (String, i32);

/// What the group wants of this worker, in order.
pub enum Change {
    /// To be read from where the group and the changelog say.
    Assigned(TopicPartitionList),
    /// To be given up once their state is saved.
    Revoked(TopicPartitionList),
    /// Somebody else's already: nothing of them may be saved.
    Lost(TopicPartitionList),
}

/// How far a partition has been read.
#[derive(Clone, Copy)]
struct Place {
    /// Offset of the next record.
    next: i64,
    /// Where the partition ended when the broker last said.
    end: Option<i64>,
}

/// The consumer's context.
pub struct Assignment {
    link: Arc<Link>,
    telemetry: Arc<Telemetry>,
    places: Mutex<BTreeMap<Partition, Place>>,
    changes: Mutex<Vec<Change>>,
    /// The worker is gone: the group is answered here.
    closing: AtomicBool,
}

impl Assignment {
    pub fn new(link: Arc<Link>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            link,
            telemetry,
            places: Mutex::default(),
            changes: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Changes since the last call, in order.
    pub fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn has_changes(&self) -> bool {
        !self.changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Notes how far a partition has been read.
    pub fn advance(&self, partition: &Partition, next: i64) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(partition) {
            Some(place) => place.next = next,
            None => drop(places.insert(partition.clone(), Place { next, end: None })),
        }
    }

    /// Whether everything a partition was last known to hold has been judged.
    pub fn is_read_out(&self, partition: &Partition) -> bool {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(partition).is_some_and(|place| place.end.is_some_and(|end| end <= place.next))
    }

    pub fn forget(&self, partition: &Partition) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(partition);
        self.telemetry.forget_partition(&partition.0, partition.1);
    }

    /// From now on nobody acts on changes: partitions are given up at once, and so are those of
    /// changes that were noted and not acted on. The group waits for every answer.
    pub fn close(&self, consumer: &BaseConsumer<Self>) {
        self.closing.store(true, Ordering::Relaxed);
        self.changes().iter().for_each(|change| self.decline(consumer, change));
    }

    fn decline(&self, consumer: &BaseConsumer<Self>, change: &Change) {
        let answered = match change {
            Change::Assigned(_) => answer(consumer, Some(&TopicPartitionList::new()), None),
            Change::Revoked(list) | Change::Lost(list) => answer(consumer, None, Some(list)),
        };
        if let Err(error) = answered {
            self.link.note_error(&error, "cannot leave the group in good order");
        }
    }
}

/// Tells the group that partitions are taken or given up, in the way it works.
pub fn answer<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    take: Option<&TopicPartitionList>,
    give: Option<&TopicPartitionList>,
) -> KafkaResult<()> {
    let cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
    match (take, give) {
        (Some(take), _) if cooperative => consumer.incremental_assign(take),
        (Some(take), _) => consumer.assign(take),
        (None, Some(give)) if cooperative => consumer.incremental_unassign(give),
        (None, _) => consumer.unassign(),
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
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for ((topic, partition), place) in places.iter_mut() {
            let end = statistics
                .topics
                .get(topic)
                .and_then(|topic| topic.partitions.get(partition))
                .map(|partition| partition.hi_offset)
                .filter(|&end| end >= 0);
            if let Some(end) = end {
                place.end = Some(end);
                self.telemetry.lag(topic, *partition, (end - place.next).max(0));
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
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                Change::Assigned(partitions.clone())
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS if consumer.assignment_lost() => {
                Change::Lost(partitions.clone())
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                Change::Revoked(partitions.clone())
            }
            _ => Change::Lost(partitions.clone()),
        };
        if !self.closing.load(Ordering::Relaxed) {
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            return;
        }
        self.decline(consumer, &change);
    }
}
