//! A broker that is not there yet, goes away under traffic, or says nothing more.

use std::time::{Duration, Instant};

use crate::broker::{Broker, BrokerOptions};
use crate::monitor::{Monitor, until};
use crate::setup::{Setup, assert_same_findings};
use crate::simulated::Simulated;

const INPUTS: [(&str, i32); 3] = [("access", 2), ("auth", 1), ("network", 2)];

#[test]
fn waits_for_it_and_outlives_its_death() {
    let mut broker = Broker::start(BrokerOptions::default()).unwrap();
    let setup = Setup::new(&broker, "away", &INPUTS);
    let simulated = Simulated::hour(&setup.folder, 5, 300);
    setup.configure(broker.bootstrap(), "", &simulated.data_section());

    // Not there at the start.
    broker.stop();
    let mut monitor = Monitor::start(&setup.config());
    let line = monitor.says("no broker answers yet");
    assert!(line.contains("WARN") && line.contains(broker.bootstrap()), "{line}");
    assert_eq!(monitor.get("/healthz").0, 200);
    assert_eq!(monitor.get("/readyz").0, 503);
    broker.restart().unwrap();
    until("readiness", || ready(&mut monitor));

    // Gone for a while, twice, under traffic.
    let traffic = simulated.play(&setup);
    for share in [10, 50] {
        until(&format!("{share} % committed"), || {
            let done = setup.stream.committed(&setup.name, setup.inputs())?;
            let total = traffic.records_total;
            if done * 100 >= total * share { Ok(()) } else { Err(format!("{done} of {total}")) }
        });
        let said = monitor.log().len();
        broker.stop();
        let line = monitor.says_after(said, "lost Kafka");
        assert!(line.contains(broker.bootstrap()), "{line}");
        until("the end of readiness", || match monitor.get("/readyz") {
            (503, body) if body.contains("Kafka") => Ok(()),
            (status, body) => Err(format!("{status} {body}")),
        });
        broker.restart().unwrap();
        monitor.says_after(said, "connected to Kafka");
    }
    traffic.sent();
    setup.settled();
    until("readiness", || ready(&mut monitor));
    let replayed = setup.replay(std::slice::from_ref(&simulated.events));
    assert_same_findings(&setup.findings(), &replayed.findings);
    monitor.stop_well();
}

/// Without a word its connections stay up, and the client itself would wait for a minute.
#[test]
fn says_soon_that_a_broker_answers_no_more() {
    let broker = Broker::start(BrokerOptions::default()).unwrap();
    let setup = Setup::new(&broker, "frozen", &INPUTS);
    let simulated = Simulated::hour(&setup.folder, 5, 300);
    setup.configure(broker.bootstrap(), "", &simulated.data_section());
    let mut monitor = Monitor::start(&setup.config());
    until("readiness", || ready(&mut monitor));
    for _ in 0..2 {
        let said = monitor.log().len();
        broker.freeze(true);
        let frozen = Instant::now();
        monitor.says_after(said, "lost Kafka");
        let stats = monitor.get("/api/v1/stats").1;
        let took = frozen.elapsed();
        broker.freeze(false);
        assert!(took < Duration::from_secs(15), "told only after {took:?}");
        assert!(stats.contains(r#""kafka":"disconnected""#), "{stats}");
        monitor.says_after(said, "connected to Kafka");
        until("readiness", || ready(&mut monitor));
    }
    monitor.stop_well();
}

fn ready(monitor: &mut Monitor) -> Result<(), String> {
    match monitor.get("/readyz") {
        (200, _) => Ok(()),
        (_, body) => Err(body),
    }
}
