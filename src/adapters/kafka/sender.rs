//! Records out, in order, acknowledged before anything is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use super::link::Link;

/// Room for one wait, so that a shutdown is seen.
const SLICE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("cannot make a Kafka producer: {0}")]
    Create(KafkaError),
    #[error("cannot send to topic {topic}: {source}")]
    Send { topic: String, source: KafkaError },
    #[error("{0} records were refused by the broker")]
    Refused(u64),
    #[error("{0} records are still unacknowledged")]
    Pending(i32),
}

struct Deliveries {
    link: Arc<Link>,
    refused: AtomicU64,
    /// Never cleared: what was refused is lost to this producer's records.
    refused_ever: AtomicBool,
}

impl ClientContext for Deliveries {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.link.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.note_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            use rdkafka::Message;
            self.refused.fetch_add(1, Ordering::Relaxed);
            self.refused_ever.store(true, Ordering::Relaxed);
            tracing::error!(topic = message.topic(), error = %error, "a record was not accepted");
        }
    }
}

/// An idempotent producer that can say whether everything arrived.
pub struct Sender {
    producer: BaseProducer<Deliveries>,
}

impl Sender {
    pub fn new(mut client: ClientConfig, link: Arc<Link>) -> Result<Self, SendError> {
        client
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            // A record waits for a broker that is away as long as it takes.
            .set("message.timeout.ms", "0");
        let deliveries =
            Deliveries { link, refused: AtomicU64::new(0), refused_ever: AtomicBool::new(false) };
        let producer = client.create_with_context(deliveries).map_err(SendError::Create)?;
        Ok(Self { producer })
    }

    /// Queues a record; waits while the queue is full.
    pub fn send(&self, topic: &str, key: &str, payload: &[u8]) -> Result<(), SendError> {
        let mut record = BaseRecord::to(topic).key(key).payload(payload);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(SLICE);
                }
                Err((source, _)) => {
                    return Err(SendError::Send { topic: topic.to_owned(), source });
                }
            }
        }
    }

    /// Serves delivery reports without waiting.
    pub fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// True once the broker has refused a record for good: nothing after it may be committed.
    pub fn has_refused(&self) -> bool {
        self.producer.context().refused_ever.load(Ordering::Relaxed)
    }

    /// Waits until everything queued is acknowledged, at most `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), SendError> {
        let deadline = Instant::now() + timeout;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= deadline {
                return Err(SendError::Pending(self.producer.in_flight_count()));
            }
            let _ = self.producer.flush(SLICE);
        }
        match self.producer.context().refused.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            refused => Err(SendError::Refused(refused)),
        }
    }
}
