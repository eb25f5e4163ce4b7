//! A simulated hour with a breach in it: access, auth and network on three topics, from the
//! records to an incident with a timeline across them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::monitor::{Monitor, succeed, until};
use crate::setup::{Setup, assert_same_findings, lines};
use crate::simulated::Simulated;
use crate::stream::SharedBroker;

/// Three topics of three partitions each.
const INPUTS: [(&str, i32); 3] = [("access", 3), ("auth", 3), ("network", 3)];

#[test]
fn bulk_dump_becomes_an_incident_with_a_timeline() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "native", &INPUTS);
    let simulated = Simulated::hour(&setup.folder, 7, 400);
    setup.configure(broker.lock().bootstrap(), "", &simulated.data_section());
    let monitor = Monitor::start(&setup.config());
    simulated.produce(&setup);
    setup.settled();
    let replayed = setup.replay(std::slice::from_ref(&simulated.events));
    assert_same_findings(&setup.findings(), &replayed.findings);

    let incident = until("the incident with all its evidence", || complete(&setup, &simulated));
    check_incident(&incident, &setup, &simulated);
    check_timeline(&incident, &setup);
    check_formats(&incident, &setup);
    monitor.stop_well();
    // What was served while it ran is what stays.
    let after = complete(&setup, &simulated).expect("the incident stays");
    assert_eq!(after["id"], incident["id"]);
}

/// The dump's incident, once its chain is found and its 5,000 reads have arrived.
fn complete(setup: &Setup, simulated: &Simulated) -> Result<Value, String> {
    let truth = &simulated.truth[0];
    let actor = &truth["actors"][0];
    let of_actor = |incident: &&Value| incident["actors"].as_array().unwrap().contains(actor);
    let opened = setup.opened();
    let mine: Vec<&Value> = opened.iter().filter(of_actor).collect();
    let [incident] = mine[..] else { return Err(format!("{} incidents", mine.len())) };
    let reads = incident["records"].as_u64().unwrap();
    if reads < truth["records"].as_u64().unwrap() {
        return Err(format!("{reads} records: {incident}"));
    }
    let detectors = detectors(incident, setup);
    if detectors.contains("read_then_outflow") {
        Ok(incident.clone())
    } else {
        Err(format!("no chain among {detectors:?}"))
    }
}

fn detectors(incident: &Value, setup: &Setup) -> BTreeSet<String> {
    let findings = setup.findings();
    let ids = incident["findings"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
    ids.map(|id| findings[id]["detector"].as_str().unwrap().to_owned()).collect()
}

fn check_incident(incident: &Value, setup: &Setup, simulated: &Simulated) {
    let truth = &simulated.truth[0];
    assert!(incident["sources"].as_array().unwrap().contains(&truth["sources"][0]), "{incident}");
    assert!(["high", "critical"].contains(&incident["severity"].as_str().unwrap()), "{incident}");
    let detectors = detectors(incident, setup);
    for expected in ["bulk_read", "outbound_bytes", "read_then_outflow"] {
        assert!(detectors.contains(expected), "{expected} is not among {detectors:?}");
    }
    let subjects = incident["subjects"].as_u64().unwrap();
    assert!(subjects >= truth["subjects"].as_u64().unwrap(), "{subjects} subjects");
    let dataset = &truth["datasets"][0];
    let scope = incident["datasets"].as_array().unwrap().iter().find(|d| d["dataset"] == *dataset);
    let scope = scope.unwrap_or_else(|| panic!("no {dataset} in {incident}"));
    assert!(scope["tier"].as_u64().unwrap() >= 1, "the catalogue was not used: {scope}");
}

/// Starts before the first finding, holds reads, logins or flows, and says of each entry where
/// it stands.
fn check_timeline(incident: &Value, setup: &Setup) {
    let entries = timeline(incident, setup, "json", false);
    let entries: Value = serde_json::from_str(&entries).unwrap();
    let entries = entries["lines"].as_array().unwrap_or_else(|| panic!("no lines: {entries}"));
    let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places = BTreeSet::new();
    let mut previous = "";
    for entry in entries {
        let kind = entry["kind"].as_str().unwrap();
        *by_kind.entry(kind).or_default() += 1;
        let time = entry["time"].as_str().unwrap();
        assert!(previous <= time, "{previous}, then {time}");
        previous = time;
        let source = &entry["source"];
        assert!(source["topic"].is_string(), "{entry}");
        assert!(source["partition"].is_i64() && source["offset"].is_u64(), "{entry}");
        if ["access", "auth", "flow"].contains(&kind) {
            let topic = source["topic"].as_str().unwrap();
            let expected = if kind == "flow" { "network" } else { kind };
            assert_eq!(topic, setup.input(expected), "{entry}");
            assert!(places.insert(source.to_string()), "told twice: {entry}");
        }
    }
    println!("timeline: {by_kind:?}");
    assert!(entries[0]["time"].as_str() < incident["first_finding"].as_str(), "{}", entries[0]);
    assert!(["access", "auth", "flow"].contains(&entries[0]["kind"].as_str().unwrap()));
    for (kind, least) in
        [("access", 5_000), ("finding", 3), ("flow", 1), ("auth", 1), ("severity", 1)]
    {
        let count = by_kind.get(kind).copied().unwrap_or(0);
        assert!(count >= least, "{count} entries of kind {kind} in {by_kind:?}");
    }
    assert_eq!(entries.len() as u64, incident["timeline_length"].as_u64().unwrap());
}

fn check_formats(incident: &Value, setup: &Setup) {
    let length = incident["timeline_length"].as_u64().unwrap() as usize;

    let text = timeline(incident, setup, "csv", false);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let source = columns.iter().position(|name| name == "source").unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), length);
    for row in &rows {
        let (topic, offset) = row[source].split_once('@').unwrap();
        assert!(topic.contains('/') && offset.parse::<u64>().is_ok(), "{row:?}");
    }

    let rows = lines(&timeline(incident, setup, "timesketch", false));
    assert_eq!(rows.len(), length);
    for row in &rows {
        assert!(!row["message"].as_str().unwrap().is_empty(), "{row}");
        assert!(!row["timestamp_desc"].as_str().unwrap().is_empty(), "{row}");
        let datetime: jiff::Timestamp = row["datetime"].as_str().unwrap().parse().unwrap();
        assert_eq!(row["timestamp"].as_i64(), Some(datetime.as_microsecond()), "{row}");
    }

    let folded = lines(&timeline(incident, setup, "timesketch", true));
    assert!(folded.len() * 10 < length, "{} lines of {length} entries", folded.len());
    let entries: u64 = folded.iter().map(|row| row["entries"].as_u64().unwrap()).sum();
    assert_eq!(entries as usize, length);
    let markdown = timeline(incident, setup, "markdown", true);
    assert!(markdown.contains(incident["title"].as_str().unwrap()), "{markdown}");
}

fn timeline(incident: &Value, setup: &Setup, format: &str, fold: bool) -> String {
    let store = setup.store();
    let fold = fold.to_string();
    let id = incident["id"].as_str().unwrap();
    let arguments = ["timeline", id, "--format", format, "--fold", &fold, "--store"];
    succeed(arguments.iter().map(AsRef::as_ref).chain([store.as_os_str()]))
}
