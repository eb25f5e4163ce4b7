//! From correlations as written to correlations that know the rules they name.

use std::collections::{BTreeSet, HashMap};

use super::super::{
    condition,
    error::{Fault, Problem, RuleError},
    fields::Field,
    mapping::Mapping,
    rule::Draft,
    slot,
};
use super::{
    definition::{Correlation, Kind, Link, Plan},
    read::{CorrelationDraft, Named},
};
use crate::engine::model::IdHasher;

/// Correlations of one set.
const CORRELATIONS_MAX: usize = 1_000;
/// Correlations that may name one rule: each is work for every match of it.
const LINKS_MAX: usize = 64;
/// Correlations that may group by the same fields: each is a part of a group's record.
const GROUPING_MAX: usize = 64;

/// Correlations over one another.
const CHAIN_MAX: usize = 16;
/// Correlations that rest on one rule, over others or not: all of them may fire at one event.
const REACH_MAX: usize = 128;

/// What one correlation rests on.
#[derive(Default)]
struct Chain {
    /// Correlations over one another, itself included.
    length: usize,
    rules: BTreeSet<usize>,
}

/// What a name in a correlation stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Rule(usize),
    Correlation(usize),
}

struct Linking<'d> {
    rules: &'d [Draft],
    drafts: &'d [CorrelationDraft],
    mapping: &'d Mapping,
    by_name: HashMap<&'d str, Vec<Reference>>,
    by_id: HashMap<&'d str, Reference>,
    /// By place in the plan.
    chains: Vec<Chain>,
    /// By rule: correlations that rest on it.
    reach: Vec<usize>,
    errors: Vec<RuleError>,
}

/// Links what can be linked; the rest is told. Circles and strangers are refused with everything
/// that hangs on them.
pub(in super::super) fn link(
    rules: &[Draft],
    drafts: &[CorrelationDraft],
    mapping: &Mapping,
) -> (Plan, Vec<RuleError>) {
    let (by_name, by_id) = (HashMap::new(), HashMap::new());
    let (chains, reach, errors) = (Vec::new(), vec![0; rules.len()], Vec::new());
    let mut linking = Linking { rules, drafts, mapping, by_name, by_id, chains, reach, errors };
    linking.learn_names();
    let mut references: Vec<Option<Vec<Reference>>> =
        (0..drafts.len()).map(|index| linking.resolve(index)).collect();
    linking.refuse_circles(&mut references);
    linking.plan(&references)
}

impl<'d> Linking<'d> {
    fn learn_names(&mut self) {
        let rules = self.rules.iter().enumerate().map(|(i, d)| (&d.rule, Reference::Rule(i)));
        let drafts = self.drafts.iter().enumerate();
        let correlations = drafts.map(|(i, d)| (&d.rule, Reference::Correlation(i)));
        for (rule, reference) in rules.chain(correlations) {
            self.by_id.entry(rule.id.as_str()).or_insert(reference);
            if let Some(name) = &rule.name {
                self.by_name.entry(name.as_str()).or_default().push(reference);
            }
        }
    }

    fn refuse(&mut self, index: usize, line: u32, construct: &str, problem: Problem) {
        let rule = &self.drafts[index].rule;
        self.errors.push(Fault::new(line, construct, problem).within(&rule.file, &rule.title));
    }

    fn find(&self, name: &str) -> Result<Reference, Problem> {
        if let Some(found) = self.by_id.get(name) {
            return Ok(*found);
        }
        match self.by_name.get(name).map(Vec::as_slice) {
            None | Some([]) => Err(Problem::NoSuchRule),
            Some([one]) => Ok(*one),
            Some(_) => Err(Problem::Ambiguous),
        }
    }

