//! What is refused at load, and how it is told.

use super::super::*;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let told: Vec<String> = match RuleSet::load([("f.yml", text)], &Placeholders::new()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(told, expected);
}

fn rule(selection: &str) -> String {
    let lines: Vec<String> = selection.lines().map(|line| format!("        {line}")).collect();
    let selection = lines.join("\n");
    format!(
        "title: t\nlogsource:\n    product: p\ndetection:\n    sel:\n{selection}\n    condition: sel\n"
    )
}

/// What is no YAML has no rule that could be read; its title is looked for around it.
#[test]
fn names_the_rule_of_a_document_that_does_not_read() {
    let first = rule("a: 1");
    let told = |second: &str| {
        let text = format!("{first}---\n{second}");
        let errors = RuleSet::load([("f.yml", text)], &Placeholders::new()).err();
        errors.into_iter().flatten().map(|error| error.rule).collect::<Vec<_>>()
    };
    assert_eq!(told("title: 'second'\nid: [\n"), ["second"]);
    assert_eq!(told("a: 1\na: 2\ntitle: below\n"), ["below"]);
    assert_eq!(told("a: 1\na: 2\n"), [""]);
}

#[test]
fn names_file_line_rule_and_construct() {
    check(
        &rule("a|near: x"),
        &[concat!(
            "f.yml:6: rule `t`: `a|near`: unknown modifier `near`, known are all, startswith, endswith, ",
            "contains, exists, cased, neq, windash, re, i, m, s, base64, base64offset, utf16le, utf16be, ",
            "utf16, wide, lt, lte, gt, gte, minute, hour, day, week, month, year, cidr, expand, fieldref"
        )],
    );
    check(
        "title: sum\ncorrelation:\n    type: event_count\n",
        &[
            "f.yml:2: rule `sum`: `correlation`: missing `rules`",
            "f.yml:2: rule `sum`: `correlation`: missing `timespan`",
            "f.yml:2: rule `sum`: `correlation`: missing `condition`",
        ],
    );
}

#[test]
fn tells_all_problems_at_once() {
    check(
        "title: one\nlevel: urgent\nlogsource: {produkt: p}\ndetection:\n    sel:\n        a|re: '('\n        b: 1\n    other:\n        c|gt: x\n    condition: sel and nil\n---\nlogsource: {product: p}\ndetection:\n    sel: {a: 1}\n",
        &[
            "f.yml:2: rule `one`: `level`: unknown, expected one of informational, low, medium, high, critical",
            "f.yml:3: rule `one`: `produkt`: unknown, expected one of product, service, category, definition",
            "f.yml:6: rule `one`: `a|re`: not a usable regular expression: unclosed group",
            "f.yml:9: rule `one`: `c|gt`: must be a number",
            "f.yml:10: rule `one`: `sel and nil`: condition uses `nil`, but only sel, other are defined",
            "f.yml:12: missing `title`",
            "f.yml:13: missing `condition`",
        ],
    );
}

