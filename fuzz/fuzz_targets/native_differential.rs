//! The native extractor against the slow, obvious reading through `serde_json::Value`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidewaiter_fuzz::engine::{
    decode::{COUNT_MAX, Decoder, Expected, Refusal},
    model::{
        Action, Actor, ActorType, Blank, Blanks, Endpoint, Event, EventTime, Flow, Format, Kind,
        Outcome, Resource, SUBJECTS_MAX, Str,
    },
};

#[path = "../../src/engine/decode/native/reference.rs"]
mod reference;

fuzz_target!(|input: &[u8]| {
    let ours = Decoder::new(Expected::Only(Format::Native)).decode(input);
    let theirs = serde_json::from_slice::<serde_json::Value>(input);
    match (ours, theirs) {
        (Ok(None), theirs) => assert!(theirs.is_err()),
        (Ok(Some(ours)), Ok(value)) => assert_eq!(Ok(ours), reference::decode(&value, input)),
        (Err(Refusal::TooDeep | Refusal::TooLarge), _) => {}
        (Err(Refusal::NotJson | Refusal::NotUtf8), theirs) => assert!(theirs.is_err()),
        (Err(refusal), Ok(value)) => assert_eq!(Err(refusal), reference::decode(&value, input)),
        (ours, Err(error)) => panic!("we said {ours:?}, serde_json {error}"),
    }
});
