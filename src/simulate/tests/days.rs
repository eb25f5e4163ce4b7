//! Honest work: sessions that close, rates that people can have, oddities that are there.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::OnceLock;

use super::{HOUR_MS, Line, config, day, run};
use crate::engine::model::EventTime;
use crate::simulate::{Simulation, SimulationConfig};

/// A quiet day.
fn honest() -> &'static (Simulation, Vec<Line>) {
    static HONEST: OnceLock<(Simulation, Vec<Line>)> = OnceLock::new();
    HONEST.get_or_init(|| run(config(300, 24)))
}

#[test]
fn every_access_lies_between_the_login_and_the_logout_of_its_session() {
    let (_, lines) = day();
    let mut open: HashMap<&str, (&str, &str)> = HashMap::new();
    let mut closed = HashSet::new();
    let mut logouts = 0;
    for line in lines {
        let session = line.text_at("/session");
        let who = (line.text_at("/actor/id"), line.text_at("/source/ip"));
        match (line.text_at("/action"), line.text_at("/outcome")) {
            ("login", "allowed") => {
                assert!(open.insert(session, who).is_none(), "twice: {}", line.text);
                assert!(!closed.contains(session), "again: {}", line.text);
            }
            ("logout", _) => {
                assert_eq!(open.remove(session), Some(who), "{}", line.text);
                closed.insert(session);
                logouts += 1;
            }
            _ if line.is("access") && !who.0.is_empty() => {
                assert_eq!(open.get(session), Some(&who), "{}", line.text);
            }
            _ => {}
        }
    }
    assert!(logouts > 100, "{logouts}");
}

/// Whom an account saw, and when.
type Reads<'a> = Vec<(i64, Vec<&'a str>)>;

/// The most distinct subjects any window of an account's day holds.
fn most_distinct(reads: &Reads<'_>, window_ms: i64) -> usize {
    let mut inside = VecDeque::new();
    let mut times = HashMap::<&str, u32>::new();
    let mut most = 0;
    for (at, subjects) in reads {
        for subject in subjects {
            *times.entry(subject).or_default() += 1;
            inside.push_back((*at, *subject));
        }
        while let Some((_, gone)) = inside.pop_front_if(|(then, _)| *then <= at - window_ms) {
            if let Some(n) = times.get_mut(gone) {
                *n -= 1;
                if *n == 0 {
                    times.remove(gone);
                }
            }
        }
        most = most.max(times.len());
    }
    most
}

/// Per account: role, and subjects by time of allowed accesses.
fn reads_by_account(lines: &[Line]) -> HashMap<&str, (&str, Reads<'_>)> {
    let mut accounts = HashMap::new();
    for line in lines.iter().filter(|l| l.is("access") && l.text_at("/outcome") == "allowed") {
        let (_, reads) = accounts
            .entry(line.text_at("/actor/id"))
            .or_insert_with(|| (line.text_at("/actor/role"), Vec::new()));
        reads.push((line.at_ms, line.subjects()));
    }
    accounts
}

#[test]
fn honest_people_stay_within_what_people_can_do() {
    let (_, lines) = honest();
    let accesses = lines.iter().filter(|line| line.is("access")).count();
    assert!((200..420).contains(&(accesses / 300)), "{accesses} accesses of 300 accounts");
    let accounts = reads_by_account(lines);
    assert!(accounts.len() > 150);
    for (id, (role, reads)) in &accounts {
        if *role == "service_account" {
            assert!(reads.len() > 1_000, "{id} rested");
            continue;
        }
        for (window_ms, most) in [(HOUR_MS / 6, 150), (HOUR_MS, 400), (24 * HOUR_MS, 1_500)] {
            let seen = most_distinct(reads, window_ms);
            assert!(seen < most, "{id} ({role}) saw {seen} subjects in {window_ms} ms");
        }
    }
    let officers: Vec<usize> = accounts
        .values()
        .filter(|(role, _)| *role == "border_officer")
        .map(|(_, reads)| reads.len())
        .collect();
    let mean = officers.iter().sum::<usize>() as f64 / officers.len() as f64;
    let variance =
        officers.iter().map(|n| (*n as f64 - mean).powi(2)).sum::<f64>() / officers.len() as f64;
    // A Poisson count would have a variance of the mean.
    assert!(mean > 150.0 && variance > 20.0 * mean, "mean {mean}, variance {variance}");
}

