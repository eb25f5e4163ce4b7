//! The detection language, construct by construct.

use serde_json::{Value as Json, json};

use super::super::*;

/// Indents `detection` under a rule of a log source of its own.
fn document(detection: &str) -> String {
    let lines: Vec<String> = detection.lines().map(|line| format!("    {line}")).collect();
    format!("title: t\nlogsource:\n    product: p\ndetection:\n{}\n", lines.join("\n"))
}

fn placeholders() -> Placeholders {
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Placeholders::from([
        ("admins".to_owned(), values(&["root", "dba-*"])),
        ("none".to_owned(), Vec::new()),
    ])
}

fn matched(detection: &str, event: &Json) -> bool {
    let text = document(detection);
    let set = match RuleSet::load([("t.yml", &text)], &placeholders()) {
        Ok(set) => set,
        Err(errors) => panic!("{detection}\nrefused: {}", errors[0]),
    };
    let source = LogSource { product: Some("p"), ..LogSource::default() };
    let mut out = Vec::new();
    set.matches(&set.scope(&[source]), event, &mut Scratch::default(), &mut out);
    !out.is_empty()
}

/// One selection with `item` alone.
#[track_caller]
fn check(item: &str, fits: &[Json], misses: &[Json]) {
    let detection = format!("sel:\n    {item}\ncondition: sel");
    fits.iter().for_each(|event| assert!(matched(&detection, event), "{item} fits {event}"));
    misses.iter().for_each(|event| assert!(!matched(&detection, event), "{item} misses {event}"));
}

#[test]
fn compares_texts_without_case() {
    check(
        "a: Röd*",
        &[json!({"a": "RÖDER"}), json!({"a": "röd"})],
        &[json!({"a": "rod"}), json!({})],
    );
    check("a: [x, y?]", &[json!({"a": "X"}), json!({"a": "yz"})], &[json!({"a": "y"})]);
    check(r"a: 'C:\x\*'", &[json!({"a": r"c:\X*"})], &[json!({"a": r"c:\xyz"})]);
    check("a: ''", &[json!({"a": ""})], &[json!({"a": null}), json!({}), json!({"a": "x"})]);
    check("a: '*'", &[json!({"a": ""}), json!({"a": 5})], &[json!({"a": null}), json!({})]);
    check("a|cased: Xy", &[json!({"a": "Xy"})], &[json!({"a": "xy"})]);
    check("a|contains|cased: X", &[json!({"a": "aXb"})], &[json!({"a": "axb"})]);
    check("a|startswith: AB", &[json!({"a": "abc"})], &[json!({"a": "cab"})]);
    check("a|endswith: '\\x'", &[json!({"a": "c:\\X"})], &[json!({"a": "x"})]);
    check(
        "a|contains: [q, '*b*']",
        &[json!({"a": "xbx"}), json!({"a": "Q"})],
        &[json!({"a": "x"})],
    );
    check("a|contains|all: [q, b]", &[json!({"a": "bq"})], &[json!({"a": "b"}), json!({"a": "q"})]);
    check("a|contains: ''", &[json!({"a": ""}), json!({"a": "x"})], &[json!({})]);
}

#[test]
fn compares_numbers_and_truths() {
    check("a: 5", &[json!({"a": 5}), json!({"a": "5"}), json!({"a": 5.0})], &[json!({"a": 51})]);
    check("a: 5", &[json!({"a": "05"}), json!({"a": "5.0"})], &[json!({"a": "5a"}), json!({})]);
    check("a: '5'", &[json!({"a": 5}), json!({"a": "5"})], &[json!({"a": 5.5})]);
    check("a: 1.5", &[json!({"a": 1.5}), json!({"a": "1.50"})], &[json!({"a": 1})]);
    check("a: [4624, x]", &[json!({"a": "4624"}), json!({"a": "X"})], &[json!({"a": "4625"})]);
    check(
        "a: 9007199254740993",
        &[json!({"a": 9007199254740993_u64})],
        &[json!({"a": 9007199254740992_u64})],
    );
    check(
        "a: true",
        &[json!({"a": true}), json!({"a": "True"})],
        &[json!({"a": 1}), json!({"a": false})],
    );
    check("a: 'true'", &[json!({"a": true}), json!({"a": "TRUE"})], &[json!({"a": "yes"})]);
    check("a|contains: 62", &[json!({"a": 4624}), json!({"a": "x62"})], &[json!({"a": 26})]);
    check(
        "a|gt: 5",
        &[json!({"a": 6}), json!({"a": "5.1"})],
        &[json!({"a": 5}), json!({"a": "x"}), json!({})],
    );
    check("a|lte: -1.5", &[json!({"a": -1.5}), json!({"a": -2})], &[json!({"a": -1})]);
    check("a|lt|neq: 5", &[json!({"a": 5}), json!({})], &[json!({"a": 4})]);
}

