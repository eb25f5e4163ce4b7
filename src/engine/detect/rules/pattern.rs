//! Sigma strings: text with wildcards, and what modifiers make of it.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::fold;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Text(String),
    /// `*`: any run of characters, also none.
    Any,
    /// `?`: one character.
    One,
    /// A dash or slash that starts an option: any of the [`DASHES`].
    Dash,
}

/// What `windash` takes for one another.
pub(super) const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// A value to compare with. No two texts and no two `Any` follow one another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Pattern(pub Vec<Part>);

/// How the bytes of a text are laid out before they are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    Little,
    Big,
    /// Little endian after a byte order mark.
    Marked,
}

impl Pattern {
    /// Reads wildcards; a backslash takes the meaning from `*`, `?` and itself, and stands for
    /// itself before anything else.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => pattern.push(Part::Any),
                '?' => pattern.push(Part::One),
                '\\' => match letters.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(escaped) => pattern.push_char(escaped),
                    None => pattern.push_char('\\'),
                },
                _ => pattern.push_char(letter),
            }
        }
        pattern
    }

    pub fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        if !text.is_empty() {
            pattern.0.push(Part::Text(text.to_owned()));
        }
        pattern
    }

    fn push(&mut self, part: Part) {
        if part != Part::Any || self.0.last() != Some(&Part::Any) {
            self.0.push(part);
        }
    }

    fn push_char(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(letter),
            _ => self.0.push(Part::Text(letter.into())),
        }
    }

    /// `None` where there is a wildcard.
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub fn any_before(&mut self) {
        if self.0.first() != Some(&Part::Any) {
            self.0.insert(0, Part::Any);
        }
    }

    pub fn any_after(&mut self) {
        self.push(Part::Any);
    }

    #[must_use]
    pub fn folded(mut self) -> Self {
        for part in &mut self.0 {
            if let Part::Text(text) = part {
                *text = fold::folded(text);
            }
        }
        self
    }

    /// Dashes and slashes between a non-word and a word character become [`Part::Dash`].
    #[must_use]
    pub fn with_dashes(self) -> Self {
        let mut out = Self::default();
        for part in self.0 {
            let Part::Text(text) = part else {
                out.push(part);
                continue;
            };
            let mut before = None;
            let mut letters = text.chars().peekable();
            while let Some(letter) = letters.next() {
                let starts_option = matches!(letter, '-' | '/')
                    && !before.is_some_and(is_word)
                    && letters.peek().copied().is_some_and(is_word);
                if starts_option {
                    out.push(Part::Dash);
                } else {
                    out.push_char(letter);
                }
                before = Some(letter);
            }
        }
        out
    }

    /// UTF-16 as text: what is left when such bytes are read as UTF-8. `None` where they are not
    /// UTF-8.
    pub fn widened(&self, wide: Wide) -> Option<Self> {
        let mut out = Self::default();
        for (index, part) in self.0.iter().enumerate() {
            let part = match part {
                Part::Text(text) => {
                    let wide = if index > 0 && wide == Wide::Marked { Wide::Little } else { wide };
                    Part::Text(String::from_utf8(wide_bytes(text, wide)).ok()?)
                }
                other => other.clone(),
            };
            out.0.push(part);
        }
        Some(out)
    }

    /// The longest run of text without wildcards.
    pub fn longest_text(&self) -> Option<&str> {
        let texts = self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.max_by_key(|text| text.len())
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

pub(super) fn wide_bytes(text: &str, wide: Wide) -> Vec<u8> {
    let units = text.encode_utf16();
    match wide {
        Wide::Little => units.flat_map(u16::to_le_bytes).collect(),
        Wide::Big => units.flat_map(u16::to_be_bytes).collect(),
        Wide::Marked => [0xff, 0xfe].into_iter().chain(units.flat_map(u16::to_le_bytes)).collect(),
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// How `bytes` look in base64 at each of the three positions they can have in a longer text, cut
/// to what does not depend on their neighbours.
pub(super) fn base64_offsets(bytes: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|offset| {
        let mut padded = vec![b' '; offset];
        padded.extend_from_slice(bytes);
        let encoded = BASE64.encode(&padded);
        // A character holds six bits: the first offset * 8 bits, rounded up, are the neighbour's.
        let start = (offset * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        encoded.get(start..end).unwrap_or_default().to_owned()
    })
}

/// What is before the first `%name%`, the name, and what is after.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find('%').map(|at| from + at) {
        let name_end = text[start + 1..].find('%').map(|at| start + 1 + at)?;
        let name = &text[start + 1..name_end];
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        if !name.is_empty() && name.chars().all(is_name) {
            return Some((&text[..start], name, &text[name_end + 1..]));
        }
        from = name_end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(shown(&Pattern::parse(text)), expected, "{text}");
    }

    fn shown(pattern: &Pattern) -> String {
        let parts = pattern.0.iter().map(|part| match part {
            Part::Text(text) => format!("<{text}>"),
            Part::Any => "*".to_owned(),
            Part::One => "?".to_owned(),
            Part::Dash => "~".to_owned(),
        });
        parts.collect()
    }

    #[test]
    fn reads_wildcards_and_escapes() {
        check(r"a*b?c", "<a>*<b>?<c>");
        check(r"**a", "*<a>");
        check(r"a\*b", "<a*b>");
        check(r"a\\*b", r"<a\>*<b>");
        check(r"a\\\*b", r"<a\*b>");
        check(r"C:\Windows\x", r"<C:\Windows\x>");
        check(r"\\\\host", r"<\\host>");
        check(r"ends\", r"<ends\>");
        check("", "");
    }

    #[test]
    fn finds_dashes_that_start_options() {
        let dashes = |text: &str| shown(&Pattern::parse(text).with_dashes());
        assert_eq!(dashes(" -param-name"), "< >~<param-name>");
        assert_eq!(dashes("/q"), "~<q>");
        assert_eq!(dashes("a-b"), "<a-b>");
        assert_eq!(dashes("* -f*"), "*< >~<f>*");
        assert_eq!(dashes("- x --y"), "<- x ->~<y>");
    }

    #[test]
    fn encodes_at_three_offsets() {
        let [zero, one, two] = base64_offsets(b"http://");
        assert_eq!(
            (zero.as_str(), one.as_str(), two.as_str()),
            ("aHR0cDovL", "h0dHA6Ly", "odHRwOi8v")
        );
        for (offset, encoded) in [zero, one, two].into_iter().enumerate() {
            for after in ["", "z", "zz"] {
                let whole = base64(format!("{}http://{after}", &"xyz"[..offset]).as_bytes());
                assert!(whole.contains(&encoded), "{whole} has {encoded}");
            }
        }
    }

    #[test]
    fn widens_what_stays_text() {
        assert_eq!(
            Pattern::parse("a*").widened(Wide::Little).map(|p| shown(&p)),
            Some("<a\0>*".into())
        );
        assert_eq!(Pattern::parse("a").widened(Wide::Big).map(|p| shown(&p)), Some("<\0a>".into()));
        assert_eq!(Pattern::parse("é").widened(Wide::Little), None);
    }
}
