//! The client's own voice: whether the brokers can be reached, told to telemetry and the log.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Broker, Statistics};

use crate::adapters::telemetry::Telemetry;

/// The same complaint is logged at most this often.
const REPEAT_MS: i64 = 10_000;
/// A broker that owes an answer and has been silent for so long is as good as gone: frozen, or cut off
/// without a word. Well beyond what an empty fetch may wait ([`FETCH_WAIT_MS_MAX`]) and a pause of
/// the broker's own; the client itself gives up after a minute.
const SILENT_US: i64 = 5_000_000;
/// How long a fetch may be told to wait for records.
pub(super) const FETCH_WAIT_MS_MAX: u32 = 2_000;
const _: () = assert!(FETCH_WAIT_MS_MAX as i64 * 2_000 < SILENT_US);

/// What every client of ours says, in one place: librdkafka repeats itself many times a second
/// while a broker is away.
pub struct Link {
    telemetry: Arc<Telemetry>,
    connected: AtomicBool,
    /// Bits of the workers whose partitions the group has told, and of those that restore theirs.
    assigned: AtomicU64,
    restoring: AtomicU64,
    workers: usize,
    missing: Mutex<Vec<String>>,
    complained_ms: AtomicI64,
    failed_ms: AtomicI64,
}

impl Link {
    /// For a process that does nothing but talk.
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self::with_workers(telemetry, 0)
    }

    /// For a process with so many workers, at most [`super::WORKERS_MAX`].
    pub fn with_workers(telemetry: Arc<Telemetry>, workers: usize) -> Self {
        Self {
            telemetry,
            connected: AtomicBool::new(false),
            assigned: AtomicU64::new(0),
            restoring: AtomicU64::new(0),
            workers,
            missing: Mutex::default(),
            complained_ms: AtomicI64::new(i64::MIN),
            failed_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// True once the group has told every worker which partitions are its own, be it none.
    pub fn is_assigned(&self) -> bool {
        self.assigned.load(Ordering::Relaxed).count_ones() as usize >= self.workers
    }

    pub fn note_assigned(&self, worker: usize) {
        self.assigned.fetch_or(1 << (worker % u64::BITS as usize), Ordering::Relaxed);
    }

    /// True while some worker takes back the state of partitions it was given.
    pub fn is_restoring(&self) -> bool {
        self.restoring.load(Ordering::Relaxed) != 0
    }

    pub fn note_restoring(&self, worker: usize, yes: bool) {
        let bit = 1 << (worker % u64::BITS as usize);
        if yes {
            self.restoring.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.restoring.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Configured input topics that do not exist, as last seen.
    pub fn missing(&self) -> Vec<String> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn note_missing(&self, topics: Vec<String>) {
        self.telemetry.inputs_missing(&topics);
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics.iter().filter(|topic| !missing.contains(topic)) {
            tracing::warn!(topic, "input topic does not exist yet; it is read once it does");
        }
        for topic in missing.iter().filter(|topic| !topics.contains(topic)) {
            tracing::info!(topic, "input topic exists now");
        }
        *missing = topics;
    }

    /// Takes librdkafka's own statistics: whether some broker is up and answers.
    pub fn note_statistics(&self, statistics: &Statistics) {
        let up = statistics.brokers.values().any(answers);
        let was = self.connected.swap(up, Ordering::Relaxed);
        if up != was {
            let nodes = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
            let mut brokers: Vec<&str> = nodes.map(|broker| &*broker.nodename).collect();
            brokers.sort_unstable();
            let brokers = brokers.join(",");
            if up {
                tracing::info!(brokers, "connected to Kafka");
            } else {
                let said = "lost Kafka: no broker can be reached, or none answers; retrying";
                tracing::warn!(brokers, "{said}");
            }
        }
        self.telemetry.connected(up);
    }

    pub fn note_error(&self, error: &KafkaError, reason: &str) {
        // The end of a topic is news to whoever reads up to it, and no error.
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        self.telemetry.kafka_error();
        // That all are down names none of them; what is told of each connection does.
        let anonymous = code == Some(RDKafkaErrorCode::AllBrokersDown);
        if !anonymous && is_due(&self.complained_ms) {
            tracing::warn!(error = %error, reason, "Kafka client; retrying");
        }
    }

    /// librdkafka's own log. Only here it says why a connection came to nothing: a certificate,
    /// a password, a closed port.
    fn note_log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Emerg, Error};
        let grave = matches!(level, Emerg | Alert | Critical | Error);
        // A connection may also close in good order, once there is one.
        let failed = grave || facility == "FAIL" && !self.is_connected();
        if failed && is_due(&self.failed_ms) {
            tracing::warn!(facility, reason = message, "Kafka connection; retrying");
        } else {
            tracing::debug!(?level, facility, message, "librdkafka");
        }
    }
}

fn answers(broker: &Broker) -> bool {
    let silent = broker.waitresp_cnt > 0 && broker.rxidle >= SILENT_US;
    broker.nodeid >= 0 && broker.state == "UP" && !silent
}

/// True where the last time was long enough ago, which then is now.
fn is_due(last_ms: &AtomicI64) -> bool {
    let now = wall_clock_ms();
    let due = now.saturating_sub(last_ms.load(Ordering::Relaxed)) >= REPEAT_MS;
    if due {
        last_ms.store(now, Ordering::Relaxed);
    }
    due
}

/// Nanoseconds since this was first asked, by a clock that never goes back.
pub fn ticks() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    u64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since the epoch by our own clock.
pub fn wall_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Before the year 2000 nothing was appended.
const APPENDED_MIN_MS: i64 = 946_684_800_000;

/// A record's time, where it has one that can be meant: some producers write seconds, or nothing
/// but zeros.
pub fn appended_ms(time_ms: Option<i64>) -> Option<i64> {
    time_ms.filter(|time_ms| *time_ms >= APPENDED_MIN_MS)
}

impl ClientContext for Link {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.note_log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.note_statistics(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note_error(&error, reason);
    }
}

/// The context of a client that has nothing to say beyond what the link says.
pub struct Linked(pub Arc<Link>);

impl ClientContext for Linked {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note_error(&error, reason);
    }
}

