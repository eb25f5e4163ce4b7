//! The alert budget is changed while the monitor runs as several processes: a detector without a
//! store, and one that correlates and serves.

use serde_json::{Value, json};

use crate::learned::honest_days;
use crate::monitor::{Monitor, until};
use crate::setup::Setup;
use crate::stream::SharedBroker;

/// Days shown before the budget changes; thresholds stand by then.
const DAYS: i64 = 12;

fn show(setup: &Setup, from: i64, to: i64) {
    let records = honest_days(from, to);
    let records = records.into_iter().map(|(actor, line)| (Some(actor), Some(line.into_bytes())));
    setup.stream.produce(&setup.input("access"), records);
    until("every event is judged", || match setup.lag()? {
        0 => Ok(()),
        behind => Err(format!("{behind} records behind")),
    });
}

/// The value of a series, by its name and labels as they are written.
pub fn metric(of: &mut Monitor, series: &str) -> Result<f64, String> {
    let (status, text) = of.get("/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = line.and_then(|value| value.parse().ok());
    value.ok_or_else(|| format!("{status}: no {series}"))
}

/// Waits until the detector has the budget in force; the threshold of bursts is then so.
fn in_force(detector: &mut Monitor, budget: f64) -> f64 {
    until(&format!("a budget of {budget} in force"), || {
        let now = metric(detector, r#"tidewaiter_alert_budget{of="in_force_most"}"#)?;
        if now == budget { Ok(()) } else { Err(format!("in force is {now}")) }
    });
    let mut threshold = f64::NAN;
    until("thresholds that stand", || {
        threshold = metric(detector, r#"tidewaiter_lane_threshold{lane="burst",of="mean"}"#)?;
        if threshold.is_nan() { Err("none yet".into()) } else { Ok(()) }
    });
    threshold
}

fn shown(server: &mut Monitor) -> Value {
    let (status, answer) = server.get("/api/v1/budget");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_new_budget_reaches_every_detector_and_lasts() {
    let broker = SharedBroker::get();
    let setup = Setup::new(&broker.lock(), "budget", &[("access", 1)]);
    setup.configure(broker.lock().bootstrap(), "", "");
    let config = setup.config();
    let mut server = Monitor::start_server(&config);
    let mut detector = Monitor::start_detector(&config);
    show(&setup, 0, DAYS);
    let before = in_force(&mut detector, 5.0);
    assert!(before > 1.0, "{before}: the thresholds do not stand");

    let said = detector.log().len();
    let body = json!({"budget_per_1000_actors_day": 0.5, "reason": "too many", "by": "ann"});
    let (status, answer) = server.put("/api/v1/budget", &body);
    assert_eq!(status, 200, "{answer}");
    detector.says_after(said, "\"reloaded\"");
    assert_eq!(metric(&mut detector, r#"tidewaiter_alert_budget{of="asked"}"#), Ok(0.5));
    assert_eq!(in_force(&mut detector, 5.0), before, "no event came: nothing has changed yet");
    show(&setup, DAYS, DAYS + 1);
    let stricter = in_force(&mut detector, 0.5);
    assert!(stricter > before + 0.3, "{before} {stricter}");

    // Both ends start anew: it stands in the store, and the detector has it before it judges.
    detector.stop_well();
    server.stop_well();
    let mut server = Monitor::start_server(&config);
    until("told again", || match &shown(&mut server)["published"] {
        Value::Bool(true) => Ok(()),
        other => Err(other.to_string()),
    });
    let now = shown(&mut server);
    assert_eq!((&now["budget_per_1000_actors_day"], &now["from"]), (&json!(0.5), &json!("api")));
    assert_eq!((&now["config"], &now["by"]), (&json!(5.0), &json!("ann")));
    let mut detector = Monitor::start_detector(&config);
    show(&setup, DAYS + 1, DAYS + 2);
    in_force(&mut detector, 0.5);

    // Given back to the configuration, and who did all that is on record.
    let said = detector.log().len();
    let body = json!({"budget_per_1000_actors_day": null, "reason": "quiet again", "by": "ben"});
    assert_eq!(server.put("/api/v1/budget", &body).0, 200);
    detector.says_after(said, "\"reloaded\"");
    show(&setup, DAYS + 2, DAYS + 3);
    in_force(&mut detector, 5.0);
    let (_, audit) = server.get("/api/v1/audit?kind=set_budget");
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let by: Vec<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|act| act["by"].as_str()).collect();
    assert_eq!(by, ["ben", "ann"]);
    detector.stop_well();
    server.stop_well();
}
