//! A rule's condition over comparisons, and the jump program it becomes.

/// Index of a comparison among those of the rule set.
pub(super) type PredicateId = u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Test(PredicateId),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl Expression {
    /// Comparisons in it, repeated ones counted each time. Saturates.
    pub fn tests(&self) -> usize {
        match self {
            Self::Test(_) => 1,
            Self::Not(inner) => inner.tests(),
            Self::And(terms) | Self::Or(terms) => {
                terms.iter().fold(0, |sum, term| sum.saturating_add(term.tests()))
            }
        }
    }
}

/// Many conditions as jumps between tests: each test says where to go on yes and on no, so that a
/// condition is decided with as few tests as its order allows, without recursion.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    tests: Vec<Test>,
}

#[derive(Clone, Copy, Debug)]
struct Test {
    predicate: PredicateId,
    yes: u32,
    no: u32,
}

/// Jump targets that end a condition.
const MATCH: u32 = u32::MAX;
const FAIL: u32 = u32::MAX - 1;

impl Program {
    /// Adds a condition; gives where it starts.
    pub fn add(&mut self, expression: &Expression) -> u32 {
        self.emit(expression, MATCH, FAIL)
    }

    /// Decides the condition that starts at `start`.
    pub fn run(&self, start: u32, mut test: impl FnMut(PredicateId) -> bool) -> bool {
        let mut at = start;
        while let Some(step) = self.tests.get(at as usize) {
            at = if test(step.predicate) { step.yes } else { step.no };
        }
        at == MATCH
    }

    fn emit(&mut self, expression: &Expression, yes: u32, no: u32) -> u32 {
        match expression {
            Expression::Test(predicate) => {
                self.tests.push(Test { predicate: *predicate, yes, no });
                (self.tests.len() - 1) as u32
            }
            Expression::Not(inner) => self.emit(inner, no, yes),
            Expression::And(terms) => {
                terms.iter().rev().fold(yes, |next, term| self.emit(term, next, no))
            }
            Expression::Or(terms) => {
                terms.iter().rev().fold(no, |next, term| self.emit(term, yes, next))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expression::*, *};

    fn slow(expression: &Expression, truths: u32) -> bool {
        match expression {
            Test(predicate) => truths >> predicate & 1 == 1,
            Not(inner) => !slow(inner, truths),
            And(terms) => terms.iter().all(|term| slow(term, truths)),
            Or(terms) => terms.iter().any(|term| slow(term, truths)),
        }
    }

    fn check(expression: &Expression) {
        let mut program = Program::default();
        program.add(&Test(7));
        let start = program.add(expression);
        for truths in 0..16 {
            let fast = program.run(start, |predicate| truths >> predicate & 1 == 1);
            assert_eq!(fast, slow(expression, truths), "{expression:?} under {truths:b}");
        }
    }

    #[test]
    fn decides_as_the_tree_does() {
        let not = |inner| Not(Box::new(inner));
        check(&Test(0));
        check(&not(Test(0)));
        check(&And(vec![Test(0), Or(vec![Test(1), not(Test(2))]), Test(3)]));
        check(&not(Or(vec![And(vec![Test(0), Test(1)]), not(And(vec![Test(2), Test(3)]))])));
        check(&And(vec![]));
        check(&Or(vec![]));
    }
}