#[test]
fn tells_null_absent_and_empty_apart() {
    check("a: null", &[json!({"a": null}), json!({})], &[json!({"a": ""}), json!({"a": "null"})]);
    check("a:", &[json!({"a": null}), json!({})], &[json!({"a": 0})]);
    check(
        "a|exists: true",
        &[json!({"a": null}), json!({"a": ""}), json!({"a": {}})],
        &[json!({})],
    );
    check("a|exists: false", &[json!({})], &[json!({"a": null})]);
    check("a: 'null'", &[json!({"a": "NULL"})], &[json!({"a": null}), json!({})]);
    check("a|neq: x", &[json!({"a": "y"}), json!({}), json!({"a": null})], &[json!({"a": "X"})]);
    check("a|neq: [x, y]", &[json!({"a": "z"})], &[json!({"a": "x"}), json!({"a": "y"})]);
    check("a|neq: null", &[json!({"a": "z"})], &[json!({}), json!({"a": null})]);
}

#[test]
fn looks_into_lists_and_paths() {
    check(
        "a: x",
        &[json!({"a": ["y", "X"]}), json!({"a": [["x"]]})],
        &[json!({"a": []}), json!({"a": [{"b": "x"}]})],
    );
    check(
        "a.b: 5",
        &[json!({"a": [{"b": 1}, {"b": [4, 5]}]}), json!({"a.b": 5})],
        &[json!({"a": {"b": 6}})],
    );
    check(
        "a.b: null",
        &[json!({"a": [{"b": null}, {"b": 1}]}), json!({"a": 1})],
        &[json!({"a": {"b": 1}})],
    );
    check("a|gte: 5", &[json!({"a": [1, "5"]})], &[json!({"a": [1, 2]})]);
    check(
        "id.orig_h|cidr: 10.0.0.0/8",
        &[json!({"id.orig_h": "10.1.2.3"})],
        &[json!({"id.orig_h": "11.0.0.1"})],
    );
}

#[test]
fn matches_regular_expressions_with_case() {
    check(
        r"a|re: '^x\d+$'",
        &[json!({"a": "x12"}), json!({"a": ["q", "x1"]})],
        &[json!({"a": "X12"}), json!({"a": "x"})],
    );
    check(r"a|re|i: x\d", &[json!({"a": "aX1"})], &[json!({"a": "x"})]);
    check("a|re|m: ^b$", &[json!({"a": "a\nb"})], &[json!({"a": "ab"})]);
    check("a|re|s: a.b", &[json!({"a": "a\nb"})], &[json!({"a": "ab"})]);
    check("a|re: a.b", &[], &[json!({"a": "a\nb"})]);
    check("a|re: ^46", &[json!({"a": 4624})], &[json!({"a": 1})]);
    check("a|re|all: [x, y]", &[json!({"a": "yx"})], &[json!({"a": "x"})]);
}

#[test]
fn matches_networks() {
    check(
        "a|cidr: 10.0.0.0/8",
        &[json!({"a": "10.9.9.9"}), json!({"a": "::ffff:10.0.0.1"})],
        &[json!({"a": "1.2.3.4"}), json!({"a": "06.237.252.245"}), json!({"a": 10})],
    );
    check(
        "a|cidr: [2001:db8::/32, fe80::1]",
        &[json!({"a": "2001:DB8::1"}), json!({"a": "fe80::1"})],
        &[json!({"a": "fe80::2"})],
    );
    check("a|cidr|neq: 10.0.0.0/8", &[json!({"a": "1.2.3.4"})], &[json!({"a": "10.0.0.1"})]);
}

