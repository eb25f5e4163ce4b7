//! Tidewaiter's own topics at start.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaConfig;
use super::link::Link;
use crate::adapters::secrets::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("cannot make a Kafka client: {0}")]
    Client(KafkaError),
    #[error(
        "topic {topic} does not exist and cannot be created ({reason}): create it, or allow this client to"
    )]
    Missing { topic: String, reason: String },
    #[error("stopped while waiting for Kafka")]
    Stopped,
}

const TIMEOUT: Duration = Duration::from_secs(5);
const WAIT_FIRST: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What a topic of ours needs beyond the broker's defaults: name, how many partitions, settings.
struct Wanted<'a> {
    name: &'a str,
    partitions: i32,
    settings: Vec<(&'static str, &'static str)>,
}

/// Waits for a broker, as long as it takes, then makes what is missing. Input topics that do not
/// exist are only named in the log: they may come later.
pub async fn ensure_topics(
    config: &KafkaConfig,
    inputs: &[String],
    link: &Arc<Link>,
    stop: &AtomicBool,
) -> Result<(), TopicsError> {
    let admin: AdminClient<_> = config.client("admin")?.create().map_err(TopicsError::Client)?;
    let existing = wait_for_metadata(admin.inner(), link, stop).await?;
    for input in inputs.iter().filter(|input| !existing.contains(*input)) {
        tracing::warn!(topic = %input, "input topic does not exist yet; it is read once it does");
    }
    let topics = config.topics();
    let day = [("retention.ms", "86400000")];
    let wanted = [
        Wanted { name: &topics.findings, partitions: config.partitions, settings: vec![] },
        Wanted { name: &topics.evidence, partitions: config.partitions, settings: day.to_vec() },
        Wanted { name: &topics.watch, partitions: 1, settings: vec![("retention.ms", "3600000")] },
        Wanted { name: &topics.alerts, partitions: 1, settings: vec![] },
        Wanted { name: &topics.dead_letter, partitions: 1, settings: vec![] },
    ];
    let missing: Vec<&Wanted<'_>> =
        wanted.iter().filter(|topic| !existing.contains(topic.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !config.create_topics {
        return Err(TopicsError::Missing {
            topic: missing[0].name.to_owned(),
            reason: "kafka.create_topics is false".into(),
        });
    }
    let new = missing.iter().map(|topic| {
        let replication = TopicReplication::Fixed(config.replication);
        let new = NewTopic::new(topic.name, topic.partitions, replication);
        topic.settings.iter().fold(new, |new, (key, value)| new.set(key, value))
    });
    let new: Vec<NewTopic<'_>> = new.collect();
    let options =
        AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
    let created = admin.create_topics(&new, &options).await.map_err(|error| {
        TopicsError::Missing { topic: missing[0].name.to_owned(), reason: error.to_string() }
    })?;
    for result in created {
        match result {
            Ok(topic) => tracing::info!(%topic, "created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(TopicsError::Missing { topic, reason: code.to_string() });
            }
        }
    }
    Ok(())
}

async fn wait_for_metadata<C: rdkafka::ClientContext>(
    client: &Client<C>,
    link: &Link,
    stop: &AtomicBool,
) -> Result<BTreeSet<String>, TopicsError> {
    let mut wait = WAIT_FIRST;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(TopicsError::Stopped);
        }
        match tokio::task::block_in_place(|| client.fetch_metadata(None, TIMEOUT)) {
            Ok(metadata) => {
                return Ok(metadata.topics().iter().map(|t| t.name().to_owned()).collect());
            }
            Err(error) => {
                link.note_error(&error, "no broker answers yet");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WAIT_MAX);
            }
        }
    }
}
