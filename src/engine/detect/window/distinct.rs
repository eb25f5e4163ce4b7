//! Which subjects an actor has seen lately: exact while few, a fair sample when many.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

/// Subjects kept at most. Beyond it, only a share of the subjects is kept, chosen by hash.
///
/// The estimate `kept × 2^level` then rests on 1,536 to 3,072 subjects: relative standard error
/// at most 1 / sqrt(1,536), 2.6%. Source: P. Flajolet, "On adaptive sampling", Computing 43 (1990).
const KEPT_MAX: usize = 3_072;
/// Places there are for so many: a table found by hash is at most three quarters full.
const PLACES_MAX: usize = 4_096;
/// So many places are filled one after the other and looked through; of more, the hash tells which.
const LISTED_MAX: usize = 64;
/// Tags compared at a time.
const ABREAST: usize = 16;
/// Room before the first time for others that come out of order.
const SLACK: u32 = 1 << 14;
const SHORT_MAX: u32 = u16::MAX as u32;

/// What a touch did, for whoever keeps counts by the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::detect) enum Touch {
    /// First seen now.
    Fresh,
    /// Last seen in an earlier minute.
    Moved { from: u32 },
    /// Nothing to count: same or an earlier minute, or outside the sample.
    Unchanged,
}

/// Subject hash → minute last seen. Most of a monitor's memory is made of these, so a subject takes
/// six bytes: a tag of 32 bits, and the time since `base` in 16, while all of them fit there.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    /// A tag for each place, then a time for each: two in a word, or one where they are `wide`. A
    /// place is free whose time is 0.
    words: Box<[u32]>,
    /// Before the first time.
    base: u32,
    length: u16,
    level: u8,
    wide: bool,
}

impl Distinct {
    /// Notes that the subject was seen at `minute` (from the epoch, above 0). Entries last seen
    /// before `horizon` may be forgotten. `dropped` is told the minute of every younger entry
    /// that leaves the sample.
    pub(in crate::engine::detect) fn touch(
        &mut self,
        hash: u64,
        minute: u32,
        horizon: u32,
        mut dropped: impl FnMut(u32),
    ) -> Touch {
        let tag = (hash >> 32) as u32;
        if !self.sampled(tag) {
            return Touch::Unchanged;
        }
        let mut found = self.find(tag);
        if self.len() >= KEPT_MAX || found.is_err() && self.len() >= held(self.places()) {
            self.make_room(minute, horizon, &mut dropped);
            if !self.sampled(tag) {
                return Touch::Unchanged;
            }
            found = self.find(tag);
        }
        let seen = found.map_or(0, |place| self.time(place));
        if seen >= minute {
            return Touch::Unchanged;
        }
        if !self.fits(minute) {
            self.refit(minute, horizon);
            found = self.find(tag);
        }
        let (Ok(place) | Err(place)) = found;
        self.set(place, tag, minute);
        self.length += u16::from(found.is_err());
        // What had fallen out of every window counts anew.
        if seen < horizon.max(1) { Touch::Fresh } else { Touch::Moved { from: seen } }
    }

    /// Moves every time by `by`; entries whose time would fall out of range are forgotten.
    pub(in crate::engine::detect) fn shift(&mut self, by: i64) {
        let moved = |(tag, minute): (u32, u32)| {
            let minute = u32::try_from(i64::from(minute).saturating_add(by)).ok()?;
            (minute > 0).then_some((tag, minute))
        };
        let entries: Entries = self.entries().filter_map(moved).collect();
        self.fill(&entries, None);
    }

    /// What one counted subject stands for.
    pub fn weight(&self) -> u64 {
        1 << self.level
    }

    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// See `ActorState::glance`: where the subject would stand.
    pub fn glance(&self, hash: u64) -> u64 {
        let places = self.places();
        let place = if places <= LISTED_MAX { 0 } else { home((hash >> 32) as u32, places) };
        let words = [self.words.get(place), self.words.get(places + place / 2)];
        words.into_iter().flatten().fold(0, |read, &word| read ^ u64::from(word))
    }

    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    fn sampled(&self, tag: u32) -> bool {
        tag.trailing_zeros() >= u32::from(self.level)
    }

    fn len(&self) -> usize {
        self.length.into()
    }

    fn places(&self) -> usize {
        if self.wide { self.words.len() / 2 } else { self.words.len() * 2 / 3 }
    }

