//! A span of time on which events are set, and what the engine says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tidewaiter::config::Config;
use tidewaiter::engine::model::{EventTime, Finding, Incident, Severity, Source};

use super::agency::{self, Who};
use crate::replayed::{Replayed, replay_lines, titles};

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

struct Set {
    ms: i64,
    of_breach: bool,
    event: Value,
}

/// Events by the milliseconds since the stage's first midnight.
pub struct Stage {
    start: EventTime,
    days: i64,
    events: Vec<Set>,
}

impl Stage {
    /// The ordinary work of `days` from the midnight of `date` on. Afterwards one interface goes on,
    /// so that time does.
    pub fn new(date: &str, days: i64) -> Self {
        let start = EventTime::parse(&format!("{date}T00:00:00Z")).unwrap();
        let mut stage = Self { start, days, events: Vec::new() };
        agency::ordinary_work(days, &mut |ms, event| stage.set(ms, false, event));
        assert!(stage.events.len() as i64 > 400 * days, "{} events", stage.events.len());
        stage
    }

    /// One event of the breach.
    pub fn breach(&mut self, ms: i64, event: Value) {
        self.set(ms, true, event);
    }

    /// One more event of ordinary work.
    pub fn ordinary(&mut self, ms: i64, event: Value) {
        self.set(ms, false, event);
    }

    fn set(&mut self, ms: i64, of_breach: bool, event: Value) {
        self.events.push(Set { ms, of_breach, event });
    }

    /// Replays everything in order of time. Holds for every case: all is taken in, and whoever is
    /// spoken of at medium or above, in findings or incidents, is the culprit.
    #[track_caller]
    pub fn replay(mut self, culprit: &Who) -> Told {
        let end = self.events.iter().map(|set| set.ms).max().unwrap_or_default();
        for ms in (self.days * DAY..end + DAY).step_by(HOUR as usize) {
            self.ordinary(ms, agency::flights());
        }
        self.events.sort_by_key(|set| set.ms);
        let start = self.start;
        for (number, set) in self.events.iter_mut().enumerate() {
            set.event["id"] = json!(format!("e{number}"));
            set.event["time"] = json!(start.plus_ms(set.ms).to_string());
        }
        let lines: Vec<String> = self.events.iter().map(|set| set.event.to_string()).collect();
        let folder = tempfile::tempdir().unwrap();
        let said = replay_lines(&config(folder.path()), &lines);
        let taken = (said.summary.scored, said.summary.rejected, said.summary.late);
        assert_eq!(taken, (lines.len() as u64, 0, 0));
        let (events, culprit, rules) = (self.events, culprit.clone(), rule_names());
        let told = Told { said, events, start, culprit, rules };
        for finding in told.said.findings.iter().filter(|f| f.severity >= Severity::Medium) {
            assert!(told.is_of_culprit(finding), "{:?}: {}", finding.actor, finding.why);
        }
        for incident in &told.said.incidents {
            assert_eq!(
                incident.actors,
                Vec::from_iter(told.culprit.id.clone()),
                "{}",
                incident.title
            );
        }
        told
    }
}

/// A new installation, told of the agency's datasets and of whom it protects.
fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    let (catalogue, directory) = (folder.join("catalogue.toml"), folder.join("directory.toml"));
    std::fs::write(&catalogue, agency::CATALOGUE).unwrap();
    std::fs::write(&directory, agency::directory()).unwrap();
    (config.data.catalogue, config.data.directory) = (Some(catalogue), Some(directory));
    config
}

/// What the engine said of the culprit.
pub struct Told {
    said: Replayed,
    events: Vec<Set>,
    start: EventTime,
    culprit: Who,
    rules: BTreeMap<String, String>,
}

/// How far a breach had got: records shown by then, and time since its first read.
#[derive(Debug, PartialEq, Eq)]
pub struct After {
    pub records: u64,
    pub ms: i64,
}

pub const fn after(records: u64, ms: i64) -> After {
    After { records, ms }
}

