//! Accounts that read the same subjects: one incident where they worked off one list, and not
//! where they only do the same work.

use std::ops::Range;

use tidewaiter::config::Config;
use tidewaiter::engine::correlate::{CorrelateConfig, Correlated, Correlator};
use tidewaiter::engine::model::{
    Entry, EntryKind, EventTime, Finding, Incident, Key, KeyKind, Severity, Source, SubjectToken,
    Window,
};
use tidewaiter::engine::shard::Evidence;

use crate::replayed::{Replayed, config, replay_lines};

fn start() -> EventTime {
    EventTime::parse("2026-03-02T09:00:00Z").unwrap()
}

/// `actor address minute first-last`, a step each: what one account reads, from that minute on, a
/// subject each two seconds. The first is unmasked without a case, which is high by itself. A `c` at the
/// end has all others cite one.
pub fn reads(steps: &str) -> Vec<String> {
    let mut events: Vec<(EventTime, String)> = Vec::new();
    for step in steps.split("; ") {
        let words: Vec<&str> = step.split(' ').collect();
        let [actor, ip, minute, subjects] = words[..4] else { panic!("four words, got `{step}`") };
        let (first, last) = subjects.split_once('-').unwrap();
        let subjects: Range<i64> = first.parse().unwrap()..last.parse::<i64>().unwrap() + 1;
        for (n, subject) in subjects.enumerate() {
            let millis = (minute.parse::<f64>().unwrap() * 60_000.0) as i64 + n as i64 * 2_000;
            let time = start().plus_ms(millis);
            let action = if n == 0 { "unmask" } else { "read" };
            let case = if n > 0 && words.len() > 4 { r#","case":"C-1""# } else { "" };
            let line = format!(
                r#"{{"kind":"access","id":"{actor}-{minute}-{subject}","time":"{time}","actor":{{"id":"{actor}"}},"session":"{actor}-{ip}","source":{{"ip":"{ip}"}},"action":"{action}","resource":{{"dataset":"pnr","subject":"T-{subject}"}}{case}}}"#
            );
            events.push((time, line));
        }
    }
    events.sort();
    events.into_iter().map(|(_, line)| line).collect()
}

/// Incidents by their actors.
#[track_caller]
fn check_under(config: &Config, steps: &str, expected: &str) -> Replayed {
    let said = replay_lines(config, &reads(steps));
    let shown: Vec<String> = said.incidents.iter().map(|i| i.actors.join("+")).collect();
    assert_eq!(shown.join("; "), expected, "{steps}");
    said
}

#[track_caller]
fn check(steps: &str, expected: &str) -> Replayed {
    check_under(&config(), steps, expected)
}

/// What the incident says of its having taken in others.
fn joined(said: &Replayed, incident: &Incident) -> Vec<String> {
    let story = said.story(incident);
    let joined = story.iter().filter(|entry| entry.action == "joined");
    joined.map(|entry| entry.text.split_once(": ").unwrap().1.to_owned()).collect()
}

#[test]
fn two_who_read_one_list_are_one_incident_and_it_says_why() {
    let said = check("ann 10.0.0.1 0 1-40; bob 10.0.0.2 20 1-40", "ann+bob");
    let incident = said.incident();
    assert_eq!(said.merged.len(), 1);
    assert_eq!(incident.subjects, 40);
    let [told] = joined(&said, incident).try_into().unwrap();
    let (shared, rest) = told.split_once(" subjects, of 40 that ann and ").unwrap();
    let shared: usize = shared.parse().unwrap();
    assert!((20..=40).contains(&shared), "{told}");
    assert!(rest.ends_with(" that bob had read"), "{told}");
    assert_eq!(incident.timeline_length as usize, said.story(incident).len());
}

#[test]
fn two_who_each_dump_the_same_two_hundred_are_one_incident_beside_their_other_work() {
    check(
        "ann 10.0.0.1 0 1-200; bob 10.0.0.2 12 1-200; ann 10.0.0.1 8 1001-1040; bob 10.0.0.2 20 2001-2090",
        "ann+bob",
    );
}

#[test]
fn three_of_whom_one_comes_hours_later_are_one_incident() {
    let steps = "ann 10.0.0.1 0 1-40; bob 10.0.0.2 20 1-40; cas 10.0.0.3 300 5-44";
    check(steps, "ann+bob+cas");
    check("ann 10.0.0.1 0 1-40; cas 10.0.0.3 600 1-40", "ann; cas");
}

#[test]
fn who_reads_other_subjects_stays_apart() {
    check("ann 10.0.0.1 0 1-200; bob 10.0.0.2 5 1001-1200", "ann; bob");
}

/// Colleagues have a part of what they read in common, few subjects or a small part of many.
#[test]
fn colleagues_who_happen_to_read_some_of_the_same_stay_apart() {
    check("ann 10.0.0.1 0 1-19; bob 10.0.0.2 5 1-19", "ann; bob");
    check("ann 10.0.0.1 0 1-100; bob 10.0.0.2 5 70-170", "ann; bob");
    check("ann 10.0.0.1 0 1-30; bob 10.0.0.2 2 101-220; bob 10.0.0.2 10 1-30", "ann; bob");
}

#[test]
fn what_both_read_for_a_case_joins_nobody() {
    check("ann 10.0.0.1 0 1-60 c; bob 10.0.0.2 5 1-60 c", "ann; bob");
    check("ann 10.0.0.1 0 1-60 c; bob 10.0.0.2 5 1-60", "ann+bob");
}

#[test]
fn neither_a_gateway_nor_a_shared_account_joins_who_read_something_else() {
    let mut config = config();
    config.correlate.gateways = vec!["10.0.0.1".into()];
    check_under(&config, "ann 10.0.0.1 0 1-60; bob 10.0.0.1 5 101-160", "ann; bob");
    check_under(&config, "ann 10.0.0.1 0 1-60; bob 10.0.0.1 5 1-60", "ann+bob");
    config.correlate.shared_accounts = vec!["service".into()];
    let steps = "service 10.0.0.2 0 1-60; service 10.0.0.3 15 101-160; ann 10.0.0.4 30 201-260";
    check_under(&config, steps, "service; service; ann");
}

#[test]
fn it_can_be_switched_off_and_set() {
    let steps = "ann 10.0.0.1 0 1-40; bob 10.0.0.2 20 1-40";
    let mut config = config();
    config.correlate.shared_subjects_min = 0;
    check_under(&config, steps, "ann; bob");
    config.correlate.shared_subjects_min = 41;
    check_under(&config, steps, "ann; bob");
    config.correlate.shared_subjects_min = 10;
    config.correlate.shared_subjects_share = 0.3;
    check_under(&config, "ann 10.0.0.1 0 1-100; bob 10.0.0.2 5 60-159", "ann+bob");
    config.correlate.shared_subjects_span_s = 300;
    check_under(&config, steps, "ann; bob");
}

/// A finding that is high by itself, on the account alone.
pub fn finding(actor: &str, time: EventTime) -> Finding {
    Finding {
        id: format!("{actor}-{}", time.millis()),
        time,
        detector: "bulk_read".into(),
        rule: None,
        severity: Severity::High,
        score: 70,
        key: Key { kind: KeyKind::Actor, value: actor.to_owned() },
        actor: Some(actor.to_owned()),
        source_ip: None,
        session: None,
        dataset: None,
        category: None,
        tier: 2,
        window: Window { start: time.minus_ms(20_000), end: time },
        observed: 1.0,
        expected: 0.0,
        unit: "records".into(),
        subjects: 10,
        records: 10,
        bytes: 0,
        attack: Vec::new(),
        why: "read".into(),
        evidence: Vec::new(),
        source: Source::File { file: actor.to_owned(), line: 11 },
        usual: Vec::new(),
        source_actors: 0,
    }
}

/// A read of one subject, as a shard tells it.
pub fn read(actor: &str, time: EventTime, line: u64, subject: u64) -> Evidence {
    // Spread as the bits of a hash are.
    let token = u128::from(subject.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes();
    let entry = Entry {
        time,
        kind: EntryKind::Access,
        action: "read".into(),
        outcome: "allowed".into(),
        actor: Some(actor.to_owned()),
        dataset: Some("pnr".into()),
        tier: 2,
        records: 1,
        subjects: 1,
        tokens: vec![SubjectToken(token)],
        ..Entry::at(Source::File { file: actor.to_owned(), line })
    };
    let key = Key { kind: KeyKind::Actor, value: actor.to_owned() };
    Evidence { key, entry, alone: false }
}

/// One account's finding and reads, in their order: what Kafka delivers of one partition.
fn delivered(actor: &str, subjects: Range<u64>) -> (Finding, Vec<Evidence>) {
    let at = |n: u64| start().plus_ms(n as i64 * 2_000);
    let finding = finding(actor, at(10));
    let reads = subjects.zip(0..).map(|(subject, n)| read(actor, at(n), n + 1, subject));
    (finding, reads.collect())
}

/// Groups of actors, however the accounts' records are mixed and however often what changed is stored.
#[track_caller]
fn check_mixed(accounts: &[(&str, Range<u64>)], expected: &str) {
    for (turn, flush_every) in [(0, 1), (1, 7), (2, 50), (3, 100_000), (5, 3), (7, 29)] {
        let mut queues: Vec<_> = accounts
            .iter()
            .map(|(actor, subjects)| {
                let (finding, evidence) = delivered(actor, subjects.clone());
                (Some(finding), evidence.into_iter())
            })
            .collect();
        let (mut correlator, mut out) =
            (Correlator::new(CorrelateConfig::default()), Correlated::default());
        correlator.reach(start());
        // Findings first, as evidence is asked for because of them.
        for (finding, _) in &mut queues {
            correlator.take_finding(finding.take().unwrap(), &mut out);
        }
        let mut taken = 0_usize;
        while queues.iter().any(|(_, evidence)| evidence.len() > 0) {
            // Account by account where `turn` is 0, else by turns of unlike lengths.
            for (place, (_, evidence)) in queues.iter_mut().enumerate() {
                let part = if turn == 0 { usize::MAX } else { 1 + (place * turn + taken) % 13 };
                for evidence in evidence.take(part) {
                    correlator.take_evidence(evidence, &mut out);
                    taken += 1;
                    if taken.is_multiple_of(flush_every) {
                        correlator.flush(&mut out);
                    }
                }
            }
        }
        correlator.flush(&mut out);
        let mut shown: Vec<String> =
            correlator.incidents().map(|incident| incident.actors.join("+")).collect();
        shown.sort();
        assert_eq!(shown.join("; "), expected, "turn {turn}, stored each {flush_every}");
    }
}

#[test]
fn it_is_the_same_in_whatever_order_the_partitions_deliver() {
    check_mixed(&[("ann", 0..60), ("bob", 0..60), ("cas", 200..260)], "ann+bob; cas");
    check_mixed(&[("ann", 0..200), ("bob", 145..200), ("cas", 100..150)], "ann; bob; cas");
    // Both had read the same for long when they parted.
    check_mixed(&[("ann", 0..30), ("bob", 0..2_000)], "ann+bob");
    // More than is kept of one.
    check_mixed(&[("ann", 0..3_000), ("bob", 0..3_000), ("cas", 2_900..6_000)], "ann+bob; cas");
}
