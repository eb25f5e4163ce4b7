//! A system that nobody has read through for long, and somebody does again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::baseline::mark;
use super::detector::Judged;
use super::mode::Mode;
use crate::engine::model::{Finding, Problems};

/// `[detect.dormant_system]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DormantSystemConfig {
    pub mode: Mode,
    /// Days without a read after which a system counts as dormant. More than a month, so that what
    /// runs once a month is none.
    pub idle_days: u16,
}

impl Default for DormantSystemConfig {
    fn default() -> Self {
        Self { mode: Mode::On, idle_days: 45 }
    }
}

impl DormantSystemConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (2..=730).contains(&self.idle_days),
            "detect.dormant_system.idle_days",
            || format!("must be 2 to 730 days, got {}", self.idle_days),
        );
    }
}

/// Systems remembered by each shard. Further ones are not: whoever makes up names must not make it
/// forget one that sleeps.
const SYSTEMS_MAX: usize = 1_024;
/// A pause counts from this multiple of the longest there was before.
const PAUSES: u16 = 2;
const DAY_MS: i64 = 86_400_000;
/// By tier. Of T2 and T3 it pages.
const SCORES: [u8; 4] = [18, 34, 62, 66];
/// Where nobody has logged in.
const SCORE_NO_ACTOR: u8 = 66;

/// The day of the last read through a system, and the longest pause of days before it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Used {
    last: u16,
    pause: u16,
}

/// By the system's mark; and whether all of it is saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Systems(BTreeMap<u32, Used>, #[serde(skip)] bool);

impl Systems {
    /// Whether all of it is saved, and from now on whether `saved`.
    pub fn set_saved(&mut self, saved: bool) -> bool {
        std::mem::replace(&mut self.1, saved)
    }

    /// Somebody reads through a system: the days since anybody did, where it was dormant. One that
    /// is used once a quarter is told of once.
    fn take(&mut self, system: u32, day: u16, idle_days: u16) -> Option<u16> {
        let Some(used) = self.0.get_mut(&system) else {
            if self.0.len() < SYSTEMS_MAX {
                self.0.insert(system, Used { last: day, pause: 0 });
                self.1 = false;
            }
            return None;
        };
        if used.last >= day {
            return None;
        }
        let pause = day - used.last;
        let dormant = pause >= idle_days && pause >= used.pause.saturating_mul(PAUSES);
        *used = Used { last: day, pause: used.pause.max(pause) };
        self.1 = false;
        dormant.then_some(pause)
    }
}

pub struct DormantSystem {
    config: DormantSystemConfig,
}

impl DormantSystem {
    pub const NAME: &str = "dormant_system";

    pub fn new(config: DormantSystemConfig) -> Self {
        Self { config }
    }

    pub fn observe(&self, judged: &Judged<'_>, systems: &mut Systems, findings: &mut Vec<Finding>) {
        let Some(name) = judged.event.system.as_deref().filter(|name| !name.is_empty()) else {
            return;
        };
        let Ok(day) = u16::try_from(judged.at.millis() / DAY_MS) else { return };
        // Whose time was brought back, since its clock seemed to be in the future, says nothing of
        // the day it was brought back to: if it is time that has moved on, the system slept.
        let own_time = judged.at == judged.event.time;
        if judged.late || !own_time || !judged.is_disclosure() {
            return;
        }
        let Some(pause) = systems.take(mark(name), day, self.config.idle_days) else { return };
        let tier = judged.facts.tier.min(3);
        let score = match judged.event.actor_id() {
            Some(_) => SCORES[usize::from(tier)],
            None => SCORE_NO_ACTOR,
        };
        let by = match judged.event.actor_id() {
            Some(_) => judged.role_words(),
            None => "somebody who had not logged in",
        };
        let why = format!(
            "`{name}`, through which nothing had been read for {pause} days, gave out T{tier} data ({}) to {by}",
            Some(judged.facts.dataset).filter(|name| !name.is_empty()).unwrap_or("unnamed"),
        );
        findings.push(Finding {
            observed: f64::from(pause),
            expected: f64::from(self.config.idle_days),
            unit: "days without a read".into(),
            attack: vec!["T1190".into(), "T1213".into()],
            ..judged.finding(Self::NAME, "", score, why)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days on which reads, on these days, are told of.
    fn check(reads: &[u16], told: &[u16]) {
        let mut systems = Systems::default();
        let wakes = |day: &&u16| systems.take(7, **day, 30).is_some();
        let days: Vec<u16> = reads.iter().filter(wakes).copied().collect();
        assert_eq!(days, told, "{reads:?}");
    }

    #[test]
    fn a_pause_is_told_once_and_then_is_known() {
        check(&[100, 101, 130], &[]);
        check(&[100, 101, 131, 131, 132], &[131]);
        check(&[100, 190, 280, 370], &[190]);
        check(&[100, 130, 200], &[130, 200]);
        check(&[100, 140, 120, 141], &[140]);
    }

    #[test]
    fn made_up_names_push_nothing_out() {
        let mut systems = Systems::default();
        systems.take(0, 100, 30);
        (1..10_000).for_each(|system| assert_eq!(systems.take(system, 101, 30), None));
        assert_eq!(systems.0.len(), SYSTEMS_MAX);
        assert_eq!(systems.take(0, 150, 30), Some(50));
    }
}
