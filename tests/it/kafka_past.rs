//! The past of somebody of whom nothing was found, read again from what the topics retain; and the
//! hour's reads, as detectors tell them to who serves.

use serde_json::Value;

use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::simulated::Simulated;
use crate::stream::SharedBroker;

fn asked(monitor: &mut Monitor, path: &str) -> Value {
    let (status, answer) = monitor.get(path);
    assert_eq!(status, 200, "{path}: {answer}");
    serde_json::from_str(&answer).unwrap()
}

/// Times of what an actor did, as the simulation wrote it.
fn written(simulated: &Simulated, actor: &str) -> Vec<String> {
    let text = std::fs::read_to_string(&simulated.events).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let theirs = events.filter(|event| event["actor"]["id"] == actor);
    theirs.map(|event| event["time"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_past_of_anybody_is_read_from_what_kafka_retains() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "past", &[("access", 2), ("auth", 1), ("network", 2)]);
    let simulated = Simulated::hour(&setup.folder, 7, 300);
    setup.configure(broker.lock().bootstrap(), "", &simulated.data_section());
    let mut monitor = Monitor::start(&setup.config());
    simulated.produce(&setup);
    setup.settled();

    let text = std::fs::read_to_string(&simulated.events).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let day = &first["time"].as_str().unwrap()[..10];
    let span = format!("from={day}T00:00:00Z&to={day}T23:59:59Z");
    let incidents = setup.incidents();
    let named = |actor: &str| incidents.iter().any(|one| one["actors"].to_string().contains(actor));
    let quiet = text.lines().find_map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        let actor = event["actor"]["id"].as_str()?.to_owned();
        let reads = event["kind"] == "access" && event["resource"]["subject"].is_string();
        (reads && !named(&actor) && written(&simulated, &actor).len() > 3).then_some(actor)
    });
    let quiet = quiet.unwrap();
    let mut expected = written(&simulated, &quiet);
    expected.sort();

    let past = asked(&mut monitor, &format!("/api/v1/past/timeline?actor={quiet}&{span}"));
    let lines = past["lines"].as_array().unwrap();
    let mut told: Vec<String> =
        lines.iter().map(|line| line["time"].as_str().unwrap().to_owned()).collect();
    assert!(told.is_sorted());
    told.sort();
    let short = |times: &[String]| -> Vec<String> {
        times.iter().map(|time| time[..19].to_owned()).collect()
    };
    assert_eq!(short(&told), short(&expected), "{quiet}");
    assert_eq!(past["complete"], true);
    assert!(past["records"].as_u64().unwrap() >= text.lines().count() as u64);
    assert!(lines.iter().all(|line| line["source"]["offset"].is_u64()), "{past}");

    // From one of them to whom it is about: the subject's own past has the read too.
    let read = lines.iter().find(|line| line["tokens"][0].is_string()).unwrap();
    let token = read["tokens"][0].as_str().unwrap();
    let of = asked(&mut monitor, &format!("/api/v1/past/timeline?subject={token}&{span}"));
    let of = of["lines"].as_array().unwrap();
    assert!(of.iter().any(|line| line["source"] == read["source"]), "{of:?}");
    assert!(of.iter().all(|line| line["tokens"].to_string().contains(token)));

    // What is cut says so.
    let cut = asked(&mut monitor, &format!("/api/v1/past/timeline?actor={quiet}&{span}&limit=1"));
    assert_eq!((cut["lines"].as_array().unwrap().len(), &cut["complete"]), (1, &false.into()));

    // The reads of the hour have come to who serves, all of them.
    let sent = simulated.in_order();
    let reads = sent.iter().filter(|(_, (_, record))| {
        let event: Value = serde_json::from_slice(record.as_ref().unwrap()).unwrap();
        event["kind"] == "access" && !matches!(event["outcome"].as_str(), Some("denied" | "error"))
    });
    let reads = reads.count() as u64;
    until("every read told", || {
        let stats = asked(&mut monitor, "/api/v1/stats");
        let none = Vec::new();
        let by = stats["hour"]["categories"].as_array().unwrap_or(&none);
        let told: u64 = by.iter().map(|one| one["reads"].as_u64().unwrap()).sum();
        let before: u64 = stats["reads_by_category"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .sum();
        match told {
            n if n > 0 && n <= before && before == reads => Ok(()),
            n => Err(format!("{n} of the hour, {before} of {reads}")),
        }
    });
    monitor.stop_well();
}