impl Told {
    fn is_of_culprit(&self, finding: &Finding) -> bool {
        match &self.culprit.id {
            Some(id) => finding.actor.as_ref() == Some(id),
            None => finding.actor.is_none() && finding.source_ip.as_ref() == Some(&self.culprit.ip),
        }
    }

    /// The detector, or the rule by the name of its file.
    fn speaker(&self, finding: &Finding) -> String {
        match &finding.rule {
            None => finding.detector.to_string(),
            Some(id) => self.rules.get(id).expect("a shipped rule").clone(),
        }
    }

    /// Everything that speaks of the culprit at medium or above, rules by the name of their file.
    pub fn speakers(&self) -> Vec<String> {
        let loud = self.said.findings.iter().filter(|f| f.severity >= Severity::Medium);
        Vec::from_iter(loud.map(|f| self.speaker(f)).collect::<BTreeSet<String>>())
    }

    /// The culprit's incidents, the first one first.
    pub fn incidents(&self) -> Vec<&Incident> {
        let mut incidents: Vec<&Incident> = self.said.incidents.iter().collect();
        incidents.sort_by_key(|incident| incident.opened);
        incidents
    }

    /// The one incident that the case is.
    #[track_caller]
    pub fn incident(&self) -> &Incident {
        let [only] = self.said.incidents.as_slice() else {
            panic!("{} incidents: {:?}", self.said.incidents.len(), titles(&self.said.incidents));
        };
        only
    }

    /// What opened the first incident, and how far the breach had got.
    #[track_caller]
    pub fn opened_by(&self) -> (String, After) {
        let incidents = self.incidents();
        let first = incidents.first().expect("an incident");
        assert!(first.severity >= Severity::Medium);
        let findings = self.said.findings.iter().filter(|f| first.findings.contains(&f.id));
        let at_once = findings.filter(|f| Some(f.time) == first.opened);
        let opening = at_once.max_by_key(|f| f.score).expect("what opened it");
        (self.speaker(opening), self.after(opening))
    }

    /// How far the breach had got when `by` first spoke at medium or above.
    #[track_caller]
    pub fn also_by(&self, by: &str) -> After {
        let mut findings = self.said.findings.iter();
        let first = findings.find(|f| f.severity >= Severity::Medium && self.speaker(f) == by);
        let first = first.unwrap_or_else(|| panic!("{by} is silent: {:?}", self.speakers()));
        let home = self.said.incidents.iter().filter(|i| i.findings.contains(&first.id));
        assert_eq!(home.count(), 1, "{by} is part of one incident");
        self.after(first)
    }

    /// Records that the breach was shown in all.
    pub fn breach_records(&self) -> u64 {
        self.shown().map(|(_, _, records)| records).sum()
    }

    /// Line, time and records of each event of the breach that shows data.
    fn shown(&self) -> impl Iterator<Item = (u64, i64, u64)> {
        self.events.iter().zip(1..).filter(|(set, _)| set.of_breach).filter_map(|(set, line)| {
            let shows = ["read", "search", "list", "export", "print", "unmask", "share"];
            let action = set.event["action"].as_str()?;
            let shown = set.event["kind"] == "access" && shows.contains(&action);
            shown.then(|| (line, set.ms, set.event["records"].as_u64().unwrap_or(1)))
        })
    }

    fn after(&self, finding: &Finding) -> After {
        let Source::File { line: at, .. } = finding.source else { panic!("{:?}", finding.source) };
        let first = self.shown().next().expect("the breach shows data").1;
        let records = self.shown().filter(|(line, _, _)| *line <= at).map(|(_, _, n)| n).sum();
        After { records, ms: finding.time.since(self.start) - first }
    }
}

/// The shipped rules' files by the ids in them.
fn rule_names() -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for path in rule_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        names.extend(ids.map(|id| (id.to_owned(), name.clone())));
    }
    names
}

fn rule_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { rule_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .filter(|path| !path.to_string_lossy().ends_with(".tests.yml"))
        .collect()
}
