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
}

impl Merge {
    pub fn new(files: Vec<(Lines, Decoder)>) -> Result<Self, FileError> {
        let mut heads: Vec<Head> = files
            .into_iter()
            .map(|(lines, decoder)| Head { lines, decoder, at: Some(EventTime::MIN) })
            .collect();
        if heads.len() > 1 {
            heads.iter_mut().try_for_each(Head::advance)?;
        }
        Ok(Self { heads, current: None })
    }

    /// Moves to the next line; its place, or none at the end of all files.
    pub fn advance(&mut self) -> Result<Option<Place>, FileError> {
        if let [only] = self.heads.as_mut_slice() {
            let more = only.lines.advance()?;
            self.current = more.then_some(0);
            return Ok(more.then(|| Place { file: 0, line: only.lines.number() }));
        }
        if let Some(taken) = self.current {
            self.heads[taken].advance()?;
        }
        let earliest =
            self.heads.iter().enumerate().filter_map(|(i, head)| head.at.map(|at| (at, i))).min();
        self.current = earliest.map(|(_, file)| file);
        Ok(self.current.map(|file| Place { file, line: self.heads[file].lines.number() }))
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
