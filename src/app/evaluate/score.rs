//! Holds what was said about a month against the truth.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::model::EventTime;
use crate::simulate::{Truth, TruthEntry};

use super::calibration::ByRole;
use super::observe::{Naming, Observed};

const DAY_MS: i64 = 86_400_000;
/// An attack may be named this long after its last read, and an incident on its account counts as
/// about it. What goes on for days must be named while it does.
const GRACE_MS: i64 = DAY_MS;
/// Accounts of a group that must be named before it counts as found.
const NAMED_MIN: usize = 3;

/// How one attack went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// From its first read to the alert; none where there was none.
    pub delay_ms: Option<i64>,
    /// Rows it had returned by then, the alert's own event included.
    pub records: u64,
}

/// One month at one budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthScore {
    /// Attacks that took place, by kind.
    pub outcomes: BTreeMap<&'static str, Vec<Outcome>>,
    /// Incidents on nobody under attack, on each day that counts.
    pub false_by_day: Vec<u32>,
    /// Those that an incident took in which had opened before: it was told of again.
    pub false_again: u32,
    /// Those of `false_by_day` by what opened them: a detector, or a rule's id.
    pub false_by: BTreeMap<String, u64>,
    /// Findings on accounts not under attack, by detector.
    pub findings: BTreeMap<String, u64>,
    /// Oddities that took place: how many, and the names of those that were taken for something.
    pub oddities: usize,
    pub loud: Vec<String>,
    pub incidents: usize,
    /// Of honest windows.
    pub calibration: ByRole,
}

/// False incidents count from the middle of the month on, where attacks begin.
pub fn score(truth: &Truth, observed: &Observed) -> MonthScore {
    let incidents = observed.openings.iter().filter(|opening| !opening.taken_in).count();
    let calibration = observed.calibration.clone();
    let mut score = MonthScore { incidents, calibration, ..MonthScore::default() };
    for (n, entry) in truth.entries.iter().enumerate().filter(|(_, e)| e.attack) {
        let namings = || observed.namings.iter().filter(|naming| usize::from(naming.entry) == n);
        if entry.start.is_some() {
            score.outcomes.entry(entry.kind).or_default().push(outcome(entry, namings));
        }
    }
    let first_day = truth.days / 2;
    score.false_by_day = vec![0; (truth.days - first_day) as usize];
    let attack_of: BTreeMap<&str, &TruthEntry> = truth
        .entries
        .iter()
        .filter(|entry| entry.attack)
        .flat_map(|entry| entry.actors.iter().map(move |actor| (actor.as_str(), entry)))
        .collect();
    for opening in &observed.openings {
        let mut attacks = opening.actors.iter().filter_map(|a| attack_of.get(a.as_str()).copied());
        let about = opening.about.and_then(|n| truth.entries.get(usize::from(n)));
        let just = about.is_some_and(|entry| entry.attack)
            || attacks.any(|entry| is_under_way(entry, opening.time));
        let day = opening.time.since(truth.start).div_euclid(DAY_MS) - i64::from(first_day);
        if let Some(count) = usize::try_from(day).ok().and_then(|d| score.false_by_day.get_mut(d))
            && !just
        {
            if opening.taken_in {
                score.false_again += 1;
                continue;
            }
            *count += 1;
            *score.false_by.entry(opening.by.clone()).or_default() += 1;
        }
    }
    score.findings = observed.findings_elsewhere.clone();
    for (detector, time, entry) in &observed.findings {
        let entry = truth.entries.get(usize::from(*entry));
        if !entry.is_some_and(|entry| entry.attack && is_under_way(entry, *time)) {
            *score.findings.entry(detector.clone()).or_default() += 1;
        }
    }
    oddities(truth, observed, &mut score);
    score
}

fn outcome<'a, I: Iterator<Item = &'a Naming>>(
    entry: &TruthEntry,
    namings: impl Fn() -> I,
) -> Outcome {
    let needed = NAMED_MIN.min(entry.actors.len());
    let mut named = BTreeSet::new();
    let found = namings().filter(|naming| is_in_time(entry, naming.time)).find(|naming| {
        named.extend(naming.actor.as_deref());
        naming.actor.is_none() || named.len() >= needed
    });
    Outcome {
        delay_ms: found.zip(entry.start).map(|(naming, start)| naming.time.since(start)),
        records: found.map_or(entry.records, |naming| naming.records),
    }
}

fn oddities(truth: &Truth, observed: &Observed, score: &mut MonthScore) {
    let took_place = |entry: &&(usize, &TruthEntry)| !entry.1.attack && entry.1.start.is_some();
    let entries: Vec<(usize, &TruthEntry)> = truth.entries.iter().enumerate().collect();
    for (n, entry) in entries.iter().filter(took_place) {
        score.oddities += 1;
        let mut namings = observed.namings.iter();
        if namings.any(|naming| usize::from(naming.entry) == *n && is_under_way(entry, naming.time))
        {
            score.loud.push(entry.name.clone());
        }
    }
}

/// Between the first read and a day after the last.
fn is_under_way(entry: &TruthEntry, time: EventTime) -> bool {
    let (Some(start), Some(end)) = (entry.start, entry.end) else { return false };
    time >= start && time <= end.plus_ms(GRACE_MS)
}

fn is_in_time(entry: &TruthEntry, time: EventTime) -> bool {
    is_under_way(entry, time) && (!entry.slow || entry.end.is_some_and(|end| time <= end))
}
