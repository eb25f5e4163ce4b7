//! What matching remembers of the event in hand, so that nothing is worked out twice.

use std::sync::Arc;

use super::{
    fields::{Field, Fields},
    fold,
    matcher::Buffers,
    meter::{Meter, Ticks},
    value::{Leaf, Number, Value},
    vocabulary::Vocabulary,
};

/// Bytes of a folded field that are kept from event to event; larger ones are given back.
const KEPT_MAX: usize = 64 * 1024;

/// Reused from event to event. Any rule set may use any scratch.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Whose vocabularies these are.
    set: Option<Arc<()>>,
    /// Counts events; what carries another number is of an earlier one.
    event: u32,
    pub(super) fields: Vec<Seen>,
    tests: Vec<(u32, bool)>,
    rules: Vec<u32>,
    /// By rule: how often its condition was looked at.
    pub(super) evaluated: Vec<u32>,
    pub(super) meter: Meter,
    pub(super) candidates: Vec<u32>,
    pub(super) buffers: Buffers,
    pub(super) keyword: String,
}

/// What is known of one field.
#[derive(Debug, Default)]
pub(super) struct Seen {
    event: u32,
    pub state: State,
    /// Where the state is `Text` and it was needed.
    folded: String,
    is_folded: bool,
    /// Where the state is `Whole`.
    whole: i64,
    /// Where the state is `Known`: the text's place in the vocabulary.
    place: u32,
    pub vocabulary: Vocabulary,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Absent,
    /// One text, folded once somebody needs it so.
    Text,
    /// One text of the field's vocabulary.
    Known,
    /// One whole number of 64 bits.
    Whole,
    /// Anything else.
    Other,
}

impl Seen {
    fn folded(&self) -> &str {
        match self.state {
            State::Known => self.vocabulary.known(self.place).map_or("", |known| &known.folded),
            _ => &self.folded,
        }
    }
}

impl Scratch {
    /// `set` stands for the rule set: fields and rules are numbered by it.
    pub(super) fn begin(&mut self, set: &Arc<()>, fields: usize, predicates: usize, rules: usize) {
        if self.set.as_ref().is_none_or(|last| !Arc::ptr_eq(last, set)) {
            self.set = Some(Arc::clone(set));
            self.fields.iter_mut().for_each(|seen| seen.vocabulary = Vocabulary::default());
        }
        self.event = self.event.wrapping_add(1);
        if self.event == 0 {
            // After four thousand million events the numbers start again: forget the old ones.
            self.event = 1;
            self.fields.iter_mut().for_each(|seen| seen.event = 0);
            self.tests.fill((0, false));
            self.rules.fill(0);
        }
        if self.fields.len() < fields {
            self.fields.resize_with(fields, Seen::default);
        }
        if self.tests.len() < predicates {
            self.tests.resize(predicates, (0, false));
        }
        if self.rules.len() < rules {
            self.rules.resize(rules, 0);
            self.evaluated.resize(rules, 0);
        }
        self.candidates.clear();
    }

