//! How many series `/metrics` has depends on topics, partitions and rules, and on nothing that events say.

use std::collections::BTreeSet;

use serde_json::json;

use crate::kafka_budget::metric;
use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::{Sent, SharedBroker};

/// Of the input, and of the lookups.
const PARTITIONS: usize = 2 + 1;

/// Reads by as many actors, in which everything a sender can make up is each actor's own.
fn reads(actors: std::ops::Range<u32>) -> Vec<Sent> {
    let read = |n: u32| {
        let actor = format!("made-up-{n}");
        let is_bulk = n.is_multiple_of(90);
        let event = json!({
            "kind": "access", "id": format!("e{n}"), "time": 1_772_442_000_000_i64 + i64::from(n) * 20,
            "actor": {"id": actor, "role": format!("role-{n}"), "unit": format!("unit-{n}"),
                      "type": format!("type-{n}")},
            "session": format!("s-{n}"),
            "source": {"ip": format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255), "site": format!("site-{n}")},
            "system": format!("system-{n}"), "outcome": "allowed",
            "action": if is_bulk { "read".into() } else { format!("action-{n}") },
            "resource": {"dataset": format!("dataset-{n}"), "category": format!("category-{n}"),
                         "record": format!("R-{n}"), "subject": format!("T-{n}")},
            "records": if is_bulk { 3_000 } else { 1 },
        });
        (Some(actor), Some(event.to_string().into_bytes()))
    };
    actors.map(read).collect()
}

/// Names and labels, without the values.
fn series(monitor: &mut Monitor) -> BTreeSet<String> {
    let (_, text) = monitor.get("/metrics");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[test]
fn series_are_the_same_for_a_hundred_actors_and_for_three_thousand() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "series", &[("access", 2)]);
    let mut monitor = Monitor::start(&setup.config());
    let mut after = |actors: std::ops::Range<u32>| {
        let end = actors.end;
        setup.stream.produce(&setup.input("access"), reads(actors));
        let scored = r#"tidewaiter_records_total{topic="series-access",outcome="scored"}"#;
        until("all are judged", || match metric(&mut monitor, scored)? {
            scored if scored >= f64::from(end) => Ok(()),
            scored => Err(format!("{scored} of {end}")),
        });
        // Findings have become incidents, whose figures are among them.
        until("an incident", || match setup.opened().len() {
            0 => Err("none".to_owned()),
            _ => Ok(()),
        });
        // Those of partitions come as each has been asked after.
        until("each partition's lag", || {
            let series = series(&mut monitor);
            let lag = |one: &&String| one.starts_with("tidewaiter_consumer_lag_records");
            match series.iter().filter(lag).count() {
                PARTITIONS => Ok(series),
                lags => Err(format!("{lags} of {PARTITIONS}")),
            }
        })
    };
    let of_few = after(0..100);
    let of_many = after(100..3_000);
    assert!(of_few.len() > 500, "{of_few:#?}");
    let differ: Vec<_> = of_few.symmetric_difference(&of_many).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(!of_many.iter().any(|series| series.contains("made-up")));
    monitor.stop_well();
}

/// Else nothing would tell that a topic is silent whose source went silent before the start.
#[test]
fn how_far_event_time_has_got_is_known_after_a_start_without_traffic() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "stale", &[("access", 1)]);
    let mut monitor = Monitor::start(&setup.config());
    setup.stream.produce(&setup.input("access"), reads(0..64));
    let scored = r#"tidewaiter_records_total{topic="stale-access",outcome="scored"}"#;
    until("all are judged", || match metric(&mut monitor, scored)? {
        64.0 => Ok(()),
        scored => Err(format!("{scored} of 64")),
    });
    let mark = r#"tidewaiter_watermark_timestamp_seconds{topic="stale-access",partition="0"}"#;
    let before = metric(&mut monitor, mark).unwrap();
    assert!(before >= 1_772_442_000.0, "{before}");
    monitor.stop_well();

    let mut monitor = Monitor::start(&setup.config());
    until("the watermark", || match metric(&mut monitor, mark)? {
        after if after == before => Ok(()),
        after => Err(format!("{after} instead of {before}")),
    });
    assert_eq!(metric(&mut monitor, scored).unwrap_or(0.0), 0.0, "nothing new has come");
    monitor.stop_well();
}
