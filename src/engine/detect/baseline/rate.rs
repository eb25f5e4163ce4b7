//! One actor's rate in one kind of window, and what it leads one to expect.

use serde::{Deserialize, Serialize};

use super::tail::{ln_at_least, ln_at_least_if_any};

/// Decayed sums over active windows: of season-free counts, of windows, of what goes beyond
/// Poisson. Source of the formulas: DETECTORS section 2.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Rate {
    pub num: f32,
    pub den: f32,
    over: f32,
    scale: f32,
}

/// What the actor's peers lead one to expect, in force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// Mean of an active window without season.
    pub mean: f32,
    /// Over-dispersion within an actor.
    pub phi: f32,
    /// Relative variance between actors.
    pub tau: f32,
}

impl Default for Prior {
    fn default() -> Self {
        Self { mean: 5.0, phi: 1.0, tau: 1.0 }
    }
}

/// The distribution of a window's count: negative binomial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    pub mu: f32,
    /// Variance is `mu + mu²/size`.
    pub size: f32,
}

const PHI_RANGE: (f32, f32) = (0.02, 20.0);
const MU_MIN: f32 = 0.01;
/// Deviations are clamped here, and their square is raised by what that takes off.
const BODY_SD: f32 = 2.0;
const CLAMPED: f32 = 1.2;

impl Rate {
    /// `prior.mean` is the group's; `factor` the season's and the context's.
    pub fn forecast(&self, prior: &Prior, factor: f32) -> Expected {
        let mean = prior.mean.max(MU_MIN);
        let n0 = ((1.0 / mean + prior.phi) / prior.tau.max(0.01)).clamp(0.5, 30.0);
        let lambda = (self.num + n0 * mean) / (self.den + n0);
        let v = (1.0 / mean + prior.phi) / (self.den + n0);
        // Pseudo-windows as large as the actor's own.
        let weight = 30.0 * lambda * lambda;
        let phi = (self.over + weight * prior.phi) / (self.scale + weight);
        let phi = phi.clamp(PHI_RANGE.0, PHI_RANGE.1);
        Expected { mu: (lambda * factor).max(MU_MIN), size: 1.0 / (phi + v) }
    }

    /// Learns from a window that has ended. `weight` below 1 where the actor is under suspicion.
    pub fn learn(&mut self, count: f32, expected: &Expected, factor: f32, keep: f32, weight: f32) {
        let sd = expected.sd();
        let count = count.min(expected.mu + 3.0 * sd);
        self.num = self.num * keep + weight * count / factor.max(0.05);
        self.den = self.den * keep + weight;
        let (over, scale) = expected.beyond_poisson(count);
        self.over = self.over * keep + weight * over;
        self.scale = self.scale * keep + weight * scale;
    }

    /// A new role: what was learned counts for little.
    pub fn forget(&mut self, keep: f32) {
        self.num *= keep;
        self.den *= keep;
        self.over *= keep;
        self.scale *= keep;
    }
}

impl Expected {
    pub fn sd(&self) -> f32 {
        (self.mu + self.mu * self.mu / self.size.max(1e-3)).sqrt()
    }

    /// Terms of the moment estimate of over-dispersion: its numerator and denominator.
    pub fn beyond_poisson(&self, count: f32) -> (f32, f32) {
        // Batch work is not to widen the body: it has a distribution of its own.
        let limit = BODY_SD * self.sd();
        let dev = (count - self.mu).clamp(-limit, limit);
        (CLAMPED * dev * dev - self.mu, self.mu * self.mu)
    }

    /// Natural logarithm of the probability of at least `count`, in a window in which anything
    /// was read at all where `if_any`.
    pub fn ln_tail(&self, count: f32, if_any: bool) -> f64 {
        let (count, mu, size) = (f64::from(count), f64::from(self.mu), f64::from(self.size));
        if if_any { ln_at_least_if_any(count, mu, size) } else { ln_at_least(count, mu, size) }
    }

    /// The least count that half of all windows in which anything was read stay at or under.
    pub fn median(&self) -> f32 {
        let half = 0.5_f64.ln();
        let (mut low, mut high) = (0.0_f32, self.p99().max(1.0));
        // More than half go beyond `low` at all times, and no more than half beyond `high`.
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0).floor();
            if self.ln_tail(middle + 1.0, true) > half { low = middle } else { high = middle }
        }
        high
    }

    /// Whether half of all windows, with or without any read, have none.
    pub fn is_mostly_none(&self) -> bool {
        self.ln_tail(1.0, false) <= 0.5_f64.ln()
    }

    /// The count that one window in a hundred exceeds.
    pub fn p99(&self) -> f32 {
        let mut high = self.mu + 1.0;
        let ln_wanted = 0.01_f64.ln();
        while self.ln_tail(high, true) > ln_wanted && high < 1e9 {
            high = high * 1.15 + 1.0;
        }
        high.ceil()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_actor_has_the_peers_rate_and_a_known_one_its_own() {
        let prior = Prior { mean: 20.0, phi: 0.3, tau: 0.5 };
        let mut rate = Rate::default();
        assert!((rate.forecast(&prior, 1.0).mu - 20.0).abs() < 1e-3);
        for _ in 0..200 {
            let expected = rate.forecast(&prior, 2.0);
            rate.learn(10.0, &expected, 2.0, 0.999, 1.0);
        }
        assert!((rate.forecast(&prior, 1.0).mu - 5.0).abs() < 0.3);
    }

    #[test]
    fn one_wild_window_does_not_make_the_next_one_ordinary() {
        let prior = Prior { mean: 10.0, phi: 0.2, tau: 0.3 };
        let mut rate = Rate::default();
        for _ in 0..100 {
            let expected = rate.forecast(&prior, 1.0);
            rate.learn(10.0, &expected, 1.0, 0.999, 1.0);
        }
        let expected = rate.forecast(&prior, 1.0);
        rate.learn(5_000.0, &expected, 1.0, 0.999, 1.0);
        let after = rate.forecast(&prior, 1.0);
        assert!(after.mu < 11.0 && after.ln_tail(200.0, true) < -20.0);
        assert!(after.p99() > after.mu && after.p99() < 40.0);
    }

    #[test]
    fn half_of_all_windows_stay_at_or_under_the_median() {
        for (mu, size) in [(0.01, 1.0), (0.7, 0.5), (3.0, 2.0), (40.0, 3.0), (900.0, 10.0)] {
            let expected = Expected { mu, size };
            let median = expected.median();
            assert!(expected.ln_tail(median + 1.0, true) <= 0.5_f64.ln(), "{mu}: {median}");
            let less = median - 1.0;
            assert!(less < 1.0 || expected.ln_tail(less + 1.0, true) > 0.5_f64.ln(), "{mu}");
            assert!(median >= 1.0 && median <= expected.p99(), "{mu}: {median}");
        }
    }
}
