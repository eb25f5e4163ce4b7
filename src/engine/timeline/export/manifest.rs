//! What a file holds, so that somebody else can check that it is whole and unchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ExportFormat;
use crate::engine::model::{EventTime, Source};
use crate::engine::timeline::Line;

/// Goes with a file that [`super::write`] wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub incident: String,
    pub format: String,
    /// Lines of the story, folded or not.
    pub lines: u64,
    /// Entries behind them.
    pub entries: u64,
    pub first: Option<EventTime>,
    pub last: Option<EventTime>,
    pub bytes: u64,
    /// Of the file, in hexadecimal.
    pub sha256: String,
    /// Where the entries were read, as far as single lines say: first and last offset or line.
    pub sources: BTreeMap<String, (u64, u64)>,
}

impl Manifest {
    pub fn of(format: ExportFormat, incident: &str, lines: &[Line], file: &[u8]) -> Self {
        let mut sources: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for line in lines {
            let (name, at) = match &line.entry.source {
                Source::Kafka { topic, partition, offset } => {
                    (format!("{topic}/{partition}"), *offset)
                }
                Source::File { file, line } => (file.clone(), *line),
                Source::Monitor { .. } => continue,
            };
            let span = sources.entry(name).or_insert((at, at));
            *span = (span.0.min(at), span.1.max(at));
        }
        Self {
            incident: incident.to_owned(),
            format: format.name().to_owned(),
            lines: lines.len() as u64,
            entries: lines.iter().map(|line| line.folded).sum(),
            first: lines.iter().map(|line| line.entry.time).min(),
            last: lines.iter().map(|line| line.until).max(),
            bytes: file.len() as u64,
            sha256: digest(file),
            sources,
        }
    }

    /// What differs between the file and what is said of it; empty where nothing does.
    pub fn differences(&self, file: &[u8]) -> Vec<String> {
        let mut told = Vec::new();
        if file.len() as u64 != self.bytes {
            told.push(format!(
                "the file has {} bytes, the manifest says {}",
                file.len(),
                self.bytes
            ));
        }
        let sha256 = digest(file);
        if sha256 != self.sha256 {
            told.push(format!("the file's SHA-256 is {sha256}, the manifest says {}", self.sha256));
        }
        told
    }
}

fn digest(file: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(file).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
