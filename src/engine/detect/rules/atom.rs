//! What an event must hold for a rule to match: the prefilter's words.

use super::{
    compile::{Operand, Predicate, Target},
    expression::Expression,
    fold,
    pattern::Part,
};

/// Something one place of an event holds, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Atom {
    pub target: Target,
    pub need: Need,
}

/// Texts are folded, numbers canonical.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Need {
    Whole(Box<str>),
    Part(Box<str>),
}

/// One of these must hold for any of `operands` to be equal; `None`: nothing can be said.
pub(super) fn of_operands(target: Target, operands: &[Operand]) -> Option<Vec<Atom>> {
    let need = |operand: &Operand| match operand {
        Operand::Pattern(pattern) => match pattern.0.as_slice() {
            [] => Some(Need::Whole(Box::default())),
            [Part::Text(text)] => Some(Need::Whole(fold::folded(text).into())),
            _ => pattern.longest_text().map(|text| Need::Part(fold::folded(text).into())),
        },
        Operand::Number(number) => {
            let mut text = String::new();
            number.canonical(&mut text);
            Some(Need::Whole(text.into()))
        }
        Operand::Truth(truth) => Some(Need::Whole(if *truth { "true" } else { "false" }.into())),
        Operand::Null | Operand::Regex(_) | Operand::Network(_) | Operand::Field(_) => None,
    };
    operands.iter().map(|operand| need(operand).map(|need| Atom { target, need })).collect()
}

/// One of these must hold for `expression` to be true: of all the ways to choose, the one that
/// `cost` finds cheapest. `None`: it may be true whatever the event holds.
pub(super) fn of_expression<'p>(
    expression: &Expression,
    predicates: &'p [Predicate],
    cost: &impl Fn(&Atom) -> u64,
) -> Option<Vec<&'p Atom>> {
    let total =
        |atoms: &Vec<&Atom>| atoms.iter().fold(0, |sum: u64, atom| sum.saturating_add(cost(atom)));
    match expression {
        Expression::Test(id) => {
            predicates.get(*id as usize)?.atoms.as_ref().map(|atoms| atoms.iter().collect())
        }
        Expression::Not(_) => None,
        Expression::And(terms) => {
            terms.iter().filter_map(|term| of_expression(term, predicates, cost)).min_by_key(total)
        }
        Expression::Or(terms) => {
            let mut all = Vec::new();
            for term in terms {
                all.extend(of_expression(term, predicates, cost)?);
            }
            Some(all)
        }
    }
}
