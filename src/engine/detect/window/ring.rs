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

/// `N` panes ending at `head`. Panes are numbered from the epoch.
#[derive(Clone, Debug)]
pub struct Ring<const N: usize> {
    head: i64,
    bytes: u64,
    records: u64,
    subjects: u64,
    panes: [Pane; N],
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self { head: i64::MIN, bytes: 0, records: 0, subjects: 0, panes: [Pane::default(); N] }
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
        for step in 1..=steps {
            let slot = Self::slot(self.head + step);
            let old = std::mem::take(&mut self.panes[slot]);
            self.bytes -= old.bytes;
            self.records -= u64::from(old.records);
            self.subjects -= u64::from(old.subjects);
        }
        self.head = pane;
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
        let place = &mut self.panes[Self::slot(pane)];
        let (records_before, bytes_before) = (place.records, place.bytes);
        place.records = place.records.saturating_add(records);
        place.bytes = place.bytes.saturating_add(bytes).min(BYTES_PANE_MAX);
        self.records += u64::from(place.records - records_before);
        self.bytes += place.bytes - bytes_before;
    }

    pub fn add_subject(&mut self, pane: i64) {
        if self.covers(pane) {
            self.panes[Self::slot(pane)].subjects += 1;
            self.subjects += 1;
        }
    }

    pub fn drop_subject(&mut self, pane: i64) {
        if self.covers(pane) {
            self.panes[Self::slot(pane)].subjects -= 1;
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

    /// The panes that hold anything, for keeping.
    fn filled(&self) -> Vec<(u8, Pane)> {
        let filled = self.panes.iter().zip(0..).filter(|(pane, _)| **pane != Pane::default());
        filled.map(|(pane, slot)| (slot, *pane)).collect()
    }

    fn slot(pane: i64) -> usize {
        pane.rem_euclid(N as i64) as usize
    }
}

/// Keeps the sum over all panes of a ring inside 64 bits.
const BYTES_PANE_MAX: u64 = u64::MAX >> 6;

/// A ring is mostly empty: kept are its head and the panes that are not.
impl<const N: usize> Serialize for Ring<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.head, self.filled()).serialize(serializer)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Ring<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (head, filled) = <(i64, Vec<(u8, Pane)>)>::deserialize(deserializer)?;
        let mut ring = Self { head, ..Self::default() };
        for (slot, pane) in filled {
            let place = ring.panes.get_mut(usize::from(slot));
            *place.ok_or_else(|| serde::de::Error::custom("a pane outside its ring"))? = pane;
            ring.bytes = ring.bytes.saturating_add(pane.bytes);
            ring.records = ring.records.saturating_add(pane.records.into());
            ring.subjects = ring.subjects.saturating_add(pane.subjects.into());
        }
        Ok(ring)
    }
}
