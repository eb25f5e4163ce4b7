//! Letter case set aside, the same for rules and events.
//!
//! Unicode simple case folding, one character for one, so that `?` counts the same on both
//! sides and a text folds the same whatever surrounds it (lower-casing whole strings does not:
//! it gives a Greek capital sigma two shapes).

/// Puts the folded `text` into `folded`, whose former content is lost.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    push_folded(text, folded);
}

pub(super) fn push_folded(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        folded[start..].make_ascii_lowercase();
    } else {
        folded.extend(text.chars().map(fold_char));
    }
}

pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    push_folded(text, &mut folded);
    folded
}

/// Lower case of the upper case brings together letters of one upper case (σ ς, s ſ, µ μ).
pub(super) fn fold_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    // Turkish: dotted capital and dotless small i fold to themselves.
    if matches!(letter, 'İ' | 'ı') {
        return letter;
    }
    let upper = only(letter.to_uppercase()).unwrap_or(letter);
    only(upper.to_lowercase()).unwrap_or(upper)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let first = letters.next()?;
    letters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

    use super::*;

    fn check(one: &str, other: &str) {
        assert_eq!(folded(one), folded(other));
    }

    #[test]
    fn sets_case_aside_beyond_ascii() {
        check("CMD.EXE", "cmd.exe");
        check("ÀÉÎÕÜ", "àéîõü");
        check("ΟΔΟΣ", "οδος");
        check("ΟΔΟΣ", "οδοσ");
        check("ДЕКЛАРАЦИЯ", "декларация");
        check("STRAẞE", "straße");
        check("\u{212a}elvin", "KELVIN");
    }

    #[test]
    fn keeps_letters_apart_that_only_look_alike() {
        assert_ne!(folded("ı"), folded("i"));
        assert_ne!(folded("é"), folded("e"));
    }

    /// The tables of `regex-syntax` are the independent source.
    #[test]
    fn agrees_with_unicode_simple_folding() {
        // Letters of Unicode 17, which these tables do not have yet.
        let newer = ['\u{a7ce}'..='\u{a7d5}', '\u{16ea0}'..='\u{16ed3}'];
        let cased = ('\u{80}'..='\u{1ffff}').filter(|c| {
            let (lower, upper) = (c.to_lowercase().next(), c.to_uppercase().next());
            (lower != Some(*c) || upper != Some(*c)) && !newer.iter().any(|range| range.contains(c))
        });
        for letter in cased {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]);
            class.try_case_fold_simple().expect("the tables are there");
            let others = [fold_char(letter)].into_iter();
            let others =
                others.chain(only(letter.to_lowercase())).chain(only(letter.to_uppercase()));
            for other in others {
                let same = class.iter().any(|range| (range.start()..=range.end()).contains(&other));
                assert_eq!(same, fold_char(other) == fold_char(letter), "{letter} and {other}");
            }
        }
    }
}
