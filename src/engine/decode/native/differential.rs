//! The extractor against the slow, obvious reading, on records made up and spoiled at random.

use proptest::prelude::*;

use super::super::mutation::mutations;
use super::super::{COUNT_MAX, DEPTH_MAX, Decoder, Expected, Refusal, SUBJECTS_MAX, Str};
use crate::engine::model::{
    Action, Actor, ActorType, Blank, Blanks, Endpoint, Event, EventTime, Flow, Format, Kind,
    Outcome, Resource,
};

#[path = "reference.rs"]
mod reference;

/// Both readings agree: the same event, or the same reason where the JSON itself is sound.
fn check(payload: &[u8]) {
    let mut decoder = Decoder::new(Expected::Only(Format::Native));
    let ours = decoder.decode(payload);
    let theirs = serde_json::from_slice::<serde_json::Value>(payload);
    let shown = String::from_utf8_lossy(payload);
    match (ours, theirs) {
        (Ok(None), _) => assert!(shown.trim().is_empty(), "{shown}"),
        (Ok(Some(ours)), Ok(value)) => {
            assert_eq!(Ok(ours), reference::decode(&value, payload), "{shown}");
        }
        (Err(Refusal::TooDeep), _) => assert!(depth_at_most(&shown) > DEPTH_MAX, "{shown}"),
        (Err(Refusal::NotJson | Refusal::NotUtf8), theirs) => assert!(theirs.is_err(), "{shown}"),
        (Err(refusal), Ok(value)) => {
            assert_eq!(Err(refusal), reference::decode(&value, payload), "{shown}");
        }
        (ours, Err(error)) => panic!("we said {ours:?}, serde_json {error}: {shown}"),
    }
}

/// An upper bound of the nesting: brackets inside strings count too.
fn depth_at_most(text: &str) -> u32 {
    text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() as u32
}

/// Of the contract's objects; keys are drawn from these and from the record's own fields.
const PARTS: [&str; 10] =
    ["role", "unit", "type", "ip", "host", "site", "port", "subject", "subjects", "dataset"];

const TEXTS: [&str; 22] = [
    "\"\"",
    "\"access\"",
    "\"auth\"",
    "\"network\"",
    "\"2026-03-02T09:14:07.123Z\"",
    "\"1970-01-01T00:00:00+14:00\"",
    "\"2100-12-31T23:59:60Z\"",
    "\"service\"",
    "\"DENIED\"",
    "\"ok\"",
    "\"odd\"",
    "\"T-55120\"",
    "\"caf\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"a\\\\\\\"b\"",
    "\"tab\\t\"",
    "\"raw\ttab\"",
    "\"é😀\"",
    "\"acc\\u0065ss\"",
    "\"login\"",
    "\"10.20.3.17\"",
];

const NUMBERS: [&str; 26] = [
    "0",
    "1",
    "-1",
    "-0",
    "-0.0",
    "443",
    "65535",
    "65536",
    "1772442847123",
    "9007199254740992",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "1.5",
    "0.999",
    "-0.5",
    "1e3",
    "1E+2",
    "25e-1",
    "1e308",
    "1e309",
    "123456789012345678901234567890",
    "01",
    "1.",
];

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        3 => prop::sample::select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => prop::sample::select(&["true", "false", "null"][..]).prop_map(str::to_owned),
        1 => any::<f64>().prop_map(|number| format!("{number:e}")),
        1 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap_or_default()),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["", "", "", " ", "\n\t", "\r\n"][..])
}

fn object(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let key = prop_oneof![
        8 => prop::sample::select([reference::FIELDS, &PARTS[..]].concat()).prop_map(str::to_owned),
        1 => Just("k\\u0069nd".to_owned()),
        1 => "[a-z.]{0,6}",
    ];
    let member = (space(), key, space(), value, space())
        .prop_map(|(a, key, b, value, c)| format!("{a}\"{key}\"{b}:{c}{value}"));
    prop::collection::vec(member, 0..12).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(3, 40, 12, |inner| {
        prop_oneof![
            object(inner.clone()),
            prop::collection::vec(inner, 0..5).prop_map(|list| format!("[{}]", list.join(","))),
        ]
    })
}