#[test]
fn takes_dashes_for_one_another() {
    check(
        "a|contains|windash: ' -enc'",
        &[json!({"a": "p /ENC x"}), json!({"a": "p –enc"}), json!({"a": "p -enc"})],
        &[json!({"a": "p enc"})],
    );
    check("a|windash|endswith: '-s'", &[json!({"a": "x /s"})], &[json!({"a": "x /s "})]);
    check("a|contains|windash: a-b", &[json!({"a": "a-b"})], &[json!({"a": "a/b"})]);
}

#[test]
fn encodes_values() {
    check("a|base64: foo", &[json!({"a": "Zm9v"})], &[json!({"a": "foo"})]);
    check(
        "a|base64offset|contains: bar",
        &[json!({"a": "Zm9vYmFy"}), json!({"a": "eGJhcg=="}), json!({"a": "eHhiYXI="})],
        &[json!({"a": "Zm9v"})],
    );
    check(
        "a|wide|base64offset|contains: ping",
        &[json!({"a": "cABpAG4AZwA="})],
        &[json!({"a": "cGluZw=="})],
    );
    check("a|utf16be|base64: a", &[json!({"a": "AGE="})], &[json!({"a": "YQA="})]);
    check("a|utf16|base64: a", &[json!({"a": "//5hAA=="})], &[json!({"a": "YQA="})]);
    check("a|utf16le|contains: ab", &[json!({"a": "xa\0b\0"})], &[json!({"a": "ab"})]);
}

#[test]
fn takes_times_apart() {
    check(
        "a|hour|gte: 22",
        &[json!({"a": "2026-03-02T23:14:07+01:00"})],
        &[json!({"a": "2026-03-02T09:14:07Z"}), json!({"a": "x"}), json!({})],
    );
    check("a|month: [3, 4]", &[json!({"a": "2026-03-02"})], &[json!({"a": "2026-05-02"})]);
    check("a|week: 18", &[json!({"a": 1588206048.59})], &[json!({"a": 0})]);
}

#[test]
fn compares_fields_with_one_another() {
    check(
        "a|fieldref: b.c",
        &[
            json!({"a": "X", "b": {"c": "x"}}),
            json!({"a": 5, "b": {"c": 5.0}}),
            json!({"a": 5, "b": {"c": "5"}}),
        ],
        &[
            json!({"a": "x", "b": {"c": "y"}}),
            json!({"a": "x"}),
            json!({}),
            json!({"a": null, "b": {"c": null}}),
        ],
    );
    check("a|fieldref|cased: b", &[json!({"a": "X", "b": "X"})], &[json!({"a": "X", "b": "x"})]);
    check(
        "a|fieldref|startswith: b",
        &[json!({"a": "abc", "b": "AB"})],
        &[json!({"a": "cab", "b": "ab"})],
    );
    check(
        "a|endswith|fieldref: b",
        &[json!({"a": "abc", "b": ["x", "BC"]})],
        &[json!({"a": "bcd", "b": "bc"})],
    );
    check(
        "a|fieldref|contains: b",
        &[json!({"a": ["q", "abc"], "b": "b"})],
        &[json!({"a": "abc", "b": "d"})],
    );
    check(
        "a|fieldref|neq: b",
        &[json!({"a": "x", "b": "y"}), json!({"a": "x"})],
        &[json!({"a": "x", "b": "X"})],
    );
    check(
        "a|fieldref: [b, c]",
        &[json!({"a": "x", "b": "y", "c": "x"})],
        &[json!({"a": "x", "b": "y"})],
    );
}

#[test]
fn puts_placeholders_in() {
    check(
        "a|expand: 'u-%admins%'",
        &[json!({"a": "u-root"}), json!({"a": "U-dba-7"})],
        &[json!({"a": "u-dba"}), json!({"a": "u-%admins%"})],
    );
    check("a|contains|expand: '%admins%'", &[json!({"a": "xrootx"})], &[json!({"a": "ro"})]);
    check("a|expand: '%none%'", &[], &[json!({"a": ""}), json!({"a": "%none%"})]);
    check("a|expand: 100% of 5%", &[json!({"a": "100% of 5%"})], &[json!({"a": "100"})]);
    check("a: '%admins%'", &[json!({"a": "%admins%"})], &[json!({"a": "root"})]);
}

