//! Time from broker append to verdict.

use hdrhistogram::Histogram;
use serde::Serialize;
use utoipa::ToSchema;

/// Upper bounds of the metric's buckets, in milliseconds.
pub const BOUNDS_MS: [u64; 16] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];
/// What takes longer counts as this.
const LATENCY_MS_MAX: u64 = 60_000;
const DIGITS: u8 = 3;
const SLOT_S: u64 = 10;
const SLOTS: u64 = 6;

/// Of the last minute (50 to 60 s), over all topics. Milliseconds from the broker's append to the
/// verdict: includes queueing, excludes publishing. The start is the broker's clock and the end
/// ours, so skew shows here; above 60 s counts as 60 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct LatencyStats {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
    /// Events measured in that minute.
    pub count: u64,
}

/// Since the start in buckets, and the last minute in detail.
pub struct Latency {
    /// Events in each bucket alone; the last holds what is above every bound.
    pub buckets: [u64; BOUNDS_MS.len() + 1],
    pub sum_ms: u64,
    /// `(the ten seconds it holds, events)`.
    slots: Vec<(u64, Histogram<u32>)>,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            buckets: [0; BOUNDS_MS.len() + 1],
            sum_ms: 0,
            slots: (0..SLOTS).filter_map(|i| Some((i, histogram()?))).collect(),
        }
    }
}

fn histogram() -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, LATENCY_MS_MAX, DIGITS).ok()
}

impl Latency {
    /// `second` counts from the process's start.
    pub fn add(&mut self, second: u64, milliseconds: u64, events: u64) {
        let milliseconds = milliseconds.min(LATENCY_MS_MAX);
        let bucket = BOUNDS_MS.partition_point(|&bound| bound < milliseconds);
        self.buckets[bucket] += events;
        self.sum_ms = self.sum_ms.saturating_add(milliseconds.saturating_mul(events));
        let tens = second / SLOT_S;
        let Some((held, slot)) = self.slots.get_mut((tens % SLOTS) as usize) else { return };
        if *held != tens {
            *held = tens;
            slot.reset();
        }
        slot.saturating_record_n(milliseconds, u32::try_from(events).unwrap_or(u32::MAX));
    }

    /// Figures over the last minute of all of `topics`.
    pub fn recent<'a>(topics: impl Iterator<Item = &'a Self>, second: u64) -> LatencyStats {
        let Some(mut all) = Histogram::<u64>::new_with_bounds(1, LATENCY_MS_MAX, DIGITS).ok()
        else {
            return LatencyStats::default();
        };
        let now = second / SLOT_S;
        for latency in topics {
            for (held, slot) in &latency.slots {
                if held + SLOTS > now && *held <= now {
                    for bar in slot.iter_recorded() {
                        let n = u64::from(bar.count_at_value());
                        all.saturating_record_n(bar.value_iterated_to(), n);
                    }
                }
            }
        }
        if all.is_empty() {
            return LatencyStats::default();
        }
        LatencyStats {
            p50: all.value_at_quantile(0.5) as f64,
            p99: all.value_at_quantile(0.99) as f64,
            max: all.max() as f64,
            count: all.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(adds: &[(u64, u64, u64)], second: u64, expected: (f64, f64, f64, u64)) {
        let mut latency = Latency::default();
        adds.iter().for_each(|&(at, ms, n)| latency.add(at, ms, n));
        let r = Latency::recent(std::iter::once(&latency), second);
        assert_eq!((r.p50, r.p99, r.max, r.count), expected);
    }

    #[test]
    fn tells_quantiles_of_the_last_minute() {
        check(&[(0, 2, 98), (1, 40, 2)], 5, (2.0, 40.0, 40.0, 100));
        check(&[], 5, (0.0, 0.0, 0.0, 0));
    }

    #[test]
    fn forgets_the_minute_before() {
        check(&[(3, 500, 10), (62, 4, 1)], 62, (4.0, 4.0, 4.0, 1));
        check(&[(3, 500, 10)], 59, (500.0, 500.0, 500.0, 10));
        check(&[(3, 500, 10)], 60, (0.0, 0.0, 0.0, 0));
    }

    #[test]
    fn above_a_minute_is_a_minute() {
        let mut latency = Latency::default();
        latency.add(0, u64::MAX, 3);
        latency.add(0, 0, 1);
        assert_eq!(latency.buckets[BOUNDS_MS.len() - 1], 3);
        assert_eq!(latency.buckets[0], 1);
        assert_eq!(latency.sum_ms, 180_000);
    }
}
