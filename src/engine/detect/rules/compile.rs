//! From the selections of a rule, as written, to comparisons shared between rules.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;

use super::{
    atom::{self, Atom},
    error::{Fault, Problem},
    expression::{Expression, PredicateId},
    fields::Field,
    logsource::LogSourceFilter,
    mapping::Mapping,
    matcher::{Compare, Matcher, Values},
    modifier::{Meaning, Modifiers, Shape, TextStep},
    networks::Networks,
    pattern::{self, Pattern},
    slot,
    text_set::{self, TextSet},
    value::Number,
    yaml::{Data, Key, Node, Scalar},
};

/// Values of one rule, those that placeholders stand for included.
pub(super) const VALUES_MAX: usize = 10_000;
/// Bytes of one value.
const VALUE_BYTES_MAX: usize = 16_384;

/// Regular expressions of one rule.
const REGEXES_MAX: usize = 256;

/// What `%name%` stands for under the modifier `expand`.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// How names in rules are to be read.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    pub placeholders: Placeholders,
    pub mapping: Mapping,
}

/// A comparison, and where it looks.
#[derive(Clone, Debug)]
pub(super) struct Predicate {
    pub target: Target,
    pub matcher: Matcher,
    /// What an event must hold, one of these at least, for the comparison to be true; `None`
    /// where nothing can be said.
    pub atoms: Option<Vec<Atom>>,
    /// Which of its target's comparisons it is.
    pub number: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// Index among the rule set's fields.
    Field(u32),
    /// Any text of the event.
    Keywords,
}

/// Collects the fields and comparisons of all rules, each once.
pub(super) struct Compiler<'p> {
    pub fields: Vec<Field>,
    pub predicates: Vec<Predicate>,
    field_ids: HashMap<Field, u32>,
    predicate_ids: HashMap<String, PredicateId>,
    /// By target: comparisons so far.
    counts: HashMap<Target, u32>,
    dialect: &'p Dialect,
    /// Of the rule in hand: its entry in the mapping, and whether its names are ours.
    mapped: Option<usize>,
    normalised: bool,
    values: usize,
    regexes: usize,
    regex_parts_left: u64,
}

impl<'p> Compiler<'p> {
    pub fn new(dialect: &'p Dialect) -> Self {
        Self {
            fields: Vec::new(),
            predicates: Vec::new(),
            field_ids: HashMap::new(),
            predicate_ids: HashMap::new(),
            counts: HashMap::new(),
            dialect,
            mapped: None,
            normalised: false,
            values: 0,
            regexes: 0,
            regex_parts_left: text_set::REGEX_PARTS_MAX,
        }
    }

    /// Starts on a rule of this log source; gives the source it counts as, and its entry in the
    /// mapping.
    pub fn begin_rule(&mut self, source: LogSourceFilter) -> (LogSourceFilter, Option<usize>) {
        let mapping = &self.dialect.mapping;
        self.mapped = mapping.find(&source);
        let source = mapping.source(self.mapped).unwrap_or(source);
        self.normalised = source.is_ours();
        self.values = 0;
        self.regexes = 0;
        (source, self.mapped)
    }

    /// One selection: a map is AND, a list OR, bare texts are keywords.
    pub fn selection(&mut self, name: &str, node: &Node) -> Result<Expression, Fault> {
        match &node.data {
            Data::Map(entries) => self.map(name, node.line, entries),
            Data::List(items) => self.list(name, node.line, items),
            Data::Scalar { .. } => self.item("", node.line, std::slice::from_ref(node)),
        }
    }

    fn map(&mut self, name: &str, line: u32, entries: &[(Key, Node)]) -> Result<Expression, Fault> {
        if entries.is_empty() {
            return Err(Fault::new(line, name, Problem::Expected("a selection with content")));
        }
        let terms = entries.iter().map(|(key, node)| match &node.data {
            Data::Scalar { .. } => self.item(&key.text, key.line, std::slice::from_ref(node)),
            Data::List(items) => self.item(&key.text, key.line, items),
            Data::Map(_) => {
                let problem = Problem::Expected("a value or a list of values");
                Err(Fault::new(key.line, key.text.as_str(), problem))
            }
        });
        Ok(one_or(terms.collect::<Result<_, _>>()?, Expression::And))
    }

