//! The same events give the same findings: again, packed, split, delivered twice, out of order,
//! and with clocks gone wrong among them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;
use tidewaiter::config::Config;
use tidewaiter::engine::model::{EventTime, Incident};
use tidewaiter::simulate::{BreachChoice, Simulation, SimulationConfig};

use crate::replayed::{Replayed, replay_files, replay_lines};

/// Two hours of an agency with one breach of each kind.
pub struct Agency {
    pub config: Config,
    pub lines: Vec<String>,
    pub truth: Value,
    folder: tempfile::TempDir,
}

/// What is simulated once for all tests.
struct Simulated {
    catalogue: String,
    directory: String,
    lines: Vec<String>,
    truth: Value,
}

fn simulated() -> Simulated {
    let simulation = Simulation::new(SimulationConfig {
        seed: 7,
        actors: 150,
        duration_ms: 2 * 3_600_000,
        breaches: BreachChoice::All,
        ..SimulationConfig::default()
    })
    .unwrap();
    let (catalogue, directory) = (simulation.catalogue_toml(), simulation.directory_toml());
    let truth = serde_json::to_value(simulation.truth()).unwrap();
    let lines = simulation
        .map(|event| {
            let mut line = Vec::new();
            event.write_json(&mut line);
            String::from_utf8(line).unwrap()
        })
        .collect();
    Simulated { catalogue, directory, lines, truth }
}

pub fn agency() -> Agency {
    static SIMULATED: OnceLock<Simulated> = OnceLock::new();
    let Simulated { catalogue, directory, lines, truth } = SIMULATED.get_or_init(simulated);
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    for (place, name, text) in [
        (&mut config.data.catalogue, "catalogue.toml", catalogue),
        (&mut config.data.directory, "directory.toml", directory),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        *place = Some(path);
    }
    Agency { config, lines: lines.clone(), truth: truth.clone(), folder }
}

impl Agency {
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// What its events give rise to in the order they happened. Replayed once for all tests.
    pub fn replayed(&self) -> &'static Replayed {
        static IN_ORDER: OnceLock<Replayed> = OnceLock::new();
        IN_ORDER.get_or_init(|| {
            let said = replay_lines(&self.config, &self.lines);
            assert!(said.incidents.len() >= 10, "{} incidents", said.incidents.len());
            assert_eq!(said.summary.scored, self.lines.len() as u64);
            said
        })
    }
}

fn time_of(line: &str) -> &str {
    let from = line.find("\"time\":\"").unwrap() + 8;
    &line[from..from + 24]
}

#[test]
fn the_same_events_give_the_same_bytes() {
    let agency = agency();
    assert_eq!(agency.replayed().lines(), replay_lines(&agency.config, &agency.lines).lines());
}

#[test]
fn packed_files_give_the_same_bytes() {
    let agency = agency();
    let expected = agency.replayed().lines();
    let text = agency.text();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let packed = [agency.file("events.gz", &gz.finish().unwrap()), agency.file("events.zst", &zst)];
    for path in packed {
        let said = replay_files(&agency.config, &[("events.ndjson", &path)]);
        assert!(said.lines() == expected, "{} differs", path.display());
    }
}

/// Split by who acts, as topics are by key, files merged by time are the one sorted file: only
/// the place of each record is told otherwise.
#[test]
fn files_merged_by_time_are_one_sorted_file() {
    let agency = agency();
    let mut lines = agency.lines.clone();
    lines.sort_by(|a, b| time_of(a).cmp(time_of(b)));
    let unique: BTreeSet<&str> = lines.iter().map(|line| time_of(line)).collect();
    // Where times are equal the first file comes first; keep such lines together in one file.
    let part = |line: &str, parts: usize| {
        unique.range(..time_of(line)).next_back().map_or(0, |before| before.as_bytes()[22] as usize)
            % parts
    };
    let whole = replay_lines(&agency.config, &lines);
    let files: Vec<PathBuf> = (0..3)
        .map(|wanted| {
            let text: String = lines
                .iter()
                .filter(|line| part(line, 3) == wanted)
                .map(|line| format!("{line}\n"))
                .collect();
            assert!(!text.is_empty());
            agency.file(&format!("part-{wanted}"), text.as_bytes())
        })
        .collect();
    let named: Vec<(&str, &std::path::Path)> =
        ["a", "b", "c"].into_iter().zip(files.iter().map(PathBuf::as_path)).collect();
    let merged = replay_files(&agency.config, &named);
    assert_eq!(whole.finding_ids(), merged.finding_ids());
    let shown = |said: &Replayed| -> Vec<Value> {
        said.incidents.iter().map(|i| serde_json::to_value(i).unwrap()).collect()
    };
    assert_eq!(shown(&whole), shown(&merged));
}

#[test]
fn what_is_delivered_twice_counts_once() {
    let agency = agency();
    let once = agency.replayed();
    // Each record again some 50 records later, as after a crash.
    let mut lines = Vec::new();
    for (i, line) in agency.lines.iter().enumerate() {
        lines.push(line);
        if i >= 50 {
            lines.push(&agency.lines[i - 50]);
        }
    }
    let twice = replay_lines(&agency.config, &lines);
    assert_eq!(twice.summary.duplicate, agency.lines.len() as u64 - 50);
    assert_eq!(twice.summary.scored, once.summary.scored);
    assert_eq!(once.finding_ids(), twice.finding_ids());
    for (a, b) in once.incidents.iter().zip(&twice.incidents) {
        assert_eq!(
            (&a.id, a.score, a.records, a.subjects),
            (&b.id, b.score, b.records, b.subjects)
        );
        assert_eq!(a.timeline_length, b.timeline_length);
    }
}

