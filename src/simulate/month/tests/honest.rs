//! Honest work: rates, dispersion, seasons, cases.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{drafts, quiet};
use crate::simulate::chance::{Purpose, chance};
use crate::simulate::month::MonthConfig;
use crate::simulate::month::calendar::{Calendar, DAY_MS, HOUR_MS, MINUTE_MS};
use crate::simulate::month::draft::{Act, Draft};
use crate::simulate::month::person::{Person, Post};
use crate::simulate::month::role::{self, Role};
use crate::simulate::month::roster;
use crate::simulate::month::work::{Desk, Setting};

/// Honest days of one person in a post, each with its events.
fn days(role: Role, site: u8, days: u32, change: impl Fn(&mut Person)) -> Vec<Vec<Draft>> {
    let config = MonthConfig::default();
    let calendar = Calendar::new(3, config.start, days, &[100; 30]);
    let setting = Setting {
        seed: 3,
        cases: true,
        lost_case_share: 0.12,
        attack_case_share: 0.0,
        scale: 1.0,
        calendar: &calendar,
    };
    let mut rng = chance(3, Purpose::Roster, 0, 0);
    let mut person = Person::new(0, Post { role, site, section: 1 }, 1.0, &mut rng);
    change(&mut person);
    (0..days)
        .map(|day| {
            let mut out = Vec::new();
            let day = calendar.site_day(site, day);
            Desk::new(setting, &mut person, day, &mut out).honest_day();
            out
        })
        .collect()
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

#[test]
fn a_persons_days_differ_by_half_of_their_logarithm() {
    let days = days(role::BORDER, 0, 400, |person| {
        person.rate = 300.0;
        person.batch_share = 0.0;
    });
    let worked: Vec<f64> =
        days.iter().filter(|day| !day.is_empty()).map(|day| (day.len() as f64).ln()).collect();
    assert!((270..330).contains(&worked.len()), "worked {} of 400 days", worked.len());
    // The three shifts differ too: a night has a third of a day's work.
    let (_, deviation) = mean_and_deviation(&worked);
    assert!((0.4..0.8).contains(&deviation), "{deviation}");
}

#[test]
fn an_office_day_has_the_expected_reads_and_the_promised_spread() {
    let config = MonthConfig::default();
    let calendar = Calendar::new(3, config.start, 700, &[100; 30]);
    for role in [role::VISA_CLERK, role::ANALYST, role::DUTY_CLERK] {
        let facts = role::facts(role);
        let days = days(role, 6, 700, |person| {
            person.rate = 200.0;
            person.list_share = facts.list_share;
            person.batch_share = 0.0;
        });
        // Tuesdays to Thursdays that are nothing special: no factor of the week or the month.
        let plain = |&n: &usize| {
            let day = calendar.site_day(6, n as u32);
            (1..=3).contains(&day.weekday) && !day.holiday && !day.month_end
        };
        let counts: Vec<f64> = (0..days.len())
            .filter(plain)
            .map(|n| days[n].len() as f64)
            .filter(|&count| count > 0.0)
            .collect();
        let (mean, _) = mean_and_deviation(&counts);
        assert!((180.0..290.0).contains(&mean), "{}: {mean} reads a day", facts.name);
        let logs: Vec<f64> = counts.iter().map(|count| count.ln()).collect();
        let (_, deviation) = mean_and_deviation(&logs);
        assert!((0.36..0.56).contains(&deviation), "{}: {deviation}", facts.name);
    }
}

#[test]
fn counts_of_ten_minutes_are_over_dispersed() {
    let days = days(role::CUSTOMS, 1, 200, |person| {
        person.rate = 200.0;
        person.batch_share = 0.0;
    });
    let mut counts = HashMap::<i64, f64>::new();
    for draft in days.iter().flatten() {
        *counts.entry(draft.at_ms / (10 * MINUTE_MS)).or_default() += 1.0;
    }
    let counts: Vec<f64> = counts.into_values().collect();
    let (mean, deviation) = mean_and_deviation(&counts);
    let dispersion = deviation * deviation / mean;
    assert!(dispersion > 2.5, "variance is {dispersion} of the mean, a Poisson's is 1");
}

#[test]
fn rates_differ_between_people_by_a_log_normal() {
    let config = MonthConfig { actors: 3_000, ..quiet() };
    let people = roster::people(&config);
    for role in [role::BORDER, role::CUSTOMS, role::ANALYST] {
        let facts = role::facts(role);
        let logs: Vec<f64> =
            people.iter().filter(|p| p.post.role == role).map(|p| p.rate.ln()).collect();
        let (mean, deviation) = mean_and_deviation(&logs);
        let median = (facts.reads_a_day * config.scale).ln();
        assert!((mean - median).abs() < 0.15, "{}: {mean} for {median}", facts.name);
        let ratio = deviation / facts.between_sigma;
        assert!((0.85..1.15).contains(&ratio), "{}: {deviation}", facts.name);
    }
}

#[test]
fn offices_work_by_day_and_on_weekdays_and_borders_around_the_clock() {
    let config = MonthConfig { days: 14, ..quiet() };
    let start = config.start.millis();
    let people = roster::people(&config);
    let mut office = [0_u32; 24];
    let mut border = [0_u32; 24];
    let mut weekend = 0;
    for draft in drafts(config) {
        // Sites in Amsterdam and in the Hague keep UTC + 1 at that time of the year.
        let local = draft.at_ms - start + HOUR_MS;
        let hour = (local.rem_euclid(DAY_MS) / HOUR_MS) as usize;
        match people[draft.actor as usize].post {
            Post { role: role::ANALYST, site: 6, .. } => {
                office[hour] += 1;
                weekend += u32::from(local.div_euclid(DAY_MS) % 7 >= 5);
            }
            Post { role: role::BORDER, site: 0, .. } => border[hour] += 1,
            _ => {}
        }
    }
    let all: u32 = office.iter().sum();
    let night: u32 = office[..6].iter().chain(&office[22..]).sum();
    assert!(all > 1_000 && night * 50 < all, "{night} of {all} at night");
    assert!(weekend * 8 < all, "{weekend} of {all} at weekends");
    assert!(office[12] * 4 < office[10] * 3, "a break at noon: {office:?}");
    assert!(border.iter().all(|&count| count > 0), "{border:?}");
    let (morning, small_hours): (u32, u32) = (border[6..12].iter().sum(), border[..5].iter().sum());
    assert!(morning > 2 * small_hours, "{border:?}");
}

#[test]
fn most_legitimate_reads_cite_a_case_and_some_that_should_do_not() {
    let with = |config: MonthConfig| {
        let people = roster::people(&config);
        let mut cited = BTreeMap::<Role, (u32, u32)>::new();
        for draft in drafts(config) {
            let counts = cited.entry(people[draft.actor as usize].opened_as).or_default();
            counts.0 += u32::from(draft.case != 0);
            counts.1 += 1;
        }
        cited
    };
    let config = quiet();
    let kept = with(MonthConfig { lost_case_share: 0.0, ..config.clone() });
    let lost = with(config.clone());
    for (role, (cited, reads)) in &lost {
        let name = role::facts(*role).name;
        let share = f64::from(*cited) / f64::from(*reads);
        if *role == role::SERVICE {
            assert_eq!(*cited, 0, "{name}");
        } else if *reads > 3_000 {
            assert!((0.6..0.9).contains(&share), "{name}: {share}");
        }
    }
    let share = |cited: &BTreeMap<Role, (u32, u32)>| {
        let people = cited.iter().filter(|(role, _)| **role != role::SERVICE);
        let (cited, reads) = people.fold((0, 0), |sum, (_, n)| (sum.0 + n.0, sum.1 + n.1));
        f64::from(cited) / f64::from(reads)
    };
    let missing = 1.0 - share(&lost) / share(&kept);
    assert!((0.08..0.16).contains(&missing), "{missing} of the links missing");
    let none = with(MonthConfig { cases: false, ..config });
    assert!(none.values().all(|&(cited, _)| cited == 0), "{none:?}");
}

#[test]
fn work_goes_back_to_records_and_some_are_popular() {
    let reads: Vec<Draft> =
        drafts(quiet()).into_iter().filter(|draft| draft.act == Act::Read).collect();
    let mut readers = HashMap::<(u8, u64), HashSet<u32>>::new();
    let mut again = 0;
    for draft in &reads {
        let known = readers.entry((draft.dataset, draft.position)).or_default();
        again += usize::from(!known.insert(draft.actor));
    }
    let share = again as f64 / reads.len() as f64;
    assert!((0.03..0.4).contains(&share), "{share} of the reads are repeats");
    let most = readers.values().map(HashSet::len).max().unwrap_or(0);
    assert!(most > 5, "the most popular record has {most} readers");
}

#[test]
fn services_are_regular_tireless_and_narrow() {
    let days = days(role::SERVICE, 6, 30, |_| {});
    let counts: Vec<f64> = days.iter().map(|day| (day.len() as f64).ln()).collect();
    let (_, deviation) = mean_and_deviation(&counts);
    assert!(deviation < 0.12, "{deviation}");
    assert!(counts.len() == 30 && counts.iter().all(|c| c.is_finite()), "works every day");
    let datasets: HashSet<u8> = days.iter().flatten().map(|draft| draft.dataset).collect();
    assert!(datasets.len() <= 2, "{datasets:?}");
}

#[test]
fn people_come_move_and_go_on_leave() {
    let people = roster::people(&MonthConfig { actors: 3_000, ..MonthConfig::default() });
    let share = |of: fn(&Person) -> bool| people.iter().filter(|p| of(p)).count() as f64 / 3_000.0;
    assert!((0.02..0.04).contains(&share(|p| p.hired > 0)));
    assert!((0.025..0.055).contains(&share(|p| p.change.is_some())));
    assert!((0.1..0.17).contains(&share(|p| p.leave.is_some())));
    let moved = people.iter().filter_map(|p| p.change.map(|(_, to)| (p.post, to)));
    assert!(moved.clone().all(|(from, to)| from != to));
    assert!(moved.clone().any(|(from, to)| from.site != to.site));
    assert!(moved.clone().any(|(from, to)| from.role != to.role));
}

#[test]
fn holidays_fall_within_the_month_and_month_ends_on_its_last_days() {
    let config = MonthConfig::default();
    let calendar = Calendar::new(5, config.start, config.days, &[100; 30]);
    let ends: Vec<u32> = (0..28).filter(|&day| calendar.site_day(0, day).month_end).collect();
    assert_eq!(ends, [21, 22, 23], "30 and 31 March, 1 April");
    for site in 0..30 {
        assert!(calendar.holidays(site).iter().all(|&day| day < 28));
    }
    assert_eq!(calendar.holidays(0)[0], calendar.holidays(25)[0], "one that everybody keeps");
}
