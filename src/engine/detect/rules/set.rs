//! A set of rules, compiled, and its use.

use std::{collections::HashMap, sync::Arc};

use smallvec::SmallVec;

use super::{
    compile::{Compiler, Dialect, Placeholders, Predicate, Target},
    correlation::{self, Correlation, CorrelationDraft, Plan},
    error::{Fault, Problem, RuleError},
    expression::{Expression, Program},
    fields::{Field, Fields},
    logsource::{LogSource, LogSourceFilter},
    matcher::Matcher,
    prefilter::{Prefilter, Words},
    rule::{self, Document, Draft, Filter, Rule},
    scratch::{Scratch, State},
    value::{Leaf, Value},
    yaml,
};
use crate::engine::model::{Format, Kind};

/// Bytes of one rule file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Rules of one set.
pub const RULES_MAX: usize = 100_000;

/// Index of a rule in its set, in the order of loading.
pub type RuleIndex = u32;

/// Rules, ready to be matched. Never changes: other rules are another set.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Tells this set from others to whoever keeps something that goes by its numbers.
    identity: Arc<()>,
    rules: Vec<Rule>,
    fields: Vec<Field>,
    predicates: Vec<Predicate>,
    program: Program,
    /// Where each rule's condition starts.
    starts: Vec<u32>,
    groups: Vec<Group>,
    plan: Plan,
}

/// The rules of one log source.
#[derive(Debug)]
struct Group {
    logsource: LogSourceFilter,
    prefilter: Prefilter,
}

/// The groups of rules that apply to the records of one source. Worked out once a source.
#[derive(Clone, Debug, Default)]
pub struct Scope(SmallVec<[u32; 8]>);

impl RuleSet {
    /// Reads and compiles the rules of `files`, each a name and its text. All or nothing: any
    /// fault refuses the set, and all faults are told.
    pub fn load<N, T>(
        files: impl IntoIterator<Item = (N, T)>,
        placeholders: &Placeholders,
    ) -> Result<Self, Vec<RuleError>>
    where
        N: AsRef<str>,
        T: AsRef<[u8]>,
    {
        let dialect = Dialect { placeholders: placeholders.clone(), mapping: Default::default() };
        Self::load_with(files, &dialect)
    }

    /// The same, with names mapped.
    pub fn load_with<N, T>(
        files: impl IntoIterator<Item = (N, T)>,
        dialect: &Dialect,
    ) -> Result<Self, Vec<RuleError>>
    where
        N: AsRef<str>,
        T: AsRef<[u8]>,
    {
        let (set, errors) = Self::load_usable(files, dialect);
        if errors.is_empty() { Ok(set) } else { Err(errors) }
    }

    /// The same, but rules without fault are kept whatever becomes of the others. For work with
    /// collections of strangers; not for what guards an agency.
    pub fn load_usable<N, T>(
        files: impl IntoIterator<Item = (N, T)>,
        dialect: &Dialect,
    ) -> (Self, Vec<RuleError>)
    where
        N: AsRef<str>,
        T: AsRef<[u8]>,
    {
        let mut loading = Loading::new(dialect);
        for (name, text) in files {
            loading.file(&Arc::from(name.as_ref()), text.as_ref());
        }
        loading.apply_filters();
        loading.finish()
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn rule(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index as usize)
    }

    /// Correlations, those that others rest on first.
    pub fn correlations(&self) -> &[Correlation] {
        &self.plan.correlations
    }

    /// Whether a match of the rule is told by itself: not where it only feeds correlations.
    pub fn tells(&self, index: RuleIndex) -> bool {
        self.plan.tells.get(index as usize).copied().unwrap_or(false)
    }

