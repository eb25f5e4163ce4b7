//! One person looked up by many, and a range of ids shared out among many: found the same with one
//! partition and with eight, and whoever is killed on the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tidewaiter::engine::model::EventTime;

use crate::kafka_explain::explain;
use crate::monitor::{Monitor, until};
use crate::setup::{Setup, assert_same_findings, check_ledger, titles};
use crate::stream::{Sent, SharedBroker};

const OFFICERS: i64 = 60;
const DAYS: i64 = 10;
const CURIOUS: i64 = 25;
/// Accounts that share out a range, and the ids each reads of it.
const SHARING: i64 = 30;
const EACH: i64 = 12;
const MINUTE: i64 = 60_000;

fn read(
    at: EventTime,
    officer: i64,
    number: i64,
    (subject, record): (&str, String),
) -> (String, Value) {
    let actor = format!("off-{officer}");
    let event = json!({
        "kind": "access", "id": format!("e{officer}-{number}"), "time": at.to_string(),
        "actor": {"id": actor, "role": "border_officer", "unit": format!("U{}", officer % 6)},
        "source": {"ip": format!("10.0.0.{officer}")},
        "system": "gateway", "action": "read",
        "resource": {"dataset": "pnr", "category": "travel", "record": record,
                     "subject": subject},
    });
    (actor, event)
}

const START: &str = "2026-03-02T08:00:00Z";

/// Ten days in which officers read whom nobody else reads, each record by itself.
fn ordinary() -> Vec<(EventTime, (String, Value))> {
    let start = EventTime::parse(START).unwrap();
    let mut events = Vec::new();
    for day in 0..DAYS {
        for number in 0..8 {
            for officer in 0..OFFICERS {
                let at = start.plus_ms(day * 1_440 * MINUTE + (number * 60 + officer) * MINUTE);
                let subject = format!("T-{officer}-{day}-{number}");
                let scattered = (officer * 7_919 + day * 104_729 + number * 15_485_863) % 9_000_000;
                let record = format!("P-{}", 1_000_000 + scattered);
                events.push((at, read(at, officer, day * 100 + number, (&subject, record))));
            }
        }
    }
    events
}

fn in_order(mut events: Vec<(EventTime, (String, Value))>) -> Vec<(String, Value)> {
    events.sort_by_key(|(at, _)| *at);
    events.into_iter().map(|(_, event)| event).collect()
}

fn on_the_last_day(minute: i64) -> EventTime {
    EventTime::parse(START).unwrap().plus_ms(((DAYS - 1) * 1_440 + minute) * MINUTE)
}

/// On the last day 25 officers read one person, one every few minutes.
fn one_person() -> Vec<(String, Value)> {
    let mut events = ordinary();
    for officer in 0..CURIOUS {
        let at = on_the_last_day(125 + 7 * officer);
        let record = format!("P-{}", 20_000_000 + 50_000 * officer);
        events.push((at, read(at, officer, 9_999, ("T-star", record))));
    }
    in_order(events)
}

/// On the last day 30 officers read a range of ids, each some of them.
fn one_range() -> Vec<(String, Value)> {
    let mut events = ordinary();
    for number in 0..EACH {
        for officer in 0..SHARING {
            let at = on_the_last_day(125 + 10 * number).plus_ms(officer * 11_000);
            let subject = format!("T-shared-{officer}-{number}");
            let record = format!("P-{}", 700_000 + number * SHARING + officer);
            events.push((at, read(at, officer, 9_000 + number, (&subject, record))));
        }
    }
    in_order(events)
}

struct Installation {
    setup: Setup,
    file: PathBuf,
    total: i64,
    partitions: i32,
    /// What is looked for, and what its incident's title says.
    detector: &'static str,
    title: &'static str,
}

type Case = (&'static str, &'static str, Vec<(String, Value)>);

fn a_person() -> Case {
    ("subject_fan_in", "looked up by many", one_person())
}

fn a_range() -> Case {
    ("id_block", "A range of records shared out", one_range())
}

