//! Order, identity, and what stands on the wire.

use std::collections::HashSet;

use serde_json::Value;

use super::{drafts, lines, quiet};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::model::{ActorType, EventTime, Format};
use crate::simulate::month::{Month, MonthConfig, attack_names, event_id, oddity_names};

fn eventful() -> MonthConfig {
    MonthConfig {
        kinds: MonthConfig::default().kinds,
        oddity_rounds: 1,
        days: 16,
        scale: 0.02,
        ..quiet()
    }
}

#[test]
fn the_same_configuration_gives_the_same_bytes_and_another_seed_others() {
    let config = MonthConfig { days: 3, ..quiet() };
    let first = lines(config.clone());
    assert_eq!(first, lines(config.clone()));
    assert_ne!(first, lines(MonthConfig { seed: 8, ..config }));
}

#[test]
fn events_come_in_time_order_within_the_month_under_ids_of_their_own() {
    let config = eventful();
    let (start, end) = (config.start, config.start.plus_ms(16 * 86_400_000));
    let mut month = Month::new(config).expect("valid");
    let (mut line, mut ids, mut before) = (Vec::new(), HashSet::new(), start);
    while let Some(told) = month.write_next(&mut line) {
        assert!(told.time >= before && told.time < end, "{} after {before}", told.time);
        before = told.time;
        let event: Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(event["id"], event_id(told.number));
        assert_eq!(EventTime::parse(event["time"].as_str().expect("text")), Ok(told.time));
        assert_eq!(event["actor"]["id"], month.actor_id(told.actor));
        assert_eq!(event["records"], told.records);
        assert!(ids.insert(told.number), "id given twice");
        line.clear();
    }
    assert!(ids.len() > 20_000, "{} events", ids.len());
}

#[test]
fn every_event_is_read_as_a_native_one_of_some_450_bytes() {
    let lines = lines(eventful());
    let mut decoder = Decoder::new(Expected::Only(Format::Native));
    let mut bytes = 0;
    for line in &lines {
        bytes += line.len();
        let event = decoder.decode(line.as_bytes()).expect("native").expect("an event");
        assert!(event.actor.role.is_some() && event.actor.unit.is_some(), "{line}");
        assert!(event.source.site.is_some() && event.session.is_some(), "{line}");
        assert_eq!(event.saturated, 0);
        let service = event.actor.role.as_deref() == Some("service_account");
        assert_eq!(event.actor.kind == ActorType::Service, service, "{line}");
        assert!(!(service && event.case.is_some()), "services work for no case: {line}");
    }
    let mean = bytes / lines.len();
    assert!((420..=490).contains(&mean), "{mean} bytes an event");
}

#[test]
fn nothing_on_the_wire_tells_an_attack() {
    let lines = lines(eventful());
    let mut fields = HashSet::new();
    for line in &lines {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let object = event.as_object().expect("object");
        fields.extend(object.keys().cloned());
        let found = attack_names().chain(oddity_names()).find(|name| line.contains(name));
        assert_eq!(found, None, "{line}");
    }
    let known = [
        "action", "actor", "bytes", "case", "id", "kind", "outcome", "purpose", "records",
        "resource", "session", "source", "system", "time",
    ];
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort();
    assert_eq!(fields, known);
}

#[test]
fn a_record_has_the_same_subject_whoever_reads_it() {
    let mut subject_of = std::collections::HashMap::new();
    for line in lines(MonthConfig { days: 3, ..quiet() }) {
        let event: Value = serde_json::from_str(&line).expect("JSON");
        let resource = &event["resource"];
        let about = (resource["subject"].clone(), resource["subjects"].clone());
        if let Some(record) = resource["record"].as_str() {
            let known = subject_of.entry(record.to_owned()).or_insert_with(|| about.clone());
            assert_eq!(*known, about, "{record}");
        }
    }
    assert!(subject_of.len() > 3_000, "{} records", subject_of.len());
}

#[test]
fn holds_little_more_than_a_day() {
    let config = quiet();
    let total = drafts(config.clone()).len();
    let mut month = Month::new(config).expect("valid");
    let mut most = 0;
    while month.next_draft().is_some() {
        most = most.max(month.planned());
    }
    assert!(most < total * 2 / 9, "{most} of {total} planned at once");
}
