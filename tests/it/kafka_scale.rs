//! Several processes: partitions move, a killed one is replaced, a standby takes over, and the
//! account of every record balances.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::postgres::Database;
use crate::setup::{Setup, assert_same_findings, check_ledger, titles};
use crate::simulated::{Simulated, Traffic};
use crate::stream::SharedBroker;

const INPUTS: [(&str, i32); 3] = [("access", 6), ("auth", 3), ("network", 3)];

/// An installation of several processes, and an hour of traffic for it.
struct Installation {
    setup: Setup,
    simulated: Simulated,
    brokers: String,
}

impl Installation {
    fn new(broker: &SharedBroker, name: &str) -> Self {
        let setup = Setup::new(&broker.lock(), name, &INPUTS);
        let simulated = Simulated::hour(&setup.folder, 23, 400);
        let brokers = broker.lock().bootstrap().to_owned();
        Self { setup, simulated, brokers }
    }

    /// The configuration of one process: what goes below `[kafka]`, and its roles.
    fn process(&self, name: &str, kafka: &str, roles: &str) -> PathBuf {
        let rest = format!(
            "{}[correlate]\ngateway_actors_min = 1000000\n[roles]\n{roles}\n",
            self.simulated.data_section()
        );
        self.setup.configure(&self.brokers, kafka, &rest);
        let path = self.setup.path(format!("{name}.toml"));
        std::fs::copy(self.setup.config(), &path).unwrap();
        path
    }

    fn until_committed(&self, traffic: &Traffic, share: i64) {
        until(&format!("{share} % committed"), || {
            let done = self.setup.stream.committed(&self.setup.name, self.setup.inputs())?;
            let total = traffic.records_total;
            if done * 100 >= total * share { Ok(()) } else { Err(format!("{done} of {total}")) }
        });
    }

    /// Everything is as one undisturbed process would have it.
    fn check_undisturbed(&self) {
        self.setup.settled();
        assert_eq!(self.setup.lag(), Ok(0));
        let replayed = self.setup.replay(std::slice::from_ref(&self.simulated.events));
        assert!(!replayed.incidents.is_empty(), "a test without incidents proves nothing");
        assert_same_findings(&self.setup.findings(), &replayed.findings);
        assert_eq!(titles(&self.setup.opened()), titles(&replayed.incidents));
    }
}

#[test]
fn detectors_come_and_die_and_nothing_is_lost_or_told_twice() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "scale");
    let detector = it.process("b", "workers = 2", "correlate = false\nserve = false");
    let whole = it.process("a", "workers = 2", "");
    let mut first = Monitor::start(&whole);
    let traffic = it.simulated.play(&it.setup);
    it.until_committed(&traffic, 10);
    // One more comes: it takes its share of the partitions with their state.
    let mut second = Monitor::start(&detector);
    second.says("partitions assigned");
    assert_eq!(second.get("/healthz").0, 200);
    assert_eq!(second.get("/api/v1/incidents").0, 404);
    it.until_committed(&traffic, 40);
    second.kill();
    it.until_committed(&traffic, 60);
    let mut third = Monitor::start(&detector);
    until("readiness", || match third.get("/readyz") {
        (200, _) => Ok(()),
        (status, body) => Err(format!("{status} {body}")),
    });
    let total = traffic.records_total;
    traffic.sent();
    it.setup.settled();
    assert_eq!(first.get("/readyz").0, 200);
    third.stop_well();
    first.stop_well();
    it.check_undisturbed();
    assert_eq!(check_ledger(&it.setup, &INPUTS), total);
}

#[test]
fn a_correlator_that_stands_by_takes_over() {
    let broker = SharedBroker::get();
    takes_over(&Installation::new(&broker, "standby"));
}

#[test]
fn a_correlator_that_stands_by_takes_over_on_postgresql() {
    let broker = SharedBroker::get();
    let mut it = Installation::new(&broker, "standby-pg");
    it.setup.database = Some(Database::new());
    takes_over(&it);
    assert!(!it.setup.store().exists(), "nothing went to a file");
}

#[test]
fn a_database_that_goes_away_for_a_while_loses_and_doubles_nothing() {
    let broker = SharedBroker::get();
    let mut it = Installation::new(&broker, "store-away");
    it.setup.database = Some(Database::new());
    let mut monitor = Monitor::start(&it.process("all", "", ""));
    let traffic = it.simulated.play(&it.setup);
    it.until_committed(&traffic, 30);
    let database = it.setup.database.as_ref().unwrap();
    database.goes_away();
    monitor.says("the store cannot be reached");
    until("not ready", || match monitor.get("/readyz") {
        (200, body) => Err(body),
        (_, body) if body.contains("store") => Ok(()),
        (status, body) => Err(format!("{status} {body}")),
    });
    database.back();
    monitor.says("the store is back");
    traffic.sent();
    it.setup.settled();
    monitor.stop_well();
    it.check_undisturbed();
}

/// The active correlator is killed half-way.
fn takes_over(it: &Installation) {
    let detect = it.process("detect", "", "correlate = false\nserve = false");
    let correlate = it.process("correlate", "", "detect = false\nserve = false");
    let detector = Monitor::start(&detect);
    let mut active = Monitor::start(&correlate);
    active.says("correlator started");
    let mut standby = Monitor::start(&correlate);
    let mut server = Monitor::start_with(&detect, &["--roles", "serve", "--instance", "s"]);
    let traffic = it.simulated.play(&it.setup);
    it.until_committed(&traffic, 50);
    until("an incident from the active one", || match it.setup.opened().len() {
        0 => Err("none yet".into()),
        _ => Ok(()),
    });
    assert!(!standby.log().iter().any(|line| line.contains("correlator started")));
    let before: BTreeSet<String> = ids(&it.setup.opened());
    active.kill();
    standby.says("correlator started");
    traffic.sent();
    it.setup.settled();
    assert!(ids(&it.setup.opened()).is_superset(&before), "incidents kept their ids");
    let (status, body) = server.get("/api/v1/incidents");
    assert_eq!(status, 200);
    assert!(before.iter().all(|id| body.contains(id.as_str())));
    server.stop_well();
    standby.stop_well();
    detector.stop_well();
    it.check_undisturbed();
}

fn ids(incidents: &[Value]) -> BTreeSet<String> {
    incidents.iter().map(|incident| incident["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_processes_under_one_name_do_no_harm() {
    let broker = SharedBroker::get();
    let it = Installation::new(&broker, "same");
    let config = it.process("same", "instance = \"same\"", "");
    let mut first = Monitor::start(&config);
    first.says("partitions assigned");
    let traffic = it.simulated.play(&it.setup);
    it.until_committed(&traffic, 20);
    let second = Monitor::start(&config);
    // Whoever was overtaken says why, stops consuming, and ends well when told to.
    first.says("under the same kafka.instance");
    second.stop_well();
    traffic.sent();
    it.setup.settled();
    first.stop_well();
    it.check_undisturbed();
    check_ledger(&it.setup, &INPUTS);
}
