//! One actor's part: three windows, what is usual in them, and what the day has shown.

use serde::{Deserialize, Serialize};

use super::actor_day::ActorDay;
use super::bits::Bits;
use super::cases::Cases;
use super::habits::Habits;
use super::hours::Hours;
use super::lane::LANES;
use super::rate::{Expected, Rate};
use super::role::{DRIFTS, KINDS, SPANS};
use super::sequence::Sequence;
use super::session::Session;
use super::slow::Slow;
use super::suspicion::Suspicion;
use crate::engine::detect::state::{Blank, Later};

/// All reads, and those no case explains: places in the arrays of two.
pub const ALL: usize = 0;
pub const UNEXPLAINED: usize = 1;
/// What share no case explains: the third of what drifts.
pub const SHARE: usize = 2;
/// Ten minutes, an hour, a shift: places in the arrays of three.
pub const TEN: usize = 0;
pub const HOUR: usize = 1;
pub const SHIFT: usize = 2;

/// One window that is being filled. Windows do not slide: a count only grows within one, so
/// judging it at each event costs no further false alarm.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Span {
    /// Which window, counted since 1970; 0 before the first. A shift's is the minute it began.
    pub index: u32,
    /// Distinct subjects.
    pub counts: [f32; KINDS],
    pub expected: [Expected; KINDS],
    /// Counts at which the tail is next computed.
    pub gates: [f32; KINDS],
    /// Season and context together, as of the window's begin.
    pub factor: f32,
    pub context: f32,
    /// The actor's own hour of day, part of the factor.
    pub own: f32,
    /// The share of reads without a case that is to be expected.
    pub share: f32,
    pub rates: [Rate; KINDS],
    /// Windows of batch work, decayed.
    pub bursts: [f32; KINDS],
    /// Those of this shift: they do not make the next ones ordinary before it is over.
    pub pending: [u8; KINDS],
    pub bits: Bits,
}

/// What was told of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub day: u16,
    /// Decades beyond the threshold.
    pub beyond: f32,
}

impl Blank for [Told; LANES] {
    const BLANK: &'static Self = &[Told { day: 0, beyond: 0.0 }; LANES];
}

impl Blank for [Slow; DRIFTS] {
    const BLANK: &'static Self = &[Slow::NONE; DRIFTS];
}

/// Everything the learned detectors remember of one actor.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Baseline {
    /// Role and group by their marks, and their places among the peers.
    pub role: u32,
    pub service: bool,
    pub group: u32,
    #[serde(skip)]
    pub places: Option<(u16, u16)>,
    /// The first day, and shifts since.
    pub since: u16,
    pub shifts: u16,
    /// Minute of the last read.
    pub last: u32,
    pub spans: [Span; SPANS],
    pub session: Session,
    /// Learned from the second shift on.
    pub hours: Option<Box<Hours>>,
    pub habits: Habits,
    /// The shift's surprise, and at how much it is next judged.
    pub novelty: f32,
    pub novelty_gate: f32,
    pub novel_shifts: f32,
    pub novelty_cusum: f32,
    /// The most surprising kind of read of the shift.
    pub newest: u32,
    pub slow: Later<[Slow; DRIFTS]>,
    pub slow_gates: [f32; DRIFTS],
    /// Seasonal hours of this shift, and of a usual one.
    pub exposure: f32,
    pub usual_exposure: f32,
    pub sequence: Sequence,
    pub cases: Cases,
    pub day: ActorDay,
    /// Through this day the actor teaches nobody, and itself little.
    pub suspect_until: u16,
    /// What was told of the actor, and what people decided.
    pub suspicion: Option<Box<Suspicion>>,
}

impl Baseline {
    pub fn heap_bytes(&self) -> usize {
        self.spans.iter().map(|span| span.bits.heap_bytes()).sum::<usize>()
            + self.habits.heap_bytes()
            + self.hours.as_ref().map_or(0, |_| size_of::<Hours>())
            + self.slow.heap_bytes()
            + self.day.heap_bytes()
            + self.session.heap_bytes()
            + self.suspicion.as_ref().map_or(0, |of| of.heap_bytes())
            + size_of::<Self>()
    }

    /// See `ActorState::glance`: words from all over it.
    pub fn glance(&self) -> u64 {
        let spans = self.spans.iter().fold(0, |read, span| {
            read ^ span.index ^ span.factor.to_bits() ^ span.bursts[ALL].to_bits()
        });
        let words = [
            self.group,
            self.last,
            self.newest,
            self.session.start.to_bits(),
            self.slow_gates[0].to_bits(),
            self.sequence.run,
            u32::from(self.day.day),
            u32::from(self.suspect_until),
        ];
        u64::from(words.into_iter().fold(spans, |read, word| read ^ word))
    }

    pub fn glance_behind(&self, subject: u64) -> u64 {
        let spans = self.spans.iter();
        spans.fold(self.habits.glance(), |read, span| read ^ span.bits.glance(subject))
    }

    /// Learned from history: nothing of it was told to anybody.
    pub fn tell_anew(&mut self) {
        self.suspicion = None;
    }

    /// Another role or unit: what was learned counts for little. Source: DETECTORS section 2.
    pub fn forget(&mut self, day: u16) {
        const KEEP: f32 = 0.05;
        for span in &mut self.spans {
            span.rates.iter_mut().for_each(|rate| rate.forget(KEEP));
        }
        self.slow.iter_mut().for_each(Slow::forget);
        self.session.forget(KEEP);
        self.hours = None;
        self.habits.forget(day);
        self.forget_before();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_the_block_it_is_meant_for() {
        // Blocks grow by a sixth from here: a byte more costs 128 for each actor.
        assert!(size_of::<Baseline>() <= 768, "{}", size_of::<Baseline>());
    }
}
