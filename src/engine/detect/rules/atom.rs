//! What an event must hold for a rule to match: the prefilter's words.

use regex_syntax::{
    Parser,
    hir::{Class, ClassUnicode, Hir, HirKind},
};

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
    let mut atoms = Vec::new();
    for operand in operands {
        let needs = needs(operand)?;
        atoms.extend(needs.into_iter().map(|need| Atom { target, need }));
    }
    Some(atoms)
}

fn needs(operand: &Operand) -> Option<Vec<Need>> {
    let need = match operand {
        Operand::Pattern(pattern) => match pattern.0.as_slice() {
            [] => Need::Whole(Box::default()),
            [Part::Text(text)] => Need::Whole(fold::folded(text).into()),
            _ => Need::Part(fold::folded(pattern.longest_text()?).into()),
        },
        Operand::Number(number) => {
            let mut text = String::new();
            number.canonical(&mut text);
            Need::Whole(text.into())
        }
        Operand::Truth(truth) => Need::Whole(if *truth { "true" } else { "false" }.into()),
        Operand::Regex(source) => {
            let texts = texts_of_regex(&Parser::new().parse(source).ok()?)?;
            return Some(texts.iter().map(|text| Need::Part(fold::folded(text).into())).collect());
        }
        Operand::Null | Operand::Network(_) | Operand::Field(_) => return None,
    };
    Some(vec![need])
}

/// Alternatives of a regular expression that are looked for; more are as good as none.
const ALTERNATIVES_MAX: usize = 64;

/// Texts one of which is in whatever the expression matches. Right under `i` too, where both are
/// folded.
fn texts_of_regex(hir: &Hir) -> Option<Vec<String>> {
    let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min();
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Capture(capture) => texts_of_regex(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => texts_of_regex(&repeated.sub),
        HirKind::Concat(parts) => {
            let of_parts = parts.iter().filter_map(texts_of_regex);
            of_parts.chain(runs(parts).map(|run| vec![run])).max_by_key(shortest)
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(texts_of_regex(branch)?);
            }
            (all.len() <= ALTERNATIVES_MAX).then_some(all)
        }
        HirKind::Repetition(_) | HirKind::Class(_) | HirKind::Look(_) | HirKind::Empty => None,
    }
}

/// Letters that say something where they stand side by side.
const RUN_MIN: usize = 3;

/// Texts that letters side by side make, each perhaps of either case: `(?i)kali`.
fn runs(parts: &[Hir]) -> impl Iterator<Item = String> {
    let letters = |part: &Hir| match part.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        HirKind::Class(Class::Unicode(class)) => one_letter(class).map(String::from),
        _ => None,
    };
    let runs = parts.chunk_by(move |a, b| letters(a).is_some() && letters(b).is_some());
    let texts = runs.filter_map(move |run| run.iter().map(letters).collect::<Option<String>>());
    texts.filter(|text| text.chars().count() >= RUN_MIN)
}

/// The letter that all of the class are, but for their case; folded.
fn one_letter(class: &ClassUnicode) -> Option<char> {
    // Letters of one kind are four at most.
    let mut letters = class.ranges().iter().flat_map(|range| range.start()..=range.end()).take(5);
    let folded = fold::fold_char(letters.next()?);
    letters.all(|letter| fold::fold_char(letter) == folded).then_some(folded)
}

/// One of these must hold for `expression` to be true: of all the ways to choose, the one whose
/// atoms together `cost` finds cheapest. `None`: it may be true whatever the event holds.
pub(super) fn of_expression<'p>(
    expression: &Expression,
    predicates: &'p [Predicate],
    cost: &impl Fn(&[&Atom]) -> u64,
) -> Option<Vec<&'p Atom>> {
    match expression {
        Expression::Test(id) => {
            predicates.get(*id as usize)?.atoms.as_ref().map(|atoms| atoms.iter().collect())
        }
        Expression::Not(_) => None,
        Expression::And(terms) => terms
            .iter()
            .filter_map(|term| of_expression(term, predicates, cost))
            .min_by_key(|atoms| cost(atoms)),
        Expression::Or(terms) => {
            let mut all = Vec::new();
            for term in terms {
                all.extend(of_expression(term, predicates, cost)?);
            }
            Some(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(regex: &str, expected: Option<&[&str]>) {
        let texts = texts_of_regex(&Parser::new().parse(regex).expect("a regular expression"));
        let texts: Option<Vec<&str>> =
            texts.as_ref().map(|texts| texts.iter().map(String::as_str).collect());
        assert_eq!(texts.as_deref(), expected, "{regex}");
    }

    #[test]
    fn finds_what_a_regular_expression_needs() {
        check(r".+:assumed-role/aws:.+", Some(&[":assumed-role/aws:"]));
        check(r"^a\d+bcd(ef)?g$", Some(&["bcd"]));
        check(r"(foo|quux)+\s", Some(&["foo", "quux"]));
        check(r"(foo|\d)x", Some(&["x"]));
        check(r"(?:abc)*", None);
        check(r"abc|", None);
        check(r"\w{3}", None);
        check(r"(?i)abc", Some(&["abc"]));
        check(r"(?i)^(kali|Pärrot7)[0-9]*$", Some(&["kali", "pärrot7"]));
        check(r"[Kk]ey=[Vv]\d[Ss]et", Some(&["key=v"]));
        check(r"[Kk][Ee]\d", None);
        check(r"[ab]c[Kk\x{212a}]d", Some(&["ckd"]));
        check(r"[ab]+", None);
    }
}