#[test]
fn refuses_what_it_cannot_do() {
    let check_item = |item: &str, expected: &str| check(&rule(item), &[expected]);
    check_item("a: [x, null]", "f.yml:6: rule `t`: `a`: must be null by itself");
    check_item(
        "a|contains: null",
        "f.yml:6: rule `t`: `a|contains`: must be a text; null is for a field without modifiers",
    );
    check_item("a|re: null", "f.yml:6: rule `t`: `a|re`: must be a regular expression");
    check_item("a|fieldref: ''", "f.yml:6: rule `t`: `a|fieldref`: must be the name of a field");
    check_item("a|fieldref: ~", "f.yml:6: rule `t`: `a|fieldref`: must be the name of a field");
    check_item("a: []", "f.yml:6: rule `t`: `a`: must be at least one value");
    check_item("a: {b: 1}", "f.yml:6: rule `t`: `a`: must be a value or a list of values");
    check_item(
        "a|re: x(?=y)",
        "f.yml:6: rule `t`: `a|re`: not a usable regular expression: look-around, including look-ahead and look-behind, is not supported",
    );
    check_item(
        "a|re: 'x++y'",
        "f.yml:6: rule `t`: `a|re`: not a usable regular expression: possessive quantifiers are not supported",
    );
    check_item(
        "a|cidr: 10.0.0.0/40",
        "f.yml:6: rule `t`: `a|cidr`: not an IP network in CIDR notation",
    );
    check_item(
        "a|expand: '%who%'",
        "f.yml:6: rule `t`: `a|expand`: no value is given for placeholder `%who%`",
    );
    check_item(
        "a|base64: x*",
        "f.yml:6: rule `t`: `a|base64`: modifier `base64` does not go with wildcards",
    );
    check_item("a|exists: maybe", "f.yml:6: rule `t`: `a|exists`: must be true or false");
    check_item(
        "'|cidr': 10.0.0.0/8",
        "f.yml:6: rule `t`: `|cidr`: must be a field before this modifier",
    );
    check_item("a: 1\na: 2", "f.yml:7: rule `t`: `a`: appears twice");
    check_item("a: !!binary x", "f.yml:6: rule `t`: `binary`: YAML tags are not supported");
    check(
        "title: t\naction: global\n",
        &[
            "f.yml:2: rule `t`: `action`: `action` documents (global, reset, repeat) are not supported",
        ],
    );
    check("- a\n", &["f.yml:1: must be a rule: a map of keys"]);
    check(
        "title: [\n",
        &["f.yml:2: not valid YAML: while parsing a node, did not find expected node content"],
    );
}

#[test]
fn refuses_names_that_are_others_and_ids_that_are_none() {
    let head = |line: &str| rule("a: 1").replacen("title: t\n", &format!("title: t\n{line}\n"), 1);
    check(
        &head("taxonomy: ecs"),
        &["f.yml:2: rule `t`: `taxonomy`: unknown, expected one of sigma, ocsf, tidewaiter; for \
           others, map the log source"],
    );
    check(&head("taxonomy: sigma"), &[]);
    check(&head("id: [1]"), &["f.yml:2: rule `t`: `id`: must be a text"]);
    check(&head("name: {a: b}"), &["f.yml:2: rule `t`: `name`: must be a text"]);
    let mapping = "[[mapping]]\nproduct = \"p\"\nto = { product = \"tidewaiter\" }\n";
    let mapping = Mapping::parse(mapping).expect("a mapping");
    let dialect = Dialect { mapping, ..Dialect::default() };
    RuleSet::load_with([("f.yml", head("taxonomy: ecs"))], &dialect).expect("mapped names");
}

/// A filter that reaches nothing lets through what it was written to hold back.
#[test]
fn refuses_filters_that_reach_nothing() {
    let filter = |product: &str, rules: &str| {
        let rule = rule("a: 1").replacen("title: t\n", "title: t\nname: one\n", 1);
        format!(
            "{rule}---\ntitle: f\nlogsource: {{product: {product}}}\nfilter:\n    rules: {rules}\n    own: {{b: 1}}\n    condition: not own\n"
        )
    };
    check(&filter("p", "[one]"), &[]);
    check(&filter("p", "any"), &[]);
    check(
        &filter("q", "[one]"),
        &["f.yml:13: rule `f`: `one`: is a rule of another log source than the filter"],
    );
    for rules in ["[]", "[{a: b}]", "{one: 1}"] {
        check(
            &filter("p", rules),
            &["f.yml:13: rule `f`: `rules`: must be ids or names, or `any`"],
        );
    }
}

#[test]
fn names_the_line_that_is_not_utf_8() {
    let text = b"title: t\n# caf\xe9\n";
    let errors = RuleSet::load([("f.yml", &text[..])], &Placeholders::new()).expect_err("latin 1");
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["f.yml:2: not valid YAML: not UTF-8"]);
}

#[test]
fn keeps_people_out_of_reach() {
    let text = |field: &str| {
        format!(
            "title: t\nlogsource: {{product: tidewaiter}}\ndetection:\n    sel:\n        {field}: x\n    condition: sel\n"
        )
    };
    let told = "who a record is about is not readable by rules; `subjects_total` counts them";
    check(&text("resource.subject"), &[&format!("f.yml:5: rule `t`: `resource.subject`: {told}")]);
    check(
        &text("unmapped.subject_refs"),
        &[&format!("f.yml:5: rule `t`: `unmapped.subject_refs`: {told}")],
    );
    check(
        &text("actor.id|fieldref: resource.subject\n        a"),
        &[&format!("f.yml:5: rule `t`: `actor.id|fieldref`: {told}")],
    );
    check(&text("subjects_total"), &[]);
}

