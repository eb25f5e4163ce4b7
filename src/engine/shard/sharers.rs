//! Which source addresses many actors come from, as it was on earlier days: gateways, proxies and
//! terminal servers, known before anything is found there.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::engine::model::EventTime;

/// Pairs of an actor and an address noted of a day; one that sees more has begun another.
const PAIRS_MAX: usize = 65_536;
/// Pairs in one saved part.
const PART: usize = 2_048;
const DAY_MS: i64 = 86_400_000;

/// Pairs of two days: the one under way, and the last before it on which anything was read. Only
/// the latter tells: an address that an intruder uses with several accounts is shared today, and
/// was not before.
///
/// Actors and addresses are hashes under a seed that nobody outside knows, 32 bits each; a
/// collision counts one actor less, or one more at an address of some 65,000.
#[derive(Default)]
pub struct Sharers {
    current: Day,
    previous: Day,
}

#[derive(Default)]
struct Day {
    /// The day since the epoch, and how many times it was begun anew: grows from one to the next.
    number: u64,
    /// Of two places to be saved in, in turn.
    place: u8,
    pairs: HashSet<u64, FixedState>,
    /// The pairs in the order they came, for saving in parts.
    order: Vec<u64>,
    /// How many of them have been saved for good.
    saved: usize,
}

/// A part of a day, as it is saved: the last one grows until it is full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharersPart {
    pub number: u64,
    pub place: u8,
    pub part: u32,
    pub pairs: Vec<u64>,
}

/// How much of the days a save has handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharersSaving([(u64, usize); 2]);

impl Sharers {
    /// Notes that `actor` was let in from `ip` at `now`, the shard's own time.
    pub fn note(&mut self, actor: &str, ip: &str, now: EventTime, seed: u64) {
        let day = u64::try_from(now.millis().div_euclid(DAY_MS)).unwrap_or(0);
        if day > self.current.number >> 8 {
            self.turn(day << 8);
        } else if self.current.order.len() >= PAIRS_MAX {
            self.turn(self.current.number + 1);
        }
        let pair = half(ip, seed) << 32 | half(actor, seed);
        if self.current.pairs.insert(pair) {
            self.current.order.push(pair);
        }
    }

