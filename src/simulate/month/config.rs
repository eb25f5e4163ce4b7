//! What month to simulate, and why a configuration was refused.

use crate::engine::model::EventTime;

use super::super::config::SimulationError;
use super::super::sites::weekday;
use super::attacks::{attack_names, core_attack_names};

/// 2026-03-09T00:00:00Z, a Monday; the month's end falls into its fourth week.
const START_MS: i64 = 1_773_014_400_000;
const ACTORS_MIN: u32 = 200;
const ACTORS_MAX: u32 = 200_000;
const DAYS_MIN: u32 = 2;
const DAYS_MAX: u32 = 120;
/// Attacks of each single-actor kind at 3,000 actors.
const EACH_AT_3000: u32 = 15;

#[derive(Clone, Debug, PartialEq)]
pub struct MonthConfig {
    /// The same configuration gives the same bytes.
    pub seed: u64,
    pub actors: u32,
    pub days: u32,
    /// Midnight UTC of the first day.
    pub start: EventTime,
    /// Of honest reads; 1 is some 25 million for 3,000 actors and 28 days. Attacks and oddities of a
    /// fixed size keep their size.
    pub scale: f64,
    /// False: no event carries a case.
    pub cases: bool,
    /// Share of an attacker's reads that cite one of the attacker's own cases.
    pub attack_case_share: f64,
    /// Share of honest reads whose case the stream has lost.
    pub lost_case_share: f64,
    /// Names of attack kinds; empty for a month without any.
    pub kinds: Vec<String>,
    /// Attacks of each single-actor kind; none: 15 for 3,000 actors, fewer for fewer.
    pub each: Option<u32>,
    /// Rounds of every benign oddity; 0 for none.
    pub oddity_rounds: u32,
}

impl Default for MonthConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            actors: 3_000,
            days: 28,
            start: EventTime::MIN.plus_ms(START_MS - EventTime::MIN.millis()),
            scale: 1.0,
            cases: true,
            attack_case_share: 0.1,
            lost_case_share: 0.12,
            kinds: core_attack_names().map(str::to_owned).collect(),
            each: None,
            oddity_rounds: 1,
        }
    }
}

impl MonthConfig {
    /// Attacks of each single-actor kind.
    pub fn each(&self) -> u32 {
        self.each.unwrap_or_else(|| (self.actors * EACH_AT_3000 / 3_000).clamp(1, EACH_AT_3000))
    }

    /// First and last day, from 0, on which an attack may begin: days 15 to 26 of 28.
    pub(super) fn attack_days(&self) -> (u32, u32) {
        let first = self.days / 2;
        (first, (self.days * 26 / 28).saturating_sub(1).max(first))
    }

    /// Day of the week of a day of the simulation: 0 is Monday.
    pub(super) fn weekday(&self, day: u32) -> i64 {
        weekday(self.start.millis().div_euclid(86_400_000) + i64::from(day))
    }

    /// All that is wrong, each line naming what was asked for by its option, the value and
    /// what is allowed. Empty when all is well.
    pub fn check(&self) -> Result<(), SimulationError> {
        let mut problems = Vec::new();
        for (key, value, low, high) in [
            ("--actors", self.actors, ACTORS_MIN, ACTORS_MAX),
            ("days", self.days, DAYS_MIN, DAYS_MAX),
            ("--each", self.each(), 0, 1_000),
            ("oddity_rounds", self.oddity_rounds, 0, 20),
        ] {
            if !(low..=high).contains(&value) {
                problems.push(format!("{key} must be {low} to {high}, got {value}"));
            }
        }
        for (key, value, low, high) in [
            ("--scale", self.scale, 0.001, 20.0),
            ("--attack-case-share", self.attack_case_share, 0.0, 1.0),
            ("--lost-case-share", self.lost_case_share, 0.0, 1.0),
        ] {
            if !(low..=high).contains(&value) {
                problems.push(format!("{key} must be {low} to {high}, got {value}"));
            }
        }
        if self.start.millis().rem_euclid(86_400_000) != 0 {
            problems.push(format!("--start must be midnight UTC, got {}", self.start));
        }
        for (n, kind) in self.kinds.iter().enumerate() {
            if !attack_names().any(|known| known == kind) {
                let known = attack_names().collect::<Vec<_>>().join(", ");
                problems.push(format!("month.kinds: `{kind}` is unknown, choose from {known}"));
            } else if self.kinds[..n].contains(kind) {
                problems.push(format!("month.kinds: `{kind}` is named twice"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(SimulationError::Config { problems }) }
    }
}