#[test]
fn searches_keywords_everywhere() {
    let keywords = "sel:\n    - Evil\n    - 'a*z'\ncondition: sel";
    assert!(matched(keywords, &json!({"x": {"y": ["an EVIL thing"]}})));
    assert!(matched(keywords, &json!({"x": "xa-zx"})));
    assert!(!matched(keywords, &json!({"evil": "good"})));
    let all = "sel:\n    '|all':\n        - one\n        - 2\ncondition: sel";
    assert!(matched(all, &json!({"x": "One", "y": 12})));
    assert!(!matched(all, &json!({"x": "one"})));
    assert!(matched("sel: alone\ncondition: sel", &json!({"x": "not alone"})));
    assert!(matched("sel:\n    '|re': ^x\\d$\ncondition: sel", &json!({"x": ["q", "x1"]})));
    let mixed = "sel:\n    - word\n    - a: 1\n      b: 2\ncondition: sel";
    assert!(matched(mixed, &json!({"c": "a word"})));
    assert!(matched(mixed, &json!({"a": 1, "b": 2})));
    assert!(!matched(mixed, &json!({"a": 1, "b": 3})));
}

#[test]
fn combines_selections() {
    let detection = |condition: &str| {
        format!("sel_a:\n    a: 1\nsel_b:\n    b: 1\nfilter:\n    c: 1\ncondition: {condition}")
    };
    let check = |condition: &str, event: Json, expected: bool| {
        assert_eq!(matched(&detection(condition), &event), expected, "{condition} on {event}");
    };
    check("1 of sel_* and not filter", json!({"b": 1}), true);
    check("1 of sel_* and not filter", json!({"b": 1, "c": 1}), false);
    check("all of sel_*", json!({"b": 1}), false);
    check("all of sel_*", json!({"a": 1, "b": 1}), true);
    check("not 1 of them", json!({}), true);
    check("not 1 of them", json!({"c": 1}), false);
    check("[sel_a and sel_b, filter]", json!({"c": 1}), true);
    check("[sel_a and sel_b, filter]", json!({"a": 1}), false);
}

#[test]
fn applies_rules_by_log_source() {
    let rule = |title: &str, source: &str| {
        format!(
            "title: {title}\nlogsource: {source}\ndetection:\n    s:\n        a: 1\n    condition: s\n---\n"
        )
    };
    let text = [
        rule("one", "{product: P}"),
        rule("two", "{product: p, service: s}"),
        rule("three", "{category: c}"),
        rule("four", "{product: p, category: c, definition: set it up}"),
    ];
    let set = RuleSet::load([("t.yml", text.concat())], &Placeholders::new()).expect("rules");
    let check = |product, service, categories: &[&'static str], expected: &[u32]| {
        let source = LogSource { product, service, categories: categories.into() };
        let mut out = Vec::new();
        set.matches(&set.scope(&[source]), &json!({"a": 1}), &mut Scratch::default(), &mut out);
        assert_eq!(out, expected, "{product:?} {service:?} {categories:?}");
    };
    check(Some("p"), None, &[], &[0]);
    check(Some("p"), Some("s"), &[], &[0, 1]);
    check(Some("p"), Some("s"), &["b", "c"], &[0, 1, 2, 3]);
    check(None, None, &["c"], &[2]);
    check(Some("q"), None, &[], &[]);
}

#[test]
fn applies_filters() {
    let text = "title: rule\nid: r1\nname: first\nlogsource: {product: p}\ndetection:\n    s:\n        a: 1\n    condition: s\n---\n\
                title: filter\nlogsource: {product: p}\nfilter:\n    rules: [first]\n    own:\n        b: 1\n    condition: not own\n";
    let set = RuleSet::load([("t.yml", text)], &Placeholders::new()).expect("rules");
    let source = LogSource { product: Some("p"), ..LogSource::default() };
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    set.matches(
        &set.scope(std::slice::from_ref(&source)),
        &json!({"a": 1, "b": 1}),
        &mut scratch,
        &mut out,
    );
    assert!(out.is_empty());
    set.matches(&set.scope(&[source]), &json!({"a": 1}), &mut scratch, &mut out);
    assert_eq!(out, [0]);
}