impl Installation {
    fn new(broker: &SharedBroker, name: &str, partitions: i32, kafka: &str, case: Case) -> Self {
        let (detector, title, events) = case;
        let setup = Setup::new(&broker.lock(), name, &[("access", partitions)]);
        let catalogue = setup.path("catalogue.toml");
        let text = "[[dataset]]\nname = \"pnr\"\ncategory = \"travel\"\ntier = 1\n";
        std::fs::write(&catalogue, text).unwrap();
        let rest = format!("[data]\ncatalogue = \"{}\"\n", catalogue.display());
        setup.configure(broker.lock().bootstrap(), kafka, &rest);
        let total = events.len() as i64;
        let mut lines = String::new();
        for (_, event) in &events {
            writeln!(lines, "{event}").unwrap();
        }
        let file = setup.path("events.ndjson");
        std::fs::write(&file, lines).unwrap();
        let sent = |(key, event): (String, Value)| -> Sent {
            (Some(key), Some(event.to_string().into_bytes()))
        };
        setup.stream.produce(&setup.input("access"), events.into_iter().map(sent));
        Self { setup, file, total, partitions, detector, title }
    }

    fn until_committed(&self, share: i64) {
        until(&format!("{share} % committed"), || {
            let done = self.setup.stream.committed(&self.setup.name, self.setup.inputs())?;
            if done * 100 >= self.total * share { Ok(()) } else { Err(format!("{done}")) }
        });
    }

    /// What was found is what one undisturbed process finds in the file.
    fn check(&self, monitors: Vec<Monitor>) {
        self.until_committed(100);
        let replayed = self.setup.replay(std::slice::from_ref(&self.file));
        let expected = self.of_interest(replayed.findings);
        assert!(expected.len() >= 3, "{} findings", expected.len());
        until("everything that was looked up to be counted", || {
            match self.of_interest(self.setup.findings()).len() {
                found if found >= expected.len() => Ok(()),
                found => Err(format!("{found} of {}", expected.len())),
            }
        });
        self.setup.settled();
        monitors.into_iter().for_each(|monitor| drop(monitor.stop_well()));
        let found = self.of_interest(self.setup.findings());
        assert_same_findings(&found, &expected);
        // Whoever counted it, it comes out again from what the inputs retain.
        for (id, finding) in &found {
            let (code, out, error) = explain(&self.setup, id);
            assert_eq!(code, Some(0), "{out}{error}");
            let said: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(&said["again"], finding);
            assert!(said["events"][0]["source"]["offset"].is_u64(), "{said}");
        }
        check_ledger(&self.setup, &[("access", self.partitions)]);
        let opened_for = |incidents: &[Value]| -> Vec<String> {
            let stand = incidents.iter().filter(|incident| incident["status"] != "merged");
            let titles = titles(&stand.cloned().collect::<Vec<_>>()).into_iter();
            titles.filter(|title| title.contains(self.title)).collect()
        };
        let opened = opened_for(&self.setup.opened());
        assert_eq!(opened.len(), 1, "{opened:?}");
        assert_eq!(opened, opened_for(&replayed.incidents));
    }

    fn of_interest(&self, findings: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
        findings.into_iter().filter(|(_, finding)| finding["detector"] == self.detector).collect()
    }
}

#[test]
fn one_person_looked_up_by_25_is_one_incident_with_one_partition() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "lookups-1", 1, "", a_person());
    let monitor = Monitor::start(&it.setup.config());
    it.check(vec![monitor]);
}

#[test]
fn one_person_looked_up_by_25_is_the_same_incident_with_eight() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "lookups-8", 8, "workers = 2", a_person());
    let monitor = Monitor::start(&it.setup.config());
    it.check(vec![monitor]);
}

#[test]
fn and_with_eight_and_two_processes_of_which_one_is_killed() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "lookups-killed", 8, "", a_person());
    let path = it.setup.path("detect.toml");
    let text = std::fs::read_to_string(it.setup.config()).unwrap();
    std::fs::write(&path, text + "[roles]\ncorrelate = false\nserve = false\n").unwrap();
    let mut other = Monitor::start(&path);
    other.says("partitions assigned");
    let whole = Monitor::start(&it.setup.config());
    it.until_committed(30);
    other.kill();
    let again = Monitor::start(&path);
    it.check(vec![whole, again]);
}

#[test]
fn a_range_shared_out_is_the_same_incident_with_eight_partitions() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "ranges-8", 8, "workers = 2", a_range());
    let monitor = Monitor::start(&it.setup.config());
    it.check(vec![monitor]);
}
