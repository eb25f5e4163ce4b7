//! What is allowed in a rule and yet looks like a slip.

use super::{
    slot::Slot,
    yaml::{self, Data, Key, Node},
};

/// A line of a rule file worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub line: u32,
    pub rule: String,
    pub text: String,
}

/// Letters that may be wrong in a name that was meant to be another.
const SLIPS_MAX: usize = 2;

/// Looks through one rule file that was loaded without fault.
pub fn lint(text: &str) -> Vec<Hint> {
    let mut hints = Vec::new();
    for node in yaml::parse(text).unwrap_or_default() {
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
        let source = node.entry("logsource");
        let word = |key: &str| source.and_then(|s| s.entry(key)).and_then(Node::text);
        if word("product") != Some("tidewaiter") {
            continue;
        }
        if let Some(category) = word("category")
            && !["access", "auth", "network"].contains(&category)
        {
            let line = source.map_or(node.line, |source| source.line);
            say(line, format!("no event is of category `{category}`: access, auth or network"));
        }
        let section = node.entry("detection").or(node.entry("filter"));
        for (_, selection) in section.and_then(Node::map).unwrap_or_default() {
            fields(selection, &mut |key| {
                let name = key.text.split('|').next().unwrap_or_default();
                if let Some(meant) = meant(name) {
                    say(
                        key.line,
                        format!("field `{name}` is none of ours; did you mean `{meant}`?"),
                    );
                }
            });
        }
    }
    hints
}

fn fields(node: &Node, found: &mut dyn FnMut(&Key)) {
    match &node.data {
        Data::Map(entries) => entries.iter().for_each(|(key, _)| found(key)),
        Data::List(items) => items.iter().for_each(|item| fields(item, found)),
        Data::Scalar { .. } => {}
    }
}

/// The normalised field that an unknown name was probably meant to be.
fn meant(name: &str) -> Option<&'static str> {
    if name.is_empty() || Slot::named(name).is_some() {
        return None;
    }
    let lower = name.to_lowercase();
    let flat = |name: &str| name.replace(['.', '_'], "");
    Slot::ALL
        .iter()
        .map(|slot| (distance(&flat(&lower), &flat(slot.name())), slot.name()))
        .filter(|(slips, known)| *slips <= SLIPS_MAX && slips * 3 < known.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
        .or_else(|| {
            // Half of a name: `dataset`, `ip`. A grant's `role` is a field of its own.
            let ends = |slot: &&Slot| slot.name().rsplit('.').next() == Some(lower.as_str());
            Slot::ALL.iter().find(ends).map(|slot| slot.name()).filter(|_| lower != "role")
        })
}

/// Letters to add, drop, change or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
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
        assert_eq!(hints.len(), 5, "{hints:?}");
        assert!(
            hints.contains(&"7: field `actoin` is none of ours; did you mean `action`?".into())
        );
    }
}
