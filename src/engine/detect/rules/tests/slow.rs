//! Random rules on random events, against an evaluator that is slow and obvious.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::*;

/// One comparison, before it is written as Sigma.
#[derive(Clone, Debug)]
struct Item {
    field: &'static str,
    shape: &'static str,
    cased: bool,
    all: bool,
    neq: bool,
    values: Vec<Wanted>,
}

#[derive(Clone, Debug)]
enum Wanted {
    /// Characters, `*` and `?` being wildcards.
    Text(String),
    Number(i64),
    Null,
}

#[derive(Clone, Debug)]
enum Tree {
    Selection(usize),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

const FIELDS: [&str; 4] = ["a", "b", "c.d", "e"];

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        4 => "[abAσΣ1*?]{0,4}".prop_map(Wanted::Text),
        1 => (0_i64..3).prop_map(Wanted::Number),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let shape = prop::sample::select(vec!["", "contains", "startswith", "endswith"]);
    let values = prop_oneof![
        9 => prop::collection::vec(wanted(), 1..4),
        1 => Just(vec![Wanted::Null]),
    ];
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.15));
    (prop::sample::select(FIELDS.to_vec()), shape, flags, values).prop_map(
        |(field, shape, (cased, all, neq), values)| {
            // A null takes no modifier that is about texts.
            let null = matches!(values.as_slice(), [Wanted::Null]);
            let shape = if null { "" } else { shape };
            Item { field, shape, cased: cased && !null, all, neq, values }
        },
    )
}

fn tree(selections: usize) -> impl Strategy<Value = Tree> {
    let leaf = (0..selections).prop_map(Tree::Selection);
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::And),
            prop::collection::vec(inner, 2..4).prop_map(Tree::Or),
        ]
    })
}

/// Selections of a few items each, and the condition over them.
fn rule() -> impl Strategy<Value = (Vec<Vec<Item>>, Tree)> {
    prop::collection::vec(prop::collection::vec(item(), 1..3), 1..4)
        .prop_flat_map(|selections| (Just(selections.clone()), tree(selections.len())))
}

fn content() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        5 => "[abAσΣς1]{0,4}".prop_map(Json::from),
        1 => (0_i64..3).prop_map(Json::from),
        1 => Just(json!(1.0)),
        1 => Just(json!(true)),
        1 => Just(Json::Null),
    ];
    prop_oneof![
        4 => leaf.clone(),
        1 => prop::collection::vec(leaf, 0..3).prop_map(Json::from),
    ]
}

fn event() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), content(), 0..4).prop_map(
        |fields| {
            let mut event = json!({});
            for (field, content) in fields {
                match field.split_once('.') {
                    Some((outer, inner)) => event[outer] = json!([{ inner: content }, {"x": 1}]),
                    None => event[field] = content,
                }
            }
            event
        },
    )
}

fn written(rules: &[(Vec<Vec<Item>>, Tree)]) -> String {
    let mut text = String::new();
    for (number, (selections, tree)) in rules.iter().enumerate() {
        text += &format!("title: r{number}\nlogsource: {{product: p}}\ndetection:\n");
        for (index, items) in selections.iter().enumerate() {
            text += &format!("    s{index}:\n");
            // One map an item, so that a field may come twice: the condition joins them again.
            for (part, item) in items.iter().enumerate() {
                let word =
                    |on: bool, word: &str| if on { format!("|{word}") } else { String::new() };
                let key = [
                    item.field.to_owned(),
                    word(!item.shape.is_empty(), item.shape),
                    word(item.cased, "cased"),
                    word(item.all, "all"),
                    word(item.neq, "neq"),
                ];
                let values = item.values.iter().map(|value| match value {
                    Wanted::Text(text) => format!("'{text}'"),
                    Wanted::Number(number) => number.to_string(),
                    Wanted::Null => "null".to_owned(),
                });
                let values: Vec<String> = values.collect();
                let values = if matches!(item.values.as_slice(), [Wanted::Null]) {
                    "null".to_owned()
                } else {
                    format!("[{}]", values.join(", "))
                };
                let indent =
                    if part == 0 { String::new() } else { format!("    s{index}_{part}:\n") };
                text += &format!("{indent}        {}: {values}\n", key.concat());
            }
        }
        text += &format!("    condition: {}\n---\n", condition(tree, selections));
    }
    text
}

