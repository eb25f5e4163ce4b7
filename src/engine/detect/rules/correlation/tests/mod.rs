//! Each type of correlation against a slow, obvious version of it, and what may not break it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::{LogSource, Placeholders, RuleSet, Scratch};
use super::{
    Firing, GroupScratch, GroupState, Groups, Held, Released, Spokesman,
    books::{Books, Note, Span},
    definition::Kind,
};
use crate::engine::detect::state::Table;
use crate::engine::model::{EventTime, Finding, IdHasher};

mod floods;
mod late;
mod loading;

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

/// The same, read once a thread: properties try the same few correlations hundreds of times.
fn known(correlation: &str) -> Rc<RuleSet> {
    thread_local!(static SETS: RefCell<BTreeMap<String, Rc<RuleSet>>> = const { RefCell::new(BTreeMap::new()) });
    let known = SETS.with_borrow(|sets| sets.get(correlation).cloned());
    known.unwrap_or_else(|| {
        let set = Rc::new(set(correlation));
        SETS.with_borrow_mut(|sets| sets.insert(correlation.to_owned(), Rc::clone(&set)));
        set
    })
}

fn at(second: i64) -> EventTime {
    EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
}

struct Engine {
    set: Rc<RuleSet>,
    table: Table<GroupState>,
    scratch: Scratch,
    groups: GroupScratch,
    held: Held,
}

/// Puts events of one instant in order as their content does.
struct Content<'e>(&'e Json);

impl Spokesman for Content<'_> {
    fn hash(&self) -> u64 {
        IdHasher::new("test").part(self.0.to_string().as_bytes()).finish_u64()
    }

    fn finding(&self, _: &Firing) -> Option<Finding> {
        None
    }
}

impl Engine {
    fn new(correlation: &str) -> Self {
        Self {
            set: known(correlation),
            table: Table::new(1_000),
            scratch: Scratch::default(),
            groups: GroupScratch::default(),
            held: Held::default(),
        }
    }

    fn take(&mut self, event: &Json, at: EventTime, watermark: Option<EventTime>) -> Vec<Firing> {
        let source =
            LogSource { product: Some("p"), service: None, categories: Default::default() };
        let scope = self.set.scope(&[source]);
        let (mut matched, mut out) = (Vec::new(), Vec::new());
        self.set.matches(&scope, event, &mut self.scratch, &mut matched);
        let mut released = Vec::new();
        if let Some(mark) = watermark {
            released = self.let_go(Some(mark.minus_ms(LATENESS_S * 1_000)));
        }
        let mut groups = groups(&mut self.table, at, watermark, &mut self.held);
        let said = Content(event);
        self.set.correlate(&matched, event, &said, &mut groups, &mut self.groups, &mut out);
        released.extend(out);
        released
    }

    /// What has waited and whose turn has come.
    fn let_go(&mut self, until: Option<EventTime>) -> Vec<Firing> {
        let mut released = Vec::new();
        let mut groups = groups(&mut self.table, at(0), until, &mut self.held);
        self.set.release(until, &mut groups, &mut self.groups, &mut released);
        released.into_iter().map(|Released { firing, .. }| firing).collect()
    }

    /// Firings of events in the order given; the watermark is the newest time seen.
    fn run(&mut self, events: &[Happening]) -> Vec<(String, i64, f64)> {
        let mut told = self.follow(events);
        told.extend(self.let_go(None).into_iter().map(shown));
        told
    }

