//! Records from what the input topics retain, a shard for each partition as when they came.

use std::collections::BTreeMap;

use rdkafka::Message as _;

use super::trial::{Backtest, Trial};
use crate::adapters::kafka::{History, HistoryError, InputConfig, appended_ms};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::model::{EventTime, Origin};
use crate::engine::shard::{Shard, ShardConfig};

pub fn backtest_kafka(
    mut trial: Trial<'_>,
    history: History,
    inputs: &[InputConfig],
    mut progress: impl FnMut(u64),
) -> Result<Backtest, HistoryError> {
    let mut lanes: BTreeMap<(String, i32), (Shard, Decoder)> = BTreeMap::new();
    history.each(|message| {
        let place = (message.topic().to_owned(), message.partition());
        let (shard, decoder) = lanes.entry(place).or_insert_with_key(|(topic, partition)| {
            let input = inputs.iter().find(|input| input.topic == *topic);
            let expected = input.map_or(Expected::Auto, InputConfig::expected);
            let stream = Stream::Partition { topic: topic.clone(), partition: *partition };
            (Shard::new(vec![stream], &ShardConfig::default()), Decoder::new(expected))
        });
        let position = u64::try_from(message.offset()).unwrap_or(0);
        let appended = appended_ms(message.timestamp().to_millis());
        let records = trial.take(
            shard,
            decoder,
            message.payload().unwrap_or_default(),
            Origin { stream: 0, position },
            appended.and_then(|time| EventTime::from_millis(time).ok()),
        );
        if records.is_multiple_of(4_096) {
            progress(records);
        }
    })?;
    Ok(trial.end(lanes.values_mut().map(|(shard, _)| shard)))
}
