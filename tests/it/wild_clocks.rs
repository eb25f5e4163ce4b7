//! Clocks in the future and in the past: they cost no finding and keep no incident open for ever.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::model::{EventTime, Finding, Incident, Origin, Status};
use tidewaiter::engine::shard::{Incoming, Output, Shard};

use crate::replayed::{Replayed, config, config_of, replay_lines, scenarios};

const CENTURY: &str = "2100-01-01T00:00:00Z";
const EPOCH: &str = "1970-01-01T00:00:00Z";

fn start() -> EventTime {
    EventTime::parse("2026-03-02T09:00:00Z").unwrap()
}

fn read(id: &str, time: &str, actor: &str, subject: &str) -> String {
    json!({
        "kind": "access", "id": id, "time": time, "actor": {"id": actor}, "session": actor,
        "source": {"ip": "10.1.0.1"}, "action": "read",
        "resource": {"dataset": "pnr", "record": format!("R-{id}"), "subject": subject},
        "case": "C-1",
    })
    .to_string()
}

/// Honest reads, one a minute.
fn minutes(minutes: std::ops::Range<i64>) -> Vec<String> {
    let line = |minute: i64| {
        let time = start().plus_ms(minute * 60_000).to_string();
        read(&format!("m{minute}"), &time, &format!("off-{}", minute % 7), &format!("T-{minute}"))
    };
    minutes.map(line).collect()
}

/// Who was found by what.
fn found(said: &Replayed) -> BTreeSet<(String, String)> {
    said.findings
        .iter()
        .map(|f| (f.detector.to_string(), format!("{} {} {}", f.key.value, f.expected, f.unit)))
        .collect()
}

/// A scenario's events, with a record of the same actor from 2100 after each for which `wild`.
fn with_wild(name: &str, wild: impl Fn(usize) -> bool) -> (Replayed, Replayed) {
    let folder = scenarios().join(name);
    let events = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
    let honest: Vec<&str> = events.lines().collect();
    let mut mixed = Vec::new();
    for (i, line) in honest.iter().enumerate() {
        mixed.push((*line).to_owned());
        if wild(i) {
            let mut event: Value = serde_json::from_str(line).unwrap();
            event["id"] = json!(format!("wild-{i}"));
            event["time"] = json!(CENTURY);
            mixed.push(event.to_string());
        }
    }
    let config = config_of(&folder);
    (replay_lines(&config, &honest), replay_lines(&config, &mixed))
}

#[test]
fn a_clock_in_the_future_costs_no_finding() {
    for name in
        ["bulk_read_records", "bulk_read_subjects", "denied_burst", "enumeration", "outbound_bytes"]
    {
        for every in [1, 3, 40] {
            let (honest, mixed) = with_wild(name, |i| i % every == every / 2);
            assert!(!honest.findings.is_empty());
            let missing: Vec<_> = found(&honest).difference(&found(&mixed)).cloned().collect();
            assert!(missing.is_empty(), "{name}, one in {every}: {missing:?}");
        }
    }
}

#[test]
fn no_time_of_a_finding_or_an_entry_is_in_the_future() {
    let (_, mixed) = with_wild("bulk_read_records", |i| i % 2 == 1 && i > 16);
    let year = EventTime::parse("2027-01-01T00:00:00Z").unwrap();
    assert!(mixed.findings.iter().all(|f| f.time < year && f.window.end < year));
    assert!(mixed.entries.values().flatten().all(|entry| entry.time < year));
    // One that is found by a record from 2100 itself.
    let incident = canary(CENTURY, 10);
    assert!(incident.first_finding < year && incident.last_event < year, "{incident:?}");
}

/// The incident a canary's read stamped `time` gives rise to, `after` minutes later.
fn canary(time: &str, after: i64) -> Incident {
    let directory = std::fs::read_to_string(scenarios().join("directory.toml")).unwrap();
    let subject = directory
        .split("[[canary]]")
        .nth(1)
        .and_then(|part| part.split('"').nth(1))
        .unwrap_or("T-777000")
        .to_owned();
    let mut lines = minutes(0..60);
    lines.push(read("canary", time, "off-99", &subject));
    lines.extend(minutes(60..60 + after));
    let said = replay_lines(&config(), &lines);
    assert!(said.findings.iter().any(|f| f.detector == "canary"), "{:?}", said.findings);
    said.incidents.into_iter().find(|i| i.actors.contains(&"off-99".to_owned())).unwrap()
}

#[test]
fn an_incident_from_the_future_goes_quiet_like_any_other() {
    assert_eq!(canary(CENTURY, 10).status, Status::Open);
    assert_eq!(canary(CENTURY, 120).status, Status::Quiet);
}