/// A record with what the contract requires, and more of it at random, in random order.
fn record() -> impl Strategy<Value = String> {
    let kinds = &["\"kind\":\"access\"", "\"kind\":\"auth\"", "\"kind\":\"network\""][..];
    let actors = &[
        "\"actor\":{\"id\":\"off-1\",\"role\":\"officer\"}",
        "\"actor\":{\"id\":null}",
        "\"actor\":{\"id\":7,\"type\":\"service\"}",
        "\"actor\":{}",
        "\"records\":3",
    ][..];
    let parts = &[
        "\"resource\":{\"dataset\":\"pnr\",\"subjects\":[\"a\",2,null,\"\"],\"subject\":\"b\"}",
        "\"source\":{\"ip\":\"10.0.0.1\",\"port\":70000}",
        "\"destination\":{\"port\":443,\"host\":\"h\"}",
        "\"bytes_out\":-5",
        "\"action\":\"login\"",
    ][..];
    let free = (prop::sample::select([reference::FIELDS, &PARTS[..]].concat()), value())
        .prop_map(|(key, value)| format!("\"{key}\":{value}"));
    (
        prop::sample::select(kinds),
        prop::sample::select(actors),
        prop::sample::subsequence(parts, 0..4),
        prop::collection::vec(free, 0..4),
    )
        .prop_flat_map(|(kind, actor, parts, free)| {
            let mut members = vec![kind.to_owned(), actor.to_owned()];
            members.push("\"time\":1772442847123".to_owned());
            members.extend(parts.into_iter().map(str::to_owned));
            members.extend(free);
            Just(members).prop_shuffle()
        })
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_on_any_json(text in value()) {
        check(text.as_bytes());
    }

    #[test]
    fn agrees_on_records(text in record()) {
        check(text.as_bytes());
    }

    #[test]
    fn agrees_on_spoiled_records(text in record(), mutations in mutations()) {
        check(&mutations.applied_to(text.as_bytes()));
    }
}

#[test]
fn agrees_beyond_the_subjects_cap() {
    let list = |count: usize| vec!["\"s\""; count].join(",");
    for (one, many) in [(0, 999), (1, 999), (1, 1_000), (0, 1_001), (700, 700), (1_500, 2)] {
        let record = format!(
            "{{\"kind\":\"access\",\"time\":0,\"actor\":{{\"id\":1}},\
             \"resource\":{{\"subject\":[{}],\"subjects\":[{}]}}}}",
            list(one),
            list(many)
        );
        check(record.as_bytes());
    }
}

#[test]
fn agrees_on_what_a_repeated_key_is() {
    check(br#"{"kind":7,"kind":"access","time":false,"time":0,"actor":3,"actor":{"id":1}}"#);
    check(br#"{"kind":"access","time":0,"actor":{"id":1,"role":"r"},"actor":{"id":2}}"#);
    check(br#"{"kind":"access","time":0,"actor":{"id":1},"actor":null}"#);
    check(br#"{"kind":"access","time":0,"actor":{"id":1},"extra":1,"extra":{"id":1,"id":2}}"#);
    check(br#"{"kind":"access","time":0,"actor":{"id":1},"source":[{"ip":1,"ip":1}]}"#);
    check(br#"{"kind":"access","time":0,"actor":{"id":1},"resource":{"subjects":[{}],"subjects":[]}}"#);
}

/// The comparison is worth something only while many made-up records are sound.
#[test]
fn many_made_up_records_are_sound() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let sound = (0..1_000)
        .filter(|_| {
            let tree = record().new_tree(&mut runner).expect("a strategy without filters");
            let text = proptest::strategy::ValueTree::current(&tree);
            matches!(Decoder::new(Expected::Auto).decode(text.as_bytes()), Ok(Some(_)))
        })
        .count();
    assert!((200..=900).contains(&sound), "{sound} of 1,000");
}
