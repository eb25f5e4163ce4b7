//! Sums that shifts and windows add to, and what follows from them.

use serde::{Deserialize, Serialize};

use super::rate::{Expected, Prior};

/// Adds `times` of each to each. What is left of next to nothing is nothing.
pub fn add_up(sums: &mut [f32], more: &[f32], times: f32) {
    for (sum, more) in sums.iter_mut().zip(more) {
        if *more != 0.0 {
            *sum += times * more;
            if sum.abs() < NOTHING {
                *sum = 0.0;
            }
        }
    }
}

/// What rounding leaves of counts that were added and taken out again.
const NOTHING: f32 = 1e-3;

/// Sums behind a [`Prior`].
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RateSums {
    num: f32,
    den: f32,
    over: f32,
    scale: f32,
    actors: f32,
    rates: f32,
    squares: f32,
}

impl RateSums {
    pub fn add_window(&mut self, count: f32, expected: &Expected, factor: f32) {
        let count = count.min(expected.mu + 4.0 * expected.sd());
        self.num += count / factor.max(0.05);
        self.den += 1.0;
        let (over, scale) = expected.beyond_poisson(count);
        self.over += over;
        self.scale += scale;
    }

    /// An actor's rate as it stands at the end of a shift.
    pub fn add_actor(&mut self, rate: f32) {
        self.actors += 1.0;
        self.rates += rate;
        self.squares += rate * rate;
    }

    /// Windows it rests on.
    pub fn windows(&self) -> f32 {
        self.den
    }

    pub fn add_up(&mut self, more: &Self, times: f32) {
        for (sum, more) in [
            (&mut self.num, more.num),
            (&mut self.den, more.den),
            (&mut self.over, more.over),
            (&mut self.scale, more.scale),
            (&mut self.actors, more.actors),
            (&mut self.rates, more.rates),
            (&mut self.squares, more.squares),
        ] {
            *sum += times * more;
        }
    }

    pub fn decay(&mut self, keep: f32) {
        for value in [
            &mut self.num,
            &mut self.den,
            &mut self.over,
            &mut self.scale,
            &mut self.actors,
            &mut self.rates,
            &mut self.squares,
        ] {
            *value *= keep;
        }
    }

    /// With `shrink` pseudo-windows of `towards`.
    pub fn prior(&self, towards: &Prior, shrink: f32) -> Prior {
        let mean = (self.num + shrink * towards.mean) / (self.den + shrink);
        let weight = 30.0 * towards.mean * towards.mean;
        let phi = (self.over + weight * towards.phi) / (self.scale + weight).max(1e-6);
        let tau = if self.actors >= 5.0 {
            let average = (self.rates / self.actors).max(1e-3);
            (self.squares / self.actors / (average * average) - 1.0).clamp(0.02, 5.0)
        } else {
            towards.tau
        };
        Prior { mean: mean.max(0.01), phi: phi.clamp(0.02, 20.0), tau }
    }
}

/// How large batch work is, as the logarithm of its count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    count: f32,
    sum: f32,
    squares: f32,
    pub windows: f32,
}

impl Sizes {
    pub fn add(&mut self, size: f32) {
        let x = size.max(1.0).ln();
        self.count += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    pub fn add_up(&mut self, more: &Self, times: f32) {
        self.count += times * more.count;
        self.sum += times * more.sum;
        self.squares += times * more.squares;
        self.windows += times * more.windows;
    }

    pub fn decay(&mut self, keep: f32) {
        self.count *= keep;
        self.sum *= keep;
        self.squares *= keep;
        self.windows *= keep;
    }

    /// Share of windows that were batch work.
    pub fn share(&self) -> f32 {
        (self.count + 0.02) / (self.windows + 20.0)
    }

    /// The probability that batch work is at least so large; `None` where too little was seen.
    pub fn tail(&self, size: f32) -> Option<f64> {
        if self.count < 8.0 {
            return None;
        }
        let mean = self.sum / self.count;
        let variance = (self.squares / self.count - mean * mean).max(0.02);
        let z = (size.max(1.0).ln() - mean) / variance.sqrt();
        Some(super::tail::normal_tail(f64::from(z)))
    }
}

/// Ratio of observed to expected over the last half hour, among the actors of a group or a role.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Context {
    slots: [(u32, f32, f32); 4],
}

impl Context {
    pub fn add(&mut self, bucket: u32, ratio: f32) {
        let slot = &mut self.slots[bucket as usize % 4];
        if slot.0 != bucket {
            *slot = (bucket, 0.0, 0.0);
        }
        slot.1 += ratio.clamp(0.0, 3.0);
        slot.2 += 1.0;
    }

    pub fn sums(&self, now: u32) -> (f32, f32) {
        let recent = self.slots.iter().filter(|s| s.0 + 3 >= now && s.0 < now);
        recent.fold((0.0, 0.0), |(sum, count), slot| (sum + slot.1, count + slot.2))
    }
}

/// Mean and variance of a logarithm.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Moments {
    pub count: f32,
    pub sum: f32,
    pub squares: f32,
    pub within: f32,
    pub within_count: f32,
}

impl Moments {
    pub fn add(&mut self, x: f32) {
        self.count += 1.0;
        self.sum += x;
        self.squares += x * x;
    }

    pub fn add_up(&mut self, more: &Self, times: f32) {
        for (sum, more) in [
            (&mut self.count, more.count),
            (&mut self.sum, more.sum),
            (&mut self.squares, more.squares),
            (&mut self.within, more.within),
            (&mut self.within_count, more.within_count),
        ] {
            *sum += times * more;
        }
    }

    pub fn decay(&mut self, keep: f32) {
        for value in [
            &mut self.count,
            &mut self.sum,
            &mut self.squares,
            &mut self.within,
            &mut self.within_count,
        ] {
            *value *= keep;
        }
    }

    pub fn mean(&self, prior: f32, shrink: f32) -> f32 {
        (self.sum + shrink * prior) / (self.count + shrink).max(1e-6)
    }

    /// Variance of an actor's days about the actor's mean.
    pub fn within(&self) -> f32 {
        ((self.within + 3.0 * 0.25) / (self.within_count + 3.0)).clamp(0.01, 4.0)
    }
}
