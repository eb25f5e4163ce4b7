//! The hours of the day at which an actor reads more or less than its peers do.

use serde::{Deserialize, Serialize};

/// Pseudo-hours at the peers' behind an actor's own. Source: DETECTORS section 2.
const SHRINK: f32 = 4.0;
/// Hours of the same name remembered.
const MEMORY: u8 = 25;
const FACTOR_RANGE: (f32, f32) = (0.3, 8.0);

/// By hour of day, UTC: what is read over what the peers' season leads one to expect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hours {
    factors: [f32; 24],
    seen: [u8; 24],
}

impl Default for Hours {
    fn default() -> Self {
        Self { factors: [1.0; 24], seen: [0; 24] }
    }
}

impl Hours {
    pub fn factor(&self, hour: usize) -> f32 {
        self.factors[hour % 24].clamp(FACTOR_RANGE.0, FACTOR_RANGE.1)
    }

    /// An hour in which `ratio` times the expected was read, own habit left out.
    pub fn add(&mut self, hour: usize, ratio: f32) {
        let hour = hour % 24;
        self.seen[hour] = (self.seen[hour] + 1).min(MEMORY);
        let step = 1.0 / (f32::from(self.seen[hour]) + SHRINK);
        self.factors[hour] += step * (ratio.min(FACTOR_RANGE.1) - self.factors[hour]);
    }

    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_run_is_expected_at_its_hour_and_at_no_other() {
        let mut hours = Hours::default();
        for _ in 0..20 {
            (0..24).for_each(|hour| hours.add(hour, if hour == 3 { 4.5 } else { 0.9 }));
        }
        assert!(hours.factor(3) > 3.5 && hours.factor(4) < 1.0);
    }

    #[test]
    fn one_wild_hour_hardly_counts() {
        let mut hours = Hours::default();
        (0..20).for_each(|_| hours.add(9, 1.0));
        hours.add(9, 500.0);
        assert!(hours.factor(9) < 1.5);
    }
}
