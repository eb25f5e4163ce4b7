//! Instants in order, and what happened at them.

use serde::{Deserialize, Serialize};

use super::payload::{Count, Hit, Payload};

/// Entries up to which a log grows without looking at what it could let go.
const ROOM_MIN: usize = 16;

/// Entries sorted by time, in milliseconds from a base that the owner knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Saved<V>", bound(deserialize = "V: Payload + Deserialize<'de>"))]
pub(super) struct Log<V> {
    entries: Vec<(u32, V)>,
    /// What all entries stand for together: no window holds more.
    #[serde(skip)]
    total: u64,
}

/// What is kept of a log.
#[derive(Deserialize)]
struct Saved<V> {
    entries: Vec<(u32, V)>,
}

impl<V: Payload> From<Saved<V>> for Log<V> {
    fn from(saved: Saved<V>) -> Self {
        let mut log = Self { entries: saved.entries, total: 0 };
        log.count();
        log
    }
}

impl<V> Default for Log<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), total: 0 }
    }
}

impl<V: Payload> Log<V> {
    /// Notes `value` at `at`, where it belongs.
    pub fn insert(&mut self, at: u32, value: V) {
        self.total += value.count();
        if self.entries.is_empty() {
            // Most logs never hold another.
            self.entries.reserve_exact(1);
        }
        let end = match self.entries.last() {
            Some((last, _)) if *last > at => self.entries.partition_point(|(time, _)| *time <= at),
            Some((last, _)) if *last == at => self.entries.len(),
            _ => return self.entries.push((at, value)),
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

    /// At least what any window holds, without a look at the entries.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Before the entries move to a larger place, what lies before `horizon` makes room instead,
    /// where it is enough of them.
    pub fn make_room(&mut self, horizon: u32) {
        let full = self.entries.len() >= ROOM_MIN && self.entries.len() == self.entries.capacity();
        if full && self.entries.get(self.entries.len() / 4).is_some_and(|(at, _)| *at < horizon) {
            self.drop_before(horizon);
        }
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
        self.count();
    }

    pub fn drop_after(&mut self, horizon: u32) {
        let kept = self.entries.partition_point(|(time, _)| *time <= horizon);
        self.entries.truncate(kept);
        self.count();
    }

    /// Brings entries of one pane together at the first one's time, wherever `V` takes others in.
    /// A window then loses a pane as soon as its first instant falls out: never counts too much.
    pub fn blend(&mut self, pane_ms: u32) {
        let pane = pane_ms.max(1);
        self.entries.dedup_by(|(time, value), (first, kept)| {
            *time / pane == *first / pane && kept.absorb(*value)
        });
        self.count();
    }

    pub fn keep_newest(&mut self, max: usize) {
        self.entries.drain(..self.entries.len().saturating_sub(max));
        self.count();
    }

    pub fn retain(&mut self, keep: impl FnMut(&(u32, V)) -> bool) {
        self.entries.retain(keep);
        self.count();
    }

    fn count(&mut self) {
        self.total = self.entries.iter().map(|(_, value)| value.count()).sum();
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
        self.count();
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

impl Log<Count> {
    /// Takes off one of what was noted last at `at` or before.
    pub fn take_off(&mut self, at: u32) {
        let end = self.entries.partition_point(|(time, _)| *time <= at);
        let noted = end.checked_sub(1).and_then(|place| self.entries.get_mut(place));
        if let Some((_, count)) = noted.filter(|(_, count)| count.0 > 0) {
            count.0 -= 1;
            self.total = self.total.saturating_sub(1);
        }
    }

    /// Whether `least` are noted from `horizon` on. The newest decide as a rule.
    pub fn has(&self, least: u64, horizon: u32) -> bool {
        let mut left = least;
        self.total >= least
            && self.entries.iter().rev().take_while(|(at, _)| *at >= horizon).any(|(_, count)| {
                left = left.saturating_sub(u64::from(count.0));
                left == 0
            })
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
        self.count();
    }
}
