//! How far event time has got in a shard.

use serde::{Deserialize, Serialize};

use crate::engine::model::{EventTime, Problems};

/// `[time]`: what counts as late, and as too early.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeConfig {
    /// An event behind the watermark by more than this is late: recorded and judged by the
    /// certain detectors, but in no window.
    pub allowed_lateness_s: u32,
    /// An event ahead of the broker's clock by more than this counts as that much ahead.
    pub ahead_max_s: u32,
}

impl Default for TimeConfig {
    fn default() -> Self {
        Self { allowed_lateness_s: 600, ahead_max_s: 300 }
    }
}

impl TimeConfig {
    /// Where the watermark is at `mark`, no event before this is on time any more.
    pub fn complete(&self, mark: EventTime) -> EventTime {
        mark.minus_ms(i64::from(self.allowed_lateness_s) * 1_000)
    }

    pub fn check(&self, problems: &mut Problems) {
        problems.require(self.allowed_lateness_s <= 86_400, "time.allowed_lateness_s", || {
            format!("must be 0 to 86400 seconds, got {}", self.allowed_lateness_s)
        });
        problems.require(self.ahead_max_s <= 86_400, "time.ahead_max_s", || {
            format!("must be 0 to 86400 seconds, got {}", self.ahead_max_s)
        });
    }
}

/// Events the watermark rests on.
const RECENT: usize = 32;
/// The watermark is looked at anew every so many events.
const STEP: u32 = 8;
/// An event further ahead of the watermark than this has a clock in the future ...
const WILD_MS: i64 = 86_400_000;
/// (A year while there is no watermark: the first few events may well be days apart.)
const WILD_FIRST_MS: i64 = 365 * WILD_MS;
/// ... unless most of the last few events stand there too, or half as far: then it is time that
/// has moved on. (The watermark lags behind a source that is quiet for hours: who comes just after
/// others that were near enough is no further than they are.)
const LAST: u32 = 4;
const MOVED_MS: i64 = WILD_MS / 2;
const MOVED_MIN: usize = 3;

/// The watermark is the median of the last 32 event times, never falling: no minority of clocks
/// in the future can drag it along. Should all of the last 32 be late, it is the watermark that
/// is wrong (or the source that replays its past), and it falls back to them: a monitor that
/// calls everything late is blind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    recent: [EventTime; RECENT],
    taken: u32,
    watermark: Option<EventTime>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { recent: [EventTime::MIN; RECENT], taken: 0, watermark: None }
    }
}

impl Clock {
    /// Takes an event's time; true where it is late.
    pub fn take(&mut self, at: EventTime, allowed_lateness_ms: i64) -> bool {
        self.recent[self.taken as usize % RECENT] = at;
        self.taken = if self.taken == u32::MAX { RECENT as u32 } else { self.taken + 1 };
        if self.taken.is_multiple_of(STEP) {
            self.look(allowed_lateness_ms);
        }
        self.watermark.is_some_and(|mark| mark.since(at) > allowed_lateness_ms)
    }

    /// The time an event counts as, once it was taken: its own, or that of a clock `ahead_ms`
    /// ahead of the watermark where its own is in the future.
    pub fn bounded(&self, at: EventTime, ahead_ms: i64) -> EventTime {
        let (mark, wild_ms) = match self.watermark {
            Some(mark) => (mark, WILD_MS),
            None => (self.first_median(), WILD_FIRST_MS),
        };
        if at.since(mark) > wild_ms && !self.has_moved(mark) {
            at.min(mark.plus_ms(ahead_ms))
        } else {
            at
        }
    }

    /// Stands for the watermark while there is none.
    fn first_median(&self) -> EventTime {
        let mut recent = self.recent;
        let seen = &mut recent[..RECENT.min(self.taken as usize).max(1)];
        let middle = (seen.len() - 1) / 2;
        *seen.select_nth_unstable(middle).1
    }

    fn has_moved(&self, mark: EventTime) -> bool {
        let last = (1..=LAST.min(self.taken))
            .map(|back| self.recent[(self.taken - back) as usize % RECENT]);
        last.filter(|at| at.since(mark) > MOVED_MS).count() >= MOVED_MIN
    }

