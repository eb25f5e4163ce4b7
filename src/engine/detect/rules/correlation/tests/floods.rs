//! Books that are full blur by no more than they say, and stay within their bytes.

use super::*;

/// Milliseconds of a window of an hour.
const HOUR: u32 = 3_600_000;

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Fills the books of `correlation` with a flood; compares `share` of what is told with the truth.
fn flood(correlation: &str, note: impl Fn(u64) -> (Note, u64), tolerance: f64, bytes_max: usize) {
    let set = set(correlation);
    let plan = &set.correlations()[0];
    let mut books = Books::new(plan.kind);
    let (mut state, mut now) = (42, 10 * HOUR);
    let mut events: Vec<(u32, u64)> = Vec::new();
    for turn in 0..40_000_u64 {
        now += (random(&mut state) % 400) as u32;
        let (note, value) = note(random(&mut state));
        events.push((now, value));
        books.add(now, note, Span { window: HOUR, lateness: 600_000, mark: now });
        if turn % 1_009 == 1_008 {
            let told = books.judge(plan, now - HOUR, now).expect("anything holds");
            let truth = |from: u32| {
                let window: Vec<f64> =
                    events.iter().filter(|(t, _)| *t >= from).map(|(_, v)| *v as f64).collect();
                match plan.kind {
                    Kind::EventCount => window.len() as f64,
                    Kind::ValueCount => {
                        window.iter().map(|v| *v as u64).collect::<BTreeSet<_>>().len() as f64
                    }
                    Kind::ValueSum => window.iter().sum(),
                    _ => {
                        let below = window.iter().filter(|v| **v <= told).count();
                        below as f64 / window.len() as f64
                    }
                }
            };
            let (least, most) = (truth(now - HOUR + HOUR / 32), truth(now - HOUR));
            if plan.kind == Kind::ValuePercentile {
                assert!((most - 0.8).abs() < tolerance, "rank {most} is not 0.8");
            } else {
                let range = least * (1.0 - tolerance)..=most * (1.0 + tolerance);
                assert!(range.contains(&told), "{told} is not in {range:?}");
            }
            assert!(books.heap_bytes() <= bytes_max, "{} bytes", books.heap_bytes());
        }
    }
}

#[test]
fn a_flood_of_events_blurs_the_far_end_of_the_window_only() {
    let text = "{type: event_count, rules: a, timespan: 1h, condition: {gte: 0}}";
    flood(text, |_| (Note::Event, 1), 0.0, 4_096);
}

#[test]
fn a_flood_of_sums_blurs_the_far_end_of_the_window_only() {
    let text = "{type: value_sum, rules: a, timespan: 1h, condition: {field: n, gte: 0}}";
    flood(text, |random| (Note::Number((random % 100) as f64), random % 100), 1e-9, 8_192);
}

#[test]
fn a_flood_of_values_is_counted_within_the_stated_error() {
    let text = "{type: value_count, rules: a, timespan: 1h, condition: {field: n, gte: 0}}";
    let note = |random: u64| {
        let value = random % 30_000;
        (
            Note::Value(value.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) ^ value << 40),
            value,
        )
    };
    flood(text, note, 0.08, 40_960);
}

#[test]
fn a_flood_of_numbers_leaves_the_rank_within_the_stated_error() {
    let text = "{type: value_percentile, rules: a, timespan: 1h, condition: {field: n, percentile: 80, gte: 0}}";
    flood(text, |random| (Note::Number((random % 10_000) as f64), random % 10_000), 0.16, 4_096);
}

#[test]
fn a_flood_of_matches_keeps_what_order_needs() {
    let mut engine = Engine::new("{type: temporal_ordered, rules: [a, b, c], timespan: 60s}");
    for second in 0..3_000 {
        assert_eq!(engine.take(&json!({"k": "b"}), at(second / 10), Some(at(second / 10))), []);
    }
    let mut take =
        |k: &str, second| engine.take(&json!({"k": k}), at(second), Some(at(second))).len();
    assert_eq!((take("a", 310), take("c", 311), take("b", 312), take("c", 313)), (0, 0, 0, 1));
}
