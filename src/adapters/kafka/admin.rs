//! Tidewaiter's own topics at start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaConfig;
use super::link::{Link, Linked};
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
/// On top of the five seconds that the client itself keeps trying.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// A wait is cut into these, so that a shutdown is seen.
const SLICE: Duration = Duration::from_millis(50);

/// A changelog is read to its end at every take-over, so it is kept short: compacted early, in
/// segments small enough for that.
const COMPACTED: [(&str, &str); 3] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.2"),
    ("segment.bytes", "33554432"),
];

/// What a topic of ours needs beyond the broker's defaults: name, how many partitions, settings.
struct Wanted<'a> {
    name: &'a str,
    partitions: i32,
    settings: Vec<(&'static str, &'static str)>,
}

/// Waits for a broker, as long as it takes, then makes what is missing. Input topics that do not
/// exist are named in the log and told to the link: they may come later.
pub async fn ensure_topics(
    config: &KafkaConfig,
    inputs: &[String],
    link: &Arc<Link>,
    stop: &AtomicBool,
) -> Result<(), TopicsError> {
    let client = config.client("admin")?;
    let admin: AdminClient<Linked> =
        client.create_with_context(Linked(Arc::clone(link))).map_err(TopicsError::Client)?;
    let existing = wait_for_metadata(config, link, stop).await?;
    let missing: Vec<String> =
        inputs.iter().filter(|input| !existing.contains_key(*input)).cloned().collect();
    link.note_missing(missing);
    let topics = config.topics();
    let day = [("retention.ms", "86400000")];
    let shards = existing.get(&topics.lookups).copied().unwrap_or(config.lookup_partitions);
    let changelogs: Vec<(String, i32)> = inputs
        .iter()
        .filter_map(|input| Some((topics.changelog(input), *existing.get(input)?)))
        .chain([(topics.changelog(&topics.lookups), shards)])
        .collect();
    let mut wanted = vec![
        Wanted { name: &topics.findings, partitions: config.partitions, settings: vec![] },
        Wanted { name: &topics.evidence, partitions: config.partitions, settings: day.to_vec() },
        Wanted { name: &topics.watch, partitions: 1, settings: vec![("retention.ms", "3600000")] },
        Wanted { name: &topics.alerts, partitions: 1, settings: vec![] },
        Wanted { name: &topics.dead_letter, partitions: 1, settings: vec![] },
        Wanted { name: &topics.exceptions, partitions: 1, settings: COMPACTED.to_vec() },
        Wanted { name: &topics.lookups, partitions: shards, settings: day.to_vec() },
        Wanted { name: &topics.settings, partitions: 1, settings: COMPACTED.to_vec() },
        Wanted { name: &topics.rulings, partitions: 1, settings: COMPACTED.to_vec() },
        Wanted { name: &topics.peers, partitions: 1, settings: COMPACTED.to_vec() },
    ];
    wanted.extend(changelogs.iter().map(|(name, partitions)| Wanted {
        name,
        partitions: *partitions,
        settings: COMPACTED.to_vec(),
    }));
    let missing: Vec<&Wanted<'_>> =
        wanted.iter().filter(|topic| !existing.contains_key(topic.name)).collect();
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

/// How often input topics are looked for that do not exist, or no longer.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Tells the link which input topics do not exist, every few seconds until told to stop.
pub fn look_for_inputs(
    config: &KafkaConfig,
    inputs: &[String],
    link: &Arc<Link>,
    stop: &AtomicBool,
) -> Result<(), TopicsError> {
    let mut client = config.client("inputs")?;
    // Asking for a topic must not create it.
    client
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("allow.auto.create.topics", "false");
    let client: BaseConsumer<Linked> =
        client.create_with_context(Linked(Arc::clone(link))).map_err(TopicsError::Client)?;
    while !stop.load(Ordering::Relaxed) {
        let again = Instant::now() + LOOK_EVERY;
        if link.is_connected() {
            match missing(&client, inputs) {
                Ok(missing) => link.note_missing(missing),
                Err(error) => link.note_error(&error, "cannot look for the input topics"),
            }
            // Without a subscription this brings no records, only what the client has to say.
            let _ = client.poll(Duration::ZERO);
        }
        while Instant::now() < again && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(SLICE);
        }
    }
    Ok(())
}