    /// By rule index: how often the rule's condition was looked at since this was last asked.
    pub fn take_evaluated(&mut self, mut of: impl FnMut(usize, u32)) {
        for (rule, count) in self.evaluated.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
            of(rule, std::mem::take(count));
        }
    }

    /// Has the rules timed, by one event in some.
    pub fn time_with(&mut self, ticks: Ticks) {
        self.meter.use_clock(ticks);
    }

    /// By rule index: nanoseconds spent on its condition since this was last asked.
    pub fn take_spent(&mut self, of: impl FnMut(usize, u64)) {
        self.meter.take(of);
    }

    /// Looks at field `id`, once an event.
    #[inline]
    pub(super) fn look<F: Fields + ?Sized>(&mut self, id: u32, field: &Field, fields: &F) -> State {
        match self.fields.get(id as usize) {
            None => State::Absent,
            Some(seen) if seen.event == self.event => seen.state,
            Some(_) => self.look_anew(id, field, fields),
        }
    }

    fn look_anew<F: Fields + ?Sized>(&mut self, id: u32, field: &Field, fields: &F) -> State {
        let Some(seen) = self.fields.get_mut(id as usize) else { return State::Absent };
        seen.event = self.event;
        seen.state = match fields.value(field) {
            Value::Absent => State::Absent,
            Value::Leaf(Leaf::Text(text)) => {
                match seen.vocabulary.look(text, |folded| fold::push_folded(text, folded)) {
                    Some(place) => {
                        seen.place = place;
                        State::Known
                    }
                    None => {
                        seen.is_folded = false;
                        State::Text
                    }
                }
            }
            Value::Leaf(Leaf::Number(Number::Int(number))) => match i64::try_from(number) {
                Ok(number) => {
                    seen.whole = number;
                    State::Whole
                }
                Err(_) => State::Other,
            },
            _ => State::Other,
        };
        seen.state
    }

    /// The text of field `id`, folded. `fold` must have been called where its state is `Text`.
    pub(super) fn folded(&self, id: u32) -> &str {
        self.fields.get(id as usize).map_or("", Seen::folded)
    }

    /// Whether [`Self::fold`] has nothing to do.
    pub(super) fn is_folded(&self, id: u32) -> bool {
        self.fields.get(id as usize).is_none_or(|s| s.state != State::Text || s.is_folded)
    }

    /// Folds `text`, which field `id` holds.
    pub(super) fn fold(&mut self, id: u32, text: &str) {
        if let Some(seen) = self.fields.get_mut(id as usize) {
            if seen.folded.capacity() > KEPT_MAX {
                seen.folded = String::new();
            }
            fold::fold_into(text, &mut seen.folded);
            seen.is_folded = true;
        }
    }

    /// Lends the folded text of field `id`, to be given back.
    pub(super) fn take_folded(&mut self, id: u32) -> String {
        let seen = self.fields.get_mut(id as usize);
        seen.map(|seen| std::mem::take(&mut seen.folded)).unwrap_or_default()
    }

    pub(super) fn give_folded(&mut self, id: u32, folded: String) {
        if let Some(seen) = self.fields.get_mut(id as usize) {
            seen.folded = folded;
        }
    }

    /// The number that field `id` holds, where its state is `Whole`.
    pub(super) fn whole(&self, id: u32) -> i64 {
        self.fields.get(id as usize).map_or(0, |seen| seen.whole)
    }

    /// What came of comparison `number` of field `id` with the text the field's vocabulary has.
    pub(super) fn answer(&self, id: u32, number: u32) -> Option<bool> {
        let seen = self.fields.get(id as usize)?;
        seen.vocabulary.known(seen.place)?.answer(number)
    }

    pub(super) fn keep_answer(&mut self, id: u32, number: u32, answer: bool) {
        let Some(seen) = self.fields.get_mut(id as usize) else { return };
        if let Some(known) = seen.vocabulary.known_mut(seen.place) {
            known.keep_answer(number, answer);
        }
    }

    pub(super) fn result(&self, predicate: u32) -> Option<bool> {
        let (event, result) = *self.tests.get(predicate as usize)?;
        (event == self.event).then_some(result)
    }

    pub(super) fn remember(&mut self, predicate: u32, result: bool) {
        if let Some(slot) = self.tests.get_mut(predicate as usize) {
            *slot = (self.event, result);
        }
    }

    /// Puts `rule` among the candidates unless it is there.
    pub(super) fn propose(&mut self, rule: u32) {
        propose(&mut self.rules, self.event, &mut self.candidates, rule);
    }

    /// Proposes the rules that `words` (by number) bring up for field `id`'s text, where its
    /// vocabulary knows; `work_out` gives them where that was not asked before.
    pub(super) fn propose_known(
        &mut self,
        id: u32,
        words: u32,
        work_out: impl FnOnce(&str, &mut Vec<u32>),
    ) {
        let Some(seen) = self.fields.get_mut(id as usize) else { return };
        let Some(known) = seen.vocabulary.known_mut(seen.place) else { return };
        let mut propose = |rules: &[u32]| {
            for rule in rules {
                propose(&mut self.rules, self.event, &mut self.candidates, *rule);
            }
        };
        if let Some(rules) = known.proposed(words) {
            return propose(rules);
        }
        let mut rules = Vec::new();
        work_out(&known.folded, &mut rules);
        propose(&rules);
        known.propose(words, &rules);
    }
}

/// Puts `rule` among the candidates unless it is there.
fn propose(rules: &mut [u32], event: u32, candidates: &mut Vec<u32>, rule: u32) {
    if let Some(seen) = rules.get_mut(rule as usize)
        && *seen != event
    {
        *seen = event;
        candidates.push(rule);
    }
}
