//! A breach that takes days is one incident: an account's takes in what is found on it within seven
//! days, once that is over, unless it is graver; and what was found of it that pages nobody by itself.

use tidewaiter::engine::correlate::{
    CorrelateConfig, Correlated, Correlator, NoticeKind, split_id,
};
use tidewaiter::engine::model::{
    Entry, EventTime, Finding, Incident, Key, KeyKind, Severity, Status,
};

use crate::replayed::{Replayed, config, replay_lines};
use crate::shared_subjects::{finding, read, reads};

const HOUR_MS: i64 = 3_600_000;

/// Incidents by their actors, of what is read as [`reads`] has it.
#[track_caller]
fn check_reads(goes_on_s: u32, steps: &str, expected: &str) -> Replayed {
    let mut config = config();
    config.correlate.goes_on_s = goes_on_s;
    let said = replay_lines(&config, &reads(steps));
    let shown: Vec<String> = said.incidents.iter().map(|i| i.actors.join("+")).collect();
    assert_eq!(shown.join("; "), expected, "{steps}");
    said
}

const WEEK: u32 = 604_800;

#[test]
fn two_days_of_one_account_are_one_incident_with_both_days_in_its_timeline() {
    let steps = "bob 10.0.0.2 0 201-240; ann 10.0.0.1 30 1-40; ann 10.0.0.9 1440 101-140; cas 10.0.0.3 1560 301-500";
    let said = check_reads(WEEK, steps, "bob; ann; cas");
    let incident = said.incidents.iter().find(|i| i.actors == ["ann"]).unwrap();
    assert_eq!((incident.subjects, incident.records), (80, 80));
    assert!(incident.opened.unwrap() < at(1), "the first day's");
    let story = said.story(incident);
    assert_eq!(incident.timeline_length as usize, story.len());
    let joined: Vec<&Entry> = story.iter().filter(|entry| entry.action == "joined").collect();
    let [joined] = joined[..] else { panic!("joined once, got {joined:?}") };
    assert!(joined.text.starts_with("goes on 2"), "{}", joined.text);
    assert!(joined.text.contains(" h later: took in incident "), "{}", joined.text);
    assert_eq!(joined.outcome, "goes_on");
}

#[test]
fn days_too_far_apart_stay_apart_and_those_between_join_them() {
    let incidents = |hours: &[i64]| {
        let mut world = World::new();
        hours.iter().for_each(|&hour| world.take(finding("ann", at(hour))));
        world.advance(hours.iter().max().unwrap() + 2);
        world.incidents().len()
    };
    assert_eq!(incidents(&[0, 168]), 1);
    assert_eq!(incidents(&[0, 169]), 2);
    assert_eq!(incidents(&[0, 150, 250]), 1);
    let steps = "cas 10.0.0.3 0 301-340; ann 10.0.0.1 30 1-40; ann 10.0.0.1 800 101-140; bob 10.0.0.2 900 201-400";
    check_reads(0, steps, "cas; ann; ann; bob");
    check_reads(86_400, steps, "cas; ann; bob");
    check_reads(28_800, steps, "cas; ann; ann; bob");
}

/// Somebody else at the same address the next day, and an account that several use.
#[test]
fn an_address_and_a_shared_account_alone_join_no_days() {
    let steps = "dan 10.0.0.4 0 401-440; ann 10.0.0.1 30 1-40; bob 10.0.0.1 1440 101-140; cas 10.0.0.3 1560 301-500";
    check_reads(WEEK, steps, "dan; ann; bob; cas");
    let mut config = config();
    config.correlate.shared_accounts = vec!["desk".into()];
    let of = |ip: &str| {
        let (before, later) = ("dan 10.0.0.4 0 401-440", "cas 10.0.0.3 1560 301-500");
        let steps = format!("{before}; desk 10.0.0.1 30 1-40; desk {ip} 1440 101-140; {later}");
        replay_lines(&config, &reads(&steps)).incidents.len()
    };
    assert_eq!((of("10.0.0.2"), of("10.0.0.1")), (4, 3));
}

/// What the correlator makes of findings, and what a store beside it would hold.
struct World {
    correlator: Correlator,
    findings: Vec<(String, Finding)>,
    entries: Vec<(String, Entry)>,
    told: Vec<(NoticeKind, Severity)>,
    let_go: Vec<Incident>,
}

