//! One of several processes, by a Kafka group of one partition: whoever holds it is elected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext};

use super::link::Link;

const POLL: Duration = Duration::from_millis(100);

struct Context {
    link: Arc<Link>,
    elected: Arc<AtomicBool>,
}

impl ClientContext for Context {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.link.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.note_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let goes = match rebalance {
            Rebalance::Revoke(partitions) => partitions.count() > 0,
            Rebalance::Assign(_) => false,
            Rebalance::Error(_) => true,
        };
        if goes {
            self.elected.store(false, Ordering::Relaxed);
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance
            && partitions.count() > 0
        {
            // Its records are of no interest here.
            if let Err(error) = consumer.pause(partitions) {
                self.link.note_error(&error, "cannot pause");
            }
            self.elected.store(true, Ordering::Relaxed);
        }
    }
}

/// Stands for election in `group` until told to stop; `elected` says how it stands. Of `topic`
/// only its first partition matters, so it should have no other.
pub fn stand(
    mut client: ClientConfig,
    group: &str,
    topic: &str,
    link: Arc<Link>,
    elected: Arc<AtomicBool>,
    stop: &AtomicBool,
) -> Result<(), KafkaError> {
    client
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        // Whoever holds the partition keeps it when another comes.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500");
    let context = Context { link: Arc::clone(&link), elected: Arc::clone(&elected) };
    let consumer: BaseConsumer<Context> = client.create_with_context(context)?;
    consumer.subscribe(&[topic])?;
    while !stop.load(Ordering::Relaxed) {
        if let Some(Err(error)) = consumer.poll(POLL) {
            link.note_error(&error, "cannot stand for election");
        }
    }
    elected.store(false, Ordering::Relaxed);
    Ok(())
}