    /// The same with more to come.
    fn follow(&mut self, events: &[Happening]) -> Vec<(String, i64, f64)> {
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

fn groups<'g>(
    table: &'g mut Table<GroupState>,
    at: EventTime,
    watermark: Option<EventTime>,
    held: &'g mut Held,
) -> Groups<'g> {
    let lateness_ms = (LATENESS_S * 1_000) as u32;
    Groups { table, at, watermark, lateness_ms, seed: 7, held: Some(held) }
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

/// Instants at which the condition holds for the events so far, told once a timespan. What can be
/// taken back goes by the order of turns.
fn slow(kind: Kind, holds: impl Fn(f64) -> bool, events: &[Happening]) -> Vec<(String, i64, f64)> {
    let mut events = events.to_vec();
    if matches!(kind, Kind::ValueAvg | Kind::ValuePercentile) {
        events.sort_by_key(|event| (event.second, Content(&event.json()).hash()));
    }
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

/// However events had to wait: in the order of time.
fn sorted(told: &[(String, i64, f64)]) -> Vec<(String, i64, f64)> {
    let mut told = told.to_vec();
    told.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    told
}

/// Whether they are the same, whenever they were told.
fn close(a: &[(String, i64, f64)], b: &[(String, i64, f64)]) -> bool {
    let same = |(x, y): (&(String, i64, f64), &(String, i64, f64))| {
        x.0 == y.0 && x.1 == y.1 && (x.2 - y.2).abs() < 1e-9
    };
    let (a, b) = (sorted(a), sorted(b));
    a.len() == b.len() && a.iter().zip(&b).all(same)
}

/// The two windows that hold it end a timespan apart: each is told.
#[test]
fn a_late_event_may_complete_two_windows() {
    let mut engine = Engine::new(
        "{type: event_count, rules: [a], group-by: [who], timespan: 60s, condition: {gte: 3}}",
    );
    let event = |second| Happening { second, who: 0, rule: 0, number: 0 };
    let told = engine.run(&[90, 95, 159, 160, 100].map(event));
    let expected = [("w0".to_owned(), 100, 3.0), ("w0".to_owned(), 160, 3.0)];
    assert_eq!(told, expected[..]);
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
                    // What has waited and is due is told of the others; the wild one's own is not.
                    let due = mark.map(|mark| mark.minus_ms(LATENESS_S * 1_000));
                    told.extend(engine.let_go(due.or(Some(at(-1)))).into_iter().map(shown));
                    engine.take(&wild, at(event.second + days * 86_400), mark);
                }
                let firings = engine.take(&event.json(), at(event.second), Some(at(event.second)));
                told.extend(firings.into_iter().map(shown));
            }
            told.extend(engine.let_go(None).into_iter().map(shown));
            let expected = slow(kind, holds, &events);
            prop_assert!(close(&told, &expected), "{kind:?}: {told:?} is not {expected:?}");
        }
    }

    /// Of a shard's first events none is known to have the wrong time: none costs what another counted.
    #[test]
    fn a_clock_far_off_among_the_first_events_changes_nothing(
        events in happenings(), place in 0..8_usize, days in prop::sample::select(vec![-20_000_i64, -300, 300]),
    ) {
        for (kind, text, holds) in CASES {
            let mut engine = Engine::new(text);
            let mut told = Vec::new();
            for (i, event) in events.iter().enumerate() {
                let mark = (i >= 8).then(|| at(event.second));
                if i == place % events.len() {
                    let wild = Happening { number: 3, ..*event }.json();
                    engine.take(&wild, at(event.second + days * 86_400), mark);
                }
                let firings = engine.take(&event.json(), at(event.second), mark);
                told.extend(firings.into_iter().map(shown));
            }
            told.extend(engine.let_go(None).into_iter().map(shown));
            let expected = slow(kind, holds, &events);
            prop_assert!(close(&told, &expected), "{kind:?}: {told:?} is not {expected:?}");
        }
    }

    #[test]
    fn saved_and_taken_back_it_goes_on(events in happenings()) {
        for (_, text, _) in CASES {
            let mut engine = Engine::new(text);
            let half = events.len() / 2;
            let mut told = engine.follow(&events[..half]);
            let mut rows = Vec::new();
            engine.table.save(|_| {}, |name, slot, state| {
                let bytes = postcard::to_allocvec(state).expect("it is written");
                let back: GroupState = postcard::from_bytes(&bytes).expect("it is read");
                rows.push((slot, name.into(), back));
            });
            let mut other = Engine::new(text);
            other.table.restore(engine.table.mark(), rows);
            let mut waiting = Vec::new();
            engine.held.save(|_| {}, |turn, noting| {
                let bytes = postcard::to_allocvec(&(turn, noting)).expect("it is written");
                waiting.push(postcard::from_bytes(&bytes).expect("it is read"));
            });
            other.held.restore(waiting);
            told.extend(other.run(&events[half..]));
            prop_assert!(close(&told, &Engine::new(text).run(&events)));
        }
    }
}