/// One record with its clock in another century, whoever it is from and wherever it stands,
/// changes nothing for the others.
#[test]
fn a_clock_in_another_century_changes_nothing_for_the_rest() {
    let agency = agency();
    let expected = agency.replayed();
    // The last kind of record is a finding itself: opening a planted record is told at any time.
    let planted = {
        let text = agency.config.data.directory.as_ref().map(std::fs::read_to_string);
        let text = text.unwrap().unwrap();
        let row = text.split("[[canary]]").nth(1).unwrap();
        row.split('"').nth(1).unwrap().to_owned()
    };
    for time in ["2100-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"] {
        for place in [0, agency.lines.len() / 2] {
            for subject in ["T-1", planted.as_str()] {
                let stray = format!(
                    r#"{{"kind":"access","id":"stray","time":"{time}","actor":{{"id":"stray"}},"source":{{"ip":"10.250.0.1"}},"action":"read","resource":{{"dataset":"pnr","subject":"{subject}"}},"case":"C-1"}}"#
                );
                let mut lines = agency.lines.clone();
                lines.insert(place, stray);
                let said = replay_lines(&agency.config, &lines);
                let others: Vec<&str> = said
                    .findings
                    .iter()
                    .filter(|finding| finding.actor.as_deref() != Some("stray"))
                    .map(|finding| finding.id.as_str())
                    .collect();
                let at = format!("{time} at line {place}, subject {subject}");
                assert_eq!(others, expected.finding_ids(), "{at}");
                let others = said.incidents.iter().filter(|i| !i.actors.contains(&"stray".into()));
                let shown: Vec<_> = others.map(|i| (&i.id, i.opened, i.score, i.records)).collect();
                let wanted: Vec<_> = expected
                    .incidents
                    .iter()
                    .map(|i| (&i.id, i.opened, i.score, i.records))
                    .collect();
                assert_eq!(shown, wanted, "{at}");
                assert!(said.summary.late <= 1, "{at}: {} late", said.summary.late);
            }
        }
    }
}

/// The same with the clock of somebody who commits a breach: the windows are not dragged along.
#[test]
fn a_dump_is_seen_whatever_one_of_its_records_says_of_the_time() {
    let agency = agency();
    let breach =
        agency.truth.as_array().unwrap().iter().find(|b| b["kind"] == "bulk-dump").unwrap();
    let actor = breach["actors"][0].as_str().unwrap();
    let detectors = |said: &Replayed| -> BTreeSet<String> {
        let findings = said.findings.iter().filter(|f| f.actor.as_deref() == Some(actor));
        findings.map(|f| f.detector.to_string()).collect()
    };
    let expected = detectors(agency.replayed());
    assert!(expected.contains("bulk_read") && expected.contains("read_then_outflow"));
    let first = agency.lines.iter().position(|line| line.contains(actor)).unwrap();
    for time in ["2100-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"] {
        let mut lines = agency.lines.clone();
        let stray = lines[first].replacen(time_of(&lines[first]), time, 1);
        lines[first] = stray;
        assert_eq!(detectors(&replay_lines(&agency.config, &lines)), expected, "{time}");
    }
}

/// What holds when records arrive out of order by less than the allowed lateness (here by up to
/// 5 of the 10 minutes): nothing is late, the same people and addresses have incidents, found by
/// the same detectors but one, and each incident holds all of its breach. The one is enumeration,
/// which looks at the order itself. What may differ too is which record crosses a limit, and with
/// it ids, scores, and where the evidence around the breach ends.
#[test]
fn disorder_within_the_allowed_lateness_gives_the_same_incidents() {
    let agency = agency();
    let shape = |said: &Replayed| -> BTreeMap<(Vec<String>, Vec<String>), BTreeSet<String>> {
        let detectors = |incident: &Incident| {
            let mine = said.findings.iter().filter(|f| incident.findings.contains(&f.id));
            mine.map(|f| f.detector.to_string()).filter(|d| d != "enumeration").collect()
        };
        let key = |i: &Incident| (i.actors.clone(), i.sources.clone());
        said.incidents.iter().map(|i| (key(i), detectors(i))).collect()
    };
    let in_order = agency.replayed();
    for seed in 1..=3_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut delayed: Vec<(i64, &String)> = agency
            .lines
            .iter()
            .map(|line| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let delay_ms = (state >> 33) as i64 % 300_000;
                (EventTime::parse(time_of(line)).unwrap().millis() + delay_ms, line)
            })
            .collect();
        delayed.sort_by_key(|(arrives, _)| *arrives);
        let lines: Vec<&String> = delayed.into_iter().map(|(_, line)| line).collect();
        let said = replay_lines(&agency.config, &lines);
        assert_eq!(said.summary.late, 0);
        assert_eq!(shape(&said), shape(in_order), "seed {seed}");
        for breach in agency.truth.as_array().unwrap() {
            let culprit =
                |i: &&Incident| i.actors.iter().any(|actor| breach["actors"][0] == **actor);
            let Some(before) = in_order.incidents.iter().find(culprit) else { continue };
            let after = said.incidents.iter().find(culprit).unwrap();
            let all = breach["records"].as_u64().unwrap();
            assert!(before.records < all || after.records >= all, "{}", breach["name"]);
        }
    }
}