    /// Where the tag stands, or would.
    fn find(&self, tag: u32) -> Result<usize, usize> {
        let places = self.places();
        let tags = &self.words[..places];
        if places <= LISTED_MAX {
            return position(&tags[..self.len()], tag).ok_or(self.len());
        }
        let mut place = home(tag, places);
        // The table is never full. A free place has no tag either, so that times are seldom asked.
        loop {
            let here = tags[place];
            if here == tag || here == 0 {
                match self.since(places, place) {
                    0 => return Err(place),
                    _ if here == tag => return Ok(place),
                    _ => {}
                }
            }
            place = if place + 1 == places { 0 } else { place + 1 };
        }
    }

    fn since(&self, places: usize, place: usize) -> u32 {
        if self.wide {
            self.words[places + place]
        } else {
            self.words[places + place / 2] >> (16 * (place % 2)) & SHORT_MAX
        }
    }

    fn time(&self, place: usize) -> u32 {
        self.base + self.since(self.places(), place)
    }

    fn fits(&self, minute: u32) -> bool {
        self.wide || minute > self.base && minute - self.base <= SHORT_MAX
    }

    /// Only where the time fits.
    fn set(&mut self, place: usize, tag: u32, minute: u32) {
        let (places, since) = (self.places(), minute - self.base);
        self.words[place] = tag;
        if self.wide {
            self.words[places + place] = since;
        } else {
            let (word, bits) = (&mut self.words[places + place / 2], 16 * (place % 2));
            *word = *word & !(SHORT_MAX << bits) | since << bits;
        }
    }

    /// Every tag with its minute.
    fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        let places = self.places();
        (0..places).filter_map(move |place| {
            let since = self.since(places, place);
            (since != 0).then(|| (self.words[place], self.base + since))
        })
    }

    fn make_room(&mut self, minute: u32, horizon: u32, dropped: &mut impl FnMut(u32)) {
        let mut entries: Entries = self.entries().filter(|entry| entry.1 >= horizon).collect();
        if entries.is_empty() {
            self.level = 0;
        }
        if entries.len() >= KEPT_MAX {
            self.level += 1;
            entries.retain(|entry| {
                let stays = self.sampled(entry.0);
                if !stays {
                    dropped(entry.1);
                }
                stays
            });
        }
        self.fill(&entries, Some(minute));
    }

    /// Makes the times fit beside `minute`.
    fn refit(&mut self, minute: u32, horizon: u32) {
        let entries: Entries = self.entries().filter(|entry| entry.1 >= horizon).collect();
        self.fill(&entries, Some(minute));
    }

    /// Puts the entries, and no others, where there is room for some more and `minute` fits.
    fn fill(&mut self, entries: &[(u32, u32)], minute: Option<u32>) {
        let places = match self.level {
            // What is found by hash takes longer to move, so it moves less often.
            0 if entries.len() < LISTED_MAX => places_for(entries.len() + entries.len() / 8 + 1),
            0 => places_for(entries.len() + entries.len() / 3),
            _ => PLACES_MAX,
        };
        let times = entries.iter().map(|entry| entry.1).chain(minute);
        let first = times.clone().min().unwrap_or(1);
        let last = times.max().unwrap_or(1);
        let bases = [first.saturating_sub(SLACK), first - 1];
        let base = bases.into_iter().find(|base| last - base <= SHORT_MAX);
        self.wide = base.is_none();
        self.base = base.unwrap_or(0);
        self.length = entries.len() as u16;
        let words = if self.wide { places * 2 } else { places / 2 * 3 };
        self.words = vec![0; words].into_boxed_slice();
        for (listed, &(tag, minute)) in entries.iter().enumerate() {
            let place = if places <= LISTED_MAX { Ok(listed) } else { self.find(tag) };
            let (Ok(place) | Err(place)) = place;
            self.set(place, tag, minute);
        }
    }
}

/// Tags with their minutes, on their way from one place to another.
type Entries = SmallVec<[(u32, u32); LISTED_MAX]>;

/// Stands where an earlier version said how many places a table had: minutes are told from the first.
const FROM_THE_FIRST: u32 = PLACES_MAX as u32 + 1;

/// Kept are the sample's level and the entries: tags, each with the minutes since the one before the
/// first, in as many bytes as the most of them takes. Nothing hangs on their order.
impl Serialize for Distinct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let minutes = self.entries().map(|entry| entry.1);
        let (first, last) = minutes.fold((u32::MAX, 0), |(a, b), at| (a.min(at), b.max(at)));
        let base = first.min(last.max(1)) - 1;
        let width = match last.saturating_sub(base) {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            _ => 4_u8,
        };
        let mut bytes = Vec::with_capacity(self.len() * 8);
        for (tag, minute) in self.entries() {
            bytes.extend_from_slice(&tag.to_le_bytes());
            bytes.extend_from_slice(&(minute - base).to_le_bytes()[..width.into()]);
        }
        (FROM_THE_FIRST, self.level, base, width, Stretch(bytes)).serialize(serializer)
    }
}

