//! Scoring, on months made by hand.

use std::collections::BTreeMap;

use super::*;
use crate::engine::model::EventTime;
use crate::simulate::{Truth, TruthEntry};

const DAY_S: i64 = 86_400;

fn at(seconds: i64) -> EventTime {
    EventTime::from_millis(1_772_409_600_000 + seconds * 1_000).expect("in range")
}

/// `name actors from to`, in seconds after day 14; `slow` where it goes on for days.
fn entry(kind: &'static str, actors: &[&str], from: i64, to: i64) -> TruthEntry {
    TruthEntry {
        name: format!("{kind}-1"),
        kind,
        attack: !kind.starts_with("odd"),
        slow: kind.starts_with("slow"),
        actors: actors.iter().map(|&actor| actor.into()).collect(),
        start: Some(at(14 * DAY_S + from)),
        end: Some(at(14 * DAY_S + to)),
        records: 500,
        ..TruthEntry::default()
    }
}

fn truth(entries: Vec<TruthEntry>) -> Truth {
    Truth { seed: 1, actors: 1_000, days: 28, start: at(0), entries }
}

/// An account, its entry, and the records exposed.
type Named<'a> = (&'a str, Option<u16>, u64);

/// An incident that opens so many seconds after day 14 and names these.
fn said(incidents: &[(i64, &[Named<'_>])]) -> Observed {
    let mut observed = Observed::default();
    for (seconds, named) in incidents {
        let time = at(14 * DAY_S + seconds);
        let actors = named.iter().map(|(actor, ..)| (*actor).into()).collect();
        observed.openings.push(Opening { time, actors, ..Opening::default() });
        for &(actor, entry, records) in *named {
            let Some(entry) = entry else { continue };
            observed.namings.push(Naming { time, entry, actor: Some(actor.into()), records });
        }
    }
    observed
}

fn check_found(entry: TruthEntry, observed: &Observed, expected: Option<(i64, u64)>) {
    let kind = entry.kind;
    let score = score(&truth(vec![entry]), observed);
    let [outcome] = score.outcomes[kind][..] else { panic!("one attack: {score:?}") };
    let found = outcome.delay_ms.map(|ms| (ms / 1_000, outcome.records));
    assert_eq!(found, expected);
}

#[test]
fn an_attack_is_found_from_its_first_read_to_a_day_after_its_last() {
    let dump = || entry("dump", &["ann"], 0, 600);
    let named = |seconds| said(&[(seconds, &[("ann", Some(0), 40)])]);
    check_found(dump(), &named(0), Some((0, 40)));
    check_found(dump(), &named(30), Some((30, 40)));
    check_found(dump(), &named(600 + DAY_S), Some((600 + DAY_S, 40)));
    check_found(dump(), &named(601 + DAY_S), None);
    check_found(dump(), &named(-1), None);
    check_found(dump(), &said(&[]), None);
}

#[test]
fn the_first_alert_in_time_counts() {
    let early = ("ann", Some(0), 0);
    let observed =
        said(&[(-50, &[early]), (20, &[("ann", Some(0), 9)]), (90, &[("ann", Some(0), 70)])]);
    check_found(entry("dump", &["ann"], 0, 600), &observed, Some((20, 9)));
}

#[test]
fn a_slow_attack_is_found_while_it_runs() {
    let slow = || entry("slow", &["ann"], 0, 5 * DAY_S);
    check_found(slow(), &said(&[(5 * DAY_S, &[("ann", Some(0), 7)])]), Some((5 * DAY_S, 7)));
    check_found(slow(), &said(&[(5 * DAY_S + 1, &[("ann", Some(0), 7)])]), None);
}

#[test]
fn a_group_is_found_by_three_of_its_accounts_or_by_what_they_share() {
    let group = || entry("group", &["a", "b", "c", "d"], 0, 3_600);
    let one: &[_] = &[("a", Some(0), 5)];
    let again: &[_] = &[("a", Some(0), 6)];
    let second: &[_] = &[("b", Some(0), 7)];
    let third: &[_] = &[("d", Some(0), 8)];
    check_found(group(), &said(&[(10, one), (20, again), (30, second)]), None);
    check_found(group(), &said(&[(10, one), (30, second), (40, third)]), Some((40, 8)));
    let mut observed = said(&[]);
    let time = at(14 * DAY_S + 15);
    observed.openings.push(Opening { time, about: Some(0), ..Opening::default() });
    observed.namings.push(Naming { time, entry: 0, actor: None, records: 3 });
    check_found(group(), &observed, Some((15, 3)));
    assert_eq!(score(&truth(vec![group()]), &observed).false_by_day.iter().sum::<u32>(), 0);
}

#[test]
fn an_attack_that_did_not_take_place_counts_nowhere() {
    let none = TruthEntry { start: None, end: None, ..entry("dump", &["ann"], 0, 0) };
    assert_eq!(score(&truth(vec![none]), &said(&[])).outcomes, BTreeMap::new());
}

#[test]
fn incidents_on_nobody_under_attack_are_false_and_count_on_the_day_they_opened() {
    let truth = truth(vec![entry("dump", &["ann"], 0, 600), entry("odd", &["eve"], 0, 60)]);
    let observed = said(&[
        (-DAY_S, &[("bob", None, 0)]), // before the days that count
        (-1, &[("ann", Some(0), 0)]),  // not yet under attack, the day before
        (5, &[("ann", Some(0), 1)]),   // just
        (6, &[("bob", None, 0), ("ann", Some(0), 2)]), // names the attacker too
        (7, &[("bob", None, 0)]),      // false
        (8, &[("eve", Some(1), 0)]),   // an oddity is honest
        (DAY_S + 601, &[("ann", Some(0), 0)]), // long over
        (DAY_S + 602, &[]),            // names nobody
    ]);
    let score = score(&truth, &observed);
    assert_eq!(score.false_by_day[..3], [2, 2, 0]);
    assert_eq!(score.false_by_day.len(), 14);
    assert_eq!(score.incidents, 8);
    assert_eq!((score.oddities, &score.loud[..]), (1, &["odd-1".to_owned()][..]));
}

#[test]
fn what_an_earlier_incident_took_in_is_told_again_and_no_incident() {
    let mut observed = said(&[(5, &[]), (DAY_S, &[])]);
    observed.openings[1].taken_in = true;
    let score = score(&truth(vec![]), &observed);
    assert_eq!((&score.false_by_day[..2], score.false_again), (&[1, 0][..], 1));
}

#[test]
fn an_oddity_is_quiet_unless_named_while_it_goes_on() {
    let odd = || truth(vec![entry("odd", &["eve"], 0, 60)]);
    let loud = |seconds| score(&odd(), &said(&[(seconds, &[("eve", Some(0), 1)])])).loud.len();
    assert_eq!([loud(-5), loud(5), loud(DAY_S), loud(2 * DAY_S)], [0, 1, 1, 0]);
}

#[test]
fn findings_on_honest_accounts_are_counted_by_detector() {
    let truth = truth(vec![entry("dump", &["ann"], 0, 600), entry("odd", &["eve"], 0, 60)]);
    let mut observed = said(&[]);
    observed.findings_elsewhere.insert("bulk_read".into(), 4);
    let time = at(14 * DAY_S + 30);
    observed.findings.push(("bulk_read".into(), time, 0)); // under attack
    observed.findings.push(("bulk_read".into(), at(0), 0)); // before it
    observed.findings.push(("first_seen".into(), time, 1)); // an oddity
    let expected = BTreeMap::from([("bulk_read".to_owned(), 5), ("first_seen".to_owned(), 1)]);
    assert_eq!(score(&truth, &observed).findings, expected);
}

fn report() -> Report {
    let outcome =
        |delay_s: Option<i64>, records| Outcome { delay_ms: delay_s.map(|s| s * 1_000), records };
    let month = |outcomes: Vec<Outcome>, false_incidents: u32| MonthScore {
        false_by: BTreeMap::from([("bulk_read".to_owned(), u64::from(false_incidents))]),
        outcomes: BTreeMap::from([("dump", outcomes), ("slow", vec![outcome(None, 0)])]),
        false_by_day: vec![0, false_incidents],
        findings: BTreeMap::from([("bulk_read".to_owned(), 2)]),
        oddities: 2,
        loud: vec!["odd-1".into()],
        incidents: 3,
        ..MonthScore::default()
    };
    let months = [
        (4, month(vec![outcome(Some(10), 5), outcome(None, 0)], 6)),
        (9, month(vec![outcome(Some(30), 9), outcome(Some(20), 7)], 10)),
    ];
    Report {
        seeds: vec![4, 9],
        actors: 2_000,
        days: 4,
        scale: 1.0,
        cases: true,
        attack_case_share: 0.1,
        lost_case_share: 0.12,
        events: 77,
        budgets: vec![BudgetReport::of(5.0, &["dump", "slow", "never"], 2_000, &months)],
    }
}

#[test]
fn months_add_up() {
    let report = report();
    let budget = &report.budgets[0];
    let [dump, slow] = &budget.kinds[..] else { panic!("two kinds: {budget:?}") };
    assert_eq!((dump.attacks, dump.found), (4, 3));
    assert_eq!((dump.delay_s_p50, dump.records_p50), (Some(20.0), Some(7)));
    assert_eq!((slow.attacks, slow.found, slow.delay_s_p50), (2, 0, None));
    assert!((budget.recall_mean - 0.375).abs() < 1e-9, "the mean over kinds, not over attacks");
    // 0, 6, 0 and 10 a day for 2,000 accounts.
    assert!((budget.false_incidents.mean - 2.0).abs() < 1e-9);
    assert!((budget.false_incidents.worst_day - 5.0).abs() < 1e-9);
    assert_eq!((budget.incidents, budget.oddities, budget.oddities_quiet), (6, 4, 2));
    assert_eq!(budget.oddities_loud, ["4/odd-1", "9/odd-1"]);
    assert_eq!(budget.findings_on_honest[0].findings, 4);
}

#[test]
fn the_table_says_what_the_report_does() {
    let table = table(&report());
    for expected in [
        "seeds 4 9; 2000 actors, 4 days, 77 events",
        "dump               |    75% 3/4    20.0 s    20.0 s       7\n",
        "slow               |     0% 0/2         -         -       -\n",
        "mean recall over kinds       37.5%\n",
        "false per 1,000 actors, day  2.00 (worst day 5.00)\n",
        "oddities that stayed quiet   2 of 4\n",
        "calibration                  no honest window has ended\n",
    ] {
        assert!(table.contains(expected), "no `{expected}` in\n{table}");
    }
}

#[test]
fn the_plot_is_one_closed_picture_that_loads_nothing() {
    let svg = plot(&report());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains(">dump</text>") && svg.contains(">75%</text>") && svg.contains("37.5%"));
    assert_eq!(svg.matches("http").count(), 1, "the name space alone");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
}
