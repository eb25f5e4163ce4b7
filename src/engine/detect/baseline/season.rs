//! When work is done: by hour of week how much, by hour of day when it begins.

use crate::engine::detect::state::Blank;
use serde::{Deserialize, Serialize};

use super::sums::add_up;

pub const WEEK_HOURS: usize = 168;

/// Hours since 1970 to the hour of the week, Monday 00:00 UTC being 0. Peers of a unit share a
/// site, so their own season carries its local time.
pub fn hour_of_week(hour: u32) -> usize {
    // 1970-01-01 was a Thursday.
    (hour as usize + 72) % WEEK_HOURS
}

/// How much more or less is read in each hour of the week by those who work in it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Season {
    sums: Vec<f32>,
    counts: Vec<f32>,
    factors: Vec<f32>,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            sums: vec![0.0; WEEK_HOURS],
            counts: vec![0.0; WEEK_HOURS],
            factors: vec![1.0; WEEK_HOURS],
        }
    }
}

/// Pseudo-windows a role's factor is shrunk by towards 1. Source: DETECTORS section 2.
pub const ROLE_SHRINK: f32 = 20.0;
/// Pseudo-windows a group's factor is shrunk by towards its role's.
pub const GROUP_SHRINK: f32 = 6.0;

impl Season {
    /// A working hour in which `ratio` times the seasonless rate was read.
    pub fn add(&mut self, hour_of_week: usize, ratio: f32) {
        self.sums[hour_of_week] += ratio.min(5.0);
        self.counts[hour_of_week] += 1.0;
    }

    pub fn factor(&self, hour_of_week: usize) -> f32 {
        self.factors[hour_of_week]
    }

    /// Brings the factors up to date; `towards` is what they are shrunk to.
    pub fn refresh(&mut self, towards: Option<&Self>, shrink: f32) {
        for hour in 0..WEEK_HOURS {
            let prior = towards.map_or(1.0, |season| season.factors[hour]);
            let factor = (self.sums[hour] + shrink * prior) / (self.counts[hour] + shrink);
            self.factors[hour] = factor.clamp(0.2, 5.0);
        }
    }

    /// Adds `times` what another shard has counted.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_up(&mut self.sums, &more.sums, times);
        add_up(&mut self.counts, &more.counts, times);
    }

    pub fn decay(&mut self, keep: f32) {
        for value in self.sums.iter_mut().chain(&mut self.counts) {
            *value *= keep;
        }
    }
}

/// Counts by hour of day of when sessions begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Starts {
    pub hours: [f32; 24],
}

impl Blank for Starts {
    const BLANK: &'static Self = &Self { hours: [0.0; 24] };
}

impl Starts {
    pub fn add(&mut self, hour_of_day: usize) {
        self.hours[hour_of_day] += 1.0;
    }

    pub fn add_up(&mut self, more: &Self, times: f32) {
        add_up(&mut self.hours, &more.hours, times);
    }

    pub fn decay(&mut self, keep: f32) {
        self.hours.iter_mut().for_each(|count| *count *= keep);
    }

    /// Shares of the hours, each smoothed by its neighbours, which it gets a quarter of.
    pub fn shares(counts: &[f32; 24], prior: &[f32; 24], weight: f32) -> [f32; 24] {
        let total: f32 = counts.iter().sum::<f32>() + weight;
        std::array::from_fn(|hour| {
            let near = counts[(hour + 23) % 24] + counts[(hour + 1) % 24];
            (0.5 * counts[hour] + 0.25 * near + weight * prior[hour]) / total.max(1e-6)
        })
    }

    /// The probability of beginning in an hour as unusual as this one, or more so.
    pub fn unusual(shares: &[f32; 24], hour_of_day: usize) -> f32 {
        let here = shares[hour_of_day] * 1.000_1;
        shares.iter().filter(|&&share| share <= here).sum::<f32>().clamp(1e-4, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_begins_on_monday() {
        // 2026-03-02T00:00Z, a Monday.
        assert_eq!(hour_of_week(1_772_409_600 / 3_600), 0);
        assert_eq!(hour_of_week(1_772_409_600 / 3_600 + 33), 33);
    }

    #[test]
    fn a_group_with_little_of_its_own_has_its_roles_season() {
        let (mut role, mut group) = (Season::default(), Season::default());
        (0..1_000).for_each(|_| role.add(9, 2.0));
        role.refresh(None, ROLE_SHRINK);
        group.add(9, 0.5);
        group.refresh(Some(&role), GROUP_SHRINK);
        assert!((role.factor(9) - 1.98).abs() < 0.02 && group.factor(9) > 1.6);
        assert!((group.factor(10) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn beginning_at_an_unusual_hour_is_improbable() {
        let mut starts = Starts::default();
        (0..60).for_each(|i| starts.add(if i % 2 == 0 { 8 } else { 9 }));
        let even = [1.0 / 24.0; 24];
        let shares = Starts::shares(&starts.hours, &even, 2.0);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        assert!(Starts::unusual(&shares, 9) > 0.5 && Starts::unusual(&shares, 3) < 0.05);
    }
}
