//! Several files as one stream in event time.

use super::{FileError, Lines};
use crate::engine::decode::Decoder;
use crate::engine::model::EventTime;

/// Where the current line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index of the file.
    pub file: usize,
    /// Line number from 1.
    pub line: u64,
}

/// A time further ahead of a file's own course than this does not hold the file back: it is taken
/// as a clock in the future, and its line comes where it stands.
const JUMP_MS: i64 = 86_400_000;

/// One file with its next line at hand.
struct Head {
    lines: Lines,
    /// Peeks at times; the events are decoded again by whoever takes the line, since they borrow
    /// from it.
    decoder: Decoder,
    /// Where the next line belongs; none once the file is at its end.
    at: Option<EventTime>,
}

/// Each file keeps its own order; among files the earliest next line comes first. Lines without a
/// readable time go with the line before them.
pub struct Merge {
    heads: Vec<Head>,
    current: Option<usize>,
    /// Why files ended before their end, not told yet.
    broken: Vec<FileError>,
}

impl Merge {
    pub fn new(files: Vec<(Lines, Decoder)>) -> Self {
        let heads: Vec<Head> = files
            .into_iter()
            .map(|(lines, decoder)| Head { lines, decoder, at: Some(EventTime::MIN) })
            .collect();
        let mut merge = Self { heads, current: None, broken: Vec::new() };
        if merge.heads.len() > 1 {
            (0..merge.heads.len()).for_each(|file| merge.step(file));
        }
        merge
    }

    /// Moves to the next line; its place, or none at the end of all files. A file that cannot be
    /// read to its end (a packed one cut short, a disk that fails) is told of once and counts as
    /// ended; the others go on.
    pub fn advance(&mut self) -> Result<Option<Place>, FileError> {
        if let [only] = self.heads.as_mut_slice() {
            if only.at.is_none() {
                return Ok(None);
            }
            let more = only.lines.advance();
            if !matches!(more, Ok(true)) {
                only.at = None;
            }
            let more = more?;
            self.current = more.then_some(0);
            return Ok(more.then(|| Place { file: 0, line: only.lines.number() }));
        }
        if let Some(taken) = self.current.take() {
            self.step(taken);
        }
        if let Some(error) = self.broken.pop() {
            return Err(error);
        }
        let earliest =
            self.heads.iter().enumerate().filter_map(|(i, head)| head.at.map(|at| (at, i))).min();
        self.current = earliest.map(|(_, file)| file);
        Ok(self.current.map(|file| Place { file, line: self.heads[file].lines.number() }))
    }

    fn step(&mut self, file: usize) {
        let head = &mut self.heads[file];
        if let Err(error) = head.advance() {
            head.at = None;
            self.broken.push(error);
        }
    }

    /// The line at the place last returned.
    pub fn line(&self) -> &[u8] {
        self.current.map_or(&[], |file| self.heads[file].lines.line())
    }
}

impl Head {
    fn advance(&mut self) -> Result<(), FileError> {
        if !self.lines.advance()? {
            self.at = None;
            return Ok(());
        }
        let before = self.at.unwrap_or(EventTime::MIN);
        if let Ok(Some(event)) = self.decoder.decode(self.lines.line()) {
            let first = before == EventTime::MIN;
            let jumps = !first && event.time.since(before) > JUMP_MS;
            self.at = Some(if jumps { before } else { event.time.max(before) });
        }
        Ok(())
    }
}
