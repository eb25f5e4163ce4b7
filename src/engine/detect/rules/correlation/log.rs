//! Instants in order, and what happened at them.

use serde::{Deserialize, Serialize};

use super::payload::{Hit, Payload};

/// Entries sorted by time, in milliseconds from a base that the owner knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Log<V> {
    entries: Vec<(u32, V)>,
}

impl<V> Default for Log<V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<V: Payload> Log<V> {
    /// Notes `value` at `at`, where it belongs.
    pub fn insert(&mut self, at: u32, value: V) {
        let end = match self.entries.last() {
            Some((last, _)) if *last > at => self.entries.partition_point(|(time, _)| *time <= at),
            _ => self.entries.len(),
        };
        let mut place = end;
        for (index, (time, noted)) in self.entries[..end].iter_mut().enumerate().rev() {
            if *time != at {
                break;
            }
            if noted.absorb(value) {
                return;
            }
            if noted.rank() > value.rank() {
                place = index;
            }
        }
        self.entries.insert(place, (at, value));
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn newest(&self) -> Option<u32> {
        self.entries.last().map(|(time, _)| *time)
    }

    /// Entries of the window that begins at `from` and ends at `to`, both included.
    pub fn window(&self, from: u32, to: u32) -> &[(u32, V)] {
        let start = self.entries.partition_point(|(time, _)| *time < from);
        let end = match self.entries.last() {
            Some((last, _)) if *last > to => self.entries.partition_point(|(time, _)| *time <= to),
            _ => self.entries.len(),
        };
        self.entries.get(start..end).unwrap_or_default()
    }

    pub fn drop_before(&mut self, horizon: u32) {
        let gone = self.entries.partition_point(|(time, _)| *time < horizon);
        self.entries.drain(..gone);
    }

    pub fn drop_after(&mut self, horizon: u32) {
        let kept = self.entries.partition_point(|(time, _)| *time <= horizon);
        self.entries.truncate(kept);
    }

    /// Brings entries of one pane together at the first one's time, wherever `V` takes others in.
    /// A window then loses a pane as soon as its first instant falls out: never counts too much.
    pub fn blend(&mut self, pane_ms: u32) {
        let pane = pane_ms.max(1);
        self.entries.dedup_by(|(time, value), (first, kept)| {
            *time / pane == *first / pane && kept.absorb(*value)
        });
    }

    pub fn keep_newest(&mut self, max: usize) {
        self.entries.drain(..self.entries.len().saturating_sub(max));
    }

    pub fn retain(&mut self, keep: impl FnMut(&(u32, V)) -> bool) {
        self.entries.retain(keep);
    }

    /// What an event at `at` was noted in.
    pub fn last_not_after(&mut self, at: u32) -> Option<&mut V> {
        let end = self.entries.partition_point(|(time, _)| *time <= at);
        end.checked_sub(1).and_then(|place| self.entries.get_mut(place)).map(|(_, value)| value)
    }

    /// Moves every entry by `by` milliseconds; what falls out of range is dropped.
    pub fn shift(&mut self, by: i64) {
        self.entries.retain_mut(|(time, _)| {
            match u32::try_from(i64::from(*time).saturating_add(by)) {
                Ok(moved) => {
                    *time = moved;
                    true
                }
                Err(_) => false,
            }
        });
    }

    pub fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<(u32, V)>()
    }

    /// Gives room back that is not needed.
    pub fn shrink(&mut self) {
        if self.entries.capacity() > 16 && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }
}

impl Log<Hit> {
    /// Keeps the first and the last match of each rule in each pane.
    pub fn thin(&mut self, pane_ms: u32) {
        let pane = pane_ms.max(1);
        let entries = std::mem::take(&mut self.entries);
        let same = |(at, a): &(u32, Hit), (bt, b): &(u32, Hit)| at / pane == bt / pane && a == b;
        // A pane holds few entries but for a flood of one rule, and then the last two are near.
        for entry in entries {
            let held = |e: &&(u32, Hit)| e.0 / pane == entry.0 / pane;
            let before = self.entries.iter().rev().take_while(held);
            if before.filter(|e| same(e, &entry)).count() >= 2
                && let Some(last) = self.entries.iter().rposition(|e| same(e, &entry))
            {
                self.entries.remove(last);
            }
            self.entries.push(entry);
        }
    }
}
