//! Records, bytes and distinct subjects over three spans together.

use serde::{Deserialize, Serialize};

use super::distinct::Touch;
use super::{Distinct, Ring};
use crate::engine::model::{EventTime, SubjectToken};

/// The three spans, shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    TenMinutes,
    Hour,
    Day,
}

impl Span {
    pub const ALL: [Self; 3] = [Self::TenMinutes, Self::Hour, Self::Day];

    pub const fn millis(self) -> i64 {
        match self {
            Self::TenMinutes => 600_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::TenMinutes => "10 min",
            Self::Hour => "1 h",
            Self::Day => "1 day",
        }
    }

    const fn pane_minutes(self) -> i64 {
        match self {
            Self::TenMinutes => 1,
            Self::Hour => 5,
            Self::Day => 60,
        }
    }
}

const DAY_MINUTES: i64 = 1_440;

/// What a span holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub records: u64,
    pub bytes: u64,
    /// Distinct subjects; an estimate within 2.6% beyond some 3,000.
    pub subjects: u64,
}

/// Three windows and the subjects they share.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Windows {
    ten_minutes: Ring<10>,
    hour: Ring<12>,
    day: Ring<24>,
    seen: Distinct,
}

impl Windows {
    /// Counts one event. A time before 1970 counts as 1970.
    ///
    /// `trusted` says the shard's clock does not call this event late. Should such an event lie
    /// behind everything a window still covers, the window was dragged off by a clock in the
    /// future, and starts afresh.
    pub fn add(
        &mut self,
        at: EventTime,
        trusted: bool,
        records: u64,
        bytes: u64,
        tokens: &[SubjectToken],
    ) {
        let minute = (at.millis() / 60_000).max(1);
        self.advance(minute, trusted);
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        // The first subject is counted with its event, so that a pane is written once.
        let (first, others) = match tokens.split_first() {
            Some((first, others)) => (self.touch(first.short(), minute), others),
            None => (Touch::Unchanged, tokens),
        };
        self.count(minute, (records, bytes), first);
        for token in others {
            match self.touch(token.short(), minute) {
                Touch::Unchanged => {}
                touch => self.count(minute, (0, 0), touch),
            }
        }
    }

    pub fn totals(&self, span: Span) -> Totals {
        let (records, bytes, subjects) = match span {
            Span::TenMinutes => parts(&self.ten_minutes),
            Span::Hour => parts(&self.hour),
            Span::Day => parts(&self.day),
        };
        Totals { records, bytes, subjects: subjects * self.seen.weight() }
    }

    /// False once `subjects` is an estimate.
    pub fn is_exact(&self) -> bool {
        self.seen.is_exact()
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.ten_minutes.records() ^ self.hour.records() ^ self.day.records() ^ self.seen.weight()
    }

    pub fn glance_behind(&self, subject: u64) -> u64 {
        let rings = self.ten_minutes.glance() ^ self.hour.glance() ^ self.day.glance();
        rings ^ self.seen.glance(subject)
    }

    pub fn heap_bytes(&self) -> usize {
        self.seen.heap_bytes()
            + self.ten_minutes.heap_bytes()
            + self.hour.heap_bytes()
            + self.day.heap_bytes()
    }

    fn advance(&mut self, minute: i64, trusted: bool) {
        advance(&mut self.ten_minutes, minute / Span::TenMinutes.pane_minutes(), trusted);
        advance(&mut self.hour, minute / Span::Hour.pane_minutes(), trusted);
        let day = minute / Span::Day.pane_minutes();
        if trusted && !self.day.covers(day.max(0)) && advance(&mut self.day, day, trusted) {
            self.seen = Distinct::default();
        }
    }

    fn touch(&mut self, hash: u64, minute: i64) -> Touch {
        let horizon = (minute - DAY_MINUTES).max(1) as u32;
        let Self { ten_minutes, hour, day, seen } = self;
        seen.touch(hash, minute as u32, horizon, |minute| {
            let minute = i64::from(minute);
            ten_minutes.drop_subject(minute / Span::TenMinutes.pane_minutes());
            hour.drop_subject(minute / Span::Hour.pane_minutes());
            day.drop_subject(minute / Span::Day.pane_minutes());
        })
    }

    fn count(&mut self, minute: i64, event: (u32, u64), touch: Touch) {
        count(&mut self.ten_minutes, Span::TenMinutes, minute, event, touch);
        count(&mut self.hour, Span::Hour, minute, event, touch);
        count(&mut self.day, Span::Day, minute, event, touch);
    }
}

