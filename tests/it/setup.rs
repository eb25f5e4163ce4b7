//! One installation of the monitor for one test: folder, configuration, topics of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::broker::Broker;
use crate::monitor::{succeed, tidewaiter, until};
use crate::postgres::Database;
use crate::stream::Stream;

pub struct Setup {
    pub folder: tempfile::TempDir,
    pub stream: Stream,
    /// Prefix of the monitor's own topics, its group, and the beginning of its inputs' names.
    pub name: String,
    inputs: Vec<String>,
    /// In place of the SQLite file.
    pub database: Option<Database>,
}

impl Setup {
    /// Creates the input topics `NAME-INPUT` and writes a configuration that reads them.
    pub fn new(broker: &Broker, name: &str, inputs: &[(&str, i32)]) -> Self {
        let setup = Self::without_topics(broker, name, inputs);
        for (topic, (_, partitions)) in setup.inputs.iter().zip(inputs) {
            broker.create_topic(topic, *partitions).unwrap();
        }
        setup
    }

    /// The same without any topic.
    pub fn without_topics(broker: &Broker, name: &str, inputs: &[(&str, i32)]) -> Self {
        let setup = Self {
            folder: tempfile::tempdir().unwrap(),
            stream: Stream::new(broker.client_config()),
            name: name.to_owned(),
            inputs: inputs.iter().map(|(input, _)| format!("{name}-{input}")).collect(),
            database: None,
        };
        setup.configure(broker.bootstrap(), "", "");
        setup
    }

    /// Writes the configuration; `kafka` goes below `[kafka]`, `rest` to the end.
    pub fn configure(&self, brokers: &str, kafka: &str, rest: &str) {
        let mut text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\
             [store]\n{1}\n\
             [kafka]\nbrokers = \"{brokers}\"\ngroup = \"{0}\"\nprefix = \"{0}\"\n\
             commit_interval_ms = 200\n{kafka}\n",
            self.name,
            self.database.as_ref().map_or("path = \"data/store.db\"".into(), Database::section)
        );
        for input in &self.inputs {
            let _ = writeln!(text, "[[input]]\ntopic = \"{input}\"");
        }
        fs::write(self.config(), text + rest).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.path("tidewaiter.toml")
    }

    pub fn store(&self) -> PathBuf {
        self.path("data/store.db")
    }

    pub fn path(&self, file: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn input(&self, input: &str) -> String {
        format!("{}-{input}", self.name)
    }

    /// One of the monitor's own topics.
    pub fn own(&self, what: &str) -> String {
        format!("{}.{what}", self.name)
    }

    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Input records the monitor's group has not committed.
    pub fn lag(&self) -> Result<i64, String> {
        self.stream.lag(&self.name, &self.inputs)
    }

    /// The findings topic, each finding once.
    #[track_caller]
    pub fn findings(&self) -> BTreeMap<String, Value> {
        by_id(self.stream.json(&self.own("findings")))
    }

    /// All incidents in the store, signals too.
    #[track_caller]
    pub fn incidents(&self) -> Vec<Value> {
        let (option, place) = match self.database {
            Some(_) => ("-c", self.config()),
            None => ("--store", self.store()),
        };
        let all =
            ["incidents", "list", "--json", "--severity", "informational", "--limit", "10000"];
        let output =
            tidewaiter(all.iter().map(AsRef::as_ref).chain([option.as_ref(), place.as_os_str()]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "incidents list: {said}");
        lines(std::str::from_utf8(&output.stdout).unwrap())
    }

    /// Incidents as people see them: those that opened.
    #[track_caller]
    pub fn opened(&self) -> Vec<Value> {
        self.incidents().into_iter().filter(|incident| !incident["opened"].is_null()).collect()
    }

    /// Waits until every input record is committed and the correlator has stored, and published,
    /// what came of them. Every finding must be in just one incident.
    #[track_caller]
    pub fn settled(&self) {
        until("all input committed", || match self.lag()? {
            0 => Ok(()),
            behind => Err(format!("{behind} records behind")),
        });
        until("every finding in the store", || {
            let told: BTreeSet<String> = self.findings().into_keys().collect();
            let stored = self.stored_findings();
            if told == stored {
                Ok(())
            } else {
                Err(format!("{} on the topic, {} in the store", told.len(), stored.len()))
            }
        });
        until("an alert for every finding from medium on", || {
            let severe: BTreeSet<String> = self
                .findings()
                .into_iter()
                .filter(|(_, f)| is_severe(f))
                .map(|(id, _)| id)
                .collect();
            let reported = self.reported();
            if severe == reported {
                Ok(())
            } else {
                Err(format!("{} such findings, {} alerts", severe.len(), reported.len()))
            }
        });
    }

    /// Ids of the findings the alerts topic tells of.
    #[track_caller]
    pub fn reported(&self) -> BTreeSet<String> {
        let alerts = self.stream.json(&self.own("alerts"));
        let uid = |alert: &Value| alert["finding_info"]["uid"].as_str().map(str::to_owned);
        alerts.iter().filter(|alert| alert["class_uid"] == 2004).filter_map(uid).collect()
    }

    /// Ids of the findings the store's incidents list.
    #[track_caller]
    pub fn stored_findings(&self) -> BTreeSet<String> {
        if self.database.is_none() && !self.store().exists() {
            return BTreeSet::new();
        }
        let mut ids = BTreeSet::new();
        for incident in self.incidents() {
            for id in incident["findings"].as_array().unwrap() {
                let id = id.as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "finding {id} is in two incidents");
            }
        }
        ids
    }

    /// What `replay` says of the files, under the same configuration.
    #[track_caller]
    pub fn replay(&self, files: &[PathBuf]) -> Replayed {
        let (findings, incidents, summary) =
            (self.path("r.findings"), self.path("r.incidents"), self.path("r.summary"));
        let mut arguments = vec!["replay".into(), "-c".into(), self.config().into_os_string()];
        for (flag, path) in
            [("--findings", &findings), ("--incidents", &incidents), ("--summary", &summary)]
        {
            arguments.extend([flag.into(), path.clone().into_os_string()]);
        }
        arguments.extend(files.iter().map(|file| file.clone().into_os_string()));
        succeed(arguments);
        let read = |path: &Path| lines(&fs::read_to_string(path).unwrap());
        Replayed {
            findings: by_id(read(&findings)),
            incidents: read(&incidents),
            summary: read(&summary).remove(0),
        }
    }
}

