//! Text from logs on its way to a terminal or a page.

use std::borrow::Cow;

/// Control characters, and those that turn the direction of the text after them or break its
/// line: whoever writes them into a log may mean to make a reader see something else.
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// The text with such characters written as `\u{1b}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, is_hidden, |c| c.escape_unicode().to_string())
}

/// The same for text of several lines: line breaks stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| is_hidden(c) && c != '\n', |c| c.escape_unicode().to_string())
}

/// The same for JSON that is already written: its own escapes, so that it reads back unchanged.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    replaced(json, |c| is_hidden(c) && c != '\n', |c| format!("\\u{:04x}", u32::from(c)))
}

fn replaced(
    text: &str,
    is_hidden: impl Fn(char) -> bool,
    shown: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_hidden(c) {
            true => out.push_str(&shown(c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text from logs may not become HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        assert_eq!(visible(text), shown);
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        check("off-1", "off-1");
        check("zoë 李 😀", "zoë 李 😀");
        check("\u{1b}[31m", "\\u{1b}[31m");
        check("a\u{7}b\nc\td\u{9b}e", "a\\u{7}b\\u{a}c\\u{9}d\\u{9b}e");
        check("\u{202e}abc\u{2066}\u{200f}\u{61c}", "\\u{202e}abc\\u{2066}\\u{200f}\\u{61c}");
        assert_eq!(visible_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    #[test]
    fn json_reads_back_unchanged() {
        let told = serde_json::to_string("a\u{9b}b\u{202e}c\u{7f}\u{1b}").unwrap();
        let shown = visible_json(&told);
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(
            serde_json::from_str::<String>(&shown).unwrap(),
            serde_json::from_str::<String>(&told).unwrap()
        );
    }
}