    /// The same for a firing of a correlation.
    pub fn correlation_tells(&self, index: u32) -> bool {
        self.plan.correlation_tells.get(index as usize).copied().unwrap_or(false)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether a correlation of this fingerprint is in use.
    pub(super) fn knows(&self, fingerprint: u64) -> bool {
        self.plan.correlations.iter().any(|correlation| correlation.is(fingerprint))
    }

    /// Distinct comparisons of all rules.
    pub fn predicate_count(&self) -> usize {
        self.predicates.len()
    }

    /// The rules that apply to records which count as any of `sources`.
    pub fn scope(&self, sources: &[LogSource<'_>]) -> Scope {
        let takes = |group: &Group| sources.iter().any(|source| group.logsource.takes(source));
        let groups = self.groups.iter().zip(0..).filter(|(group, _)| takes(group));
        Scope(groups.map(|(_, index)| index).collect())
    }

    /// The rules that apply to normalised events of this format and kind.
    pub fn scope_of_event(&self, format: Format, kind: Kind) -> Scope {
        self.scope(&LogSource::of_event(format, kind))
    }

    /// Appends the rules of `scope` that match, in the order of loading.
    pub fn matches<F: Fields + ?Sized>(
        &self,
        scope: &Scope,
        fields: &F,
        scratch: &mut Scratch,
        out: &mut Vec<RuleIndex>,
    ) {
        if scope.0.is_empty() {
            return;
        }
        scratch.begin(&self.identity, self.fields.len(), self.predicates.len(), self.rules.len());
        for group in scope.0.iter().filter_map(|index| self.groups.get(*index as usize)) {
            group.prefilter.always.iter().for_each(|rule| scratch.propose(*rule));
            for words in &group.prefilter.words {
                self.propose(words, fields, scratch);
            }
        }
        let mut candidates = std::mem::take(&mut scratch.candidates);
        let first = out.len();
        let mut timing = scratch.meter.begin();
        for rule in &candidates {
            let Some(start) = self.starts.get(*rule as usize) else { continue };
            if let Some(evaluated) = scratch.evaluated.get_mut(*rule as usize) {
                *evaluated = evaluated.saturating_add(1);
            }
            if self.program.run(*start, |predicate| self.test(predicate, fields, scratch)) {
                out.push(*rule);
            }
            if let Some(timing) = &mut timing {
                scratch.meter.lap(timing, *rule as usize);
            }
        }
        if let Some(matched) = out.get_mut(first..) {
            matched.sort_unstable();
        }
        candidates.clear();
        scratch.candidates = candidates;
    }

    /// Puts the rules that hang on a word found in the event among the candidates.
    fn propose<F: Fields + ?Sized>(&self, words: &Words, fields: &F, scratch: &mut Scratch) {
        let Target::Field(id) = words.target else {
            let mut folded = std::mem::take(&mut scratch.keyword);
            fields.each_text(&mut |text| {
                super::fold::fold_into(text, &mut folded);
                words.look_up(&folded, &mut |rule| scratch.propose(rule));
                false
            });
            scratch.keyword = folded;
            return;
        };
        let Some(field) = self.fields.get(id as usize) else { return };
        let state = scratch.look(id, field, fields);
        match state {
            State::Absent => {}
            State::Known => scratch.propose_known(id, words.number, |folded, rules| {
                look_up_text(words, folded, &mut String::new(), &mut |rule| rules.push(rule));
            }),
            State::Text => {
                if !scratch.is_folded(id) {
                    let value = fields.value(field);
                    let Value::Leaf(Leaf::Text(text)) = value else { return };
                    if words.pass_over(text) {
                        return;
                    }
                    scratch.fold(id, text);
                }
                let folded = scratch.take_folded(id);
                propose_text(words, &folded, scratch);
                scratch.give_folded(id, folded);
            }
            State::Whole | State::Other => {
                if state == State::Whole
                    && let Some(rules) = words.of_number(scratch.whole(id))
                {
                    return rules.iter().for_each(|rule| scratch.propose(*rule));
                }
                let value = fields.value(field);
                let mut folded = std::mem::take(&mut scratch.keyword);
                value.any(&mut |leaf| {
                    if let Some(text) = leaf.as_text(&mut scratch.buffers.number) {
                        super::fold::fold_into(text, &mut folded);
                        propose_text(words, &folded, scratch);
                    }
                    false
                });
                scratch.keyword = folded;
            }
        }
    }

    /// What comes of a comparison, which most events ask for more than once.
    #[inline]
    fn test<F: Fields + ?Sized>(&self, id: u32, fields: &F, scratch: &mut Scratch) -> bool {
        scratch.result(id).unwrap_or_else(|| {
            let predicate = self.predicates.get(id as usize);
            let result = predicate.is_some_and(|p| self.evaluate(p, fields, scratch));
            scratch.remember(id, result);
            result
        })
    }

    fn evaluate<F: Fields + ?Sized>(
        &self,
        predicate: &Predicate,
        fields: &F,
        scratch: &mut Scratch,
    ) -> bool {
        let Target::Field(id) = predicate.target else {
            let buffers = &mut scratch.buffers;
            return fields.each_text(&mut |text| predicate.matcher.matches_keyword(text, buffers));
        };
        let Some(field) = self.fields.get(id as usize) else { return false };
        let state = scratch.look(id, field, fields);
        let is_known = state == State::Known && predicate.matcher.is_of_text();
        if is_known && let Some(answer) = scratch.answer(id, predicate.number) {
            return answer;
        }
        let answer = self.compare(predicate, id, state, fields, scratch);
        if is_known {
            scratch.keep_answer(id, predicate.number, answer);
        }
        answer
    }

    fn compare<F: Fields + ?Sized>(
        &self,
        predicate: &Predicate,
        id: u32,
        state: State,
        fields: &F,
        scratch: &mut Scratch,
    ) -> bool {
        match (&predicate.matcher, state) {
            (Matcher::Exists(wanted), _) => (state != State::Absent) == *wanted,
            (Matcher::Values(values), State::Absent) => values.null,
            (_, State::Absent) => false,
            (Matcher::Values(values), State::Text | State::Known) if !values.cased => {
                if !scratch.is_folded(id)
                    && let Some(field) = self.fields.get(id as usize)
                    && let Value::Leaf(Leaf::Text(text)) = fields.value(field)
                {
                    scratch.fold(id, text);
                }
                values.take_folded(scratch.folded(id))
            }
            (Matcher::Compare(compare), State::Whole) => compare.holds_whole(scratch.whole(id)),
            (matcher, _) => {
                let other = |index: u32| match self.fields.get(index as usize) {
                    Some(field) => fields.value(field),
                    None => Value::Absent,
                };
                let value = self.fields.get(id as usize).map(|field| fields.value(field));
                let value = value.unwrap_or(Value::Absent);
                matcher.matches(&value, other, &mut scratch.buffers)
            }
        }
    }
}

fn propose_text(words: &Words, folded: &str, scratch: &mut Scratch) {
    let mut number = std::mem::take(&mut scratch.buffers.other);
    look_up_text(words, folded, &mut number, &mut |rule| scratch.propose(rule));
    scratch.buffers.other = number;
}

/// Gives `found` the rules that hang on what a field's text holds, or on the number it is.
fn look_up_text(words: &Words, folded: &str, number: &mut String, found: &mut impl FnMut(u32)) {
    words.look_up(folded, found);
    if words.has_numbers
        && let Some(parsed) = super::value::Number::parse(folded)
    {
        parsed.canonical(number);
        words.look_up_whole(number, found);
    }
}

/// A set while its files are read.
struct Loading<'p> {
    dialect: &'p Dialect,
    compiler: Compiler<'p>,
    drafts: Vec<Draft>,
    filters: Vec<(Filter, Arc<str>)>,
    correlations: Vec<CorrelationDraft>,
    /// By id: where it stands.
    ids: HashMap<String, String>,
    errors: Vec<RuleError>,
}

impl<'p> Loading<'p> {
    fn new(dialect: &'p Dialect) -> Self {
        Self {
            dialect,
            compiler: Compiler::new(dialect),
            drafts: Vec::new(),
            filters: Vec::new(),
            correlations: Vec::new(),
            ids: HashMap::new(),
            errors: Vec::new(),
        }
    }

