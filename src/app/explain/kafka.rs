//! Records from what the input's partition still holds, or a chain's findings from their topic.

use std::sync::Arc;

use rdkafka::Message as _;

use super::retrace::{Retrace, Retraced};
use super::shards::from_shards;
use crate::adapters::kafka::{
    History, HistoryError, InputConfig, LedgerError, Link, Stretch, Topics, appended_ms, ledger,
};
use crate::config::Config;
use crate::engine::correlate::Chains;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::detect::baseline::{LEARNED, LookupsError};
use crate::engine::model::{EventTime, Finding, Origin, Source};
use crate::engine::shard::{Evidence, EvidenceRecord, Shard, ShardConfig};

/// Why a finding cannot be made again from what Kafka holds.
#[derive(Debug, thiserror::Error)]
pub enum ExplainKafkaError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Lookups(#[from] LookupsError),
    #[error("the finding was made from {place}, which is no Kafka topic: give the file")]
    NotKafka { place: Source },
    #[error("topic {topic} has no partition {partition}")]
    NoPartition { topic: String, partition: i32 },
    #[error(
        "the history is gone: the finding rests on {topic}/{partition}@{wanted}, and the topic holds offsets {start} to before {end}"
    )]
    Gone { topic: String, partition: i32, wanted: i64, start: i64, end: i64 },
    #[error(
        "the history is gone: {topic} no longer holds anything about event {id}, which the chain rests on"
    )]
    PartGone { topic: String, id: String },
}

/// What was read, and what is missing before it.
pub struct FromKafka {
    pub traced: Retraced,
    /// Where.
    pub read: String,
    /// Records that were judged when they came, and that the topic no longer holds.
    pub missing: i64,
}

/// Reads the partition the finding was made from, from where it was first read.
pub fn explain_kafka(
    retrace: Retrace<'_>,
    config: &Config,
    shard: &ShardConfig,
    link: &Arc<Link>,
    progress: impl FnMut(u64),
) -> Result<FromKafka, ExplainKafkaError> {
    if retrace.is_chain() {
        return from_findings(retrace, config, link, progress);
    }
    let recorded = retrace.recorded();
    let place = &recorded.source;
    let Source::Kafka { topic, partition, offset } = place else {
        return Err(ExplainKafkaError::NotKafka { place: place.clone() });
    };
    if LEARNED.contains(&&*recorded.detector) {
        let place = (topic.as_str(), *partition, *offset as i64);
        return from_shards(retrace, config, shard, link, place, progress);
    }
    from_input(retrace, config, shard, link, (topic, *partition, *offset as i64), progress)
}

fn from_input(
    mut retrace: Retrace<'_>,
    config: &Config,
    shard: &ShardConfig,
    link: &Arc<Link>,
    (topic, partition, offset): (&String, i32, i64),
    mut progress: impl FnMut(u64),
) -> Result<FromKafka, ExplainKafkaError> {
    // Where the monitor keeps no account, the topic's beginning stands for it.
    let accounts = ledger(&config.kafka, std::slice::from_ref(topic), link)?;
    let account = accounts.iter().find(|line| line.partition == partition);
    let first = account.map_or(0, |line| line.first);
    let (history, held) = History::of_partition(&config.kafka, topic, partition, first, link)?;
    let Some(held) = held else {
        return Err(ExplainKafkaError::NoPartition { topic: topic.clone(), partition });
    };
    if !(held.start..held.end).contains(&offset) {
        let (topic, Stretch { start, end, .. }) = (topic.clone(), held);
        return Err(ExplainKafkaError::Gone { topic, partition, wanted: offset, start, end });
    }
    let input = config.input.iter().find(|input| input.topic == *topic);
    let mut decoder = Decoder::new(input.map_or(Expected::Auto, InputConfig::expected));
    let stream = Stream::Partition { topic: topic.clone(), partition };
    let mut shard = Shard::new(vec![stream.clone()], shard);
    let (mut records, mut found) = (0_u64, false);
    history.until(|message| {
        let position = u64::try_from(message.offset()).unwrap_or(0);
        let appended = appended_ms(message.timestamp().to_millis());
        let broker_time = appended.and_then(|time| EventTime::from_millis(time).ok());
        let origin = Origin { stream: 0, position };
        let (record, place) = (message.payload().unwrap_or_default(), stream.source(position));
        records += 1;
        if records.is_multiple_of(4_096) {
            progress(records);
        }
        found = retrace.take(&mut shard, &mut decoder, record, (origin, &place), broker_time);
        found
    })?;
    if !found {
        retrace.end(&mut shard);
    }
    let missing = (held.start - first).max(0);
    let read = format!("{topic}/{partition} from offset {}", held.start);
    Ok(FromKafka { traced: retrace.done(), read, missing })
}

