//! What a field of an event can hold, as a rule sees it.

use std::{cmp::Ordering, fmt::Write as _};

use serde_json::Value as Json;
use smallvec::SmallVec;

use crate::engine::model::EventTime;

/// A field's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'v> {
    /// There is no such field.
    Absent,
    Leaf(Leaf<'v>),
    /// Any element that matches makes the field match.
    List(&'v [Json]),
    /// Several places the path leads to, through lists on the way.
    Many(SmallVec<[&'v Json; 4]>),
    /// Present, but with nothing to compare.
    Object,
}

/// A content with nothing within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leaf<'v> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'v str),
    Time(EventTime),
}

/// A number, exact where it is whole.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Int(i128),
    Float(f64),
}

impl<'v> Value<'v> {
    pub fn of_json(json: &'v Json) -> Self {
        match json {
            Json::Array(items) => Self::List(items),
            Json::Object(_) => Self::Object,
            leaf => leaf_of_json(leaf).map_or(Self::Object, Self::Leaf),
        }
    }

    pub fn text(text: &'v str) -> Self {
        Self::Leaf(Leaf::Text(text))
    }

    pub fn count(count: u64) -> Self {
        Self::Leaf(Leaf::Number(Number::Int(i128::from(count))))
    }

    /// True where `test` holds for any leaf, lists within lists included.
    pub fn any(&self, test: &mut dyn FnMut(Leaf<'v>) -> bool) -> bool {
        match self {
            Self::Absent | Self::Object => false,
            Self::Leaf(leaf) => test(*leaf),
            Self::List(items) => items.iter().any(|item| any_leaf(item, test)),
            Self::Many(places) => places.iter().any(|place| any_leaf(place, test)),
        }
    }
}

fn any_leaf<'v>(json: &'v Json, test: &mut dyn FnMut(Leaf<'v>) -> bool) -> bool {
    match json {
        Json::Array(items) => items.iter().any(|item| any_leaf(item, test)),
        leaf => leaf_of_json(leaf).is_some_and(test),
    }
}

fn leaf_of_json(json: &Json) -> Option<Leaf<'_>> {
    match json {
        Json::Null => Some(Leaf::Null),
        Json::Bool(truth) => Some(Leaf::Bool(*truth)),
        Json::Number(number) => Number::of_json(number).map(Leaf::Number),
        Json::String(text) => Some(Leaf::Text(text)),
        Json::Array(_) | Json::Object(_) => None,
    }
}

impl<'v> Leaf<'v> {
    /// As text, formatted into `buffer` where it is none. `None` for null.
    pub fn as_text<'b>(self, buffer: &'b mut String) -> Option<&'b str>
    where
        'v: 'b,
    {
        buffer.clear();
        let written = match self {
            Self::Null => return None,
            Self::Text(text) => return Some(text),
            Self::Bool(true) => return Some("true"),
            Self::Bool(false) => return Some("false"),
            Self::Number(Number::Int(number)) => write!(buffer, "{number}"),
            Self::Number(Number::Float(number)) => write!(buffer, "{number:?}"),
            Self::Time(time) => write!(buffer, "{time}"),
        };
        written.is_ok().then_some(buffer.as_str())
    }

    /// A number, or a text that is one.
    pub fn as_number(self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => Number::parse(text),
            Self::Null | Self::Bool(_) | Self::Time(_) => None,
        }
    }
}

impl Number {
    /// Whole numbers below this are floats, each its own.
    pub(super) const EXACT_BELOW: u64 = 1 << 53;

    fn of_json(number: &serde_json::Number) -> Option<Self> {
        if let Some(whole) = number.as_i128() {
            return Some(Self::Int(whole));
        }
        number.as_f64().map(Self::Float)
    }

    /// Reads decimal notation; no blanks, no words such as `inf`.
    pub fn parse(text: &str) -> Option<Self> {
        let first = *text.as_bytes().first()?;
        if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
            return None;
        }
        if let Ok(whole) = text.parse::<i128>() {
            return Some(Self::Int(whole));
        }
        let number = text.parse::<f64>().ok()?;
        number.is_finite().then_some(Self::Float(number))
    }

    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        }
    }

    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// One text for all numbers that are equal: what the prefilter looks up.
    pub(super) fn canonical(self, buffer: &mut String) {
        buffer.clear();
        let number = self.float();
        // Beyond that whole numbers that differ may be equal as floats, so all go by the float.
        let exact = number.abs() < Self::EXACT_BELOW as f64;
        let written = if exact && number.fract() == 0.0 {
            write!(buffer, "{}", number as i64)
        } else {
            write!(buffer, "{number:?}")
        };
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Some(Ordering::Equal)
    }
}