/// Counts records and bytes, and the subject that was touched in the pane it is seen in now.
#[inline]
fn count<const N: usize>(
    ring: &mut Ring<N>,
    span: Span,
    minute: i64,
    (records, bytes): (u32, u64),
    touch: Touch,
) {
    let pane = minute / span.pane_minutes();
    let subjects = match touch {
        Touch::Unchanged => 0,
        Touch::Fresh => 1,
        Touch::Moved { from } => {
            let from = i64::from(from) / span.pane_minutes();
            if from != pane {
                ring.drop_subject(from);
            }
            u32::from(from != pane)
        }
    };
    ring.add(pane, records, bytes, subjects);
}

fn parts<const N: usize>(ring: &Ring<N>) -> (u64, u64, u64) {
    (ring.records(), ring.bytes(), ring.subjects())
}

/// True where the ring was started afresh because it had run ahead.
fn advance<const N: usize>(ring: &mut Ring<N>, pane: i64, trusted: bool) -> bool {
    ring.advance(pane);
    let ran_ahead = trusted && !ring.covers(pane);
    if ran_ahead {
        *ring = Ring::default();
        ring.advance(pane);
    }
    ran_ahead
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn token(n: u64) -> SubjectToken {
        let mut bytes = [0; 16];
        bytes[..8]
            .copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).to_le_bytes());
        SubjectToken(bytes)
    }

    /// The same, slow and obvious: keeps every event.
    #[derive(Default)]
    struct Slow(Vec<(i64, u64, u64, Option<u64>)>);

    impl Slow {
        fn totals(&self, span: Span) -> Totals {
            let pane = span.pane_minutes();
            let head = self.0.iter().map(|e| e.0 / pane).max().unwrap_or(0);
            let inside = |m: i64| head - m / pane < span.millis() / 60_000 / pane;
            let mut last_seen = BTreeMap::new();
            let mut totals = Totals::default();
            for &(minute, records, bytes, subject) in self.0.iter() {
                if inside(minute) {
                    totals.records += records;
                    totals.bytes += bytes;
                }
                if let Some(subject) = subject {
                    let last = last_seen.entry(subject).or_insert(minute);
                    *last = minute.max(*last);
                }
            }
            totals.subjects = last_seen.values().filter(|&&m| inside(m)).count() as u64;
            totals
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_version(steps in prop::collection::vec((0_i64..90, 0_u64..40, 0_u64..500, prop::option::of(0_u64..60)), 1..400)) {
            let (mut fast, mut slow) = (Windows::default(), Slow::default());
            let mut minute = 29_000_000_i64;
            for (gap, records, bytes, subject) in steps {
                // Mostly small steps; now and then a long silence.
                minute += if gap > 85 { gap * 20 } else { gap / 30 };
                let tokens: Vec<_> = subject.map(token).into_iter().collect();
                fast.add(EventTime::default().plus_ms(minute * 60_000), true, records, bytes, &tokens);
                slow.0.push((minute, records, bytes, subject));
                for span in Span::ALL {
                    prop_assert_eq!(fast.totals(span), slow.totals(span));
                }
            }
        }
    }

    #[test]
    fn estimates_a_dump_within_its_stated_error() {
        for distinct in [3_000_u64, 20_000, 200_000] {
            let mut windows = Windows::default();
            for n in 0..distinct {
                windows.add(
                    EventTime::default().plus_ms(1_800_000_000_000),
                    true,
                    1,
                    0,
                    &[token(n)],
                );
            }
            let seen = windows.totals(Span::TenMinutes).subjects as f64;
            let error = (seen - distinct as f64).abs() / distinct as f64;
            assert!(
                error <= if distinct <= 3_000 { 0.0 } else { 3.0 * 0.026 },
                "{distinct}: {seen}"
            );
            assert!(windows.seen.heap_bytes() <= 32_768);
        }
    }

    #[test]
    fn a_clock_in_the_future_does_not_blind_the_windows() {
        let now = EventTime::default().plus_ms(1_800_000_000_000);
        let mut windows = Windows::default();
        windows.add(now.plus_ms(75 * 365 * 86_400_000), true, 1, 0, &[token(1)]);
        for n in 0..50 {
            windows.add(now.plus_ms(n as i64), true, 1, 10, &[token(n)]);
        }
        assert_eq!(
            windows.totals(Span::TenMinutes),
            Totals { records: 50, bytes: 500, subjects: 50 }
        );
        assert_eq!(windows.totals(Span::Day).subjects, 50);
    }
}
