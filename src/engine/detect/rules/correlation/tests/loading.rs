//! What a correlation may say: chains, conditions, groups; what is refused; what a reload keeps.

use super::*;

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

/// Whoever names it first or last: one that says so is enough.
#[test]
fn a_correlation_that_one_of_two_generates_tells() {
    let over = |id: &str, generate: bool| {
        format!(
            "title: {id}\nid: {id}\ncorrelation: {{type: event_count, rules: [burst], timespan: 1m, condition: {{gte: 9}}, generate: {generate}}}"
        )
    };
    for generate in [[true, false], [false, true], [false, false]] {
        let text = format!(
            "{{type: event_count, rules: [a], timespan: 10s, condition: {{gte: 3}}}}\nname: burst\n---\n{}\n---\n{}",
            over("y", generate[0]),
            over("z", generate[1]),
        );
        let told = Engine::new(&text).set.correlation_tells(0);
        assert_eq!(told, generate.contains(&true), "{generate:?}");
    }
}

#[test]
fn every_value_of_a_long_list_is_counted() {
    let values: Vec<u32> = (0..2_000).collect();
    for kind in ["value_count", "value_sum"] {
        let text =
            format!("{{type: {kind}, rules: a, timespan: 1m, condition: {{field: n, gte: 1900}}}}");
        let mut engine = Engine::new(&text);
        let told = engine.take(&json!({"k": "a", "n": values}), at(0), None);
        assert_eq!(told.len(), 1, "{kind}");
    }
    let deep: Vec<_> = (0..6_000).map(|n| json!({"n": n})).collect();
    let mut engine = Engine::new(
        "{type: value_count, rules: a, timespan: 1m, condition: {field: list.n, gte: 5900}}",
    );
    assert_eq!(engine.take(&json!({"k": "a", "list": deep}), at(0), None).len(), 1);
}

#[test]
fn a_list_is_not_the_text_of_its_parts() {
    let text = "{type: value_count, rules: a, timespan: 1m, condition: {field: [x, y], gte: 2}}";
    let mut engine = Engine::new(text);
    assert!(engine.take(&json!({"k": "a", "x": ["a", "b"], "y": 1}), at(0), None).is_empty());
    assert!(engine.take(&json!({"k": "a", "x": ["a", "b"], "y": 1}), at(1), None).is_empty());
    assert_eq!(engine.take(&json!({"k": "a", "x": "a,b", "y": 1}), at(2), None).len(), 1);
}

#[test]
fn temporal_takes_a_count_or_an_expression() {
    for (condition, expected) in [("{gte: 2}", [1, 21]), ("'a and not b'", [0, 20])] {
        let text =
            format!("{{type: temporal, rules: [a, b, c], timespan: 5s, condition: {condition}}}");
        let mut engine = Engine::new(&text);
        let events = [("a", 0), ("b", 1), ("b", 10), ("a", 20), ("c", 21)];
        let mut told = Vec::new();
        for (k, second) in events {
            told.extend(engine.take(&json!({"k": k}), at(second), None));
        }
        told.extend(engine.let_go(None));
        let told: Vec<i64> = told.into_iter().map(|firing| shown(firing).1).collect();
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
        "`percentile`: for another type than value_percentile it is not supported",
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
    for never in ["{gt: 5, lt: 5}", "{lt: 1}", "{eq: 2.5}", "{gt: 2, lt: 3}", "{eq: 2, neq: 2}"] {
        refused(
            &format!("{{type: event_count, rules: [a], timespan: 5m, condition: {never}}}"),
            "bounds that some value is within",
        );
    }
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

/// A chain is refused where it would be cut off at work, with all that hangs on it.
#[test]
fn chains_have_an_end_that_is_told() {
    let chain = |length: usize| {
        let link = |i: usize| {
            let below = if i == 0 { "a".to_owned() } else { format!("k{}", i - 1) };
            format!(
                "title: K\nid: k{i}\ncorrelation: {{type: event_count, rules: {below}, group-by: g{i}, timespan: 5m, condition: {{gte: 1}}}}\n---\n"
            )
        };
        let links: String = (0..length).map(link).collect();
        RuleSet::load([("r.yml", format!("{BASE}{links}"))], &Placeholders::new())
    };
    chain(16).expect("a chain of sixteen");
    let told: Vec<String> =
        chain(18).expect_err("longer").iter().map(|error| error.problem.to_string()).collect();
    assert_eq!(
        told,
        [
            "too many correlations over one another: 17, at most 16 are accepted",
            "no rule loaded has this id or name"
        ]
    );
    let fan: String = (0..60)
        .flat_map(|i| {
            [("f", "a".to_owned()), ("g", format!("f{i}")), ("h", format!("g{i}"))].map(|(id, below)| {
                format!("title: K\nid: {id}{i}\ncorrelation: {{type: event_count, rules: {below}, group-by: {id}{i}, timespan: 5m, condition: {{gte: 1}}}}\n---\n")
            })
        })
        .collect();
    let errors = RuleSet::load([("r.yml", format!("{BASE}{fan}"))], &Placeholders::new())
        .expect_err("a fan of 180");
    let told = errors[0].problem.to_string();
    assert!(told.starts_with("too many correlations that rest on one rule: 129"), "{told}");
}

#[test]
fn bounds_that_something_is_within_are_taken() {
    for (kind, condition) in [
        ("event_count", "{gt: 1, lt: 3}"),
        ("event_count", "{lt: 2}"),
        ("event_count", "{neq: 1}"),
        ("value_sum", "{field: n, gt: 2, lt: 3}"),
        ("value_sum", "{field: n, lte: -0.5}"),
        ("value_avg", "{field: n, eq: 2.5}"),
        ("value_sum", "{field: n, gte: 100000000000000000000}"),
        ("value_count", "{field: n, gte: 3, lte: 3}"),
    ] {
        let correlation =
            format!("{{type: {kind}, rules: [a], timespan: 5m, condition: {condition}}}");
        let text = format!("{BASE}title: X\nid: x\ncorrelation: {correlation}");
        RuleSet::load([("r.yml", text)], &Placeholders::new()).expect(&correlation);
    }
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
        engine.set = RuleSet::load([("r.yml", text)], &Placeholders::new()).expect("rules").into();
        let told = engine.take(&json!({"k": "a", "who": "x"}), at(2), None);
        assert_eq!(told.len(), expected, "{after}");
    }
}