    fn turn(&mut self, number: u64) {
        let place = 1 - self.current.place.min(1);
        if self.current.order.is_empty() {
            self.current.number = number;
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.pairs.clear();
        self.current.order.clear();
        (self.current.number, self.current.place, self.current.saved) = (number, place, 0);
    }

    /// Actors that came from the address on the last day before this one. Walks all of that day:
    /// for what is found, not for what is read.
    pub fn actors(&self, ip: &str, seed: u64) -> u32 {
        let ip = half(ip, seed);
        let count = self.previous.order.iter().filter(|&&pair| pair >> 32 == ip).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Hands out the parts that have grown since the last save that arrived.
    pub fn save(&self, mut put: impl FnMut(SharersPart)) -> SharersSaving {
        let days = [&self.previous, &self.current];
        for day in days {
            let parts = day.order.chunks(PART).zip(0..);
            for (pairs, part) in parts.skip(day.saved / PART) {
                if day.saved < day.order.len() {
                    let (number, place) = (day.number, day.place);
                    put(SharersPart { number, place, part, pairs: pairs.to_vec() });
                }
            }
        }
        SharersSaving(days.map(|day| (day.number, day.order.len())))
    }

    /// That save has arrived.
    pub fn saved(&mut self, saving: SharersSaving) {
        for (number, length) in saving.0 {
            for day in [&mut self.previous, &mut self.current] {
                if day.number == number {
                    day.saved = day.saved.max(length);
                }
            }
        }
    }

    /// Takes parts back. Of each place only the newest day counts; parts beyond its end are of an
    /// earlier, longer one.
    pub fn restore(&mut self, mut parts: Vec<SharersPart>) {
        parts.sort_unstable_by_key(|part| (part.number, part.part));
        let newest = |place: u8| {
            let of = parts.iter().filter(|part| part.place == place);
            of.map(|part| part.number).max()
        };
        let mut days = [newest(0), newest(1)].into_iter().zip(0_u8..).filter_map(|(n, place)| {
            let number = n?;
            let own = parts.iter().filter(|part| part.place == place && part.number == number);
            let order: Vec<u64> = own.flat_map(|part| &part.pairs).copied().collect();
            let pairs = order.iter().copied().collect();
            Some(Day { number, place, pairs, saved: order.len(), order })
        });
        let (first, second) = (days.next(), days.next());
        let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
        (self.previous, self.current) =
            if first.number <= second.number { (first, second) } else { (second, first) };
    }

    pub fn bytes(&self) -> usize {
        let of = |day: &Day| day.pairs.capacity() * 9 + day.order.capacity() * size_of::<u64>();
        of(&self.current) + of(&self.previous)
    }
}

fn half(name: &str, seed: u64) -> u64 {
    FixedState::with_seed(seed).hash_one(name) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn at(day: i64) -> EventTime {
        EventTime::from_millis(1_772_400_000_000 + day * DAY_MS).expect("a time")
    }

    fn note(sharers: &mut Sharers, actors: usize, ip: &str, day: i64) {
        for actor in 0..actors {
            sharers.note(&format!("off-{actor}"), ip, at(day), SEED);
        }
    }

    #[test]
    fn an_address_is_known_by_those_of_an_earlier_day() {
        let mut sharers = Sharers::default();
        for _ in 0..3 {
            note(&mut sharers, 5, "10.0.0.1", 0);
            note(&mut sharers, 1, "10.0.0.2", 0);
        }
        assert_eq!(sharers.actors("10.0.0.1", SEED), 0, "nothing is known of a first day");
        // Over a weekend; and an intruder with six accounts.
        note(&mut sharers, 6, "198.51.100.7", 3);
        let of = |ip: &str| sharers.actors(ip, SEED);
        assert_eq!([of("10.0.0.1"), of("10.0.0.2"), of("198.51.100.7")], [5, 1, 0]);
    }

    #[test]
    fn a_day_of_very_many_begins_another() {
        let mut sharers = Sharers::default();
        note(&mut sharers, 9, "10.0.0.1", 0);
        note(&mut sharers, PAIRS_MAX, "10.0.0.2", 0);
        assert_eq!(sharers.actors("10.0.0.1", SEED), 9);
        assert!(sharers.bytes() < 8 << 20, "{}", sharers.bytes());
    }

    /// Some saves come to nothing; what is taken back knows the same.
    #[test]
    fn what_is_taken_back_knows_what_was_saved() {
        let mut sharers = Sharers::default();
        let mut kept = std::collections::BTreeMap::new();
        for day in 0..5 {
            // Days grow shorter, so that parts of longer ones are left behind.
            for ip in 0..40 {
                note(&mut sharers, 200 - 40 * day as usize, &format!("10.0.0.{ip}"), day);
                let mut parts = Vec::new();
                let saving = sharers.save(|part| parts.push(part));
                if ip % 3 != 0 {
                    kept.extend(parts.into_iter().map(|part| ((part.place, part.part), part)));
                    sharers.saved(saving);
                }
            }
            let mut parts = Vec::new();
            let saving = sharers.save(|part| parts.push(part));
            kept.extend(parts.into_iter().map(|part| ((part.place, part.part), part)));
            sharers.saved(saving);
            let mut restored = Sharers::default();
            restored.restore(kept.values().cloned().collect());
            assert_eq!(restored.current.order, sharers.current.order, "day {day}");
            assert_eq!(restored.previous.order, sharers.previous.order, "day {day}");
            assert_eq!(restored.current.number, sharers.current.number);
            let mut none = 0;
            restored.save(|_| none += 1);
            assert_eq!(none, 0, "saved twice");
        }
    }
}