impl ConsumerContext for Linked {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each broker as `nodeid state waiting silent_s`.
    #[track_caller]
    fn check(brokers: &[&str], connected: bool) {
        let of = |(number, text): (usize, &&str)| {
            let [nodeid, state, waiting, silent_s] = text.split(' ').collect::<Vec<_>>()[..] else {
                panic!("four words, got `{text}`");
            };
            let number_of = |text: &str| text.parse::<i64>().expect("a number");
            let broker = Broker {
                nodeid: nodeid.parse().expect("a number"),
                state: state.to_owned(),
                waitresp_cnt: number_of(waiting),
                rxidle: number_of(silent_s) * 1_000_000,
                ..Broker::default()
            };
            (number.to_string(), broker)
        };
        let statistics = Statistics {
            brokers: brokers.iter().enumerate().map(of).collect(),
            ..Statistics::default()
        };
        let link = Link::new(Telemetry::new(&[], []));
        link.note_statistics(&statistics);
        assert_eq!(link.is_connected(), connected, "{brokers:?}");
    }

    #[test]
    fn a_broker_that_is_up_and_answers_is_enough() {
        check(&["1 UP 1 0"], true);
        check(&["1 DOWN 0 0", "2 UP 1 0"], true);
        check(&["1 UP 1 9", "2 UP 1 1"], true);
    }

    #[test]
    fn one_that_owes_an_answer_too_long_is_none() {
        check(&["1 UP 1 4"], true);
        check(&["1 UP 1 5"], false);
        check(&["1 UP 2 60", "1 UP 1 7"], false);
    }

    #[test]
    fn one_that_was_asked_nothing_may_be_silent() {
        check(&["1 UP 0 600"], true);
        // Nothing was ever heard, and nothing is awaited.
        check(&["1 UP 0 -1"], true);
    }

    #[test]
    fn what_is_no_broker_yet_is_none() {
        check(&[], false);
        check(&["-1 UP 0 0", "1 CONNECT 0 0"], false);
    }
}
