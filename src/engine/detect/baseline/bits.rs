//! How many distinct subjects a window saw, in a few words of memory.

use serde::{Deserialize, Serialize};

/// A bitmap counted as it fills: a subject that sets a new bit stands for `m / free` subjects, of
/// which the others fell on bits already set. Unbiased, and exact while nearly empty.
/// Source: D. Ting, "Streamed approximate counting of distinct elements", on the bitmap of
/// K.-Y. Whang et al., "A linear-time probabilistic counting algorithm".
///
/// It grows where far more comes than was expected. The new places of a subject that was seen are all
/// set, so nothing is counted twice, and a new one stands for as many as before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bits {
    words: Box<[u64]>,
    /// Bits that are set, and above [`GROWN`] how often it has grown.
    set: u32,
}

const BITS_MIN: usize = 128;
const BITS_MAX: usize = 16_384;
const GROWN: u32 = 1 << 24;
/// A quarter of the places taken is the first reason to grow; then half of what was free.
const FREE_MIN: (usize, usize) = (3, 4);
const GROWS_TIMES: usize = 8;
/// Of the largest bitmap the last quarter is given out ever more sparingly, so that millions count:
/// in steps of these, each of which counts one subject in four of those before.
const SPARING_FROM: usize = BITS_MAX / 4 * 3;
const SPARING_STEP: usize = BITS_MAX / 32;

impl Bits {
    /// Empties it, with room for four times what is expected.
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
        let bits = self.places();
        if bits == 0 {
            self.restart(0.0);
            return self.add(hash);
        }
        let place = hash as usize & (bits - 1);
        let (word, bit) = (&mut self.words[place / 64], 1 << (place % 64));
        if *word & bit != 0 {
            return 0.0;
        }
        let one_in = self.one_in();
        // Bits of the hash that no place is made of.
        if (hash >> 40) & (one_in - 1) != 0 {
            return 0.0;
        }
        self.words[place / 64] |= bit;
        let weight = bits as f32 / (bits - self.taken()) as f32 * one_in as f32;
        self.set += 1;
        self.grow_in_time();
        weight
    }

    fn places(&self) -> usize {
        self.words.len() * 64
    }

    fn taken(&self) -> usize {
        (self.set % GROWN) as usize
    }

    /// Of so many new subjects one is given a place.
    fn one_in(&self) -> u64 {
        if self.places() < BITS_MAX {
            return 1;
        }
        1 << (2 * (self.taken().saturating_sub(SPARING_FROM) / SPARING_STEP))
    }

    fn grow_in_time(&mut self) {
        let (places, grown) = (self.places(), self.set / GROWN);
        let free = places - self.taken();
        if places >= BITS_MAX || (free * FREE_MIN.1) << grown > places * FREE_MIN.0 {
            return;
        }
        let times = (BITS_MAX / places).min(GROWS_TIMES);
        self.words = self.words.repeat(times).into_boxed_slice();
        self.set = (grown + 1) * GROWN + (self.taken() * times) as u32;
    }

    /// True where so much was seen that a new subject is often taken for a known one.
    pub fn is_crowded(&self) -> bool {
        self.set >= GROWN || self.taken() * 4 > self.places()
    }

    /// See `ActorState::glance`.
    pub fn glance(&self, hash: u64) -> u64 {
        let bits = (self.words.len() * 64).max(1);
        self.words.get((hash as usize & (bits - 1)) / 64).copied().unwrap_or(0)
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
            assert!((seen - truth).abs() <= 2.0 + 0.1 * truth, "{distinct}: {seen}");
        }
    }

    #[test]
    fn counts_a_flood_however_little_was_expected() {
        for expected in [0.0, 5.0, 100.0, 1e12] {
            for distinct in [1_000, 5_000, 40_000, 300_000, 3_000_000] {
                let (seen, truth) = (counted(expected, distinct), distinct as f32);
                assert!((seen - truth).abs() <= 0.15 * truth, "{expected} {distinct}: {seen}");
            }
        }
    }

    #[test]
    fn takes_two_kilobytes_at_most_and_is_small_again_afterwards() {
        let mut bits = Bits::default();
        (0..1_000_000_u64).for_each(|n| {
            let _ = bits.add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        });
        assert_eq!(bits.heap_bytes(), 2_048);
        bits.restart(5.0);
        assert_eq!(bits.heap_bytes(), 16);
    }

    #[test]
    fn what_was_seen_before_it_grew_is_not_counted_again() {
        let mut bits = Bits::default();
        let hash = |n: u64| n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
        let mut count = |subjects: std::ops::Range<u64>| {
            subjects.map(|n| f64::from(bits.add(hash(n)))).sum::<f64>()
        };
        assert!(count(0..3_000) > 2_000.0);
        assert_eq!(count(0..3_000), 0.0);
    }
}
