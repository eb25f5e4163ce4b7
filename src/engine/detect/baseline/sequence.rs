//! Record ids read one after the other, fast or a few a day.

use serde::{Deserialize, Serialize};

use super::mark::mark;

/// An id as its place: what comes before the trailing number, and the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub prefix: u32,
    pub number: u32,
}

/// `PNR-8842013` → its place; `None` for an id without a number. Of a longer number the last
/// digits count.
pub fn place_of(record: &str) -> Option<Place> {
    let digits = record.bytes().rev().take_while(u8::is_ascii_digit).count().min(18);
    if digits == 0 {
        return None;
    }
    let (before, number) = record.split_at(record.len() - digits);
    let number: u64 = number.parse().ok()?;
    let high = (number >> 32) as u32;
    Some(Place { prefix: mark(before) ^ high.wrapping_mul(0x9E37_79B9), number: number as u32 })
}

/// Places an actor may be walking on from: those of its last reads, and those that were walked.
const FRESH: usize = 5;
const WALKED: usize = 3;
/// A walker's share of ids that continue another. Source: DETECTORS section 5.
const WALKER_HIT_RATE: f32 = 0.9;
/// An honest share before anything is known of the actor.
const PRIOR: (f32, f32) = (1.0, 25.0);
/// Kept within these, so that neither arm of the ratio runs away.
const HIT_RATE_RANGE: (f32, f32) = (0.01, 0.7);
/// Reads over which the honest share is remembered.
const MEMORY: f32 = 1_000.0;
/// Evidence beyond which what is seen does not teach what is honest, in nats.
const SUSPECT: f32 = 6.0;
const EVIDENCE_MAX: f32 = 80.0;

/// Two CUSUMs of the log-likelihood ratio against the actor's own hit rate `q`: of a walker
/// (`0.9`), and of somebody who walks among honest work (`3q`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    fresh: [Place; FRESH],
    walked: [Place; WALKED],
    next_fresh: u8,
    fast: f32,
    gentle: f32,
    hits: f32,
    reads: f32,
    /// Ids that continued another since the evidence was last zero.
    pub run: u32,
}

impl Sequence {
    /// Share of ids that ordinarily follow on another.
    pub fn hit_rate(&self) -> f32 {
        let rate = (self.hits + PRIOR.0) / (self.reads + PRIOR.1);
        rate.clamp(HIT_RATE_RANGE.0, HIT_RATE_RANGE.1)
    }

    /// Takes an id; the evidence so far in decades, `None` where the id says nothing new.
    pub fn take(&mut self, place: Place) -> Option<f32> {
        let hit = self.walk(place)?;
        let q = self.hit_rate();
        let ratio = |p: f32| if hit { (p / q).ln() } else { ((1.0 - p) / (1.0 - q)).ln() };
        self.fast = (self.fast + ratio(WALKER_HIT_RATE)).clamp(0.0, EVIDENCE_MAX);
        self.gentle = (self.gentle + ratio((3.0 * q).min(0.95))).clamp(0.0, EVIDENCE_MAX);
        if self.fast == 0.0 && self.gentle == 0.0 {
            self.run = 0;
        } else {
            self.run += u32::from(hit);
        }
        if self.fast.max(self.gentle) < SUSPECT {
            let keep = if self.reads >= MEMORY { 1.0 - 1.0 / MEMORY } else { 1.0 };
            self.hits = self.hits * keep + f32::from(u8::from(hit));
            self.reads = self.reads * keep + 1.0;
        }
        Some(self.fast.max(self.gentle) / std::f32::consts::LN_10)
    }

    /// Evidence fades overnight, so that what an honest day left behind does not add up.
    pub fn fade(&mut self) {
        self.fast *= 0.5;
        self.gentle *= 0.7;
    }

    /// Whether the id continues a frontier; `None` where it is one.
    fn walk(&mut self, place: Place) -> Option<bool> {
        let near = |f: &Place| f.prefix == place.prefix && f.number.abs_diff(place.number) <= 2;
        if let Some(i) = self.walked.iter().position(near) {
            if self.walked[i] == place {
                return None;
            }
            // Last walked first: the one idle longest makes room.
            self.walked[..=i].rotate_right(1);
            self.walked[0] = place;
            return Some(true);
        }
        if let Some(i) = self.fresh.iter().position(near) {
            if self.fresh[i] == place {
                return None;
            }
            self.fresh[i] = Place::default();
            self.walked.rotate_right(1);
            self.walked[0] = place;
            return Some(true);
        }
        self.fresh[usize::from(self.next_fresh)] = place;
        self.next_fresh = (self.next_fresh + 1) % FRESH as u8;
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(i: u64) -> u64 {
        i.wrapping_mul(2_654_435_761) % 9_000_000
    }

    /// The highest evidence over the ids after an honest thousand, in decades.
    fn highest(ids: impl Iterator<Item = u64>) -> f32 {
        let mut sequence = Sequence::default();
        let mut take = |id: u64| {
            let place = place_of(&format!("PNR-{id}")).expect("has a number");
            sequence.take(place).unwrap_or(0.0)
        };
        (0..1_000).for_each(|i| drop(take(random(i))));
        ids.map(take).fold(0.0, f32::max)
    }

    #[test]
    fn a_walk_shows_within_ten_ids_up_down_and_in_twos() {
        assert!(highest(1_000..1_010) > 8.0);
        assert!(highest((1_000..1_010).rev()) > 8.0);
        assert!(highest((1_000..1_020).step_by(2)) > 8.0);
    }

    #[test]
    fn a_walk_among_three_times_as_much_honest_work_shows_in_a_day() {
        let mixed = (0..240).map(|i| if i % 4 == 0 { 50_000 + i / 4 } else { random(i + 5_000) });
        assert!(highest(mixed) > 8.0);
    }

    #[test]
    fn random_ids_show_nothing() {
        assert!(highest((0..20_000).map(|i| random(i + 77_777))) < 2.5);
    }

    #[test]
    fn an_id_without_a_number_has_no_place() {
        assert!(place_of("PNR-ABC").is_none() && place_of("").is_none());
        assert!(place_of("99999999999999999999999999999").is_some());
    }
}
