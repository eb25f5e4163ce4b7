//! Tab-separated Zeek logs: what the `#` lines say, and lines read by it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::{
    Refusal, Str,
    json::{Cursor, RawText, Scalar},
};
use super::conn::{COLUMNS, Conn, SIGNS};
use crate::engine::model::Event;

/// Columns a header may name; further ones are ignored, and their lines refused.
const COLUMNS_MAX: usize = 256;

/// Columns and types of `conn.log` as Zeek writes them when nobody configures it otherwise.
const DEFAULT: [(&str, &str); 21] = [
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("local_orig", "bool"),
    ("local_resp", "bool"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
];

/// Columns newer versions or add-ons put behind the default ones.
const EXTRA_MAX: usize = 2;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    kind: String,
    /// Its place in [`COLUMNS`].
    slot: Option<usize>,
}

/// What the header lines said. Starts as Zeek's defaults; a new header replaces the old one, as
/// happens when rotated logs follow each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    separator: String,
    set_separator: String,
    empty: String,
    unset: String,
    path: Option<String>,
    columns: Vec<Column>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".to_owned(),
            set_separator: ",".to_owned(),
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            path: None,
            columns: Vec::new(),
        }
    }
}

impl Header {
    /// Takes a line that begins with `#` into account. Comments are passed over.
    pub fn note(&mut self, line: &str) {
        let line = line.trim_start().trim_end_matches(['\r', '\n']);
        if let Some(separator) = line.strip_prefix("#separator ") {
            *self = Self::default();
            let separator = unescape(Str::Borrowed(separator));
            if !separator.is_empty() {
                self.separator = separator.into_owned();
            }
            return;
        }
        let Some((word, rest)) = line.split_once(self.separator.as_str()) else { return };
        match word {
            "#set_separator" => rest.clone_into(&mut self.set_separator),
            "#empty_field" => rest.clone_into(&mut self.empty),
            "#unset_field" => rest.clone_into(&mut self.unset),
            "#path" => self.path = Some(rest.to_owned()),
            "#fields" => {
                let names = rest.split(self.separator.as_str()).take(COLUMNS_MAX);
                self.columns = names.map(|name| column(name, "string")).collect();
            }
            "#types" => {
                let kinds = rest.split(self.separator.as_str());
                for (column, kind) in self.columns.iter_mut().zip(kinds) {
                    kind.clone_into(&mut column.kind);
                }
            }
            _ => {}
        }
    }

    /// Reads one line of values.
    pub fn decode_line<'a>(&self, line: &'a str) -> Result<Event<'a>, Refusal> {
        if self.is_of_another_log() && !is_flow(line) {
            return Err(Refusal::NotConn);
        }
        let mut conn = Conn { tab_separated: true, ..Conn::default() };
        let mut sign_seen = false;
        self.each(line, |column, kind, slot, value| {
            sign_seen |= SIGNS.contains(&column);
            if let Some(slot) = slot.and_then(|slot| conn.values.get_mut(slot)) {
                *slot = self.scalar(kind, value);
            }
        })?;
        if !sign_seen {
            return Err(Refusal::NotConn);
        }
        conn.event()
    }

    fn is_of_another_log(&self) -> bool {
        self.path.as_deref().is_some_and(|path| path != "conn")
    }

    /// One line as an object of its named columns; unset ones are left out.
    pub fn raw_value(&self, line: &str) -> Option<Value> {
        if line.trim_start().starts_with('#') {
            return None;
        }
        let mut object = Map::new();
        self.each(line, |column, kind, _, value| {
            if value != self.unset {
                object.insert(column.to_owned(), self.value(kind, value));
            }
        })
        .ok()?;
        Some(Value::Object(object))
    }

    /// Hands each column's name, type, place in [`COLUMNS`] and value to `visit`.
    fn each<'a>(
        &self,
        line: &'a str,
        mut visit: impl FnMut(&str, &str, Option<usize>, &'a str),
    ) -> Result<(), Refusal> {
        let line = line.trim_end_matches(['\r', '\n']);
        let values = line.split(self.separator.as_str());
        if self.columns.is_empty() {
            return each_default(line, visit);
        }
        // One record on a topic that says something else must not spoil all that follow it.
        let fits = values.clone().count() == self.columns.len();
        if (!fits || self.is_of_another_log()) && is_flow(line) {
            return each_default(line, visit);
        }
        if !fits {
            return Err(Refusal::ColumnCount);
        }
        for (column, value) in self.columns.iter().zip(values) {
            visit(&column.name, &column.kind, column.slot, value);
        }
        Ok(())
    }

    fn scalar<'a>(&self, kind: &str, value: &'a str) -> Scalar<'a> {
        if value == self.unset {
            return Scalar::Absent;
        }
        if value == self.empty {
            return Scalar::Text(RawText::plain(""));
        }
        match kind {
            "time" | "interval" | "count" | "int" | "double" | "port" => number(value),
            _ => Scalar::Text(RawText::plain(value)),
        }
    }

    fn value(&self, kind: &str, value: &str) -> Value {
        let listed = ["set[", "vector["].iter().find_map(|list| kind.strip_prefix(list));
        if let Some(inner) = listed {
            let inner = inner.trim_end_matches(']');
            if value == self.empty {
                return Value::Array(Vec::new());
            }
            let elements = value.split(self.set_separator.as_str());
            return elements.map(|element| self.value(inner, element)).collect();
        }
        match (kind, self.scalar(kind, value)) {
            ("bool", _) if matches!(value, "T" | "F") => Value::Bool(value == "T"),
            (_, Scalar::Number(number)) => {
                serde_json::from_str(number).unwrap_or_else(|_| Value::from(number))
            }
            (_, Scalar::Text(text)) => Value::from(unescape(text.text()).into_owned()),
            _ => Value::Null,
        }
    }
}

