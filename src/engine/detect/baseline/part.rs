//! What part of the reads no case explains: whether it is more than usual, whatever the number.

use serde::{Deserialize, Serialize};

use super::tail::ln_part_at_least;

/// How much reads without a case come in clumps, by a role: the variance of their part over that
/// of single draws.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Clumps {
    seen: f32,
    drawn: f32,
}

/// Before anything is known, a piece of work is so many reads.
const PRIOR: f32 = 4.0;
const PRIOR_DRAWN: f32 = 50.0;
const RANGE: (f32, f32) = (1.0, 40.0);
const SHARE_RANGE: (f32, f32) = (0.02, 0.95);
/// Windows of fewer reads teach nothing.
const READS_MIN: f32 = 4.0;
/// A window's squared deviation counts for at most so many variances.
const WORST: f32 = 9.0;

impl Clumps {
    pub fn size(&self) -> f32 {
        let size = (self.seen + PRIOR * PRIOR_DRAWN) / (self.drawn + PRIOR_DRAWN);
        size.clamp(RANGE.0, RANGE.1)
    }

    /// A window has ended in which `part` of `all` reads had no case; `share` was expected.
    pub fn add(&mut self, part: f32, all: f32, share: f32) {
        if all < READS_MIN {
            return;
        }
        let variance = all * share * (1.0 - share);
        let deviation = part - all * share;
        self.seen += (deviation * deviation).min(WORST * variance * self.size());
        self.drawn += variance;
    }

    pub fn add_up(&mut self, more: &Self, times: f32) {
        self.seen += times * more.seen;
        self.drawn += times * more.drawn;
    }

    pub fn decay(&mut self, keep: f32) {
        self.seen *= keep;
        self.drawn *= keep;
    }

    /// `ln` of the probability of at least this part.
    pub fn ln_tail(&self, part: f32, all: f32, share: f32) -> f64 {
        let size = f64::from(self.size());
        ln_part_at_least(f64::from(part) / size, f64::from(all) / size, f64::from(share))
    }
}

/// The share to expect: the actor's own, with the peers' behind it.
pub fn usual(own: [f32; 2], peers: [f32; 2]) -> f32 {
    const PEERS_WINDOWS: f32 = 5.0;
    let all = own[0] + PEERS_WINDOWS * peers[0];
    let part = own[1] + PEERS_WINDOWS * peers[1];
    (part / all.max(0.1)).clamp(SHARE_RANGE.0, SHARE_RANGE.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clumps_are_measured() {
        let mut clumps = Clumps::default();
        // 40 reads in pieces of 10, of which one in five has no case.
        for window in 0..2_000_u32 {
            let pieces = (0..4).filter(|piece| (window * 7 + piece * 13) % 5 == 0).count();
            clumps.add(pieces as f32 * 10.0, 40.0, 0.2);
        }
        assert!(clumps.size() > 2.0 && clumps.size() < 15.0, "{}", clumps.size());
    }

    #[test]
    fn a_batch_with_its_usual_part_is_ordinary_and_reads_without_any_case_are_not() {
        let clumps = Clumps::default();
        assert!(clumps.ln_tail(90.0, 400.0, 0.2) > -3.0);
        assert!(clumps.ln_tail(135.0, 150.0, 0.2) < -30.0);
        assert!(clumps.ln_tail(4.0, 5.0, 0.2) > -3.0);
    }

    #[test]
    fn who_is_new_is_expected_to_be_like_the_peers() {
        assert!((usual([0.0, 0.0], [20.0, 4.0]) - 0.2).abs() < 1e-6);
        assert!((usual([900.0, 450.0], [20.0, 4.0]) - 0.5).abs() < 0.04);
    }
}
