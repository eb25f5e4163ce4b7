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
