//! What a regular expression says to others and not to the crate that runs it here.
//!
//! Sigma's are a subset of PCRE's. What PCRE has and we have not, the crate refuses by itself; here
//! is what it takes for something else, so that a rule would match other texts than it says.

use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassSetBinaryOp, ClassSetItem, Visitor, parse::ParserBuilder,
};

/// Why `source` would mean something else, if it would. What is no expression at all is left to
/// whoever compiles it.
pub(super) fn difference(source: &str, depth_max: u32) -> Option<&'static str> {
    let parsed = ParserBuilder::new().nest_limit(depth_max).build().parse(source).ok()?;
    ast::visit(&parsed, Look).err()
}

struct Look;

impl Visitor for Look {
    type Output = ();
    type Err = &'static str;

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
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
                StartLine | EndLine | StartText | EndText | WordBoundary | NotWordBoundary => {
                    Ok(())
                }
                _ => Err("`\\<`, `\\>` and `\\b{…}` are word edges here and plain characters to \
                          others: write `<`, `>` or `\\b`"),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, differs: bool) {
        assert_eq!(difference(source, 64).is_some(), differs, "{source}");
    }

    #[test]
    fn tells_what_others_read_otherwise() {
        for source in
            ["a++b", "a{2}+", "(a?+)", r"\<script\>", r"\b{start}a", "[[a]b]", "[a-z&&b]", "[a--b]"]
        {
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
