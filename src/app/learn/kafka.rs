//! Records from what the input topics retain, all partitions merged by event time.

use std::collections::BTreeMap;

use rdkafka::Message as _;

use super::Learner;
use crate::adapters::kafka::{History, HistoryError, InputConfig, appended_ms};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::model::{EventTime, Origin};

/// Has `learner` take all records; `progress` is told now and then how many they were.
pub fn learn_kafka(
    learner: &mut Learner<'_>,
    history: History,
    inputs: &[InputConfig],
    mut progress: impl FnMut(u64),
) -> Result<(), HistoryError> {
    let expected = |topic: &str| {
        let input = inputs.iter().find(|input| input.topic == topic);
        input.map_or(Expected::Auto, InputConfig::expected)
    };
    // Two decoders a partition: one looks ahead to the time, one reads what is taken.
    let mut ahead: BTreeMap<(String, i32), Decoder> = BTreeMap::new();
    let mut taken: BTreeMap<(String, i32), (u16, Decoder)> = BTreeMap::new();
    history.merged(
        |topic, partition, payload| {
            let place = (topic.to_owned(), partition);
            let decoder = ahead.entry(place).or_insert_with(|| Decoder::new(expected(topic)));
            Some(decoder.decode(payload).ok()??.time.millis())
        },
        |message| {
            let place = (message.topic().to_owned(), message.partition());
            let stream = taken.len() as u16;
            let fresh = || (stream, Decoder::new(expected(message.topic())));
            let (stream, decoder) = taken.entry(place).or_insert_with(fresh);
            let position = u64::try_from(message.offset()).unwrap_or(0);
            let origin = Origin { stream: *stream, position };
            let appended = appended_ms(message.timestamp().to_millis());
            let appended = appended.and_then(|time| EventTime::from_millis(time).ok());
            let payload = message.payload().unwrap_or_default();
            let records = learner.take(decoder, payload, origin, appended);
            if records.is_multiple_of(4_096) {
                progress(records);
            }
        },
    )
}
