//! Records no honest system sends, amid the records of an honest day.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::monitor::Monitor;
use crate::setup::{Setup, assert_same_findings};
use crate::simulated::Simulated;
use crate::stream::{Record, Sent, SharedBroker};

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A dead letter with this reason.
    Dead(&'static str),
    Scored,
    Late,
    Duplicate,
}

struct Hostile {
    what: &'static str,
    payload: Option<Vec<u8>>,
    fate: Fate,
}

fn hostile(what: &'static str, payload: impl Into<Vec<u8>>, fate: Fate) -> Hostile {
    Hostile { what, payload: Some(payload.into()), fate }
}

/// What stands in no event's shape.
fn undecodable() -> Vec<Hostile> {
    use Fate::Dead;
    let read = |fields: &str| {
        format!(
            r#"{{"kind":"access","time":"2026-03-02T00:10:00Z","actor":{{"id":"hostile"}}{fields}}}"#
        )
    };
    let deep = format!(r#","x":{}1{}"#, "[".repeat(5_000), "]".repeat(5_000));
    let huge = format!(r#","x":"{}""#, "a".repeat(1_500_000));
    let at =
        |time: &str| format!(r#"{{"kind":"access","time":{time},"actor":{{"id":"hostile"}}}}"#);
    vec![
        hostile("words", "all quiet on the waterfront", Dead("not_json")),
        hostile("truncated", &read("")[..40], Dead("not_json")),
        hostile("two objects", format!("{}{}", read(""), read("")), Dead("not_json")),
        hostile("1.5 MB", read(&huge), Dead("too_large")),
        hostile("5,000 levels deep", read(&deep), Dead("too_deep")),
        hostile("an array", "[1,2,3]", Dead("not_an_object")),
        hostile("nothing known", "{}", Dead("unknown_format")),
        hostile("not UTF-8", [b"{\"kind\":\"acc\xff\xfe\"}".as_slice()].concat(), Dead("not_utf8")),
        hostile(
            "kind is a number",
            r#"{"kind":5,"time":"2026-03-02T00:10:00Z"}"#,
            Dead("wrong_type"),
        ),
        hostile("kind unheard of", r#"{"kind":"espionage"}"#, Dead("unknown_kind")),
        hostile("actor is a list", r#"{"kind":"access","time":0,"actor":[]}"#, Dead("wrong_type")),
        hostile("records in words", read(r#","records":"many""#), Dead("wrong_type")),
        hostile("no time", r#"{"kind":"access","actor":{"id":"hostile"}}"#, Dead("missing_field")),
        hostile("null time", at("null"), Dead("missing_field")),
        hostile("no zone", at(r#""2026-03-02T00:10:00""#), Dead("bad_time")),
        hostile("zone of 99 hours", at(r#""2026-03-02T00:10:00+99:00""#), Dead("bad_time")),
        hostile("30 February", at(r#""2026-02-30T00:10:00Z""#), Dead("bad_time")),
        hostile("the year 300000", at("9403772400000000"), Dead("bad_time")),
        hostile("empty", "", Dead("empty")),
        Hostile { what: "tombstone", payload: None, fate: Dead("empty") },
        hostile(
            "a canary hidden by the next subject",
            read(r#","resource":{"dataset":"visa","subject":"T-777000","subject":"T-1"}"#),
            Dead("duplicate_key"),
        ),
        hostile(
            "repeated keys",
            read(r#","action":"read","action":"search""#),
            Dead("duplicate_key"),
        ),
        hostile("unknown OCSF class", r#"{"class_uid":1,"time":1}"#, Dead("unsupported_class")),
    ]
}

/// What is an event, if a strange one, each by an actor of its own. Words in capitals stand for
/// the time of the honest event before it, in three zones.
fn strange() -> Vec<Hostile> {
    use Fate::{Late, Scored};
    let read = |who: &str, time: &str, fields: &str| {
        format!(
            r#"{{"kind":"access","time":{time},"actor":{{"id":"hostile-{who}"}},"action":"read"{fields}}}"#
        )
    };
    let now = "NOW";
    vec![
        hostile("1970", read("past", "0", ""), Late),
        hostile("2100", read("future", r#""2100-01-01T00:00:00Z""#, ""), Scored),
        hostile("half-hour zone", read("kabul", "KABUL", ""), Scored),
        hostile("zone without colon", read("kiribati", "KIRIBATI", ""), Scored),
        hostile("negative counts", read("minus", now, r#","records":-5,"bytes":-1"#), Scored),
        hostile(
            "absurd counts",
            read("lots", now, r#","records":1e300,"bytes":99999999999999999999"#),
            Scored,
        ),
        hostile(
            "nulls",
            read(
                "null",
                now,
                r#","resource":null,"session":null,"case":null,"records":null,"source":null"#,
            ),
            Scored,
        ),
        hostile("repeated keys nobody reads", read("twice", now, r#","x":1,"x":2"#), Scored),
        hostile("escaped NUL", read("nul", now, r#","session":"a\u0000b""#), Scored),
        hostile("blank", "  \n", Scored),
    ]
}

#[test]
fn honest_events_are_judged_as_if_the_hostile_were_not_there() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "hostile", &[("access", 1)]);
    let simulated = Simulated::hour(&setup.folder, 3, 400);
    setup.configure(broker.lock().bootstrap(), "", &simulated.data_section());
    let honest = honest(&setup, &simulated);
    let (records, fates) = mix(&honest);
    setup.stream.produce(&setup.input("access"), records);

    let mut monitor = Monitor::start(&setup.config());
    setup.settled();
    check_ledger(&mut monitor, &setup, &fates);
    let count = |wanted: fn(Fate) -> bool| fates.values().filter(|(_, fate)| wanted(*fate)).count();
    assert!(count(|fate| matches!(fate, Fate::Dead(_))) > 30, "the mix is too thin");
    assert!(count(|fate| fate == Fate::Late) > 1, "the mix is too thin");
    assert!(count(|fate| fate == Fate::Duplicate) > 10, "the mix is too thin");
    check_dead_letters(&setup, &fates);
    monitor.stop_well();

    let replayed = setup.replay(&[setup.path("honest.ndjson")]);
    assert_eq!(replayed.summary["late"], 0);
    assert!(replayed.findings.len() > 5, "too few findings to tell");
    let of_honest =
        |finding: &Value| !finding["key"]["value"].as_str().unwrap().starts_with("hostile");
    let mut findings = setup.findings();
    findings.retain(|_, finding| of_honest(finding));
    assert_same_findings(&findings, &replayed.findings);
}

/// Some write seconds where milliseconds are meant, or nothing but zeros: the broker then dates
/// what it holds to January 1970.
#[test]
fn records_that_the_broker_dates_to_1970_are_judged_as_of_now() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "undated", &[("access", 1)]);
    let simulated = Simulated::hour(&setup.folder, 3, 400);
    setup.configure(broker.lock().bootstrap(), "", &simulated.data_section());
    let feed = setup.stream.feed();
    for (number, record) in honest(&setup, &simulated).iter().enumerate() {
        let time = if number % 2 == 0 { 1_772_442_000 } else { 0 };
        feed.send_of(&setup.input("access"), record, Some(time));
    }
    feed.flush();
    let mut monitor = Monitor::start(&setup.config());
    setup.settled();
    check_ledger(&mut monitor, &setup, &BTreeMap::new());
    monitor.stop_well();
    let replayed = setup.replay(&[setup.path("honest.ndjson")]);
    assert_same_findings(&setup.findings(), &replayed.findings);
}

/// The accesses of the hour by known actors, also as a file for the replay.
fn honest(setup: &Setup, simulated: &Simulated) -> Vec<Sent> {
    let records: Vec<Sent> = simulated
        .in_order()
        .into_iter()
        .filter(|(input, _)| *input == "access")
        .map(|(_, record)| record)
        .collect();
    let mut lines = Vec::new();
    for payload in records.iter().filter_map(|(_, payload)| payload.as_ref()) {
        lines.extend_from_slice(payload);
        lines.push(b'\n');
    }
    fs::write(setup.path("honest.ndjson"), lines).unwrap();
    records
}

/// Puts a hostile record after every so many honest ones, each kind several times over, and every
/// hundredth honest record twice.
fn mix(honest: &[Sent]) -> (Vec<Sent>, BTreeMap<usize, (&'static str, Fate)>) {
    let kinds: Vec<Hostile> = undecodable().into_iter().chain(strange()).collect();
    let every = honest.len() / (kinds.len() * 3);
    let (mut records, mut fates) = (Vec::new(), BTreeMap::new());
    for (number, record) in honest.iter().enumerate() {
        records.push(record.clone());
        if number % 100 == 50 {
            fates.insert(records.len(), ("the same id again", Fate::Duplicate));
            records.push(record.clone());
        }
        // Not among the first: what is late shows once there is a watermark.
        if number % every == every - 1 {
            let kind = &kinds[number / every % kinds.len()];
            fates.insert(records.len(), (kind.what, kind.fate));
            records.push((None, kind.payload.as_ref().map(|payload| timed(payload, record))));
        }
    }
    (records, fates)
}

fn timed(payload: &[u8], honest: &Sent) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(payload) else { return payload.to_vec() };
    let honest: Value = serde_json::from_slice(honest.1.as_ref().unwrap()).unwrap();
    let time: jiff::Timestamp = honest["time"].as_str().unwrap().parse().unwrap();
    let zoned = |minutes: i32, format: &str| {
        let zone = jiff::tz::Offset::from_seconds(minutes * 60).unwrap().to_time_zone();
        format!("\"{}\"", time.to_zoned_datetime(zone).strftime(format))
    };
    text.replace("NOW", &time.as_millisecond().to_string())
        .replace("KABUL", &zoned(270, "%Y-%m-%dT%H:%M:%S%:z"))
        .replace("KIRIBATI", &zoned(14 * 60, "%Y-%m-%dT%H:%M:%S%z"))
        .into_bytes()
}

/// Every record has one outcome, and the hostile ones have theirs.
fn check_ledger(
    monitor: &mut Monitor,
    setup: &Setup,
    fates: &BTreeMap<usize, (&'static str, Fate)>,
) {
    let (status, body) = monitor.get("/api/v1/stats");
    assert_eq!(status, 200, "{body}");
    let stats: Value = serde_json::from_str(&body).unwrap();
    let records = &stats["records"];
    let total = setup.stream.read_all(&setup.input("access")).len();
    let count = |wanted: fn(Fate) -> bool| fates.values().filter(|(_, fate)| wanted(*fate)).count();
    let dead = count(|fate| matches!(fate, Fate::Dead(_)));
    let late = count(|fate| fate == Fate::Late);
    let duplicate = count(|fate| fate == Fate::Duplicate);
    assert_eq!(
        *records,
        json!({
            "in": total, "dead_lettered": dead, "late": late, "duplicate": duplicate,
            "scored": total - dead - late - duplicate,
        })
    );
}

/// One dead letter for each undecodable record, with its place and the reason, and no other.
fn check_dead_letters(setup: &Setup, fates: &BTreeMap<usize, (&'static str, Fate)>) {
    let letters: Vec<Value> =
        setup.stream.read_all(&setup.own("deadletter")).iter().map(Record::json).collect();
    let told: BTreeMap<usize, &Value> = letters
        .iter()
        .map(|letter| (letter["offset"].as_u64().unwrap() as usize, letter))
        .collect();
    assert_eq!(told.len(), letters.len(), "a record has two dead letters");
    let mut expected = BTreeSet::new();
    for (offset, (what, fate)) in fates {
        let Fate::Dead(reason) = fate else { continue };
        expected.insert(*offset);
        let letter = told.get(offset).unwrap_or_else(|| panic!("no dead letter for {what}"));
        assert_eq!(letter["topic"], setup.input("access"), "{what}");
        assert_eq!(letter["partition"], 0, "{what}");
        assert_eq!(letter["reason"], *reason, "{what}: {letter}");
        assert!(!letter["detail"].as_str().unwrap().is_empty(), "{what}");
        assert!(!letter.to_string().contains("hostile\""), "{what}: its content is shown");
    }
    let extra: Vec<&Value> =
        told.iter().filter(|(offset, _)| !expected.contains(offset)).map(|(_, l)| *l).collect();
    assert!(extra.is_empty(), "{extra:?}");
}
