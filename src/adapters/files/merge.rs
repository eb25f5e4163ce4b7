//! Several files as one stream in event time.

use std::collections::VecDeque;

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

/// A time further ahead of the lines after it than this may be a clock in the future.
const JUMP_MS: i64 = 86_400_000;
/// Lines looked at beyond the next one, to tell a gap in a file from such a clock.
const AHEAD_LINES: usize = 16;
/// Text held of one file; with long lines fewer of them are looked at.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// A buffer that one long line has grown beyond this is not kept.
const SPARE_BYTES_MAX: usize = 1 << 16;

/// A line read before it is due.
#[derive(Default)]
struct Ahead {
    text: Vec<u8>,
    number: u64,
    /// None where the line has no readable time.
    time: Option<EventTime>,
}

/// One file with its next lines at hand.
struct Head {
    lines: Lines,
    /// Peeks at times; the events are decoded again by whoever takes the line, since they borrow
    /// from it.
    decoder: Decoder,
    ahead: VecDeque<Ahead>,
    ahead_bytes: usize,
    spare: Vec<Ahead>,
    /// Nothing more to be read, and why if that is no ordinary end.
    ended: bool,
    broken: Option<FileError>,
    /// Where the next line belongs; none once the file is at its end.
    at: Option<EventTime>,
}

/// Each file keeps its own order; among files the earliest next line comes first. Lines without a
/// readable time go with the line before them, and so does a line whose clock is in the future:
/// one with at least half of the lines after it more than a day before it.
pub struct Merge {
    heads: Vec<Head>,
    current: Option<usize>,
    /// Why files ended before their end, not told yet.
    broken: Vec<FileError>,
}

impl Merge {
    pub fn new(files: Vec<(Lines, Decoder)>) -> Self {
        let heads: Vec<Head> =
            files.into_iter().map(|(lines, decoder)| Head::new(lines, decoder)).collect();
        let mut merge = Self { heads, current: None, broken: Vec::new() };
        if merge.heads.len() > 1 {
            (0..merge.heads.len()).for_each(|file| merge.settle(file));
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
            self.heads[taken].drop_line();
            self.settle(taken);
        }
        if let Some(error) = self.broken.pop() {
            return Err(error);
        }
        let earliest =
            self.heads.iter().enumerate().filter_map(|(i, head)| head.at.map(|at| (at, i))).min();
        self.current = earliest.map(|(_, file)| file);
        Ok(self.current.map(|file| Place { file, line: self.heads[file].number() }))
    }

    fn settle(&mut self, file: usize) {
        let head = &mut self.heads[file];
        head.settle();
        self.broken.extend(head.broken.take_if(|_| head.at.is_none()));
    }

    /// The line at the place last returned.
    pub fn line(&self) -> &[u8] {
        match (self.current, self.heads.as_slice()) {
            (None, _) => &[],
            (Some(_), [only]) => only.lines.line(),
            (Some(file), heads) => heads[file].ahead.front().map_or(&[], |line| &line.text),
        }
    }
}

impl Head {
    fn new(lines: Lines, decoder: Decoder) -> Self {
        Self {
            lines,
            decoder,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            spare: Vec::new(),
            ended: false,
            broken: None,
            at: Some(EventTime::MIN),
        }
    }

    /// Number of the next line.
    fn number(&self) -> u64 {
        self.ahead.front().map_or(0, |line| line.number)
    }

    fn drop_line(&mut self) {
        if let Some(line) = self.ahead.pop_front() {
            self.ahead_bytes -= line.text.len();
            if line.text.capacity() <= SPARE_BYTES_MAX {
                self.spare.push(line);
            }
        }
    }

    /// Reads ahead, and finds where the next line belongs.
    fn settle(&mut self) {
        while !self.ended && self.ahead.len() <= AHEAD_LINES {
            if !self.ahead.is_empty() && self.ahead_bytes >= AHEAD_BYTES_MAX {
                break;
            }
            self.read();
        }
        let before = self.at.unwrap_or(EventTime::MIN);
        self.at = self.ahead.front().map(|next| match next.time {
            Some(time) if !self.is_wild(time) => time,
            _ => before,
        });
    }

