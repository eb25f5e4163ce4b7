//! What is allowed in a rule and yet looks like a slip.

use std::sync::Arc;

use super::{
    condition,
    fields::Field,
    logsource::LogSource,
    pattern::placeholder,
    set::RuleSet,
    slot::Slot,
    yaml::{self, Data, Key, Node},
};
use crate::engine::model::{Format, Kind, near};

/// A line of a rule file worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub line: u32,
    pub rule: String,
    pub text: String,
}
/// Keys of a rule file. Others are allowed, and mean nothing to us.
const KEYS: [&str; 23] = [
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "logsource",
    "detection",
    "filter",
    "correlation",
    "generate",
    "response",
];

/// Looks through one rule file that was loaded without fault.
pub fn lint(text: &str) -> Vec<Hint> {
    let mut hints = Vec::new();
    for node in yaml::parse(text).unwrap_or_default() {
        let Some(entries) = node.map() else { continue };
        let title = node.entry("title").and_then(Node::text).unwrap_or_default().to_owned();
        let mut say = |line: u32, text: String| {
            hints.push(Hint { line, rule: title.clone(), text });
        };
        let is_filter = node.entry("filter").is_some();
        for key in ["id", "description", "level"] {
            if !is_filter && node.entry(key).is_none() {
                say(node.line, format!("no `{key}`"));
            }
        }
        for (key, _) in entries {
            if let Some(meant) = near(&key.text, KEYS.into_iter()) {
                say(key.line, format!("key `{}` is unknown; did you mean `{meant}`?", key.text));
            }
        }
        if let Some(correlation) = node.entry("correlation") {
            unused_aliases(correlation, &mut say);
            let counted = correlation.entry("condition").and_then(|node| node.entry("field"));
            for node in [correlation.entry("group-by"), counted].into_iter().flatten() {
                node.texts().into_iter().for_each(|name| starred(name, node.line, &mut say));
            }
        }
        let Some(section) = node.entry("detection").or(node.entry("filter")) else { continue };
        unused_selections(section, &mut say);
        let source = node.entry("logsource").and_then(|s| s.entry("product"));
        let is_ours = source.and_then(Node::text) == Some("tidewaiter");
        for (_, selection) in section.map().unwrap_or_default() {
            items(selection, &mut |key, value| item(key, value, is_ours, &mut say));
        }
    }
    hints
}

/// Looks through rules that were loaded together: whether anything that comes in is theirs, and
/// whether the fields that correlations name are there. Each hint with its file.
pub fn lint_set(set: &RuleSet) -> Vec<(Arc<str>, Hint)> {
    let mut hints = Vec::new();
    let formats = [Format::Native, Format::Ocsf, Format::CloudTrail, Format::Zeek];
    let kinds = |format| Kind::ALL.into_iter().map(move |kind| (format, kind));
    let sources: Vec<LogSource<'_>> = formats
        .into_iter()
        .flat_map(kinds)
        .flat_map(|(format, kind)| LogSource::of_event(format, kind))
        .collect();
    for (rule, links) in set.rules().iter().zip(&set.plan().of_rule) {
        if !sources.iter().any(|source| rule.logsource.takes(source)) {
            let text = "no event that comes in is of this log source: tidewaiter with access, \
                        auth or network; aws with cloudtrail; zeek with conn; or mapped to one";
            let hint = Hint { line: rule.line, rule: rule.title.clone(), text: text.to_owned() };
            hints.push((Arc::clone(&rule.file), hint));
        }
        for link in links.iter().filter(|_| rule.logsource.is_ours()) {
            let Some(correlation) = set.correlations().get(link.correlation as usize) else {
                continue;
            };
            for name in link.group_by.iter().chain(&link.fields).map(Field::name) {
                let Some(text) = stranger(name) else { continue };
                let rule = &correlation.rule;
                let hint = Hint { line: rule.line, rule: rule.title.clone(), text };
                hints.push((Arc::clone(&rule.file), hint));
            }
        }
    }
    hints.dedup();
    hints
}

fn unused_aliases(correlation: &Node, say: &mut impl FnMut(u32, String)) {
    let counted = correlation.entry("condition").and_then(|node| node.entry("field"));
    let used = [correlation.entry("group-by"), counted];
    let used: Vec<&str> = used.into_iter().flatten().flat_map(Node::texts).collect();
    let aliases = correlation.entry("aliases").and_then(Node::map).unwrap_or_default();
    for (alias, _) in aliases.iter().filter(|(alias, _)| !used.contains(&alias.text.as_str())) {
        say(alias.line, format!("alias `{}` is neither grouped by nor counted", alias.text));
    }
}