    fn file(&mut self, name: &Arc<str>, text: &[u8]) {
        if text.len() > FILE_BYTES_MAX {
            let (what, found) = ("bytes in the file", text.len());
            let problem = Problem::TooMany { what, found, max: FILE_BYTES_MAX };
            return self.errors.push(Fault::new(1, "", problem).within(name, ""));
        }
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => {
                let sound = text.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + sound.iter().filter(|byte| **byte == b'\n').count() as u32;
                let problem = Problem::Yaml("not UTF-8".to_owned());
                return self.errors.push(Fault::new(line, "", problem).within(name, ""));
            }
        };
        let nodes = match yaml::parse(text) {
            Ok(nodes) => nodes,
            Err(fault) => {
                let title = yaml::title_near(text, fault.line);
                return self.errors.push(fault.within(name, title));
            }
        };
        for node in nodes.iter().filter(|node| node.scalar() != Some(yaml::Scalar::Null)) {
            let mut faults = Vec::new();
            let document = rule::read(node, name, &mut self.compiler, &mut faults);
            faults.sort_by_key(|fault| fault.line);
            let title = rule::title(node);
            self.errors.extend(faults.into_iter().map(|fault| fault.within(name, &title)));
            match document {
                Some(Document::Rule(draft)) => self.rule(*draft),
                Some(Document::Filter(filter)) => self.filters.push((filter, Arc::clone(name))),
                Some(Document::Correlation(draft)) if self.is_new(&draft.rule) => {
                    self.correlations.push(*draft);
                }
                Some(Document::Correlation(_)) | None => {}
            }
        }
    }

