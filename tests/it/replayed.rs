//! The engine over files, as `replay` drives it, with everything it says kept for looking at.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidewaiter::adapters::files::{Lines, Merge};
use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::app::replay::{Listener, Replay, Summary};
use tidewaiter::config::{Config, Purpose, load};
use tidewaiter::engine::correlate::{Correlated, Correlator, Notice};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::model::{Entry, Finding, Incident, IncidentId};

/// Pseudonyms of the tests: the same subjects, the same tokens, in every run.
const KEY: &[u8] = b"the key all tests use for subject tokens";

/// What a replay said.
#[derive(Default)]
pub struct Replayed {
    pub findings: Vec<Finding>,
    /// Those that reached medium.
    pub incidents: Vec<Incident>,
    /// By the incident they ended in.
    pub entries: BTreeMap<IncidentId, Vec<Entry>>,
    /// `(absorbed, by)`.
    pub merged: Vec<(IncidentId, IncidentId)>,
    pub notices: Vec<Notice>,
    pub summary: Summary,
}

impl Listener for Replayed {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.findings.push(finding.clone());
        Ok(())
    }

    fn correlated(&mut self, _: &Correlator, out: &Correlated) -> io::Result<()> {
        for (absorbed, by) in &out.merged {
            let moved = self.entries.remove(absorbed).unwrap_or_default();
            self.entries.entry(by.clone()).or_default().extend(moved);
        }
        for (incident, entry) in &out.entries {
            let moved = out.merged.iter().find(|(absorbed, _)| absorbed == incident);
            let home = moved.map_or(incident, |(_, by)| by);
            self.entries.entry(home.clone()).or_default().push(entry.clone());
        }
        self.merged.extend(out.merged.iter().cloned());
        self.notices.extend(out.notices.iter().cloned());
        Ok(())
    }
}

impl Replayed {
    /// Findings and incidents as `replay` writes them.
    pub fn lines(&self) -> String {
        let findings = self.findings.iter().map(|f| serde_json::to_string(f).unwrap());
        let incidents = self.incidents.iter().map(|i| serde_json::to_string(i).unwrap());
        findings.chain(incidents).map(|line| line + "\n").collect()
    }

    pub fn finding_ids(&self) -> Vec<&str> {
        self.findings.iter().map(|finding| finding.id.as_str()).collect()
    }

    /// The one incident there is.
    pub fn incident(&self) -> &Incident {
        let [only] = self.incidents.as_slice() else {
            panic!("{} incidents: {:?}", self.incidents.len(), titles(&self.incidents));
        };
        only
    }

    /// The incident's entries in the order of the story.
    pub fn story(&self, incident: &Incident) -> Vec<Entry> {
        let mut entries = self.entries.get(&incident.id).cloned().unwrap_or_default();
        tidewaiter::engine::timeline::sort(&mut entries);
        entries
    }
}

pub fn titles(incidents: &[Incident]) -> Vec<&str> {
    incidents.iter().map(|incident| incident.title.as_str()).collect()
}

/// Replays files under the names they are to have in the output.
pub fn replay_files(config: &Config, files: &[(&str, &Path)]) -> Replayed {
    let (settings, _) = load_settings(config, &Secret::new(KEY.to_vec())).unwrap();
    let mut opened = Vec::new();
    let mut named = Vec::new();
    for (name, path) in files {
        opened.push((Lines::open(path, Arc::default()).unwrap(), Decoder::new(Expected::Auto)));
        named.push(((*name).to_owned(), Decoder::new(Expected::Auto)));
    }
    let mut replay = Replay::new(named, &config.shard(), config.correlate.clone());
    let mut said = Replayed::default();
    replay.run(&mut Merge::new(opened), &settings, &mut said).unwrap();
    said.incidents = replay.incidents().into_iter().cloned().collect();
    said.summary = replay.summary.clone();
    said
}

/// Replays lines.
pub fn replay_lines<L: AsRef<str>>(config: &Config, lines: &[L]) -> Replayed {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{}", line.as_ref()).unwrap();
    }
    file.flush().unwrap();
    replay_files(config, &[("events.ndjson", file.path())])
}

/// `tests/scenarios`.
pub fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// `[data]` of a configuration with these catalogue and directory.
pub fn data_section(catalogue: &Path, directory: &Path) -> String {
    format!(
        "[data]\ncatalogue = \"{}\"\ndirectory = \"{}\"\n",
        catalogue.display(),
        directory.display()
    )
}

/// The same with those that the scenarios share.
pub fn scenarios_data() -> String {
    let folder = scenarios();
    data_section(&folder.join("catalogue.toml"), &folder.join("directory.toml"))
}

/// The configuration in a scenario's folder, or the one all scenarios share.
pub fn config_of(folder: &Path) -> Config {
    let own = folder.join("tidewaiter.toml");
    let shared = scenarios().join("tidewaiter.toml");
    load(if own.exists() { &own } else { &shared }, Purpose::Replay).unwrap()
}

/// The configuration all scenarios share: the agency's catalogue and directory, default limits.
pub fn config() -> Config {
    config_of(&scenarios())
}

/// Compares with the file, or writes it where `TIDEWAITER_UPDATE=1` is set.
pub fn check_golden(path: &Path, actual: &str) {
    if std::env::var_os("TIDEWAITER_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected != actual {
        let line = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
        let line = line.unwrap_or(expected.lines().count().min(actual.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
        panic!(
            "{} differs at line {}\n  file: {}\n  now:  {}\nTIDEWAITER_UPDATE=1 rewrites it",
            path.display(),
            line + 1,
            at(&expected),
            at(actual)
        );
    }
}