    /// The rules that a correlation names; `None` where something is wrong.
    fn resolve(&mut self, index: usize) -> Option<Vec<Reference>> {
        let draft = &self.drafts[index];
        let before = self.errors.len();
        let mut found = Vec::new();
        for Named { name, line } in &draft.references {
            match self.find(name) {
                Ok(reference) if found.contains(&reference) => {
                    self.refuse(index, *line, name, Problem::Repeated);
                }
                Ok(reference) => found.push(reference),
                Err(problem) => self.refuse(index, *line, name, problem),
            }
        }
        for (_, rules) in &draft.aliases {
            for (rule, _) in rules {
                match self.find(&rule.name) {
                    Ok(reference) if found.contains(&reference) => {}
                    _ => self.refuse(index, rule.line, &rule.name, Problem::NoSuchRule),
                }
            }
        }
        (self.errors.len() == before).then_some(found)
    }

    /// Takes out what never comes to rest on detection rules alone.
    fn refuse_circles(&mut self, references: &mut [Option<Vec<Reference>>]) {
        let mut sound = vec![false; references.len()];
        loop {
            let ready = |list: &Vec<Reference>| {
                list.iter().all(|reference| match reference {
                    Reference::Rule(_) => true,
                    Reference::Correlation(other) => sound[*other],
                })
            };
            let next = (0..references.len())
                .find(|index| !sound[*index] && references[*index].as_ref().is_some_and(ready));
            let Some(next) = next else { break };
            sound[next] = true;
        }
        for index in 0..references.len() {
            let Some(list) = &references[index] else { continue };
            if sound[index] {
                continue;
            }
            let refused = list.iter().any(|reference| {
                matches!(reference, Reference::Correlation(other) if references[*other].is_none())
            });
            let problem = if refused { Problem::NoSuchRule } else { Problem::Circle };
            let line = self.drafts[index].rule.line;
            self.refuse(index, line, "rules", problem);
        }
        for (list, sound) in references.iter_mut().zip(sound) {
            if !sound {
                *list = None;
            }
        }
    }

    fn plan(mut self, references: &[Option<Vec<Reference>>]) -> (Plan, Vec<RuleError>) {
        let mut plan = Plan {
            of_rule: vec![Vec::new(); self.rules.len()],
            tells: vec![true; self.rules.len()],
            ..Plan::default()
        };
        // By draft: its index in the plan. Those a correlation names come before it.
        let mut places: Vec<Option<u32>> = vec![None; self.drafts.len()];
        let mut generated = vec![false; self.rules.len()];
        let mut open: Vec<usize> = (0..self.drafts.len()).collect();
        while !open.is_empty() {
            let before = open.len();
            open.retain(|&index| {
                let Some(list) = &references[index] else { return false };
                let waits = list.iter().any(|reference| {
                    matches!(reference, Reference::Correlation(other) if places[*other].is_none()
                        && references[*other].is_some())
                });
                if waits {
                    return true;
                }
                places[index] = self.add(index, list, &places, &mut plan, &mut generated);
                false
            });
            if open.len() == before {
                break;
            }
        }
        // They wait for some that were refused.
        for index in open {
            self.refuse(index, self.drafts[index].rule.line, "rules", Problem::NoSuchRule);
        }
        for (tells, generated) in plan.tells.iter_mut().zip(generated) {
            *tells |= generated;
        }
        number_groups(&mut plan);
        (plan, self.errors)
    }

