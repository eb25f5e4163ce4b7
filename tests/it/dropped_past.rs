//! Reading a past whose oldest records the broker drops meanwhile, as the embedded one does with
//! what is more than some megabytes a partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidewaiter::adapters::kafka::{EmbeddedBroker, History, KafkaConfig, Link};
use tidewaiter::adapters::telemetry::Telemetry;

const TOPIC: &str = "access";
/// More than it keeps.
const MANY: usize = 12_000;
/// In flight at once.
const AHEAD: i32 = 2_000;

fn producer(address: &str) -> BaseProducer {
    ClientConfig::new().set("bootstrap.servers", address).create().unwrap()
}

/// Sends one, or waits a little where there are enough on their way.
fn send(producer: &BaseProducer) -> bool {
    let payload = "r".repeat(500);
    let record = BaseRecord::<str, str>::to(TOPIC).partition(0).payload(&payload);
    let sent = producer.in_flight_count() < AHEAD && producer.send(record).is_ok();
    producer.poll(if sent { Duration::ZERO } else { Duration::from_millis(1) });
    sent
}

fn produce(address: &str, records: usize) {
    let producer = producer(address);
    let mut sent = 0;
    while sent < records {
        sent += usize::from(send(&producer));
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

fn full_broker() -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().unwrap();
    broker.create_topic(TOPIC, 2).unwrap();
    produce(&broker.address(), MANY);
    broker
}

fn open(address: &str) -> History {
    let kafka = KafkaConfig { brokers: address.to_owned(), ..KafkaConfig::default() };
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    History::open(&kafka, &[TOPIC.to_owned()], None, &link).unwrap()
}

#[test]
fn what_is_left_of_the_past_is_read_where_some_was_dropped() {
    const MORE: usize = 3_000;
    let broker = full_broker();
    let address = broker.address();
    let (one_by_one, merged) = (open(&address), open(&address));
    produce(&address, MORE);
    let left = open(&address).total() - MORE as u64;
    assert!(left > 0 && left < one_by_one.total());

    let mut read = 0;
    one_by_one.each(|_| read += 1).unwrap();
    assert_eq!(read, left);
    let mut read = 0;
    merged.merged(|_, _, _| Some(0), |_| read += 1).unwrap();
    assert_eq!(read, left);
}

#[test]
fn reading_ends_while_records_are_dropped_faster_than_they_are_asked_for() {
    let broker = full_broker();
    let address = broker.address();
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let producer = producer(&address);
            while !enough.load(Ordering::Relaxed) {
                send(&producer);
            }
        });
        let one_by_one = open(&address).each(|_| ());
        let merged = open(&address).merged(|_, _, _| Some(0), |_| ());
        enough.store(true, Ordering::Relaxed);
        one_by_one.unwrap();
        merged.unwrap();
    });
}
