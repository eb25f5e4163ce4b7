//! What one correlation remembers of one group, and what it makes of it.
//!
//! Small books are exact lists of instants. Full ones forget what no window needs, then blur.

use serde::{Deserialize, Serialize};

use super::{
    definition::{Correlation, Kind},
    log::Log,
    payload::{Count, Hit, Payload, Sample, Sum, Tag},
};
use crate::engine::detect::window::{Distinct, Touch};

/// Instants kept of counts, sums and samples: 3 times the panes of a window.
const ENTRIES_MAX: usize = 192;
/// Values, and matches of several rules, that are kept each by itself.
const SINGLE_MAX: usize = 96;
/// A window in panes, once a book is full: the resolution of its far end.
const PANES: u32 = 64;

/// A sample of values smaller than this says too little (an error of 12%): counting starts anew.
const SAMPLE_MIN: u64 = 64;

/// One thing to note.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Note {
    Event,
    /// Hash of a value.
    Value(u64),
    Number(f64),
    /// A match of the rule at this position.
    Match(u8),
}

/// Span of a correlation's windows, and of what is kept for stragglers, in milliseconds. Times
/// are from a base that the owner of the books knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub window: u32,
    pub lateness: u32,
    /// How far time has surely got: nothing before its window is needed.
    pub mark: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Books {
    Counts(Log<Count>),
    Sums(Log<Sum>),
    /// A fair sample: each number is kept where the hash of its turn allows.
    Samples {
        log: Log<Sample>,
        level: u8,
        turn: u32,
    },
    Values(Log<Tag>),
    /// Values too many to keep each of its instants: when each was last seen.
    Many(Box<Many>),
    Hits(Log<Hit>),
}

/// Values by when they were last seen, and how many at each instant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Many {
    last_seen: Distinct,
    seen: Log<Count>,
}