#[test]
fn an_incident_from_the_past_stays_open_for_the_quiet_gap() {
    assert_eq!(canary(EPOCH, 10).status, Status::Open);
    assert_eq!(canary(EPOCH, 120).status, Status::Quiet);
}

/// One of a shard's first events is far off: what a correlation rule counted before it, it still has.
#[test]
fn a_first_event_far_off_costs_no_correlation_its_count() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("five.yml"),
        "title: Five Reads\nid: five\ncorrelation: {type: event_count, rules: [one], group-by: [actor.id], timespan: 10m, condition: {gte: 5}}\nlevel: high\n---\ntitle: One Read\nid: one\nname: one\nlogsource: {product: tidewaiter, category: access}\ndetection: {s: {action: read}, condition: s}\nlevel: informational\n",
    )
    .unwrap();
    let mut config = config();
    config.data.rules = Some(folder.path().to_owned());
    for (place, days) in (0..6).flat_map(|place| [(place, 300_i64), (place, -300)]) {
        let mut lines: Vec<String> = (0..5)
            .map(|n| {
                let time = start().plus_ms(n * 60_000).to_string();
                read(&format!("h{n}"), &time, "ann", &format!("T-{n}"))
            })
            .collect();
        let time = start().plus_ms(days * 86_400_000).to_string();
        lines.insert(place, read("wild", &time, "ann", "T-9"));
        let said = replay_lines(&config, &lines);
        let told = said.findings.iter().filter(|f| f.rule.as_deref() == Some("five"));
        assert_eq!(told.count(), 1, "{days} days off at place {place}");
    }
}

/// What one partition finds in lines that the broker got all at once, at `broker`.
fn found_in_stream(lines: &[String], broker: EventTime) -> Vec<Finding> {
    let config = config();
    let (settings, _) = load_settings(&config, &Secret::new(vec![7; 32])).unwrap();
    let topic = Stream::Partition { topic: "access".into(), partition: 0 };
    let mut shard = Shard::new(vec![topic], &config.shard());
    let mut out = Output::default();
    for (number, line) in lines.iter().enumerate() {
        let event = Decoder::new(Expected::Auto).decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(line).unwrap();
        let origin = Origin { stream: 0, position: number as u64 };
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time: Some(broker) };
        shard.judge(&incoming, &settings, &mut out);
    }
    out.findings
}

/// A record from 2100 amid a past that is loaded into Kafka today: it does not take the partition
/// to today, with the weeks that pass until then, in which thresholds would be learned.
#[test]
fn a_clock_in_the_future_amid_an_old_past_costs_no_finding() {
    let line = |second: i64| {
        let time = start().plus_ms(second * 1_000).to_string();
        read(&format!("s{second}"), &time, "ann", &format!("T-{second}"))
    };
    let honest: Vec<String> = (0..500).map(line).collect();
    let mut mixed = honest.clone();
    mixed.insert(100, read("wild", CENTURY, "ben", "T-1"));
    let today = start().plus_ms(270 * 86_400_000);
    let of_ann = |lines: &[String]| {
        let mut findings = found_in_stream(lines, today);
        findings.retain(|finding| finding.key.value == "ann");
        findings.into_iter().map(|finding| (finding.id, finding.why)).collect::<Vec<_>>()
    };
    let told = of_ann(&honest);
    assert!(told.iter().filter(|(_, why)| why.contains("distinct subjects")).count() >= 3);
    assert_eq!(of_ann(&mixed), told);
}

/// The first events after a long pause are put where clocks in the future are, until it shows that
/// it is time that has moved on. A system first used then has not slept since the day of before.
#[test]
fn a_system_first_used_after_a_long_pause_has_not_slept() {
    let later = 76 * 24 * 60;
    let through = |system: &str, line: String| {
        let mut event: Value = serde_json::from_str(&line).unwrap();
        event["system"] = json!(system);
        event.to_string()
    };
    let before = minutes(0..60).into_iter().map(|line| through("old", line));
    let after = minutes(later..later + 20).into_iter().map(|line| through("new", line));
    let mut lines: Vec<String> = before.chain(after).collect();
    let dormant = |lines: &[String]| {
        let mut findings = replay_lines(&config(), lines).findings;
        findings.retain(|finding| finding.detector.as_ref() == "dormant_system");
        findings.into_iter().map(|finding| finding.why).collect::<Vec<_>>()
    };
    assert_eq!(dormant(&lines), Vec::<String>::new());
    lines.extend(minutes(later + 20..later + 40).into_iter().map(|line| through("old", line)));
    let told = dormant(&lines);
    assert!(told.len() == 1 && told[0].starts_with("`old`"), "{told:?}");
}
