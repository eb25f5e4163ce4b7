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

/// What lowers a mean or a percentile is missed while it is under way, and only then.
#[test]
fn what_a_late_record_takes_back_was_told_of_a_window_it_belongs_to() {
    for kind in [Kind::ValueAvg, Kind::ValuePercentile] {
        let (_, correlation, _) = CASES.into_iter().find(|(of, ..)| *of == kind).expect("a case");
        let in_order = events("0 a 0; 10 a 11; 20 a 0; 30 a 0");
        assert!(Engine::new(correlation).run(&in_order).is_empty(), "{kind:?}");
        let told = Engine::new(correlation).run(&events("10 a 11; 0 a 0; 20 a 0; 30 a 0"));
        assert_eq!(told, [("w0".to_owned(), 10, 11.0)], "{kind:?}");
    }
}
