//! How many distinct subjects a window saw, in a few words of memory.

use serde::{Deserialize, Serialize};

/// A bitmap counted as it fills: a subject that sets a new bit stands for `m / free` subjects, of
/// which the others fell on bits already set. Unbiased, and exact while nearly empty.
/// Source: D. Ting, "Streamed approximate counting of distinct elements", on the bitmap of
/// K.-Y. Whang et al., "A linear-time probabilistic counting algorithm".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bits {
    words: Box<[u64]>,
    set: u32,
}

const BITS_MIN: usize = 128;
const BITS_MAX: usize = 16_384;

impl Bits {
    /// Empties it, with room for four times what is expected, so that a count far above
    /// expectation is still a count.
    pub fn restart(&mut self, expected: f32) {
        let wanted = (f64::from(expected) * 4.0).min(BITS_MAX as f64) as usize;
        let words = wanted.next_power_of_two().clamp(BITS_MIN, BITS_MAX) / 64;
        if self.words.len() == words {
            if self.set > 0 {
                self.words.fill(0);
            }
        } else {
            self.words = vec![0; words].into_boxed_slice();
        }
        self.set = 0;
    }

    /// How many subjects the one with `hash` stands for: 0 where it was seen before, as far as
    /// can be told.
    pub fn add(&mut self, hash: u64) -> f32 {
        let bits = self.words.len() * 64;
        if bits == 0 {
            self.restart(0.0);
            return self.add(hash);
        }
        let place = hash as usize & (bits - 1);
        let (word, bit) = (&mut self.words[place / 64], 1 << (place % 64));
        if *word & bit != 0 {
            return 0.0;
        }
        *word |= bit;
        let weight = bits as f32 / (bits as f32 - self.set as f32);
        self.set += 1;
        weight.min(16.0)
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.words.first().copied().unwrap_or(0)
    }

    pub fn heap_bytes(&self) -> usize {
        self.words.len() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(expected: f32, distinct: u64) -> f32 {
        let mut bits = Bits::default();
        bits.restart(expected);
        // splitmix64, as random as tokens are.
        let hash = |n: u64| {
            let x = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            x ^ x >> 31
        };
        (0..distinct * 3).map(|i| bits.add(hash(i % distinct))).sum()
    }

    #[test]
    fn counts_what_was_expected_and_several_times_more() {
        for (expected, distinct) in [(10.0, 8), (30.0, 30), (30.0, 150), (400.0, 1_500)] {
            let (seen, truth) = (counted(expected, distinct), distinct as f32);
            assert!((seen - truth).abs() <= 2.0 + 0.2 * truth, "{distinct}: {seen}");
        }
    }

    #[test]
    fn a_flood_fills_it_and_stays_a_flood() {
        assert!(counted(5.0, 100_000) > 300.0);
        let mut bits = Bits::default();
        bits.restart(1e12);
        assert!(bits.heap_bytes() <= 2_048);
    }
}
