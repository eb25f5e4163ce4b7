//! One subject looked up by many officers of different units.

use serde::{Deserialize, Serialize};

use super::journaled::Journaled;
use super::tail::ln_at_least;
use super::tally::Tally;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Subject {
    pub tag: u32,
    /// Day it was first read on, and the last.
    pub born: u16,
    pub day: u16,
    /// Looked at next when so many have read it.
    pub judged_at: u16,
    pub today: Crowd,
    pub yesterday: Crowd,
    /// Decayed sums of the readers and breadth of days before yesterday, a tenth of each.
    pub usual_readers: f32,
    pub usual_breadth: f32,
    /// By readers, and by breadth.
    pub scores: [f32; 2],
}

/// Who read a subject on a day, each as one of 64 bits: accounts, and the groups (role and unit)
/// they belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crowd {
    pub readers: u64,
    pub groups: u64,
}

/// An account that reads, and its role and unit as one mark; 0 where they are not known.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    pub account: u32,
    pub group: u32,
}

/// What one more reader says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FanInHit {
    /// Bits set by the readers: with subject and day it names what was found, whoever was last.
    pub bits: u32,
    pub readers: f32,
    pub groups: f32,
    pub usual: f32,
}

/// Readers by subject over today and yesterday, in a table of fixed size.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FanIn {
    pub(super) subjects: Journaled<Subject>,
    /// By readers, and by breadth: where all are of one unit or two, only readers can stand out, and
    /// where a site reads the same, only breadth.
    pub tallies: [Tally; 2],
}

/// Subjects that may share a place; the least read of them makes room.
const WAYS: usize = 4;
/// A subject worth more keeps its place.
const WORTH_KEPT: u32 = 9;
/// What a day keeps of the days before.
const DAY_KEEP: f32 = 0.9;
/// Readers without whom nothing is looked at.
const READERS_MIN: f32 = 5.0;
/// Readers and breadth of two days of a subject nobody is known to read: a site's new ones are read
/// by a few.
const UNKNOWN: [f32; 2] = [0.4, 2.0];
/// Days on which nobody read it, behind those known of a subject: that its first readers came on one day
/// does not say that as many are usual.
const UNREAD_DAYS: f32 = 2.0;
/// Dispersion of each among subjects of the same usual.
const SIZES: [f64; 2] = [1.5, 10.0];
/// The least that is told of by each, in decades.
const LEAST: [f32; 2] = [4.0, 3.0];
/// Alerts a day, per unit of budget and 1,000 actors. Beside the lanes' budget.
const ALLOWED: f64 = 0.03;

/// Readers that set so many of 64 bits. Source: linear counting, Whang et al.
fn count(bits: u64) -> f32 {
    let free = bits.count_zeros().max(1) as f32;
    -64.0 * (free / 64.0).ln()
}

/// Which of 64 bits a mark sets.
fn bit(mark: u32) -> u64 {
    1 << (mark.wrapping_mul(0x9E37_79B9) >> 26)
}

impl Crowd {
    fn add(&mut self, reader: Reader) {
        self.readers |= bit(reader.account);
        // Of whom no more is known stands for itself.
        self.groups |= bit(if reader.group == 0 { reader.account } else { reader.group });
    }

    fn with(self, other: Self) -> Self {
        Self { readers: self.readers | other.readers, groups: self.groups | other.groups }
    }

    fn ones(self) -> u32 {
        self.readers.count_ones()
    }

    fn readers(self) -> f32 {
        count(self.readers)
    }

    fn groups(self) -> f32 {
        count(self.groups).min(self.readers())
    }

    /// A mean of readers and groups, groups counting three times. A site works on its own
    /// consignments and travelers, so that many of few units read the same; nobody's work brings all
    /// units together.
    fn breadth(self) -> f32 {
        (self.readers() * self.groups().powi(3)).sqrt().sqrt()
    }
}

impl FanIn {
    /// Reads where the subject would stand, noting nothing.
    pub fn glance(&self, subject: u64) -> u64 {
        let ways = self.first(subject)..self.first(subject) + WAYS;
        ways.filter_map(|place| self.subjects.get(place)).fold(0, |read, s| read ^ u64::from(s.tag))
    }

    /// The first of the subject's places.
    fn first(&self, subject: u64) -> usize {
        subject as usize & self.subjects.len().wrapping_sub(1) & !(WAYS - 1)
    }

