//! Reading JSON in place: a cursor that checks every byte it passes, skipped or not.
//!
//! Accepts what `serde_json` accepts into a `Value`, no more and no less, except nesting
//! deeper than [`DEPTH_MAX`].

use super::{Refusal, Str};

/// Objects and arrays inside each other, the record itself included.
pub const DEPTH_MAX: u32 = 64;

/// Digits a number may have before `f64` could overflow without an exponent.
const PLAIN_DIGITS_MAX: usize = 300;

/// What can be wrong with JSON. One byte, so that results travel in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    NotJson,
    TooDeep,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotJson => Self::NotJson,
            Fault::TooDeep => Self::TooDeep,
        }
    }
}

/// Text between its quotes, checked, with its escapes still in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawText<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> RawText<'a> {
    /// Text that holds no JSON escapes, wherever it comes from.
    pub const fn plain(raw: &'a str) -> Self {
        Self { raw, escaped: false }
    }

    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The text itself where it holds no escape.
    #[inline]
    pub const fn as_plain(self) -> Option<&'a str> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// The text meant: borrowed unless it holds an escape.
    #[inline]
    pub fn text(self) -> Str<'a> {
        if self.escaped { self.unescaped() } else { Str::Borrowed(self.raw) }
    }

    #[cold]
    fn unescaped(self) -> Str<'a> {
        let mut out = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some((before, after)) = rest.split_once('\\') {
            out.push_str(before);
            // Checked when it was read: every escape is whole and sound.
            let mut cursor = Cursor::new(after);
            out.extend(cursor.escape());
            rest = after.get(cursor.at..).unwrap_or_default();
        }
        out.push_str(rest);
        Str::Owned(out)
    }
}

/// A scalar as it stood in the record. Numbers stay text until somebody asks for a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scalar<'a> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    /// Valid JSON number, within the range of `f64`.
    Number(&'a str),
    Text(RawText<'a>),
    /// An object or an array, skipped.
    Container,
}

/// A scalar by its place in the record: kind, start and length in one word. It travels in a
/// register, where a [`Scalar`] would be written to memory and read back at another width, which
/// costs more than reading the JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(u64);

/// Longest text a [`Span`] can point into.
pub const TEXT_BYTES_MAX: usize = (1 << 30) - 1;

const NULL: u64 = 1;
const FALSE: u64 = 2;
const TRUE: u64 = 3;
const NUMBER: u64 = 4;
const PLAIN: u64 = 5;
const ESCAPED: u64 = 6;
const CONTAINER: u64 = 7;

impl Span {
    #[inline]
    fn new(kind: u64, start: usize, stop: usize) -> Self {
        Self(kind | (start as u64) << 3 | ((stop - start) as u64) << 33)
    }

    pub fn is_absent(self) -> bool {
        self == Self::default()
    }

    /// The scalar that stands here in `text`, the text it was read from.
    #[inline(always)]
    pub fn read(self, text: &str) -> Scalar<'_> {
        let start = (self.0 >> 3) as usize & TEXT_BYTES_MAX;
        let stop = start + (self.0 >> 33) as usize;
        match self.0 & 7 {
            PLAIN => Scalar::Text(RawText::plain(&text[start..stop])),
            ESCAPED => Scalar::Text(RawText { raw: &text[start..stop], escaped: true }),
            NUMBER => Scalar::Number(&text[start..stop]),
            NULL => Scalar::Null,
            FALSE => Scalar::Bool(false),
            TRUE => Scalar::Bool(true),
            CONTAINER => Scalar::Container,
            _ => Scalar::Absent,
        }
    }
}

/// Where reading has got to in one record.
pub struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    repeats: bool,
}

