//! Daily volume that creeps up: an anchored baseline, and evidence that adds up over days.

use serde::{Deserialize, Serialize};

use super::residuals::Residuals;
use super::sums::Moments;
use super::tail::normal_quantile;

/// Active days remembered. Source of the constants: DETECTORS section 3.
const DAYS_MAX: f32 = 18.0;
const MEAN_SHRINK: f32 = 0.7;
const VARIANCE_SHRINK: f32 = 6.0;
/// Shifts of the mean that are looked for, in standard deviations.
const SHIFTS: [f64; 4] = [0.4, 0.8, 1.3, 2.0];
/// CUSUM beyond which the baseline learns at a fifth.
const CUSUM_SUSPECT: f32 = 6.0;
const DAYS_MIN: f32 = 5.0;
/// The share of its decades that evidence keeps from one day to the next, so that a long watch is
/// as strict as a short one.
const EVIDENCE_KEEP: f64 = 0.85;
/// A day teaches no more than so many spreads, and its square is raised by what that takes off.
const LEARNED_SD: f32 = 1.5;
const CLAMPED: f32 = 1.25;
const EVIDENCE_MAX: f32 = 1e25;

/// One actor's days, as logarithms of what was read a worked hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slow {
    days: f32,
    mean: f32,
    variance: f32,
    /// Shiryaev-Roberts statistic. Source: A. Shiryaev, "On optimum methods in quickest detection
    /// problems".
    evidence: f32,
    cusum: f32,
}

/// What the peers say of such days.
#[derive(Clone, Copy)]
pub struct Peered<'p> {
    pub group_mean: f32,
    pub role_within: f32,
    pub ranks: &'p Residuals,
    /// How far everybody of the role is from the usual just now.
    pub drift: f32,
}

impl Slow {
    pub const NONE: Self = Self { days: 0.0, mean: 0.0, variance: 0.0, evidence: 0.0, cusum: 0.0 };

    /// Logarithm of a day's count over the seasonal hours it was read in.
    pub fn log_rate(count: f32, exposure: f32) -> f32 {
        count.max(0.0).ln_1p() - exposure.max(0.3).ln()
    }

    fn mean(&self, peers: &Peered<'_>) -> f32 {
        (self.days * self.mean + MEAN_SHRINK * peers.group_mean) / (self.days + MEAN_SHRINK)
    }

    /// Standardised distance of a day from the actor's own.
    pub fn residual(&self, x: f32, peers: &Peered<'_>) -> f32 {
        let uncertain = 1.0 + 1.0 / (self.days + MEAN_SHRINK);
        (x - self.mean(peers)) / (self.spread(peers) * uncertain.sqrt()) - peers.drift
    }

    fn spread(&self, peers: &Peered<'_>) -> f32 {
        let variance = (self.days * self.variance + VARIANCE_SHRINK * peers.role_within)
            / (self.days + VARIANCE_SHRINK);
        variance.max(1e-3).sqrt()
    }

    /// The evidence, in decades, if the day ended with `residual`.
    pub fn score_if(&self, residual: f32, peers: &Peered<'_>) -> f32 {
        if self.days < DAYS_MIN {
            return 0.0;
        }
        (1.0 + self.grown(calibrated(residual, peers))).log10() as f32
    }

    /// The evidence as the days before left it.
    pub fn score(&self) -> f32 {
        (1.0 + self.evidence).log10()
    }

    fn grown(&self, z: f64) -> f64 {
        let ratio: f64 = SHIFTS.iter().map(|d| (d * z - d * d / 2.0).exp()).sum();
        ((1.0 + f64::from(self.evidence)).powf(EVIDENCE_KEEP) * ratio / SHIFTS.len() as f64)
            .min(f64::from(EVIDENCE_MAX))
    }

    /// A day has ended. Adds to the role's `moments`, unless the day is not to be learned from.
    pub fn close(&mut self, x: f32, peers: &Peered<'_>, learn: bool, moments: &mut Moments) -> f32 {
        let residual = self.residual(x, peers);
        let z = calibrated(residual, peers);
        if self.days >= DAYS_MIN {
            self.evidence = self.grown(z) as f32;
            self.cusum = (self.cusum + z.min(3.0) as f32 - 0.5).max(0.0);
        }
        if self.days >= 1.0 && learn {
            let dev = (x - self.mean(peers)).clamp(-2.0, 2.0);
            moments.within += dev * dev * self.days / (self.days + 1.0);
            moments.within_count += 1.0;
        }
        let spread = self.spread(peers);
        let slow_down = if self.cusum > CUSUM_SUSPECT || !learn { 0.2 } else { 1.0 };
        self.days = (self.days + 1.0).min(DAYS_MAX);
        let step = slow_down / self.days;
        // Winsorised by the actor's own spread, once there is one: days that creep up are not to
        // make the next ones ordinary.
        let dev = match self.days {
            days if days <= 1.0 => x - self.mean,
            days if days < DAYS_MIN => (x - self.mean).clamp(-2.0, 2.0),
            _ => (x - self.mean).clamp(-LEARNED_SD * spread, LEARNED_SD * spread),
        };
        self.mean += step * dev;
        if self.days > 1.0 {
            let widened = if self.days < DAYS_MIN { 1.0 } else { CLAMPED };
            self.variance += step * (widened * dev * dev - self.variance);
        }
        residual
    }

    /// What was told begins anew.
    pub fn told(&mut self) {
        self.evidence = 0.0;
    }

    pub fn forget(&mut self) {
        self.days = self.days.min(0.5);
        self.evidence = 0.0;
        self.cusum = 0.0;
    }

    /// Ordinary count of a day with so much exposure.
    pub fn usual(&self, exposure: f32, peers: &Peered<'_>) -> f32 {
        (self.mean(peers) + exposure.max(0.3).ln()).exp_m1().max(0.0)
    }
}

/// The residual as a normal score by its rank in the role's past.
fn calibrated(residual: f32, peers: &Peered<'_>) -> f64 {
    let z = match peers.ranks.at_least(residual) {
        Some(share) => normal_quantile(1.0 - f64::from(share)),
        None => f64::from(residual),
    };
    z.clamp(-4.0, 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The evidence after days that follow fifteen honest ones, in decades.
    fn after(days: impl Iterator<Item = f32>) -> f32 {
        let ranks = Residuals::default();
        let peers = Peered { group_mean: 3.0, role_within: 0.09, ranks: &ranks, drift: 0.0 };
        let (mut slow, mut moments) = (Slow::default(), Moments::default());
        let honest = (0..15).map(|i| 100.0 * (1.0 + 0.3 * ((i * 7 % 5) as f32 - 2.0) / 2.0));
        for count in honest.chain(days) {
            slow.close(Slow::log_rate(count, 8.0), &peers, true, &mut moments);
        }
        slow.score()
    }

    #[test]
    fn a_ramp_of_thirteen_per_cent_a_day_shows_within_ten_days() {
        assert!(after((1..=10).map(|d| 100.0 * 1.13_f32.powi(d))) > 3.0);
    }

    #[test]
    fn days_like_the_ones_before_show_nothing() {
        assert!(after((0..10).map(|i| if i % 2 == 0 { 80.0 } else { 120.0 })) < 1.5);
    }

    #[test]
    fn one_wild_day_is_not_a_drift() {
        assert!(after([3_000.0].into_iter()) < 3.0);
    }
}
