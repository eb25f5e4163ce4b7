//! The hours of the day at which an actor reads more or less than its peers do.

use serde::{Deserialize, Serialize};

/// Pseudo-hours at the peers' behind a person's own, and a machine's: that is the more regular.
/// Source: DETECTORS section 2.
const SHRINK: [f32; 2] = [4.0, 1.0];
/// What one hour may teach.
const RATIO_MAX: f32 = 8.0;
/// Hours of the same name remembered.
const MEMORY: u8 = 25;
const FACTOR_RANGE: [(f32, f32); 2] = [(0.5, 2.0), (0.2, 8.0)];

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
    /// A machine may do an hour sooner or later what it does every day: its clock is a local one.
    pub fn factor(&self, hour: usize, service: bool) -> f32 {
        let (low, high) = FACTOR_RANGE[usize::from(service)];
        let at = |hour: usize| self.factors[hour % 24];
        let factor = if service { at(hour).max(at(hour + 1)).max(at(hour + 23)) } else { at(hour) };
        factor.clamp(low, high)
    }

    /// An hour in which `ratio` times the expected was read, own habit left out.
    pub fn add(&mut self, hour: usize, ratio: f32, service: bool) {
        let hour = hour % 24;
        self.seen[hour] = (self.seen[hour] + 1).min(MEMORY);
        let step = 1.0 / (f32::from(self.seen[hour]) + SHRINK[usize::from(service)]);
        self.factors[hour] += step * (ratio.min(RATIO_MAX) - self.factors[hour]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_run_is_expected_at_its_hour_or_beside_it_and_at_no_other() {
        let mut hours = Hours::default();
        for _ in 0..20 {
            (0..24).for_each(|hour| hours.add(hour, if hour == 3 { 4.5 } else { 0.9 }, true));
        }
        assert!(hours.factor(3, true) > 3.5 && hours.factor(12, true) < 1.0);
        // The clocks were put forward, or back.
        assert!(hours.factor(2, true) > 3.5 && hours.factor(4, true) > 3.5);
        assert!(hours.factor(4, false) < 1.0);
    }

    #[test]
    fn one_wild_hour_hardly_counts() {
        let mut hours = Hours::default();
        (0..20).for_each(|_| hours.add(9, 1.0, false));
        hours.add(9, 500.0, false);
        assert!(hours.factor(9, false) < 1.5);
    }
}
