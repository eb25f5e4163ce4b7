//! One comparison of one field, compiled.

use std::cmp::Ordering;

use regex::Regex;

use super::{
    fold,
    networks::Networks,
    text_set::TextSet,
    time_part::TimePart,
    value::{Leaf, Number, Value},
};

/// What a field's content is held against.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Values(Box<Values>),
    Regexes(Vec<Regex>),
    Networks(Networks),
    Compare(Compare),
    TimePart {
        part: TimePart,
        compare: Compare,
    },
    /// True: the field must be there, with whatever content, null too. False: it must not.
    Exists(bool),
    /// Index of the other field among the rule set's fields.
    Field {
        other: u32,
        relation: Relation,
        cased: bool,
    },
}

/// Values any of which is to be equal.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub cased: bool,
    pub text: TextSet,
    pub has_text: bool,
    pub numbers: Vec<Number>,
    pub truths: Vec<bool>,
    /// Null, or no such field.
    pub null: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compare {
    pub operator: Operator,
    /// Any of these.
    pub numbers: Vec<Number>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a field's text stands to that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    StartsWith,
    EndsWith,
    Contains,
}

/// Buffers a comparison writes in; kept from event to event.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    pub number: String,
    pub folded: String,
    pub other: String,
}

impl Values {
    /// Whether `leaf` is one of the values.
    pub fn take(&self, leaf: Leaf<'_>, buffers: &mut Buffers) -> bool {
        if leaf == Leaf::Null {
            return self.null;
        }
        if self.has_text
            && let Some(text) = leaf.as_text(&mut buffers.number)
        {
            if self.cased {
                if self.text.matches(text) {
                    return true;
                }
            } else {
                fold::fold_into(text, &mut buffers.folded);
                if self.text.matches(&buffers.folded) {
                    return true;
                }
            }
        }
        self.take_other(leaf)
    }

    /// The same for a text that was folded before; only for values that are not cased.
    pub fn take_folded(&self, folded: &str) -> bool {
        (self.has_text && self.text.matches(folded)) || self.take_other(Leaf::Text(folded))
    }

    fn take_other(&self, leaf: Leaf<'_>) -> bool {
        if !self.numbers.is_empty()
            && let Some(number) = leaf.as_number()
            && self.numbers.contains(&number)
        {
            return true;
        }
        self.truths.iter().any(|truth| match leaf {
            Leaf::Bool(found) => found == *truth,
            Leaf::Text(text) => text.eq_ignore_ascii_case(if *truth { "true" } else { "false" }),
            _ => false,
        })
    }
}

impl Compare {
    pub fn holds(&self, number: Number) -> bool {
        self.numbers.iter().any(|bound| self.operator.takes(number.compare(*bound)))
    }

    /// The same for a whole number of 64 bits, which most are.
    pub fn holds_whole(&self, number: i64) -> bool {
        self.numbers.iter().any(|bound| {
            self.operator.takes(match bound {
                Number::Int(bound) => Some(i128::from(number).cmp(bound)),
                Number::Float(bound) => (number as f64).partial_cmp(bound),
            })
        })
    }
}

impl Operator {
    fn takes(self, ordering: Option<Ordering>) -> bool {
        ordering.is_some_and(|ordering| match self {
            Self::Equal => ordering == Ordering::Equal,
            Self::Less => ordering == Ordering::Less,
            Self::LessOrEqual => ordering != Ordering::Greater,
            Self::Greater => ordering == Ordering::Greater,
            Self::GreaterOrEqual => ordering != Ordering::Less,
        })
    }
}

impl Matcher {
    /// Whether the field's text alone decides.
    pub fn is_of_text(&self) -> bool {
        !matches!(self, Self::Exists(_) | Self::Field { .. })
    }

    /// Whether `value` matches. `other` gives the field that [`Matcher::Field`] names.
    pub fn matches<'v>(
        &self,
        value: &Value<'v>,
        other: impl FnOnce(u32) -> Value<'v>,
        buffers: &mut Buffers,
    ) -> bool {
        match self {
            Self::Values(values) => match value {
                Value::Absent => values.null,
                value => value.any(&mut |leaf| values.take(leaf, buffers)),
            },
            Self::Regexes(regexes) => value.any(&mut |leaf| {
                leaf.as_text(&mut buffers.number)
                    .is_some_and(|text| regexes.iter().any(|regex| regex.is_match(text)))
            }),
            Self::Networks(networks) => value.any(&mut |leaf| match leaf {
                Leaf::Text(text) => networks.hold(text),
                _ => false,
            }),
            Self::Compare(compare) => {
                value.any(&mut |leaf| leaf.as_number().is_some_and(|number| compare.holds(number)))
            }
            Self::TimePart { part, compare } => value.any(&mut |leaf| {
                part.of(leaf).is_some_and(|number| compare.holds(Number::Int(number.into())))
            }),
            Self::Exists(wanted) => (*value != Value::Absent) == *wanted,
            Self::Field { other: index, relation, cased } => {
                let other = other(*index);
                value.any(&mut |mine| {
                    other.any(&mut |theirs| relation.holds(mine, theirs, *cased, buffers))
                })
            }
        }
    }

    /// Whether `text`, one of the texts of an event, matches as a keyword.
    pub fn matches_keyword(&self, text: &str, buffers: &mut Buffers) -> bool {
        match self {
            Self::Values(values) => values.take(Leaf::Text(text), buffers),
            Self::Regexes(regexes) => regexes.iter().any(|regex| regex.is_match(text)),
            // The compiler makes no other keywords.
            _ => false,
        }
    }
}

impl Relation {
    fn holds(self, mine: Leaf<'_>, theirs: Leaf<'_>, cased: bool, buffers: &mut Buffers) -> bool {
        if self == Self::Equal
            && let (Leaf::Number(mine), Leaf::Number(theirs)) = (mine, theirs)
        {
            return mine == theirs;
        }
        let Buffers { number, folded, other } = buffers;
        if cased {
            let Some(theirs) = theirs.as_text(other) else { return false };
            return mine.as_text(number).is_some_and(|mine| self.compare(mine, theirs));
        }
        let Some(text) = theirs.as_text(number) else { return false };
        fold::fold_into(text, other);
        let Some(text) = mine.as_text(number) else { return false };
        fold::fold_into(text, folded);
        self.compare(folded, other)
    }

    fn compare(self, mine: &str, theirs: &str) -> bool {
        match self {
            Self::Equal => mine == theirs,
            Self::StartsWith => mine.starts_with(theirs),
            Self::EndsWith => mine.ends_with(theirs),
            Self::Contains => mine.contains(theirs),
        }
    }
}
