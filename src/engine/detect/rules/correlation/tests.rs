//! Each type of correlation against a slow, obvious version of it, and what may not break it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::{LogSource, Placeholders, RuleSet, Scratch};
use super::{
    Firing, GroupScratch, GroupState, Groups,
    books::{Books, Note, Span},
    definition::Kind,
};
use crate::engine::detect::state::Table;
use crate::engine::model::EventTime;

const SPAN_S: i64 = 60;
const LATENESS_S: i64 = 120;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// One event: when, whose, which rule it matches, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Happening {
    second: i64,
    who: u8,
    rule: u8,
    number: i16,
}

impl Happening {
    fn json(self) -> Json {
        json!({"who": format!("w{}", self.who), "k": NAMES[self.rule as usize % 3], "n": self.number})
    }
}

const BASE: &str = "
title: A\nid: a\nname: a\nlogsource: {product: p}\ndetection: {s: {k: a}, condition: s}
---
title: B\nid: b\nname: b\nlogsource: {product: p}\ndetection: {s: {k: b}, condition: s}
---
title: C\nid: c\nname: c\nlogsource: {product: p}\ndetection: {s: {k: c}, condition: s}
---
";

fn set(correlation: &str) -> RuleSet {
    let text = format!("{BASE}title: X\nid: x\ncorrelation: {correlation}");
    RuleSet::load([("r.yml", text)], &Placeholders::new())
        .unwrap_or_else(|errors| panic!("{correlation}: {errors:?}"))
}

fn at(second: i64) -> EventTime {
    EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
}

struct Engine {
    set: RuleSet,
    table: Table<GroupState>,
    scratch: Scratch,
    groups: GroupScratch,
}

impl Engine {
    fn new(correlation: &str) -> Self {
        Self {
            set: set(correlation),
            table: Table::new(1_000),
            scratch: Scratch::default(),
            groups: GroupScratch::default(),
        }
    }

    fn take(&mut self, event: &Json, at: EventTime, watermark: Option<EventTime>) -> Vec<Firing> {
        let source =
            LogSource { product: Some("p"), service: None, categories: Default::default() };
        let scope = self.set.scope(&[source]);
        let (mut matched, mut out) = (Vec::new(), Vec::new());
        self.set.matches(&scope, event, &mut self.scratch, &mut matched);
        let lateness_ms = (LATENESS_S * 1_000) as u32;
        let table = &mut self.table;
        let mut groups = Groups { table, at, watermark, lateness_ms, seed: 7 };
        self.set.correlate(&matched, event, &mut groups, &mut self.groups, &mut out);
        out
    }

    /// Firings of events in the order given; the watermark is the newest time seen.
    fn run(&mut self, events: &[Happening]) -> Vec<(String, i64, f64)> {
        let mut told = Vec::new();
        let mut newest = i64::MIN;
        for event in events {
            newest = newest.max(event.second);
            let firings = self.take(&event.json(), at(event.second), Some(at(newest)));
            told.extend(firings.into_iter().map(shown));
        }
        told
    }
}

fn shown(firing: Firing) -> (String, i64, f64) {
    let group = firing.group.iter().map(|(_, value)| value.clone().unwrap_or("-".into()));
    (group.collect(), firing.at.since(at(0)) / 1_000, firing.value)
}

/// What a window of one group holds, the slow way.
fn slow_value(kind: Kind, window: &[Happening]) -> Option<f64> {
    let numbers = || window.iter().map(|event| f64::from(event.number));
    let rules: BTreeSet<u8> = window.iter().map(|event| event.rule % 3).collect();
    Some(match kind {
        Kind::EventCount => window.len() as f64,
        Kind::ValueCount => {
            window.iter().map(|event| event.number).collect::<BTreeSet<_>>().len() as f64
        }
        Kind::ValueSum => numbers().sum(),
        Kind::ValueAvg => numbers().sum::<f64>() / window.len() as f64,
        Kind::ValuePercentile => {
            let mut sorted: Vec<f64> = numbers().collect();
            sorted.sort_by(f64::total_cmp);
            let rank = 0.8 * (sorted.len() - 1) as f64;
            let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
            low + (rank - rank.floor()) * (high - low)
        }
        Kind::Temporal => rules.len() as f64,
        Kind::TemporalOrdered => {
            let mut events: Vec<(i64, u8)> =
                window.iter().map(|e| (e.second, e.rule % 3)).collect();
            events.sort_unstable();
            let chained = events.iter().fold(0, |next, (_, rule)| next + u8::from(*rule == next));
            return (chained == 3).then_some(3.0);
        }
    })
}

