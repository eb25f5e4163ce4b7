//! What waits for its turn: events of correlations whose condition more events can take back.
//!
//! A mean, a percentile, `lt` or `not` may hold of a window until the events still under way are
//! there. So what such a correlation counts is noted once the watermark is past its instant by
//! more than the allowed lateness, and in the order of time: nothing that counts can come before it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::books::Note;
use crate::engine::model::{EventTime, Finding};

/// Events that wait at once; beyond it the oldest are judged early, and counted.
const HELD_MAX: usize = 16_384;

/// When its turn is. Of one instant, the event's own hash decides, whichever came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Turn {
    pub at: EventTime,
    event: u64,
    number: u32,
}

/// What one event says to one correlation, and what becomes of it where that fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noting {
    /// Fingerprint of the correlation: another may stand at its place by then.
    pub(super) correlation: u64,
    /// The group's name in the table.
    pub(super) key: Box<str>,
    /// What the group-by fields hold.
    pub(super) group: Vec<Option<String>>,
    pub(super) notes: Vec<Note>,
    /// What is to be told if it fires, as far as the event says.
    #[serde(with = "as_json")]
    pub(super) about: Option<Box<Finding>>,
    /// What its firing says to others.
    pub(super) then: Vec<Noting>,
}

/// All that waits, in a shard.
#[derive(Default)]
pub struct Held {
    waiting: BTreeMap<Turn, Noting>,
    early: u64,
    unsaved: BTreeSet<Turn>,
    /// Saved, and noted since.
    gone: Vec<Turn>,
}

/// What one save has handed out.
#[derive(Debug, Default)]
pub struct HeldSaving {
    written: Vec<Turn>,
    withdrawn: Vec<Turn>,
}

impl Turn {
    pub fn new(at: EventTime, event: u64) -> Self {
        Self { at, event, number: 0 }
    }

    /// Names it among all that waits.
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.at.millis().to_be_bytes());
        bytes[8..16].copy_from_slice(&self.event.to_be_bytes());
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }
}

impl Held {
    pub(super) fn push(&mut self, turn: Turn, noting: Noting) {
        let mut turn = turn;
        while self.waiting.contains_key(&turn) {
            turn.number += 1;
        }
        self.unsaved.insert(turn);
        self.waiting.insert(turn, noting);
    }

    /// The next whose turn has come: that of an instant before `until`, or of any where there is
    /// none, or where too many wait.
    pub(super) fn pop(&mut self, until: Option<EventTime>) -> Option<(EventTime, Noting)> {
        let (first, _) = self.waiting.first_key_value()?;
        let is_due = until.is_none_or(|until| first.at < until);
        if !is_due {
            if self.waiting.len() <= HELD_MAX {
                return None;
            }
            self.early = self.early.saturating_add(1);
        }
        let (turn, noting) = self.waiting.pop_first()?;
        if !self.unsaved.remove(&turn) {
            self.gone.push(turn);
        }
        Some((turn.at, noting))
    }

    /// The earliest instant that something waits of.
    pub(super) fn first(&self) -> Option<EventTime> {
        self.waiting.first_key_value().map(|(turn, _)| turn.at)
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many were judged before their time for want of room.
    pub fn early(&self) -> u64 {
        self.early
    }

    /// Hands out what has come and gone since the last save.
    pub fn save(
        &mut self,
        mut withdraw: impl FnMut(&Turn),
        mut write: impl FnMut(&Turn, &Noting),
    ) -> HeldSaving {
        let withdrawn = std::mem::take(&mut self.gone);
        withdrawn.iter().for_each(&mut withdraw);
        let written: Vec<Turn> = std::mem::take(&mut self.unsaved).into_iter().collect();
        for turn in &written {
            if let Some(noting) = self.waiting.get(turn) {
                write(turn, noting);
            }
        }
        HeldSaving { written, withdrawn }
    }

    /// A save has come to nothing.
    pub fn save_again(&mut self, saving: HeldSaving) {
        self.gone.extend(saving.withdrawn);
        self.unsaved.extend(saving.written.iter().filter(|turn| self.waiting.contains_key(*turn)));
    }

    pub fn restore(&mut self, rows: Vec<(Turn, Noting)>) {
        self.waiting = rows.into_iter().collect();
    }
}

/// A finding's own form leaves fields out, which the form of the state cannot.
mod as_json {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::Finding;

    type About = Option<Box<Finding>>;

    pub fn serialize<S: Serializer>(about: &About, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serde_json::to_string(about).map_err(ser::Error::custom)?)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<About, D::Error> {
        serde_json::from_str(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noting(correlation: u64) -> Noting {
        let (key, group, notes) = ("k".into(), Vec::new(), Vec::new());
        Noting { correlation, key, group, notes, about: None, then: Vec::new() }
    }

    fn at(second: i64) -> EventTime {
        EventTime::default().plus_ms(second * 1_000)
    }

    /// What comes out until `second`, by the numbers given to [`noting`].
    fn popped(held: &mut Held, second: Option<i64>) -> Vec<u64> {
        std::iter::from_fn(|| held.pop(second.map(at))).map(|(_, n)| n.correlation).collect()
    }

    #[test]
    fn turns_are_taken_in_the_order_of_time_and_none_too_early() {
        let mut held = Held::default();
        for (second, event, number) in [(30, 1, 4), (10, 9, 2), (20, 5, 3), (10, 2, 1), (30, 1, 5)]
        {
            held.push(Turn::new(at(second), event), noting(number));
        }
        assert_eq!(popped(&mut held, Some(20)), [1, 2]);
        assert!(popped(&mut held, Some(20)).is_empty());
        assert_eq!(popped(&mut held, None), [3, 4, 5]);
        assert_eq!((held.len(), held.early()), (0, 0));
    }

    #[test]
    fn where_too_many_wait_the_oldest_go_early_and_are_counted() {
        let mut held = Held::default();
        for second in 0..HELD_MAX as i64 + 3 {
            held.push(Turn::new(at(second), 0), noting(second as u64));
        }
        assert_eq!(popped(&mut held, Some(0)), [0, 1, 2]);
        assert_eq!((held.len(), held.early()), (HELD_MAX, 3));
    }

    /// What a save writes and withdraws, as seconds.
    fn saved(held: &mut Held) -> (Vec<i64>, Vec<i64>, HeldSaving) {
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        let second = |turn: &Turn| turn.at.millis() / 1_000;
        let saving = held.save(|turn| gone.push(second(turn)), |turn, _| kept.push(second(turn)));
        (kept, gone, saving)
    }

    #[test]
    fn a_save_holds_what_has_come_and_gone_and_a_failed_one_is_made_up_for() {
        let mut held = Held::default();
        [1, 2].into_iter().for_each(|second| held.push(Turn::new(at(second), 0), noting(0)));
        let (kept, gone, failed) = saved(&mut held);
        assert_eq!((kept, gone), (vec![1, 2], vec![]));
        held.save_again(failed);
        let (kept, ..) = saved(&mut held);
        assert_eq!(kept, [1, 2]);
        held.push(Turn::new(at(3), 0), noting(0));
        popped(&mut held, Some(2));
        let (kept, gone, failed) = saved(&mut held);
        assert_eq!((kept, gone), (vec![3], vec![1]));
        popped(&mut held, None);
        held.save_again(failed);
        let (kept, gone, _) = saved(&mut held);
        assert_eq!((kept, gone.len()), (vec![], 3));
    }
}
