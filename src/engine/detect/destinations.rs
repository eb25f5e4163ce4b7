//! Which external destinations are in use at all: what many talk to is a service, and what one
//! machine alone talks to may be a breach's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Destinations remembered by each shard; the longest unused give way.
const DESTINATIONS_MAX: usize = 8_192;
/// Days without a flow after which one is forgotten when room is needed.
const IDLE_DAYS: u16 = 14;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Destination {
    /// Bits of the marks of sources: sixty-four are enough to tell few from many.
    sources: u64,
    first: u16,
    last: u16,
}

/// By the destination's mark; the day the first was seen, 0 before; and whether all of it is saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Destinations(BTreeMap<u32, Destination>, u16, #[serde(skip)] bool);

/// What is known of a destination, the flow at hand among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Sources that use it, some counted as one.
    pub sources: u32,
    /// Days since it was first used by anybody.
    pub age_days: u16,
}

impl Destinations {
    /// Whether all of it is saved, and from now on whether `saved`.
    pub fn set_saved(&mut self, saved: bool) -> bool {
        std::mem::replace(&mut self.2, saved)
    }

    /// Days since the first flow of all.
    pub fn age_days(&self, day: u16) -> u16 {
        day.saturating_sub(self.1)
    }

    /// Whether somebody has talked to it on an earlier day, or several do today. `day` is today.
    pub fn is_in_use(&self, destination: u32, day: u16) -> bool {
        let of_many = |kept: &Destination| kept.sources.count_ones() > 2;
        self.0.get(&destination).is_some_and(|kept| kept.first < day || of_many(kept))
    }

    /// A source talks to a destination. At the cap, with nothing idle, it passes for well known:
    /// whoever floods the table gains no findings by it.
    pub fn take(&mut self, destination: u32, source: u32, day: u16) -> Known {
        if self.1 == 0 {
            (self.1, self.2) = (day, false);
        }
        if self.0.len() >= DESTINATIONS_MAX && !self.0.contains_key(&destination) {
            self.2 = false;
            self.0.retain(|_, kept| day.saturating_sub(kept.last) < IDLE_DAYS);
            if self.0.len() >= DESTINATIONS_MAX {
                return Known { sources: u64::BITS, age_days: u16::MAX };
            }
        }
        let fresh = Destination { sources: 0, first: day, last: day };
        let kept = self.0.entry(destination).or_insert(fresh);
        let before = *kept;
        kept.sources |= 1 << (source.wrapping_mul(0x9E37_79B1) >> 26);
        kept.last = kept.last.max(day);
        // Who is new has no source yet, so that it differs from itself before.
        self.2 &= *kept == before;
        Known { sources: kept.sources.count_ones(), age_days: day.saturating_sub(kept.first) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_news_is_to_be_saved() {
        let mut all = Destinations::default();
        all.take(7, 1, 100);
        assert!(!all.set_saved(true));
        all.take(7, 1, 100);
        assert!(all.set_saved(true), "the same again is no news");
        for (destination, source, day) in [(7, 2, 100), (7, 1, 101), (8, 1, 101)] {
            all.take(destination, source, day);
            assert!(!all.set_saved(true), "{destination} {source} {day}");
        }
    }

    #[test]
    fn counts_sources_and_age() {
        let mut all = Destinations::default();
        assert_eq!(all.take(7, 1, 100), Known { sources: 1, age_days: 0 });
        assert_eq!(all.take(7, 1, 103), Known { sources: 1, age_days: 3 });
        for source in 2..60 {
            all.take(7, source, 103);
        }
        assert!(all.take(7, 1, 103).sources > 20);
    }

    #[test]
    fn a_full_table_lets_the_idle_go_and_then_knows_everything() {
        let mut all = Destinations::default();
        for n in 0..DESTINATIONS_MAX as u32 {
            all.take(n, 1, 100);
        }
        assert_eq!(all.take(u32::MAX, 1, 101).sources, u64::BITS);
        assert_eq!(all.take(u32::MAX, 1, 114), Known { sources: 1, age_days: 0 });
        assert_eq!(all.0.len(), 1);
    }
}