    /// An officer's first read of a subject today, unexplained; told where the subject is above the
    /// threshold.
    pub fn take(
        &mut self,
        subject: u64,
        reader: Reader,
        day: u16,
        subjects_max: usize,
    ) -> Option<FanInHit> {
        if self.subjects.is_empty() {
            let places = subjects_max.next_power_of_two().max(WAYS);
            self.subjects = vec![Subject::default(); places].into();
        }
        let first = self.first(subject);
        let tag = (subject >> 32) as u32 | 1;
        let ways = first..first + WAYS;
        if ways.end > self.subjects.len() {
            return None;
        }
        let entry_at = |place: usize| self.subjects[place];
        let place = match ways.clone().find(|&place| entry_at(place).tag == tag) {
            Some(place) => {
                // Most look at what they have looked at before.
                if !entry_at(place).is_changed_by(reader, day) {
                    return None;
                }
                place
            }
            None => {
                let worth = |&place: &usize| entry_at(place).worth(day);
                let least = ways.min_by_key(worth)?;
                if worth(&least) > WORTH_KEPT {
                    return None;
                }
                *self.subjects.at_mut(least) =
                    Subject { tag, born: day, day, ..Subject::default() };
                least
            }
        };
        let entry = self.subjects.at_mut(place);
        if day > entry.day {
            entry.roll(day);
        }
        let known = entry.today.with(entry.yesterday);
        entry.crowd_of(day).add(reader);
        let crowd = entry.today.with(entry.yesterday);
        if crowd.readers == known.readers {
            return None;
        }
        // So few bits are fewer readers still, and that is most subjects.
        if crowd.readers.count_ones() < READERS_MIN as u32 {
            return None;
        }
        let readers = crowd.readers();
        // Once a subject is told of, so is each further account.
        let mut scored = entry.scores.iter().zip(&self.tallies);
        let is_told = scored.any(|(score, tally)| *score >= tally.threshold());
        if readers < READERS_MIN || !(is_told || readers >= f32::from(entry.judged_at)) {
            return None;
        }
        entry.judged_at = (readers * 1.1) as u16 + 1;
        let seen = [readers, crowd.breadth()];
        let usual = [entry.usual_readers, entry.usual_breadth];
        let mut above = false;
        for (n, tally) in self.tallies.iter_mut().enumerate() {
            let mu = f64::from(UNKNOWN[n] + 2.0 * entry.an_ordinary_day(usual[n]));
            let ln_tail = ln_at_least(f64::from(seen[n]), mu, SIZES[n]);
            let score = entry.scores[n].max((-ln_tail / std::f64::consts::LN_10) as f32);
            above |= tally.rise(entry.scores[n], score);
            entry.scores[n] = score;
        }
        above.then(|| FanInHit {
            bits: crowd.ones() | crowd.groups.count_ones() << 8,
            readers,
            groups: crowd.groups(),
            usual: 2.0 * entry.an_ordinary_day(entry.usual_readers),
        })
    }

    /// A day ends for one of so many `shards` that share the subjects.
    pub fn turn(&mut self, budget: f64, actors_a_day: f32, shards: u32) {
        let allowed = ALLOWED * budget * f64::from(actors_a_day.max(100.0)) / 1_000.0;
        let each = (allowed / self.tallies.len() as f64 / f64::from(shards.max(1))) as f32;
        for (tally, least) in self.tallies.iter_mut().zip(LEAST) {
            tally.turn(each, least);
        }
    }
}

impl Subject {
    /// Those who read on the day: it may have come from where the day has not turned yet.
    fn crowd_of(&mut self, day: u16) -> &mut Crowd {
        if self.day.checked_sub(1) == Some(day) { &mut self.yesterday } else { &mut self.today }
    }

    /// False where one more read changes nothing.
    fn is_changed_by(mut self, reader: Reader, day: u16) -> bool {
        if day.saturating_add(1) < self.day {
            return false;
        }
        let before = *self.crowd_of(day);
        self.crowd_of(day).add(reader);
        day > self.day || *self.crowd_of(day) != before
    }

    /// How much would be lost with it: readers of the last days, idle ones first.
    fn worth(&self, day: u16) -> u32 {
        match day.saturating_sub(self.day) {
            _ if self.tag == 0 => 0,
            0 => 1 + 2 * self.today.with(self.yesterday).ones(),
            1 => 2 * self.today.ones(),
            _ => 1,
        }
    }

    /// What a decayed sum comes to on an ordinary day: the mean of the days from when it was first read to
    /// the day before yesterday, and of [`UNREAD_DAYS`]. Whom it is held against is no part of what is usual.
    fn an_ordinary_day(&self, sum: f32) -> f32 {
        let days = i32::from(self.day.saturating_sub(self.born)).min(60) - 1;
        let known = (1.0 - DAY_KEEP.powi(days.max(0))) / (1.0 - DAY_KEEP);
        sum / (1.0 - DAY_KEEP) / (known + UNREAD_DAYS)
    }

