//! State and offsets in one Kafka transaction: either both are there afterwards, or neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};

use super::link::{Link, ticks};

#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    #[error("cannot make a Kafka producer: {0}")]
    Create(KafkaError),
    #[error("the process is to stop while the broker is away")]
    Stopped,
    /// Another worker has taken over the name, or the broker rules it out for good.
    #[error(
        "this worker may no longer write ({0}): is another process running under the same kafka.instance?"
    )]
    Fenced(KafkaError),
    /// Nothing of the transaction is there; it can be tried again.
    #[error("the transaction was undone: {0}")]
    Undone(KafkaError),
}

/// One attempt at anything; between attempts a shutdown is seen.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How long a process that is to stop still tries.
const STOPPING_MAX: Duration = Duration::from_secs(8);
/// A transaction whose worker has died is ended by the broker after this.
const TIMEOUT_MS: &str = "10000";

/// Record of a changelog: topic, partition, key, and value or its withdrawal.
pub struct Change<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

struct Context(Arc<Link>);

impl ClientContext for Context {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note_error(&error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Since when a call into the client has been under way, for whoever waits for it.
///
/// `send_offsets_to_transaction` of librdkafka 2.12 keeps to no time: where the group's coordinator
/// goes away at the wrong moment it may never come back (librdkafka issues 5456 and 5511).
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

/// A call that is to take [`ATTEMPT`] at most, and has not come back for so long, is lost.
const LOST_AFTER: Duration = Duration::from_secs(8);

impl Pulse {
    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.0.store(ticks().max(1), Ordering::Relaxed);
        let done = call();
        self.0.store(0, Ordering::Relaxed);
        done
    }

    /// Whether a call is under way that will not come back.
    pub fn is_lost(&self) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since > 0 && Duration::from_nanos(ticks().saturating_sub(since)) >= LOST_AFTER
    }
}

/// A transactional producer. One a worker, under a name of its own.
pub struct Transactions {
    producer: BaseProducer<Context>,
    stop: Arc<AtomicBool>,
    pulse: Arc<Pulse>,
}

impl Transactions {
    /// Takes the name over: whoever had it before can write no more, and what it left open is
    /// undone. Waits for a broker as long as it takes.
    pub fn open(
        mut client: ClientConfig,
        name: &str,
        link: Arc<Link>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, TransactionError> {
        client
            .set("transactional.id", name)
            .set("transaction.timeout.ms", TIMEOUT_MS)
            .set("compression.type", "lz4")
            .set("linger.ms", "5");
        let producer =
            client.create_with_context(Context(link)).map_err(TransactionError::Create)?;
        let transactions = Self { producer, stop, pulse: Arc::default() };
        transactions.attempt(|producer| producer.init_transactions(ATTEMPT))?;
        Ok(transactions)
    }

    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Writes the changes and commits the offsets, both or neither.
    pub fn commit<'a>(
        &self,
        changes: impl IntoIterator<Item = Change<'a>>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        let done = self.try_commit(changes, offsets, group);
        match done {
            Err(TransactionError::Undone(error)) => {
                self.abort()?;
                Err(TransactionError::Undone(error))
            }
            done => done,
        }
    }

    fn try_commit<'a>(
        &self,
        changes: impl IntoIterator<Item = Change<'a>>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), TransactionError> {
        self.producer.begin_transaction().map_err(told)?;
        for change in changes {
            self.send(&change)?;
        }
        self.attempt(|producer| producer.send_offsets_to_transaction(offsets, group, ATTEMPT))?;
        self.attempt(|producer| producer.commit_transaction(ATTEMPT))
    }

    fn send(&self, change: &Change<'_>) -> Result<(), TransactionError> {
        let mut record =
            BaseRecord::<[u8], [u8]>::to(change.topic).partition(change.partition).key(change.key);
        if let Some(value) = change.value {
            record = record.payload(value);
        }
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if self.stop.load(Ordering::Relaxed)
                        && !self.producer.context().0.is_connected()
                    {
                        return Err(TransactionError::Stopped);
                    }
                    record = back;
                    self.producer.poll(Duration::from_millis(50));
                }
                Err((error, _)) => return Err(TransactionError::Undone(error)),
            }
        }
    }

    fn abort(&self) -> Result<(), TransactionError> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        self.attempt(|producer| {
            let _ = producer.flush(ATTEMPT);
            producer.abort_transaction(ATTEMPT)
        })
    }

    /// Again and again while the broker is away; ends with a verdict.
    fn attempt(
        &self,
        mut ask: impl FnMut(&BaseProducer<Context>) -> Result<(), KafkaError>,
    ) -> Result<(), TransactionError> {
        let mut stopping = None;
        loop {
            let error = match self.pulse.during(|| ask(&self.producer)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !is_passing(&error) {
                return Err(told(error));
            }
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopping.get_or_insert_with(Instant::now);
                if since.elapsed() >= STOPPING_MAX || !self.producer.context().0.is_connected() {
                    return Err(TransactionError::Stopped);
                }
            }
        }
    }
}

/// Worth another attempt as it stands.
fn is_passing(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable(),
        KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut) => true,
        _ => false,
    }
}

fn told(error: KafkaError) -> TransactionError {
    match &error {
        KafkaError::Transaction(inner) if inner.is_fatal() => TransactionError::Fenced(error),
        _ => TransactionError::Undone(error),
    }
}
