//! The condition: which selections must match for the rule to.

use super::error::Problem;

/// Words and brackets of one condition.
const TOKENS_MAX: usize = 4_096;
/// Brackets and `not` within one another.
const DEPTH_MAX: usize = 64;

/// A condition over selections, which are told by their place in the list given to [`parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Selection(usize),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

impl Condition {
    /// Whether it holds where `selected` says which selections do.
    pub fn holds(&self, selected: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::Selection(index) => selected(*index),
            Self::Not(inner) => !inner.holds(selected),
            Self::And(terms) => terms.iter().all(|term| term.holds(selected)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(selected)),
        }
    }

    /// Whether a selection that comes to match can make it untrue.
    pub fn denies(&self) -> bool {
        match self {
            Self::Selection(_) => false,
            Self::Not(_) => true,
            Self::And(terms) | Self::Or(terms) => terms.iter().any(Self::denies),
        }
    }

    /// Visits the selections it asks for.
    pub fn each(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Self::Selection(index) => visit(*index),
            Self::Not(inner) => inner.each(visit),
            Self::And(terms) | Self::Or(terms) => terms.iter().for_each(|term| term.each(visit)),
        }
    }
}

/// Reads `text`; `names` are the selections there are.
pub(super) fn parse(text: &str, names: &[&str]) -> Result<Condition, Problem> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, names, depth: 0 };
    let condition = parser.or()?;
    match parser.peek() {
        None => Ok(condition),
        Some(Token { text: ")", .. }) => {
            Err(parser.fault("closing bracket without an opening one"))
        }
        Some(_) => Err(parser.fault("expected `and`, `or` or the end")),
    }
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    /// From 1, in characters.
    column: usize,
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Problem> {
    let mut tokens = Vec::new();
    let mut word: Option<(usize, usize)> = None;
    for (column, (at, letter)) in text.char_indices().enumerate() {
        let in_word = letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '*' | '?');
        if in_word {
            word = word.or(Some((at, column)));
            continue;
        }
        if let Some((start, column)) = word.take() {
            tokens.push(Token { text: &text[start..at], column: column + 1 });
        }
        match letter {
            '(' | ')' => {
                tokens.push(Token { text: &text[at..=at], column: column + 1 });
            }
            '|' => return Err(Problem::Unsupported("aggregation after `|` is")),
            _ if letter.is_whitespace() => {}
            _ => {
                let reason = "character that has no meaning here";
                return Err(Problem::Condition { reason, column: column + 1 });
            }
        }
        if tokens.len() > TOKENS_MAX {
            break;
        }
    }
    if let Some((start, column)) = word {
        tokens.push(Token { text: &text[start..], column: column + 1 });
    }
    if tokens.len() > TOKENS_MAX {
        let found = tokens.len();
        return Err(Problem::TooMany { what: "words in the condition", found, max: TOKENS_MAX });
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    names: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Condition, Problem> {
        let mut terms = vec![self.and()?];
        while self.eat("or") {
            terms.push(self.and()?);
        }
        Ok(one_or(terms, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition, Problem> {
        let mut terms = vec![self.not()?];
        while self.eat("and") {
            terms.push(self.not()?);
        }
        Ok(one_or(terms, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, Problem> {
        if !self.eat("not") {
            return self.primary();
        }
        self.nested(|parser| Ok(Condition::Not(Box::new(parser.not()?))))
    }

    fn primary(&mut self) -> Result<Condition, Problem> {
        let Some(token) = self.peek() else {
            return Err(self.fault("ends where a selection was expected"));
        };
        self.at += 1;
        match token.text {
            "(" => self.nested(|parser| {
                let inner = parser.or()?;
                if parser.eat(")") { Ok(inner) } else { Err(parser.fault("bracket is not closed")) }
            }),
            ")" => {
                self.at -= 1;
                Err(self.fault("closing bracket where a selection was expected"))
            }
            word if self.next_is("of") => {
                self.at += 1;
                self.several(word, token)
            }
            "and" | "or" | "not" | "of" => {
                self.at -= 1;
                Err(self.fault("expected a selection"))
            }
            "near" => Err(Problem::Unsupported("`near` is")),
            name => self.selection(name),
        }
    }

    /// What follows `1 of` or `all of`.
    fn several(&mut self, quantifier: &str, token: Token<'_>) -> Result<Condition, Problem> {
        let combine = match quantifier {
            "1" | "any" => Condition::Or,
            "all" => Condition::And,
            _ => {
                let reason = "only `1 of`, `any of` and `all of` are known";
                return Err(Problem::Condition { reason, column: token.column });
            }
        };
        let Some(pattern) = self.peek() else {
            return Err(self.fault("ends after `of`"));
        };
        self.at += 1;
        let wanted = if pattern.text == "them" { "*" } else { pattern.text };
        let fits = |name: &str| {
            fits(wanted.as_bytes(), name.as_bytes())
                && (wanted.starts_with('_') || !name.starts_with('_'))
        };
        let chosen: Vec<Condition> = (0..self.names.len())
            .filter(|index| fits(self.names[*index]))
            .map(Condition::Selection)
            .collect();
        if chosen.is_empty() {
            let known = listed(self.names);
            return Err(Problem::EmptyPattern { name: pattern.text.to_owned(), known });
        }
        Ok(one_or(chosen, combine))
    }

    fn selection(&self, name: &str) -> Result<Condition, Problem> {
        match self.names.iter().position(|known| *known == name) {
            Some(index) => Ok(Condition::Selection(index)),
            None => {
                let known = listed(self.names);
                Err(Problem::UnknownSelection { name: name.to_owned(), known })
            }
        }
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Condition, Problem>,
    ) -> Result<Condition, Problem> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let what = "nested levels in the condition";
            return Err(Problem::TooMany { what, found: self.depth, max: DEPTH_MAX });
        }
        let condition = inner(self);
        self.depth -= 1;
        condition
    }

    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn next_is(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.text.eq_ignore_ascii_case(word))
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.next_is(word);
        self.at += usize::from(found);
        found
    }

    fn fault(&self, reason: &'static str) -> Problem {
        let last = self.tokens.last();
        let end = last.map_or(1, |token| token.column + token.text.chars().count());
        Problem::Condition { reason, column: self.peek().map_or(end, |token| token.column) }
    }
}

fn one_or(mut terms: Vec<Condition>, combine: fn(Vec<Condition>) -> Condition) -> Condition {
    if terms.len() == 1 { terms.remove(0) } else { combine(terms) }
}

/// `*` stands for any run of characters in a name, `?` for one.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(b) if *b == name[n] || *b == b'?' => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, start)) => {
                    retry = Some((star, start + 1));
                    p = star + 1;
                    n = start + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Names shown in an error; more are cut off.
const LISTED_MAX: usize = 12;

fn listed(names: &[&str]) -> String {
    let mut text = names[..names.len().min(LISTED_MAX)].join(", ");
    if names.len() > LISTED_MAX {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let names = ["sel", "sel_a", "sel_b", "filter", "_hidden"];
        let shown = match parse(text, &names) {
            Ok(condition) => shown(&condition, &names),
            Err(problem) => problem.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    fn shown(condition: &Condition, names: &[&str]) -> String {
        let several = |word: &str, terms: &[Condition]| {
            let terms: Vec<String> = terms.iter().map(|term| shown(term, names)).collect();
            format!("({})", terms.join(word))
        };
        match condition {
            Condition::Selection(index) => names[*index].to_owned(),
            Condition::Not(inner) => format!("!{}", shown(inner, names)),
            Condition::And(terms) => several("&", terms),
            Condition::Or(terms) => several("|", terms),
        }
    }

    #[test]
    fn binds_not_then_and_then_or() {
        check("sel", "sel");
        check("sel or sel_a and not filter", "(sel|(sel_a&!filter))");
        check("(sel or sel_a) and not not filter", "((sel|sel_a)&!!filter)");
        check("not (sel and sel_a)", "!(sel&sel_a)");
        check("sel AND NOT filter", "(sel&!filter)");
        check("not 1 of sel_*", "!(sel_a|sel_b)");
    }

    #[test]
    fn chooses_selections_by_pattern() {
        check("1 of them", "(sel|sel_a|sel_b|filter)");
        check("all of them", "(sel&sel_a&sel_b&filter)");
        check("all of sel_*", "(sel_a&sel_b)");
        check("any of sel*", "(sel|sel_a|sel_b)");
        check("1 of *_a", "sel_a");
        check("1 of _*", "_hidden");
        check("1 of se?", "sel");
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let known = "sel, sel_a, sel_b, filter, _hidden";
        check("other", &format!("condition uses `other`, but only {known} are defined"));
        check("1 of nil*", &format!("condition uses `nil*`, which fits none of {known}"));
        check("", "condition: ends where a selection was expected at column 1");
        check("sel and", "condition: ends where a selection was expected at column 8");
        check("(sel", "condition: bracket is not closed at column 5");
        check("sel)", "condition: closing bracket without an opening one at column 4");
        check("sel filter", "condition: expected `and`, `or` or the end at column 5");
        check("2 of sel*", "condition: only `1 of`, `any of` and `all of` are known at column 1");
        check("sel | count() > 5", "aggregation after `|` is not supported");
        check("sel & filter", "condition: character that has no meaning here at column 5");
        check("sel and or", "condition: expected a selection at column 9");
    }

    #[test]
    fn is_bounded() {
        check(
            &format!("{}sel{}", "(".repeat(70), ")".repeat(70)),
            "too many nested levels in the condition: 65, at most 64 are accepted",
        );
        check(
            &"not ".repeat(1_000),
            "too many nested levels in the condition: 65, at most 64 are accepted",
        );
        check(
            &"sel or ".repeat(5_000),
            "too many words in the condition: 4097, at most 4096 are accepted",
        );
    }
}
