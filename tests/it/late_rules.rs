//! Correlations of a shard whose events come late and twice, against the same in order.

use std::collections::{BTreeMap, BTreeSet};

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::config::{Purpose, load};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::model::{EventTime, Finding, Origin};
use tidewaiter::engine::shard::{
    Incoming, Output, Records, Restoring, Settings, Shard, ShardConfig,
};

/// What more events can take back is told exactly as in order.
const UNDONE: [(&str, &str); 6] = [
    ("mean", "{type: value_avg, timespan: 60s, condition: {field: records, gt: 9, lte: 12}"),
    (
        "percentile",
        "{type: value_percentile, timespan: 60s, condition: {field: records, percentile: 80, gte: 13}",
    ),
    ("few", "{type: event_count, timespan: 60s, condition: {lt: 3}"),
    ("just", "{type: event_count, timespan: 60s, condition: {eq: 4}"),
    ("without", "{type: temporal, timespan: 30s, condition: a and not b"),
    ("over_few", "{type: event_count, timespan: 10m, condition: {gte: 4}"),
];
/// What only grows is told at once.
const GROWS: [(&str, &str); 4] = [
    ("many", "{type: event_count, timespan: 60s, condition: {gte: 6}"),
    ("distinct", "{type: value_count, timespan: 60s, condition: {field: records, gte: 5}"),
    ("sum", "{type: value_sum, timespan: 60s, condition: {field: records, gte: 60}"),
    ("ordered", "{type: temporal_ordered, timespan: 60s"),
];

fn rules() -> String {
    let base = ["a", "b", "c"].map(|name| {
        format!("title: {name}\nid: {name}\nname: {name}\nlogsource: {{product: tidewaiter, category: access}}\ndetection: {{s: {{purpose: {name}}}, condition: s}}\n")
    });
    let correlations = UNDONE.into_iter().chain(GROWS).map(|(name, text)| {
        let rules = if name == "over_few" { "few" } else { "a, b, c" };
        format!("title: {name}\nid: {name}\nname: {name}\ncorrelation: {text}, rules: [{rules}], group-by: [actor.id], generate: true}}\n")
    });
    base.into_iter().chain(correlations).collect::<Vec<_>>().join("---\n")
}

/// A few hours of three accounts' reads, the same each time: seconds and lines.
fn events() -> Vec<(u64, String)> {
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let start = EventTime::parse("2026-03-02T09:00:00Z").unwrap();
    let (mut second, mut events) = (0, Vec::new());
    for id in 0..2_000 {
        second += [0, 1, 2, 5, 9, 15][draw(6) as usize];
        let time = start.plus_ms(second as i64 * 1_000);
        let (actor, purpose) =
            (["x", "y", "z"][draw(3) as usize], ["a", "b", "c"][draw(3) as usize]);
        let (records, record) = (draw(17), draw(100_000));
        events.push((second, format!(
            r#"{{"kind":"access","id":"e{id}","time":"{time}","actor":{{"id":"{actor}"}},"system":"s","action":"read","purpose":"{purpose}","records":{records},"case":"C-1","resource":{{"dataset":"d","record":"r{record}"}}}}"#
        )));
    }
    events
}

/// The same as they may come: each up to 400 seconds late, one in five twice.
fn late(events: &[(u64, String)]) -> Vec<String> {
    let mut order: Vec<(u64, usize)> = events
        .iter()
        .enumerate()
        .map(|(i, (second, _))| (second + (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % 400, i))
        .collect();
    order.sort_unstable();
    let twice = |&(_, i): &(u64, usize)| {
        std::iter::repeat_n(events[i].1.clone(), 1 + usize::from(i % 5 == 0))
    };
    order.iter().flat_map(twice).collect()
}

fn settings() -> Settings {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("rules")).unwrap();
    std::fs::write(folder.path().join("rules/own.yml"), rules()).unwrap();
    std::fs::write(folder.path().join("t.toml"), "[data]\nrules = \"rules\"\n").unwrap();
    let config = load(&folder.path().join("t.toml"), Purpose::Replay).unwrap();
    load_settings(&config, &Secret::new(vec![7; 32])).unwrap().0
}

fn shard() -> Shard {
    let topic = Stream::Partition { topic: "access".into(), partition: 0 };
    Shard::new(vec![topic], &ShardConfig::default())
}

/// Findings of rules. With `stops` the shard is saved now and then, and lost and taken back as saved.
fn judge(lines: &[String], stops: bool) -> Vec<Finding> {
    let settings = settings();
    let (mut shard, mut out, mut decoder) =
        (shard(), Output::default(), Decoder::new(Expected::Auto));
    let mut saved: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        if stops && number % 97 == 96 {
            let mut records = Records::default();
            let saving = shard.save(&mut records).unwrap();
            if number % 2 == 0 {
                shard.save_again(saving);
            } else {
                for (key, value) in records.iter() {
                    match value {
                        Some(value) => drop(saved.insert(key.to_vec(), value.to_vec())),
                        None => drop(saved.remove(key)),
                    }
                }
                shard.saved(saving);
                let mut restoring = Restoring::default();
                saved.iter().for_each(|(key, value)| restoring.take(key, Some(value)));
                shard = self::shard();
                shard.restore(restoring).unwrap();
            }
        }
        let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(line).unwrap();
        let origin = Origin { stream: 0, position: number as u64 };
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time: None };
        shard.judge(&incoming, &settings, &mut out);
    }
    shard.let_go(None, &settings, &mut out);
    assert!(!shard.has_turns());
    out.findings.into_iter().filter(|finding| finding.detector == "rule").collect()
}

/// Of one rule: ids, ends of windows and what they hold.
fn told(findings: &[Finding], rule: &str) -> BTreeSet<(String, i64, String, String)> {
    let of = findings.iter().filter(|finding| finding.rule.as_deref() == Some(rule));
    of.map(|f| (f.id.clone(), f.window.end.millis(), f.key.value.clone(), f.why.clone())).collect()
}

#[test]
fn late_and_twice_is_as_in_order() {
    let events = events();
    let in_order: Vec<String> = events.iter().map(|(_, line)| line.clone()).collect();
    let late = late(&events);
    let (expected, found) = (judge(&in_order, false), judge(&late, false));
    for (rule, _) in UNDONE {
        let (expected, found) = (told(&expected, rule), told(&found, rule));
        assert!(expected.len() > 20, "{rule}: {}", expected.len());
        assert_eq!(found, expected, "{rule}");
    }
    for (rule, _) in GROWS {
        let ends = |findings: &[Finding]| -> Vec<(String, i64)> {
            let told = told(findings, rule);
            let mut ends: Vec<_> = told.into_iter().map(|(_, end, who, _)| (who, end)).collect();
            ends.sort();
            ends
        };
        let (expected, found) = (ends(&expected), ends(&found));
        assert!(expected.len() > 20, "{rule}: {}", expected.len());
        assert_eq!(found.len(), expected.len(), "{rule}");
        for ((who, end), (expected_who, expected_end)) in found.iter().zip(&expected) {
            let later = end - expected_end;
            assert!(who == expected_who && later.abs() < 120_000, "{rule}: {later} ms");
        }
    }
}

#[test]
fn what_waits_is_saved_and_taken_back() {
    let late = late(&events());
    let (expected, found) = (judge(&late, false), judge(&late, true));
    for (rule, _) in UNDONE.into_iter().chain(GROWS) {
        assert_eq!(told(&found, rule), told(&expected, rule), "{rule}");
    }
}
