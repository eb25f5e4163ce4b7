//! Many patterns against one text.

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;
use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

use super::{
    error::Problem,
    pattern::{DASHES, Part, Pattern},
    regex_dialect,
};

/// Bytes of one regular expression as written.
pub(super) const REGEX_LENGTH_MAX: usize = 8_192;
/// Bytes of one regular expression once compiled, and of its lazy automaton.
const REGEX_SIZE_MAX: usize = 512 * 1024;
/// The same for the few that may be larger: counted repetitions of Unicode classes are.
const LARGE_REGEX_SIZE_MAX: usize = 4 << 20;
/// From so many parts on a regular expression is taken for one of these.
const LARGE_REGEX_PARTS: u64 = 8_192;
/// Parts of all regular expressions of a set: seven times what SigmaHQ's 2,446 rules come to.
pub(super) const REGEX_PARTS_MAX: u64 = 500_000;
/// Brackets of a regular expression within one another.
const REGEX_DEPTH_MAX: u32 = 64;
/// Bytes of one value that single letters are left open in: it is tried at each letter of a text.
const WILD_BYTES_MAX: usize = 2_048;
/// From this many substrings on, one automaton is faster than a search for each.
const SUBSTRINGS_MANY: usize = 8;

/// True for a text that any of some patterns fits. Texts must come folded if the patterns are.
#[derive(Clone, Debug, Default)]
pub(super) struct TextSet {
    everything: bool,
    exact: HashSet<Box<str>>,
    prefixes: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
    substrings: Vec<Finder<'static>>,
    many_substrings: Option<AhoCorasick>,
    globs: Vec<Glob>,
    wilds: Vec<Wild>,
}

impl TextSet {
    pub fn new(patterns: &[Pattern]) -> Result<Self, Problem> {
        let mut set = Self::default();
        let mut substrings: Vec<&str> = Vec::new();
        for pattern in patterns {
            match pattern.0.as_slice() {
                [Part::Any] => set.everything = true,
                [] => _ = set.exact.insert(Box::default()),
                [Part::Text(text)] => _ = set.exact.insert(text.as_str().into()),
                [Part::Text(text), Part::Any] => set.prefixes.push(text.as_str().into()),
                [Part::Any, Part::Text(text)] => set.suffixes.push(text.as_str().into()),
                [Part::Any, Part::Text(text), Part::Any] => substrings.push(text),
                parts if parts.iter().any(|part| matches!(part, Part::One | Part::Dash)) => {
                    set.wilds.push(Wild::new(parts)?);
                }
                parts => set.globs.push(Glob::new(parts)),
            }
        }
        if substrings.len() >= SUBSTRINGS_MANY {
            let automaton =
                AhoCorasick::new(&substrings).map_err(|error| Problem::Regex(error.to_string()))?;
            set.many_substrings = Some(automaton);
        } else {
            set.substrings = substrings.iter().map(|text| Finder::new(text).into_owned()).collect();
        }
        Ok(set)
    }

    pub fn matches(&self, text: &str) -> bool {
        self.everything
            || (!self.exact.is_empty() && self.exact.contains(text))
            || self.suffixes.iter().any(|suffix| text.ends_with(&**suffix))
            || self.prefixes.iter().any(|prefix| text.starts_with(&**prefix))
            || self.substrings.iter().any(|finder| finder.find(text.as_bytes()).is_some())
            || self.many_substrings.as_ref().is_some_and(|automaton| automaton.is_match(text))
            || self.globs.iter().any(|glob| glob.matches(text))
            || self.wilds.iter().any(|wild| wild.matches(text))
    }
}

/// Texts in this order with anything between.
#[derive(Clone, Debug)]
struct Glob {
    prefix: Box<str>,
    suffix: Box<str>,
    middle: Vec<Finder<'static>>,
}

impl Glob {
    /// `parts` holds only texts and `Any`, and at least one `Any`.
    fn new(parts: &[Part]) -> Self {
        let mut pieces = vec![String::new()];
        for part in parts {
            match (part, pieces.last_mut()) {
                (Part::Text(text), Some(piece)) => piece.push_str(text),
                _ => pieces.push(String::new()),
            }
        }
        let suffix = pieces.pop().unwrap_or_default();
        let mut pieces = pieces.into_iter();
        let prefix = pieces.next().unwrap_or_default();
        let middle = pieces.filter(|piece| !piece.is_empty());
        Self {
            prefix: prefix.into(),
            suffix: suffix.into(),
            middle: middle.map(|piece| Finder::new(&piece).into_owned()).collect(),
        }
    }

