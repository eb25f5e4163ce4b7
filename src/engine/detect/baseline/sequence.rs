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
/// What each id of one walk says, in nats, whatever was read between.
const RUN_NATS: f32 = 1.5;
/// What one shift adds to the CUSUM at most, and what each takes from it.
const SCORE_CARRIED_MAX: f32 = 7.0;
const DRIFT: f32 = 3.0;
/// Walks begun at which the others are worn.
const WORN_EVERY: u8 = 4;
const EVIDENCE_MAX: f32 = 5_000.0;
/// Evidence that says nothing, in nats.
const NOISE: f32 = 5.0;
/// Shifts of the role behind an actor's own.
const ROLE_SHIFTS: f32 = 3.0;
const SHIFTS_MAX: f32 = 12.0;
/// An honest shift teaches no more than this, so that one long walk is not the usual.
const TAUGHT_MAX: f32 = 300.0;

/// Two CUSUMs of the log-likelihood ratio against the actor's own hit rate `q`: of a walker
/// (`0.9`), and of somebody who walks among honest work (`3q`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    fresh: [Place; FRESH],
    walked: [Place; WALKED],
    /// Ids that continued each of the walked, worn by those that made no room.
    runs: [u16; WALKED],
    next_fresh: u8,
    begun: u8,
    fast: f32,
    gentle: f32,
    hits: f32,
    reads: f32,
    shift_hits: f32,
    shift_reads: f32,
    /// Most evidence of this shift, and what is usual, in nats.
    highest: f32,
    usual: f32,
    shifts: f32,
    /// The shift's highest score, and the CUSUM of those before.
    score: f32,
    carried: f32,
    /// Ids that continued another since the evidence was last zero.
    pub run: u32,
}

impl Sequence {
    /// Share of ids that ordinarily follow on another.
    pub fn hit_rate(&self) -> f32 {
        let rate = (self.hits + PRIOR.0) / (self.reads + PRIOR.1);
        rate.clamp(HIT_RATE_RANGE.0, HIT_RATE_RANGE.1)
    }

    /// Takes an id; the score so far, `None` where the id says nothing new. Lists are walked by
    /// honest people too: what counts is the evidence over what is usual, so the score doubles
    /// with its square. `role_usual` gives the role's usual, in nats.
    pub fn take(&mut self, place: Place, role_usual: impl FnOnce() -> f32) -> Option<f32> {
        let hit = self.walk(place)?;
        let q = self.hit_rate();
        let ratio = |p: f32| if hit { (p / q).ln() } else { ((1.0 - p) / (1.0 - q)).ln() };
        // A miss takes off more than a nat of the one and something of the other, whatever the
        // actor's share, so that of nearly every read no logarithm is asked.
        let fast_ends = !hit && self.fast <= 1.0;
        let gentle_ends = !hit && self.gentle == 0.0;
        self.fast = match fast_ends {
            true => 0.0,
            false => (self.fast + ratio(WALKER_HIT_RATE)).clamp(0.0, EVIDENCE_MAX),
        };
        self.gentle = match gentle_ends {
            true => 0.0,
            false => (self.gentle + ratio((3.0 * q).min(0.95))).clamp(0.0, EVIDENCE_MAX),
        };
        if self.fast == 0.0 && self.gentle == 0.0 {
            self.run = 0;
        } else {
            self.run += u32::from(hit);
        }
        self.shift_hits += f32::from(u8::from(hit));
        self.shift_reads += 1.0;
        // One walk that goes on between other work, across hours and days.
        let longest = self.runs.into_iter().max().unwrap_or(0);
        let evidence = self.fast.max(self.gentle).max(f32::from(longest) * RUN_NATS);
        self.highest = self.highest.max(evidence);
        let score = if evidence > 0.0 {
            let usual = (self.shifts * self.usual + ROLE_SHIFTS * role_usual())
                / (self.shifts + ROLE_SHIFTS);
            3.0 * (1.0 + evidence / (NOISE + 2.0 * usual)).log2()
        } else {
            0.0
        };
        self.score = self.score.max(score);
        // A few ids a day, day after day: what the days before left adds up.
        Some(score.max(self.carried + score.min(SCORE_CARRIED_MAX) - DRIFT))
    }

