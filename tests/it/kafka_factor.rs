//! A second factor removed in one topic, sensitive data read in another: found through Kafka as
//! `replay` finds it, whichever topic is behind.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::replayed::{scenarios, scenarios_data};
use crate::setup::{Setup, assert_same_findings};
use crate::stream::{Sent, SharedBroker};

const NAME: &str = "factor_removed_then_read";

/// The scenario's events of one kind, keyed by actor.
fn events(kind: &str) -> Vec<Sent> {
    let text = fs::read_to_string(scenarios().join(NAME).join("events.ndjson")).unwrap();
    let of_line = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let actor = event["actor"]["id"].as_str().unwrap().to_owned();
        (event["kind"] == kind).then(|| (Some(actor), Some(line.as_bytes().to_vec())))
    };
    text.lines().filter_map(of_line).collect()
}

fn of_the_pair(mut findings: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    findings.retain(|_, finding| finding["detector"] == NAME);
    findings
}

fn check(first: &str, then: &str) {
    let broker = SharedBroker::get();
    let setup =
        Setup::new(&broker.lock(), &format!("factor-{first}"), &[("access", 2), ("auth", 2)]);
    setup.configure(broker.lock().bootstrap(), "", &scenarios_data());
    let monitor = Monitor::start(&setup.config());
    for kind in [first, then] {
        setup.stream.produce(&setup.input(kind), events(kind));
        setup.settled();
    }
    until("the pair is told", || match of_the_pair(setup.findings()).len() {
        0 => Err("not yet".to_owned()),
        _ => Ok(()),
    });
    setup.settled();
    let replayed = setup.replay(&[scenarios().join(NAME).join("events.ndjson")]);
    let expected = of_the_pair(replayed.findings);
    assert_eq!(expected.len(), 1);
    assert_same_findings(&of_the_pair(setup.findings()), &expected);
    let opened = setup.opened();
    let of_actor: Vec<&Value> =
        opened.iter().filter(|incident| incident["actors"][0] == "loses-factor").collect();
    assert_eq!(of_actor.len(), 1, "one incident of the removal and the read");
    let told = of_actor[0]["findings"].as_array().unwrap();
    let ids: Vec<&str> = told.iter().filter_map(Value::as_str).collect();
    assert!(ids.len() >= 2 && expected.keys().all(|id| ids.contains(&id.as_str())), "{ids:?}");
    monitor.stop_well();
}

#[test]
fn the_removal_comes_before_the_read() {
    check("auth", "access");
}

#[test]
fn the_read_comes_before_the_removal_that_preceded_it() {
    check("access", "auth");
}