    fn add(
        &mut self,
        index: usize,
        list: &[Reference],
        places: &[Option<u32>],
        plan: &mut Plan,
        generated: &mut [bool],
    ) -> Option<u32> {
        let draft = &self.drafts[index];
        let place = plan.correlations.len() as u32;
        let correlation = self.correlation(index, list, places, plan)?;
        let mut links = Vec::new();
        for (position, reference) in (0..).zip(list) {
            links.push((*reference, self.link(index, place, position, *reference)?));
        }
        let chain = self.chain(index, list, places)?;
        chain.rules.iter().for_each(|rule| self.reach[*rule] += 1);
        self.chains.push(chain);
        for (reference, link) in links {
            match reference {
                Reference::Rule(rule) => {
                    plan.of_rule[rule].push(link);
                    plan.tells[rule] = false;
                    generated[rule] |= draft.generate;
                }
                Reference::Correlation(other) => {
                    let other = places[other]? as usize;
                    let is_first = plan.of_correlation[other].is_empty();
                    plan.of_correlation[other].push(link);
                    let tells = &mut plan.correlation_tells[other];
                    *tells = draft.generate || (*tells && !is_first);
                }
            }
        }
        plan.correlations.push(correlation);
        plan.of_correlation.push(Vec::new());
        plan.correlation_tells.push(true);
        Some(place)
    }

    /// What it rests on; `None` where that is too much.
    fn chain(&mut self, index: usize, list: &[Reference], places: &[Option<u32>]) -> Option<Chain> {
        let mut chain = Chain::default();
        for reference in list {
            match reference {
                Reference::Rule(rule) => _ = chain.rules.insert(*rule),
                Reference::Correlation(other) => {
                    let below = &self.chains[places[*other]? as usize];
                    chain.length = chain.length.max(below.length);
                    chain.rules.extend(&below.rules);
                }
            }
        }
        chain.length += 1;
        let reach = 1 + chain.rules.iter().map(|rule| self.reach[*rule]).max().unwrap_or(0);
        for (what, found, max) in [
            ("correlations over one another", chain.length, CHAIN_MAX),
            ("correlations that rest on one rule", reach, REACH_MAX),
        ] {
            if found > max {
                let line = self.drafts[index].rule.line;
                self.refuse(index, line, "rules", Problem::TooMany { what, found, max });
                return None;
            }
        }
        Some(chain)
    }

    fn correlation(
        &mut self,
        index: usize,
        list: &[Reference],
        places: &[Option<u32>],
        plan: &Plan,
    ) -> Option<Correlation> {
        let draft = &self.drafts[index];
        let line = draft.rule.line;
        let mut hasher = IdHasher::new("correlation in use").part(&draft.fingerprint.to_le_bytes());
        for reference in list {
            let (fingerprint, links) = match reference {
                Reference::Rule(rule) => (self.rules[*rule].fingerprint, plan.of_rule[*rule].len()),
                Reference::Correlation(other) => {
                    let other = places[*other]? as usize;
                    (plan.correlations[other].fingerprint, plan.of_correlation[other].len())
                }
            };
            hasher = hasher.part(&fingerprint.to_le_bytes());
            if links >= LINKS_MAX {
                let what = "correlations that name one rule";
                let problem = Problem::TooMany { what, found: links + 1, max: LINKS_MAX };
                self.refuse(index, line, "rules", problem);
                return None;
            }
        }
        let names = draft.group_by.iter().map(|named| named.name.as_bytes());
        let grouping = names.fold(IdHasher::new("grouping"), IdHasher::part).finish_u64();
        let alike = plan.correlations.iter().filter(|other| other.grouping == grouping).count();
        for (what, found, max) in [
            ("correlations", plan.correlations.len() + 1, CORRELATIONS_MAX),
            ("correlations that group by the same fields", alike + 1, GROUPING_MAX),
        ] {
            if found > max {
                self.refuse(index, line, "correlation", Problem::TooMany { what, found, max });
                return None;
            }
        }
        let expression = match &draft.condition.expression {
            None => None,
            Some(Named { name: text, line }) => {
                let names: Vec<&str> = draft.references.iter().map(|r| r.name.as_str()).collect();
                match condition::parse(text, &names) {
                    Ok(expression) => Some(expression),
                    Err(problem) => {
                        self.refuse(index, *line, text, problem);
                        return None;
                    }
                }
            }
        };
        let bounds = draft.condition.bounds.clone();
        let can_be_undone = Correlation::is_undone(draft.kind, &bounds, expression.as_ref());
        let boxed = |named: &Named| Box::from(named.name.as_str());
        let id = |reference: &Reference| match reference {
            Reference::Rule(rule) => self.rules[*rule].rule.id.clone(),
            Reference::Correlation(other) => self.drafts[*other].rule.id.clone(),
        };
        Some(Correlation {
            rule: draft.rule.clone(),
            kind: draft.kind,
            references: list.iter().map(id).collect(),
            group_by: draft.group_by.iter().map(boxed).collect(),
            fields: draft.condition.fields.iter().map(boxed).collect(),
            timespan_ms: draft.timespan_ms,
            generate: draft.generate,
            bounds,
            can_be_undone,
            percentile: draft.condition.percentile.unwrap_or(50.0),
            expression,
            fingerprint: hasher.finish_u64(),
            grouping,
            grouping_name: format!("{:08x}", grouping as u32).into(),
        })
    }

