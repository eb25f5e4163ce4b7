//! Accounts that read one list, through Kafka: one incident, whichever partition is ahead, and
//! where the monitor was started anew in between.

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::replayed::scenarios_data;
use crate::setup::Setup;
use crate::shared_subjects::reads;
use crate::stream::{Sent, SharedBroker};

/// The steps' events, keyed by actor.
fn events(steps: &str) -> Vec<Sent> {
    let of_line = |line: String| {
        let event: Value = serde_json::from_str(&line).unwrap();
        (Some(event["actor"]["id"].as_str().unwrap().to_owned()), Some(line.into_bytes()))
    };
    reads(steps).into_iter().map(of_line).collect()
}

/// Open and quiet incidents by their actors.
fn incidents(monitor: &mut Monitor) -> Vec<(String, String)> {
    let (_, body) = monitor.get("/api/v1/incidents");
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut shown: Vec<(String, String)> = body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| {
            let actors = incident["actors"].as_array().unwrap().iter();
            let actors: Vec<&str> = actors.filter_map(Value::as_str).collect();
            (actors.join("+"), incident["id"].as_str().unwrap().to_owned())
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn who_read_one_list_is_one_incident_before_and_after_a_restart() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "shared-subjects", &[("access", 3)]);
    setup.configure(broker.lock().bootstrap(), "", &scenarios_data());
    let mut monitor = Monitor::start(&setup.config());
    let names = |monitor: &mut Monitor| -> Vec<String> {
        incidents(monitor).into_iter().map(|(actors, _)| actors).collect()
    };
    let produced = |monitor: &mut Monitor, steps: &str, expected: &[&str]| {
        setup.stream.produce(&setup.input("access"), events(steps));
        setup.settled();
        until("the incidents", || match names(monitor) {
            shown if shown == expected => Ok(()),
            shown => Err(format!("{shown:?}")),
        });
    };
    produced(&mut monitor, "ann 10.0.0.1 0 1-40; dan 10.0.0.4 1 101-140", &["ann", "dan"]);
    // What was read before is taken back from the store.
    monitor.stop_well();
    let mut monitor = Monitor::start(&setup.config());
    produced(&mut monitor, "bob 10.0.0.2 20 1-40; cas 10.0.0.3 25 1-45", &["ann+bob+cas", "dan"]);
    let id = incidents(&mut monitor).remove(0).1;
    until("the timeline says why", || {
        let (_, body) = monitor.get(&format!("/api/v1/incidents/{id}/timeline?kinds=act"));
        match body.matches("since both read the same: ").count() {
            2 => Ok(()),
            n => Err(format!("{n} times in {body}")),
        }
    });
    monitor.stop_well();
}