/// Instants at which the condition holds for the events so far, told once a timespan.
fn slow(kind: Kind, holds: impl Fn(f64) -> bool, events: &[Happening]) -> Vec<(String, i64, f64)> {
    let mut told = Vec::new();
    let mut last: BTreeMap<u8, i64> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        let within = |e: &&Happening| {
            e.who == event.who && (event.second - SPAN_S..=event.second).contains(&e.second)
        };
        let window: Vec<Happening> = events[..=i].iter().filter(within).copied().collect();
        let quiet = last.get(&event.who).is_some_and(|last| event.second - last < SPAN_S);
        if let Some(value) = slow_value(kind, &window).filter(|value| holds(*value))
            && !quiet
        {
            last.insert(event.who, event.second);
            told.push((format!("w{}", event.who), event.second, value));
        }
    }
    told
}

type Case = (Kind, &'static str, fn(f64) -> bool);

const CASES: [Case; 7] = [
    (
        Kind::EventCount,
        "{type: event_count, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {gte: 6}}",
        |v| v >= 6.0,
    ),
    (
        Kind::ValueCount,
        "{type: value_count, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, gt: 4}}",
        |v| v > 4.0,
    ),
    (Kind::Temporal, "{type: temporal, rules: [a, b, c], group-by: [who], timespan: 60s}", |v| {
        v >= 3.0
    }),
    (
        Kind::TemporalOrdered,
        "{type: temporal_ordered, rules: [a, b, c], group-by: [who], timespan: 60s}",
        |_| true,
    ),
    (
        Kind::ValueSum,
        "{type: value_sum, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, gte: 40}}",
        |v| v >= 40.0,
    ),
    (
        Kind::ValueAvg,
        "{type: value_avg, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, gt: 7, lte: 12}}",
        |v| v > 7.0 && v <= 12.0,
    ),
    (
        Kind::ValuePercentile,
        "{type: value_percentile, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, percentile: 80, gte: 11}}",
        |v| v >= 11.0,
    ),
];

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = (0..40_i64, 0..3_u8, 0..3_u8, 0..16_i16);
    prop::collection::vec(one, 1..150).prop_map(|steps| {
        let mut second = 0;
        let of = |(step, who, rule, number): (i64, u8, u8, i16)| {
            second += step * step / 100;
            Happening { second, who, rule, number }
        };
        steps.into_iter().map(of).collect()
    })
}

