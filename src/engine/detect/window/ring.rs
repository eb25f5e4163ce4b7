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

/// `N` panes ending at `head`. Panes are numbered from the epoch; those that saw nothing take no
/// room, since most actors fill few.
#[derive(Clone, Debug)]
pub struct Ring<const N: usize> {
    head: i64,
    bytes: u64,
    records: u64,
    subjects: u64,
    /// By slot, ascending.
    panes: Box<[Packed]>,
}

/// A pane and its slot in 16 bytes: the slot above the bytes.
#[derive(Clone, Copy, Debug)]
struct Packed {
    slot_and_bytes: u64,
    records: u32,
    subjects: u32,
}

const BYTES_BITS: u32 = 56;
/// A pane counts no more. Keeps the sum over all panes of a ring inside 64 bits, too.
const BYTES_PANE_MAX: u64 = (1 << BYTES_BITS) - 1;

impl Packed {
    fn new(slot: u8, pane: Pane) -> Self {
        let bytes = pane.bytes.min(BYTES_PANE_MAX);
        let slot_and_bytes = u64::from(slot) << BYTES_BITS | bytes;
        Self { slot_and_bytes, records: pane.records, subjects: pane.subjects }
    }

    fn slot(self) -> u8 {
        (self.slot_and_bytes >> BYTES_BITS) as u8
    }

    fn bytes(self) -> u64 {
        self.slot_and_bytes & BYTES_PANE_MAX
    }

    /// Adds what a pane has room for; how much that is.
    fn add_bytes(&mut self, bytes: u64) -> u64 {
        let more = bytes.min(BYTES_PANE_MAX - self.bytes());
        self.slot_and_bytes += more;
        more
    }

    fn pane(self) -> Pane {
        Pane { bytes: self.bytes(), records: self.records, subjects: self.subjects }
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { head: i64::MIN, bytes: 0, records: 0, subjects: 0, panes: Box::default() }
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
            self.panes = Box::default();
            (self.bytes, self.records, self.subjects) = (0, 0, 0);
            self.head = pane;
            return;
        }
        let first = (self.head + 1).rem_euclid(N as i64);
        let falls_out = |old: &Packed| (i64::from(old.slot()) - first).rem_euclid(N as i64) < steps;
        self.head = pane;
        if !self.panes.iter().any(falls_out) {
            return;
        }
        let mut panes = std::mem::take(&mut self.panes).into_vec();
        panes.retain(|old| {
            let stays = !falls_out(old);
            if !stays {
                self.bytes -= old.bytes();
                self.records -= u64::from(old.records);
                self.subjects -= u64::from(old.subjects);
            }
            stays
        });
        self.panes = panes.into_boxed_slice();
    }

    /// False where `pane` has fallen out of the window.
    pub fn covers(&self, pane: i64) -> bool {
        pane <= self.head && self.head.saturating_sub(pane) < N as i64
    }

    /// Adds to a pane the window covers; nothing otherwise. Counts saturate.
    pub fn add(&mut self, pane: i64, records: u32, bytes: u64) {
        if !self.covers(pane) {
            return;
        }
        let place = self.at(pane);
        let records_before = place.records;
        place.records = place.records.saturating_add(records);
        let (more, further) = (place.records - records_before, place.add_bytes(bytes));
        self.records += u64::from(more);
        self.bytes += further;
    }

    pub fn add_subject(&mut self, pane: i64) {
        if self.covers(pane) {
            self.at(pane).subjects += 1;
            self.subjects += 1;
        }
    }

    pub fn drop_subject(&mut self, pane: i64) {
        if self.covers(pane) {
            self.at(pane).subjects -= 1;
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
        self.subjects
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.panes.first().map_or(0, |pane| pane.slot_and_bytes)
    }

    pub fn heap_bytes(&self) -> usize {
        self.panes.len() * size_of::<Packed>()
    }

    /// The panes that hold anything, for keeping.
    fn filled(&self) -> Vec<(u8, Pane)> {
        let panes = self.panes.iter().map(|packed| (packed.slot(), packed.pane()));
        panes.filter(|(_, pane)| *pane != Pane::default()).collect()
    }

    /// Where the pane stands, or would.
    fn find(&self, pane: i64) -> Result<usize, usize> {
        let slot = pane.rem_euclid(N as i64) as u8;
        self.panes.binary_search_by_key(&slot, |packed| packed.slot())
    }

    /// The pane, made where it saw nothing yet.
    fn at(&mut self, pane: i64) -> &mut Packed {
        let place = self.find(pane).unwrap_or_else(|place| {
            let slot = pane.rem_euclid(N as i64) as u8;
            let mut panes = std::mem::take(&mut self.panes).into_vec();
            panes.reserve_exact(1);
            panes.insert(place, Packed::new(slot, Pane::default()));
            self.panes = panes.into_boxed_slice();
            place
        });
        &mut self.panes[place]
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
            || !filled.is_sorted_by_key(|(slot, _)| *slot)
        {
            return Err(serde::de::Error::custom("a pane outside its ring"));
        }
        let panes = filled.iter().map(|&(slot, pane)| Packed::new(slot, pane)).collect();
        let mut ring = Self { head, panes, ..Self::default() };
        for (_, pane) in filled {
            ring.bytes = ring.bytes.saturating_add(pane.bytes.min(BYTES_PANE_MAX));
            ring.records = ring.records.saturating_add(pane.records.into());
            ring.subjects = ring.subjects.saturating_add(pane.subjects.into());
        }
        Ok(ring)
    }
}
