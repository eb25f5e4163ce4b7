//! What is remembered of one group.

use std::ops::Deref;

use serde::{Deserialize, Serialize, Serializer};
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
/// Windows of one group and correlation remembered as told: those that late events may still
/// reach, a timespan apart.
const TOLD_MAX: usize = 1_024;

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
    told: DoneList,
    books: Books,
}

/// A window that was told.
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Done {
    /// Where it ends, as far as is known: late events may have moved it to an earlier instant.
    end: u32,
    /// Where it ended when it was told.
    told: u32,
}

/// Windows that were told, the first to end first. One word where there are none, as in most groups.
#[derive(Default, Deserialize)]
#[serde(from = "Vec<Done>")]
struct DoneList(Option<Box<Kept>>);

struct Kept(Box<[Done]>);

impl From<Vec<Done>> for DoneList {
    fn from(list: Vec<Done>) -> Self {
        Self((!list.is_empty()).then(|| Box::new(Kept(list.into()))))
    }
}

impl FromIterator<Done> for DoneList {
    fn from_iter<I: IntoIterator<Item = Done>>(list: I) -> Self {
        Vec::from_iter(list).into()
    }
}

impl Deref for DoneList {
    type Target = [Done];

    fn deref(&self) -> &[Done] {
        self.0.as_ref().map_or(&[], |kept| &kept.0)
    }
}

impl Serialize for DoneList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl DoneList {
    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |kept| size_of::<Kept>() + size_of_val(&*kept.0))
    }
}

/// What an event brings about, the first window to end first.
pub(super) type Told = SmallVec<[Telling; 2]>;

/// A window whose condition holds and that no other told before it covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Telling {
    pub end: EventTime,
    pub value: f64,
    /// False where it was told before of a later end, which is an earlier one now: it is no news,
    /// but chains go by it.
    pub is_news: bool,
}

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
        let of = |slot: &Slot| slot.books.heap_bytes() + slot.told.heap_bytes();
        slots + self.slots.iter().map(of).sum::<usize>()
    }
}

