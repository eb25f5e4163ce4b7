//! Which subjects an actor has seen lately: exact while few, a fair sample when many.

use serde::{Deserialize, Serialize};

/// Slots a table may grow to (8 bytes each). Beyond three quarters of it, only a share of the
/// subjects is kept, chosen by hash.
///
/// The estimate `kept × 2^level` then rests on 1,536 to 3,072 subjects: relative standard error
/// at most 1 / sqrt(1,536), 2.6%. Source: P. Flajolet, "On adaptive sampling", Computing 43 (1990).
const SLOTS_MAX: usize = 4_096;
const SLOTS_MIN: usize = 8;

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

/// Subject hash → minute last seen. Open addressing; an entry is `hash32 << 32 | minute`, 0 is free.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    slots: Box<[u64]>,
    length: u32,
    level: u8,
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
        if (self.length + 1) as usize * 4 > self.slots.len() * 3 {
            self.make_room(horizon, &mut dropped);
            if !self.sampled(tag) {
                return Touch::Unchanged;
            }
        }
        let slot = find(&self.slots, tag);
        let entry = self.slots[slot];
        let seen = entry as u32;
        if entry != 0 && seen >= minute {
            return Touch::Unchanged;
        }
        self.slots[slot] = u64::from(tag) << 32 | u64::from(minute);
        if entry == 0 {
            self.length += 1;
            Touch::Fresh
        } else if seen < horizon {
            // It had fallen out of every window, so it counts anew.
            Touch::Fresh
        } else {
            Touch::Moved { from: seen }
        }
    }

    /// Moves every time by `by`; entries whose time would fall out of range are forgotten.
    pub(in crate::engine::detect) fn shift(&mut self, by: i64) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; old.len()].into_boxed_slice();
        self.length = 0;
        for entry in old.into_iter().filter(|&entry| entry != 0) {
            let moved =
                u32::try_from(i64::from(entry as u32).saturating_add(by)).ok().filter(|&at| at > 0);
            if let Some(moved) = moved {
                let slot = find(&self.slots, (entry >> 32) as u32);
                self.slots[slot] = entry >> 32 << 32 | u64::from(moved);
                self.length += 1;
            }
        }
    }

    /// What one counted subject stands for.
    pub fn weight(&self) -> u64 {
        1 << self.level
    }

    pub fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.slots.first().copied().unwrap_or(0)
    }

    pub fn heap_bytes(&self) -> usize {
        self.slots.len() * size_of::<u64>()
    }

    fn sampled(&self, tag: u32) -> bool {
        tag.trailing_zeros() >= u32::from(self.level)
    }

    fn make_room(&mut self, horizon: u32, dropped: &mut impl FnMut(u32)) {
        let live = self.slots.iter().filter(|&&e| e != 0 && e as u32 >= horizon).count();
        if live == 0 {
            self.level = 0;
        }
        let mut size = self.slots.len().max(SLOTS_MIN);
        while size < SLOTS_MAX && (live + 1) * 3 > size * 2 {
            size = larger(size);
        }
        let over = size == SLOTS_MAX && (live + 1) * 4 > size * 3;
        if over {
            self.level += 1;
        }
        let old = std::mem::replace(&mut self.slots, vec![0; size].into_boxed_slice());
        self.length = 0;
        for entry in old.into_iter().filter(|&e| e != 0 && e as u32 >= horizon) {
            let tag = (entry >> 32) as u32;
            if self.sampled(tag) {
                let slot = find(&self.slots, tag);
                self.slots[slot] = entry;
                self.length += 1;
            } else {
                dropped(entry as u32);
            }
        }
    }
}

/// Kept are the table's size, the sample's level and the entries; where an entry stands follows
/// from them, but for those that collided, and nothing hangs on their order.
impl Serialize for Distinct {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries: Vec<u64> = self.slots.iter().copied().filter(|&entry| entry != 0).collect();
        (self.slots.len() as u32, self.level, entries).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let (size, level, entries) = <(u32, u8, Vec<u64>)>::deserialize(deserializer)?;
        let size = size as usize;
        if size > SLOTS_MAX || level > 32 {
            return Err(D::Error::custom("a table of subjects of an impossible size"));
        }
        if entries.len() > size * 3 / 4 {
            return Err(D::Error::custom("more subjects than their table holds"));
        }
        let mut slots = vec![0; size].into_boxed_slice();
        let length = entries.len() as u32;
        for entry in entries {
            let slot = find(&slots, (entry >> 32) as u32);
            slots[slot] = entry;
        }
        Ok(Self { slots, length, level })
    }
}

/// 8, 12, 16, 24, 32: half as much again, and a third more, in turn.
fn larger(size: usize) -> usize {
    if size.is_power_of_two() { size + size / 2 } else { size.next_power_of_two() }
}

/// The slot that holds `tag`, or the free one where it belongs. The table is never full.
fn find(slots: &[u64], tag: u32) -> usize {
    // The low bits choose the sample, so spread them before they choose the slot.
    let spread = u64::from(tag.wrapping_mul(0x9E37_79B1));
    let mut slot = ((spread * slots.len() as u64) >> 32) as usize;
    while slots[slot] != 0 && (slots[slot] >> 32) as u32 != tag {
        slot = if slot + 1 == slots.len() { 0 } else { slot + 1 };
    }
    slot
}