impl World {
    fn new() -> Self {
        Self {
            correlator: Correlator::new(CorrelateConfig::default()),
            findings: Vec::new(),
            entries: Vec::new(),
            told: Vec::new(),
            let_go: Vec::new(),
        }
    }

    fn take(&mut self, finding: Finding) {
        let mut out = Correlated::default();
        self.correlator.advance(finding.time, &mut out);
        self.correlator.take_finding(finding, &mut out);
        self.store(out);
    }

    fn advance(&mut self, hour: i64) {
        let mut out = Correlated::default();
        self.correlator.advance(at(hour), &mut out);
        self.store(out);
    }

    fn store(&mut self, mut out: Correlated) {
        self.correlator.flush(&mut out);
        let homes = self.findings.iter_mut().map(|(id, _)| id);
        for id in homes.chain(self.entries.iter_mut().map(|(id, _)| id)) {
            while let Some((_, by)) = out.merged.iter().find(|(absorbed, _)| absorbed == id) {
                id.clone_from(by);
            }
        }
        self.told.extend(out.notices_in_one().iter().map(|notice| (notice.kind, notice.severity)));
        self.let_go.append(&mut out.let_go);
        self.findings.extend(out.findings);
        self.entries.extend(out.entries);
    }

    /// Begins anew from what is stored.
    fn restart(&mut self) {
        let mut incidents: Vec<Incident> = self.correlator.incidents().cloned().collect();
        incidents.sort_by_key(|incident| incident.updated);
        let now = self.correlator.now();
        self.correlator = Correlator::new(CorrelateConfig::default());
        self.correlator.reach(now);
        for incident in incidents {
            let of = |id: &String| *id == incident.id;
            let findings = self.findings.iter().filter(|(id, _)| of(id)).map(|(_, f)| f.clone());
            let entries = self.entries.iter().filter(|(id, _)| of(id)).map(|(_, e)| e.clone());
            let (findings, entries): (Vec<_>, Vec<_>) = (findings.collect(), entries.collect());
            self.correlator.restore(incident, &findings, &entries);
        }
    }

    fn incidents(&self) -> Vec<Incident> {
        let at_hand = self.correlator.incidents().chain(&self.let_go);
        let mut incidents: Vec<Incident> = at_hand.cloned().collect();
        incidents.sort_by(|a, b| a.id.cmp(&b.id));
        incidents
    }
}

fn at(hour: i64) -> EventTime {
    EventTime::parse("2026-03-02T09:00:00Z").unwrap().plus_ms(hour * HOUR_MS)
}

fn low(actor: &str, hour: i64) -> Finding {
    Finding { severity: Severity::Low, score: 25, ..finding(actor, at(hour)) }
}

#[test]
fn each_day_is_told_by_itself_and_joins_once_it_is_quiet() {
    let mut world = World::new();
    world.take(finding("ann", at(0)));
    world.advance(2);
    world.take(finding("ann", at(24)));
    let (opened, quiet) = (NoticeKind::Opened, NoticeKind::Quiet);
    assert_eq!(
        world.told,
        [(opened, Severity::High), (quiet, Severity::High), (opened, Severity::High)]
    );
    assert_eq!(world.incidents().len(), 2);
    world.advance(26);
    assert_eq!(world.told.last().unwrap().0, quiet);
    let [incident] = world.incidents().try_into().unwrap();
    assert_eq!(
        (incident.status, incident.opened, incident.findings.len()),
        (Status::Quiet, Some(at(0)), 2)
    );
    assert_eq!((incident.severity, incident.score), (Severity::High, 70));
}

/// What is graver than the incident before it is not hidden in that.
#[test]
fn what_is_graver_on_the_same_day_is_an_incident_of_its_own() {
    let medium =
        |hour| Finding { severity: Severity::Medium, score: 45, ..finding("ann", at(hour)) };
    let sizes = |hour| {
        let mut world = World::new();
        world.take(medium(0));
        world.take(finding("ann", at(hour)));
        world.take(medium(40));
        world.advance(50);
        let mut sizes: Vec<(Severity, usize)> =
            world.incidents().iter().map(|i| (i.severity, i.findings.len())).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(5), [(Severity::Medium, 2), (Severity::High, 1)]);
    assert_eq!(sizes(24), [(Severity::High, 3)]);
}

