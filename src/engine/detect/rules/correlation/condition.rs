//! What a counted value is held against.

use super::super::{
    error::{Fault, Problem},
    yaml::{Node, Scalar},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operator {
    Gt,
    Gte,
    Lt,
    Lte,
    Eq,
    Neq,
}

impl Operator {
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "eq" => Self::Eq,
            "neq" => Self::Neq,
            _ => return None,
        })
    }
}

/// All of these must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bounds(Vec<(Operator, f64)>);

impl Bounds {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn hold(&self, value: f64) -> bool {
        self.0.iter().all(|(operator, bound)| match operator {
            Operator::Gt => value > *bound,
            Operator::Gte => value >= *bound,
            Operator::Lt => value < *bound,
            Operator::Lte => value <= *bound,
            Operator::Eq => value == *bound,
            Operator::Neq => value != *bound,
        })
    }

    /// Whether what holds for a value holds for every greater one.
    pub fn only_floor(&self) -> bool {
        self.0.iter().all(|(operator, _)| matches!(operator, Operator::Gt | Operator::Gte))
    }

    /// True where no value below `most` can hold: what is counted needs no closer look.
    pub fn exceed(&self, most: f64) -> bool {
        self.0.iter().any(|(operator, bound)| match operator {
            Operator::Gt => most <= *bound,
            Operator::Gte | Operator::Eq => most < *bound,
            _ => false,
        })
    }

    /// Whether any number can hold; of counts, any whole one from `least` on. Something always
    /// holds next to a bound, or nowhere.
    pub fn can_hold(&self, least: Option<f64>) -> bool {
        self.0.iter().any(|(_, bound)| {
            let (below, at, above) = match least {
                None => (bound.next_down(), *bound, bound.next_up()),
                Some(_) => (bound.ceil() - 1.0, bound.ceil(), bound.floor() + 1.0),
            };
            [below, at, above].iter().any(|near| self.hold(near.max(least.unwrap_or(*near))))
        })
    }

    pub fn threshold(&self) -> Option<f64> {
        self.0.first().map(|(_, bound)| *bound)
    }

    pub fn add(&mut self, operator: Operator, node: &Node, word: &str) -> Result<(), Fault> {
        let bound = match node.scalar() {
            Some(Scalar::Int(number)) => number as f64,
            Some(Scalar::Float(number)) => number,
            _ => return Err(Fault::new(node.line, word, Problem::Expected("a number"))),
        };
        self.0.push((operator, bound));
        Ok(())
    }
}
