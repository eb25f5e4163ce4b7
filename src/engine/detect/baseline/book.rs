//! What the actor-days of one role have scored.

use serde::{Deserialize, Serialize};

use super::lane::{LANES, Lane, PARTS, Part};
use super::scores::Scores;

/// What one role's actor-days scored: what is rare for a clerk is a service's every day.
#[derive(Clone, Serialize, Deserialize)]
pub struct RoleBook {
    pub parts: Vec<Scores>,
    pub lanes: Vec<Scores>,
    pub numbers: BookNumbers,
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
        }
    }
}

impl RoleBook {
    /// Ranks its past anew, with everybody's behind it.
    pub fn rank(&mut self, (parts, lanes): (&[Scores], &[Scores]), all_days: f32) {
        let days = self.numbers.actor_days;
        for ((scores, all), part) in self.parts.iter_mut().zip(parts).zip(Part::ALL) {
            scores.rank_within(days, part.tail(), (all, all_days));
        }
        for ((scores, all), lane) in self.lanes.iter_mut().zip(lanes).zip(Lane::ALL) {
            scores.rank_within(days, lane.tail(), (all, all_days));
        }
    }
}
