//! What is asked of brokers again, since the answer is about to change by itself.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

/// Between two times that the same is asked.
const AGAIN: Duration = Duration::from_millis(100);

/// Asks for up to `wait`, as long as the topic is not known yet to the broker that is asked or has
/// no leader: it was made a moment ago, or a broker has gone and another takes its lead over.
pub(super) fn patiently<T>(wait: Duration, ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    let until = Instant::now() + wait;
    loop {
        let asked = ask();
        let code = asked.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        let is_passing = matches!(
            code,
            Some(LeaderNotAvailable | NotLeaderForPartition | UnknownTopicOrPartition)
        );
        if !is_passing || Instant::now() >= until {
            return asked;
        }
        std::thread::sleep(AGAIN);
    }
}
