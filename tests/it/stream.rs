//! Kafka as these tests use it: records in, everything out, how far a group has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;

use crate::broker::{Broker, BrokerOptions};

const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// A plaintext broker that the tests running at the moment have in common; it ends with the last
/// of them. Each keeps to topics and groups of its own name.
#[derive(Clone)]
pub struct SharedBroker(Arc<Mutex<Broker>>);

impl SharedBroker {
    pub fn get() -> Self {
        static SHARED: Mutex<Weak<Mutex<Broker>>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Self(shared.upgrade().unwrap_or_else(|| {
            let broker = Broker::start(BrokerOptions::default()).unwrap();
            let broker = Arc::new(Mutex::new(broker));
            *shared = Arc::downgrade(&broker);
            broker
        }))
    }

    pub fn lock(&self) -> MutexGuard<'_, Broker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands on a topic.
#[derive(Clone, Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub payload: Vec<u8>,
}

impl Record {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|error| {
            panic!("record at {} does not parse: {error}", self.offset);
        })
    }
}

/// What is sent: key and payload, either may be absent.
pub type Sent = (Option<String>, Option<Vec<u8>>);

#[derive(Clone)]
pub struct Stream {
    config: ClientConfig,
}

impl Stream {
    pub fn new(config: ClientConfig) -> Self {
        Self { config }
    }

