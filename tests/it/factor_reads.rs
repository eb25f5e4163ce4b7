//! A second factor removed, then sensitive data read: one finding, in whatever order the two come.

use serde_json::json;
use tidewaiter::config::Config;
use tidewaiter::engine::correlate::{CorrelateConfig, Correlated, Correlator};
use tidewaiter::engine::detect::Mode;
use tidewaiter::engine::model::{Entry, EventTime, Finding, Key, KeyKind, Severity, Source};
use tidewaiter::engine::shard::Evidence;

use crate::replayed::{Replayed, config, replay_lines};

const NAME: &str = "factor_removed_then_read";

fn at(minute: i64) -> EventTime {
    EventTime::parse("2026-03-02T08:00:00Z").unwrap().plus_ms(minute * 60_000)
}

/// `minute action dataset` a step, all by one actor, in the order given; time is kept by others,
/// one event a quarter of an hour from `before` to two hours after the last step.
fn replay(config: &Config, steps: &str) -> Replayed {
    let mut lines = Vec::new();
    let mut last = 0;
    for (i, step) in steps.split("; ").enumerate() {
        let [minute, action, dataset] = step.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let minute: i64 = minute.parse().unwrap();
        let idle = (last..minute)
            .step_by(15)
            .map(|m| line(&format!("i{m}"), m, "idle", "read", "statistics"));
        lines.extend(idle);
        lines.push(line(&format!("e{i}"), minute, "ann", action, dataset));
        last = last.max(minute);
    }
    replay_lines(config, &lines)
}

fn line(id: &str, minute: i64, actor: &str, action: &str, dataset: &str) -> String {
    let mut event = json!({
        "kind": "auth", "id": id, "time": at(minute).to_string(), "actor": {"id": actor},
        "source": {"ip": format!("10.1.0.{}", actor.len())}, "action": action,
    });
    if dataset != "-" {
        event["kind"] = json!("access");
        event["case"] = json!("C-1");
        event["resource"] = json!({"dataset": dataset, "subject": format!("T-{id}")});
    }
    event.to_string()
}

fn told(said: &Replayed) -> Vec<&Finding> {
    said.findings.iter().filter(|finding| finding.detector == NAME).collect()
}

/// Minutes of the reads that are told of.
fn check(steps: &str, expected: &[i64]) {
    let said = replay(&config(), steps);
    let minutes: Vec<i64> =
        told(&said).iter().map(|finding| finding.time.since(at(0)) / 60_000).collect();
    assert_eq!(minutes, expected, "{steps}");
    assert!(told(&said).iter().all(|finding| finding.severity == Severity::High));
}

#[test]
fn the_first_sensitive_read_within_a_day_is_told_once() {
    check("0 mfa_removed -; 180 read pnr; 185 read pnr; 400 export watchlist", &[180]);
    check("0 mfa_removed -; 5 unmask pnr; 600 print pnr", &[5]);
    check("0 mfa_removed -; 1440 read pnr", &[1_440]);
    check("0 mfa_removed -; 180 read pnr; 300 mfa_removed -; 400 read pnr", &[180, 400]);
}

#[test]
fn what_is_less_or_later_or_before_is_none() {
    check("0 mfa_removed -; 180 read declarations", &[]);
    check("0 mfa_removed -; 1441 read pnr", &[]);
    check("0 read pnr; 30 mfa_removed -", &[]);
    check("0 mfa_removed -; 180 update pnr", &[]);
    check("0 mfa_challenge -; 180 read pnr", &[]);
}

#[test]
fn it_is_in_the_removals_incident_with_all_that_was_done_since() {
    let steps = "0 mfa_removed -; 90 read declarations; 180 read pnr; 190 read pnr";
    let said = replay(&config(), steps);
    let incident = said.incident();
    assert_eq!(incident.findings.len(), 2);
    assert_eq!((incident.first_event, incident.last_event), (at(0), at(190)));
    assert_eq!(incident.records, 3);
    assert!(incident.title.starts_with("Second factor removed, then"), "{}", incident.title);
    assert_eq!(incident.timeline_length as usize, said.story(incident).len());
}

/// The shard has both, but the removal's record comes in hours after the read's.
#[test]
fn a_removal_that_comes_in_late_makes_the_same_finding() {
    let in_time = replay(&config(), "0 mfa_removed -; 180 read pnr");
    let late = replay(&config(), "180 read pnr; 0 mfa_removed -");
    let (a, b) = (told(&in_time)[0], told(&late)[0]);
    assert_eq!((&a.id, a.time, &a.why, a.severity), (&b.id, b.time, &b.why, b.severity));
    assert_eq!(late.incident().findings.len(), 2);
}