    fn read(&mut self) {
        match self.lines.advance() {
            Ok(true) => {}
            Ok(false) => {
                self.ended = true;
                return;
            }
            Err(error) => {
                self.ended = true;
                self.broken = Some(error);
                return;
            }
        }
        let time = match self.decoder.decode(self.lines.line()) {
            Ok(Some(event)) => Some(event.time),
            Ok(None) | Err(_) => None,
        };
        let mut line = self.spare.pop().unwrap_or_default();
        self.lines.take_line(&mut line.text);
        line.number = self.lines.number();
        line.time = time;
        self.ahead_bytes += line.text.len();
        self.ahead.push_back(line);
    }

    fn is_wild(&self, time: EventTime) -> bool {
        let after = self.ahead.iter().skip(1).filter_map(|line| line.time);
        let (mut seen, mut before) = (0, 0);
        for other in after {
            seen += 1;
            before += usize::from(time.since(other) > JUMP_MS);
        }
        before > 0 && before * 2 >= seen
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;
    use crate::engine::decode::Expected;

    const CENTURY_H: i64 = 75 * 365 * 24;

    /// Files of events, each by its hour; the hours in the order they are merged.
    fn check(files: &[&[i64]], merged: &[i64]) {
        let mut opened = Vec::new();
        let folder = tempfile::tempdir().unwrap();
        for (number, hours) in files.iter().enumerate() {
            let path = folder.path().join(format!("{number}.ndjson"));
            let mut file = std::fs::File::create(&path).unwrap();
            for hour in *hours {
                let time = 1_772_442_000_000 + hour * 3_600_000;
                writeln!(file, r#"{{"kind":"access","time":{time},"actor":{{"id":"a"}},"action":"read","hour":{hour}}}"#).unwrap();
            }
            let lines = Lines::open(&path, Arc::default()).unwrap();
            opened.push((lines, Decoder::new(Expected::Auto)));
        }
        let mut merge = Merge::new(opened);
        let mut got = Vec::new();
        let mut next = vec![0; files.len()];
        while let Some(place) = merge.advance().unwrap() {
            next[place.file] += 1;
            assert_eq!(place.line, next[place.file], "each file keeps its own order");
            let line: serde_json::Value = serde_json::from_slice(merge.line()).unwrap();
            got.push(line["hour"].as_i64().unwrap());
        }
        assert_eq!(got, merged);
    }

    #[test]
    fn files_come_in_event_time() {
        check(&[&[0, 2, 4], &[1, 3, 5]], &[0, 1, 2, 3, 4, 5]);
        check(&[&[], &[1], &[]], &[1]);
    }

    #[test]
    fn a_gap_of_days_in_one_file_holds_it_back() {
        check(&[&[0, 1, 100, 101], &[2, 50, 99, 102]], &[0, 1, 2, 50, 99, 100, 101, 102]);
        check(&[&[0, 30, 60, 90], &[1, 31, 61, 91]], &[0, 1, 30, 31, 60, 61, 90, 91]);
    }

    #[test]
    fn a_lone_clock_in_the_future_holds_nothing_back() {
        let wild = CENTURY_H;
        check(&[&[wild, 1, 3, 5], &[0, 2, 4]], &[wild, 0, 1, 2, 3, 4, 5]);
        check(&[&[1, wild, 3, 5], &[0, 2, 4, 6]], &[0, 1, wild, 2, 3, 4, 5, 6]);
        check(
            &[&[1, wild, 3, wild, 5, wild], &[0, 2, 4, 6]],
            &[0, 1, wild, 2, 3, wild, 4, 5, 6, wild],
        );
    }

    #[test]
    fn one_in_the_past_comes_where_it_stands() {
        check(&[&[1, -CENTURY_H, 3, 5], &[0, 2, 4]], &[0, 1, -CENTURY_H, 2, 3, 4, 5]);
    }

    #[test]
    fn many_lines_and_long_ones_are_merged_alike() {
        let (even, odd): (Vec<i64>, Vec<i64>) = (0..400).partition(|hour| hour % 2 == 0);
        check(&[&even, &odd], &(0..400).collect::<Vec<_>>());
    }
}
