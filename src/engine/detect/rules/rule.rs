//! A rule as people know it, and how its document is read.

use std::sync::Arc;

use super::{
    compile::Compiler,
    condition::{self, Condition},
    correlation::{self, CorrelationDraft},
    error::{Fault, Problem},
    expression::Expression,
    logsource::LogSourceFilter,
    yaml::{Data, Node, Scalar},
};
use crate::engine::model::{IdHasher, Severity};

/// Selections of one rule.
const SELECTIONS_MAX: usize = 512;
/// Comparisons of one rule, counted again wherever the condition repeats them.
const TESTS_MAX: usize = 50_000;
/// Characters of a title, by the specification.
const TITLE_MAX: usize = 256;

/// Maturity, as the rule's author states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Stable,
    Test,
    Experimental,
    Deprecated,
    Unsupported,
}

impl Status {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Stable, "stable"),
        (Self::Test, "test"),
        (Self::Experimental, "experimental"),
        (Self::Deprecated, "deprecated"),
        (Self::Unsupported, "unsupported"),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }
}

/// A rule as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As written; where there is none, a hash of the title in the shape of a UUID.
    pub id: String,
    pub name: Option<String>,
    pub title: String,
    pub description: String,
    pub status: Option<Status>,
    /// Low where the rule states none.
    pub level: Severity,
    pub tags: Vec<String>,
    /// Technique ids among the tags: `T1213.006`.
    pub attack: Vec<String>,
    pub falsepositives: Vec<String>,
    /// What to do next, in the rule's own words: a key of ours, which Sigma leaves room for.
    pub response: String,
    pub references: Vec<String>,
    pub logsource: LogSourceFilter,
    pub file: Arc<str>,
    /// Where its document starts in the file, from 1.
    pub line: u32,
}

/// A rule's metadata and what it looks for.
pub(super) struct Draft {
    pub rule: Rule,
    pub expression: Expression,
    /// Its entry in the mapping.
    pub mapped: Option<usize>,
    /// Of what is looked for and where; changes when that does.
    pub fingerprint: u64,
}

/// A filter document: what the rules it names are not to match, or to match only with.
pub(super) struct Filter {
    pub title: String,
    pub logsource: LogSourceFilter,
    /// Ids or names, with their lines; `None`: every rule of its log source.
    pub rules: Option<Vec<(String, u32)>>,
    pub expression: Expression,
    pub fingerprint: u64,
}

pub(super) enum Document {
    Rule(Box<Draft>),
    Filter(Filter),
    Correlation(Box<CorrelationDraft>),
}

/// Title of the document, for error messages; empty where it has none.
pub(super) fn title(node: &Node) -> String {
    let title = node.entry("title").and_then(Node::text).unwrap_or_default();
    title.chars().take(TITLE_MAX).collect()
}

