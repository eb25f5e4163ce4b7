//! The decoders alone, for fuzzing.
//!
//! `engine::decode` uses nothing but `engine::model`, so both are taken in by path: the fuzz
//! targets build without Kafka, SQLite and the rest.

pub mod engine;

use engine::decode::{Decoder, Expected, Refusal};
use engine::model::{Format, SUBJECTS_MAX};

/// Decodes each line of `input` with one decoder, as a stream would, and holds what comes out to
/// what every decoder promises.
pub fn decode_lines(format: Format, input: &[u8]) {
    for expected in [Expected::Only(format), Expected::Auto] {
        let mut decoder = Decoder::new(expected);
        for line in input.split(|byte| *byte == b'\n') {
            let raw = decoder.raw_value(line);
            match decoder.decode(line) {
                Ok(Some(event)) => {
                    let subjects = &event.resource.subjects;
                    assert!(subjects.len() <= SUBJECTS_MAX);
                    assert!(subjects.len() <= event.resource.subjects_total as usize);
                    assert!(raw.is_some_and(|value| value.is_object()));
                }
                Ok(None) => {}
                Err(refusal) => assert!(Refusal::LABELS.contains(&refusal.label())),
            }
        }
    }
}