    fn list(&mut self, name: &str, line: u32, items: &[Node]) -> Result<Expression, Fault> {
        let mut keywords = Vec::new();
        let mut terms = Vec::new();
        for item in items {
            match &item.data {
                Data::Scalar { .. } => keywords.push(item.clone()),
                Data::Map(entries) => terms.push(self.map(name, item.line, entries)?),
                Data::List(_) => {
                    let problem = Problem::Expected("a list of values or of maps");
                    return Err(Fault::new(item.line, name, problem));
                }
            }
        }
        if !keywords.is_empty() {
            terms.push(self.item("", line, &keywords)?);
        }
        if terms.is_empty() {
            return Err(Fault::new(line, name, Problem::Expected("a selection with content")));
        }
        Ok(one_or(terms, Expression::Or))
    }

    /// One field with its modifiers and values.
    fn item(&mut self, key: &str, line: u32, values: &[Node]) -> Result<Expression, Fault> {
        let fault = |problem| Fault::new(line, key, problem);
        if values.is_empty() {
            return Err(fault(Problem::Expected("at least one value")));
        }
        let mut words = key.split('|');
        let name = words.next().unwrap_or_default();
        let modifiers = Modifiers::parse(words).map_err(fault)?;
        let target = self.target(name).map_err(fault)?;
        if target == Target::Keywords && !is_for_keywords(modifiers.meaning) {
            return Err(fault(Problem::Expected("a field before this modifier")));
        }
        let mut alternatives = Vec::new();
        for value in values {
            alternatives.push(self.value(key, value, values.len(), &modifiers, target)?);
        }
        let expression = if modifiers.all {
            let mut terms = Vec::new();
            for alternative in alternatives {
                terms.push(self.test(target, &modifiers, alternative).map_err(fault)?);
            }
            one_or(terms, Expression::And)
        } else {
            let alternatives = alternatives.into_iter().flatten().collect();
            self.test(target, &modifiers, alternatives).map_err(fault)?
        };
        Ok(if modifiers.neq { Expression::Not(Box::new(expression)) } else { expression })
    }

    fn target(&mut self, name: &str) -> Result<Target, Problem> {
        if name.is_empty() {
            return Ok(Target::Keywords);
        }
        self.field(name).map(Target::Field)
    }

    fn field(&mut self, name: &str) -> Result<u32, Problem> {
        let name = self.dialect.mapping.field(self.mapped, name);
        let field = if self.normalised { Field::normalised(name) } else { Field::raw(name) };
        if self.normalised && field.slot().is_none() && slot::is_private_path(name) {
            return Err(Problem::Private);
        }
        let next = self.fields.len() as u32;
        let id = *self.field_ids.entry(field.clone()).or_insert(next);
        if id == next {
            self.fields.push(field);
        }
        Ok(id)
    }

    /// What one value written in the rule stands for: any of these.
    fn value(
        &mut self,
        key: &str,
        node: &Node,
        siblings: usize,
        modifiers: &Modifiers,
        target: Target,
    ) -> Result<Vec<Operand>, Fault> {
        let fault = |problem| Fault::new(node.line, key, problem);
        let (Some(scalar), Some(text)) = (node.scalar(), node.text()) else {
            return Err(fault(Problem::Expected("a value, not a list or map within a list")));
        };
        if text.len() > VALUE_BYTES_MAX {
            let (what, found) = ("bytes in a value", text.len());
            return Err(fault(Problem::TooMany { what, found, max: VALUE_BYTES_MAX }));
        }
        let texts = if modifiers.expand {
            self.expanded(text).map_err(fault)?
        } else {
            vec![text.to_owned()]
        };
        self.values += texts.len();
        if self.values > VALUES_MAX {
            let (what, found) = ("values in the rule", self.values);
            return Err(fault(Problem::TooMany { what, found, max: VALUES_MAX }));
        }
        let mut operands = Vec::new();
        for text in texts {
            match modifiers.meaning {
                Meaning::Values => {
                    let typed = modifiers.steps.is_empty()
                        && !modifiers.expand
                        && target != Target::Keywords;
                    match scalar {
                        Scalar::Null if typed && siblings == 1 => operands.push(Operand::Null),
                        Scalar::Null if typed => {
                            return Err(fault(Problem::Expected("null by itself")));
                        }
                        Scalar::Null => {
                            let wanted = "a text; null is for a field without modifiers";
                            return Err(fault(Problem::Expected(wanted)));
                        }
                        Scalar::Bool(truth) if typed => operands.push(Operand::Truth(truth)),
                        Scalar::Int(number) if typed => {
                            operands.push(Operand::Number(Number::Int(number)));
                        }
                        Scalar::Float(number) if typed => {
                            operands.push(Operand::Number(Number::Float(number)));
                        }
                        _ => {
                            let patterns = patterns(&text, modifiers, target).map_err(fault)?;
                            operands.extend(patterns.into_iter().map(Operand::Pattern));
                        }
                    }
                }
                Meaning::Regex(_) if scalar == Scalar::Null => {
                    return Err(fault(Problem::Expected("a regular expression")));
                }
                Meaning::Regex(_) => {
                    self.regexes += 1;
                    if self.regexes > REGEXES_MAX {
                        let (what, found) = ("regular expressions in the rule", self.regexes);
                        return Err(fault(Problem::TooMany { what, found, max: REGEXES_MAX }));
                    }
                    operands.push(Operand::Regex(text));
                }
                Meaning::Network => operands.push(Operand::Network(network(&text).map_err(fault)?)),
                Meaning::Exists => match scalar {
                    Scalar::Bool(truth) if siblings == 1 => operands.push(Operand::Truth(truth)),
                    _ => return Err(fault(Problem::Expected("true or false"))),
                },
                Meaning::Field(_) if scalar == Scalar::Null || text.is_empty() => {
                    return Err(fault(Problem::Expected("the name of a field")));
                }
                Meaning::Field(_) => {
                    operands.push(Operand::Field(self.field(&text).map_err(fault)?));
                }
                Meaning::Number { .. } => match Number::parse(&text) {
                    Some(number) => operands.push(Operand::Number(number)),
                    None => return Err(fault(Problem::Expected("a number"))),
                },
            }
        }
        Ok(operands)
    }

