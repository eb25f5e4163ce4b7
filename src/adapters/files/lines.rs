//! The lines of one file, whatever it is packed with.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

/// Room for reading ahead.
const BUFFER_BYTES: usize = 1 << 18;
/// A line is never held beyond this; what follows up to the line break is passed over, and the
/// line as it stands is far over any decoder's limit.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("cannot read {} after line {line}: {source}", path.display())]
    Read { path: PathBuf, line: u64, source: io::Error },
}

/// Reads line by line into a buffer of its own.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
    /// Records of a line that holds many, still to be given.
    wrapped: VecDeque<Box<RawValue>>,
}

/// A file as CloudTrail puts it into S3: all its records in one line.
#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "Records")]
    records: VecDeque<Box<RawValue>>,
}

impl Wrapped {
    const BEGINNING: &[u8] = b"{\"Records\"";
}

impl Lines {
    /// `-` is standard input. `.gz` and `.zst` are unpacked. `read` counts the packed bytes taken
    /// from disk, for a progress bar.
    pub fn open(path: &Path, read: Arc<AtomicU64>) -> Result<Self, FileError> {
        let failed = |source| FileError::Open { path: path.to_owned(), source };
        let raw: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(failed)?)
        };
        let counted = BufReader::with_capacity(BUFFER_BYTES, Counted { inner: raw, read });
        let reader: Box<dyn BufRead + Send> = match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => unpacked(flate2::bufread::MultiGzDecoder::new(counted)),
            Some("zst") => {
                unpacked(zstd::stream::read::Decoder::with_buffer(counted).map_err(failed)?)
            }
            _ => Box::new(counted),
        };
        let (line, wrapped) = (Vec::new(), VecDeque::new());
        Ok(Self { path: path.to_owned(), reader, line, number: 0, wrapped })
    }

    /// Goes to the next line; false at the end. Of a file as CloudTrail puts it into S3 each record
    /// is a line.
    pub fn advance(&mut self) -> Result<bool, FileError> {
        loop {
            if let Some(record) = self.wrapped.pop_front() {
                self.line = Box::<str>::from(record).into_boxed_bytes().into_vec();
                self.number += 1;
                return Ok(true);
            }
            if !self.read()? {
                return Ok(false);
            }
            let wrapped = self.line.starts_with(Wrapped::BEGINNING);
            match wrapped.then(|| serde_json::from_slice::<Wrapped>(&self.line)) {
                Some(Ok(Wrapped { records })) => {
                    self.number -= 1;
                    self.wrapped = records;
                }
                // Told as what does not decode.
                Some(Err(_)) | None => return Ok(true),
            }
        }
    }

    /// Reads the next line; false at the end.
    fn read(&mut self) -> Result<bool, FileError> {
        self.line.clear();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut self.line);
        let cut_short = limited.limit() == 0 && self.line.last() != Some(&b'\n');
        let read = read.and_then(|n| {
            if cut_short {
                self.reader.skip_until(b'\n')?;
            }
            Ok(n)
        });
        let read = read.map_err(|source| FileError::Read {
            path: self.path.clone(),
            line: self.number,
            source,
        })?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(true)
    }

    /// The line last read, without its line break.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Swaps the line last read against a buffer that is not needed any more.
    pub fn take_line(&mut self, into: &mut Vec<u8>) {
        std::mem::swap(&mut self.line, into);
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

fn unpacked(reader: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, reader))
}

struct Counted<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u64, String)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.json");
        std::fs::write(&path, text).expect("a file");
        let mut lines = Lines::open(&path, Arc::default()).expect("an open file");
        let mut read = Vec::new();
        while lines.advance().expect("a line") {
            read.push((lines.number(), String::from_utf8_lossy(lines.line()).into_owned()));
        }
        read
    }

    #[test]
    fn records_of_a_file_from_s3_are_its_lines() {
        let line = |number: u64, text: &str| (number, text.to_owned());
        assert_eq!(lines("a\r\nb"), [line(1, "a"), line(2, "b")]);
        assert_eq!(
            lines("{\"Records\":[{\"n\":1.50},{\"n\":2}]}\n{\"Records\":[]}\n{\"n\":3}\n"),
            [line(1, "{\"n\":1.50}"), line(2, "{\"n\":2}"), line(3, "{\"n\":3}")]
        );
        assert_eq!(lines("{\"Records\":[{]}\n"), [line(1, "{\"Records\":[{]}")]);
    }
}
