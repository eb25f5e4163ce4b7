//! The test broker itself: every kind of security lets the right client in and keeps a wrong one
//! out, and what was written outlives a kill.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::{Broker, BrokerOptions, Security};
use crate::stream::is_passing;

const DEADLINE: Duration = Duration::from_secs(30);

fn produce(config: &ClientConfig, topic: &str, payload: &str) {
    let producer: BaseProducer = config.create().unwrap();
    producer.send(BaseRecord::<str, str>::to(topic).payload(payload)).unwrap();
    producer.flush(DEADLINE).unwrap();
}

/// Everything in the topic up to `count` records, oldest first, with the kind of their timestamp.
fn consume(config: &ClientConfig, topic: &str, count: usize) -> Vec<(String, rdkafka::Timestamp)> {
    let mut config = config.clone();
    config.set("group.id", "smoke").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < count && Instant::now() < deadline {
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            let message = match message {
                Err(error) if is_passing(&error) => continue,
                message => message.unwrap(),
            };
            let payload = String::from_utf8(message.payload().unwrap().to_vec()).unwrap();
            records.push((payload, message.timestamp()));
        }
    }
    records
}

fn reaches_the_broker(config: &ClientConfig) -> bool {
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.fetch_metadata(None, Duration::from_secs(2)).is_ok()
}

fn check_security(security: Security) {
    let asked = Instant::now();
    let broker = Broker::start(BrokerOptions { security, ..Default::default() }).unwrap();
    println!("{security:?}: serves after {:?}", asked.elapsed());
    broker.create_topic("smoke", 3).unwrap();
    produce(&broker.client_config(), "smoke", "first");
    let records = consume(&broker.client_config(), "smoke", 1);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].0, "first");
    assert!(broker.create_topic("smoke", 3).unwrap_err().contains("TopicAlreadyExists"));

    if let Some(stranger) = broker.stranger_ca_file() {
        let mut config = broker.client_config();
        config.set("ssl.ca.location", stranger.to_string_lossy());
        assert!(!reaches_the_broker(&config), "trusted a certificate nobody vouched for");
    }
    if security.mechanism().is_some() {
        let mut config = broker.client_config();
        config.set("sasl.password", "wrong");
        assert!(!reaches_the_broker(&config), "let in with a wrong password");
    }
    if security != Security::Plaintext {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", broker.bootstrap());
        assert!(!reaches_the_broker(&config), "let in without TLS or credentials");
    }
}

#[test]
fn serves_plaintext() {
    check_security(Security::Plaintext);
}

#[test]
fn serves_tls() {
    check_security(Security::Tls);
}

#[test]
fn serves_scram_over_tls() {
    check_security(Security::SaslTlsScram);
}

#[test]
fn serves_plain_over_tls() {
    check_security(Security::SaslTlsPlain);
}

#[test]
fn serves_plain_in_the_clear() {
    check_security(Security::SaslPlaintext);
}

#[test]
fn keeps_its_data_and_address_over_a_kill() {
    let options =
        BrokerOptions { log_append_time: true, auto_create_topics: true, ..Default::default() };
    let mut broker = Broker::start(options).unwrap();
    let address = broker.bootstrap().to_owned();
    produce(&broker.client_config(), "auto", "before");
    broker.stop();
    assert!(!reaches_the_broker(&broker.client_config()));
    let asked = Instant::now();
    broker.restart().unwrap();
    println!("serves again after {:?}", asked.elapsed());
    assert_eq!(broker.bootstrap(), address);
    produce(&broker.client_config(), "auto", "after");
    let records = consume(&broker.client_config(), "auto", 2);
    let payloads: Vec<_> = records.iter().map(|(payload, _)| payload.as_str()).collect();
    assert_eq!(payloads, ["before", "after"]);
    assert!(matches!(records[0].1, rdkafka::Timestamp::LogAppendTime(_)));
}

#[test]
fn transactions_commit() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    broker.create_topic_with("ledger", 1, &[("cleanup.policy", "compact")]).unwrap();
    let mut config = broker.client_config();
    let producer: BaseProducer = config.set("transactional.id", "smoke").create().unwrap();
    producer.init_transactions(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::to("ledger").key("a").payload("committed")).unwrap();
    producer.commit_transaction(DEADLINE).unwrap();
    assert_eq!(consume(&broker.client_config(), "ledger", 1)[0].0, "committed");
}

#[test]
fn three_nodes_go_on_with_two() {
    let asked = Instant::now();
    let mut broker = Broker::start(BrokerOptions { nodes: 3, ..Default::default() }).unwrap();
    println!("three nodes serve after {:?}", asked.elapsed());
    broker.create_topic_with("copied", 3, &[("min.insync.replicas", "2")]).unwrap();
    produce(&broker.client_config(), "copied", "before");
    broker.stop_node(0);
    produce(&broker.client_config(), "copied", "after");
    let mut payloads: Vec<_> =
        consume(&broker.client_config(), "copied", 2).into_iter().map(|(p, _)| p).collect();
    payloads.sort_unstable();
    assert_eq!(payloads, ["after", "before"]);
    broker.restart_node(0).unwrap();
}