impl<'a> Cursor<'a> {
    /// `text` is at most [`TEXT_BYTES_MAX`] long.
    pub fn new(text: &'a str) -> Self {
        debug_assert!(text.len() <= TEXT_BYTES_MAX);
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, repeats: false }
    }

    /// The first byte of the next value, not consumed.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Fault> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Fault::NotJson),
            }
        }
    }

    /// Nothing but white space may follow the record.
    pub fn finish(mut self) -> Result<(), Fault> {
        match self.peek() {
            Ok(_) => Err(Fault::NotJson),
            Err(_) => Ok(()),
        }
    }

    /// A key stands in its object twice. Whether that matters shows once all is read.
    #[cold]
    pub fn note_repeat(&mut self) {
        self.repeats = true;
    }

    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// A key's text.
    #[inline(always)]
    pub fn key(&self, key: Span) -> RawText<'a> {
        match key.read(self.text) {
            Scalar::Text(text) => text,
            _ => RawText::plain(""),
        }
    }

    /// Reads an object: `member` is given each key, and must consume the value after it.
    #[inline]
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Span) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.enter(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if self.peek()? != b'"' {
                return Err(Fault::NotJson);
            }
            let key = self.string()?;
            self.expect(b':')?;
            member(self, key)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    /// Reads an array: `element` must consume one value each time.
    pub fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.enter(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(());
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    /// Reads one value; objects and arrays are checked and skipped.
    pub fn scalar(&mut self) -> Result<Scalar<'a>, Fault> {
        self.span().map(|span| span.read(self.text))
    }

    /// Reads one value; objects and arrays are checked and skipped.
    #[inline]
    pub fn span(&mut self) -> Result<Span, Fault> {
        let first = self.peek()?;
        let here = self.at;
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true").map(|()| Span::new(TRUE, here, here)),
            b'f' => self.literal("false").map(|()| Span::new(FALSE, here, here)),
            b'n' => self.literal("null").map(|()| Span::new(NULL, here, here)),
            b'{' | b'[' => self.skip().map(|()| Span::new(CONTAINER, here, here)),
            _ => Err(Fault::NotJson),
        }
    }

    /// Checks one value and leaves it behind.
    pub fn skip(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            b'{' => self.object(|cursor, _| cursor.skip()),
            b'[' => self.array(Self::skip),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(Fault::NotJson),
        }
    }

    fn enter(&mut self, bracket: u8) -> Result<(), Fault> {
        self.expect(bracket)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        Ok(())
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek()? != byte {
            return Err(Fault::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string from its opening quote on.
    #[inline(always)]
    fn string(&mut self) -> Result<Span, Fault> {
        let start = self.at + 1;
        let stop = find_special(self.bytes, start);
        if self.bytes.get(stop) != Some(&b'"') {
            return self.string_with_escapes(start, stop);
        }
        self.at = stop + 1;
        Ok(Span::new(PLAIN, start, stop))
    }

    /// Goes on from the first special byte, which is no quote; checks every escape.
    #[cold]
    fn string_with_escapes(&mut self, start: usize, special: usize) -> Result<Span, Fault> {
        let mut stop = special;
        loop {
            match self.bytes.get(stop) {
                Some(b'"') => {
                    self.at = stop + 1;
                    return Ok(Span::new(ESCAPED, start, stop));
                }
                Some(b'\\') => {
                    self.at = stop + 1;
                    self.escape()?;
                    stop = find_special(self.bytes, self.at);
                }
                _ => return Err(Fault::NotJson),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let byte = self.bytes.get(self.at).ok_or(Fault::NotJson)?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(Fault::NotJson),
        })
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.four_hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or(Fault::NotJson);
        }
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return Err(Fault::NotJson);
        }
        self.at += 2;
        let second = self.four_hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(Fault::NotJson);
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
            .ok_or(Fault::NotJson)
    }

    fn four_hex(&mut self) -> Result<u32, Fault> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Fault::NotJson)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, byte| {
            let digit = char::from(*byte).to_digit(16).ok_or(Fault::NotJson)?;
            Ok(value << 4 | digit)
        })
    }

    #[inline]
    fn number(&mut self) -> Result<Span, Fault> {
        let start = self.at;
        self.at += usize::from(self.bytes[start] == b'-');
        let first = self.bytes.get(self.at).copied();
        let integer_digits = self.digits();
        if integer_digits == 0 || (first == Some(b'0') && integer_digits > 1) {
            return Err(Fault::NotJson);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Fault::NotJson);
            }
        }
        let exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(Fault::NotJson);
            }
        }
        // Only these can leave the range of f64; the judge of that is serde_json itself.
        if (exponent || self.at - start > PLAIN_DIGITS_MAX)
            && serde_json::from_str::<f64>(&self.text[start..self.at]).is_err()
        {
            return Err(Fault::NotJson);
        }
        Ok(Span::new(NUMBER, start, self.at))
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }
}

/// Position of the first quote, backslash or control character at or after `at`; the length of
/// `bytes` where there is none. Eight bytes at a time.
#[inline]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // A byte's high bit is set where it is below the constant (resp. zero). A borrow can only
        // spoil bytes above the first true hit, and the lowest hit is what counts.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ QUOTES;
        let quote = quote.wrapping_sub(ONES) & !quote;
        let backslash = word ^ BACKSLASHES;
        let backslash = backslash.wrapping_sub(ONES) & !backslash;
        let hits = (control | quote | backslash) & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < bytes.len() && bytes[at] >= 0x20 && bytes[at] != b'"' && bytes[at] != b'\\' {
        at += 1;
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests;