#[test]
fn refuses_the_same_id_twice() {
    let rule =
        "title: t\nid: 1\nlogsource: {product: p}\ndetection:\n    s: {a: 1}\n    condition: s\n";
    check(
        &format!("{rule}---\n{rule}"),
        &["f.yml:8: rule `t`: `1`: id is already used by f.yml:1"],
    );
}

#[test]
fn keeps_usable_rules_when_asked_to() {
    let text = "title: good\nlogsource: {product: p}\ndetection:\n    s: {a: 1}\n    condition: s\n---\ntitle: bad\n";
    let (set, errors) = RuleSet::load_usable([("f.yml", text)], &Dialect::default());
    assert_eq!(set.rules().len(), 1);
    assert!(!errors.is_empty());
}

#[test]
fn bounds_hostile_rules() {
    let problem = |text: &str| {
        let errors = RuleSet::load([("f.yml", text)], &Placeholders::new()).expect_err("hostile");
        errors[0].problem.to_string()
    };
    let selections: String = (0..10_000).map(|n| format!("    s{n}: {{a: {n}}}\n")).collect();
    let text = format!(
        "title: t\nlogsource: {{product: p}}\ndetection:\n{selections}    condition: 1 of s*\n"
    );
    assert_eq!(problem(&text), "too many keys in one map: 4097, at most 4096 are accepted");
    let selections: String = (0..1_000).map(|n| format!("    s{n}: {{a: {n}}}\n")).collect();
    let text = format!(
        "title: t\nlogsource: {{product: p}}\ndetection:\n{selections}    condition: 1 of s*\n"
    );
    assert_eq!(problem(&text), "too many selections: 1001, at most 512 are accepted");

    let values = vec!["x"; 10_001].join(", ");
    assert_eq!(
        problem(&rule(&format!("a: [{values}]"))),
        "too many values in the rule: 10001, at most 10000 are accepted"
    );

    let items: String = (0..100).map(|n| format!("f{n}: {n}\n")).collect();
    let text = rule(&items)
        .replace("condition: sel", &format!("condition: sel{}", " or sel".repeat(1_000)));
    assert_eq!(problem(&text), "too many comparisons: 100100, at most 50000 are accepted");

    let bomb = problem(&rule("a|re: '(((a{100}){100}){100}){100}'"));
    assert!(bomb.starts_with("too many parts in the set's regular expressions"), "{bomb}");
    assert!(problem(&format!("title: {}", "[".repeat(200))).starts_with("too many nested levels"));
    assert!(problem(&"- ".repeat(100_000)).starts_with("too many nested levels"));
    let laughs: String = (1..40)
        .map(|n| format!("b{n}: &b{n} [{}]\n", format!("*b{}, ", n - 1).repeat(10)))
        .collect();
    assert!(problem(&format!("b0: &b0 [x]\n{laughs}")).starts_with("too many YAML nodes"));
    assert!(problem(&" ".repeat(FILE_BYTES_MAX + 1)).starts_with("too many bytes in the file"));
}

/// Whatever the bytes, an answer and no panic.
#[test]
fn survives_mutilated_rules() {
    let text = concat!(
        "title: t\nid: x\nlogsource:\n    product: p\ndetection:\n    sel:\n        a|contains|all: [x*y, 'é?']\n",
        "        b|re|i: ^a\\d{2}$\n    kw:\n        - word\n        - c|cidr: 10.0.0.0/8\n          d|fieldref: e\n",
        "    condition: (1 of se* or not kw) and sel\n---\ntitle: f\n"
    );
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        _ = RuleSet::load([("f.yml", &text[..at])], &Placeholders::new());
        for insert in ["", "|", "[", "\u{0}", "*", "- ", "&a ", "\n"] {
            let end = (at + 1..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(at);
            let cut = format!("{}{insert}{}", &text[..at], &text[end..]);
            _ = RuleSet::load([("f.yml", &cut)], &Placeholders::new());
        }
    }
}
