//! Catalogue, directory and rules change while the monitor runs.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

const DATASET: &str = "[[dataset]]\nname = \"pnr\"\ncategory = \"travel\"\ntier = 2\n";
const CASE_REQUIRED: &str =
    "[[dataset]]\nname = \"pnr\"\ncategory = \"travel\"\ntier = 2\ncase_required = true\n";

/// Twenty actors, each for one event: a detector that has spoken of one is silent for a while.
fn directory(more: &str) -> String {
    (1..=20)
        .map(|n| format!("[[actor]]\nid = \"off-{n}\"\nrole = \"border_officer\"\n{more}\n"))
        .collect()
}

fn nobody_left() -> String {
    directory("")
}

fn all_left() -> String {
    directory("left = \"2026-01-31T00:00:00Z\"")
}

fn rule(action: &str) -> String {
    format!(
        "title: A record was unmasked\nid: 7c0d7c7e-3f0e-4c59-8e65-0d3b7c3a5f11\nstatus: test\n\
         logsource:\n    product: tidewaiter\n    category: access\n\
         detection:\n    chosen:\n        action: {action}\n    condition: chosen\nlevel: high\n"
    )
}

/// One installation, and the events it is shown one by one.
struct Watched {
    setup: Setup,
    monitor: Monitor,
    events: u32,
}

impl Watched {
    /// Writes a file as an editor does: beside it, then in its place.
    fn write(&self, file: &str, text: &str) {
        let beside = self.setup.path("beside");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.setup.path(file)).unwrap();
    }

    /// Changes a file and waits for what the log says of it.
    fn change(&mut self, file: &str, text: &str, words: &str) -> String {
        let said = self.monitor.log().len();
        self.write(file, text);
        self.monitor.says_after(said, words)
    }

    /// Shows one unmasking, by somebody new, without a case, and waits until it is judged; the detectors that spoke.
    fn show(&mut self) -> Vec<String> {
        self.events += 1;
        let (id, actor) = (format!("e{}", self.events), format!("off-{}", self.events));
        let event = format!(
            r#"{{"kind":"access","id":"{id}","time":"2026-03-02T09:00:{:02}Z","actor":{{"id":"{actor}"}},"source":{{"ip":"10.0.0.7"}},"action":"unmask","resource":{{"dataset":"pnr","record":"R-1"}}}}"#,
            self.events
        );
        let topic = self.setup.input("access");
        self.setup.stream.produce(&topic, [(Some(actor), Some(event.into_bytes()))]);
        until("the event is judged", || match self.setup.lag()? {
            0 => Ok(()),
            behind => Err(format!("{behind} records behind")),
        });
        let findings = self.setup.findings();
        let of_event = findings.values().filter(|f| {
            f["evidence"].as_array().unwrap().last().is_some_and(|last| *last == id.as_str())
        });
        let mut detectors: Vec<String> =
            of_event.map(|f| f["detector"].as_str().unwrap().to_owned()).collect();
        detectors.sort();
        detectors
    }
}

fn watched(broker: &SharedBroker) -> Watched {
    let setup = Setup::new(&broker.lock(), "reload", &[("access", 1)]);
    fs::create_dir(setup.path("rules")).unwrap();
    let write = |file: &str, text: &str| fs::write(setup.path(Path::new(file)), text).unwrap();
    write("catalogue.toml", DATASET);
    write("directory.toml", &nobody_left());
    write("rules/unmasked.yml", &rule("share"));
    let rest = "[data]\ncatalogue = \"catalogue.toml\"\ndirectory = \"directory.toml\"\nrules = \"rules\"\n";
    setup.configure(broker.lock().bootstrap(), "", rest);
    let mut monitor = Monitor::start(&setup.config());
    monitor.says("partitions assigned");
    Watched { setup, monitor, events: 0 }
}

#[test]
fn changed_files_take_effect_and_broken_ones_do_not() {
    let broker = SharedBroker::get();
    let mut watched = watched(&broker);
    assert_eq!(watched.show(), [""; 0]);

    watched.change("directory.toml", &all_left(), "\"reloaded\"");
    assert_eq!(watched.show(), ["leaver"]);

    let line = watched.change("directory.toml", "[[actor]]\nname = 5\n", "reload refused");
    assert!(line.contains("directory.toml") && line.contains("line 2"), "{line}");
    assert_eq!(watched.show(), ["leaver"]);

    watched.change("directory.toml", &nobody_left(), "\"reloaded\"");
    assert_eq!(watched.show(), [""; 0]);

    watched.change("rules/unmasked.yml", &rule("unmask"), "\"reloaded\"");
    assert_eq!(watched.show(), ["rule"]);

    let line = watched.change(
        "rules/unmasked.yml",
        &rule("unmask").replace("condition: chosen", "condition: other"),
        "reload refused",
    );
    assert!(line.contains("unmasked.yml") || line.contains("A record was unmasked"), "{line}");
    assert!(line.contains("other"), "{line}");
    assert_eq!(watched.show(), ["rule"]);

    // A broken rule beside it keeps the catalogue's change out too: all or nothing.
    watched.change("catalogue.toml", CASE_REQUIRED, "reload refused");
    assert_eq!(watched.show(), ["rule"]);
    // What somebody sets through the API does not wait until it is mended.
    let body = json!({"budget_per_1000_actors_day": 2.5, "reason": "too few", "by": "ann"});
    let (status, answer) = watched.monitor.put("/api/v1/budget", &body);
    assert_eq!(status, 200, "{answer}");
    watched.monitor.says("what the API has set is in force");
    watched.change("rules/unmasked.yml", &rule("share"), "\"reloaded\"");
    let detectors = watched.show();
    assert!(detectors.iter().all(|d| d == "no_case") && !detectors.is_empty(), "{detectors:?}");
    watched.monitor.stop_well();
}
