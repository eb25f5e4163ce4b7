//! Rules that go off on ordinary work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often one rule went off, in actor-days.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Noise {
    today: f32,
    past: f32,
    days: u16,
    /// One actor-day in so many, where that is too often.
    too_often: Option<u32>,
}

/// What a shard has seen of each rule, by the hash of its id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleNoise(BTreeMap<u32, Noise>);

/// Memory of about twelve days.
const KEEP: f32 = 0.92;
/// A rule that goes off on more than a quarter of the budget's share of actor-days, for three
/// days, is about ordinary work.
const SHARE_OF_BUDGET: f64 = 0.25;
const DAYS_MIN: u16 = 3;
const ACTOR_DAYS_MIN: f32 = 6.0;
const RULES_MAX: usize = 10_000;

impl RuleNoise {
    /// A rule went off on an actor for the first time today. `Some` where it does so too often:
    /// on one actor-day in so many.
    pub fn went_off(&mut self, rule: u32, first_today: bool) -> Option<u32> {
        if self.0.len() >= RULES_MAX && !self.0.contains_key(&rule) {
            return None;
        }
        let noise = self.0.entry(rule).or_default();
        noise.today += f32::from(u8::from(first_today));
        noise.too_often
    }

    /// A day ends, with so many actor-days in the memory.
    pub fn turn(&mut self, budget: f64, actor_days: f32) {
        for noise in self.0.values_mut() {
            noise.days = noise.days.saturating_add(u16::from(noise.today > 0.0));
            noise.past = noise.past * KEEP + noise.today;
            noise.today = 0.0;
            let share = f64::from(noise.past / actor_days.max(1.0));
            let often = noise.days >= DAYS_MIN
                && noise.past >= ACTOR_DAYS_MIN
                && share > SHARE_OF_BUDGET * budget / 1_000.0;
            noise.too_often = often.then(|| (1.0 / share).round() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rule that goes off on `a_day` of 1,000 actors is too often on the fourth day.
    fn check(a_day: u32, expected: bool) {
        let mut noise = RuleNoise::default();
        for day in 1..=3 {
            (0..a_day).for_each(|_| assert_eq!(noise.went_off(7, true), None));
            noise.turn(5.0, 1_000.0 * day as f32);
        }
        assert_eq!(noise.went_off(7, true).is_some(), expected);
    }

    #[test]
    fn a_rule_about_ordinary_work_is_told_from_a_rare_one() {
        check(40, true);
        check(1, false);
        check(0, false);
    }
}