impl Books {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::EventCount => Self::Counts(Log::default()),
            Kind::ValueCount => Self::Values(Log::default()),
            Kind::Temporal | Kind::TemporalOrdered => Self::Hits(Log::default()),
            Kind::ValueSum | Kind::ValueAvg => Self::Sums(Log::default()),
            Kind::ValuePercentile => Self::Samples { log: Log::default(), level: 0, turn: 0 },
        }
    }

    pub fn add(&mut self, at: u32, note: Note, span: Span) {
        let needed = span.mark.saturating_sub(span.window.saturating_add(span.lateness));
        match (&mut *self, note) {
            (Self::Counts(log), Note::Event) => {
                log.make_room(needed);
                log.insert(at, Count(1));
                blend_when_full(log, span);
            }
            (Self::Sums(log), Note::Number(number)) => {
                log.make_room(needed);
                log.insert(at, Sum::of(number));
                blend_when_full(log, span);
            }
            (Self::Samples { log, level, turn }, Note::Number(number)) => {
                sample(log, level, turn, at, number, span);
            }
            (Self::Hits(log), Note::Match(position)) => {
                log.make_room(needed);
                log.insert(at, Hit(position));
                thin_when_full(log, span);
            }
            (Self::Values(log), Note::Value(hash)) => {
                log.make_room(needed);
                log.insert(at, Tag((hash >> 32) as u32));
                if log.len() > SINGLE_MAX && !forget(log, SINGLE_MAX, span) {
                    *self = Self::Many(Box::new(Many::of(log, span)));
                }
            }
            (Self::Many(many), Note::Value(hash)) => {
                many.touch(hash, at, span);
                // Nothing left of the crowd: back to exact books.
                if many.is_alone(at) {
                    let mut log = Log::default();
                    log.insert(at, Tag((hash >> 32) as u32));
                    *self = Self::Values(log);
                }
            }
            _ => debug_assert!(false, "a note of another kind than the books"),
        }
    }

    pub fn newest(&self) -> Option<u32> {
        match self {
            Self::Counts(log) => log.newest(),
            Self::Sums(log) => log.newest(),
            Self::Samples { log, .. } => log.newest(),
            Self::Values(log) => log.newest(),
            Self::Many(many) => many.seen.newest(),
            Self::Hits(log) => log.newest(),
        }
    }

    /// Instants noted from `at` on, `at` first, into `to`: where windows that hold it end, and those
    /// after them.
    pub fn ends(&self, at: u32, to: &mut Vec<u32>) {
        fn of<V: Payload>(log: &Log<V>, at: u32, to: &mut Vec<u32>) {
            to.extend(log.window(at, u32::MAX).iter().map(|(time, _)| *time));
        }
        to.clear();
        to.push(at);
        match self {
            _ if self.newest().is_none_or(|newest| newest <= at) => {}
            Self::Counts(log) => of(log, at, to),
            Self::Sums(log) => of(log, at, to),
            Self::Samples { log, .. } => of(log, at, to),
            Self::Values(log) => of(log, at, to),
            // Earlier sights of a value are gone: only the newest window is whole.
            Self::Many(many) => to.extend(many.seen.newest()),
            Self::Hits(log) => of(log, at, to),
        }
        to.dedup();
    }

    /// What the window holds, where the correlation's condition holds for it.
    pub fn judge(&self, plan: &Correlation, from: u32, to: u32) -> Option<f64> {
        let bounds = &plan.bounds;
        let value = match self {
            // Most groups are far from any threshold: their entries need not be touched.
            Self::Counts(log) if bounds.exceed(log.total() as f64) => return None,
            Self::Values(log) if bounds.exceed(log.total() as f64) => return None,
            Self::Counts(log) => total(log.window(from, to)) as f64,
            Self::Sums(log) => {
                let entries = log.window(from, to);
                let sum: f64 = entries.iter().map(|(_, sum)| sum.sum()).sum();
                match plan.kind {
                    Kind::ValueAvg => {
                        let count: u64 = entries.iter().map(|(_, sum)| u64::from(sum.count)).sum();
                        (count > 0).then(|| sum / count as f64)?
                    }
                    _ => sum,
                }
            }
            Self::Samples { log, .. } => percentile(log.window(from, to), plan.percentile)?,
            Self::Values(log) => {
                let entries = log.window(from, to);
                if bounds.exceed(entries.len() as f64) {
                    return None;
                }
                distinct(entries) as f64
            }
            Self::Many(many)
                if bounds.exceed((many.seen.total() * many.last_seen.weight()) as f64) =>
            {
                return None;
            }
            Self::Many(many) => {
                (total(many.seen.window(from, to)) * many.last_seen.weight()) as f64
            }
            Self::Hits(log) => return matches(log.window(from, to), plan),
        };
        bounds.hold(value).then_some(value)
    }

    /// Moves every time by `by` milliseconds.
    pub fn shift(&mut self, by: i64) {
        match self {
            Self::Counts(log) => log.shift(by),
            Self::Sums(log) => log.shift(by),
            Self::Samples { log, .. } => log.shift(by),
            Self::Values(log) => log.shift(by),
            Self::Many(many) => {
                many.last_seen.shift(by);
                many.seen.shift(by);
            }
            Self::Hits(log) => log.shift(by),
        }
    }

    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Counts(log) => log.heap_bytes(),
            Self::Sums(log) => log.heap_bytes(),
            Self::Samples { log, .. } => log.heap_bytes(),
            Self::Values(log) => log.heap_bytes(),
            Self::Many(many) => {
                size_of::<Many>() + many.last_seen.heap_bytes() + many.seen.heap_bytes()
            }
            Self::Hits(log) => log.heap_bytes(),
        }
    }
}

impl Many {
    fn of(log: &Log<Tag>, span: Span) -> Self {
        let mut many = Self::default();
        for (at, Tag(tag)) in log.window(0, u32::MAX) {
            many.touch(u64::from(*tag) << 32, *at, span);
        }
        many
    }

    /// Whether one value, seen at `at`, is all there is.
    fn is_alone(&self, at: u32) -> bool {
        self.last_seen.is_exact()
            && self.seen.newest() == Some(at)
            && total(self.seen.window(0, u32::MAX)) == 1
    }

    fn touch(&mut self, hash: u64, at: u32, span: Span) {
        let start = span.mark.saturating_sub(span.window);
        if !self.last_seen.is_exact() && !self.seen.has(SAMPLE_MIN, start) {
            *self = Self::default();
        }
        let Self { last_seen, seen } = self;
        match last_seen.touch(hash, at.max(1), start, |from| seen.take_off(from)) {
            Touch::Fresh => seen.insert(at, Count(1)),
            Touch::Moved { from } => {
                seen.take_off(from);
                seen.insert(at, Count(1));
            }
            Touch::Unchanged => {}
        }
        if seen.len() > ENTRIES_MAX {
            seen.drop_before(start);
            seen.retain(|(_, count)| count.0 > 0);
        }
        blend_when_full(seen, span);
    }
}

/// Forgets what no window needs, stragglers' windows last; true where that was enough.
fn forget<V: Payload>(log: &mut Log<V>, max: usize, span: Span) -> bool {
    for reach in [span.window.saturating_add(span.lateness), span.window] {
        if log.len() > max {
            log.drop_before(span.mark.saturating_sub(reach));
        }
    }
    log.shrink();
    log.len() <= max
}

