//! YAML as rules need it: a small tree that knows its lines and has limits.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::error::{Fault, Problem};
use crate::engine::model::IdHasher;

/// Lists and maps within one another.
const DEPTH_MAX: usize = 32;
/// Nodes of one file, those that aliases repeat included.
const NODES_MAX: usize = 200_000;
/// Keys of one map. Each is compared with those before it.
const KEYS_MAX: usize = 4_096;

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From 1.
    pub line: u32,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Scalar { text: String, plain: bool },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub line: u32,
    pub text: String,
}

/// What an unquoted word means by the YAML 1.2 core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
}

impl Node {
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.data {
            Data::Scalar { text, plain: false } => Some(Scalar::Text(text)),
            Data::Scalar { text, plain: true } => Some(resolve(text)),
            _ => None,
        }
    }

    /// The scalar as it is written, whatever it means.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// A scalar or the scalars of a list, as written; nothing else counts.
    pub fn texts(&self) -> Vec<&str> {
        match &self.data {
            Data::Scalar { text, .. } => vec![text],
            Data::List(items) => items.iter().filter_map(Self::text).collect(),
            Data::Map(_) => Vec::new(),
        }
    }

    /// The same as JSON.
    pub fn json(&self) -> serde_json::Value {
        match &self.data {
            Data::Scalar { .. } => match self.scalar() {
                None | Some(Scalar::Null) => serde_json::Value::Null,
                Some(Scalar::Bool(truth)) => truth.into(),
                Some(Scalar::Int(number)) => match i64::try_from(number) {
                    Ok(number) => number.into(),
                    Err(_) => number.to_string().into(),
                },
                Some(Scalar::Float(number)) => number.into(),
                Some(Scalar::Text(text)) => text.into(),
            },
            Data::List(items) => items.iter().map(Self::json).collect(),
            Data::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.text.clone(), node.json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }

    /// A hash of what is written, whatever lines it stands on.
    pub fn fingerprint(&self, hasher: IdHasher) -> IdHasher {
        match &self.data {
            Data::Scalar { text, plain } => hasher.part(&[u8::from(*plain)]).part(text.as_bytes()),
            Data::List(items) => {
                let hasher = hasher.part(b"list").part(&items.len().to_le_bytes());
                items.iter().fold(hasher, |hasher, item| item.fingerprint(hasher))
            }
            Data::Map(entries) => {
                let hasher = hasher.part(b"map").part(&entries.len().to_le_bytes());
                entries.iter().fold(hasher, |hasher, (key, node)| {
                    node.fingerprint(hasher.part(key.text.as_bytes()))
                })
            }
        }
    }

    fn count(&self) -> usize {
        1 + match &self.data {
            Data::Scalar { .. } => 0,
            Data::List(items) => items.iter().map(Self::count).sum(),
            Data::Map(entries) => entries.iter().map(|(_, node)| 1 + node.count()).sum(),
        }
    }
}

fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let radix = text.strip_prefix("0x").map(|digits| (digits, 16));
    if let Some((digits, radix)) = radix.or(text.strip_prefix("0o").map(|digits| (digits, 8)))
        && !digits.starts_with(['+', '-'])
        && let Ok(number) = i128::from_str_radix(digits, radix)
    {
        return Scalar::Int(number);
    }
    if let Ok(number) = text.parse::<i128>() {
        return Scalar::Int(number);
    }
    let numeric = text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Scalar::Float(number),
        _ => Scalar::Text(text),
    }
}

/// The documents of one file. Stops at the first fault: what follows cannot be trusted.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Fault> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event.map_err(|error| {
            let line = line_number(error.marker().line());
            Fault::new(line, "", Problem::Yaml(error.info().to_owned()))
        })?;
        builder.take(event, line_number(span.start.line()))?;
    }
    Ok(builder.documents)
}

fn line_number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

struct Frame {
    node: Node,
    key: Option<Key>,
    anchor: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string_tag(tag.as_deref(), line)?;
                let data = Data::Scalar { text: text.into_owned(), plain };
                self.close(Node { line, data }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), line)?;
                self.begin(Node { line, data: Data::List(Vec::new()) }, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), line)?;
                self.begin(Node { line, data: Data::Map(Vec::new()) }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(frame) => self.close(frame.node, frame.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Fault::new(line, "*", Problem::Yaml("alias within itself".into())));
                };
                self.count(node.count(), line)?;
                self.close(node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_MAX {
            let found = DEPTH_MAX + 1;
            let problem = Problem::TooMany { what: "nested levels", found, max: DEPTH_MAX };
            return Err(Fault::new(node.line, "", problem));
        }
        self.open.push(Frame { node, key: None, anchor });
        Ok(())
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.count(1, node.line)?;
        if anchor > 0 {
            self.count(node.count(), node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut frame.node.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match frame.key.take() {
                Some(key) => entries.push((key, node)),
                None => frame.key = Some(as_key(node, entries)?),
            },
            Data::Scalar { .. } => {}
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, line: u32) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            let problem =
                Problem::TooMany { what: "YAML nodes", found: self.nodes, max: NODES_MAX };
            return Err(Fault::new(line, "", problem));
        }
        Ok(())
    }
}

fn as_key(node: Node, entries: &[(Key, Node)]) -> Result<Key, Fault> {
    let Data::Scalar { text, .. } = node.data else {
        return Err(Fault::new(node.line, "?", Problem::Expected("a plain key")));
    };
    if entries.len() >= KEYS_MAX {
        let problem =
            Problem::TooMany { what: "keys in one map", found: KEYS_MAX + 1, max: KEYS_MAX };
        return Err(Fault::new(node.line, text, problem));
    }
    if entries.iter().any(|(key, _)| key.text == text) {
        return Err(Fault::new(node.line, text, Problem::Repeated));
    }
    Ok(Key { line: node.line, text })
}

fn is_string_tag(tag: Option<&Tag>, line: u32) -> Result<bool, Fault> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.suffix == "str" => Ok(true),
        Some(tag) => {
            Err(Fault::new(line, tag.suffix.to_string(), Problem::Unsupported("YAML tags are")))
        }
    }
}

fn refuse_tag(tag: Option<&Tag>, line: u32) -> Result<(), Fault> {
    match tag {
        None => Ok(()),
        Some(tag) => {
            Err(Fault::new(line, tag.suffix.to_string(), Problem::Unsupported("YAML tags are")))
        }
    }
}

/// Longer titles are not shown.
const TITLE_BYTES_MAX: usize = 256;

/// The title of the rule that a line lies in, where its document does not read as YAML; empty where
/// it is not to be seen.
pub fn title_near(text: &str, line: u32) -> &str {
    let at = (line as usize).saturating_sub(1);
    let is_end = |line: &&str| line.trim_end() == "---";
    let lines: Vec<&str> = text.lines().collect();
    let (before, after) = lines.split_at(at.min(lines.len()));
    let above = before.iter().rev().take_while(|line| !is_end(line));
    let below = after.iter().take_while(|line| !is_end(line));
    let title = above.chain(below).find_map(|line| line.strip_prefix("title:"));
    let title = title.map(|title| title.trim().trim_matches(['"', '\'']));
    let is_text =
        |title: &&str| title.len() <= TITLE_BYTES_MAX && title.starts_with(char::is_alphanumeric);
    title.filter(is_text).unwrap_or_default()
}
