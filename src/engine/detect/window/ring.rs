//! A sliding window as a ring of panes.

use serde::{Deserialize, Serialize};

/// What one pane, or a whole window, has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pane {
    pub bytes: u64,
    pub records: u32,
    /// Sampled subjects last seen in this pane.
    pub subjects: u32,
}

/// `N` panes ending at `head`, at most 31. Panes are numbered from the epoch; those that saw
/// nothing take no room, since most actors fill few, and where none saw much each takes a word.
#[derive(Clone, Debug)]
pub struct Ring<const N: usize> {
    head: i64,
    bytes: u64,
    records: u64,
    subjects: u32,
    /// Which slots have a pane, as bits, and [`WIDE`].
    filled: u32,
    /// By slot, ascending: a word each, or two.
    panes: Box<[u64]>,
}

/// Panes have two words each: bytes, then records above subjects.
const WIDE: u32 = 1 << 31;
/// In one word: bytes above records above subjects, of 32, 16 and 16 bits.
const COUNT_BITS: u32 = 16;
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;
/// A pane counts no more. Keeps the sum over all panes of a ring inside 64 bits, too.
const BYTES_PANE_MAX: u64 = (1 << 56) - 1;

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { head: i64::MIN, bytes: 0, records: 0, subjects: 0, filled: 0, panes: Box::default() }
    }
}

impl<const N: usize> Ring<N> {
    /// Makes `pane` the newest if it is newer; panes that fall out are taken off the totals.
    pub fn advance(&mut self, pane: i64) {
        if pane <= self.head {
            return;
        }
        let steps = pane.saturating_sub(self.head);
        if steps >= N as i64 {
            *self = Self { head: pane, ..Self::default() };
            return;
        }
        // So many slots from the one after the head on, around the ring.
        let reached = ((1_u64 << steps) - 1) << Self::slot(self.head + 1);
        let fall_out = (reached | reached >> N) as u32 & ((1 << N) - 1);
        self.head = pane;
        if self.filled & fall_out != 0 {
            self.drop_panes(fall_out);
        }
    }

    fn drop_panes(&mut self, fall_out: u32) {
        let (width, mut kept) = (self.width(), 0);
        for (place, slot) in self.slots().enumerate() {
            if fall_out & (1 << slot) == 0 {
                self.panes.copy_within(place * width..(place + 1) * width, kept * width);
                kept += 1;
            } else {
                let old = self.pane(place);
                self.bytes -= old.bytes;
                self.records -= u64::from(old.records);
                self.subjects -= old.subjects;
            }
        }
        self.filled &= !fall_out;
        let mut panes = std::mem::take(&mut self.panes).into_vec();
        panes.truncate(kept * width);
        self.panes = panes.into_boxed_slice();
    }

    /// False where `pane` has fallen out of the window.
    pub fn covers(&self, pane: i64) -> bool {
        pane <= self.head && self.head.saturating_sub(pane) < N as i64
    }

    /// Adds to a pane the window covers; nothing otherwise. Records and bytes saturate.
    pub fn add(&mut self, pane: i64, records: u32, bytes: u64, subjects: u32) {
        if !self.covers(pane) {
            return;
        }
        let place = self.at(pane);
        let before = self.pane(place);
        let after = Pane {
            bytes: before.bytes + bytes.min(BYTES_PANE_MAX - before.bytes),
            records: before.records.saturating_add(records),
            subjects: before.subjects + subjects,
        };
        self.put(place, after);
        self.bytes += after.bytes - before.bytes;
        self.records += u64::from(after.records - before.records);
        self.subjects += subjects;
    }

    pub fn drop_subject(&mut self, pane: i64) {
        if self.covers(pane) {
            let place = self.at(pane);
            let before = self.pane(place);
            self.put(place, Pane { subjects: before.subjects - 1, ..before });
            self.subjects -= 1;
        }
    }

    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn subjects(&self) -> u64 {
        self.subjects.into()
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.panes.first().copied().unwrap_or(0)
    }

    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.panes)
    }

    /// The panes that hold anything, for keeping.
    fn filled(&self) -> Vec<(u8, Pane)> {
        let panes = self.slots().enumerate().map(|(place, slot)| (slot, self.pane(place)));
        panes.filter(|(_, pane)| *pane != Pane::default()).collect()
    }

    /// Slots that have a pane, ascending.
    fn slots(&self) -> impl Iterator<Item = u8> + use<N> {
        let filled = self.filled;
        (0..N as u8).filter(move |slot| filled & (1 << slot) != 0)
    }

    fn slot(pane: i64) -> u8 {
        pane.rem_euclid(N as i64) as u8
    }

    /// Words of a pane.
    fn width(&self) -> usize {
        if self.filled & WIDE == 0 { 1 } else { 2 }
    }

    /// Where the pane stands, made where it saw nothing yet.
    fn at(&mut self, pane: i64) -> usize {
        self.at_slot(Self::slot(pane))
    }

    fn at_slot(&mut self, slot: u8) -> usize {
        let bit = 1_u32 << slot;
        let place = (self.filled & (bit - 1)).count_ones() as usize;
        if self.filled & bit == 0 {
            let width = self.width();
            let mut panes = std::mem::take(&mut self.panes).into_vec();
            panes.reserve_exact(width);
            (0..width).for_each(|_| panes.insert(place * width, 0));
            self.panes = panes.into_boxed_slice();
            self.filled |= bit;
        }
        place
    }

    fn pane(&self, place: usize) -> Pane {
        if self.filled & WIDE == 0 {
            let word = self.panes[place];
            Pane {
                bytes: word >> (2 * COUNT_BITS),
                records: (word >> COUNT_BITS) as u32 & COUNT_MAX,
                subjects: word as u32 & COUNT_MAX,
            }
        } else {
            let counts = self.panes[2 * place + 1];
            Pane {
                bytes: self.panes[2 * place],
                records: (counts >> 32) as u32,
                subjects: counts as u32,
            }
        }
    }

    fn put(&mut self, place: usize, pane: Pane) {
        let Pane { bytes, records, subjects } = pane;
        let fits = bytes <= u64::from(u32::MAX) && records.max(subjects) <= COUNT_MAX;
        if self.filled & WIDE == 0 {
            if fits {
                self.panes[place] = bytes << (2 * COUNT_BITS)
                    | u64::from(records) << COUNT_BITS
                    | u64::from(subjects);
                return;
            }
            self.widen();
        }
        self.panes[2 * place] = bytes;
        self.panes[2 * place + 1] = u64::from(records) << 32 | u64::from(subjects);
    }

    fn widen(&mut self) {
        let panes: Vec<Pane> = (0..self.panes.len()).map(|place| self.pane(place)).collect();
        self.panes = vec![0; 2 * panes.len()].into_boxed_slice();
        self.filled |= WIDE;
        panes.into_iter().enumerate().for_each(|(place, pane)| self.put(place, pane));
    }
}

