//! Rules, and detectors with fixed limits, that go off on ordinary work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::baseline::mark;
use super::detector::severity_of;
use crate::engine::model::{Finding, Severity};

/// How often one rule went off, in actor-days.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Noise {
    today: f32,
    past: f32,
    days: u16,
    turns: u16,
    /// Whom it went off on, as bits: of this week, and of the one before.
    actors: [u64; 2],
    /// One actor-day in so many, where that is too often.
    too_often: Option<u32>,
    /// Too often even for what a rule calls critical.
    far_too_often: bool,
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
/// What was too often stays so until it is at so much less.
const CALMED: f64 = 0.25;
/// Beyond this multiple of the whole budget one day tells enough.
const PLAINLY: f64 = 4.0;
/// What is left of a finding on ordinary work.
const NOTED: u8 = 8;
/// What goes off on a few again and again is about them.
const ACTORS_MIN: u32 = 6;
const WEEK: u16 = 7;
const ACTOR_DAYS_MIN: f32 = 6.0;
const RULES_MAX: usize = 10_000;

impl RuleNoise {
    /// The rule with this mark went off on an actor; a finding on what is ordinary here is only
    /// noted.
    pub fn judge(&mut self, rule: u32, first_today: bool, finding: &mut Finding) {
        if self.0.len() >= RULES_MAX && !self.0.contains_key(&rule) {
            return;
        }
        let noise = self.0.entry(rule).or_default();
        noise.today += f32::from(u8::from(first_today));
        let who = mark(finding.actor.as_deref().unwrap_or(&finding.key.value));
        noise.actors[0] |= 1 << (who.wrapping_mul(0x9E37_79B9) >> 26);
        let Some(one_in) = noise.too_often else { return };
        if finding.severity < Severity::Critical || noise.far_too_often {
            finding.score = NOTED;
            finding.severity = severity_of(NOTED);
            finding.why += &format!("; only noted, since it goes off on one actor-day in {one_in}");
        }
    }

    /// A detector that stands in for the learned ones spoke. What is far beyond its limits stays
    /// what it is.
    pub fn judge_stand_in(&mut self, detector: &str, finding: &mut Finding) {
        if finding.severity < Severity::High {
            self.judge(mark(detector), true, finding);
        }
    }

    /// Keeps that part of what was counted.
    pub fn scale(&mut self, keep: f32) {
        for noise in self.0.values_mut() {
            (noise.past, noise.today) = (noise.past * keep, noise.today * keep);
        }
    }

    /// A day ends, with so many actor-days in the memory.
    pub fn turn(&mut self, budget: f64, actor_days: f32) {
        for noise in self.0.values_mut() {
            noise.days = noise.days.saturating_add(u16::from(noise.today > 0.0));
            noise.past = noise.past * KEEP + noise.today;
            noise.today = 0.0;
            let share = f64::from(noise.past / actor_days.max(1.0));
            let over = share / (budget / 1_000.0);
            let known = noise.days >= DAYS_MIN || over > PLAINLY;
            let actors = (noise.actors[0] | noise.actors[1]).count_ones();
            // What is near the limit would be told of on every few days, by all it goes off on.
            let calmed = if noise.too_often.is_some() { CALMED } else { 1.0 };
            let often = known
                && actors >= ACTORS_MIN
                && f64::from(noise.past) >= f64::from(ACTOR_DAYS_MIN) * calmed
                && over > SHARE_OF_BUDGET * calmed;
            noise.turns = noise.turns.wrapping_add(1);
            if noise.turns.is_multiple_of(WEEK) {
                noise.actors = [0, noise.actors[0]];
            }
            noise.too_often = often.then(|| (1.0 / share).round() as u32);
            noise.far_too_often = often && over > 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, actor: u32) -> Finding {
        use crate::engine::model::{EventTime, Key, KeyKind, Source, Window};
        let time = EventTime::MIN;
        Finding {
            id: String::new(),
            time,
            detector: "rule".into(),
            rule: None,
            severity,
            score: 90,
            key: Key { kind: KeyKind::Actor, value: "off-1".into() },
            actor: Some(format!("off-{actor}")),
            source_ip: None,
            session: None,
            dataset: None,
            category: None,
            tier: 1,
            window: Window { start: time, end: time },
            observed: 1.0,
            expected: 0.0,
            unit: "events".into(),
            subjects: 0,
            records: 0,
            bytes: 0,
            attack: Vec::new(),
            why: String::new(),
            evidence: Vec::new(),
            source: Source::Monitor { monitor: "test".into() },
            usual: Vec::new(),
            source_actors: 0,
        }
    }

    fn severity(noise: &mut RuleNoise, of: Severity, actor: u32) -> Severity {
        let mut finding = finding(of, actor);
        noise.judge(7, true, &mut finding);
        finding.severity
    }

    /// What is left of a finding of `severity` on the `day` after a rule went off on `a_day` of
    /// 1,000 actors, day after day: on others each day, or on the same `few`.
    fn check(a_day: u32, few: u32, days: u32, of: Severity, left: Severity) {
        let mut noise = RuleNoise::default();
        for day in 1..=days {
            for n in 0..a_day {
                let _ = severity(&mut noise, of, (day * a_day + n) % few);
            }
            noise.turn(5.0, 1_000.0 * day as f32);
        }
        assert_eq!(severity(&mut noise, of, 0), left, "{a_day} a day for {days} days");
    }

    const ANYBODY: u32 = 100_000;

    #[test]
    fn a_rule_about_ordinary_work_is_told_from_a_rare_one() {
        check(4, ANYBODY, 3, Severity::High, Severity::Informational);
        check(1, ANYBODY, 3, Severity::High, Severity::High);
        check(0, ANYBODY, 3, Severity::High, Severity::High);
    }

    #[test]
    fn what_goes_off_everywhere_is_known_after_a_day() {
        check(40, ANYBODY, 1, Severity::High, Severity::Informational);
        check(4, ANYBODY, 1, Severity::High, Severity::High);
    }

    #[test]
    fn what_was_too_often_is_told_again_only_once_it_has_calmed_down() {
        let mut noise = RuleNoise::default();
        let mut days = 0.0;
        let mut a_day = |noise: &mut RuleNoise, times: u32| {
            days += 1.0;
            (0..times).for_each(|n| {
                let _ = severity(noise, Severity::High, days as u32 * 10 + n);
            });
            noise.turn(5.0, 1_000.0 * (1.0_f32 - 0.92_f32.powf(days)) / 0.08);
            severity(&mut noise.clone(), Severity::High, 0)
        };
        (0..4).for_each(|_| {
            let _ = a_day(&mut noise, 4);
        });
        let near_the_limit: Vec<_> = (0..20).map(|_| a_day(&mut noise, 1)).collect();
        assert!(near_the_limit.iter().all(|severity| *severity == Severity::Informational));
        let quiet: Vec<_> = (0..30).map(|_| a_day(&mut noise, 0)).collect();
        assert_eq!(quiet.last(), Some(&Severity::High));
    }

    #[test]
    fn what_goes_off_on_a_few_again_and_again_is_about_them() {
        check(4, 4, 30, Severity::High, Severity::High);
    }

    #[test]
    fn what_is_critical_is_noted_only_where_it_takes_the_whole_budget() {
        check(4, ANYBODY, 3, Severity::Critical, Severity::Critical);
        check(12, ANYBODY, 3, Severity::Critical, Severity::Informational);
    }
}