    /// The first place for each piece leaves the most room for those after it.
    fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(&*self.prefix) else { return false };
        let Some(rest) = rest.strip_suffix(&*self.suffix) else { return false };
        let mut rest = rest.as_bytes();
        for piece in &self.middle {
            let Some(at) = piece.find(rest) else { return false };
            rest = &rest[at + piece.needle().len()..];
        }
        true
    }
}

/// Texts, single letters and dashes, in runs with anything between. By hand: thousands of such
/// values would be megabytes as regular expressions.
#[derive(Clone, Debug)]
struct Wild {
    first: Box<[Part]>,
    middle: Vec<Box<[Part]>>,
    /// `None`: there is one run, and it is the whole text.
    last: Option<Box<[Part]>>,
}

impl Wild {
    fn new(parts: &[Part]) -> Result<Self, Problem> {
        let found = parts.iter().map(bytes).sum();
        if found > WILD_BYTES_MAX {
            let what = "bytes in a value with `?` or `windash`";
            return Err(Problem::TooMany { what, found, max: WILD_BYTES_MAX });
        }
        let mut runs = parts.split(|part| *part == Part::Any).map(Box::<[Part]>::from);
        let first = runs.next().unwrap_or_default();
        let mut middle: Vec<Box<[Part]>> = runs.collect();
        let last = middle.pop();
        middle.retain(|run| !run.is_empty());
        Ok(Self { first, middle, last })
    }

    /// A run is so many letters whatever they are: the first place for each leaves the most room
    /// for those after it.
    fn matches(&self, text: &str) -> bool {
        let Some(rest) = after(text, &self.first) else { return false };
        let Some(last) = &self.last else { return rest.is_empty() };
        let letters: usize = last.iter().map(letters).sum();
        let Some(start) = start_of_last(rest, letters) else { return false };
        if after(&rest[start..], last) != Some("") {
            return false;
        }
        let mut rest = &rest[..start];
        self.middle.iter().all(|run| match find_run(rest, run) {
            Some(left) => {
                rest = left;
                true
            }
            None => false,
        })
    }
}

/// What follows the run where `text` begins with it.
fn after<'t>(text: &'t str, run: &[Part]) -> Option<&'t str> {
    run.iter().try_fold(text, |rest, part| match part {
        Part::Text(text) => rest.strip_prefix(text.as_str()),
        Part::One => rest.strip_prefix(|_: char| true),
        Part::Dash => rest.strip_prefix(DASHES),
        Part::Any => None,
    })
}

/// What follows the first place where the run is.
fn find_run<'t>(text: &'t str, run: &[Part]) -> Option<&'t str> {
    let mut rest = text;
    loop {
        if let Some(Part::Text(head)) = run.first() {
            rest = &rest[memchr::memmem::find(rest.as_bytes(), head.as_bytes())?..];
        }
        if let Some(left) = after(rest, run) {
            return Some(left);
        }
        let mut letters = rest.chars();
        letters.next()?;
        rest = letters.as_str();
    }
}

fn bytes(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::One | Part::Dash | Part::Any => 1,
    }
}

fn letters(part: &Part) -> usize {
    match part {
        Part::Text(text) => text.chars().count(),
        Part::One | Part::Dash => 1,
        Part::Any => 0,
    }
}

/// Where the last so many letters begin.
fn start_of_last(text: &str, letters: usize) -> Option<usize> {
    match letters {
        0 => Some(text.len()),
        letters => text.char_indices().rev().nth(letters - 1).map(|(at, _)| at),
    }
}

/// What may follow the modifier `re`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub ignore_case: bool,
    pub multi_line: bool,
    pub dot_all: bool,
}

/// `parts_left` counts down what the set's regular expressions may come to. Told from the syntax
/// alone: what is too much is never compiled.
pub(super) fn regex(source: &str, flags: Flags, parts_left: &mut u64) -> Result<Regex, Problem> {
    if source.len() > REGEX_LENGTH_MAX {
        let what = "bytes in the regular expression";
        return Err(Problem::TooMany { what, found: source.len(), max: REGEX_LENGTH_MAX });
    }
    let source = regex_dialect::translated(source, REGEX_DEPTH_MAX)
        .map_err(|difference| Problem::Regex(difference.to_owned()))?;
    let syntax = ParserBuilder::new()
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .nest_limit(REGEX_DEPTH_MAX)
        .build()
        .parse(&source);
    let parts = syntax.as_ref().map_or(0, parts);
    let Some(left) = parts_left.checked_sub(parts) else {
        let found = REGEX_PARTS_MAX.saturating_sub(*parts_left).saturating_add(parts);
        let what = "parts in the set's regular expressions, each repetition counted";
        let (found, max) = (found as usize, REGEX_PARTS_MAX as usize);
        return Err(Problem::TooMany { what, found, max });
    };
    *parts_left = left;
    let build = |size_max: usize| {
        RegexBuilder::new(&source)
            .case_insensitive(flags.ignore_case)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .size_limit(size_max)
            .dfa_size_limit(size_max)
            .nest_limit(REGEX_DEPTH_MAX)
            .build()
    };
    let built = match parts {
        LARGE_REGEX_PARTS.. => build(LARGE_REGEX_SIZE_MAX),
        _ => match build(REGEX_SIZE_MAX) {
            Err(regex::Error::CompiledTooBig(_)) => build(LARGE_REGEX_SIZE_MAX),
            built => built,
        },
    };
    built.map_err(|error| Problem::Regex(told(&error)))
}

