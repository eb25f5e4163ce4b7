//! Timesketch's JSON lines: `message`, `datetime` (ISO 8601 with offset) and `timestamp_desc` on
//! each, everything else as attributes.

use std::io::{self, Write};

use serde::Serialize;

use super::Lines;
use crate::engine::model::{Entry, EntryKind, EventTime, Incident};

#[derive(Serialize)]
struct Row<'a> {
    message: String,
    datetime: EventTime,
    /// Microseconds since the epoch.
    timestamp: i64,
    timestamp_desc: &'static str,
    tag: Vec<String>,
    incident_id: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
    entries: u64,
}

pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        let line = line?;
        let entry = &line.entry;
        let who = match entry.kind {
            EntryKind::Severity | EntryKind::Act => "incident",
            _ => entry.actor.as_deref().or(entry.source_ip.as_deref()).unwrap_or("nobody"),
        };
        let severity = entry.severity.iter().map(|s| format!("severity-{s}"));
        let row = Row {
            message: format!("{who}: {}", entry.text),
            datetime: entry.time,
            timestamp: entry.time.millis().saturating_mul(1_000),
            timestamp_desc: description(entry),
            tag: std::iter::once(entry.kind.name().to_owned()).chain(severity).collect(),
            incident_id: &incident.id,
            entry,
            entries: line.folded,
        };
        serde_json::to_writer(&mut *to, &row)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn description(entry: &Entry) -> &'static str {
    match entry.kind {
        EntryKind::Access => "Record Access Time",
        EntryKind::Auth => "Authentication Time",
        EntryKind::Flow => "Network Flow Time",
        EntryKind::Finding => "Detection Time",
        EntryKind::Severity => "Severity Change Time",
        EntryKind::Act => "Response Time",
    }
}
