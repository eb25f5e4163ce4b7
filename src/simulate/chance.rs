//! Seeded chance: one generator an actor and purpose, so that no actor's day depends on another's.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, Gamma, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// The generator all of the simulation draws from.
pub(super) type Chance = Pcg64Mcg;

/// What a generator is for. Keeps streams drawn from the same seed apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Roster = 1,
    Shift,
    Work,
    Site,
    Case,
    Session,
    Breach,
    BreachOrder,
    Stream,
    Calendar,
    Deed,
    Subject,
}

/// Scrambles 64 bits (SplitMix64's finaliser, Steele, Lea and Flood 2014).
pub(super) const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// One number from a seed, a purpose and two coordinates.
pub(super) const fn hash(seed: u64, purpose: Purpose, a: u64, b: u64) -> u64 {
    mix(mix(mix(mix(seed) ^ purpose as u64) ^ a) ^ b)
}

/// A generator for one purpose at two coordinates (an actor and a day, a breach and its number).
pub(super) fn chance(seed: u64, purpose: Purpose, a: u64, b: u64) -> Chance {
    Chance::seed_from_u64(hash(seed, purpose, a, b))
}

/// Uniform in [0, 1) from a hash.
pub(super) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

pub(super) fn happens(rng: &mut Chance, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Uniform in `0..bound`; 0 when `bound` is 0.
pub(super) fn below(rng: &mut Chance, bound: u64) -> u64 {
    if bound == 0 { 0 } else { rng.random_range(0..bound) }
}

/// Uniform between two bounds, both reachable.
pub(super) fn between(rng: &mut Chance, low: i64, high: i64) -> i64 {
    if low >= high { low } else { rng.random_range(low..=high) }
}

pub(super) fn pick<T: Copy>(rng: &mut Chance, choices: &[T], otherwise: T) -> T {
    choices.get(below(rng, choices.len() as u64) as usize).copied().unwrap_or(otherwise)
}

/// Exponential with this mean.
pub(super) fn wait(rng: &mut Chance, mean: f64) -> f64 {
    let unit: f64 = Exp1.sample(rng);
    unit * mean
}

/// Log-normal around a median, `sigma` being the deviation of the logarithm.
pub(super) fn around(rng: &mut Chance, median: f64, sigma: f64) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    median * (sigma * z).exp()
}

/// Poisson with this mean: by multiplication while it is small (Knuth 1969), a rounded normal beyond.
pub(super) fn count(rng: &mut Chance, mean: f64) -> u32 {
    if mean > 30.0 {
        let z: f64 = StandardNormal.sample(rng);
        return (mean + mean.sqrt() * z).round().max(0.0) as u32;
    }
    let floor = (-mean).exp();
    let mut product = rng.random::<f64>();
    let mut n = 0;
    while product > floor {
        product *= rng.random::<f64>();
        n += 1;
    }
    n
}

/// Gamma with mean 1: the smaller the shape, the burstier the counts it mixes.
pub(super) fn burstiness(rng: &mut Chance, shape: f64) -> f64 {
    Gamma::new(shape, 1.0 / shape).map_or(1.0, |gamma| gamma.sample(rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_and_purposes_are_kept_apart() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..4 {
            for a in 0..40 {
                for b in 0..40 {
                    seen.insert(hash(seed, Purpose::Shift, a, b));
                    seen.insert(hash(seed, Purpose::Work, a, b));
                }
            }
        }
        assert_eq!(seen.len(), 4 * 40 * 40 * 2);
    }

    #[test]
    fn draws_have_the_means_they_promise() {
        let mut rng = chance(7, Purpose::Work, 0, 0);
        let n = 40_000;
        let mean = |mut draw: Box<dyn FnMut(&mut Chance) -> f64>, rng: &mut Chance| {
            (0..n).map(|_| draw(rng)).sum::<f64>() / f64::from(n)
        };
        assert!((mean(Box::new(|r| wait(r, 5.0)), &mut rng) - 5.0).abs() < 0.15);
        assert!((mean(Box::new(|r| burstiness(r, 3.0)), &mut rng) - 1.0).abs() < 0.03);
        assert!((mean(Box::new(|r| below(r, 10) as f64), &mut rng) - 4.5).abs() < 0.1);
        for expected in [0.0, 0.3, 4.0, 29.0, 31.0] {
            let found = mean(Box::new(move |r| f64::from(count(r, expected))), &mut rng);
            assert!((found - expected).abs() < 0.02 + expected * 0.01, "{found} for {expected}");
        }
    }
}
