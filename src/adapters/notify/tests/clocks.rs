//! Legal deadlines that run out.

use super::routes::just_opened;
use super::{NOW, attempt, config, facts, receiver};
use crate::adapters::notify::{
    Attempt, Facts, NotifyConfig, Sink, clock_notices, deliver_due, kept_back,
};
use crate::adapters::store::{Store, StoreBatch, StoredNotice};
use crate::adapters::telemetry::NoticeCounts;
use crate::engine::cases::{Clock, ClockState};
use crate::engine::correlate::Involved;
use crate::engine::model::{EventTime, Severity};

const HOUR: i64 = 3_600_000;

fn clock(state: ClockState, left_ms: i64) -> Clock {
    let at = |ms: i64| EventTime::from_millis(ms).unwrap();
    Clock {
        regime: "gdpr".into(),
        regime_name: "GDPR".into(),
        law: "Regulation (EU) 2016/679, article 33".into(),
        recipient: "the supervisory authority".into(),
        phase: "notification".into(),
        phase_name: "Notification".into(),
        state,
        started: Some(at(NOW - HOUR)),
        due: Some(at(NOW + left_ms)),
        notified: None,
        seconds_left: Some(left_ms / 1_000),
    }
}

fn told(config: &NotifyConfig, clock: &Clock) -> Vec<StoredNotice> {
    let involved = Involved { categories: vec!["cargo".into()], ..Involved::default() };
    clock_notices(config, &just_opened(), involved, clock, EventTime::from_millis(NOW).unwrap())
}

fn sinks(config: &NotifyConfig, clock: &Clock) -> Vec<String> {
    told(config, clock).into_iter().map(|notice| notice.sink).collect()
}

fn slack(name: &str, rest: &str) -> String {
    format!("[[sink]]\nname = \"{name}\"\nkind = \"slack\"\nsecret = {{ env = \"X\" }}\n{rest}\n")
}

#[test]
fn it_is_told_once_a_step_to_whom_the_incident_concerns_however_severe() {
    let config = config(
        &[
            slack("cargo", "severity_min = \"critical\"\nonly = { category = [\"cargo\"] }"),
            slack("travel", "only = { category = [\"travel\"] }"),
            slack("worst", "only = { severity = [\"critical\"] }"),
        ]
        .concat(),
    );
    let soon = clock(ClockState::Warned, 6 * HOUR);
    assert_eq!(sinks(&config, &soon), ["cargo", "worst"]);
    let over = clock(ClockState::Overdue, -HOUR);
    let keys = |clock: &Clock| told(&config, clock).remove(0).key;
    assert_eq!(keys(&soon), keys(&soon), "the same however often it is made");
    assert_ne!(keys(&soon), keys(&over));
    for state in [ClockState::Running, ClockState::Met, ClockState::Void, ClockState::Late] {
        assert!(told(&config, &clock(state, HOUR)).is_empty(), "{state:?}");
    }
}

#[test]
fn where_it_concerns_no_sink_all_are_told() {
    let config = config(
        &[
            slack("travel", "only = { category = [\"travel\"] }"),
            slack("pnr", "only = { category = [\"passenger\"] }"),
        ]
        .concat(),
    );
    assert_eq!(sinks(&config, &clock(ClockState::Warned, HOUR)), ["travel", "pnr"]);
}

#[test]
fn neither_a_silence_nor_a_window_keeps_it_back() {
    let all = "match = { severity = [\"medium\", \"high\", \"critical\"] }\n";
    let config = config(&format!(
        "{}[[silence]]\nowner = \"ann\"\nreason = \"drill\"\nfrom = \"2023-11-14T00:00:00Z\"\n\
         until = \"2023-11-15T00:00:00Z\"\n{all}[[maintenance]]\nowner = \"ops\"\n\
         reason = \"patches\"\nfrom = \"00:00\"\nuntil = \"23:59\"\n{all}",
        slack("desk", "")
    ));
    let kept = |facts: &Facts| kept_back(&config, &[], facts, None, "desk", NOW).is_some();
    let notice = told(&config, &clock(ClockState::Warned, HOUR)).remove(0);
    let deadline: Facts = serde_json::from_str(&notice.payload).unwrap();
    assert!(kept(&Facts { severity: Severity::High, ..facts("opened") }));
    assert!(!kept(&deadline));
}

#[tokio::test]
async fn an_alert_of_a_deadline_stands_beside_the_incidents_own() {
    let (address, seen) = receiver("/api/v2/alerts").await;
    let text = format!("[[sink]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"{address}\"\n");
    let config = config(&text);
    let sink = Sink::new(&config.sink[0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    let office = store.take_office().await.unwrap();
    let opened = Facts { severity: Severity::Medium, ..facts("opened") };
    let opened = StoredNotice::waiting("am", "key-1".into(), "4f3c", opened.json(), NOW - 1);
    let soon = told(&config, &clock(ClockState::Warned, HOUR)).remove(0);
    let batch = StoreBatch { notices: vec![opened.clone(), soon.clone()], ..StoreBatch::default() };
    store.apply(&batch, office).await.unwrap();
    for _ in 0..2 {
        let mut counts = NoticeCounts::default();
        deliver_due(&config, &sink, &store, office, NOW, &mut counts).await.unwrap();
    }
    let posted = std::mem::take(&mut *seen.lock().unwrap());
    let of_clock = posted[1].1.as_array().unwrap();
    assert_eq!(of_clock.len(), 1, "the incident's alert is not resolved by it");
    let labels = serde_json::json!({
        "alertname": "TidewaiterClockRunsOut", "incident": "4f3c", "severity": "high",
        "regime": "gdpr", "phase": "notification",
    });
    assert_eq!(of_clock[0]["labels"], labels);
    assert_eq!(of_clock[0]["endsAt"], "2023-11-14T23:13:20.000Z", "until it has run out");
    assert_eq!(
        of_clock[0]["annotations"]["summary"],
        "[HIGH] Legal deadline runs out soon (GDPR, Notification: 1 h 0 min left): \
         Bulk read: cargo data (manifests) by off-10442"
    );
    let said = of_clock[0]["annotations"]["description"].as_str().unwrap();
    assert!(
        said.contains(
            "GDPR, Notification: due 2023-11-14T23:13:20.000Z, 1 h 0 min left at \
             2023-11-14T22:13:20.000Z.\nthe supervisory authority is to be told"
        ),
        "{said}"
    );
    assert_eq!(store.told("am", "4f3c").await.unwrap(), Some(opened.payload), "what stands");
}

#[test]
fn what_is_no_deadline_reads_as_before() {
    let sent = attempt(&facts("opened"));
    let Attempt { payload, .. } = &sent;
    let read: Facts = serde_json::from_str(&payload.replace(",\"clock\":null", "")).unwrap();
    assert_eq!(read, facts("opened"), "one stored before there were deadlines");
}
