//! What a regular expression says to others and not to the crate that runs it here.
//!
//! Sigma's are a subset of PCRE's. What PCRE has and we have not, the crate refuses by itself; here
//! is what it takes for something else, so that a rule would match other texts than it says.

use std::borrow::Cow;

use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Visitor, parse::ParserBuilder,
};

/// `source` as the crate has to read it to mean the same, or why that cannot be. What is no
/// expression at all is left to whoever compiles it.
pub(super) fn translated(source: &str, depth_max: u32) -> Result<Cow<'_, str>, &'static str> {
    let Ok(parsed) = ParserBuilder::new().nest_limit(depth_max).build().parse(source) else {
        return Ok(source.into());
    };
    let ends = ast::visit(&parsed, Look::default())?;
    if ends.is_empty() {
        return Ok(source.into());
    }
    let mut translated = String::with_capacity(source.len() + ends.len() * END.len());
    let mut from = 0;
    for end in ends {
        translated += &source[from..end];
        translated += END;
        from = end + "$".len();
    }
    Ok((translated + &source[from..]).into())
}

/// `$` also holds before a line feed that ends the text, here at the end alone.
const END: &str = r"(?:$|\n\z)";

/// Places of `$` outside of classes.
#[derive(Default)]
struct Look(Vec<usize>);

impl Visitor for Look {
    type Output = Vec<usize>;
    type Err = &'static str;

    fn finish(mut self) -> Result<Self::Output, Self::Err> {
        self.0.sort_unstable();
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        use AssertionKind::{
            EndLine, EndText, NotWordBoundary, StartLine, StartText, WordBoundary,
        };
        match ast {
            Ast::Repetition(outer) if matches!(*outer.ast, Ast::Repetition(_)) => {
                Err("possessive quantifiers are not supported")
            }
            Ast::Assertion(assertion) => match assertion.kind {
                EndLine => {
                    self.0.push(assertion.span.start.offset);
                    Ok(())
                }
                StartLine | StartText | EndText | WordBoundary | NotWordBoundary => Ok(()),
                _ => Err("`\\<`, `\\>` and `\\b{…}` are word edges here and plain characters to \
                          others: write `<`, `>` or `\\b`"),
            },
            Ast::Flags(flags) => known_flags(&flags.flags),
            Ast::Group(group) => group.flags().map_or(Ok(()), known_flags),
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ClassSetItem::Bracketed(_) => {
                Err("a class within a class is not supported: write `\\[` for a bracket")
            }
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ClassSetBinaryOp) -> Result<(), Self::Err> {
        Err("`&&`, `--` and `~~` within a class are set operations here and plain characters to \
             others: write them once")
    }
}

/// `(?R)` reads lines that end in two characters here, and begins the expression anew for others.
fn known_flags(flags: &ast::Flags) -> Result<(), &'static str> {
    match flags.flag_state(ast::Flag::CRLF) {
        Some(_) => Err("the flag `R` is recursion to others, which is not supported"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, differs: bool) {
        assert_eq!(translated(source, 64).is_err(), differs, "{source}");
    }

    #[test]
    fn a_line_feed_at_the_end_comes_after_the_dollar() {
        let check = |source: &str, text: &str, matches: bool| {
            let translated = translated(source, 64).expect("an expression");
            let regex = regex::Regex::new(&translated).expect("an expression still");
            assert_eq!(regex.is_match(text), matches, "{source} as {translated} on {text:?}");
        };
        for text in ["root", "root\n"] {
            check("^root$", text, true);
            check("(?:root|admin)$", text, true);
            check("(root$)|x", text, true);
            check(r"root\z", text, text == "root");
        }
        check("^root$", "root\n\n", false);
        check("^root$", "root\nx", false);
        check("(?m)^root$", "root\nx", true);
        check(r"^ro[$]\$$", "ro$$", true);
        assert_eq!(translated(r"a[$]b\$", 64), Ok(r"a[$]b\$".into()));
    }

    #[test]
    fn tells_what_others_read_otherwise() {
        for source in [
            "a++b",
            "a{2}+",
            "(a?+)",
            r"\<script\>",
            r"\b{start}a",
            "[[a]b]",
            "[a-z&&b]",
            "[a--b]",
            "(?R)a",
            "(?R:a)",
        ] {
            check(source, true);
        }
    }

    #[test]
    fn leaves_alone_what_all_read_alike() {
        for source in [
            "a+?b",
            "(?:a+)+",
            "(a{2}){3}",
            r"^\bword\b$",
            r"\Aa\z",
            r"[\[a]b",
            "[]a]",
            "a&&b--c",
            "[a&b-]",
            "[[:alpha:]_]",
            "<a>",
            "(",
        ] {
            check(source, false);
        }
    }
}
