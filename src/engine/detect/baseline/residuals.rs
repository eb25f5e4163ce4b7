//! Where a number stands among the last ones like it: ranks, without a shape assumed.

use serde::{Deserialize, Serialize};

use super::sums::add_up;

const STEPS: usize = 128;
const PER_UNIT: f32 = 10.0;
const OFFSET: f32 = 64.0;

/// A decayed histogram from -6.4 to 6.4. Source of the idea: conformal prediction; DETECTORS
/// section 3.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Residuals {
    counts: Vec<f32>,
    above: Vec<f32>,
    total: f32,
}

impl Default for Residuals {
    fn default() -> Self {
        Self { counts: vec![0.0; STEPS], above: Vec::new(), total: 0.0 }
    }
}

fn step(value: f32) -> usize {
    (value * PER_UNIT + OFFSET).clamp(0.0, STEPS as f32 - 1.0) as usize
}

impl Residuals {
    pub fn add(&mut self, value: f32) {
        self.counts[step(value)] += 1.0;
    }

    /// Adds `times` what another shard has counted.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_up(&mut self.counts, &more.counts, times);
    }

    /// A day ends: ranks are taken among what was added before.
    pub fn turn(&mut self, keep: f32) {
        self.total = self.counts.iter().sum();
        let mut above = vec![0.0; STEPS + 1];
        for step in (0..STEPS).rev() {
            above[step] = above[step + 1] + self.counts[step];
        }
        self.above = above;
        self.counts.iter_mut().for_each(|count| *count *= keep);
    }

    /// Whether anything of the past is at least `value`.
    pub fn has_reached(&self, value: f32) -> bool {
        self.above.get(step(value)).is_some_and(|above| *above > 0.0)
    }

    /// Share of the past that is at least `value`; `None` where the past is too short.
    pub fn at_least(&self, value: f32) -> Option<f32> {
        if self.total < 50.0 {
            return None;
        }
        let step = step(value);
        let middle = (self.above[step] + self.above[step + 1]) / 2.0;
        Some((middle + 0.5) / (self.total + 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_among_the_past() {
        let mut residuals = Residuals::default();
        (0..1_000).for_each(|i| residuals.add(i as f32 / 500.0 - 1.0));
        assert_eq!(residuals.at_least(0.0), None);
        residuals.turn(0.9);
        let share = |value| residuals.at_least(value).expect("known");
        assert!((share(0.0) - 0.5).abs() < 0.06);
        assert!(share(3.0) < 0.001 && share(-3.0) > 0.998);
    }
}