impl GroupState {
    /// Notes what an event says to `plan`. Gives the windows that are to be told for it,
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
        self.risk = self.risk.saturating_add(u8::from(told.iter().any(|telling| telling.is_news)));
        told
    }

    /// The slot of a correlation. While there is no watermark, of two times too far apart for one
    /// book neither is known to be wrong: each has its own, until time is known.
    fn place(&mut self, correlation: u64, moment: Moment) -> Option<usize> {
        let is_mine = |slot: &Slot| slot.correlation == correlation;
        let first = self.slots.iter().position(is_mine)?;
        let rest = self.slots.get(first + 1..).unwrap_or_default();
        if !rest.iter().any(is_mine) {
            let is_near = self.slots.get(first).is_some_and(|slot| slot.is_near(moment.at));
            return Some(first).filter(|_| moment.is_sure || is_near);
        }
        let near = self.slots.iter().position(|slot| is_mine(slot) && slot.is_near(moment.at));
        let place = near.or(Some(first));
        if !moment.is_sure {
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
            told: DoneList::default(),
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
        self.books.ends(at, ends);
        let mut told = Told::new();
        self.settle(plan, at, ends, &mut told);
        if !told.is_empty() {
            let reach = window.saturating_mul(2).saturating_add(span.lateness);
            self.forget_told(mark.saturating_sub(reach));
        }
        told
    }

    /// Goes through the windows that end at `at`, where something was noted, or later, as they
    /// would have been told had it come in its turn: each that holds and ends a timespan or more
    /// after the one told before it. What was told already stands for as many of them.
    fn settle(&mut self, plan: &Correlation, at: u32, ends: &[u32], to: &mut Told) {
        let window = plan.timespan_ms;
        let is_near = |end: u32, other: u32| other.abs_diff(end) < window;
        if ends.len() == 1 && self.told.iter().rev().any(|done| is_near(at, done.end)) {
            return;
        }
        // Most events complete nothing, and nothing is after them.
        if ends.len() == 1 && self.told.last().is_none_or(|done| done.end < at) {
            let Some(value) = self.books.judge(plan, at.saturating_sub(window), at) else { return };
            let end = EventTime::default().plus_ms(self.base + i64::from(at));
            to.push(Telling { end, value, is_news: true });
            let told = self.told.iter().copied().chain([Done { end: at, told: at }]);
            self.told = told.collect();
            return;
        }
        let (before, after) = self.told.split_at(self.told.partition_point(|done| done.end < at));
        let mut last = before.last().map(|done| done.end);
        let mut due: SmallVec<[(u32, f64); 4]> = SmallVec::new();
        let mut same = after.len();
        for &end in ends {
            // No other window than these holds what was noted.
            let is_as_it_was = due.iter().zip(after).all(|((end, _), done)| *end == done.end);
            if end > at.saturating_add(window) && is_as_it_was && due.len() <= after.len() {
                same = due.len();
                break;
            }
            if last.is_some_and(|last| is_near(end, last)) {
                continue;
            }
            let from = end.saturating_sub(window);
            let Some(value) = self.books.judge(plan, from, end) else { continue };
            // From a window on that is told now as then, all is as it was.
            if let Some(place) = after.iter().position(|done| done.end == end).filter(|_| end > at)
            {
                same = place;
                break;
            }
            last = Some(end);
            due.push((end, value));
        }
        let (open, rest) = after.split_at(same);
        let mut open = open.to_vec();
        let mut told: Vec<Done> = rest.to_vec();
        for (end, value) in due.into_iter().rev() {
            let was = open.pop_if(|done| done.told >= end || is_near(end, done.told));
            told.push(Done { end, told: was.map_or(end, |was| was.told) });
            if was.is_none_or(|was| was.end != end) {
                let end = EventTime::default().plus_ms(self.base + i64::from(end));
                to.push(Telling { end, value, is_news: was.is_none() });
            }
        }
        if !to.is_empty() {
            to.reverse();
            told.extend(before.iter().chain(&open));
            told.sort_unstable_by_key(|done| (done.end, done.told));
            self.told = told.into();
        }
    }

    /// Forgets windows that ended before `horizon`, which no late event reaches.
    fn forget_told(&mut self, horizon: u32) {
        let over = self.told.len().saturating_sub(TOLD_MAX);
        let gone = self.told.partition_point(|done| done.end < horizon).max(over);
        if gone > 0 {
            self.told = self.told.iter().skip(gone).copied().collect();
        }
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
        let moved = |at: u32| u32::try_from(i64::from(at).saturating_add(by)).ok();
        let moved = |done: &Done| Some(Done { end: moved(done.end)?, told: moved(done.told)? });
        self.told = self.told.iter().filter_map(moved).collect();
    }
}

/// What was saved of a group up to version 8 of the state.
#[derive(Deserialize)]
pub struct GroupOfEight {
    needed_until: EventTime,
    risk: u8,
    slots: Vec<SlotOfEight>,
}

#[derive(Deserialize)]
struct SlotOfEight {
    correlation: u64,
    base: i64,
    /// The two last firings, the later first.
    told: [u32; 2],
    books: Books,
}

impl From<GroupOfEight> for GroupState {
    fn from(GroupOfEight { needed_until, risk, slots }: GroupOfEight) -> Self {
        let slots = slots.into_iter().map(|slot| {
            let SlotOfEight { correlation, base, told, books } = slot;
            let told = told.into_iter().rev().filter(|told| *told != NEVER);
            let told = told.map(|told| Done { end: told, told }).collect();
            Slot { correlation, base, told, books }
        });
        Self { needed_until, risk, slots: slots.collect() }
    }
}

// A million groups have one or two each.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Slot>() == 64);

/// Behind the watermark, or behind the event where that is earlier, by all that may be needed.
fn base(plan: &Correlation, moment: Moment) -> i64 {
    let reach = i64::from(plan.timespan_ms) + i64::from(moment.lateness_ms) + SLACK_MS;
    moment.mark.min(moment.at).millis().saturating_sub(reach)
}