fn condition(tree: &Tree, selections: &[Vec<Item>]) -> String {
    let join = |trees: &[Tree], word: &str| {
        let terms: Vec<String> = trees.iter().map(|tree| condition(tree, selections)).collect();
        format!("({})", terms.join(word))
    };
    match tree {
        Tree::Selection(index) => {
            let more = (1..selections[*index].len()).map(|part| format!(" and s{index}_{part}"));
            format!("(s{index}{})", more.collect::<String>())
        }
        Tree::Not(inner) => format!("not {}", condition(inner, selections)),
        Tree::And(trees) => join(trees, " and "),
        Tree::Or(trees) => join(trees, " or "),
    }
}

// The slow version.

fn holds(tree: &Tree, selections: &[Vec<Item>], event: &Json) -> bool {
    match tree {
        Tree::Selection(index) => selections[*index].iter().all(|item| fits(item, event)),
        Tree::Not(inner) => !holds(inner, selections, event),
        Tree::And(trees) => trees.iter().all(|tree| holds(tree, selections, event)),
        Tree::Or(trees) => trees.iter().any(|tree| holds(tree, selections, event)),
    }
}

/// `None`: no such field.
fn contents(event: &Json, field: &str) -> Option<Vec<Json>> {
    let found = match field.split_once('.') {
        Some((outer, inner)) => event[outer][0].get(inner)?,
        None => event.get(field)?,
    };
    Some(match found {
        Json::Array(items) => items.clone(),
        leaf => vec![leaf.clone()],
    })
}

fn fits(item: &Item, event: &Json) -> bool {
    let contents = contents(event, item.field);
    let one = |value: &Wanted| match &contents {
        None => matches!(value, Wanted::Null),
        Some(contents) => contents.iter().any(|content| equal(value, content, item)),
    };
    let fit = if item.all { item.values.iter().all(one) } else { item.values.iter().any(one) };
    fit != item.neq
}

fn equal(wanted: &Wanted, content: &Json, item: &Item) -> bool {
    let text = match content {
        Json::Null => return matches!(wanted, Wanted::Null),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let pattern = match wanted {
        Wanted::Null => return false,
        Wanted::Number(number) if item.shape.is_empty() => {
            return text.parse::<f64>() == Ok(*number as f64);
        }
        Wanted::Number(number) => number.to_string(),
        Wanted::Text(text) => text.clone(),
    };
    let pattern = match item.shape {
        "contains" => format!("*{pattern}*"),
        "startswith" => format!("{pattern}*"),
        "endswith" => format!("*{pattern}"),
        _ => pattern,
    };
    let same = |a: char, b: char| {
        let plain = |c: char| if c == 'ς' { 'σ' } else { c.to_lowercase().next().unwrap_or(c) };
        if item.cased { a == b } else { plain(a) == plain(b) }
    };
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    glob(&pattern, &text, &same)
}

fn glob(pattern: &[char], text: &[char], same: &dyn Fn(char, char) -> bool) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..], same)),
        Some(('?', rest)) => !text.is_empty() && glob(rest, &text[1..], same),
        Some((letter, rest)) => {
            text.first().is_some_and(|first| same(*letter, *first)) && glob(rest, &text[1..], same)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several rules at once, so that they share comparisons and the prefilter has a choice; several
    /// events in turn, so that nothing of one is left for the next.
    #[test]
    fn agrees_with_the_slow_version(
        rules in prop::collection::vec(rule(), 1..8),
        events in prop::collection::vec(event(), 1..8),
    ) {
        let text = written(&rules);
        let set = match RuleSet::load([("t.yml", &text)], &Placeholders::new()) {
            Ok(set) => set,
            Err(errors) => panic!("{text}\n{}", errors[0]),
        };
        let source = LogSource { product: Some("p"), ..LogSource::default() };
        let scope = set.scope(&[source]);
        let mut scratch = Scratch::default();
        for event in &events {
            let mut fast = Vec::new();
            set.matches(&scope, event, &mut scratch, &mut fast);
            let slow = rules.iter().zip(0..).filter(|((selections, tree), _)| holds(tree, selections, event));
            let slow: Vec<u32> = slow.map(|(_, index)| index).collect();
            prop_assert_eq!(fast, slow, "{}\n{}", text, event);
        }
    }
}