    /// `text` with every `%name%` put in, once for each value the name stands for.
    fn expanded(&self, text: &str) -> Result<Vec<String>, Problem> {
        let mut done = vec![String::new()];
        let mut rest = text;
        while let Some((before, name, after)) = pattern::placeholder(rest) {
            let Some(values) = self.dialect.placeholders.get(name) else {
                return Err(Problem::Placeholder(name.to_owned()));
            };
            let found = done.len().saturating_mul(values.len());
            if found > VALUES_MAX {
                return Err(Problem::TooMany {
                    what: "values in the rule",
                    found,
                    max: VALUES_MAX,
                });
            }
            done = done
                .iter()
                .flat_map(|head| values.iter().map(move |value| format!("{head}{before}{value}")))
                .collect();
            rest = after;
        }
        done.iter_mut().for_each(|head| head.push_str(rest));
        Ok(done)
    }

    /// The comparison of `target` with any of `operands`, new or one there is already.
    fn test(
        &mut self,
        target: Target,
        modifiers: &Modifiers,
        operands: Vec<Operand>,
    ) -> Result<Expression, Problem> {
        let (meaning, cased) = (modifiers.meaning, modifiers.cased);
        if let Meaning::Field(relation) = meaning {
            let mut terms = Vec::new();
            for operand in operands {
                let Operand::Field(other) = operand else { continue };
                let key = format!("{target:?} {relation:?} {cased} {other}");
                let matcher = Matcher::Field { other, relation, cased };
                let predicate = Predicate { target, matcher, atoms: None, number: 0 };
                terms.push(self.known(&key).unwrap_or_else(|| self.add(key, predicate)));
            }
            return Ok(one_or(terms, Expression::Or));
        }
        let key = format!("{target:?} {meaning:?} {cased} {operands:?}");
        if let Some(known) = self.known(&key) {
            return Ok(known);
        }
        let by_text = matches!(meaning, Meaning::Values | Meaning::Regex(_));
        let atoms = by_text.then(|| atom::of_operands(target, &operands)).flatten();
        let matcher = matcher(meaning, cased, operands, &mut self.regex_parts_left)?;
        Ok(self.add(key, Predicate { target, matcher, atoms, number: 0 }))
    }

    fn known(&self, key: &str) -> Option<Expression> {
        self.predicate_ids.get(key).copied().map(Expression::Test)
    }

    fn add(&mut self, key: String, mut predicate: Predicate) -> Expression {
        let id = self.predicates.len() as PredicateId;
        let count = self.counts.entry(predicate.target).or_default();
        predicate.number = *count;
        *count += 1;
        self.predicates.push(predicate);
        self.predicate_ids.insert(key, id);
        Expression::Test(id)
    }
}

/// One value to compare with, understood.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Pattern(Pattern),
    Number(Number),
    Truth(bool),
    Null,
    Regex(String),
    Network(IpNet),
    Field(u32),
}

