//! The highest scores of one actor's day.

use serde::{Deserialize, Serialize};

use super::lane::{LANES, Lane, PARTS, Part};
use super::scores::score_of;
use crate::engine::detect::state::{Blank, Later};

/// One actor's day: the highest of everything so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ActorDay {
    /// Days since 1970; 0 before the first.
    pub day: u16,
    pub(super) parts: [u16; PARTS],
    pub(super) lanes: [u16; LANES],
    /// Place of the actor's role among those with a book of their own.
    pub(super) role: u16,
    /// Counted among those the thresholds rest on.
    pub(super) counted: bool,
    /// The actor came once a week was known, and has had too few shifts for slow evidence.
    pub(super) is_newcomer: bool,
    /// Highest of the days before that are still remembered: what is told once is counted once.
    pub(super) peaks: Later<[Peak; LANES]>,
}

/// A day as it was saved when there were eight lanes.
pub type DayOfEight = (u16, [u16; 12], [u16; 8], u16, bool, [Peak; 8]);

/// A lane's highest of some days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    pub(super) day: u16,
    pub(super) step: u16,
}

impl Blank for [Peak; LANES] {
    const BLANK: &'static Self = &[Peak { day: 0, step: 0 }; LANES];
}

impl ActorDay {
    pub fn heap_bytes(&self) -> usize {
        self.peaks.heap_bytes()
    }

    pub fn part(&self, part: Part) -> f32 {
        score_of(self.parts[part as usize])
    }

    /// A lane's step as it is counted: nothing where the days before showed as much.
    pub(super) fn fresh(&self, lane: Lane, step: u16) -> u16 {
        if step > self.peaks[lane as usize].step { step } else { 0 }
    }
}
