//! What matching remembers of the event in hand, so that nothing is worked out twice.

use super::{
    fields::{Field, Fields},
    fold,
    matcher::Buffers,
    meter::{Meter, Ticks},
    value::{Leaf, Value},
};

/// Bytes of a folded field that are kept from event to event; larger ones are given back.
const KEPT_MAX: usize = 64 * 1024;

/// Reused from event to event. Any rule set may use any scratch.
#[derive(Debug, Default)]
pub struct Scratch {
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
    /// Where the state is `Text`.
    pub folded: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Absent,
    /// One text, kept folded.
    Text,
    /// Anything else.
    Other,
}

impl Scratch {
    pub(super) fn begin(&mut self, fields: usize, predicates: usize, rules: usize) {
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
    pub(super) fn look<F: Fields + ?Sized>(&mut self, id: u32, field: &Field, fields: &F) -> State {
        let Some(seen) = self.fields.get_mut(id as usize) else { return State::Absent };
        if seen.event == self.event {
            return seen.state;
        }
        seen.event = self.event;
        if seen.folded.capacity() > KEPT_MAX {
            seen.folded = String::new();
        }
        seen.state = match fields.value(field) {
            Value::Absent => State::Absent,
            Value::Leaf(Leaf::Text(text)) => {
                fold::fold_into(text, &mut seen.folded);
                State::Text
            }
            _ => State::Other,
        };
        seen.state
    }

    pub(super) fn folded(&self, id: u32) -> &str {
        self.fields.get(id as usize).map_or("", |seen| &seen.folded)
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
        if let Some(event) = self.rules.get_mut(rule as usize)
            && *event != self.event
        {
            *event = self.event;
            self.candidates.push(rule);
        }
    }
}