pub struct Replayed {
    pub findings: BTreeMap<String, Value>,
    pub incidents: Vec<Value>,
    pub summary: Value,
}

/// Medium and above: what an alert is published for.
pub fn is_severe(finding: &Value) -> bool {
    ["medium", "high", "critical"].iter().any(|severity| finding["severity"] == *severity)
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn by_id(findings: Vec<Value>) -> BTreeMap<String, Value> {
    findings.into_iter().map(|f| (f["id"].as_str().unwrap().to_owned(), f)).collect()
}

/// Asserts that two sets of findings have the same ids, and says which do not.
#[track_caller]
pub fn assert_same_findings(got: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    let told = |only: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| {
        let lone = only.iter().filter(|(id, _)| !other.contains_key(*id));
        lone.map(|(id, f)| format!("  {id} {} {} {}", f["detector"], f["time"], f["why"]))
            .collect::<Vec<_>>()
    };
    let (extra, missing) = (told(got, expected), told(expected, got));
    assert!(
        extra.is_empty() && missing.is_empty(),
        "{} too many:\n{}\n{} missing:\n{}",
        extra.len(),
        extra.join("\n"),
        missing.len(),
        missing.join("\n")
    );
}

/// Title and severity of each, in order.
pub fn titles(incidents: &[Value]) -> Vec<String> {
    let mut titles: Vec<String> =
        incidents.iter().map(|i| format!("{} {}", i["severity"], i["title"])).collect();
    titles.sort();
    titles
}

/// `tidewaiter ledger` accounts for every record up to Kafka's own ends; how many there are. Of
/// what partitions tell each other all that was read is accounted for.
#[track_caller]
pub fn check_ledger(setup: &Setup, inputs: &[(&str, i32)]) -> i64 {
    let config = setup.config();
    let output =
        tidewaiter(["ledger".as_ref(), "--json".as_ref(), "-c".as_ref(), config.as_os_str()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ledger: {said}");
    let (ledger, lookups): (Vec<Value>, Vec<Value>) =
        lines(std::str::from_utf8(&output.stdout).unwrap())
            .into_iter()
            .partition(|line| line["topic"] != setup.own("lookups"));
    let partitions: i32 = inputs.iter().map(|(_, partitions)| partitions).sum();
    assert_eq!(ledger.len(), partitions as usize);
    assert!(!lookups.is_empty());
    for line in &lookups {
        assert!(line["imbalance"] == 0 && line["dead_lettered"] == 0, "{line}");
    }
    let of = |line: &Value, key: &str| line[key].as_i64().unwrap();
    for line in &ledger {
        assert_eq!((of(line, "imbalance"), of(line, "lag")), (0, 0), "{line}");
        assert_eq!(of(line, "next"), of(line, "end"), "{line}");
    }
    let all = ["scored", "late", "duplicate", "dead_lettered"];
    ledger.iter().map(|line| all.iter().map(|key| of(line, key)).sum::<i64>()).sum()
}
