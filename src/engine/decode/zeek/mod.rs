//! Zeek's `conn.log`, as JSON lines and tab-separated as Zeek writes it by default.
//!
//! In: one line as text, and what the lines with `#` before it said ([`Header`]). Out: a network
//! [`Event`], or a [`Refusal`]. Fields: <https://docs.zeek.org/en/master/logs/conn.html>.

mod conn;
mod header;
#[cfg(test)]
mod tests;

pub use header::Header;

use super::{Refusal, document::Node, json::Scalar};
use crate::engine::model::Event;
use conn::{COLUMNS, Conn};

/// Reads one JSON line.
pub fn decode_json(text: &str) -> Result<Event<'_>, Refusal> {
    let record = Node::record(text)?;
    let other_log = match record.text_at("_path") {
        Some(path) => path != "conn",
        None => !conn::SIGNS.iter().any(|sign| record.get(sign).is_some()),
    };
    if other_log {
        return Err(Refusal::NotConn);
    }
    let mut conn = Conn::default();
    for (column, slot) in COLUMNS.iter().zip(&mut conn.values) {
        *slot = match record.get(column) {
            None => Scalar::Absent,
            Some(Node::Scalar(scalar)) => *scalar,
            Some(_) => Scalar::Container,
        };
    }
    conn.event()
}
