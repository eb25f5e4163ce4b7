//! What a file holds, so that somebody else can check that it is whole and unchanged.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ExportFormat;
use crate::engine::model::{EventTime, Source};
use crate::engine::timeline::Line;

/// Bytes read at once.
const PART_BYTES: usize = 256 << 10;

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
    /// What differs between the file and what is said of it; empty where nothing does.
    pub fn differences(&self, file: &mut dyn Read) -> io::Result<Vec<String>> {
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        let mut part = vec![0; PART_BYTES];
        loop {
            match file.read(&mut part) {
                Ok(0) => break,
                Ok(n) => {
                    hash.update(&part[..n]);
                    bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut told = Vec::new();
        if bytes != self.bytes {
            told.push(format!("the file has {bytes} bytes, the manifest says {}", self.bytes));
        }
        let sha256 = hexadecimal(hash);
        if sha256 != self.sha256 {
            told.push(format!("the file's SHA-256 is {sha256}, the manifest says {}", self.sha256));
        }
        Ok(told)
    }
}

/// What a manifest says of the lines.
#[derive(Default)]
pub(super) struct Told {
    lines: u64,
    entries: u64,
    first: Option<EventTime>,
    last: Option<EventTime>,
    sources: BTreeMap<String, (u64, u64)>,
}

impl Told {
    pub fn take(&mut self, line: &Line) {
        self.lines += 1;
        self.entries += line.folded;
        let time = line.entry.time;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(line.until));
        let (name, at) = match &line.entry.source {
            Source::Kafka { topic, partition, offset } => (format!("{topic}/{partition}"), *offset),
            Source::File { file, line } => (file.clone(), *line),
            Source::Monitor { .. } => return,
        };
        let span = self.sources.entry(name).or_insert((at, at));
        *span = (span.0.min(at), span.1.max(at));
    }
}

/// Passes a file on and keeps account of its bytes.
pub(super) struct Account<'w> {
    format: ExportFormat,
    incident: String,
    to: &'w mut dyn Write,
    hash: Sha256,
    bytes: u64,
}

impl<'w> Account<'w> {
    pub fn new(format: ExportFormat, incident: &str, to: &'w mut dyn Write) -> Self {
        Self { format, incident: incident.to_owned(), to, hash: Sha256::new(), bytes: 0 }
    }

    pub fn manifest(self, told: Told) -> Manifest {
        Manifest {
            incident: self.incident,
            format: self.format.name().to_owned(),
            lines: told.lines,
            entries: told.entries,
            first: told.first,
            last: told.last,
            bytes: self.bytes,
            sha256: hexadecimal(self.hash),
            sources: told.sources,
        }
    }
}

impl Write for Account<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn hexadecimal(hash: Sha256) -> String {
    use std::fmt::Write;
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
