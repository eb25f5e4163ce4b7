//! The past of somebody or something, from what the input topics retain.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rdkafka::Message as _;

use crate::adapters::http::{Past, Remembered, Rereader, Wanted};
use crate::adapters::kafka::{
    History, InputConfig, KafkaConfig, Link, SharedSettings, appended_ms,
};
use crate::adapters::telemetry::Telemetry;
use crate::config::Config;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::model::{Event, EventTime, Origin};
use crate::engine::shard::{Incoming, Teller};

/// Nobody where no topics are configured.
pub fn rereader(config: &Config, settings: &SharedSettings, demo: bool) -> Rereader {
    let past = (!config.input.is_empty()).then(|| {
        let (kafka, inputs) = (config.kafka.clone(), config.input.clone());
        Arc::new(KafkaPast::new(kafka, inputs, Arc::clone(settings), !demo)) as Arc<dyn Past>
    });
    Rereader(past)
}

struct KafkaPast {
    kafka: KafkaConfig,
    inputs: Vec<InputConfig>,
    settings: SharedSettings,
    link: Arc<Link>,
    /// Offsets can be looked up by time; the demo's broker cannot.
    by_time: bool,
}

impl KafkaPast {
    pub fn new(
        kafka: KafkaConfig,
        inputs: Vec<InputConfig>,
        settings: SharedSettings,
        by_time: bool,
    ) -> Self {
        // Its connection says nothing about the one that detects.
        let link = Arc::new(Link::new(Telemetry::new(&[], [])));
        Self { kafka, inputs, settings, link, by_time }
    }
}

impl Past for KafkaPast {
    fn read(&self, wanted: &Wanted) -> Result<Remembered, String> {
        let settings = Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner));
        let topics: Vec<String> = self.inputs.iter().map(|input| input.topic.clone()).collect();
        let from = self.by_time.then_some(wanted.from);
        let history = History::open(&self.kafka, &topics, from, &self.link);
        let history = history.map_err(|error| error.to_string())?;
        let mut lanes: BTreeMap<(String, i32), (Teller, Decoder)> = BTreeMap::new();
        let mut read = Remembered { complete: true, ..Remembered::default() };
        let done = history.until(|message| {
            if read.entries.len() >= wanted.entries_max || Instant::now() >= wanted.until {
                read.complete = false;
                return true;
            }
            read.records += 1;
            let place = (message.topic().to_owned(), message.partition());
            let (teller, decoder) = lanes.entry(place).or_insert_with_key(|(topic, partition)| {
                let input = self.inputs.iter().find(|input| input.topic == *topic);
                let expected = input.map_or(Expected::Auto, InputConfig::expected);
                let stream = Stream::Partition { topic: topic.clone(), partition: *partition };
                (Teller::new(stream), Decoder::new(expected))
            });
            let payload = message.payload().unwrap_or_default();
            let Ok(Some(event)) = decoder.decode(payload) else { return false };
            if !may_fit(wanted, &event) {
                return false;
            }
            let raw = || serde_json::Value::Null;
            let incoming = Incoming {
                event: &event,
                raw: &raw,
                origin: Origin {
                    stream: 0,
                    position: u64::try_from(message.offset()).unwrap_or(0),
                },
                broker_time: appended_ms(message.timestamp().to_millis())
                    .and_then(|time| EventTime::from_millis(time).ok()),
            };
            let entry = teller.entry(&incoming, &settings);
            read.entries.extend(entry.filter(|entry| wanted.fits(entry)));
            false
        });
        done.map_err(|error| error.to_string())?;
        Ok(read)
    }
}

/// What can be told before names are looked up: most records are about somebody else.
fn may_fit(wanted: &Wanted, event: &Event<'_>) -> bool {
    let fits =
        |wanted: &Option<String>, has: Option<&str>| wanted.is_none() || wanted.as_deref() == has;
    fits(&wanted.about.actor, event.actor_id())
        && fits(&wanted.about.source, event.source_ip())
        && fits(&wanted.about.session, event.session.as_deref())
}
