//! Whatever finds something names the events it rests on, by their ids.

use std::collections::BTreeSet;

use serde_json::Value;
use tidewaiter::engine::detect::DETECTOR_NAMES;
use tidewaiter::engine::model::Finding;

use crate::determinism::agency;
use crate::learned::all_noticed;
use crate::replayed::{Replayed, config_of, replay_lines, scenarios};

/// What an event is called: by its id, or else by its place in the file.
fn names(lines: &[String]) -> BTreeSet<String> {
    let name = |(at, line): (usize, &String)| {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| format!("events.ndjson:{}", at + 1))
    };
    lines.iter().enumerate().map(name).collect()
}

/// Detectors that told something.
fn check(lines: &[String], said: &Replayed) -> BTreeSet<String> {
    let names = names(lines);
    for Finding { detector, evidence, why, .. } in &said.findings {
        assert!(!evidence.is_empty(), "{detector}: {why}");
        let unique: BTreeSet<&String> = evidence.iter().collect();
        assert_eq!(unique.len(), evidence.len(), "{detector}: {evidence:?}");
        for id in evidence {
            assert!(names.contains(id), "{detector} names {id}, which is no event: {why}");
        }
    }
    said.findings.iter().map(|finding| finding.detector.to_string()).collect()
}

/// Events of a scenario; all without their ids where `bare`.
fn scenario(folder: &std::path::Path, bare: bool) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("events.ndjson")).unwrap();
    let of_line = |line: &str| {
        let mut event: Value = serde_json::from_str(line).ok()?;
        if bare {
            event.as_object_mut()?.remove("id");
        }
        Some(event.to_string())
    };
    text.lines().filter_map(of_line).collect()
}

#[test]
fn every_detector_names_events_with_and_without_ids() {
    let mut told = BTreeSet::new();
    for entry in std::fs::read_dir(scenarios()).unwrap() {
        let folder = entry.unwrap().path();
        for bare in [false, true] {
            if folder.is_dir() {
                let lines = scenario(&folder, bare);
                told.append(&mut check(&lines, &replay_lines(&config_of(&folder), &lines)));
            }
        }
    }
    let agency = agency();
    told.append(&mut check(&agency.lines, agency.replayed()));
    let (lines, said) = all_noticed();
    told.append(&mut check(&lines, &said));
    // What does not come has no event.
    let named = DETECTOR_NAMES.into_iter().filter(|name| *name != "silent_source");
    let missing: Vec<&str> = named.filter(|name| !told.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} told nothing");
}
