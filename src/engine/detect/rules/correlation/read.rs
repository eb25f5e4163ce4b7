//! A correlation document, as written.

use std::sync::Arc;

use super::super::{
    error::{Fault, Problem},
    rule::{self, Rule},
    yaml::{Data, Node, Scalar},
};
use super::{
    condition::{Bounds, Operator},
    definition::Kind,
};
use crate::engine::model::IdHasher;

/// Rules one correlation names.
const REFERENCES_MAX: usize = 64;
/// Fields to group by, or to count values of.
const FIELDS_MAX: usize = 8;
const ALIASES_MAX: usize = 32;
const TIMESPAN_MAX_S: u64 = 31 * 86_400;

const TYPES: &str = "event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, \
                     value_percentile";
const KEYS: &str = "type, rules, aliases, group-by, timespan, condition, generate";
const CONDITION_KEYS: &str = "gt, gte, lt, lte, eq, neq, field, percentile";

/// An alias, and for each rule it stands in, the field that it means there.
pub(in super::super) type Alias = (Named, Vec<(Named, String)>);

/// A name in the file, and where it stands.
#[derive(Clone, Debug)]
pub(in super::super) struct Named {
    pub name: String,
    pub line: u32,
}

/// A correlation before the rules it names are known.
#[derive(Clone, Debug)]
pub(in super::super) struct CorrelationDraft {
    pub rule: Rule,
    pub kind: Kind,
    pub references: Vec<Named>,
    pub group_by: Vec<Named>,
    /// By alias: the field it stands for in each rule.
    pub aliases: Vec<Alias>,
    pub timespan_ms: u32,
    pub generate: bool,
    pub condition: ConditionDraft,
    pub fingerprint: u64,
}

#[derive(Clone, Debug, Default)]
pub(in super::super) struct ConditionDraft {
    pub(super) bounds: Bounds,
    pub fields: Vec<Named>,
    pub percentile: Option<f64>,
    /// A condition over the names of rules.
    pub expression: Option<Named>,
}

/// Reads the document `node`, whose section `correlation` is given.
pub(in super::super) fn read(
    node: &Node,
    section: &Node,
    file: &Arc<str>,
    faults: &mut Vec<Fault>,
) -> Option<CorrelationDraft> {
    let before = faults.len();
    let title = rule::required_title(node, faults);
    for key in ["detection", "filter", "logsource"] {
        if let Some(found) = node.entry(key) {
            let problem = Problem::Unsupported("beside `correlation` it is");
            faults.push(Fault::new(rule::key_line(node, key, found), key, problem));
        }
    }
    let mut metadata = rule::metadata(node, title, file, faults);
    metadata.logsource = Default::default();
    let Some(entries) = section.map() else {
        faults.push(Fault::new(section.line, "correlation", Problem::Expected("a map")));
        return None;
    };
    for (key, _) in entries {
        if !KEYS.split(", ").any(|known| known == key.text) {
            faults.push(Fault::new(key.line, key.text.as_str(), Problem::Unknown(KEYS)));
        }
    }
    let generate = generate(node.entry("generate").or(section.entry("generate")), faults);
    let line = rule::key_line(node, "correlation", section);
    let mut keep = |found: Result<(), Fault>| faults.extend(found.err());
    let mut kind = None;
    keep(read_kind(section, line).map(|read| kind = Some(read)));
    let mut references = Vec::new();
    keep(names(section, "rules", REFERENCES_MAX, line, true).map(|read| references = read));
    let mut group_by = Vec::new();
    keep(names(section, "group-by", FIELDS_MAX, line, false).map(|read| group_by = read));
    let mut timespan_ms = 0;
    keep(timespan(section, line).map(|read| timespan_ms = read));
    let mut aliases = Vec::new();
    keep(read_aliases(section).map(|read| aliases = read));
    let kind = kind?;
    let mut condition = ConditionDraft::default();
    keep(read_condition(section, kind, references.len(), line).map(|read| condition = read));
    if faults.len() > before {
        return None;
    }
    let hasher = IdHasher::new("correlation").part(metadata.id.as_bytes());
    let fingerprint = section.fingerprint(hasher).finish_u64();
    Some(CorrelationDraft {
        rule: metadata,
        kind,
        references,
        group_by,
        aliases,
        timespan_ms,
        generate,
        condition,
        fingerprint,
    })
}

fn generate(node: Option<&Node>, faults: &mut Vec<Fault>) -> bool {
    match node.map(|node| (node, node.scalar())) {
        None => false,
        Some((_, Some(Scalar::Bool(truth)))) => truth,
        Some((node, _)) => {
            faults.push(Fault::new(node.line, "generate", Problem::Expected("true or false")));
            false
        }
    }
}

fn read_kind(section: &Node, line: u32) -> Result<Kind, Fault> {
    let Some(node) = section.entry("type") else {
        return Err(Fault::new(line, "correlation", Problem::Missing("type")));
    };
    let word = node.text().unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == word);
    kind.ok_or_else(|| Fault::new(node.line, word, Problem::Unknown(TYPES)))
}

/// A name or a list of different names.
fn names(
    section: &Node,
    key: &'static str,
    max: usize,
    line: u32,
    needed: bool,
) -> Result<Vec<Named>, Fault> {
    let Some(node) = section.entry(key) else {
        return match needed {
            true => Err(Fault::new(line, "correlation", Problem::Missing("rules"))),
            false => Ok(Vec::new()),
        };
    };
    let nodes = match &node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.len() > max {
        return Err(Fault::new(
            node.line,
            key,
            Problem::TooMany { what: "names", found: nodes.len(), max },
        ));
    }
    let mut names: Vec<Named> = Vec::new();
    for item in nodes {
        let name = item.text().filter(|_| item.scalar() != Some(Scalar::Null)).unwrap_or_default();
        if name.is_empty() {
            return Err(Fault::new(item.line, key, Problem::Expected("a name or a list of names")));
        }
        if names.iter().any(|seen| seen.name == name) {
            return Err(Fault::new(item.line, name, Problem::Repeated));
        }
        names.push(Named { name: name.to_owned(), line: item.line });
    }
    if names.is_empty() && needed {
        return Err(Fault::new(node.line, key, Problem::Expected("at least one name")));
    }
    Ok(names)
}

