//! Which rules of one log source an event could match at all.
//!
//! A rule that needs one of some words is looked at only when the event holds one: whole words
//! are looked up by hash, parts of words found by one automaton a field. Rules that need nothing
//! that can be looked up are looked at always.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hashbrown::HashMap;

use super::{
    atom::{self, Atom, Need},
    compile::{Predicate, Target},
    expression::Expression,
    fields::Field,
    pairs::Pairs,
    value::Number,
};

/// Automata of up to this many bytes of words are built for speed, larger ones for size.
const FAST_AUTOMATON_MAX: usize = 8_192;
/// What looking at a rule in vain costs, by how short the part of a word it hangs on is.
const SHORT_PART_COST: [u64; 5] = [1_000, 400, 60, 20, 8];
/// What a word costs that stands in most events, since it is there where a record says nothing.
const DEFAULT_COST: u64 = 100;
/// What looking into the raw record costs: it is parsed for that. More than any normalised field.
const RAW_COST: u64 = 1_000_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    pub always: Vec<u32>,
    pub words: Vec<Words>,
}

/// The words looked for in one place.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub target: Target,
    /// Which of the rule set's words these are.
    pub number: u32,
    whole: HashMap<Box<str>, Box<[u32]>>,
    /// Set where some whole word is a number: texts that are one are looked up as such too.
    pub has_numbers: bool,
    /// Whole words that are whole numbers as they are printed, ascending.
    whole_numbers: Vec<(i64, Box<[u32]>)>,
    parts: Option<AhoCorasick>,
    /// Says of most texts that no part is in them.
    pairs: Option<Pairs>,
    rules_of_part: Vec<Box<[u32]>>,
}

impl Prefilter {
    /// `rules`: index and condition of each. `fields`: those of the rule set. `numbers` counts the words of the rule set.
    pub fn new<'e>(
        rules: impl Iterator<Item = (u32, &'e Expression)> + Clone,
        predicates: &[Predicate],
        fields: &[Field],
        numbers: &mut u32,
    ) -> Self {
        let mentions = mentions(rules.clone().map(|(_, expression)| expression), predicates);
        let is_raw = |atom: &&Atom| match atom.target {
            Target::Field(id) => fields.get(id as usize).is_none_or(|f| f.slot().is_none()),
            Target::Keywords => true,
        };
        let is_default = |atom: &Atom, word: &str| match atom.target {
            Target::Field(id) => fields
                .get(id as usize)
                .and_then(Field::slot)
                .is_some_and(|slot| slot.default_word() == Some(word)),
            Target::Keywords => false,
        };
        let of_one = |atom: &Atom| {
            let shared = mentions.get(atom).copied().unwrap_or(1);
            match &atom.need {
                Need::Whole(word) if is_default(atom, word) => shared + DEFAULT_COST,
                Need::Whole(_) => shared,
                Need::Part(text) => {
                    shared + 1 + SHORT_PART_COST.get(text.len()).copied().unwrap_or(0)
                }
            }
        };
        let cost = |atoms: &[&Atom]| {
            let looking = if atoms.iter().any(is_raw) { RAW_COST } else { 0 };
            atoms.iter().map(|atom| of_one(atom)).sum::<u64>() + looking
        };
        let mut always = Vec::new();
        let mut by_target: HashMap<Target, HashMap<&Need, Vec<u32>>> = HashMap::new();
        let mut order = Vec::new();
        for (rule, expression) in rules {
            let Some(atoms) = atom::of_expression(expression, predicates, &cost) else {
                always.push(rule);
                continue;
            };
            for atom in atoms {
                let needs = by_target.entry(atom.target).or_insert_with(|| {
                    order.push(atom.target);
                    HashMap::new()
                });
                let rules = needs.entry(&atom.need).or_default();
                if rules.last() != Some(&rule) {
                    rules.push(rule);
                }
            }
        }
        let words = order.iter().filter_map(|target| {
            let needs = by_target.remove(target)?;
            Some(needs.into_iter().collect::<Vec<_>>()).map(|needs| (*target, needs))
        });
        let mut prefilter = Self { always: Vec::new(), words: Vec::new() };
        for (target, needs) in words {
            match Words::new(target, *numbers, &needs) {
                Some(words) => {
                    *numbers += 1;
                    prefilter.words.push(words);
                }
                // Too many words for an automaton: looking at their rules always is right too.
                None => always.extend(needs.iter().flat_map(|(_, rules)| rules)),
            }
        }
        always.sort_unstable();
        always.dedup();
        prefilter.always = always;
        prefilter
    }
}