    /// `None` until eight events have been seen.
    pub fn watermark(&self) -> Option<EventTime> {
        self.watermark
    }

    /// The newest of the last few times, where it is no more than `ahead_ms` beyond the watermark.
    pub fn newest(&self, ahead_ms: i64) -> Option<EventTime> {
        let end = self.watermark?.plus_ms(ahead_ms);
        self.recent.iter().copied().filter(|at| *at <= end).max().max(self.watermark)
    }

    fn look(&mut self, allowed_lateness_ms: i64) {
        let mut recent = self.recent;
        let seen = &mut recent[..RECENT.min(self.taken as usize)];
        let middle = (seen.len() - 1) / 2;
        let (_, &mut median, rest) = seen.select_nth_unstable(middle);
        let newest = rest.iter().copied().max().unwrap_or(median);
        let all_late = seen.len() == RECENT
            && self.watermark.is_some_and(|mark| mark.since(newest) > allowed_lateness_ms);
        self.watermark = match self.watermark {
            Some(mark) if !all_late => Some(mark.max(median)),
            _ => Some(median),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> EventTime {
        EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
    }

    /// Which of the events, by their place, are late with ten minutes allowed.
    fn check(seconds: impl IntoIterator<Item = i64>, late: &[usize]) {
        let mut clock = Clock::default();
        let told: Vec<usize> = seconds
            .into_iter()
            .enumerate()
            .filter(|&(_, second)| clock.take(at(second), 600_000))
            .map(|(i, _)| i)
            .collect();
        assert_eq!(told, late);
    }

    #[test]
    fn one_clock_in_the_future_makes_nobody_late() {
        let century = 75 * 365 * 86_400;
        check((0..500).map(|i| if i % 3 == 1 { century } else { i }), &[]);
        check([century].into_iter().chain(0..100), &[]);
    }

    /// What the last of the events counts as, in seconds.
    fn check_bounded(seconds: impl IntoIterator<Item = i64>, counts_as: i64) {
        let mut clock = Clock::default();
        let mut last = at(0);
        for second in seconds {
            clock.take(at(second), 600_000);
            last = clock.bounded(at(second), 300_000);
        }
        assert_eq!(last.since(at(0)) / 1_000, counts_as);
    }

    #[test]
    fn a_clock_in_the_future_counts_as_a_little_ahead() {
        let century = 75 * 365 * 86_400;
        check_bounded((0..40).chain([century]), 23 + 300);
        check_bounded((0..400).map(|i| if i % 2 == 1 { century } else { 0 }), 300);
        check_bounded((0..40).chain([50_000]), 50_000);
        check_bounded([0, century], 300);
        check_bounded([0, 1, century], 301);
        check_bounded([century, 0], 0);
        check_bounded([-century, 0, 1], 1);
    }

    #[test]
    fn time_that_moves_on_is_no_clock_in_the_future() {
        let week = 7 * 86_400;
        check_bounded((0..40).chain(week..week + 3), week + 2);
        check_bounded((0..40).chain((1..30).map(|i| i * week)), 29 * week);
        for events in 1..40 {
            check_bounded((0..events).map(|i| i * week), (events - 1) * week);
        }
    }

    #[test]
    fn a_source_that_sleeps_at_night_counts_by_its_own_time() {
        // Some twenty events within an hour, day after day: a median of 32 lies a day behind.
        let day = |day: i64| (0..20).map(move |i| day * 86_400 + i * 120);
        for events in 1..=60 {
            let last = events / 20 * 86_400 + events % 20 * 120;
            check_bounded((0..4).flat_map(day).take(events as usize + 1), last);
        }
    }

    #[test]
    fn what_is_behind_by_more_than_allowed_is_late() {
        check((0..100).map(|i| if i == 50 || i == 70 { i - 700 } else { i }), &[50, 70]);
        check((0..100).map(|i| if i == 50 { i - 500 } else { i }), &[]);
    }

    #[test]
    fn a_source_that_replays_its_past_is_late_only_at_first() {
        check((0..100).chain(-90_000..-89_000), &(100..135).collect::<Vec<_>>());
    }
}