    fn link(
        &mut self,
        index: usize,
        correlation: u32,
        position: u8,
        reference: Reference,
    ) -> Option<Link> {
        let draft = &self.drafts[index];
        let counted = match draft.kind {
            Kind::EventCount | Kind::Temporal | Kind::TemporalOrdered => &[],
            _ => draft.condition.fields.as_slice(),
        };
        let group_by = self.fields(index, &draft.group_by, reference)?;
        let fields = self.fields(index, counted, reference)?;
        Some(Link { correlation, position, group_by, group: 0, fields })
    }

    /// The fields by the names that the rule `reference` has for them.
    fn fields(
        &mut self,
        index: usize,
        names: &[Named],
        reference: Reference,
    ) -> Option<Vec<Field>> {
        let draft = &self.drafts[index];
        let normalised = self.is_normalised(reference, 0);
        let mut fields = Vec::new();
        for named in names {
            let alias = draft.aliases.iter().find(|(alias, _)| alias.name == named.name);
            let field = match alias {
                None => Some(named.name.as_str()),
                Some((_, rules)) => rules
                    .iter()
                    .find(|(rule, _)| self.find(&rule.name).ok() == Some(reference))
                    .map(|(_, field)| field.as_str()),
            };
            let Some(field) = field else {
                let problem = Problem::Expected("a field for every rule listed");
                self.refuse(index, named.line, &named.name, problem);
                return None;
            };
            let field = match reference {
                Reference::Rule(rule) => self.mapping.field(self.rules[rule].mapped, field),
                Reference::Correlation(_) => field,
            };
            if normalised && slot::Slot::named(field).is_none() && slot::is_private_path(field) {
                self.refuse(index, named.line, field, Problem::Private);
                return None;
            }
            fields.push(if normalised { Field::normalised(field) } else { Field::raw(field) });
        }
        Some(fields)
    }

    /// Whether every rule that `reference` rests on reads our own names. Depth is bounded: circles
    /// were refused before.
    fn is_normalised(&self, reference: Reference, depth: usize) -> bool {
        match reference {
            Reference::Rule(rule) => self.rules[rule].rule.logsource.is_ours(),
            Reference::Correlation(other) => {
                depth < CORRELATIONS_MAX
                    && self.drafts[other].references.iter().all(|named| {
                        self.find(&named.name).is_ok_and(|r| self.is_normalised(r, depth + 1))
                    })
            }
        }
    }
}

/// Gives links one number where they name the same group for one event.
fn number_groups(plan: &mut Plan) {
    let mut numbers: HashMap<(Box<str>, Vec<Field>), u32> = HashMap::new();
    for link in plan.of_rule.iter_mut().chain(&mut plan.of_correlation).flatten() {
        let correlation = &plan.correlations[link.correlation as usize];
        let next = numbers.len() as u32;
        let group = (correlation.grouping_name.clone(), link.group_by.clone());
        link.group = *numbers.entry(group).or_insert(next);
    }
}