/// When the broker got a finding, its partition and its offset.
type Place = (Option<i64>, i32, i64);

enum Part {
    Finding(Box<Finding>),
    Evidence(Box<Evidence>),
}

impl Part {
    /// Whether it tells of an event that the chain names.
    fn names(&self, event: &String) -> bool {
        match self {
            Self::Finding(finding) => finding.evidence.contains(event),
            Self::Evidence(evidence) => evidence.entry.event_id() == *event,
        }
    }

    /// What may have a part in the finding: of itself it is none.
    fn of(
        recorded: &Finding,
        is_evidence: bool,
        payload: &[u8],
    ) -> serde_json::Result<Option<Self>> {
        if is_evidence {
            let EvidenceRecord::Evidence(evidence) = serde_json::from_slice(payload)? else {
                return Ok(None);
            };
            let part = Self::Evidence(evidence);
            return Ok(Some(part).filter(|part| recorded.evidence.iter().any(|id| part.names(id))));
        }
        let finding: Finding = serde_json::from_slice(payload)?;
        let is_near = match &*recorded.detector {
            Chains::NAME => finding.source_ip == recorded.source_ip,
            _ => finding.actor == recorded.actor,
        };
        let part = (is_near && finding.id != recorded.id).then(|| Self::Finding(finding.into()));
        Ok(part)
    }
}

/// A chain is made of findings of one address or actor, and of a read of the actor's, which lie in
/// several partitions: they are taken in the order in which the broker got them. What the evidence
/// topic has of the events also says what they were.
fn from_findings(
    mut retrace: Retrace<'_>,
    config: &Config,
    link: &Arc<Link>,
    mut progress: impl FnMut(u64),
) -> Result<FromKafka, ExplainKafkaError> {
    let Topics { findings: topic, evidence, .. } = config.kafka.topics();
    let recorded = retrace.recorded();
    let topics = vec![topic, evidence.clone()];
    let history = History::open(&config.kafka, &topics, None, link)?;
    let mut found: Vec<(Place, Part)> = Vec::new();
    let mut records = 0;
    history.each(|message| {
        retrace.count();
        records += 1;
        progress(records);
        let payload = message.payload().unwrap_or_default();
        match Part::of(recorded, message.topic() == evidence, payload) {
            Ok(Some(part)) => {
                let place = (message.timestamp().to_millis(), message.partition());
                found.push(((place.0, place.1, message.offset()), part));
            }
            Ok(None) => {}
            Err(_) => retrace.reject(),
        }
    })?;
    found.sort_by_key(|(place, _)| *place);
    let missing = recorded.evidence.iter().find(|id| !found.iter().any(|(_, part)| part.names(id)));
    if let Some(id) = missing {
        let topic = topics.join(" or ");
        return Err(ExplainKafkaError::PartGone { topic, id: id.clone() });
    }
    let mut is_made = false;
    for (_, part) in found {
        match part {
            Part::Finding(finding) if !is_made => is_made = retrace.take_finding(*finding),
            Part::Evidence(evidence) if !is_made => is_made = retrace.take_evidence(*evidence),
            Part::Evidence(evidence) => retrace.tell(evidence.entry),
            Part::Finding(_) => {}
        }
    }
    let read = format!("topic {}", topics.join(" and "));
    Ok(FromKafka { traced: retrace.done(), read, missing: 0 })
}