fn blend_when_full<V: Payload>(log: &mut Log<V>, span: Span) {
    if log.len() <= ENTRIES_MAX || forget(log, ENTRIES_MAX, span) {
        return;
    }
    let mut pane = span.window / PANES;
    while log.len() > ENTRIES_MAX * 3 / 4 && pane < span.window.saturating_mul(2) {
        log.blend(pane);
        pane = pane.max(1) * 2;
    }
    if log.len() > ENTRIES_MAX {
        // Times spread far beyond any window: clocks that are wrong.
        log.drop_after(span.mark.saturating_add(span.window).saturating_add(span.lateness));
        log.keep_newest(ENTRIES_MAX);
    }
}

/// Keeps the first and the last match of each rule in each pane.
fn thin_when_full(log: &mut Log<Hit>, span: Span) {
    if log.len() <= SINGLE_MAX || forget(log, SINGLE_MAX, span) {
        return;
    }
    let mut pane = (span.window / PANES).max(1);
    while log.len() > SINGLE_MAX * 3 / 4 && pane < span.window.saturating_mul(2) {
        log.thin(pane);
        pane *= 2;
    }
    if log.len() > SINGLE_MAX {
        log.drop_after(span.mark.saturating_add(span.window).saturating_add(span.lateness));
        log.keep_newest(SINGLE_MAX);
    }
}

/// Keeps a number where the hash of its turn ends in `level` zeros; when the book is full, the
/// level rises and half of what is kept goes.
fn sample(log: &mut Log<Sample>, level: &mut u8, turn: &mut u32, at: u32, number: f64, span: Span) {
    let hash = |turn: u32, number: f64| {
        let mixed = (u64::from(turn) << 32 ^ number.to_bits()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 29)
    };
    *turn = turn.wrapping_add(1);
    if *level > 0 && log.window(span.mark.saturating_sub(span.window), u32::MAX).len() < 12 {
        *level = 0;
    }
    if (hash(*turn, number) >> 40).trailing_zeros() < u32::from(*level) {
        return;
    }
    log.insert(at, Sample::of(number));
    if log.len() > ENTRIES_MAX && !forget(log, ENTRIES_MAX, span) {
        *level = level.saturating_add(1);
        let mut place = 0_u32;
        log.retain(|(time, sample)| {
            place += 1;
            hash(time.wrapping_add(place), sample.number()) >> 40 & 1 == 0
        });
    }
}

fn total(entries: &[(u32, Count)]) -> u64 {
    entries.iter().map(|(_, count)| u64::from(count.0)).sum()
}

/// Distinct values; entries are at most [`SINGLE_MAX`].
fn distinct(entries: &[(u32, Tag)]) -> usize {
    const SLOTS: usize = 4 * SINGLE_MAX.next_power_of_two() / 2;
    let mut slots = [0_u64; SLOTS];
    let mut found = 0;
    for (_, Tag(tag)) in entries.iter().take(SLOTS - 1) {
        let mark = u64::from(*tag) | 1 << 32;
        let mut slot = tag.wrapping_mul(0x9E37_79B1) as usize >> 8 & (SLOTS - 1);
        while slots[slot] != 0 && slots[slot] != mark {
            slot = (slot + 1) & (SLOTS - 1);
        }
        found += usize::from(slots[slot] == 0);
        slots[slot] = mark;
    }
    found
}

/// Linear interpolation between the two values next to rank `percentile` × (n - 1).
fn percentile(entries: &[(u32, Sample)], percentile: f64) -> Option<f64> {
    let mut numbers: Vec<f64> = entries.iter().map(|(_, sample)| sample.number()).collect();
    let rank = percentile / 100.0 * numbers.len().checked_sub(1)? as f64;
    let (_, &mut low, above) = numbers.select_nth_unstable_by(rank as usize, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + rank.fract() * (high - low))
}

/// How many of the named rules match in a window, where the condition holds.
fn matches(entries: &[(u32, Hit)], plan: &Correlation) -> Option<f64> {
    let all = plan.references.len();
    if plan.kind == Kind::TemporalOrdered {
        let mut next = 0;
        for (_, Hit(position)) in entries {
            next += usize::from(usize::from(*position) == next);
        }
        return (next == all).then_some(all as f64);
    }
    let mask = entries.iter().fold(0_u64, |mask, (_, hit)| mask | 1 << (hit.0 & 63));
    let count = mask.count_ones();
    let holds = match &plan.expression {
        Some(expression) => expression.holds(&|position| mask >> (position & 63) & 1 == 1),
        None if plan.bounds.is_empty() => count as usize == all,
        None => plan.bounds.hold(f64::from(count)),
    };
    holds.then_some(f64::from(count))
}