fn close(a: &[(String, i64, f64)], b: &[(String, i64, f64)]) -> bool {
    let same = |(x, y): (&(String, i64, f64), &(String, i64, f64))| {
        x.0 == y.0 && x.1 == y.1 && (x.2 - y.2).abs() < 1e-9
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_order_it_is_the_slow_version(events in happenings()) {
        for (kind, text, holds) in CASES {
            let told = Engine::new(text).run(&events);
            let expected = slow(kind, holds, &events);
            prop_assert!(close(&told, &expected), "{kind:?}: {told:?} is not {expected:?}");
        }
    }

    /// Only conditions that more events cannot undo: what was told cannot be unsaid.
    #[test]
    fn out_of_order_it_tells_of_the_same_windows(
        events in happenings(), delays in prop::collection::vec(0..LATENESS_S, 150),
    ) {
        let mut shuffled: Vec<(i64, usize)> =
            events.iter().zip(&delays).enumerate().map(|(i, (e, d))| (e.second + d, i)).collect();
        shuffled.sort_unstable();
        let shuffled: Vec<Happening> = shuffled.iter().map(|(_, i)| events[*i]).collect();
        for (kind, text, holds) in CASES {
            if matches!(kind, Kind::ValueAvg | Kind::ValuePercentile) {
                continue;
            }
            let told = Engine::new(text).run(&shuffled);
            // Every instant at which the condition holds once all events are there.
            let mut held: BTreeSet<(String, i64)> = BTreeSet::new();
            for event in &events {
                let within = |e: &&Happening| {
                    e.who == event.who
                        && (event.second - SPAN_S..=event.second).contains(&e.second)
                };
                let window: Vec<Happening> = events.iter().filter(within).copied().collect();
                if slow_value(kind, &window).is_some_and(holds) {
                    held.insert((format!("w{}", event.who), event.second));
                }
            }
            for (who, second, _) in &told {
                prop_assert!(held.contains(&(who.clone(), *second)), "{kind:?}: false {told:?}");
            }
            for (who, second) in &held {
                let near = told.iter().any(|(w, s, _)| w == who && (s - second).abs() < SPAN_S);
                prop_assert!(near, "{kind:?}: {who} at {second} is missing from {told:?}");
            }
        }
    }

    #[test]
    fn a_clock_in_the_future_changes_nothing(
        events in happenings(), place in 0..150_usize, days in prop::sample::select(vec![1_i64, 20, 40, 400, 30_000]),
    ) {
        for (kind, text, holds) in CASES {
            let mut engine = Engine::new(text);
            let mut told = Vec::new();
            for (i, event) in events.iter().enumerate() {
                if i == place % events.len() {
                    let wild = Happening { number: 3, ..*event }.json();
                    // The first event of a shard has no watermark to be measured by.
                    let mark = (i > 0).then(|| at(event.second));
                    engine.take(&wild, at(event.second + days * 86_400), mark);
                }
                let firings = engine.take(&event.json(), at(event.second), Some(at(event.second)));
                told.extend(firings.into_iter().map(shown));
            }
            let expected = slow(kind, holds, &events);
            prop_assert!(close(&told, &expected), "{kind:?}: {told:?} is not {expected:?}");
        }
    }

    #[test]
    fn saved_and_taken_back_it_goes_on(events in happenings()) {
        for (_, text, _) in CASES {
            let mut engine = Engine::new(text);
            let half = events.len() / 2;
            let mut told = engine.run(&events[..half]);
            let mut rows = Vec::new();
            engine.table.save(|_| {}, |name, slot, state| {
                let bytes = postcard::to_allocvec(state).expect("it is written");
                let back: GroupState = postcard::from_bytes(&bytes).expect("it is read");
                rows.push((slot, name.into(), back));
            });
            let mut other = Engine::new(text);
            other.table.restore(engine.table.mark(), rows);
            told.extend(other.run(&events[half..]));
            prop_assert!(close(&told, &Engine::new(text).run(&events)));
        }
    }
}

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

#[test]
fn a_chain_counts_firings_by_the_same_group() {
    let text = "
{type: event_count, rules: [a], group-by: [who], timespan: 10s, condition: {gte: 3}}
name: burst
---
title: Y
id: y
correlation: {type: temporal_ordered, rules: [burst, c], aliases: {person: {burst: who, c: user}}, group-by: [person], timespan: 1m}
";
    let mut engine = Engine::new(text.trim_start());
    assert!(engine.set.tells(1) && !engine.set.tells(0) && !engine.set.correlation_tells(0));
    let mut told = Vec::new();
    for (second, event) in [
        (0, json!({"k": "a", "who": "x"})),
        (1, json!({"k": "a", "who": "x"})),
        (2, json!({"k": "c", "user": "x"})),
        (3, json!({"k": "a", "who": "x"})),
        (4, json!({"k": "c", "user": "y"})),
        (5, json!({"k": "c", "user": "x"})),
    ] {
        for firing in engine.take(&event, at(second), None) {
            told.push((
                engine.set.correlations()[firing.correlation as usize].rule.id.clone(),
                second,
            ));
        }
    }
    assert_eq!(told, [("x".to_owned(), 3), ("y".to_owned(), 5)]);
}

#[test]
fn temporal_takes_a_count_or_an_expression() {
    for (condition, expected) in [("{gte: 2}", vec![1, 3]), ("'a and not b'", vec![0, 3])] {
        let text =
            format!("{{type: temporal, rules: [a, b, c], timespan: 5s, condition: {condition}}}");
        let mut engine = Engine::new(&text);
        let events = [("a", 0), ("b", 1), ("b", 10), ("a", 20), ("c", 21)];
        let mut told = Vec::new();
        for (i, (k, second)) in events.iter().enumerate() {
            if !engine.take(&json!({"k": k}), at(*second), None).is_empty() {
                told.push(i);
            }
        }
        let expected: Vec<usize> = if condition == "{gte: 2}" { vec![1, 4] } else { expected };
        assert_eq!(told, expected, "{condition}");
    }
}

#[test]
fn groups_are_told_apart_whatever_their_fields_hold() {
    let text = "{type: event_count, rules: a, group-by: [x, y], timespan: 1m, condition: {gte: 2}}";
    let mut engine = Engine::new(text);
    for (x, y) in [
        (json!("a"), json!("1:b")),
        (json!("a1"), json!("b")),
        (json!(null), json!("b")),
        (json!(""), json!("b")),
    ] {
        assert_eq!(engine.take(&json!({"k": "a", "x": x, "y": y}), at(0), None), []);
    }
    let long = "l".repeat(5_000);
    for end in ["p", "q", "p"] {
        let told = engine.take(&json!({"k": "a", "x": format!("{long}{end}")}), at(0), None).len();
        assert_eq!(told, usize::from(engine.table.len() == 6 && end == "p"), "{end}");
    }
    assert_eq!(engine.table.len(), 6);
}

fn refused(correlation: &str, expected: &str) {
    let text = format!("{BASE}title: X\nid: x\ncorrelation: {correlation}");
    let errors = RuleSet::load([("r.yml", text)], &Placeholders::new()).expect_err(correlation);
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|error| error.contains(expected)), "{correlation}: {told:?}");
    assert!(told.iter().all(|error| error.starts_with("r.yml:")), "{told:?}");
}