/// What is written and not asked for: most often a filter that the condition forgot.
fn unused_selections(section: &Node, say: &mut impl FnMut(u32, String)) {
    let selections = section.map().unwrap_or_default();
    let selections: Vec<&Key> = selections
        .iter()
        .map(|(key, _)| key)
        .filter(|key| !matches!(key.text.as_str(), "condition" | "rules"))
        .collect();
    let names: Vec<&str> = selections.iter().map(|key| key.text.as_str()).collect();
    let mut used = vec![false; names.len()];
    for text in section.entry("condition").map(Node::texts).unwrap_or_default() {
        if let Ok(condition) = condition::parse(text, &names) {
            condition.each(&mut |index| {
                if let Some(used) = used.get_mut(index) {
                    *used = true;
                }
            });
        }
    }
    for (key, _) in selections.iter().zip(used).filter(|(_, used)| !used) {
        say(key.line, format!("the condition does not use `{}`", key.text));
    }
}

fn items(node: &Node, found: &mut dyn FnMut(&Key, &Node)) {
    match &node.data {
        Data::Map(entries) => entries.iter().for_each(|(key, value)| found(key, value)),
        Data::List(list) => list.iter().for_each(|node| items(node, found)),
        Data::Scalar { .. } => {}
    }
}

/// One field with its modifiers and values.
fn item(key: &Key, value: &Node, is_ours: bool, say: &mut impl FnMut(u32, String)) {
    let (name, modifiers) = key.text.split_once('|').unwrap_or((&key.text, ""));
    let has = |modifier: &str| modifiers.split('|').any(|word| word == modifier);
    let fields = if has("fieldref") { value.texts() } else { Vec::new() };
    fields.iter().chain([&name]).for_each(|name| starred(name, key.line, say));
    for name in fields.into_iter().chain([name]).filter(|_| is_ours) {
        if let Some(text) = stranger(name) {
            say(key.line, text);
        }
    }
    let texts = value.texts();
    let whole = |text: &&&str| matches!(placeholder(text), Some(("", _, "")));
    if has("expand") && !texts.iter().any(|text| placeholder(text).is_some()) {
        say(key.line, format!("`{}` says `expand`, and no value holds a %name%", key.text));
    } else if modifiers.is_empty()
        && let Some(text) = texts.iter().find(whole)
    {
        say(
            key.line,
            format!("`{text}` is taken as it is written: `{name}` does not say `expand`"),
        );
    }
    for (part, least, most) in
        [("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("week", 1, 53), ("month", 1, 12)]
    {
        let numbers = texts.iter().filter_map(|text| text.parse::<i64>().ok());
        for number in numbers.filter(|n| has(part) && !(least..=most).contains(n)) {
            say(key.line, format!("a {part} is {least} to {most}, never {number}"));
        }
    }
}

/// Says of a field's name that wildcards are for values.
fn starred(name: &str, line: u32, say: &mut impl FnMut(u32, String)) {
    if name.contains(['*', '?']) {
        let text = "is taken as it is written: wildcards in the name of a field are not supported; \
                    list the fields, or search all of them by keywords";
        say(line, format!("field `{name}` {text}"));
    }
}

/// What to say of a name that is none of ours and looks like one.
fn stranger(name: &str) -> Option<String> {
    let meant = meant(name)?;
    Some(format!("field `{name}` is none of ours; did you mean `{meant}`?"))
}

/// The normalised field that an unknown name was probably meant to be.
fn meant(name: &str) -> Option<&'static str> {
    if name.is_empty() || Slot::named(name).is_some() {
        return None;
    }
    let lower = name.to_lowercase();
    near(name, Slot::ALL.iter().map(|slot| slot.name())).or_else(|| {
        // Half of a name: `dataset`, `ip`. A grant's `role` is a field of its own.
        let ends = |slot: &&Slot| slot.name().rsplit('.').next() == Some(lower.as_str());
        Slot::ALL.iter().find(ends).map(|slot| slot.name()).filter(|_| lower != "role")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: Option<&str>) {
        assert_eq!(meant(field), expected, "{field}");
    }

    #[test]
    fn tells_a_slip_from_a_field_of_the_raw_record() {
        check("actor.id", None);
        check("actor.roel", Some("actor.role"));
        check("Actor.Id", Some("actor.id"));
        check("source_ip", Some("source.ip"));
        check("dataset", Some("resource.dataset"));
        check("bytes_ot", Some("bytes_out"));
        check("unmapped.approval", None);
        check("eventName", None);
        check("role", None);
    }

    #[test]
    fn names_the_line() {
        let text = "title: T\nlogsource:\n    product: tidewaiter\n    category: acess\ndetection:\n    s:\n        actoin: read\n    condition: s\n";
        let hints: Vec<String> =
            lint(text).into_iter().map(|hint| format!("{}: {}", hint.line, hint.text)).collect();
        assert_eq!(hints.len(), 4, "{hints:?}");
        assert!(
            hints.contains(&"7: field `actoin` is none of ours; did you mean `action`?".into())
        );
    }

    /// The hints at a rule of `product` with this level line and these lines under `detection`.
    #[track_caller]
    fn hints(product: &str, head: &str, detection: &str, expected: &[&str]) {
        let text = format!(
            "title: T\nid: i\ndescription: d\n{head}\nlogsource: {{product: {product}}}\ndetection:\n{detection}"
        );
        let told: Vec<String> =
            lint(&text).into_iter().map(|hint| format!("{}: {}", hint.line, hint.text)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn tells_what_a_rule_says_to_no_effect() {
        let plain = "    s: {a: 1}\n    condition: s\n";
        hints("p", "level: low", plain, &[]);
        hints(
            "p",
            "levle: high",
            plain,
            &["1: no `level`", "4: key `levle` is unknown; did you mean `level`?"],
        );
        hints(
            "p",
            "level: low",
            "    s: {a: 1}\n    filter: {b: 1}\n    condition: s\n",
            &["8: the condition does not use `filter`"],
        );
        hints(
            "p",
            "level: low",
            "    s:\n        a: '%admins%'\n        b|expand: admins\n        c|contains: '%temp%'\n    condition: s\n",
            &[
                "8: `%admins%` is taken as it is written: `a` does not say `expand`",
                "9: `b|expand` says `expand`, and no value holds a %name%",
            ],
        );
        hints(
            "p",
            "level: low",
            "    s: {t|hour|gte: 24, t|month: [1, 12]}\n    condition: s\n",
            &["7: a hour is 0 to 23, never 24"],
        );
        let starred = "is taken as it is written: wildcards in the name of a field are not \
                       supported; list the fields, or search all of them by keywords";
        hints(
            "p",
            "level: low",
            "    s:\n        a*: 1\n        b|fieldref: c.*\n        d: e*\n    condition: s\n",
            &[&format!("8: field `a*` {starred}"), &format!("9: field `c.*` {starred}")],
        );
        hints(
            "tidewaiter",
            "level: low",
            "    s: {actor.id|fieldref: aktor.unit}\n    condition: s\n",
            &["7: field `aktor.unit` is none of ours; did you mean `actor.unit`?"],
        );
    }

    #[test]
    fn tells_of_rules_that_nothing_reaches_and_of_fields_that_correlations_miss() {
        let rule = |id: &str, source: &str| {
            format!(
                "title: {id}\nid: {id}\nlogsource: {{{source}}}\ndetection: {{s: {{a: 1}}, condition: s}}\n---\n"
            )
        };
        let text = [
            rule("a", "product: tidewaiter, category: access"),
            rule("b", "product: tidewaiter, service: access"),
            rule("c", "product: zeek, service: conn"),
            rule("d", "category: network"),
            rule("e", "product: windows"),
            "title: x\nid: x\ncorrelation:\n    type: value_count\n    rules: [a, c]\n    group-by: [actor_id]\n    timespan: 1m\n    condition: {field: resource.recrod, gte: 2}\n".to_owned(),
        ];
        let set = RuleSet::load([("r.yml", text.concat())], &Default::default()).expect("rules");
        let told: Vec<String> = lint_set(&set)
            .into_iter()
            .map(|(file, hint)| {
                let first: String = hint.text.chars().take(40).collect();
                format!("{file}:{}: {}: {first}", hint.line, hint.rule)
            })
            .collect();
        assert_eq!(
            told,
            [
                "r.yml:26: x: field `actor_id` is none of ours; did yo",
                "r.yml:26: x: field `resource.recrod` is none of ours;",
                "r.yml:6: b: no event that comes in is of this log so",
                "r.yml:21: e: no event that comes in is of this log so",
            ]
        );
        let unused = "title: x\nid: x\ndescription: d\nlevel: low\ncorrelation:\n    aliases:\n        who: {a: b}\n        n: {a: c}\n    group-by: who\n";
        let hints: Vec<String> = lint(unused).into_iter().map(|hint| hint.text).collect();
        assert_eq!(hints, ["alias `n` is neither grouped by nor counted"]);
        assert_eq!(lint("---\n---\n# nothing\n"), []);
    }
}
