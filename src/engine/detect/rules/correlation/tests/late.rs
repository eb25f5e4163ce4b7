//! A record that comes late, within the lateness allowed, fires what it would have in its turn.

use super::*;

/// `second rule number` each, of one group.
fn events(text: &str) -> Vec<Happening> {
    let of = |step: &str| {
        let [second, rule, number] =
            step.split(' ').collect::<Vec<_>>().try_into().expect("three words");
        let rule = NAMES.iter().position(|name| *name == rule).expect("a rule") as u8;
        let (second, number) = (second.parse().expect("a time"), number.parse().expect("a number"));
        Happening { second, who: 0, rule, number }
    };
    text.split("; ").map(of).collect()
}

/// In order the events fire at `second`; so they do with any one of `late` coming after all others.
fn check(kind: Kind, text: &str, late: std::ops::Range<usize>, (second, value): (i64, f64)) {
    let (_, correlation, _) = CASES.into_iter().find(|(of, ..)| *of == kind).expect("a case");
    let expected = [("w0".to_owned(), second, value)];
    let in_order = events(text);
    let told = Engine::new(correlation).run(&in_order);
    assert!(close(&told, &expected), "{kind:?} in order: {told:?}");
    for place in late {
        let mut shuffled = in_order.clone();
        let one = shuffled.remove(place);
        shuffled.push(one);
        assert!(in_order.last().expect("some").second - one.second <= LATENESS_S);
        let told = Engine::new(correlation).run(&shuffled);
        assert!(close(&told, &expected), "{kind:?} with number {place} late: {told:?}");
    }
}

#[test]
fn each_kind_fires_at_the_same_instant_with_the_same_value() {
    check(
        Kind::EventCount,
        "0 a 1; 9 a 1; 20 a 1; 30 a 1; 40 a 1; 50 a 1; 115 a 1",
        0..6,
        (50, 6.0),
    );
    check(Kind::ValueCount, "0 a 1; 10 a 2; 20 a 3; 30 a 4; 40 a 5; 115 a 1", 0..5, (40, 5.0));
    check(Kind::Temporal, "0 a 1; 10 b 1; 20 c 1; 115 a 1", 0..3, (20, 3.0));
    check(Kind::TemporalOrdered, "0 a 1; 10 b 1; 20 c 1; 115 a 1", 0..3, (20, 3.0));
    check(Kind::ValueSum, "0 a 14; 10 a 14; 20 a 14; 115 a 1", 0..3, (20, 42.0));
    check(Kind::ValueAvg, "0 a 0; 10 a 14; 20 a 14; 115 a 0", 1..3, (20, 28.0 / 3.0));
    check(Kind::ValuePercentile, "0 a 0; 10 a 12; 20 a 12; 115 a 0", 1..3, (20, 12.0));
}

/// What lowers a mean or a percentile is waited for.
#[test]
fn what_a_late_record_takes_back_is_not_told() {
    for kind in [Kind::ValueAvg, Kind::ValuePercentile] {
        let (_, correlation, _) = CASES.into_iter().find(|(of, ..)| *of == kind).expect("a case");
        let in_order = events("0 a 0; 10 a 11; 20 a 0; 30 a 0");
        assert!(Engine::new(correlation).run(&in_order).is_empty(), "{kind:?}");
        let told = Engine::new(correlation).run(&events("10 a 11; 0 a 0; 20 a 0; 30 a 0"));
        assert_eq!(told, [], "{kind:?}");
    }
}

/// Conditions that more events can take back, beside a mean's and a percentile's.
const UNDONE: [&str; 8] = [
    "{type: event_count, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {eq: 4}}",
    "{type: event_count, rules: [a, b], group-by: [who], timespan: 60s, condition: {gte: 2, lt: 5}}",
    "{type: value_count, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, neq: 2}}",
    "{type: value_sum, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, lte: 12}}",
    "{type: temporal, rules: [a, b, c], group-by: [who], timespan: 60s, condition: a and not b}",
    "{type: temporal, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {lt: 2}}",
    "{type: value_avg, rules: [a, b, c], group-by: [who], timespan: 60s, condition: {field: n, gt: 7, lte: 12}}",
    "{type: value_percentile, rules: [a, b, c], group-by: [who], timespan: 5s, condition: {field: n, percentile: 80, gte: 11}}",
];

/// Short beside the lateness allowed: dozens of windows are told before a late event comes.
const SHORT: [&str; 2] = [
    "{type: event_count, rules: [a, b, c], group-by: [who], timespan: 5s, condition: {gte: 2}}",
    "{type: temporal, rules: [a, b], group-by: [who], timespan: 5s}",
];

/// The events as they arrive: each as much later as `delays` says.
fn shuffled(events: &[Happening], delays: &[i64]) -> Vec<Happening> {
    let mut order: Vec<(i64, usize)> =
        events.iter().zip(delays).enumerate().map(|(i, (e, d))| (e.second + d, i)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| events[i]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same groups at the same instants with the same values.
    #[test]
    fn what_can_be_taken_back_is_told_exactly_as_in_order(
        events in happenings(), delays in prop::collection::vec(0..LATENESS_S, 150),
    ) {
        let late = shuffled(&events, &delays);
        for text in UNDONE {
            let told = Engine::new(text).run(&late);
            let expected = Engine::new(text).run(&events);
            prop_assert!(close(&told, &expected), "{text}: {told:?} is not {expected:?}");
        }
    }

    /// What only grows is told at once: as often as in order, with an end within two timespans of
    /// the one in order.
    #[test]
    fn what_only_grows_is_told_as_often_as_in_order(
        events in happenings(), delays in prop::collection::vec(0..LATENESS_S, 150),
    ) {
        let late = shuffled(&events, &delays);
        let grows = |(kind, ..): &Case| !matches!(kind, Kind::ValueAvg | Kind::ValuePercentile);
        let cases = CASES.into_iter().filter(grows).map(|(_, text, _)| (text, SPAN_S));
        for (text, span) in cases.chain(SHORT.map(|text| (text, 5))) {
            let told = Engine::new(text).run(&late);
            for who in ["w0", "w1", "w2"] {
                let of = |list: Vec<(String, i64, f64)>| -> Vec<i64> {
                    let mut ends: Vec<i64> =
                        list.into_iter().filter(|told| told.0 == who).map(|told| told.1).collect();
                    ends.sort_unstable();
                    ends
                };
                let (told, expected) = (of(told.clone()), of(Engine::new(text).run(&events)));
                let near = |(told, expected): (&i64, &i64)| (told - expected).abs() < 2 * span;
                prop_assert!(
                    told.len() == expected.len() && told.iter().zip(&expected).all(near),
                    "{text} {who}: {told:?} is not {expected:?} (in order)"
                );
            }
        }
    }
}
