//! RFC 4180, one line an entry, a header first.

use std::io::{self, Write};

use super::Lines;

const HEADER: [&str; 24] = [
    "time",
    "until",
    "kind",
    "action",
    "outcome",
    "actor",
    "session",
    "source_ip",
    "host",
    "site",
    "system",
    "dataset",
    "category",
    "tier",
    "destination",
    "records",
    "bytes",
    "subjects",
    "case",
    "severity",
    "finding",
    "entries",
    "text",
    "source",
];

pub fn write(lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(HEADER)?;
    for line in lines {
        let line = line?;
        let e = &line.entry;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let cells = [
            e.time.to_string(),
            line.until.to_string(),
            e.kind.name().to_owned(),
            e.action.clone(),
            e.outcome.clone(),
            text(&e.actor),
            text(&e.session),
            text(&e.source_ip),
            text(&e.host),
            text(&e.site),
            text(&e.system),
            text(&e.dataset),
            text(&e.category),
            format!("T{}", e.tier),
            text(&e.destination),
            e.records.to_string(),
            e.bytes.to_string(),
            e.subjects.to_string(),
            e.case.to_string(),
            e.severity.map(|s| s.name().to_owned()).unwrap_or_default(),
            text(&e.finding),
            line.folded.to_string(),
            e.text.clone(),
            e.source.to_string(),
        ];
        writer.write_record(cells.map(harmless))?;
    }
    writer.flush()
}

/// A spreadsheet runs a cell that begins like a formula, and the logs are written by others:
/// such a value gets an apostrophe in front.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}