fn matcher(
    meaning: Meaning,
    cased: bool,
    operands: Vec<Operand>,
    regex_parts_left: &mut u64,
) -> Result<Matcher, Problem> {
    let mut patterns = Vec::new();
    let mut regexes = Vec::new();
    let mut networks = Vec::new();
    let mut values = Values { cased, ..Values::default() };
    for operand in operands {
        match operand {
            Operand::Pattern(pattern) => patterns.push(pattern),
            Operand::Number(number) => values.numbers.push(number),
            Operand::Truth(truth) => values.truths.push(truth),
            Operand::Null => values.null = true,
            Operand::Regex(source) => regexes.push(source),
            Operand::Network(network) => networks.push(network),
            Operand::Field(_) => {}
        }
    }
    Ok(match meaning {
        Meaning::Values | Meaning::Field(_) => {
            values.has_text = !patterns.is_empty();
            values.text = TextSet::new(&patterns)?;
            Matcher::Values(Box::new(values))
        }
        Meaning::Regex(flags) => {
            let regexes = regexes.iter();
            let regexes = regexes.map(|source| text_set::regex(source, flags, regex_parts_left));
            Matcher::Regexes(regexes.collect::<Result<_, _>>()?)
        }
        Meaning::Network => Matcher::Networks(Networks::new(networks)),
        Meaning::Exists => Matcher::Exists(values.truths.first().copied().unwrap_or(true)),
        Meaning::Number { part, operator } => {
            let compare = Compare { operator, numbers: values.numbers };
            match part {
                Some(part) => Matcher::TimePart { part, compare },
                None => Matcher::Compare(compare),
            }
        }
    })
}

/// The patterns a text value becomes under the modifiers; folded unless case counts.
fn patterns(text: &str, modifiers: &Modifiers, target: Target) -> Result<Vec<Pattern>, Problem> {
    let mut patterns = vec![Pattern::parse(text)];
    let mut wide = None;
    let encodes = |step: &TextStep| matches!(step, TextStep::Base64 | TextStep::Base64Offset);
    for (index, step) in modifiers.steps.iter().enumerate() {
        match step {
            TextStep::Shape(shape) => patterns.iter_mut().for_each(|p| reshape(p, *shape)),
            TextStep::Dashes => {
                patterns = patterns.into_iter().map(Pattern::with_dashes).collect();
            }
            TextStep::Wide(layout) if modifiers.steps[index..].iter().any(encodes) => {
                wide = Some(*layout);
            }
            TextStep::Wide(layout) => {
                let widened = patterns.iter().map(|pattern| pattern.widened(*layout));
                let reason = "without base64 is for ASCII texts, and without a byte order mark";
                patterns = widened
                    .collect::<Option<_>>()
                    .ok_or(Problem::Modifier { modifier: "utf16", reason })?;
            }
            TextStep::Base64 | TextStep::Base64Offset => {
                let mut encoded = Vec::new();
                for pattern in &patterns {
                    let Some(plain) = pattern.plain() else {
                        let reason = "does not go with wildcards";
                        return Err(Problem::Modifier { modifier: "base64", reason });
                    };
                    let bytes = match wide {
                        Some(layout) => pattern::wide_bytes(plain, layout),
                        None => plain.as_bytes().to_vec(),
                    };
                    if *step == TextStep::Base64 {
                        encoded.push(Pattern::literal(&pattern::base64(&bytes)));
                    } else {
                        let offsets = pattern::base64_offsets(&bytes);
                        encoded.extend(offsets.iter().map(|text| Pattern::literal(text)));
                    }
                }
                patterns = encoded;
            }
        }
    }
    let shaped = modifiers.steps.iter().any(|step| matches!(step, TextStep::Shape(_)));
    if target == Target::Keywords && !shaped {
        patterns.iter_mut().for_each(|pattern| reshape(pattern, Shape::Anywhere));
    }
    if !modifiers.cased {
        patterns = patterns.into_iter().map(Pattern::folded).collect();
    }
    Ok(patterns)
}

fn reshape(pattern: &mut Pattern, shape: Shape) {
    if matches!(shape, Shape::End | Shape::Anywhere) {
        pattern.any_before();
    }
    if matches!(shape, Shape::Start | Shape::Anywhere) {
        pattern.any_after();
    }
}

fn is_for_keywords(meaning: Meaning) -> bool {
    matches!(meaning, Meaning::Values | Meaning::Regex(_))
}

/// An address alone is the network of it alone.
fn network(text: &str) -> Result<IpNet, Problem> {
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(address).ok_or(Problem::Network)
}

fn one_or(mut terms: Vec<Expression>, combine: fn(Vec<Expression>) -> Expression) -> Expression {
    if terms.len() == 1 { terms.remove(0) } else { combine(terms) }
}