/// States of a connection, as `conn.log` and no other log has them.
const STATES: [&str; 13] =
    ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];

/// True of a line that can only be one of a `conn.log` with the default columns, whatever a header
/// said.
fn is_flow(line: &str) -> bool {
    let (mut addresses, mut state) = (0, false);
    let read = each_default(line.trim_end_matches(['\r', '\n']), |name, _, _, value| match name {
        "id.orig_h" | "id.resp_h" => addresses += u8::from(value.parse::<IpAddr>().is_ok()),
        "conn_state" => state = STATES.contains(&value),
        _ => {}
    });
    read.is_ok() && addresses == 2 && state
}

/// Without a header the columns are taken to be the default ones, behind at most one column that
/// names the node, if a time stands where one should.
fn each_default<'a>(
    line: &'a str,
    mut visit: impl FnMut(&str, &str, Option<usize>, &'a str),
) -> Result<(), Refusal> {
    let is_time = |value: &&str| matches!(number(value), Scalar::Number(_));
    let lead = match line.split('\t').take(2).position(|value| is_time(&value)) {
        Some(lead) => lead,
        None => return Err(Refusal::UnknownFormat),
    };
    let count = line.split('\t').count().saturating_sub(lead);
    if !(DEFAULT.len()..=DEFAULT.len() + EXTRA_MAX).contains(&count) {
        return Err(Refusal::UnknownFormat);
    }
    for ((name, kind), value) in DEFAULT.iter().zip(line.split('\t').skip(lead)) {
        visit(name, kind, slot_of(name), value);
    }
    Ok(())
}

fn column(name: &str, kind: &str) -> Column {
    Column { name: name.to_owned(), kind: kind.to_owned(), slot: slot_of(name) }
}

fn slot_of(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| *column == name)
}

/// A number where it is one, otherwise the text it is.
fn number(value: &str) -> Scalar<'_> {
    let mut cursor = Cursor::new(value);
    match cursor.scalar() {
        Ok(Scalar::Number(number)) if number.len() == value.len() => Scalar::Number(number),
        _ => Scalar::Text(RawText::plain(value)),
    }
}

/// Undoes Zeek's `\xHH`; text that does not come out as UTF-8 stays as written.
pub fn unescape(value: Str<'_>) -> Str<'_> {
    if !value.contains("\\x") {
        return value;
    }
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 2..at + 4).filter(|_| bytes[at..].starts_with(b"\\x"));
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                out.push(code);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(value, Str::Owned)
}
