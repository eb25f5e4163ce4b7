//! Stopped in the middle, or killed: nothing is lost, no incident is doubled.

use std::collections::BTreeSet;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::setup::{Setup, assert_same_findings, is_severe, titles};
use crate::simulated::{Simulated, Traffic};
use crate::stream::SharedBroker;

const INPUTS: [(&str, i32); 3] = [("access", 3), ("auth", 2), ("network", 2)];
/// Of the span, and of the moments of the kills.
const SEED: u64 = 11;

fn installation(broker: &SharedBroker, name: &str) -> (Setup, Simulated) {
    let setup = Setup::new(&broker.lock(), name, &INPUTS);
    let simulated = Simulated::hour(&setup.folder, SEED, 400);
    let brokers = broker.lock().bootstrap().to_owned();
    // Gateways, and what joins them, depend on the order findings arrive in.
    let rest = simulated.data_section() + "[correlate]\ngateway_actors_min = 1000000\n";
    setup.configure(&brokers, "", &rest);
    (setup, simulated)
}

/// Waits until the group has committed at least `share` percent of what is to come.
fn until_committed(setup: &Setup, traffic: &Traffic, share: i64) {
    until(&format!("{share} % committed"), || {
        let done = setup.stream.committed(&setup.name, setup.inputs())?;
        let total = traffic.records_total;
        if done * 100 >= total * share { Ok(()) } else { Err(format!("{done} of {total}")) }
    });
}

/// At the end everything is as if nothing had happened.
fn check_undisturbed(setup: &Setup, simulated: &Simulated) {
    let replayed = setup.replay(std::slice::from_ref(&simulated.events));
    assert!(!replayed.incidents.is_empty(), "a test without incidents proves nothing");
    assert_same_findings(&setup.findings(), &replayed.findings);
    assert_eq!(setup.stored_findings(), replayed.findings.keys().cloned().collect());
    let opened = setup.opened();
    assert_eq!(titles(&opened), titles(&replayed.incidents));
    let severe = replayed.findings.values().filter(|f| is_severe(f)).count();
    assert_eq!(setup.reported().len(), severe);
    let sets = |incidents: &[Value]| -> BTreeSet<BTreeSet<String>> {
        let ids = |incident: &Value| {
            incident["findings"].as_array().unwrap().iter().map(ToString::to_string).collect()
        };
        incidents.iter().map(ids).collect()
    };
    assert_eq!(sets(&opened), sets(&replayed.incidents));
}

#[test]
fn goes_on_after_sigterm_where_it_left_off() {
    let broker = SharedBroker::get();
    let (setup, simulated) = installation(&broker, "sigterm");
    let monitor = Monitor::start(&setup.config());
    let traffic = simulated.play_held(&setup, &[60]);
    until_committed(&setup, &traffic, 40);
    let log = monitor.stop_well();
    traffic.go_on();
    assert!(log.iter().any(|line| line.contains("offsets are committed")), "{log:#?}");
    let told_before = setup.stream.json(&setup.own("findings")).len();
    traffic.sent();
    assert!(setup.lag().unwrap() > 0, "the traffic was over before the monitor was stopped");

    let monitor = Monitor::start(&setup.config());
    setup.settled();
    monitor.stop_well();
    assert_eq!(setup.lag(), Ok(0));
    check_undisturbed(&setup, &simulated);
    // A graceful stop repeats nothing: each finding stands on the topic once.
    let told = setup.stream.json(&setup.own("findings"));
    assert!(told.len() > told_before, "nothing was found after the restart");
    assert_eq!(told.len(), setup.findings().len());
}

#[test]
fn loses_and_doubles_nothing_when_killed() {
    let broker = SharedBroker::get();
    let (setup, simulated) = installation(&broker, "killed");
    let moments = moments(SEED);
    let mut monitor = Monitor::start(&setup.config());
    let traffic = simulated.play(&setup);
    for share in moments {
        until_committed(&setup, &traffic, share);
        monitor.kill();
        monitor = Monitor::start(&setup.config());
    }
    traffic.sent();
    setup.settled();
    monitor.stop_well();
    println!("killed when {moments:?} % were committed");
    assert_eq!(setup.lag(), Ok(0));
    check_undisturbed(&setup, &simulated);
}

#[test]
fn state_of_an_unknown_version_is_refused_by_name_and_stays_as_it_is() {
    let broker = SharedBroker::get();
    let (setup, simulated) = installation(&broker, "version");
    let monitor = Monitor::start(&setup.config());
    simulated.produce(&setup);
    setup.settled();
    monitor.stop_well();
    let changelog = setup.own(&format!("changelog.{}", setup.input("access")));
    let write = |value: Option<&[u8]>| {
        let record = (Some("a-from-another-version".to_owned()), value.map(<[u8]>::to_vec));
        setup.stream.produce(&changelog, [record]);
    };
    write(Some(&[99, 1, 2, 3]));
    let mut monitor = Monitor::start(&setup.config());
    let line = monitor.says("saved state is of version 99");
    assert!(line.contains(&format!("{changelog}, partition")), "{line}");
    let (status, body) = monitor.get("/readyz");
    assert_eq!(status, 503, "{body}");
    // Once that record is gone it goes on by itself, where it was.
    write(None);
    until("readiness", || match monitor.get("/readyz") {
        (200, _) => Ok(()),
        (status, body) => Err(format!("{status} {body}")),
    });
    monitor.stop_well();
    check_undisturbed(&setup, &simulated);
}

/// Three shares of the whole, in order, none near the end.
fn moments(seed: u64) -> [i64; 3] {
    let mut chance = Pcg64Mcg::seed_from_u64(seed);
    let mut moments = [0; 3].map(|_| chance.random_range(5..80));
    moments.sort_unstable();
    moments
}
