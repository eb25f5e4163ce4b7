//! Records out, in order, acknowledged before anything is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use super::link::Link;

/// One look at deliveries while a lot is waited for.
const TURN: Duration = Duration::from_millis(2);
/// Room for one wait, so that a shutdown is seen.
const SLICE: Duration = Duration::from_millis(100);
/// How long a process that is to stop still waits for room in the queue, while a broker is there.
const STOPPING_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("cannot make a Kafka producer: {0}")]
    Create(KafkaError),
    #[error("cannot send to topic {topic}: {source}")]
    Send { topic: String, source: KafkaError },
    #[error(
        "cannot send to topic {topic}: the queue to the broker is full, and the process is to stop"
    )]
    Stopped { topic: String },
    #[error("{0} records were refused by the broker")]
    Refused(u64),
    #[error("{0} records are still unacknowledged")]
    Pending(i64),
}

struct Deliveries {
    link: Arc<Link>,
    refused: AtomicU64,
    /// Records of each lot that are not acknowledged yet.
    pending: [AtomicI64; 2],
}

/// Everything sent between two closings; there are never more than two that matter.
#[derive(Clone, Copy, Debug)]
pub struct Lot(usize);

impl ClientContext for Deliveries {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.link.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.note_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The record's lot.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, lot: usize) {
        // After the refusal is counted, so that a lot without pending records has told all of them.
        struct Done<'a>(&'a AtomicI64);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Release);
            }
        }
        let _done = Done(&self.pending[lot & 1]);
        if let Err((error, message)) = result {
            use rdkafka::Message;
            self.refused.fetch_add(1, Ordering::Relaxed);
            use RDKafkaErrorCode::{PurgeInflight, PurgeQueue};
            if matches!(error.rdkafka_error_code(), Some(PurgeInflight | PurgeQueue)) {
                // Whoever owned this sender gave it up without waiting for the rest.
                return;
            }
            tracing::error!(topic = message.topic(), error = %error, "a record was not accepted");
        }
    }
}

/// An idempotent producer that can say whether everything arrived.
pub struct Sender {
    producer: BaseProducer<Deliveries>,
    stop: Arc<AtomicBool>,
    lot: AtomicUsize,
}

impl Sender {
    /// Once `stop` is set, a full queue is soon an error instead of something to wait for.
    pub fn new(
        mut client: ClientConfig,
        link: Arc<Link>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, SendError> {
        client
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            // A record waits for a broker that is away as long as it takes.
            .set("message.timeout.ms", "0");
        let deliveries =
            Deliveries { link, refused: AtomicU64::new(0), pending: Default::default() };
        let producer = client.create_with_context(deliveries).map_err(SendError::Create)?;
        Ok(Self { producer, stop, lot: AtomicUsize::new(0) })
    }

    /// Queues a record; waits while the queue is full, unless the process is to stop.
    pub fn send(&self, topic: &str, key: &str, payload: &[u8]) -> Result<(), SendError> {
        self.account(topic, |record| record.key(key).payload(payload))
    }

    /// Withdraws the record under `key` from a compacted topic.
    pub fn withdraw(&self, topic: &str, key: &str) -> Result<(), SendError> {
        self.account(topic, |record| record.key(key))
    }

    /// The same to a partition of the sender's choosing, without a key.
    pub fn send_to(&self, topic: &str, partition: i32, payload: &[u8]) -> Result<(), SendError> {
        self.account(topic, |record| record.partition(partition).payload(payload))
    }

    fn account<'r>(
        &self,
        topic: &'r str,
        fill: impl FnOnce(BaseRecord<'r, str, [u8], usize>) -> BaseRecord<'r, str, [u8], usize>,
    ) -> Result<(), SendError> {
        let lot = self.lot.load(Ordering::Relaxed) & 1;
        let pending = &self.producer.context().pending[lot];
        pending.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue(topic, fill(BaseRecord::with_opaque_to(topic, lot)));
        if sent.is_err() {
            pending.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }

    fn queue(
        &self,
        topic: &str,
        mut record: BaseRecord<'_, str, [u8], usize>,
    ) -> Result<(), SendError> {
        let mut stopping = None;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if self.stop.load(Ordering::Relaxed) {
                        let since = *stopping.get_or_insert_with(Instant::now);
                        let gone = !self.producer.context().link.is_connected();
                        if gone || since.elapsed() >= STOPPING_MAX {
                            return Err(SendError::Stopped { topic: topic.to_owned() });
                        }
                    }
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

    /// Closes the lot: what is sent from now on belongs to the next. The lot before must have
    /// arrived.
    pub fn close_lot(&self) -> Lot {
        Lot(self.lot.fetch_add(1, Ordering::Relaxed) & 1)
    }

    /// Waits until everything of a closed lot is acknowledged, as long as it takes; a process that
    /// is to stop does not wait for a broker that is away.
    pub fn wait_for(&self, lot: Lot) -> Result<(), SendError> {
        let deliveries = self.producer.context();
        let mut stopping = None;
        loop {
            let pending = deliveries.pending[lot.0].load(Ordering::Acquire);
            if pending <= 0 {
                return self.refusals();
            }
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopping.get_or_insert_with(Instant::now);
                if !deliveries.link.is_connected() || since.elapsed() >= STOPPING_MAX {
                    return Err(SendError::Pending(pending));
                }
            }
            self.producer.poll(TURN);
        }
    }

    /// Waits until everything queued is acknowledged, at most `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), SendError> {
        let deadline = Instant::now() + timeout;
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= deadline {
                return Err(SendError::Pending(self.producer.in_flight_count().into()));
            }
            let _ = self.producer.flush(SLICE);
        }
        self.refusals()
    }

    fn refusals(&self) -> Result<(), SendError> {
        match self.producer.context().refused.swap(0, Ordering::Relaxed) {
            0 => Ok(()),
            refused => Err(SendError::Refused(refused)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::telemetry::Telemetry;

    /// A sender to nobody, with room for ten records.
    fn to_nobody(stop: &Arc<AtomicBool>) -> Sender {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", "127.0.0.1:1").set("queue.buffering.max.messages", "10");
        client.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let link = Arc::new(Link::new(Telemetry::new(&[], [])));
        Sender::new(client, link, Arc::clone(stop)).unwrap()
    }

    #[test]
    fn a_full_queue_holds_up_no_shutdown_while_the_broker_is_away() {
        let stop = Arc::new(AtomicBool::new(true));
        let sender = to_nobody(&stop);
        for _ in 0..10 {
            sender.send("findings", "ann", b"{}").unwrap();
        }
        let full = sender.send("findings", "ann", b"{}");
        assert!(matches!(full, Err(SendError::Stopped { topic }) if topic == "findings"));
    }
}