    /// Sends all, in order, and waits for the broker to have them.
    #[track_caller]
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Sent>) {
        let feed = self.feed();
        records.into_iter().for_each(|record| feed.send(topic, &record));
        feed.flush();
    }

    /// A producer as an agency's would be.
    pub fn feed(&self) -> Feed {
        let mut config = self.config.clone();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("compression.type", "lz4")
            .set("message.max.bytes", "16000000")
            .set("message.timeout.ms", "120000")
            // Java's way, so that a key lands where a Java producer would put it.
            .set("partitioner", "murmur2_random");
        Feed(config.create().unwrap())
    }

    /// Everything that stands on a topic now; empty where it does not exist.
    #[track_caller]
    pub fn read_all(&self, topic: &str) -> Vec<Record> {
        let consumer = self.consumer("reader");
        let ends = ends(&consumer, topic).unwrap();
        let mut assigned = TopicPartitionList::new();
        for (partition, (low, high)) in ends.iter().enumerate() {
            if high > low {
                assigned
                    .add_partition_offset(topic, partition as i32, Offset::Offset(*low))
                    .unwrap();
            }
        }
        let mut waiting: BTreeSet<i32> =
            assigned.elements().iter().map(|e| e.partition()).collect();
        consumer.assign(&assigned).unwrap();
        let deadline = Instant::now() + TIMEOUT;
        let mut records = Vec::new();
        while !waiting.is_empty() {
            assert!(Instant::now() < deadline, "cannot read {topic} to its end");
            let Some(message) = consumer.poll(POLL) else { continue };
            let message = match message {
                Err(error) if is_passing(&error) => continue,
                message => message.unwrap(),
            };
            let (_, high) = ends[message.partition() as usize];
            if message.offset() + 1 >= high {
                waiting.remove(&message.partition());
            }
            if message.offset() < high {
                records.push(Record {
                    partition: message.partition(),
                    offset: message.offset(),
                    payload: message.payload().unwrap_or_default().to_vec(),
                });
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Every record of a topic as JSON.
    #[track_caller]
    pub fn json(&self, topic: &str) -> Vec<Value> {
        self.read_all(topic).iter().map(Record::json).collect()
    }

    /// Records of the topics that the group has not committed yet.
    pub fn lag(&self, group: &str, topics: &[String]) -> Result<i64, String> {
        let consumer = self.consumer(group);
        let mut total = 0;
        for topic in topics {
            total += ends(&consumer, topic)?.iter().map(|(_, high)| high).sum::<i64>();
        }
        Ok(total - self.committed(group, topics)?)
    }

    /// Records of the topics that the group has committed.
    pub fn committed(&self, group: &str, topics: &[String]) -> Result<i64, String> {
        let consumer = self.consumer(group);
        let mut asked = TopicPartitionList::new();
        for topic in topics {
            for partition in 0..ends(&consumer, topic)?.len() {
                asked.add_partition(topic, partition as i32);
            }
        }
        let committed =
            consumer.committed_offsets(asked, TIMEOUT).map_err(|error| error.to_string())?;
        let next = |offset| if let Offset::Offset(next) = offset { next } else { 0 };
        Ok(committed.elements().iter().map(|element| next(element.offset())).sum())
    }

    /// What the group has committed, and what there is, of every partition.
    pub fn progress(&self, group: &str, topics: &[String]) -> Result<Vec<(i64, i64)>, String> {
        let consumer = self.consumer(group);
        let mut progress = Vec::new();
        for topic in topics {
            let ends = ends(&consumer, topic)?;
            let mut asked = TopicPartitionList::new();
            for partition in 0..ends.len() {
                asked.add_partition(topic, partition as i32);
            }
            let committed =
                consumer.committed_offsets(asked, TIMEOUT).map_err(|error| error.to_string())?;
            for (element, (_, end)) in committed.elements().iter().zip(ends) {
                let next = if let Offset::Offset(next) = element.offset() { next } else { 0 };
                progress.push((next, end));
            }
        }
        Ok(progress)
    }

    /// Names of all topics there are.
    pub fn topics(&self) -> BTreeSet<String> {
        let metadata = self.consumer("reader").fetch_metadata(None, TIMEOUT).unwrap();
        metadata.topics().iter().map(|topic| topic.name().to_owned()).collect()
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.config.clone();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("fetch.message.max.bytes", "16000000")
            .set("fetch.wait.max.ms", "20");
        config.create().unwrap()
    }
}

/// Records on their way to the broker.
pub struct Feed(BaseProducer);

impl Feed {
    #[track_caller]
    pub fn send(&self, topic: &str, sent: &Sent) {
        self.send_of(topic, sent, None);
    }

    /// The same, with a time of the producer's own.
    #[track_caller]
    pub fn send_of(&self, topic: &str, (key, payload): &Sent, time: Option<i64>) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic);
        if let Some(time) = time {
            record = record.timestamp(time);
        }
        if let Some(key) = key {
            record = record.key(key.as_bytes());
        }
        if let Some(payload) = payload {
            record = record.payload(payload);
        }
        while let Err((error, back)) = self.0.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "cannot produce");
            record = back;
            self.0.poll(POLL);
        }
    }

    /// Waits until the broker has everything.
    #[track_caller]
    pub fn flush(&self) {
        self.0.flush(TIMEOUT * 2).unwrap();
        assert_eq!(self.0.in_flight_count(), 0);
    }

    /// Sends what there is, for as long as is given.
    pub fn pause(&self, time: Duration) {
        self.0.poll(time);
        std::thread::park_timeout(time);
    }
}

/// True for what a consumer says of a connection that broke. It connects again by itself, to that
/// broker or another; the reader's own deadline says when that takes too long.
pub fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
    matches!(error, KafkaError::MessageConsumption(AllBrokersDown | BrokerTransportFailure))
}

/// First and next offset of each partition; none where the topic does not exist. Asked again while
/// a partition's lead is passing to another broker.
fn ends(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i64, i64)>, String> {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition};
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match ends_once(consumer, topic) {
            Err(KafkaError::MetadataFetch(LeaderNotAvailable | NotLeaderForPartition))
                if Instant::now() < deadline =>
            {
                std::thread::park_timeout(POLL);
            }
            ends => return ends.map_err(|error| error.to_string()),
        }
    }
}

fn ends_once(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i64, i64)>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
    (0..partitions)
        .map(|partition| consumer.fetch_watermarks(topic, partition as i32, TIMEOUT))
        .collect()
}
