//! A capped map from a name to its state, in a slab.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::{name::Name, slab::Slab};
use crate::engine::model::EventTime;

/// What a table must know of a state to choose what to forget.
pub trait Evictable: Default {
    fn touched(&self) -> EventTime;
    /// Higher is kept longer. 0 for an actor nothing was ever found on.
    fn risk(&self) -> u8;
    /// Heap bytes behind the state, for the memory metric.
    fn heap_bytes(&self) -> usize;
}

/// Candidates looked at when room is needed. Sampling keeps an ordinary event free of list
/// upkeep; with 16 the victim is among the idlest few per cent of its class.
const EVICTION_SAMPLE: usize = 16;
/// Rows looked at, side by side, for one that is over before the table grows.
const OVER_SAMPLE: usize = 8;
/// A table smaller than this just grows.
const OVER_FROM: usize = 4_096;
/// Longest name kept. A longer one is cut here and told apart by its hash.
const NAME_BYTES_MAX: usize = 256;

struct Row<S> {
    name: Name,
    state: S,
    /// Half of it is enough: names are compared.
    hash: u32,
    /// Stands in the list of what is to be saved.
    changed: bool,
    /// Has been saved under its name, which must be withdrawn when it is forgotten.
    saved: bool,
}

/// The hash as the index wants it, which finds the place by the lower bits and knows it by the upper.
fn whole(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Name → state. Keys are compared, not only their hashes, and the hash seed is the process's own.
pub struct Table<S> {
    index: HashTable<u32>,
    rows: Slab<Row<S>>,
    hasher: foldhash::fast::RandomState,
    entries_max: usize,
    evicted: u64,
    /// State of the sampling sequence; fixed start, so the same input evicts the same.
    sampler: u64,
    /// Slots to be saved, and names to be withdrawn, since the last save.
    changed: Vec<u32>,
    forgotten: Vec<Box<str>>,
}

/// A table's own numbers, saved beside its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMark {
    evicted: u64,
    sampler: u64,
}

