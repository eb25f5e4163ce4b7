//! What the actor-days of one role have scored.

use serde::{Deserialize, Serialize};

use super::doubt::Doubts;
use super::lane::{LANES, Lane, PARTS, Part};
use super::lanes::Settled;
use super::scores::Scores;

/// What one role's actor-days scored: what is rare for a clerk is a service's every day.
#[derive(Clone, Serialize, Deserialize)]
pub struct RoleBook {
    pub parts: Vec<Scores>,
    pub lanes: Vec<Scores>,
    pub numbers: BookNumbers,
    /// A day has turned since it was begun: until then nothing is ranked by it.
    #[serde(skip)]
    pub turned: bool,
    #[serde(skip)]
    pub(super) doubts: Doubts,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct BookNumbers {
    pub thresholds: [f32; LANES],
    pub actor_days_today: i32,
    pub actor_days: f32,
}

impl Default for RoleBook {
    fn default() -> Self {
        let numbers =
            BookNumbers { thresholds: [f32::MAX; LANES], actor_days_today: 0, actor_days: 0.0 };
        Self {
            parts: vec![Scores::default(); PARTS],
            lanes: vec![Scores::default(); LANES],
            numbers,
            turned: false,
            doubts: Doubts::default(),
        }
    }
}

impl RoleBook {
    /// Adds `times` another shard's past.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        let (parts, lanes) = (self.parts.iter_mut(), self.lanes.iter_mut());
        let of_more = more.parts.iter().chain(&more.lanes);
        parts.chain(lanes).zip(of_more).for_each(|(scores, more)| scores.add_up(more, times));
        self.numbers.actor_days =
            (self.numbers.actor_days + times * more.numbers.actor_days).max(0.0);
    }

    /// Its past without today and without thresholds.
    pub fn past_alone(&self) -> Self {
        let past = |scores: &[Scores]| scores.iter().map(Scores::past_alone).collect();
        let numbers = BookNumbers { thresholds: [0.0; LANES], actor_days_today: 0, ..self.numbers };
        let (parts, lanes) = (past(&self.parts), past(&self.lanes));
        Self { parts, lanes, numbers, ..Self::default() }
    }

    /// Keeps that part of the past: of scores, and of lanes' strengths.
    pub fn fade(&mut self, (keep, keep_strengths): (f32, f32)) {
        self.parts.iter_mut().for_each(|scores| scores.fade(keep));
        self.lanes.iter_mut().for_each(|scores| scores.fade(keep_strengths));
        self.numbers.actor_days *= keep;
    }

    /// Ranks its past anew, with everybody's behind it; `settled` is the part of the actor-days
    /// whose strengths are known.
    pub fn rank(
        &mut self,
        (parts, lanes): (&[Scores], &[Scores]),
        all_days: f32,
        settled: Settled,
    ) {
        let days = self.numbers.actor_days;
        for ((scores, all), part) in self.parts.iter_mut().zip(parts).zip(Part::ALL) {
            scores.rank_within(days, part.tail(), (all, all_days));
        }
        for ((scores, all), lane) in self.lanes.iter_mut().zip(lanes).zip(Lane::ALL) {
            let settled = settled.of(lane);
            scores.rank_within(days * settled, lane.tail(), (all, all_days * settled));
        }
    }
}