#[test]
fn in_the_shadow_it_pages_nobody_and_off_it_is_silent() {
    let mut config = config();
    config.correlate.factor_removed_then_read = Mode::Shadow;
    let said = replay(&config, "0 mfa_removed -; 180 read pnr");
    assert_eq!(told(&said)[0].severity, Severity::Informational);
    assert!(said.incident().severity < Severity::High);
    config.correlate.factor_removed_then_read = Mode::Off;
    let said = replay(&config, "0 mfa_removed -; 180 read pnr");
    assert!(told(&said).is_empty() && said.findings.len() == 1);
}

/// The removal, as the shard of logins finds it.
fn removal() -> Finding {
    let said = replay(&config(), "0 mfa_removed -; 30 mfa_challenge -");
    said.findings.into_iter().find(|finding| finding.detector == "rule").unwrap()
}

/// A read of T2 data, as a shard of reads sends it.
fn read(minute: i64) -> Evidence {
    let source = Source::Kafka { topic: "access".into(), partition: 1, offset: minute as u64 };
    let entry = Entry {
        time: at(minute),
        action: "read".into(),
        outcome: "allowed".into(),
        actor: Some("ann".into()),
        dataset: Some("pnr".into()),
        tier: 2,
        records: 1,
        ..Entry::at(source)
    };
    Evidence { key: Key { kind: KeyKind::Actor, value: "ann".into() }, entry, alone: true }
}

/// What waits for a read, as minutes from and to.
fn waits(correlator: &Correlator) -> Vec<(i64, i64)> {
    let minute = |time: EventTime| time.since(at(0)) / 60_000;
    let watches = correlator.watches().into_iter().filter(|watch| watch.first_read == Some(2));
    watches.map(|watch| (minute(watch.since), minute(watch.until))).collect()
}

#[test]
fn evidence_before_or_after_the_finding_gives_the_same_id() {
    let id = |reads_first: bool| {
        let mut correlator = Correlator::new(CorrelateConfig::default());
        let mut out = Correlated::default();
        if reads_first {
            correlator.take_evidence(read(180), &mut out);
            correlator.take_finding(removal(), &mut out);
        } else {
            correlator.take_finding(removal(), &mut out);
            correlator.take_evidence(read(180), &mut out);
        }
        correlator.take_evidence(read(200), &mut out);
        assert_eq!(waits(&correlator), []);
        assert_eq!(correlator.incidents().count(), 1);
        let [chain] = out.chains.as_slice() else { panic!("{:?}", out.chains) };
        chain.id.clone()
    };
    assert_eq!(id(true), id(false));
}

#[test]
fn a_correlator_that_begins_anew_still_waits_and_tells_nothing_twice() {
    let mut out = Correlated::default();
    let mut correlator = Correlator::new(CorrelateConfig::default());
    correlator.take_finding(removal(), &mut out);
    // Long after the quiet gap.
    correlator.advance(at(300), &mut out);
    assert_eq!(waits(&correlator), [(0, 1_440)]);
    let incident = correlator.incidents().next().unwrap().clone();
    let findings: Vec<Finding> = out.findings.drain(..).map(|(_, finding)| finding).collect();

    let mut anew = Correlator::new(CorrelateConfig::default());
    anew.restore(incident.clone(), &findings, &[]);
    anew.advance(at(310), &mut out);
    assert_eq!(waits(&anew), [(0, 1_440)]);
    let mut out = Correlated::default();
    anew.take_evidence(read(320), &mut out);
    let [(home, chain)] = out.findings.as_slice() else { panic!("{:?}", out.findings) };
    assert_eq!((home, chain.detector.as_ref()), (&incident.id, NAME));

    let mut again = Correlator::new(CorrelateConfig::default());
    let both = [findings[0].clone(), chain.clone()];
    again.restore(anew.incident(&incident.id).unwrap().clone(), &both, &[]);
    let mut out = Correlated::default();
    again.take_evidence(read(330), &mut out);
    assert!(out.chains.is_empty() && waits(&again).is_empty());
}

#[test]
fn an_incident_with_a_removal_is_at_hand_for_a_day_however_short_others_are_kept() {
    let config = CorrelateConfig { keep_s: 60, goes_on_s: 0, ..CorrelateConfig::default() };
    let mut correlator = Correlator::new(config);
    let mut out = Correlated::default();
    correlator.take_finding(removal(), &mut out);
    correlator.advance(at(1), &mut out);
    correlator.advance(at(1_430), &mut out);
    assert_eq!(correlator.incidents().count(), 1);
    correlator.advance(at(1_480), &mut out);
    assert_eq!((correlator.incidents().count(), waits(&correlator)), (0, vec![]));
}
