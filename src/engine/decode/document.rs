//! A record as a tree that borrows from its text, for the formats that nest deeply.

use std::collections::BTreeSet;

use super::{
    Refusal, Str,
    json::{Cursor, Fault, Scalar},
    number::{Counts, integer_text},
};

/// A JSON value. Text is borrowed where it held no escape.
#[derive(Debug)]
pub enum Node<'a> {
    Scalar(Scalar<'a>),
    Array(Vec<Node<'a>>),
    /// In the order written, no key twice.
    Object(Vec<(Str<'a>, Node<'a>)>),
}

/// Keys of one object, to tell a repeated one: mostly by one bit, without a comparison.
#[derive(Default)]
struct Keys {
    bits: u128,
    /// All of them, once there are so many that the bits tell nothing.
    many: BTreeSet<String>,
}

/// An object with more members than this has them looked up in a tree.
const FEW: usize = 48;

impl Keys {
    fn repeats(&mut self, key: &str, before: &[(Str<'_>, Node<'_>)]) -> bool {
        if before.len() > FEW {
            if self.many.is_empty() {
                self.many.extend(before.iter().map(|(known, _)| known.clone().into_owned()));
            }
            return !self.many.insert(key.to_owned());
        }
        let bytes = key.as_bytes();
        let at = |place: usize| bytes.get(place).copied().map_or(0, usize::from);
        let length = bytes.len();
        let mix = length * 37 + at(0) * 3 + at(length / 2) * 11 + at(length.wrapping_sub(1)) * 29;
        let bit = 1 << (mix % 128);
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        !is_new && before.iter().any(|(known, _)| known == key)
    }
}

impl<'a> Node<'a> {
    /// Reads one record, which must be an object.
    pub fn record(text: &'a str) -> Result<Self, Refusal> {
        let mut cursor = Cursor::new(text);
        let node = Self::read(&mut cursor)?;
        let repeats = cursor.repeats();
        cursor.finish()?;
        match node {
            Self::Object(_) if repeats => Err(Refusal::DuplicateKey),
            Self::Object(_) => Ok(node),
            _ => Err(Refusal::NotAnObject),
        }
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        match cursor.peek()? {
            b'{' => {
                let mut members = Vec::new();
                let mut keys = Keys::default();
                cursor.object(|cursor, key| {
                    let key = cursor.key(key).text();
                    if keys.repeats(&key, &members) {
                        cursor.note_repeat();
                    }
                    members.push((key, Self::read(cursor)?));
                    Ok(())
                })?;
                Ok(Self::Object(members))
            }
            b'[' => {
                let mut elements = Vec::new();
                cursor.array(|cursor| {
                    elements.push(Self::read(cursor)?);
                    Ok(())
                })?;
                Ok(Self::Array(elements))
            }
            _ => cursor.scalar().map(Self::Scalar),
        }
    }

    /// The member called `key`, dots and all; null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let (_, node) = members.iter().find(|(name, _)| name == key)?;
        match node {
            Self::Scalar(Scalar::Null) => None,
            node => Some(node),
        }
    }

    /// The member at a dotted path, through objects only.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// Elements of an array; empty for anything else.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// Non-empty text, or an integer's digits.
    pub fn text(&self) -> Option<Str<'a>> {
        match self {
            Self::Scalar(Scalar::Text(text)) if !text.is_empty() => Some(text.text()),
            Self::Scalar(Scalar::Number(number)) => integer_text(number),
            _ => None,
        }
    }

    /// Text at a dotted path; anything else there counts as absent.
    pub fn text_at(&self, path: &str) -> Option<Str<'a>> {
        self.at(path).and_then(Self::text)
    }

    /// The first of several paths that holds text.
    pub fn first_text(&self, paths: &[&str]) -> Option<Str<'a>> {
        paths.iter().find_map(|path| self.text_at(path))
    }

    /// A boolean, or the words `true` and `false`, as some producers write it.
    pub fn flag_at(&self, path: &str) -> Option<bool> {
        match self.at(path)? {
            Self::Scalar(Scalar::Bool(value)) => Some(*value),
            Self::Scalar(Scalar::Text(word)) => match word.text().as_ref() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// An integer that fits 64 bits signed.
    pub fn integer_at(&self, path: &str) -> Option<i64> {
        match self.at(path)? {
            Self::Scalar(Scalar::Number(number)) => number.parse().ok(),
            _ => None,
        }
    }

    /// A count at a dotted path, brought into range; none where absent.
    pub fn count_at(
        &self,
        path: &'static str,
        counts: &mut Counts,
    ) -> Result<Option<u64>, Refusal> {
        self.at(path).map(|node| node.count(path, counts)).transpose()
    }

    /// This node as a count, called `field` where it is none.
    pub fn count(&self, field: &'static str, counts: &mut Counts) -> Result<u64, Refusal> {
        match self {
            Self::Scalar(scalar) => counts.read(scalar, field, 0),
            _ => Err(Refusal::WrongType(field)),
        }
    }

    /// A port at a dotted path.
    pub fn port_at(&self, path: &'static str, counts: &mut Counts) -> Result<Option<u16>, Refusal> {
        match self.at(path) {
            None => Ok(None),
            Some(Self::Scalar(scalar)) => counts.port(scalar, path),
            Some(_) => Err(Refusal::WrongType(path)),
        }
    }
}
