//! An agency in which everybody works honestly and nothing is like what `simulate` makes: the alert
//! budget is to hold there too.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Normal};
use rand_pcg::Pcg64Mcg;
use tidewaiter::engine::model::{EventTime, Severity};

use crate::replayed::{config, replay_lines};

const ACCOUNTS: usize = 300;
const DAYS: i64 = 28;
/// Days before are for learning.
const JUDGED_FROM: i64 = 14;
const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: i64 = 86_400_000;

struct Account {
    role: usize,
    unit: usize,
    reads_a_day: f64,
    begins_h: f64,
    /// Days of the week.
    off: [i64; 2],
}

fn start() -> EventTime {
    EventTime::parse("2026-03-02T00:00:00Z").unwrap()
}

fn accounts(rng: &mut Pcg64Mcg) -> Vec<Account> {
    let between = Normal::new(0.0_f64, 0.35).unwrap();
    (0..ACCOUNTS)
        .map(|n| Account {
            role: n % 3,
            unit: n % 6,
            reads_a_day: 50.0 * [1.0, 0.6, 1.3][n % 3] * between.sample(rng).exp(),
            begins_h: [6.0, 7.0, 8.0, 8.0, 9.0, 14.0][rng.random_range(0..6)],
            off: [rng.random_range(0..7), rng.random_range(0..7)],
        })
        .collect()
}

/// Who comes to work reads all over eight hours, 88 of 100 times for a case.
fn day(account: &Account, number: usize, day: i64, rng: &mut Pcg64Mcg) -> Vec<(i64, String)> {
    let (within, begin) = (Normal::new(0.0_f64, 0.4).unwrap(), Normal::new(0.0, 0.2).unwrap());
    let reads = (account.reads_a_day * within.sample(rng).exp()) as u64;
    let begins_ms = (account.begins_h + begin.sample(rng)) * HOUR_MS;
    let (role, datasets) = [
        ("officer", ["entry", "visa", "alerts"]),
        ("analyst", ["entry", "cargo", "manifest"]),
        ("clerk", ["visa", "invoice", "visa"]),
    ][account.role];
    let read = |_| {
        let at_ms = day * DAY_MS + (begins_ms + rng.random::<f64>() * 8.0 * HOUR_MS) as i64;
        let dataset = datasets[[0, 0, 0, 0, 0, 0, 0, 1, 1, 2][rng.random_range(0..10)]];
        let case = match rng.random_bool(0.88) {
            true => {
                let case = rng.random_range(0..reads.max(3) / 3);
                format!(r#","case":"C-{number}-{day}-{case}""#)
            }
            false => String::new(),
        };
        let line = format!(
            r#"{{"kind":"access","time":"{}","id":"{:016x}","actor":{{"id":"a{number:03}","role":"{role}","unit":"U{unit}","type":"person"}},"action":"read","outcome":"allowed","source":{{"ip":"10.1.{}.{}","site":"S{unit}"}},"system":"registry","resource":{{"dataset":"{dataset}","subject":"P{}","record":"{}"}},"records":1,"bytes":{}{case}}}"#,
            start().plus_ms(at_ms),
            rng.random::<u64>(),
            number / 200,
            number % 200 + 1,
            rng.random_range(0..400_000),
            rng.random_range(0..10_000_000),
            rng.random_range(800..6_000),
            unit = account.unit,
        );
        (at_ms, line)
    };
    (0..reads).map(read).collect()
}

fn month(seed: u64) -> Vec<String> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let accounts = accounts(&mut rng);
    let mut events = Vec::new();
    for date in 0..DAYS {
        for (number, account) in accounts.iter().enumerate() {
            if !account.off.contains(&(date % 7)) {
                events.extend(day(account, number, date, &mut rng));
            }
        }
    }
    events.sort();
    events.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn where_everybody_works_honestly_the_budget_holds() {
    let lines = month(1);
    for budget in [5.0, 1.0] {
        let mut config = config();
        config.detect.budget_per_1000_actors_day = budget;
        let found = replay_lines(&config, &lines).findings;
        let from = start().plus_ms(JUDGED_FROM * DAY_MS);
        // As people are told: an account on a day.
        let told: BTreeSet<(&str, i64)> = found
            .iter()
            .filter(|finding| finding.severity >= Severity::Medium && finding.time >= from)
            .map(|f| (f.key.value.as_str(), f.time.since(start()) / DAY_MS))
            .collect();
        let rate = told.len() as f64 * 1_000.0 / (ACCOUNTS as i64 * (DAYS - JUDGED_FROM)) as f64;
        assert!(rate <= budget, "{rate} at {budget}: {told:?}");
    }
}