/// Bytes and ranges of characters in it, as often as they are repeated. What compiling costs is
/// in proportion. Saturates.
fn parts(hir: &Hir) -> u64 {
    let sum =
        |parts_of: &[Hir]| parts_of.iter().fold(1, |sum: u64, hir| sum.saturating_add(parts(hir)));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Capture(capture) => parts(&capture.sub).saturating_add(1),
        HirKind::Repetition(repeated) => {
            let times = repeated.max.unwrap_or(repeated.min.saturating_add(1)).max(1);
            parts(&repeated.sub).saturating_mul(times.into())
        }
        HirKind::Concat(all) | HirKind::Alternation(all) => sum(all),
    }
}

/// The parser's drawing of the fault spans lines; its last line says what is wrong.
fn told(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, fits: &[&str], misses: &[&str]) {
        let set = TextSet::new(&[Pattern::parse(pattern)]).expect("a pattern");
        fits.iter().for_each(|text| assert!(set.matches(text), "{pattern} fits {text}"));
        misses.iter().for_each(|text| assert!(!set.matches(text), "{pattern} misses {text}"));
    }

    #[test]
    fn fits_whole_texts() {
        check("abc", &["abc"], &["abcd", "xabc", ""]);
        check("", &[""], &["a"]);
        check("*", &["", "a"], &[]);
        check("a*", &["a", "ab"], &["ba"]);
        check("*a", &["a", "ba"], &["ab"]);
        check("*a*", &["a", "bab"], &["b", ""]);
        check("a?c", &["abc", "aéc", "a\nc"], &["ac", "abbc"]);
        check("a*b*c", &["abc", "a--b--c", "abcbc"], &["ab", "acb", "ab-"]);
        check("*a*b*", &["ab", "xaxbx"], &["ba"]);
        check("ab*ba", &["abba", "ab-ba"], &["aba"]);
        check("*b*b", &["bb", "xbxb"], &["b"]);
        check("??", &["ab"], &["a", "abc"]);
        check("a.c*?", &["a.cx"], &["abcx", "a.c"]);
        check("?*?", &["ab", "é--ü"], &["é", ""]);
        check(
            "a?*b?b*?c",
            &["axb1bxc", "aé--bb\u{1f600}b.xxc", "axbbbbbc"],
            &["ab1bxc", "axb1bc", "axbbc"],
        );
        check("*a?a*a?", &["abaac", "aaaaa", "--a1a--a2"], &["abaa", "abab", "a1a2"]);
    }

    #[test]
    fn takes_many_substrings_at_once() {
        let patterns: Vec<Pattern> =
            ('a'..='m').map(|c| Pattern::parse(&format!("*{c}1*"))).collect();
        let set = TextSet::new(&patterns).expect("patterns");
        assert!(set.many_substrings.is_some());
        assert!(set.matches("xxd1xx"));
        assert!(!set.matches("xxz1xx"));
    }

    #[test]
    fn bounds_regular_expressions() {
        let refused = |source: &str| {
            let error = regex(source, Flags::default(), &mut REGEX_PARTS_MAX.clone());
            error.expect_err("hostile").to_string()
        };
        assert!(refused(r"(a{1000}){1000}").starts_with("too many parts in the set's"));
        assert!(refused(r"((a{0,100}){0,100}){0,100}").starts_with("too many parts in the set's"));
        assert!(refused(r"\w{480}").contains("size limit"));
        let mut left = REGEX_PARTS_MAX;
        let large = (0..256).filter(|_| regex(r"\w{1,40}", Flags::default(), &mut left).is_ok());
        assert_eq!(large.count(), 15);
        assert!(regex(r"^[a-z]\d+$", Flags::default(), &mut left).is_ok(), "small ones go on");
        assert!(refused(&"(".repeat(100)).contains("not a usable regular expression"));
        assert!(refused(r"(?=a)").contains("look-around"));
        assert!(refused(&"a".repeat(REGEX_LENGTH_MAX + 1)).contains("too many bytes"));
    }
}