#[test]
fn what_pages_nobody_comes_along_and_changes_no_score() {
    let mut world = World::new();
    world.take(low("ann", 0));
    world.take(low("bob", 1));
    world.take(finding("ann", at(10)));
    let before = world.incidents().into_iter().find(|i| i.opened.is_some()).unwrap();
    world.take(low("ann", 44));
    world.advance(50);
    let incidents = world.incidents();
    assert_eq!(incidents.len(), 2, "bob's signal is bob's: {incidents:?}");
    let after = incidents.into_iter().find(|i| i.opened.is_some()).unwrap();
    assert_eq!((&after.id, after.findings.len()), (&before.id, 3));
    assert_eq!((after.opened, after.score), (before.opened, before.score));
    assert_eq!((after.first_finding, after.status), (at(0), Status::Quiet));
    let kinds: Vec<NoticeKind> = world.told.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [NoticeKind::Opened, NoticeKind::Quiet]);
}

/// A dump a few days after a small one is what people have to look at.
#[test]
fn what_is_far_larger_is_an_incident_of_its_own() {
    let incidents = |subjects: u64| {
        let mut world = World::new();
        world.take(finding("ann", at(0)));
        world.take(finding("ann", at(48)));
        for line in 0..subjects {
            let evidence = read("ann", at(48).plus_ms(line as i64), line, line);
            let mut out = Correlated::default();
            world.correlator.take_evidence(evidence, &mut out);
            world.store(out);
        }
        world.advance(50);
        world.incidents().len()
    };
    assert_eq!((incidents(900), incidents(1_100)), (1, 2));
}

#[test]
fn signals_alone_stay_apart() {
    let mut world = World::new();
    (0..5).for_each(|day| world.take(low("ann", day * 24)));
    world.advance(98);
    assert!(world.incidents().iter().all(|i| i.opened.is_none() && i.findings.len() == 1));
}

/// One subject that many look up: the finding is about it, whoever reads it that day.
#[test]
fn days_of_one_subject_are_one_incident() {
    let key = Key { kind: KeyKind::Subject, value: "token".into() };
    let mut world = World::new();
    for (actor, hour) in [("ann", 0), ("bob", 30)] {
        world.take(Finding { key: key.clone(), ..finding(actor, at(hour)) });
    }
    world.take(finding("ann", at(31)));
    world.advance(34);
    let mut sizes: Vec<usize> = world.incidents().iter().map(|i| i.findings.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2], "what ann did beside it is a story of its own");
}

#[test]
fn it_is_the_same_in_whatever_order_findings_arrive() {
    let findings =
        [finding("ann", at(0)), finding("ann", at(50)), finding("ann", at(100)), low("ann", 30)];
    let orders =
        [[0, 1, 2, 3], [2, 1, 0, 3], [2, 0, 1, 3], [3, 0, 2, 1], [1, 3, 2, 0], [0, 2, 3, 1]];
    for order in orders {
        let (mut correlator, mut out) =
            (Correlator::new(CorrelateConfig::default()), Correlated::default());
        for place in order {
            correlator.take_finding(findings[place].clone(), &mut out);
        }
        correlator.advance(at(100), &mut out);
        correlator.advance(at(104), &mut out);
        let incidents: Vec<&Incident> = correlator.incidents().collect();
        let [incident] = incidents[..] else { panic!("{order:?}: {}", incidents.len()) };
        assert_eq!(incident.findings.len(), 4, "{order:?}");
        assert_eq!((incident.opened, incident.first_finding), (Some(at(0)), at(0)), "{order:?}");
    }
}

#[test]
fn a_correlator_that_stops_between_the_days_goes_on_as_if_it_never_had() {
    let days = [
        low("ann", 0),
        finding("ann", at(10)),
        low("ann", 40),
        finding("ann", at(80)),
        low("ann", 130),
    ];
    let run = |stops: bool| {
        let mut world = World::new();
        for day in days.clone() {
            world.take(day);
            let hour = world.correlator.now().since(at(0)) / HOUR_MS;
            world.advance(hour + 3);
            if stops {
                world.restart();
            }
        }
        (world.incidents(), world.told)
    };
    let (incidents, told) = run(false);
    assert_eq!(incidents.len(), 1);
    assert_eq!(run(true), (incidents, told));
}