impl<S: Evictable> Table<S> {
    pub fn new(entries_max: usize) -> Self {
        Self {
            index: HashTable::new(),
            rows: Slab::new(),
            hasher: foldhash::fast::RandomState::default(),
            entries_max: entries_max.clamp(1, u32::MAX as usize),
            evicted: 0,
            sampler: 0x9E37_79B9_7F4A_7C15,
            changed: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    /// The state under `name`, made if absent; at the cap another is evicted for it. Counts as
    /// changed.
    pub fn entry(&mut self, name: &str) -> &mut S {
        let slot = self.place(name);
        &mut self.rows[slot].state
    }

    /// Where [`Self::entry`] finds the state; true until another name is asked for.
    pub fn place(&mut self, name: &str) -> usize {
        self.place_at(name, EventTime::MIN)
    }

    /// The same where states last touched before `over` are needed no more: one of them makes room
    /// before the table grows, if one is near.
    pub fn place_at(&mut self, name: &str, over: EventTime) -> usize {
        let name = cut(name);
        let hash = self.hash(name);
        let rows = &self.rows;
        let found = self.index.find(whole(hash), |&i| {
            let row = &rows[i as usize];
            row.hash == hash && row.name.is(name)
        });
        let slot = match found {
            Some(&slot) => slot as usize,
            None => self.insert(hash, name, over),
        };
        let row = &mut self.rows[slot];
        if !row.changed {
            row.changed = true;
            self.changed.push(slot as u32);
        }
        slot
    }

    pub fn at(&mut self, place: usize) -> Option<&mut S> {
        self.rows.get_mut(place).map(|row| &mut row.state)
    }

    /// The state under `name` for what is not saved; it does not count as changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut S> {
        let name = cut(name);
        let hash = self.hash(name);
        let rows = &self.rows;
        let slot = *self.index.find(whole(hash), |&i| rows[i as usize].name.is(name))?;
        Some(&mut self.rows[slot as usize].state)
    }

    /// The state under `name`, where there is one. Counts as changed.
    pub fn known(&mut self, name: &str) -> Option<&mut S> {
        self.get_mut(name)?;
        Some(self.entry(name))
    }

    /// The state that is under `name`, as far as the index alone tells: nothing is to rest on it.
    pub fn likely(&self, name: &str) -> Option<&S> {
        let slot = self.index.iter_hash(whole(self.hash(name))).next()?;
        Some(&self.rows[*slot as usize].state)
    }

    /// Every name with its state.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &S)> {
        self.rows.iter().map(|row| (row.name.as_str(), &row.state))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// How many states were forgotten for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Bytes held. Walks the table: for a metric now and then, not for every event.
    pub fn bytes(&self) -> usize {
        let inline = self.rows.capacity() * size_of::<Row<S>>() + self.index.capacity() * 5;
        inline
            + self
                .rows
                .iter()
                .map(|row| row.name.heap_bytes() + row.state.heap_bytes())
                .sum::<usize>()
    }

    fn hash(&self, name: &str) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    fn insert(&mut self, hash: u32, name: &str, over: EventTime) -> usize {
        let row =
            Row { hash, name: Name::new(name), state: S::default(), changed: false, saved: false };
        let slot = if let Some(slot) = self.over(over) {
            self.replace(slot, row)
        } else if self.rows.len() < self.entries_max {
            self.rows.push(row);
            self.rows.len() - 1
        } else {
            self.evicted += 1;
            let victim = self.victim();
            self.replace(victim, row)
        };
        let rows = &self.rows;
        self.index.insert_unique(whole(hash), slot as u32, |&i| whole(rows[i as usize].hash));
        slot
    }

    fn replace(&mut self, slot: usize, row: Row<S>) -> usize {
        let old_hash = self.rows[slot].hash;
        if let Ok(entry) = self.index.find_entry(whole(old_hash), |&i| i as usize == slot) {
            entry.remove();
        }
        let old = std::mem::replace(&mut self.rows[slot], row);
        // It stands in the list already, for whoever holds the slot when that is read.
        self.rows[slot].changed = old.changed;
        if old.saved {
            self.forgotten.push(old.name.into_boxed());
        }
        slot
    }

    /// A row that is needed no more, among some that lie side by side.
    fn over(&mut self, over: EventTime) -> Option<usize> {
        if over == EventTime::MIN || self.rows.len() < OVER_FROM {
            return None;
        }
        let first = self.draw();
        let last = (first + OVER_SAMPLE).min(self.rows.len());
        (first..last).find(|&slot| self.rows[slot].state.touched() < over)
    }

    /// Some row, by a fixed sequence.
    fn draw(&mut self) -> usize {
        // xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators".
        self.sampler ^= self.sampler >> 12;
        self.sampler ^= self.sampler << 25;
        self.sampler ^= self.sampler >> 27;
        let draw = self.sampler.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        (draw as usize * self.rows.len()) >> 32
    }

    /// Calls `put` with the name, slot and state of every row that has changed since the last
    /// call, and `withdraw` with every name that was saved and is no more. Withdrawals come first.
    pub fn save(
        &mut self,
        mut withdraw: impl FnMut(&str),
        mut put: impl FnMut(&str, u32, &S),
    ) -> Saving {
        let saving = Saving {
            changed: std::mem::take(&mut self.changed),
            forgotten: std::mem::take(&mut self.forgotten),
        };
        saving.forgotten.iter().for_each(|name| withdraw(name));
        for &slot in &saving.changed {
            if let Some(row) = self.rows.get_mut(slot as usize) {
                row.changed = false;
                row.saved = true;
                put(row.name.as_str(), slot, &row.state);
            }
        }
        saving
    }

    /// What was handed out by a save that came to nothing is to be saved again.
    pub fn save_again(&mut self, saving: Saving) {
        for slot in saving.changed {
            if let Some(row) = self.rows.get_mut(slot as usize).filter(|row| !row.changed) {
                row.changed = true;
                self.changed.push(slot);
            }
        }
        // A name that has come back since is put after this, and a put undoes a withdrawal.
        self.forgotten.extend(saving.forgotten);
    }

    pub fn mark(&self) -> TableMark {
        TableMark { evicted: self.evicted, sampler: self.sampler }
    }

    /// Takes saved rows back into an empty table, each in its slot, so that it evicts as the one
    /// that was saved would have. Rows beyond a cap that was lowered since are let go.
    pub fn restore(&mut self, mark: TableMark, mut rows: Vec<(u32, Box<str>, S)>) {
        (self.evicted, self.sampler) = (mark.evicted, mark.sampler | u64::from(mark.sampler == 0));
        rows.sort_unstable_by_key(|row| row.0);
        let kept = rows.len().min(self.entries_max);
        let beyond = rows.split_off(kept);
        self.forgotten.extend(beyond.into_iter().map(|(_, name, _)| name));
        for (saved_in, name, state) in rows {
            let hash = self.hash(&name);
            let slot = self.rows.len() as u32;
            // A gap would only come of records that were lost; closing it moves the rest.
            let changed = slot != saved_in;
            if changed {
                self.changed.push(slot);
            }
            self.rows.push(Row { hash, name: Name::new(&name), state, changed, saved: true });
            let rows = &self.rows;
            self.index.insert_unique(whole(hash), slot, |&i| whole(rows[i as usize].hash));
        }
    }

    /// Of a sample, the idlest of the least risky class that is a quarter of it or more.
    fn victim(&mut self) -> usize {
        let mut classes = [(0, EventTime::MAX, 0); RISK_CLASSES];
        for _ in 0..EVICTION_SAMPLE {
            let slot = self.draw();
            let state = &self.rows[slot].state;
            let (count, touched, idlest) = &mut classes[risk_class(state.risk())];
            *count += 1;
            if state.touched() < *touched {
                (*touched, *idlest) = (state.touched(), slot);
            }
        }
        let crowded = classes.iter().find(|(count, ..)| count * RISK_CLASSES >= EVICTION_SAMPLE);
        crowded.map_or(0, |&(_, _, idlest)| idlest)
    }
}

/// Classes of risk. A class gives way to riskier ones only down to a quarter of the table: who
/// floods it with names that each look risky pushes out no busy actor on whom nothing has been
/// found yet. One of so many classes always is a quarter of a sample.
const RISK_CLASSES: usize = 4;

fn risk_class(risk: u8) -> usize {
    match risk {
        0 => 0,
        1..=3 => 1,
        4..=15 => 2,
        16.. => 3,
    }
}

/// What one save has handed out, until it is known whether it arrived.
#[derive(Debug, Default)]
pub struct Saving {
    changed: Vec<u32>,
    forgotten: Vec<Box<str>>,
}

/// The part of a name that is kept and shown.
pub fn cut(name: &str) -> &str {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let mut end = NAME_BYTES_MAX;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counter {
        count: u32,
        risk: u8,
        touched: EventTime,
    }

    impl Evictable for Counter {
        fn touched(&self) -> EventTime {
            self.touched
        }
        fn risk(&self) -> u8 {
            self.risk
        }
        fn heap_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn what_is_over_makes_room_before_the_table_grows() {
        let mut table = Table::<Counter>::new(1_000_000);
        let mut evicted = 0;
        // Ten a second, each needed for a thousand seconds.
        for second in 0..20_000 {
            let over = EventTime::default().plus_ms((second - 1_000).max(0));
            for n in 0..10 {
                let place = table.place_at(&format!("pair-{second}-{n}"), over);
                if let Some(state) = table.at(place) {
                    state.touched = EventTime::default().plus_ms(second);
                }
            }
            evicted = table.evicted();
        }
        assert_eq!(evicted, 0);
        assert!((10_000..25_000).contains(&table.len()), "{} rows", table.len());
        // None that is needed has gone.
        let held: std::collections::BTreeSet<&str> = table.iter().map(|(name, _)| name).collect();
        assert!((19_000..20_000).all(|second| held.contains(&*format!("pair-{second}-7"))));
    }

    #[test]
    fn remembers_each_name_apart() {
        let mut table = Table::<Counter>::new(1_000);
        for i in 0..3_000 {
            table.entry(&format!("a{}", i % 300)).count += 1;
        }
        assert_eq!(table.len(), 300);
        assert!((0..300).all(|i| table.get_mut(&format!("a{i}")).is_some_and(|c| c.count == 10)));
        assert_eq!(table.evicted(), 0);
    }

    #[test]
    fn a_flood_of_made_up_names_does_not_push_out_the_risky_one() {
        let mut table = Table::<Counter>::new(100);
        table.entry("dumping").risk = 3;
        for i in 0..100_000_i64 {
            table.entry(&format!("made-up-{i}")).touched = EventTime::default().plus_ms(i);
        }
        assert_eq!(table.len(), 100);
        assert_eq!(table.evicted(), 100_001 - 100);
        assert_eq!(table.get_mut("dumping").map(|c| c.risk), Some(3));
    }

    #[test]
    fn a_flood_of_risky_names_does_not_push_out_a_busy_one() {
        let mut table = Table::<Counter>::new(1_000);
        for i in 0..100_000_i64 {
            let made_up = table.entry(&format!("made-up-{i}"));
            (made_up.risk, made_up.touched) = (2, EventTime::default().plus_ms(i));
            if i % 100 == 0 {
                let busy = table.entry("dumping");
                busy.count += 1;
                busy.touched = EventTime::default().plus_ms(i);
            }
        }
        assert_eq!(table.get_mut("dumping").map(|c| c.count), Some(1_000));
    }

    #[test]
    fn the_idle_go_before_the_busy() {
        let mut table = Table::<Counter>::new(64);
        for i in 0..64_i64 {
            table.entry(&format!("old-{i}")).touched = EventTime::default().plus_ms(i);
        }
        for i in 0..32_i64 {
            table.entry(&format!("new-{i}")).touched = EventTime::default().plus_ms(1_000 + i);
        }
        let oldest_half = (0..32).filter(|i| table.get_mut(&format!("old-{i}")).is_some()).count();
        assert!(oldest_half <= 12, "{oldest_half} of the 32 idlest survived 32 evictions");
    }
}
