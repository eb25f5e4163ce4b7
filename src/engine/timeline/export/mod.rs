//! The story as files other people's tools read. One file a format.

mod csv;
mod facts;
mod html;
mod json;
mod manifest;
mod markdown;
pub mod ocsf;
mod stix;
mod timesketch;

pub use manifest::Manifest;
use manifest::{Account, Told};

use std::io::{self, Write};
use std::str::FromStr;

use super::Line;
use crate::engine::model::Incident;

/// What a timeline can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    Json,
    Csv,
    Markdown,
    /// Timesketch's JSON lines.
    Timesketch,
    /// One page, to print.
    Html,
    /// A STIX 2.1 bundle.
    Stix,
    /// OCSF 1.8 events, one JSON object a line.
    Ocsf,
}

impl ExportFormat {
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Csv,
        Self::Markdown,
        Self::Timesketch,
        Self::Html,
        Self::Stix,
        Self::Ocsf,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Timesketch => "timesketch",
            Self::Html => "html",
            Self::Stix => "stix",
            Self::Ocsf => "ocsf",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Timesketch | Self::Ocsf => "application/x-ndjson",
            Self::Html => "text/html; charset=utf-8",
            Self::Stix => "application/stix+json;version=2.1",
        }
    }

    /// Of the file a browser saves; Timesketch imports by this ending.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Timesketch => "jsonl",
            Self::Html => "html",
            Self::Stix => "stix.json",
            Self::Ocsf => "ocsf.ndjson",
        }
    }

    /// Only what people read is folded unless asked for.
    pub const fn folds_by_default(self) -> bool {
        matches!(self, Self::Markdown | Self::Html)
    }
}

/// The word was none of the formats.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("format must be json, csv, markdown, timesketch, html, stix or ocsf")]
pub struct UnknownFormat;

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or(UnknownFormat)
    }
}

/// Lines of a story in its order, as they come. A failure to get the next one ends the file.
pub type Lines<'l> = &'l mut dyn Iterator<Item = io::Result<Line>>;

/// Writes the whole story, line by line as they come, and says what was written.
pub fn write(
    format: ExportFormat,
    incident: &Incident,
    lines: Lines<'_>,
    to: &mut dyn Write,
) -> io::Result<Manifest> {
    let mut account = Account::new(format, &incident.id, to);
    let mut counted = Counted { lines, told: Told::default() };
    write_lines(format, incident, &mut counted, &mut account)?;
    account.flush()?;
    Ok(account.manifest(counted.told))
}

struct Counted<'l> {
    lines: Lines<'l>,
    told: Told,
}

impl Iterator for Counted<'_> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.inspect(|line| self.told.take(line)))
    }
}

fn write_lines(
    format: ExportFormat,
    incident: &Incident,
    lines: Lines<'_>,
    to: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ExportFormat::Json => json::write(incident, lines, to),
        ExportFormat::Csv => csv::write(lines, to),
        ExportFormat::Markdown => markdown::write(incident, lines, to),
        ExportFormat::Timesketch => timesketch::write(incident, lines, to),
        ExportFormat::Html => html::write(incident, lines, to),
        ExportFormat::Stix => stix::write(incident, lines, to),
        ExportFormat::Ocsf => ocsf::write(incident, lines, to),
    }
}
