//! Scenarios as folders: events and the agency's data in, exact findings and incidents out.
//!
//! `tests/scenarios/README.md` says what each is about and how to change one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tidewaiter::engine::detect::DETECTOR_NAMES;
use tidewaiter::engine::model::{Finding, Incident};

use crate::learned::LEARNED;
use crate::replayed::{Replayed, check_golden, config_of, replay_files, scenarios};

/// What begins so is a near miss: it may lead to nothing.
const NEAR_ACTOR: &str = "near-";
const NEAR_SOURCE: &str = "10.99.";

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 15, "only {} scenarios", folders.len());
    folders
}

fn name_of(folder: &std::path::Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

fn replayed(folder: &std::path::Path) -> Replayed {
    replay_files(&config_of(folder), &[("events.ndjson", &folder.join("events.ndjson"))])
}

fn finding_line(finding: &Finding) -> Value {
    json!({
        "id": finding.id, "time": finding.time, "detector": finding.detector,
        "rule": finding.rule, "severity": finding.severity, "score": finding.score,
        "key": format!("{} {}", finding.key.kind.name(), finding.key.value),
        "observed": finding.observed, "expected": finding.expected, "unit": finding.unit,
        "why": finding.why, "evidence": finding.evidence.len(),
    })
}

fn incident_line(incident: &Incident) -> Value {
    json!({
        "id": incident.id, "opened": incident.opened, "severity": incident.severity,
        "score": incident.score, "title": incident.title, "actors": incident.actors,
        "sources": incident.sources, "subjects": incident.subjects, "records": incident.records,
        "bytes": incident.bytes, "findings": incident.findings.len(),
        "timeline_length": incident.timeline_length,
    })
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| value.to_string() + "\n").collect()
}

#[test]
fn every_scenario_gives_exactly_its_findings_and_incidents() {
    for folder in folders() {
        let said = replayed(&folder);
        assert_eq!(said.summary.rejected, 0, "{}", folder.display());
        let findings = lines(said.findings.iter().map(finding_line));
        check_golden(&folder.join("findings.ndjson"), &findings);
        let incidents = lines(said.incidents.iter().map(incident_line));
        check_golden(&folder.join("incidents.ndjson"), &incidents);
    }
}

#[test]
fn every_scenario_has_a_hit_and_a_near_miss() {
    for folder in folders() {
        let events = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
        let near = events.contains(&format!("\"{NEAR_ACTOR}"))
            || events.contains(&format!("\"{NEAR_SOURCE}"));
        assert!(near, "{} has no near miss", folder.display());
        let said = replayed(&folder);
        assert!(!said.findings.is_empty(), "{} finds nothing", folder.display());
        for finding in &said.findings {
            let actor = finding.actor.as_deref().unwrap_or("");
            // In a chain's scenarios its halves are findings; only the chain may be missing.
            let half = name_of(&folder) == "factor_removed_then_read" && finding.detector == "rule";
            assert!(
                !actor.starts_with(NEAR_ACTOR) || half,
                "{}: {}",
                folder.display(),
                finding.why
            );
            let chained = name_of(&folder).starts_with("read_then_outflow");
            let source = finding.source_ip.as_deref().unwrap_or("");
            assert!(
                !source.starts_with(NEAR_SOURCE)
                    || (chained && finding.detector != "read_then_outflow"),
                "{}: {}",
                folder.display(),
                finding.why
            );
        }
    }
}

#[test]
fn every_detector_has_a_scenario() {
    let fired: BTreeSet<String> = folders()
        .iter()
        .flat_map(|folder| replayed(folder).findings)
        .map(|finding| finding.detector.into_owned())
        .collect();
    // Those that learn need a fortnight: `learned.rs` has one. Silence is judged by the broker's
    // clock, which files do not have: `silence.rs` shows it.
    let all: BTreeSet<String> = DETECTOR_NAMES
        .iter()
        .filter(|name| !LEARNED.contains(name) && **name != "silent_source")
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(fired, all);
}

#[test]
fn every_scenario_is_described() {
    let card = std::fs::read_to_string(scenarios().join("README.md")).unwrap();
    for folder in folders() {
        let name = name_of(&folder);
        assert!(card.contains(&format!("| `{name}` |")), "README.md says nothing of {name}");
    }
}

/// The chain is made by event time, whichever of its halves arrives first.
#[test]
fn the_chain_is_the_same_in_both_orders_of_arrival() {
    let chains = |name: &str| -> Vec<(String, String, u8, String)> {
        replayed(&scenarios().join(name))
            .findings
            .into_iter()
            .filter(|finding| finding.detector == "read_then_outflow")
            .map(|f| (f.time.to_string(), f.source_ip.unwrap(), f.score, f.why))
            .collect()
    };
    let in_time = chains("read_then_outflow");
    assert_eq!(in_time.len(), 1);
    assert_eq!(in_time, chains("read_then_outflow_flows_arrive_first"));
}

/// What was found in free text is counted and not repeated.
#[test]
fn no_identifier_that_was_found_is_told() {
    let folder = scenarios().join("sensitive_identifier");
    let events = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
    let said = replayed(&folder);
    let entries = serde_json::to_string(&Vec::from_iter(said.entries.values())).unwrap();
    for value in ["L898902C3", "D23145890", "ERIKSSON", "482913377", "CSQU3054383", "26NLA0B1C2D3"]
    {
        assert!(events.contains(value), "{value} is not in the scenario");
        assert!(!said.lines().contains(value), "a finding or an incident tells {value}");
        assert!(!entries.contains(value), "a timeline tells {value}");
    }
}
