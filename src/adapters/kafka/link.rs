//! The client's own voice: whether the brokers can be reached, told to telemetry and the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;

use crate::adapters::telemetry::Telemetry;

/// The same complaint is logged at most this often.
const REPEAT_MS: i64 = 10_000;

/// What every client of ours says, in one place: librdkafka repeats itself many times a second
/// while a broker is away.
pub struct Link {
    telemetry: Arc<Telemetry>,
    connected: AtomicBool,
    assigned: AtomicBool,
    complained_ms: AtomicI64,
}

impl Link {
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            telemetry,
            connected: AtomicBool::new(false),
            assigned: AtomicBool::new(false),
            complained_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// True once the group has said which partitions are ours, be it none.
    pub fn is_assigned(&self) -> bool {
        self.assigned.load(Ordering::Relaxed)
    }

    pub fn note_assigned(&self) {
        self.assigned.store(true, Ordering::Relaxed);
    }

    /// True where some broker is up, by librdkafka's own statistics.
    pub fn note_statistics(&self, statistics: &Statistics) {
        let up =
            statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP");
        let was = self.connected.swap(up, Ordering::Relaxed);
        if up && !was {
            tracing::info!("connected to Kafka");
        } else if was && !up {
            tracing::warn!("lost Kafka: no broker can be reached; retrying");
        }
        self.telemetry.connected(up);
    }

    pub fn note_error(&self, error: &KafkaError, reason: &str) {
        self.telemetry.kafka_error();
        let now = wall_clock_ms();
        let last = self.complained_ms.load(Ordering::Relaxed);
        if now.saturating_sub(last) >= REPEAT_MS {
            self.complained_ms.store(now, Ordering::Relaxed);
            tracing::warn!(error = %error, reason, "Kafka client; retrying");
        }
    }
}

/// Milliseconds since the epoch by our own clock.
pub fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl ClientContext for Link {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn stats(&self, statistics: Statistics) {
        self.note_statistics(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note_error(&error, reason);
    }
}