    /// A shift ends: what it showed becomes the usual, its evidence fades. What it teaches the
    /// role, in nats.
    pub fn end_shift(&mut self, weight: f32) -> f32 {
        let taught = self.highest.min(TAUGHT_MAX.max(2.0 * self.usual));
        self.shifts = (self.shifts + 1.0).min(SHIFTS_MAX);
        self.usual += weight / self.shifts * (taught - self.usual);
        let keep = if self.reads > MEMORY { 0.9 } else { 1.0 };
        self.hits = self.hits * keep + weight * self.shift_hits;
        self.reads = self.reads * keep + weight * self.shift_reads;
        (self.shift_hits, self.shift_reads) = (0.0, 0.0);
        self.fast = (self.fast * 0.5).min(20.0);
        self.gentle = (self.gentle * 0.7).min(40.0);
        self.runs.iter_mut().for_each(|run| *run /= 2);
        self.carried = (self.carried + self.score.min(SCORE_CARRIED_MAX) - DRIFT).clamp(0.0, 12.0);
        self.score = 0.0;
        self.highest = 0.0;
        taught
    }

    /// The shift is not to be learned from, nor to be held against the next ones.
    pub fn pass(&mut self) {
        (self.shift_hits, self.shift_reads) = (0.0, 0.0);
        (self.fast, self.gentle, self.run) = (0.0, 0.0, 0);
        self.runs = [0; WALKED];
        (self.score, self.highest) = (0.0, 0.0);
    }

    /// Whether the id continues a frontier; `None` where it is one.
    fn walk(&mut self, place: Place) -> Option<bool> {
        let near = |f: &Place| f.prefix == place.prefix && f.number.abs_diff(place.number) <= 2;
        if let Some(i) = self.walked.iter().position(near) {
            if self.walked[i] == place {
                return None;
            }
            self.walked[i] = place;
            self.runs[i] = self.runs[i].saturating_add(1);
            return Some(true);
        }
        if let Some(i) = self.fresh.iter().position(near) {
            if self.fresh[i] == place {
                return None;
            }
            self.fresh[i] = Place::default();
            self.begin_walk(place);
            return Some(true);
        }
        self.fresh[usize::from(self.next_fresh)] = place;
        self.next_fresh = (self.next_fresh + 1) % FRESH as u8;
        Some(false)
    }

    /// The shortest walk makes room; the others are worn a little, so that none stays for ever.
    fn begin_walk(&mut self, place: Place) {
        let shortest = (0..WALKED).min_by_key(|&i| self.runs[i]).unwrap_or(0);
        self.walked[shortest] = place;
        self.runs[shortest] = 1;
        self.begun = self.begun.wrapping_add(1);
        if self.begun.is_multiple_of(WORN_EVERY) {
            self.runs.iter_mut().for_each(|run| *run = run.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(i: u64) -> u64 {
        i.wrapping_mul(2_654_435_761) % 9_000_000
    }

    /// The highest score over the ids after an honest thousand.
    fn highest(ids: impl Iterator<Item = u64>) -> f32 {
        let mut sequence =
            Sequence { shifts: 5.0, hits: 10.0, reads: 900.0, ..Sequence::default() };
        let mut take = |id: u64| {
            let place = place_of(&format!("PNR-{id}")).expect("has a number");
            sequence.take(place, || 1.0).unwrap_or(0.0)
        };
        (0..1_000).for_each(|i| {
            let _ = take(random(i));
        });
        ids.map(take).fold(0.0, f32::max)
    }

    #[test]
    fn a_walk_shows_within_ten_ids_up_down_and_in_twos() {
        assert!(highest(1_000..1_012) > 6.0);
        assert!(highest((1_000..1_012).rev()) > 6.0);
        assert!(highest((1_000..1_024).step_by(2)) > 6.0);
    }

    #[test]
    fn a_walk_among_three_times_as_much_honest_work_shows_in_a_day() {
        let mixed = (0..240).map(|i| if i % 4 == 0 { 50_000 + i / 4 } else { random(i + 5_000) });
        assert!(highest(mixed) > 6.0);
    }

    #[test]
    fn random_ids_show_nothing() {
        assert!(highest((0..20_000).map(|i| random(i + 77_777))) < 4.0);
    }

    #[test]
    fn an_id_without_a_number_has_no_place() {
        assert!(place_of("PNR-ABC").is_none() && place_of("").is_none());
        assert!(place_of("99999999999999999999999999999").is_some());
    }
}