#[test]
fn cases_are_given_where_a_system_demands_them_and_mostly_elsewhere() {
    let (_, lines) = honest();
    let share = |wanted: &dyn Fn(&Line) -> bool| {
        let of: Vec<&Line> = lines.iter().filter(|l| l.is("access") && wanted(l)).collect();
        let with = of.iter().filter(|l| !l.text_at("/case").is_empty()).count();
        (with as f64 / of.len() as f64, of.len())
    };
    let (demanded, n) = share(&|l| {
        ["watchlist", "biometrics", "release_pins"].contains(&l.text_at("/resource/dataset"))
    });
    assert!(n > 1_000 && demanded > 0.998, "{demanded} of {n}");
    let (investigators, n) = share(&|l| l.text_at("/actor/role") == "investigator");
    assert!(n > 500 && (0.8..0.99).contains(&investigators), "{investigators} of {n}");
    let (officers, _) = share(&|l| l.text_at("/actor/role") == "border_officer");
    assert!(officers < 0.2, "{officers}");
    let refused = lines.iter().filter(|l| l.is("access") && l.text_at("/outcome") != "allowed");
    let refused = refused.count() as f64 / lines.len() as f64;
    assert!((0.001..0.02).contains(&refused), "{refused}");
}

#[test]
fn nobody_honest_touches_planted_records_and_protected_ones_only_with_a_case() {
    let (simulation, lines) = honest();
    let directory: toml::Table = simulation.directory_toml().parse().expect("toml");
    let subjects = |name: &str| -> HashSet<String> {
        let rows = directory[name].as_array().expect("array");
        rows.iter().map(|r| r["subject"].as_str().expect("text").to_owned()).collect()
    };
    let (planted, protected) = (subjects("canary"), subjects("protected"));
    let mut with_case = 0;
    for line in lines.iter().filter(|l| l.is("access")) {
        for subject in line.subjects() {
            assert!(!planted.contains(subject), "{}", line.text);
            if protected.contains(subject) {
                assert!(!line.text_at("/case").is_empty(), "{}", line.text);
                with_case += 1;
            }
        }
    }
    assert!(with_case > 0, "nobody worked on a protected person at all");
}

#[test]
fn the_day_has_its_oddities() {
    let (_, lines) = honest();
    let denied = |l: &&Line| l.text_at("/action") == "login" && l.text_at("/outcome") == "denied";
    assert!(lines.iter().filter(denied).count() > 5, "nobody mistyped a password");
    let closing = |l: &&Line| l.text_at("/purpose") == "monthly_reconciliation";
    assert!(lines.iter().filter(closing).count() > 200, "the month was not closed");
    let busiest = |site: &str| -> Vec<usize> {
        let mut counts = vec![0; 24 * 4];
        for line in lines.iter().filter(|l| l.text_at("/source/site") == site) {
            let quarter = (line.at_ms.rem_euclid(24 * HOUR_MS) / (HOUR_MS / 4)) as usize;
            counts[quarter] += 1;
        }
        counts
    };
    let amsterdam = busiest("AMS");
    // Night and day differ, and Singapore is awake while Amsterdam sleeps.
    let sum =
        |counts: &[usize], from: usize, to: usize| counts[from * 4..to * 4].iter().sum::<usize>();
    assert!(sum(&amsterdam, 6, 18) > 3 * sum(&amsterdam, 0, 4));
    let singapore = busiest("SIN");
    assert!(sum(&singapore, 0, 6) > sum(&singapore, 16, 22));
}

#[test]
fn a_simulation_may_begin_at_any_hour_and_cross_a_change_of_clocks() {
    let start = EventTime::parse("2026-03-28T21:17:00Z").expect("time");
    let config = SimulationConfig { start, ..config(60, 30) };
    let end = config.end();
    let events: Vec<_> = Simulation::new(config).expect("valid").collect();
    assert!(events.len() > 10_000);
    assert!(events.is_sorted_by_key(|e| e.time));
    assert!(events.iter().all(|e| e.time >= start && e.time < end));
}
