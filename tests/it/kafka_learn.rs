//! `learn --kafka`, and a monitor that begins with what was learned, its actors over several
//! partitions.

use crate::learned::{LEARNED, UNEXPLAINED, honest_days, unexplained_on};
use crate::monitor::{Monitor, tidewaiter, until};
use crate::setup::{Setup, is_severe};
use crate::stream::SharedBroker;

fn produce(setup: &Setup, events: Vec<(String, String)>) {
    let records = events.into_iter().map(|(actor, line)| (Some(actor), Some(line.into_bytes())));
    setup.stream.produce(&setup.input("access"), records);
}

#[test]
fn the_first_live_day_is_judged_by_the_history_of_the_topics() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "learn", &[("access", 3)]);
    setup.configure(
        broker.lock().bootstrap(),
        "start = \"latest\"\n",
        "[data]\nlearned = \"learned\"\n",
    );
    let history = honest_days(0, 16);
    let events = history.len();
    produce(&setup, history);
    let config = setup.config();
    let learn = tidewaiter(["learn", "--kafka", "--since", "1d", "-c", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&learn.stderr).into_owned();
    assert!(learn.status.success(), "{said}");
    let all = format!("records   {events} = {events} judged + 0 late + 0 rejected");
    assert!(said.contains(&all), "merged over partitions by their time: {said}");
    assert!(said.contains("learned   60 actors"), "{said}");
    assert_eq!(setup.stream.topics().iter().filter(|t| t.starts_with(&setup.own(""))).count(), 0);

    let mut monitor = Monitor::start(&config);
    monitor.says("what was learned from history is loaded");
    monitor.says("partitions assigned");
    produce(&setup, unexplained_on(16));
    setup.settled();
    let severe: Vec<_> = setup.findings().into_values().filter(is_severe).collect();
    let learned = |f: &&serde_json::Value| LEARNED.contains(&f["detector"].as_str().unwrap());
    let told: Vec<&str> =
        severe.iter().filter(learned).filter_map(|finding| finding["actor"].as_str()).collect();
    assert!(told.contains(&format!("o{UNEXPLAINED}").as_str()), "{told:?}");
    assert!(told.len() <= 4, "{told:?}");
    until("every partition is calibrated", || {
        let (_, text) = monitor.get("/metrics");
        let learned = r#"tidewaiter_calibration_partitions{state="learned"} 3"#;
        if text.contains(learned) { Ok(()) } else { Err("not yet".into()) }
    });
    monitor.stop_well();
}