#[test]
fn what_somebody_took_out_stays_out() {
    let mut world = World::new();
    world.take(finding("ann", at(0)));
    world.take(finding("ann", at(24)));
    world.advance(26);
    let id = world.incidents()[0].id.clone();
    let findings: Vec<Finding> = world.findings.iter().map(|(_, f)| f.clone()).collect();
    let mut out = Correlated::default();
    let taken = findings[1].id.clone();
    let to = split_id(1);
    world.correlator.split_by_hand(&id, &taken, to, &findings, &[], &mut out).unwrap();
    world.store(out);
    assert_eq!(world.incidents().len(), 2);
    world.advance(40);
    world.take(finding("ann", at(48)));
    world.advance(50);
    let sizes: Vec<(bool, usize)> =
        world.incidents().iter().map(|i| (i.id == id, i.findings.len())).collect();
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    assert!(
        sizes.contains(&(true, 2)),
        "what goes on goes to the one it was taken out of: {sizes:?}"
    );
}

/// Two accounts that each had a day of their own meet in one session: all of it is one story.
#[test]
fn who_meet_on_a_later_day_bring_their_earlier_days_along() {
    let findings = [finding("max", at(0)), finding("ned", at(1)), finding("max", at(24))];
    let meets = Finding { session: Some("both".into()), ..finding("ned", at(24).plus_ms(1)) };
    let mut findings: Vec<Finding> = findings.into_iter().chain([meets]).collect();
    findings[2].session = Some("both".into());
    for order in [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 1, 2, 0]] {
        let mut world = World::new();
        order.iter().for_each(|&place| world.take(findings[place].clone()));
        world.advance(26);
        let incidents = world.incidents();
        assert_eq!(incidents.len(), 1, "{order:?}");
        assert_eq!(
            (incidents[0].findings.len(), &incidents[0].actors[..]),
            (4, &["max".to_owned(), "ned".to_owned()][..])
        );
    }
}

/// Where a backlog is read, the findings of all days are there before the first day's reads.
#[test]
fn each_days_reads_go_to_the_incident_that_asked_for_them() {
    let mut world = World::new();
    world.take(finding("ann", at(0)));
    world.take(low("ann", 24));
    for (hour, line) in [(0, 1), (24, 2), (24, 3)] {
        let mut out = Correlated::default();
        world
            .correlator
            .take_evidence(read("ann", at(hour).plus_ms(line as i64), line, line), &mut out);
        world.store(out);
    }
    let records: Vec<(bool, u64)> =
        world.incidents().iter().map(|i| (i.opened.is_some(), i.records)).collect();
    assert!(records.contains(&(true, 1)) && records.contains(&(false, 2)), "{records:?}");
}

#[test]
fn a_day_that_is_taken_out_takes_its_reads_along() {
    let mut world = World::new();
    for day in [0, 24] {
        world.take(finding("ann", at(day)));
        let mut out = Correlated::default();
        let evidence = read("ann", at(day).plus_ms(60_000), day as u64 + 1, 7);
        world.correlator.take_evidence(evidence, &mut out);
        world.store(out);
    }
    world.advance(26);
    let id = world.incidents()[0].id.clone();
    let findings: Vec<Finding> = world.findings.iter().map(|(_, f)| f.clone()).collect();
    let entries: Vec<Entry> = world.entries.iter().map(|(_, e)| e.clone()).collect();
    let mut out = Correlated::default();
    let (taken, to) = (findings[1].id.clone(), split_id(1));
    world.correlator.split_by_hand(&id, &taken, to.clone(), &findings, &entries, &mut out).unwrap();
    let records = |id| world.correlator.incident(id).unwrap().records;
    assert_eq!((records(&id), records(&to)), (1, 1));
}

/// A read each thirty seconds for ten hours, of which only the first are found: all were read.
#[test]
fn what_somebody_reads_on_is_in_the_scope() {
    let line = |n: i64| {
        let time = at(0).plus_ms(n * 30_000);
        let action = if n == 40 { "unmask" } else { "read" };
        format!(
            r#"{{"kind":"access","id":"r{n}","time":"{time}","actor":{{"id":"ann"}},"source":{{"ip":"10.0.0.1"}},"action":"{action}","resource":{{"dataset":"pnr","subject":"T-{n}"}}}}"#
        )
    };
    let of = |gap_at: i64| {
        let lines: Vec<String> =
            (0..1_200).map(|n| line(if n < gap_at { n } else { n + 80 })).collect();
        let said = replay_lines(&config(), &lines);
        let subjects: Vec<u64> = said.incidents.iter().map(|i| i.subjects).collect();
        subjects
    };
    assert_eq!(of(2_000), [1_200]);
    // A pause longer than the quiet gap ends it.
    assert_eq!(of(300), [300]);
}