/// Bytes as they are.
struct Stretch(Vec<u8>);

impl Serialize for Stretch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Stretch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(ReadingBytes)
    }
}

struct ReadingBytes;

impl Visitor<'_> for ReadingBytes {
    type Value = Stretch;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Stretch, E> {
        Ok(Stretch(bytes.to_vec()))
    }
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(5, Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Distinct;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("subjects with their minutes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Distinct, A::Error> {
        let places: u32 = next(&mut parts)?;
        let level: u8 = next(&mut parts)?;
        let (entries, most): (Entries, _) = if places == FROM_THE_FIRST {
            let base: u32 = next(&mut parts)?;
            let width: u8 = next(&mut parts)?;
            let Stretch(bytes) = next(&mut parts)?;
            let entries = bytes.chunks_exact(4 + usize::from(width.clamp(1, 4)));
            if !entries.remainder().is_empty() {
                return Err(A::Error::custom("a part of a subject"));
            }
            let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b));
            let entry = |one: &[u8]| (number(&one[..4]), base.saturating_add(number(&one[4..])));
            (entries.map(entry).collect(), held(PLACES_MAX))
        } else {
            let entries: Vec<u64> = next(&mut parts)?;
            let entry = |entry: u64| ((entry >> 32) as u32, entry as u32);
            (entries.into_iter().map(entry).collect(), places as usize * 3 / 4)
        };
        if places > FROM_THE_FIRST || level > 32 {
            return Err(A::Error::custom("a table of subjects of an impossible size"));
        }
        if entries.len() > most {
            return Err(A::Error::custom("more subjects than their table holds"));
        }
        let mut distinct = Distinct { level, ..Distinct::default() };
        let entries: Entries = entries.into_iter().filter(|entry| entry.1 > 0).collect();
        if !entries.is_empty() || level > 0 {
            distinct.fill(&entries, None);
        }
        Ok(distinct)
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(parts: &mut A) -> Result<T, A::Error> {
    parts.next_element()?.ok_or_else(|| A::Error::custom("less than a table of subjects"))
}

/// The first of the places where the tag may stand. Its low bits choose the sample: they are spread.
fn home(tag: u32, places: usize) -> usize {
    ((u64::from(tag.wrapping_mul(0x9E37_79B1)) * places as u64) >> 32) as usize
}

/// How many entries so many places hold.
fn held(places: usize) -> usize {
    if places <= LISTED_MAX { places } else { places / 4 * 3 }
}

/// Places for so many entries, or as many as there may be. Six bytes each, they fill a block of
/// memory, of which there are four sizes from one power of two to the next.
fn places_for(entries: usize) -> usize {
    let blocks = (6..).flat_map(|power| (4..8).map(move |quarter| quarter << (power - 2)));
    let mut places = blocks.map(|block: usize| block / 12 * 2);
    places.find(|&places| places >= PLACES_MAX || held(places) >= entries).unwrap_or(PLACES_MAX)
}

