//! Reading our own topics, which somebody may widen while we read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidewaiter::adapters::kafka::{From, Link, Reader};
use tidewaiter::adapters::telemetry::Telemetry;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::{SharedBroker, is_passing};

const POLL: Duration = Duration::from_millis(100);

/// The payload that comes next.
fn next(reader: &Reader) -> String {
    until("a record", || match reader.poll(POLL) {
        Some(Err(error)) if is_passing(&error) => Err(error.to_string()),
        Some(message) => Ok(String::from_utf8(message.unwrap().payload().unwrap().into()).unwrap()),
        None => Err("nothing came".into()),
    })
}

#[test]
fn partitions_added_to_a_topic_are_read_from_their_beginning() {
    let broker = SharedBroker::get();
    let broker = broker.lock();
    broker.create_topic("widened", 1).unwrap();
    let config = broker.client_config();
    let produce = |partition: i32, payload: &str| {
        let producer: BaseProducer = config.create().unwrap();
        let record = BaseRecord::<str, str>::to("widened").partition(partition).payload(payload);
        producer.send(record).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
    };
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let positions = BTreeMap::new();
    let mut reader = until("the topic that was just made", || {
        let link = Arc::clone(&link);
        Reader::open(config.clone(), link, &["widened"], &positions, From::Beginning, false)
            .map_err(|error| error.to_string())
    });
    produce(0, "before");
    assert_eq!(next(&reader), "before");
    reader.take_up_partitions().unwrap();

    broker.widen_topic("widened", 3).unwrap();
    produce(2, "on an added one");
    until("the added partitions", || {
        reader.take_up_partitions().map_err(|error| error.to_string())?;
        match reader.poll(POLL) {
            Some(Ok(message)) if message.partition() == 2 => Ok(()),
            other => Err(format!("{:?}", other.map(|m| m.map(|m| m.offset())))),
        }
    });
    produce(0, "still read");
    assert_eq!(next(&reader), "still read");
}

#[test]
fn a_topic_that_is_made_a_moment_later_is_waited_for() {
    let broker = SharedBroker::get();
    let broker = broker.lock();
    let config = broker.client_config();
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| {
            let link = Arc::new(Link::new(Telemetry::new(&[], [])));
            let positions = BTreeMap::new();
            Reader::open(config, link, &["made_later"], &positions, From::Beginning, false)
                .map(drop)
        });
        std::thread::sleep(Duration::from_millis(500));
        assert!(!opened.is_finished());
        broker.create_topic("made_later", 1).unwrap();
        opened.join().unwrap().unwrap();
    });
}

/// A request on a partition that was added must reach the shards, or evidence is lost in silence;
/// and what is no request is said.
#[test]
fn the_monitor_hears_requests_on_added_partitions() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "widened_watch", &[("access", 1)]);
    setup.configure(broker.lock().bootstrap(), "", "");
    let mut monitor = Monitor::start(&setup.config());
    monitor.says("partitions assigned");
    until("readiness", || match monitor.get("/readyz") {
        (200, _) => Ok(()),
        (_, body) => Err(body),
    });
    broker.lock().widen_topic(&setup.own("watch"), 2).unwrap();
    monitor.says("reading partitions that were added");
    let config = broker.lock().client_config();
    let producer: BaseProducer = config.create().unwrap();
    let topic = setup.own("watch");
    let record = BaseRecord::<str, str>::to(&topic).partition(1).payload("no request");
    producer.send(record).unwrap();
    producer.flush(Duration::from_secs(30)).unwrap();
    let line = monitor.says("does not read as a request for evidence");
    assert!(line.contains(&topic), "{line}");
    monitor.stop_well();
}