impl Words {
    fn new(target: Target, number: u32, needs: &[(&Need, Vec<u32>)]) -> Option<Self> {
        let mut whole: HashMap<Box<str>, Box<[u32]>> = HashMap::new();
        let mut parts = Vec::new();
        let mut rules_of_part = Vec::new();
        for (need, rules) in needs {
            match need {
                Need::Whole(text) => _ = whole.insert(text.clone(), rules.as_slice().into()),
                Need::Part(text) => {
                    parts.push(&**text);
                    rules_of_part.push(rules.as_slice().into());
                }
            }
        }
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let kind = if bytes <= FAST_AUTOMATON_MAX {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        let pairs = Pairs::new(&parts);
        let parts = match parts.as_slice() {
            [] => None,
            parts => Some(AhoCorasick::builder().kind(Some(kind)).build(parts).ok()?),
        };
        let has_numbers = whole.keys().any(|text| Number::parse(text).is_some());
        let printed = |text: &str| text.parse::<i64>().ok().filter(|n| n.to_string() == text);
        let mut whole_numbers: Vec<_> = whole
            .iter()
            .filter_map(|(text, rules)| Some((printed(text)?, rules.clone())))
            .collect();
        whole_numbers.sort_unstable_by_key(|(number, _)| *number);
        Some(Self {
            target,
            number,
            whole,
            has_numbers,
            whole_numbers,
            parts,
            pairs,
            rules_of_part,
        })
    }

    /// Whether looking `text` up, which need not be folded, can find nothing. Where it cannot say
    /// at a glance it says no.
    pub fn pass_over(&self, text: &str) -> bool {
        self.whole.is_empty() && self.pairs.as_ref().is_some_and(|pairs| !pairs.may_hold(text))
    }

    /// The rules that hang on a whole number, without its text being written; none where only the
    /// text can tell: where words are looked for within it, or it is too large to be exact.
    pub fn of_number(&self, number: i64) -> Option<&[u32]> {
        if number.unsigned_abs() >= Number::EXACT_BELOW || self.parts.is_some() {
            return None;
        }
        let place = self.whole_numbers.binary_search_by_key(&number, |(number, _)| *number);
        Some(place.ok().and_then(|place| self.whole_numbers.get(place)).map_or(&[], |(_, r)| r))
    }

    /// Gives `found` the rules that hang on a word `text` holds. `text` must be folded.
    pub fn look_up(&self, text: &str, found: &mut impl FnMut(u32)) {
        self.look_up_whole(text, found);
        if let Some(parts) = &self.parts {
            for hit in parts.find_overlapping_iter(text) {
                let rules = self.rules_of_part.get(hit.pattern().as_usize());
                rules.into_iter().flatten().for_each(|rule| found(*rule));
            }
        }
    }

    /// The same for whole words only.
    pub fn look_up_whole(&self, text: &str, found: &mut impl FnMut(u32)) {
        if let Some(rules) = self.whole.get(text) {
            rules.iter().for_each(|rule| found(*rule));
        }
    }
}

/// How many rules speak of each word: a word many share tells them apart badly.
fn mentions<'e, 'p>(
    expressions: impl Iterator<Item = &'e Expression>,
    predicates: &'p [Predicate],
) -> HashMap<&'p Atom, u64> {
    let mut mentions = HashMap::new();
    for expression in expressions {
        count(expression, predicates, &mut mentions);
    }
    mentions
}

fn count<'p>(
    expression: &Expression,
    predicates: &'p [Predicate],
    mentions: &mut HashMap<&'p Atom, u64>,
) {
    match expression {
        Expression::Test(id) => {
            let atoms = predicates.get(*id as usize).and_then(|predicate| predicate.atoms.as_ref());
            atoms.into_iter().flatten().for_each(|atom| *mentions.entry(atom).or_default() += 1);
        }
        Expression::Not(_) => {}
        Expression::And(terms) | Expression::Or(terms) => {
            terms.iter().for_each(|term| count(term, predicates, mentions));
        }
    }
}
