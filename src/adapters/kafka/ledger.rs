//! The account of every input record, from what the changelogs keep and where the topics end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use serde::Serialize;

use super::KafkaConfig;
use super::changelog::{self, ChangelogError};
use super::link::{Link, Linked};
use super::patience::patiently;
use crate::adapters::secrets::SecretError;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Changelog(#[from] ChangelogError),
    #[error("cannot ask {brokers} about topic {topic}: {source}")]
    Kafka { brokers: String, topic: String, source: Box<KafkaError> },
}

/// One input partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerLine {
    pub topic: String,
    pub partition: i32,
    /// Offset at which Tidewaiter began.
    pub first: i64,
    /// Offset of the next record, as of the last save.
    pub next: i64,
    /// Kafka's own end of the partition.
    pub end: i64,
    pub lag: i64,
    pub scored: u64,
    pub late: u64,
    pub duplicate: u64,
    pub dead_lettered: u64,
    /// Offsets at which there is no record.
    pub gaps: u64,
    /// Offsets read that are accounted for nowhere: 0, or records were lost.
    pub imbalance: i64,
}

const LOOK: Duration = Duration::from_secs(10);

/// Reads the account of `inputs`. A topic that does not exist has no lines.
pub fn ledger(
    kafka: &KafkaConfig,
    inputs: &[String],
    link: &Arc<Link>,
) -> Result<Vec<LedgerLine>, LedgerError> {
    let mut lines = Vec::new();
    for topic in inputs {
        let failed = |source| {
            let (brokers, topic) = (kafka.brokers.clone(), topic.clone());
            LedgerError::Kafka { brokers, topic, source: Box::new(source) }
        };
        let mut client = kafka.client("ledger")?;
        client.set("group.id", &kafka.group).set("enable.auto.commit", "false");
        let consumer: BaseConsumer<Linked> =
            client.create_with_context(Linked(Arc::clone(link))).map_err(failed)?;
        let partitions = |topic: &str| -> Result<i32, KafkaError> {
            let metadata = consumer.fetch_metadata(Some(topic), LOOK)?;
            Ok(metadata.topics().iter().map(|topic| topic.partitions().len() as i32).sum())
        };
        let changelog = kafka.topics().changelog(topic);
        let kept_in = partitions(&changelog).map_err(failed)?;
        let wanted: BTreeMap<i32, Option<i64>> = (0..kept_in).map(|n| (n, None)).collect();
        let client = kafka.client("ledger")?;
        let mut kept = changelog::read(client, link, &changelog, &wanted, &AtomicBool::new(false))?;
        for partition in 0..partitions(topic).map_err(failed)? {
            let ends = || consumer.fetch_watermarks(topic, partition, LOOK);
            let (low, end) = patiently(LOOK, ends).map_err(failed)?;
            let mark = kept.remove(&partition).and_then(|kept| kept.mark);
            let imbalance = mark.as_ref().map_or(0, |mark| mark.imbalance());
            let mark = mark.unwrap_or_default();
            let (first, next) = if mark.next == 0 { (low, low) } else { (mark.first, mark.next) };
            lines.push(LedgerLine {
                topic: topic.clone(),
                partition,
                first,
                next,
                end,
                lag: (end - next).max(0),
                scored: mark.scored,
                late: mark.late,
                duplicate: mark.duplicate,
                dead_lettered: mark.dead_lettered,
                gaps: mark.gaps,
                imbalance,
            });
        }
    }
    Ok(lines)
}