fn position(tags: &[u32], tag: u32) -> Option<usize> {
    let mut chunks = tags.chunks(ABREAST);
    // Without a way out within, so that they are compared abreast.
    let chunk =
        chunks.position(|chunk| chunk.iter().fold(false, |any, &one| any | (one == tag)))?;
    let from = chunk * ABREAST;
    tags[from..].iter().position(|&one| one == tag).map(|place| from + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn hash(n: u32) -> u64 {
        u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn saved_and_read(distinct: &Distinct) -> Distinct {
        let bytes = postcard::to_stdvec(distinct).expect("serialises");
        postcard::from_bytes(&bytes).expect("reads")
    }

    fn sorted(distinct: &Distinct) -> Vec<(u32, u32)> {
        let mut entries: Vec<_> = distinct.entries().collect();
        entries.sort_unstable();
        entries
    }

    proptest! {
        /// Beside a map that forgets nothing, with steps that no short time bridges, now and then a
        /// straggler, and a save that is taken back.
        #[test]
        fn agrees_with_a_map(
            start in prop::sample::select(vec![1_u32, 29_000_000, 4_000_000_000]),
            steps in prop::collection::vec((0_u32..200, 0_u32..100, 0_u32..50), 1..600),
        ) {
            let mut distinct = Distinct::default();
            let mut map = BTreeMap::new();
            let mut now = start;
            for (subject, gap, late) in steps {
                now += match gap { 99 => 70_000, 90.. => 500, _ => gap / 40 };
                let minute = match late { 49 => (now - start) / 2 + 1, 45.. => now.saturating_sub(30).max(1), _ => now };
                let horizon = now.saturating_sub(1_440).max(1);
                let before = map.get(&subject).copied();
                let touch = distinct.touch(hash(subject), minute, horizon, |_| unreachable!());
                // What has fallen out of the horizon may be forgotten, or not.
                match before.filter(|&before| before >= horizon) {
                    Some(before) if before >= minute => prop_assert_eq!(touch, Touch::Unchanged),
                    Some(from) => prop_assert_eq!(touch, Touch::Moved { from }),
                    None if minute >= horizon => prop_assert_eq!(touch, Touch::Fresh),
                    None => {}
                }
                if minute > before.unwrap_or(0) {
                    map.insert(subject, minute);
                }
                if gap == 50 {
                    let read = saved_and_read(&distinct);
                    prop_assert_eq!(sorted(&read), sorted(&distinct));
                    distinct = read;
                }
                let live = |entries: &Distinct| entries.entries().filter(|entry| entry.1 >= horizon).count();
                prop_assert_eq!(live(&distinct), map.values().filter(|&&at| at >= horizon).count());
            }
        }
    }

    #[test]
    fn many_take_six_bytes_each_and_a_little() {
        let mut distinct = Distinct::default();
        for n in 0..3_000 {
            let _ = distinct.touch(hash(n), 29_000_000 + n / 50, 1, |_| unreachable!());
            let kept = n as usize + 1;
            let most = if kept <= LISTED_MAX { kept * 8 } else { kept * 14 };
            assert!(distinct.heap_bytes() <= most.max(64), "{kept}: {}", distinct.heap_bytes());
        }
        assert!(distinct.is_exact());
        assert_eq!(distinct.entries().count(), 3_000);
    }

    #[test]
    fn more_than_fit_are_a_sample_and_stay_one_when_taken_back() {
        let mut distinct = Distinct::default();
        (0..40_000).for_each(|n| {
            let _ = distinct.touch(hash(n), 29_000_000, 1, |_| {});
        });
        let counted = |distinct: &Distinct| distinct.entries().count() as u64 * distinct.weight();
        assert!((36_000..44_000).contains(&counted(&distinct)), "{}", counted(&distinct));
        let mut read = saved_and_read(&distinct);
        for n in 40_000..80_000 {
            for one in [&mut distinct, &mut read] {
                let _ = one.touch(hash(n), 29_000_001, 1, |_| {});
            }
            assert_eq!(counted(&read), counted(&distinct));
        }
        assert_eq!(sorted(&read), sorted(&distinct));
    }

    #[test]
    fn times_move_and_those_out_of_range_go() {
        let mut distinct = Distinct::default();
        for (n, minute) in [(0, 10), (1, 1_000), (2, 200_000), (3, u32::MAX - 5)] {
            assert_eq!(distinct.touch(hash(n), minute, 1, |_| {}), Touch::Fresh);
        }
        distinct.shift(-10);
        let times = |distinct: &Distinct| {
            let mut times: Vec<u32> = distinct.entries().map(|entry| entry.1).collect();
            times.sort_unstable();
            times
        };
        assert_eq!(times(&distinct), [990, 199_990, u32::MAX - 15]);
        distinct.shift(100);
        assert_eq!(times(&distinct), [1_090, 200_090]);
        assert_eq!(distinct.touch(hash(1), 1_091, 1, |_| {}), Touch::Moved { from: 1_090 });
    }

    /// As it was saved while each entry had a word of its own and tables grew by half.
    #[test]
    fn reads_what_an_earlier_version_saved() {
        let entries: Vec<u64> =
            (0..8_u64).map(|n| hash(n as u32) >> 32 << 32 | (500 + n)).collect();
        let bytes = postcard::to_stdvec(&(12_u32, 0_u8, &entries)).expect("serialises");
        let mut read: Distinct = postcard::from_bytes(&bytes).expect("reads");
        for n in 0..8 {
            let touch = read.touch(hash(n), 600, 1, |_| {});
            assert_eq!(touch, Touch::Moved { from: 500 + n });
        }
        let none = postcard::to_stdvec(&(0_u32, 0_u8, Vec::<u64>::new())).expect("serialises");
        let none: Distinct = postcard::from_bytes(&none).expect("reads");
        assert_eq!(none.heap_bytes(), 0);
        for (size, level) in [(8_192_u32, 0_u8), (4_096, 40), (8, 0)] {
            let bytes = postcard::to_stdvec(&(size, level, &entries)).expect("serialises");
            assert!(postcard::from_bytes::<Distinct>(&bytes).is_err());
        }
    }
}
