//! How many different subjects: exact up to a cap, estimated with a stated error beyond.

use hashbrown::HashSet;

use crate::engine::model::SubjectToken;

/// Registers of the estimate: 2^14 bytes.
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// 1.04 / sqrt(2^14). Source: Flajolet et al., "HyperLogLog", AofA 2007.
pub const RELATIVE_ERROR: f64 = 1.04 / 128.0;

/// A set of subjects that says how large it is. Two subjects count as one where 64 bits of their
/// tokens are the same: among a million that happens once in 37 million counts.
#[derive(Clone, Debug)]
pub enum SubjectCount {
    Exact { tokens: HashSet<u64, foldhash::fast::FixedState>, exact_max: usize },
    Estimated(Box<[u8]>),
}

impl SubjectCount {
    pub fn new(exact_max: usize) -> Self {
        Self::Exact { tokens: HashSet::default(), exact_max }
    }

    pub fn add(&mut self, token: SubjectToken) {
        match self {
            Self::Exact { tokens, exact_max } => {
                tokens.insert(token.short());
                if tokens.len() > *exact_max {
                    let mut registers = vec![0; REGISTERS].into_boxed_slice();
                    tokens.iter().for_each(|&hash| note(&mut registers, hash));
                    *self = Self::Estimated(registers);
                }
            }
            Self::Estimated(registers) => note(registers, token.short()),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        match other {
            Self::Exact { tokens, .. } => {
                for &hash in tokens {
                    let mut bytes = [0; 16];
                    bytes[..8].copy_from_slice(&hash.to_le_bytes());
                    self.add(SubjectToken(bytes));
                }
            }
            Self::Estimated(theirs) => {
                if let Self::Exact { tokens, .. } = self {
                    let mut registers = vec![0; REGISTERS].into_boxed_slice();
                    tokens.iter().for_each(|&hash| note(&mut registers, hash));
                    *self = Self::Estimated(registers);
                }
                if let Self::Estimated(ours) = self {
                    ours.iter_mut().zip(theirs).for_each(|(our, their)| *our = (*our).max(*their));
                }
            }
        }
    }

    pub fn count(&self) -> u64 {
        match self {
            Self::Exact { tokens, .. } => tokens.len() as u64,
            Self::Estimated(registers) => estimate(registers),
        }
    }

    /// Relative standard error of `count`; 0 while it is exact.
    pub fn error(&self) -> f64 {
        match self {
            Self::Exact { .. } => 0.0,
            Self::Estimated(_) => RELATIVE_ERROR,
        }
    }
}

/// Tokens are already hashes (HMAC), so their bits serve directly.
fn note(registers: &mut [u8], hash: u64) {
    let register = (hash >> (64 - REGISTER_BITS)) as usize;
    let rank = ((hash << REGISTER_BITS) | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
    if let Some(place) = registers.get_mut(register) {
        *place = rank.max(*place);
    }
}

/// Raw HyperLogLog with linear counting below 2.5 m, same source.
fn estimate(registers: &[u8]) -> u64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|&rank| 2_f64.powi(-i32::from(rank))).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let zeros = registers.iter().filter(|&&rank| rank == 0).count();
    let estimate = if raw <= 2.5 * m && zeros > 0 { m * (m / zeros as f64).ln() } else { raw };
    estimate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::correlate::CorrelateConfig;
    use crate::engine::enrich::Pseudonyms;

    fn check(people: u32, exact_max: usize, error: f64) {
        let pseudonyms = Pseudonyms::new(b"test");
        let mut count = SubjectCount::new(exact_max);
        let mut halves = [SubjectCount::new(exact_max), SubjectCount::new(exact_max)];
        for i in 0..people {
            let token = pseudonyms.subject(&format!("T-{i}"));
            count.add(token);
            halves[i as usize % 2].add(token);
        }
        let [mut first, second] = halves;
        first.merge(&second);
        for counted in [&count, &first] {
            let off = (counted.count() as f64 - f64::from(people)).abs() / f64::from(people);
            assert!(off <= error, "{people}: {}", counted.count());
        }
        assert_eq!(count.error() == 0.0, people as usize <= exact_max);
    }

    /// A token of its own for each number: splitmix64, which maps no two numbers to one.
    fn token(n: u64) -> SubjectToken {
        let mut x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        SubjectToken(u128::from(x ^ (x >> 31)).to_le_bytes())
    }

    #[test]
    fn is_exact_to_a_million_as_installed() {
        let exact_max = CorrelateConfig::default().subjects_exact_max;
        let mut count = SubjectCount::new(exact_max);
        // Each twice, as people are read again.
        (0..2_000_000).for_each(|n| count.add(token(n / 2)));
        assert_eq!((count.count(), count.error()), (1_000_000, 0.0));
        count.add(token(1_000_000));
        let off = (count.count() as f64 / 1_000_001.0 - 1.0).abs();
        assert!(off <= 3.0 * RELATIVE_ERROR, "{}", count.count());
        assert_eq!(count.error(), RELATIVE_ERROR);
    }

    #[test]
    fn is_exact_to_the_cap_and_near_beyond() {
        check(5_000, 5_000, 0.0);
        check(20_000, 5_000, 3.0 * RELATIVE_ERROR);
        check(120_000, 5_000, 3.0 * RELATIVE_ERROR);
    }
}