fn missing(client: &BaseConsumer<Linked>, inputs: &[String]) -> Result<Vec<String>, KafkaError> {
    let mut missing = Vec::new();
    for input in inputs {
        let metadata = client.fetch_metadata(Some(input), TIMEOUT)?;
        if metadata.topics().iter().all(|topic| topic.partitions().is_empty()) {
            missing.push(input.clone());
        }
    }
    Ok(missing)
}

/// Sees to it that a changelog has at least `partitions` partitions, for an input topic that came
/// or grew while we run. How many it has.
pub(super) async fn ensure_changelog(
    config: &KafkaConfig,
    input: &str,
    changelog: &str,
    partitions: i32,
    link: &Arc<Link>,
) -> Result<i32, TopicsError> {
    let existing = wait_for_metadata(config, link, &AtomicBool::new(false)).await?;
    let wanted = existing.get(input).copied().unwrap_or(0).max(partitions);
    let has = existing.get(changelog).copied().unwrap_or(0);
    if has >= wanted {
        return Ok(has);
    }
    let missing = |reason: String| TopicsError::Missing { topic: changelog.to_owned(), reason };
    if !config.create_topics {
        return Err(missing(format!(
            "kafka.create_topics is false; it needs {wanted} partitions, as {input} has"
        )));
    }
    let admin: AdminClient<Linked> = config
        .client("admin")?
        .create_with_context(Linked(Arc::clone(link)))
        .map_err(TopicsError::Client)?;
    let options =
        AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
    let done = if has == 0 {
        let replication = TopicReplication::Fixed(config.replication);
        let new = NewTopic::new(changelog, wanted, replication);
        let new = COMPACTED.iter().fold(new, |new, (key, value)| new.set(key, value));
        admin.create_topics(&[new], &options).await
    } else {
        let wider = NewPartitions::new(changelog, usize::try_from(wanted).unwrap_or(1));
        admin.create_partitions(&[wider], &options).await
    };
    let done = done.map_err(|error| missing(error.to_string()))?;
    match done.into_iter().next() {
        // Another worker was quicker.
        Some(Err((
            _,
            RDKafkaErrorCode::TopicAlreadyExists | RDKafkaErrorCode::InvalidPartitions,
        )))
        | Some(Ok(_))
        | None => Ok(wanted),
        Some(Err((_, code))) => Err(missing(code.to_string())),
    }
}

/// Asks as a consumer: only such a client hands on why a connection came to nothing.
async fn wait_for_metadata(
    config: &KafkaConfig,
    link: &Arc<Link>,
    stop: &AtomicBool,
) -> Result<BTreeMap<String, i32>, TopicsError> {
    let mut client = config.client("admin")?;
    client.set("group.id", &config.group).set("enable.auto.commit", "false");
    let client: BaseConsumer<Linked> =
        client.create_with_context(Linked(Arc::clone(link))).map_err(TopicsError::Client)?;
    let mut wait = WAIT_FIRST;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(TopicsError::Stopped);
        }
        let asked = tokio::task::block_in_place(|| {
            let asked = client.fetch_metadata(None, TIMEOUT);
            // Without a subscription this brings no records, only what the client has to say.
            let _ = client.poll(Duration::ZERO);
            asked
        });
        match asked {
            Ok(metadata) => {
                let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
                let topics = metadata.topics().iter();
                return Ok(topics
                    .map(|t| (t.name().to_owned(), count(t.partitions().len())))
                    .collect());
            }
            Err(error) => {
                link.note_error(&error, &format!("no broker answers yet of {}", config.brokers));
                let again = Instant::now() + wait;
                while Instant::now() < again && !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(SLICE).await;
                }
                wait = (wait * 2).min(WAIT_MAX);
            }
        }
    }
}