#[test]
fn what_is_not_supported_is_refused() {
    refused(
        "{type: event_count, rules: [a], timespan: 365d, condition: {gte: 1}}",
        "from 1s to 31d",
    );
    refused("{type: event_count, rules: [a], timespan: 0s, condition: {gte: 1}}", "from 1s to 31d");
    refused("{type: event_count, rules: [a], timespan: 5w, condition: {gte: 1}}", "from 1s to 31d");
    refused(
        "{type: value_median, rules: [a], timespan: 5m, condition: {gte: 1}}",
        "expected one of event_count",
    );
    refused(
        "{type: event_count, rules: [zz], timespan: 5m, condition: {gte: 1}}",
        "no rule loaded",
    );
    refused(
        "{type: event_count, rules: [a, a], timespan: 5m, condition: {gte: 1}}",
        "appears twice",
    );
    refused("{type: event_count, rules: [x], timespan: 5m, condition: {gte: 1}}", "circle");
    refused("{type: event_count, rules: [a], timespan: 5m}", "missing `condition`");
    refused("{type: event_count, rules: [a], timespan: 5m, condition: {gte: x}}", "a number");
    refused(
        "{type: event_count, rules: [a], timespan: 5m, condition: {field: n, gte: 1}}",
        "`field` here",
    );
    refused(
        "{type: value_count, rules: [a], timespan: 5m, condition: {gte: 1}}",
        "missing `field`",
    );
    refused(
        "{type: value_sum, rules: [a], timespan: 5m, condition: {field: [n, m], gte: 1}}",
        "more than one field",
    );
    refused(
        "{type: value_avg, rules: [a], timespan: 5m, condition: {field: n, percentile: 3, gte: 1}}",
        "expected one of gt",
    );
    refused(
        "{type: value_percentile, rules: [a], timespan: 5m, condition: {field: n, percentile: 300, gte: 1}}",
        "0 to 100",
    );
    refused(
        "{type: temporal_ordered, rules: [a, b], timespan: 5m, condition: {gte: 1}}",
        "temporal_ordered",
    );
    refused(
        "{type: temporal, rules: [a, b], timespan: 5m, condition: {gte: 3}}",
        "rules that are listed",
    );
    refused("{type: temporal, rules: [a, b], timespan: 5m, condition: a and d}", "uses `d`");
    refused(
        "{type: temporal, rules: [a, b], timespan: 5m, window: tumbling}",
        "expected one of type",
    );
    refused("{type: temporal, rules: [a], timespan: 5m, aliases: {p: {zz: f}}}", "no rule loaded");
    refused(
        "{type: temporal, rules: [a, b], timespan: 5m, group-by: p, aliases: {p: {a: f}}}",
        "for every rule",
    );
    let many: Vec<String> = (0..200).map(|i| format!("r{i}")).collect();
    refused(
        &format!("{{type: temporal, rules: [{}], timespan: 5m}}", many.join(", ")),
        "at most 64",
    );
    let twins: String = (0..70)
        .map(|i| format!("{{type: event_count, rules: a, timespan: 5m, condition: {{gte: 1}}}}\n---\ntitle: Z\nid: z{i}\ncorrelation: "))
        .collect();
    refused(
        &format!("{twins}{{type: event_count, rules: a, timespan: 5m, condition: {{gte: 1}}}}"),
        "name one rule",
    );
}

#[test]
fn whom_a_record_is_about_is_no_group() {
    let text = "title: A\nid: a\nlogsource: {product: tidewaiter}\ndetection: {s: {action: read}, condition: s}\n---\ntitle: X\nid: x\ncorrelation: {type: event_count, rules: a, group-by: resource.subject, timespan: 5m, condition: {gte: 1}}";
    let errors = RuleSet::load([("r.yml", text)], &Placeholders::new()).expect_err("private");
    assert!(errors[0].to_string().contains("not readable by rules"), "{errors:?}");
}

#[test]
fn state_survives_the_reload_of_what_did_not_change() {
    let text = "{type: event_count, rules: a, group-by: who, timespan: 1m, condition: {gte: 3}}";
    let changed = "{type: event_count, rules: a, group-by: who, timespan: 2m, condition: {gte: 3}}";
    for (after, expected) in [(text, 1), (changed, 0)] {
        let mut engine = Engine::new(text);
        for second in 0..2 {
            engine.take(&json!({"k": "a", "who": "x"}), at(second), None);
        }
        // Other rules before it, comments, another description: the same correlation.
        let text = format!(
            "# new\ntitle: N\nid: n\nlogsource: {{product: p}}\ndetection: {{s: {{k: z}}, condition: s}}\n---\n{BASE}title: X\ndescription: other words\nid: x\ncorrelation: {after}"
        );
        engine.set = RuleSet::load([("r.yml", text)], &Placeholders::new()).expect("rules");
        let told = engine.take(&json!({"k": "a", "who": "x"}), at(2), None);
        assert_eq!(told.len(), expected, "{after}");
    }
}