    fn rule(&mut self, draft: Draft) {
        if self.drafts.len() >= RULES_MAX {
            let Rule { file, line, title, .. } = &draft.rule;
            let problem = Problem::TooMany { what: "rules", found: RULES_MAX + 1, max: RULES_MAX };
            return self.errors.push(Fault::new(*line, "", problem).within(file, title));
        }
        if self.is_new(&draft.rule) {
            self.drafts.push(draft);
        }
    }

    /// Notes the rule's id; an id that is taken is a fault.
    fn is_new(&mut self, rule: &Rule) -> bool {
        let Rule { id, file, line, title, .. } = rule;
        if let Some(first) = self.ids.get(id) {
            let problem = Problem::DuplicateId(first.clone());
            self.errors.push(Fault::new(*line, id.as_str(), problem).within(file, title));
            return false;
        }
        self.ids.insert(id.clone(), format!("{file}:{line}"));
        true
    }

    /// Adds to each rule that a filter names the filter's condition.
    fn apply_filters(&mut self) {
        for (filter, file) in std::mem::take(&mut self.filters) {
            for (wanted, line) in filter.rules.iter().flatten() {
                let mut named = self.drafts.iter().filter(|draft| is_named(&draft.rule, wanted));
                let of_source = |draft: &Draft| filter.logsource.covers(&draft.rule.logsource);
                let problem = match named.next() {
                    None => Problem::NoSuchRule,
                    Some(draft) if of_source(draft) || named.any(of_source) => continue,
                    Some(_) => Problem::OtherLogSource,
                };
                let fault = Fault::new(*line, wanted.as_str(), problem);
                self.errors.push(fault.within(&file, &filter.title));
            }
            for draft in &mut self.drafts {
                let named = filter.rules.as_ref().is_none_or(|rules| {
                    rules.iter().any(|(wanted, _)| is_named(&draft.rule, wanted))
                });
                if named && filter.logsource.covers(&draft.rule.logsource) {
                    let own = std::mem::replace(&mut draft.expression, Expression::Or(Vec::new()));
                    draft.expression = Expression::And(vec![own, filter.expression.clone()]);
                    draft.fingerprint = draft.fingerprint.rotate_left(1) ^ filter.fingerprint;
                }
            }
        }
    }

    fn finish(self) -> (RuleSet, Vec<RuleError>) {
        let mut set = RuleSet {
            fields: self.compiler.fields,
            predicates: self.compiler.predicates,
            ..RuleSet::default()
        };
        let mut members: Vec<(LogSourceFilter, Vec<u32>)> = Vec::new();
        let mut group_of: HashMap<LogSourceFilter, usize> = HashMap::new();
        for (draft, index) in self.drafts.iter().zip(0..) {
            set.starts.push(set.program.add(&draft.expression));
            let logsource = &draft.rule.logsource;
            let group = *group_of.entry(logsource.clone()).or_insert_with(|| {
                members.push((logsource.clone(), Vec::new()));
                members.len() - 1
            });
            members[group].1.push(index);
        }
        let mut words = 0;
        for (logsource, rules) in members {
            let rules = rules.iter().map(|rule| (*rule, &self.drafts[*rule as usize].expression));
            let prefilter = Prefilter::new(rules, &set.predicates, &set.fields, &mut words);
            set.groups.push(Group { logsource, prefilter });
        }
        let (plan, errors) =
            correlation::link(&self.drafts, &self.correlations, &self.dialect.mapping);
        set.plan = plan;
        set.rules = self.drafts.into_iter().map(|draft| draft.rule).collect();
        let mut told = self.errors;
        told.extend(errors);
        (set, told)
    }
}

fn is_named(rule: &Rule, wanted: &str) -> bool {
    rule.id == wanted || rule.name.as_deref() == Some(wanted)
}
