//! What is remembered of one group.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    books::{Books, Note, Span},
    definition::Correlation,
};
use crate::engine::detect::state::Evictable;
use crate::engine::model::EventTime;

/// Room behind a group's first event for others that come out of order, in milliseconds.
const SLACK_MS: i64 = 3_600_000;
const NEVER: u32 = u32::MAX;

/// One group's record: a slot each correlation that groups by the same fields.
#[derive(Default, Serialize, Deserialize)]
pub struct GroupState {
    /// When the last window that holds anything of it ends, so that what is over makes room before
    /// what a month's window still needs.
    needed_until: EventTime,
    /// Firings so far, for eviction and for nothing else.
    risk: u8,
    /// Grown one by one: most groups have one or two, and there may be a million groups.
    slots: Vec<Slot>,
}

#[derive(Serialize, Deserialize)]
struct Slot {
    /// Fingerprint of the correlation.
    correlation: u64,
    /// Times in the books are milliseconds from here.
    base: i64,
    /// The two last firings, the later first.
    told: [u32; 2],
    books: Books,
}

/// Ends of the windows to be told, and what each holds. One event's windows end within a timespan
/// of it, and those told lie a timespan apart: there are at most two.
pub(super) type Told = SmallVec<[(EventTime, f64); 2]>;

/// When an event happened, and how far time has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub at: EventTime,
    /// At most `at`.
    pub mark: EventTime,
    /// Whether there is a watermark that bounds `at`.
    pub is_sure: bool,
    pub lateness_ms: u32,
}

impl Evictable for GroupState {
    fn touched(&self) -> EventTime {
        self.needed_until
    }

    fn risk(&self) -> u8 {
        self.risk
    }

    fn heap_bytes(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Slot>();
        slots + self.slots.iter().map(|slot| slot.books.heap_bytes()).sum::<usize>()
    }
}

impl GroupState {
    /// Notes what an event says to `plan`. Gives the windows that hold the event and are to be told,
    /// the first to end first. `is_known` tells correlations in use by fingerprint:
    /// the books of others are given up when room is made for a new one.
    pub(super) fn note(
        &mut self,
        plan: &Correlation,
        moment: Moment,
        notes: &[Note],
        is_known: impl Fn(u64) -> bool,
        ends: &mut Vec<u32>,
    ) -> Told {
        let until = moment.at.plus_ms(i64::from(plan.timespan_ms));
        self.needed_until = self.needed_until.max(until);
        let place = self.place(plan.fingerprint, moment);
        let place = place.unwrap_or_else(|| {
            self.slots.retain(|slot| is_known(slot.correlation));
            self.slots.reserve_exact(1);
            self.slots.push(Slot::new(plan, moment));
            self.slots.len() - 1
        });
        let Some(slot) = self.slots.get_mut(place) else { return Told::new() };
        let told = slot.note(plan, moment, notes, ends);
        self.risk = self.risk.saturating_add(u8::from(!told.is_empty()));
        told
    }

    /// The slot of a correlation. While there is no watermark, of two times too far apart for one
    /// book neither is known to be wrong: each has its own, until time is known.
    fn place(&mut self, correlation: u64, moment: Moment) -> Option<usize> {
        let is_mine = |slot: &Slot| slot.correlation == correlation;
        let near = self.slots.iter().position(|slot| is_mine(slot) && slot.is_near(moment.at));
        let mine = self.slots.iter().filter(|slot| is_mine(slot)).count();
        if mine < 2 && !moment.is_sure {
            return near;
        }
        let place = near.or_else(|| self.slots.iter().position(is_mine));
        if mine < 2 || !moment.is_sure {
            return place;
        }
        let base = place.and_then(|place| self.slots.get(place)).map(|slot| slot.base);
        self.slots.retain(|slot| !is_mine(slot) || Some(slot.base) == base);
        self.slots.iter().position(is_mine)
    }
}

impl Slot {
    fn new(plan: &Correlation, moment: Moment) -> Self {
        Self {
            correlation: plan.fingerprint,
            base: base(plan, moment),
            told: [NEVER; 2],
            books: Books::new(plan.kind),
        }
    }

    fn note(
        &mut self,
        plan: &Correlation,
        moment: Moment,
        notes: &[Note],
        ends: &mut Vec<u32>,
    ) -> Told {
        let at = match self.offset(moment.at) {
            Some(at) => at,
            None => {
                // Far from what is remembered. Books follow the watermark, not one clock.
                self.rebase(base(plan, moment));
                let Some(at) = self.offset(moment.at) else { return Told::new() };
                at
            }
        };
        let window = plan.timespan_ms;
        let mark = self.offset(moment.mark.min(moment.at)).unwrap_or(0);
        let span = Span { window, lateness: moment.lateness_ms, mark };
        notes.iter().for_each(|note| self.books.add(at, *note, span));
        self.books.ends(at, window, ends);
        let mut told = Told::new();
        for &end in ends.iter() {
            if self.is_told(end, window) {
                continue;
            }
            if let Some(value) = self.books.judge(plan, end.saturating_sub(window), end) {
                self.tell(end);
                told.push((EventTime::default().plus_ms(self.base + i64::from(end)), value));
            }
        }
        told
    }

    /// Whether it and what is remembered go into one book.
    fn is_near(&self, at: EventTime) -> bool {
        at.millis().abs_diff(self.base) < u64::from(NEVER)
    }

    fn offset(&self, at: EventTime) -> Option<u32> {
        let offset = at.millis().checked_sub(self.base)?;
        u32::try_from(offset).ok().filter(|offset| *offset < NEVER)
    }

    fn rebase(&mut self, base: i64) {
        let by = self.base.saturating_sub(base);
        self.base = base;
        self.books.shift(by);
        for told in self.told.iter_mut().filter(|told| **told != NEVER) {
            *told = u32::try_from(i64::from(*told).saturating_add(by)).unwrap_or(NEVER);
        }
    }

    /// A window is told where one that ended less than a timespan from it was.
    fn is_told(&self, end: u32, window: u32) -> bool {
        self.told.iter().any(|told| *told != NEVER && told.abs_diff(end) < window)
    }

    fn tell(&mut self, end: u32) {
        let [later, earlier] = self.told;
        self.told = match (later, earlier) {
            (NEVER, _) => [end, NEVER],
            (later, _) if end >= later => [end, later],
            (later, NEVER) => [later, end],
            (later, earlier) => [later, earlier.max(end)],
        };
    }
}

/// Behind the watermark, or behind the event where that is earlier, by all that may be needed.
fn base(plan: &Correlation, moment: Moment) -> i64 {
    let reach = i64::from(plan.timespan_ms) + i64::from(moment.lateness_ms) + SLACK_MS;
    moment.mark.min(moment.at).millis().saturating_sub(reach)
}