/// Reads one document. All that is wrong with it goes to `faults`.
pub(super) fn read(
    node: &Node,
    file: &Arc<str>,
    compiler: &mut Compiler<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Document> {
    if node.map().is_none() {
        faults.push(Fault::new(node.line, "", Problem::Expected("a rule: a map of keys")));
        return None;
    }
    if let Some(found) = node.entry("action") {
        let problem = Problem::Unsupported("`action` documents (global, reset, repeat) are");
        faults.push(Fault::new(key_line(node, "action", found), "action", problem));
        return None;
    }
    if let Some(section) = node.entry("correlation") {
        let draft = correlation::read(node, section, file, faults)?;
        return Some(Document::Correlation(Box::new(draft)));
    }
    let before = faults.len();
    let title = required_title(node, faults);
    let logsource = logsource(node, faults);
    let (logsource, mapped) = compiler.begin_rule(logsource);
    if let Some(found) = node.entry("taxonomy")
        && mapped.is_none()
        && !matches!(found.text(), Some("sigma" | "ocsf" | "tidewaiter"))
    {
        let line = key_line(node, "taxonomy", found);
        faults.push(Fault::new(line, "taxonomy", Problem::Unknown(TAXONOMIES)));
    }
    let is_filter = node.entry("filter").is_some();
    let section = if is_filter { "filter" } else { "detection" };
    let expression = detection(node, section, compiler, faults);
    let rule = if is_filter { None } else { Some(metadata(node, title.clone(), file, faults)) };
    let rules = if is_filter { filter_rules(node, faults) } else { None };
    let expression = expression?;
    if faults.len() > before {
        return None;
    }
    let fingerprint = fingerprint(node, section);
    Some(match rule {
        Some(rule) => {
            let rule = Rule { logsource, ..rule };
            Document::Rule(Box::new(Draft { rule, expression, mapped, fingerprint }))
        }
        None => Document::Filter(Filter { title, logsource, rules, expression, fingerprint }),
    })
}

fn fingerprint(node: &Node, section: &str) -> u64 {
    let parts = [node.entry("id"), node.entry("logsource"), node.entry(section)];
    let hasher = IdHasher::new("rule definition");
    parts.into_iter().flatten().fold(hasher, |hasher, part| part.fingerprint(hasher)).finish_u64()
}

pub(super) fn key_line(node: &Node, key: &str, found: &Node) -> u32 {
    let entries = node.map().unwrap_or_default();
    entries.iter().find(|(k, _)| k.text == key).map_or(found.line, |(k, _)| k.line)
}

pub(super) fn required_title(node: &Node, faults: &mut Vec<Fault>) -> String {
    match node.entry("title") {
        None => faults.push(Fault::new(node.line, "", Problem::Missing("title"))),
        Some(title) => match title.text() {
            Some(text) if !text.is_empty() && text.chars().count() <= TITLE_MAX => {
                return text.to_owned();
            }
            _ => {
                let problem = Problem::Expected("a text of 1 to 256 characters");
                faults.push(Fault::new(title.line, "title", problem));
            }
        },
    }
    String::new()
}

pub(super) fn metadata(
    node: &Node,
    title: String,
    file: &Arc<str>,
    faults: &mut Vec<Fault>,
) -> Rule {
    for key in ["id", "name"] {
        if let Some(found) = node.entry(key).filter(|found| found.text().is_none()) {
            faults.push(Fault::new(key_line(node, key, found), key, Problem::Expected("a text")));
        }
    }
    let text = |key: &str| node.entry(key).and_then(Node::text).map(str::to_owned);
    let texts = |key: &str| -> Vec<String> {
        let texts = node.entry(key).map(Node::texts).unwrap_or_default();
        texts.into_iter().map(str::to_owned).collect()
    };
    let tags = texts("tags");
    let attack = tags.iter().filter_map(|tag| technique(tag)).collect();
    Rule {
        id: text("id").filter(|id| !id.is_empty()).unwrap_or_else(|| id_of_title(&title)),
        name: text("name"),
        description: text("description").unwrap_or_default(),
        status: one_of(node, "status", &STATUS_WORDS, faults, |word| {
            Status::ALL.iter().find(|(_, name)| *name == word).map(|(status, _)| *status)
        }),
        level: one_of(node, "level", &LEVEL_WORDS, faults, |word| word.parse().ok())
            .unwrap_or(Severity::Low),
        attack,
        tags,
        falsepositives: texts("falsepositives"),
        response: text("response").map(|text| text.trim().to_owned()).unwrap_or_default(),
        references: texts("references"),
        logsource: LogSourceFilter::default(),
        file: Arc::clone(file),
        line: node.line,
        title,
    }
}

/// Whose names for fields a rule goes by. Others need a mapping, which tells them too.
const TAXONOMIES: &str = "sigma, ocsf, tidewaiter; for others, map the log source";

static STATUS_WORDS: &str = "stable, test, experimental, deprecated, unsupported";
static LEVEL_WORDS: &str = "informational, low, medium, high, critical";

/// The value of `key` among known words; a word that is none of them is a fault.
fn one_of<T>(
    node: &Node,
    key: &'static str,
    words: &&'static str,
    faults: &mut Vec<Fault>,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let found = node.entry(key)?;
    let value = found.text().and_then(read);
    if value.is_none() {
        faults.push(Fault::new(found.line, key, Problem::Unknown(words)));
    }
    value
}

/// `attack.t1213.006` is `T1213.006`.
fn technique(tag: &str) -> Option<String> {
    let id = tag.to_ascii_lowercase();
    let id = id.strip_prefix("attack.t")?;
    let numeric = id.len() >= 4 && id.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    numeric.then(|| format!("T{id}"))
}

fn id_of_title(title: &str) -> String {
    let hash = IdHasher::new("rule title").part(title.as_bytes()).finish();
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn logsource(node: &Node, faults: &mut Vec<Fault>) -> LogSourceFilter {
    let mut out = LogSourceFilter::default();
    let Some(section) = node.entry("logsource") else {
        faults.push(Fault::new(node.line, "", Problem::Missing("logsource")));
        return out;
    };
    let Some(entries) = section.map() else {
        faults.push(Fault::new(section.line, "logsource", Problem::Expected("a map")));
        return out;
    };
    for (key, value) in entries {
        let slot = match key.text.as_str() {
            "product" => &mut out.product,
            "service" => &mut out.service,
            "category" => &mut out.category,
            "definition" => continue,
            _ => {
                let problem = Problem::Unknown("product, service, category, definition");
                faults.push(Fault::new(key.line, key.text.as_str(), problem));
                continue;
            }
        };
        match value.scalar() {
            Some(Scalar::Null) | None => {
                faults.push(Fault::new(key.line, key.text.as_str(), Problem::Expected("a word")));
            }
            Some(_) => *slot = value.text().map(|text| text.to_lowercase().into()),
        }
    }
    if out == LogSourceFilter::default() && faults.is_empty() {
        let problem = Problem::Expected("at least one of product, service and category");
        faults.push(Fault::new(section.line, "logsource", problem));
    }
    out
}

fn filter_rules(node: &Node, faults: &mut Vec<Fault>) -> Option<Vec<(String, u32)>> {
    let Some(rules) = node.entry("filter").and_then(|filter| filter.entry("rules")) else {
        faults.push(Fault::new(node.line, "filter", Problem::Missing("rules")));
        return None;
    };
    match &rules.data {
        Data::Scalar { text, .. } if text.eq_ignore_ascii_case("any") => None,
        Data::Scalar { text, .. } => Some(vec![(text.clone(), rules.line)]),
        Data::List(items) if !items.is_empty() && items.iter().all(|i| i.text().is_some()) => {
            Some(items.iter().filter_map(|i| Some((i.text()?.to_owned(), i.line))).collect())
        }
        Data::List(_) | Data::Map(_) => {
            let problem = Problem::Expected("ids or names, or `any`");
            faults.push(Fault::new(rules.line, "rules", problem));
            None
        }
    }
}

/// The selections and the condition over them.
fn detection(
    node: &Node,
    section: &'static str,
    compiler: &mut Compiler<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Expression> {
    let Some(detection) = node.entry(section) else {
        faults.push(Fault::new(node.line, "", Problem::Missing("detection")));
        return None;
    };
    let Some(entries) = detection.map() else {
        faults.push(Fault::new(detection.line, section, Problem::Expected("a map of selections")));
        return None;
    };
    let before = faults.len();
    let line = key_line(node, section, detection);
    if entries.len() > SELECTIONS_MAX + 1 {
        let (what, found) = ("selections", entries.len());
        let problem = Problem::TooMany { what, found, max: SELECTIONS_MAX };
        faults.push(Fault::new(line, section, problem));
        return None;
    }
    let mut names = Vec::new();
    let mut selections = Vec::new();
    for (key, value) in entries {
        match key.text.as_str() {
            "condition" => {}
            "rules" if section == "filter" => {}
            "timeframe" => {
                let problem = Problem::Unsupported("a time frame outside correlations is");
                faults.push(Fault::new(key.line, "timeframe", problem));
            }
            name => match compiler.selection(name, value) {
                Ok(expression) => {
                    names.push(name);
                    selections.push(expression);
                }
                Err(fault) => {
                    // The condition may still use it: one fault is enough.
                    names.push(name);
                    selections.push(Expression::Or(Vec::new()));
                    faults.push(fault);
                }
            },
        }
    }
    let conditions = conditions(detection, line, &names, faults);
    if faults.len() > before {
        return None;
    }
    let tests = conditions.iter().fold(0_usize, |sum, c| sum.saturating_add(size(c, &selections)));
    if tests > TESTS_MAX {
        let problem = Problem::TooMany { what: "comparisons", found: tests, max: TESTS_MAX };
        faults.push(Fault::new(line, "condition", problem));
        return None;
    }
    let mut terms: Vec<Expression> = conditions.iter().map(|c| resolve(c, &selections)).collect();
    if terms.len() == 1 { terms.pop() } else { Some(Expression::Or(terms)) }
}

/// One condition or several, any of which is enough.
fn conditions(
    detection: &Node,
    line: u32,
    names: &[&str],
    faults: &mut Vec<Fault>,
) -> Vec<Condition> {
    let Some(node) = detection.entry("condition") else {
        faults.push(Fault::new(line, "", Problem::Missing("condition")));
        return Vec::new();
    };
    let nodes = match &node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.is_empty() || nodes.len() > SELECTIONS_MAX {
        let problem = Problem::Expected("one condition, or a list of 1 to 512");
        faults.push(Fault::new(node.line, "condition", problem));
    }
    let mut conditions = Vec::new();
    for node in nodes.iter().take(SELECTIONS_MAX) {
        let parsed = match node.text() {
            Some(text) => condition::parse(text, names).map_err(|p| Fault::new(node.line, text, p)),
            None => Err(Fault::new(node.line, "condition", Problem::Expected("a text"))),
        };
        match parsed {
            Ok(condition) => conditions.push(condition),
            Err(fault) => faults.push(fault),
        }
    }
    conditions
}

/// Comparisons of a condition once its selections are put in. Saturates.
fn size(condition: &Condition, selections: &[Expression]) -> usize {
    match condition {
        Condition::Selection(index) => selections.get(*index).map_or(0, Expression::tests),
        Condition::Not(inner) => size(inner, selections),
        Condition::And(terms) | Condition::Or(terms) => {
            terms.iter().fold(0, |sum, term| sum.saturating_add(size(term, selections)))
        }
    }
}

fn resolve(condition: &Condition, selections: &[Expression]) -> Expression {
    let all = |terms: &[Condition]| terms.iter().map(|term| resolve(term, selections)).collect();
    match condition {
        Condition::Selection(index) => {
            selections.get(*index).cloned().unwrap_or(Expression::Or(Vec::new()))
        }
        Condition::Not(inner) => Expression::Not(Box::new(resolve(inner, selections))),
        Condition::And(terms) => Expression::And(all(terms)),
        Condition::Or(terms) => Expression::Or(all(terms)),
    }
}