fn timespan(section: &Node, line: u32) -> Result<u32, Fault> {
    let Some(node) = section.entry("timespan") else {
        return Err(Fault::new(line, "correlation", Problem::Missing("timespan")));
    };
    let text = node.text().unwrap_or_default();
    let fault = || {
        let wanted = "a number and s, m, h or d, from 1s to 31d";
        Fault::new(node.line, format!("timespan: {text}"), Problem::Expected(wanted))
    };
    let unit = text.chars().last().ok_or_else(fault)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(fault()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| whole).ok_or_else(fault)?;
    let span = number.saturating_mul(seconds);
    if !(1..=TIMESPAN_MAX_S).contains(&span) {
        return Err(fault());
    }
    u32::try_from(span * 1_000).map_err(|_| fault())
}

fn read_aliases(section: &Node) -> Result<Vec<Alias>, Fault> {
    let Some(node) = section.entry("aliases") else { return Ok(Vec::new()) };
    let wanted = Problem::Expected("a map: alias, then rule, then its field");
    let entries = node.map().ok_or_else(|| Fault::new(node.line, "aliases", wanted.clone()))?;
    if entries.len() > ALIASES_MAX {
        let problem = Problem::TooMany { what: "aliases", found: entries.len(), max: ALIASES_MAX };
        return Err(Fault::new(node.line, "aliases", problem));
    }
    let mut aliases = Vec::new();
    for (alias, fields) in entries {
        let of_rules = fields
            .map()
            .ok_or_else(|| Fault::new(alias.line, alias.text.as_str(), wanted.clone()))?;
        let mut rules = Vec::new();
        for (rule, field) in of_rules {
            let name = field.text().filter(|name| !name.is_empty()).ok_or_else(|| {
                Fault::new(rule.line, rule.text.as_str(), Problem::Expected("a field"))
            })?;
            let rule = Named { name: rule.text.clone(), line: rule.line };
            rules.push((rule, name.to_owned()));
        }
        aliases.push((Named { name: alias.text.clone(), line: alias.line }, rules));
    }
    Ok(aliases)
}

fn read_condition(
    section: &Node,
    kind: Kind,
    references: usize,
    line: u32,
) -> Result<ConditionDraft, Fault> {
    let mut out = ConditionDraft::default();
    let Some(node) = section.entry("condition") else {
        return match kind.is_temporal() {
            true => Ok(out),
            false => Err(Fault::new(line, "correlation", Problem::Missing("condition"))),
        };
    };
    let fault = |problem| Fault::new(node.line, "condition", problem);
    if kind == Kind::TemporalOrdered {
        let problem = Problem::Unsupported("a condition of temporal_ordered, which wants all, is");
        return Err(fault(problem));
    }
    let Some(entries) = node.map() else {
        let text = node.text().filter(|_| kind == Kind::Temporal);
        let text = text.ok_or_else(|| fault(Problem::Expected("a map such as {gte: 10}")))?;
        out.expression = Some(Named { name: text.to_owned(), line: node.line });
        return Ok(out);
    };
    for (key, value) in entries {
        let word = key.text.as_str();
        match (Operator::named(word), word) {
            (Some(operator), _) => out.bounds.add(operator, value, word)?,
            (None, "field") => out.fields = names(node, "field", FIELDS_MAX, line, true)?,
            (None, "percentile") if kind == Kind::ValuePercentile => {
                let number = match value.scalar() {
                    Some(Scalar::Int(number)) => number as f64,
                    Some(Scalar::Float(number)) => number,
                    _ => f64::NAN,
                };
                if !(0.0..=100.0).contains(&number) {
                    let problem = Problem::Expected("a number from 0 to 100");
                    return Err(Fault::new(value.line, word, problem));
                }
                out.percentile = Some(number);
            }
            (None, "percentile") => {
                let problem = Problem::Unsupported("for another type than value_percentile it is");
                return Err(Fault::new(key.line, word, problem));
            }
            _ => return Err(Fault::new(key.line, word, Problem::Unknown(CONDITION_KEYS))),
        }
    }
    if out.bounds.is_empty() {
        return Err(fault(Problem::Expected("at least one of gt, gte, lt, lte, eq, neq")));
    }
    let least = match kind {
        Kind::EventCount | Kind::Temporal => Some(1.0),
        Kind::ValueCount => Some(0.0),
        _ => None,
    };
    if !out.bounds.can_hold(least) {
        return Err(fault(Problem::Expected("bounds that some value is within")));
    }
    let counts_fields = !matches!(kind, Kind::EventCount | Kind::Temporal);
    match (counts_fields, out.fields.len()) {
        (true, 0) => return Err(fault(Problem::Missing("field"))),
        (true, n) if n > 1 && kind != Kind::ValueCount => {
            return Err(fault(Problem::Unsupported("more than one field is")));
        }
        (false, n) if n > 0 => return Err(fault(Problem::Unsupported("`field` here is"))),
        _ => {}
    }
    let never = kind == Kind::Temporal && out.bounds.exceed(references as f64);
    if never {
        return Err(fault(Problem::Expected("a number of rules that are listed")));
    }
    Ok(out)
}