/// A ring is mostly empty: kept are its head and the panes that are not.
impl<const N: usize> Serialize for Ring<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.head, self.filled()).serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Ring<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (head, filled) = <(i64, Vec<(u8, Pane)>)>::deserialize(deserializer)?;
        if filled.iter().any(|(slot, _)| usize::from(*slot) >= N)
            || !filled.is_sorted_by(|one, next| one.0 < next.0)
        {
            return Err(serde::de::Error::custom("a pane outside its ring"));
        }
        let mut ring = Self { head, ..Self::default() };
        for (slot, mut pane) in filled {
            pane.bytes = pane.bytes.min(BYTES_PANE_MAX);
            let place = ring.at_slot(slot);
            ring.put(place, pane);
            ring.bytes += pane.bytes;
            ring.records += u64::from(pane.records);
            ring.subjects = ring.subjects.saturating_add(pane.subjects);
        }
        Ok(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same with a place for each pane.
    #[derive(Default)]
    struct Slow {
        head: i64,
        panes: std::collections::BTreeMap<i64, Pane>,
    }

    impl Slow {
        fn advance(&mut self, pane: i64) {
            self.head = self.head.max(pane);
            let head = self.head;
            self.panes.retain(|at, _| head - at < 12);
        }

        fn total(&self) -> (u64, u64, u64) {
            self.panes.values().fold((0, 0, 0), |(bytes, records, subjects), pane| {
                (
                    bytes + pane.bytes,
                    records + u64::from(pane.records),
                    subjects + u64::from(pane.subjects),
                )
            })
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_version_and_comes_back_as_it_was_saved(
            steps in prop::collection::vec((0_i64..40, 0_i64..12, 0_u32..60, 0_u32..50), 1..200),
        ) {
            let (mut fast, mut slow) = (Ring::<12>::default(), Slow::default());
            let mut now = 5_800_000_i64;
            for (gap, back, records, size) in steps {
                now += if gap > 37 { gap - 25 } else { gap / 25 };
                let (records, bytes) = match size {
                    49 => (200_000, 9 << 32),
                    48 => (u32::MAX, u64::MAX),
                    _ => (records, u64::from(size) * 100),
                };
                fast.advance(now);
                slow.advance(now);
                let subjects = u32::from(size % 3 == 0);
                fast.add(now - back, records, bytes, subjects);
                let pane = slow.panes.entry(now - back).or_default();
                pane.records = pane.records.saturating_add(records);
                pane.bytes = pane.bytes.saturating_add(bytes).min(BYTES_PANE_MAX);
                pane.subjects += subjects;
                if size % 9 == 0 {
                    fast.drop_subject(now - back);
                    pane.subjects -= 1;
                }
                prop_assert_eq!((fast.bytes(), fast.records(), fast.subjects()), slow.total());
                if gap == 7 {
                    let bytes = postcard::to_stdvec(&fast).expect("serialises");
                    fast = postcard::from_bytes(&bytes).expect("reads");
                    prop_assert_eq!(&postcard::to_stdvec(&fast).expect("serialises"), &bytes);
                }
            }
        }
    }

    #[test]
    fn a_pane_that_saw_little_takes_a_word() {
        let mut ring = Ring::<10>::default();
        for pane in 100..110 {
            ring.advance(pane);
            ring.add(pane, 60_000, 4 << 30 >> 1, 0);
        }
        assert_eq!((ring.heap_bytes(), ring.records(), ring.bytes()), (80, 600_000, 20 << 30));
        ring.add(109, 6_000, 0, 0);
        assert_eq!((ring.heap_bytes(), ring.records(), ring.bytes()), (160, 606_000, 20 << 30));
    }
}
