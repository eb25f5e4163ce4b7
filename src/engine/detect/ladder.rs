//! Says when a growing number is worth another finding.

use serde::{Deserialize, Serialize};

/// Fires when a value first reaches its limit and at each doubling after, so that a dump that goes
/// on keeps being told without flooding. Falls back once the value is below half the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// Rungs climbed: fires next at `limit << rungs`.
    rungs: u8,
}

impl Ladder {
    /// True where `value` climbs to a rung it had not reached. A limit of 0 never fires.
    pub fn climb(&mut self, value: u64, limit: u64) -> bool {
        if limit == 0 {
            return false;
        }
        if value < limit {
            if value < limit.div_ceil(2) {
                self.rungs = 0;
            }
            return false;
        }
        let reached = ((value / limit).ilog2() + 1) as u8;
        let climbs = reached > self.rungs;
        self.rungs = self.rungs.max(reached);
        climbs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the values fire, with a limit of 10.
    fn check(values: &[u64], fires: &[u64]) {
        let mut ladder = Ladder::default();
        let fired: Vec<u64> = values.iter().copied().filter(|&v| ladder.climb(v, 10)).collect();
        assert_eq!(fired, fires);
    }

    #[test]
    fn fires_at_the_limit_and_at_each_doubling() {
        check(&[9, 10, 11, 19, 20, 39, 85, 90], &[10, 20, 85]);
    }

    #[test]
    fn fires_again_only_after_falling_below_half() {
        check(&[10, 6, 10, 4, 10], &[10, 10]);
    }
}