    fn roll(&mut self, day: u16) {
        let gone = day.saturating_sub(self.day);
        if gone == 0 {
            return;
        }
        // Yesterday is past now; so is today, where more than a day has gone.
        let keep = DAY_KEEP.powi(i32::from(gone.min(60)) - 1);
        let past = |sum: f32, of: fn(Crowd) -> f32| {
            let today = if gone == 1 { 0.0 } else { of(self.today) / DAY_KEEP };
            keep * (DAY_KEEP * sum + (1.0 - DAY_KEEP) * (of(self.yesterday) + today))
        };
        let usual =
            (past(self.usual_readers, Crowd::readers), past(self.usual_breadth, Crowd::breadth));
        (self.usual_readers, self.usual_breadth) = usual;
        self.yesterday = if gone == 1 { self.today } else { Crowd::default() };
        self.today = Crowd::default();
        self.day = day;
        self.scores = [0.0; 2];
        self.judged_at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
    }

    fn unknown(account: u32) -> Reader {
        Reader { account, group: 0 }
    }

    #[test]
    fn a_crowd_of_subjects_does_not_push_out_one_that_several_looked_up() {
        let mut fan_in = FanIn::default();
        for day in 1..=8 {
            (0..3_000).for_each(|n| {
                let _ = fan_in.take(hash(day * 10_000 + n), unknown(1), day as u16, 4_096);
            });
            fan_in.turn(5.0, 1_000.0, 1);
        }
        let mut told = 0;
        for reader in 0..25_u32 {
            told += usize::from(fan_in.take(hash(7), unknown(reader), 9, 4_096).is_some());
            let from = 500_000 + u64::from(reader) * 120;
            (from..from + 120).for_each(|n| {
                let _ = fan_in.take(hash(n), unknown(1), 9, 4_096);
            });
        }
        assert!(told >= 3, "{told}");
    }

    #[test]
    fn twenty_five_readers_of_one_subject_stand_out_of_pairs() {
        let mut fan_in = FanIn::default();
        for day in 1..=10 {
            for subject in 0..2_000_u64 {
                for reader in 0..2 {
                    let reader = unknown((subject as u32 * 7 + reader) % 97);
                    assert_eq!(fan_in.take(hash(subject), reader, day, 4_096), None);
                }
            }
            fan_in.turn(5.0, 1_000.0, 1);
        }
        let of_day_11 = |reader| fan_in.take(u64::MAX / 3, unknown(reader), 11, 4_096);
        assert!((0..25).filter_map(of_day_11).count() >= 3);
    }

    #[test]
    fn twenty_five_readers_in_three_days_stand_out_as_in_one() {
        let mut fan_in = FanIn::default();
        for day in 1..=10 {
            for subject in 0..2_000_u64 {
                let _ = fan_in.take(hash(subject), unknown(subject as u32 % 97), day, 4_096);
            }
            fan_in.turn(5.0, 1_000.0, 1);
        }
        let on_day = |day: u16, of: &mut FanIn| {
            let readers = u32::from(day - 11) * 8..u32::from(day - 10) * 8;
            let told =
                readers.filter_map(|n| of.take(u64::MAX / 3, unknown(1_000 + n), day, 4_096));
            let told = told.count();
            of.turn(5.0, 1_000.0, 1);
            told
        };
        let _ = on_day(11, &mut fan_in);
        assert!(on_day(12, &mut fan_in) >= 3, "the first eight do not say that eight are usual");
        // Whom eight look up each day is looked up by eight.
        for day in 13..=24 {
            let _ = on_day(day, &mut fan_in);
        }
        assert_eq!((25..=28).map(|day| on_day(day, &mut fan_in)).sum::<usize>(), 0);
    }

    #[test]
    fn twenty_five_of_all_units_stand_out_where_whole_sites_read_the_same() {
        // Ten sites of forty in three units: each day most of a site read its own few new subjects.
        let mut fan_in = FanIn::default();
        for day in 1..=12_u16 {
            for site in 0..10_u32 {
                for subject in 0..3 {
                    let subject = hash(u64::from(day) * 1_000 + u64::from(site) * 10 + subject);
                    for n in 0..30 {
                        let reader = Reader { account: site * 40 + n, group: 1 + site * 3 + n % 3 };
                        let _ = fan_in.take(subject, reader, day, 4_096);
                    }
                }
            }
            fan_in.turn(5.0, 1_000.0, 1);
        }
        let everywhere = |n| Reader { account: n * 16, group: 1 + n * 16 / 40 * 3 + n % 3 };
        let one_unit = |n| Reader { account: n, group: 1 };
        let mut told = |subject, who: fn(u32) -> Reader| {
            (0..25).filter_map(|n| fan_in.take(hash(subject), who(n), 13, 4_096)).count()
        };
        assert!(told(77, everywhere) >= 3);
        assert_eq!(told(78, one_unit), 0);
    }
}
