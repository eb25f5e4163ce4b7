//! Thousands of like reads become one line that can be opened.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::io;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use super::sentence;
use crate::engine::model::{Entry, EntryKind, EventTime, Source};

/// Like entries further apart than this are lines of their own.
const GAP_MS: i64 = 300_000;
/// A fold covers no more than this, so that a day of steady work does not become one line.
const SPAN_MS: i64 = 3_600_000;
/// Closed folds kept at most beyond twice the open lines.
const OPEN_SPARE: usize = 1_024;

/// One line of the story: an entry, or several like ones summed.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Names the line, and opens the fold.
    pub id: String,
    /// How many entries it stands for.
    pub folded: u64,
    /// Time of the last of them.
    pub until: EventTime,
    /// The fold's id where it stands for more than one.
    pub fold: Option<String>,
    #[serde(flatten)]
    pub entry: Entry,
}

/// The order of the story: by time, then evidence before what was concluded from it, then place.
/// Changes of severity at one time stay as they are handed in, which is as they were told: what
/// brought one about may lie before what brought about the one before it.
pub fn sort(entries: &mut [Entry]) {
    entries.sort_by_cached_key(|entry| {
        let told = entry.kind == EntryKind::Severity;
        (entry.time, entry.kind, if told { None } else { Some(place(&entry.source)) })
    });
}

/// Topics' offsets and files' lines come one after the other, nine before ten.
fn place(source: &Source) -> (String, i32, u64) {
    match source {
        Source::Kafka { topic, partition, offset } => (topic.clone(), *partition, *offset),
        Source::File { file, line } => (file.clone(), 0, *line),
        Source::Monitor { monitor } => (monitor.clone(), 0, 0),
    }
}

/// Every entry as a line of its own. `entries` are in the story's order.
pub fn lines(entries: Vec<Entry>) -> Vec<Line> {
    all(Telling::new(false), entries)
}

/// Like entries folded. `entries` are in the story's order; so are the lines, by their first entry.
///
/// Like are evidence entries of one kind, action, outcome, actor, session, address, system,
/// dataset and destination, at most 5 min apart and within 1 h. A finding, a change of severity
/// or an act ends every fold, so that what led to it stands before it.
pub fn fold(entries: Vec<Entry>) -> Vec<Line> {
    all(Telling::new(true), entries)
}

fn all(mut telling: Telling, entries: Vec<Entry>) -> Vec<Line> {
    let mut lines = Vec::new();
    entries.into_iter().for_each(|entry| telling.take(entry, &mut lines));
    telling.end(&mut lines);
    lines
}

/// Entries become lines one by one, however many there are: it holds no more of them than may
/// still be folded.
#[derive(Default)]
struct Telling {
    folds: bool,
    /// Lines not told yet, in order; the first is line number `told`.
    pending: VecDeque<Line>,
    told: usize,
    open: HashMap<Likeness, Open>,
    /// Names so far, as hashes, and how often each came.
    names: HashMap<u64, u32, FixedState>,
}

impl Telling {
    fn new(folds: bool) -> Self {
        Self { folds, ..Self::default() }
    }

    /// Takes the next entry in the story's order; appends the lines that are complete.
    fn take(&mut self, entry: Entry, lines: &mut Vec<Line>) {
        let concludes =
            matches!(entry.kind, EntryKind::Finding | EntryKind::Severity | EntryKind::Act);
        if !self.folds || concludes {
            self.end(lines);
            lines.push(self.named(single(entry)));
            return;
        }
        self.tell(entry.time, lines);
        let likeness = Likeness::of(&entry);
        let next = self.told + self.pending.len();
        if let Some(fold) = self.open.get_mut(&likeness)
            && let Some(place) = fold.line.checked_sub(self.told)
            && let Some(line) = self.pending.get_mut(place)
            && takes(line, entry.time)
        {
            fold.take(line, &entry);
            return;
        }
        self.open.insert(likeness, Open::new(next, &entry));
        if self.open.len() > 2 * self.pending.len() + OPEN_SPARE {
            let told = self.told;
            self.open.retain(|_, fold| fold.line >= told);
        }
        let line = self.named(single(entry));
        self.pending.push_back(line);
    }

    /// Appends what is left.
    fn end(&mut self, lines: &mut Vec<Line>) {
        self.open.clear();
        self.told += self.pending.len();
        lines.extend(self.pending.drain(..).map(summed));
    }

    /// Appends the first lines, as far as nothing at `time` or later can be folded into them.
    fn tell(&mut self, time: EventTime, lines: &mut Vec<Line>) {
        while let Some(line) = self.pending.pop_front_if(|line| !takes(line, time)) {
            self.told += 1;
            lines.push(summed(line));
        }
    }

    /// One event may raise the severity more than once: a name that comes again gets a number.
    fn named(&mut self, mut line: Line) -> Line {
        let times = self.names.entry(FixedState::default().hash_one(&line.id)).or_default();
        *times += 1;
        if *times > 1 {
            line.id = format!("{}~{times}", line.id);
        }
        line
    }
}

/// Lines of entries that come one by one, in the story's order.
pub struct Told<I> {
    entries: I,
    telling: Telling,
    ready: std::vec::IntoIter<Line>,
    ended: bool,
}

/// Tells `entries` as they come, folded or not.
pub fn tell<I: Iterator<Item = io::Result<Entry>>>(entries: I, folds: bool) -> Told<I> {
    let telling = Telling::new(folds);
    Told { entries, telling, ready: Vec::new().into_iter(), ended: false }
}

impl<I: Iterator<Item = io::Result<Entry>>> Iterator for Told<I> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.ready.next() {
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            let mut ready = Vec::new();
            match self.entries.next() {
                Some(Ok(entry)) => self.telling.take(entry, &mut ready),
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.ended = true;
                    self.telling.end(&mut ready);
                }
            }
            self.ready = ready.into_iter();
        }
    }
}

fn takes(line: &Line, time: EventTime) -> bool {
    time.since(line.until) <= GAP_MS && time.since(line.entry.time) <= SPAN_MS
}

/// What a line says once it is known how many entries it stands for.
fn summed(mut line: Line) -> Line {
    if line.folded > 1 {
        line.entry.text = sentence(&line.entry, line.folded);
    }
    line
}

/// The entries behind one folded line, in order; empty where no such line exists.
pub fn unfold(entries: Vec<Entry>, fold_id: &str) -> Vec<Entry> {
    let folded = fold(entries.clone());
    let Some(line) = folded.iter().find(|line| line.id == fold_id) else { return Vec::new() };
    let likeness = Likeness::of(&line.entry);
    let inside = |entry: &Entry| entry.time >= line.entry.time && entry.time <= line.until;
    entries
        .into_iter()
        .filter(|entry| inside(entry) && Likeness::of(entry) == likeness)
        .take(usize::try_from(line.folded).unwrap_or(usize::MAX))
        .collect()
}

fn single(mut entry: Entry) -> Line {
    entry.text = sentence(&entry, 1);
    Line {
        id: format!(
            "{}:{}",
            entry.kind.name(),
            entry.finding.as_deref().unwrap_or(&entry.source.to_string())
        ),
        folded: 1,
        until: entry.time,
        fold: None,
        entry,
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Likeness {
    kind: EntryKind,
    texts: [Option<String>; 9],
    case: bool,
}

impl Likeness {
    fn of(entry: &Entry) -> Self {
        let texts = [
            Some(entry.action.clone()),
            Some(entry.outcome.clone()),
            entry.actor.clone(),
            entry.session.clone(),
            entry.source_ip.clone(),
            entry.system.clone(),
            entry.dataset.clone(),
            entry.destination.clone(),
            entry.host.clone(),
        ];
        Self { kind: entry.kind, texts, case: entry.case }
    }
}

/// A fold that may still take entries.
struct Open {
    line: usize,
    tokens: HashSet<u64>,
    /// Subjects of entries that named more than they gave tokens for.
    untold: u64,
}

impl Open {
    fn new(line: usize, entry: &Entry) -> Self {
        let mut open = Self { line, tokens: HashSet::new(), untold: 0 };
        open.count(entry);
        open
    }

    fn take(&mut self, line: &mut Line, entry: &Entry) {
        self.count(entry);
        line.folded += 1;
        line.until = line.until.max(entry.time);
        line.fold = Some(line.id.clone());
        line.entry.records = line.entry.records.saturating_add(entry.records);
        line.entry.bytes = line.entry.bytes.saturating_add(entry.bytes);
        line.entry.subjects =
            u32::try_from(self.tokens.len() as u64 + self.untold).unwrap_or(u32::MAX);
        if line.entry.tokens.len() < TOKENS_SHOWN_MAX {
            line.entry.tokens.extend(entry.tokens.iter().take(1));
        }
    }

    fn count(&mut self, entry: &Entry) {
        self.tokens.extend(entry.tokens.iter().map(|token| token.short()));
        self.untold += u64::from(entry.subjects).saturating_sub(entry.tokens.len() as u64);
    }
}

/// A folded line shows so many tokens; the rest are in its entries.
const TOKENS_SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// `minute action` a line; the fold as `minute action xN`.
    fn check(story: &str, expected: &str) {
        let mut entries: Vec<Entry> = story
            .split("; ")
            .enumerate()
            .map(|(i, line)| {
                let (minute, action) = line.split_once(' ').expect("minute action");
                let minute: i64 = minute.parse().expect("a number");
                let kind = if action == "finding" { EntryKind::Finding } else { EntryKind::Access };
                let source = Source::Kafka { topic: "t".into(), partition: 0, offset: i as u64 };
                let time = EventTime::default().plus_ms(minute * 60_000);
                Entry { time, kind, action: action.into(), records: 1, ..Entry::at(source) }
            })
            .collect();
        sort(&mut entries);
        let folded = fold(entries.clone());
        let shown: Vec<String> = folded
            .iter()
            .map(|l| format!("{} {} x{}", l.entry.time.millis() / 60_000, l.entry.action, l.folded))
            .collect();
        assert_eq!(shown.join("; "), expected);
        let opened: u64 = folded.iter().map(|l| unfold(entries.clone(), &l.id).len() as u64).sum();
        assert_eq!(opened, entries.len() as u64, "every entry can be opened exactly once");
    }

    #[test]
    fn like_reads_fold_across_others() {
        check("0 read; 1 search; 1 read; 2 read", "0 read x3; 1 search x1");
    }

    #[test]
    fn a_finding_ends_the_fold() {
        check("0 read; 1 read; 1 finding; 2 read; 3 read", "0 read x2; 1 finding x1; 2 read x2");
    }

    #[test]
    fn every_line_has_a_name_of_its_own() {
        let source = Source::Kafka { topic: "t".into(), partition: 0, offset: 7 };
        let severity = Entry { kind: EntryKind::Severity, ..Entry::at(source) };
        let entries = vec![severity.clone(), severity.clone(), severity];
        for told in [fold(entries.clone()), lines(entries)] {
            let names: HashSet<&str> = told.iter().map(|line| line.id.as_str()).collect();
            assert_eq!(names.len(), 3, "{names:?}");
        }
    }

    #[test]
    fn at_one_time_it_goes_by_offset_and_severities_as_they_were_told() {
        let entry = |kind, offset| {
            let source = Source::Kafka { topic: "t".into(), partition: 0, offset };
            Entry { kind, ..Entry::at(source) }
        };
        let (read, severity) = (EntryKind::Access, EntryKind::Severity);
        let told = [(severity, 12), (severity, 3), (read, 10), (read, 9)];
        let mut entries: Vec<Entry> =
            told.into_iter().map(|(kind, offset)| entry(kind, offset)).collect();
        sort(&mut entries);
        let order: Vec<String> = entries.iter().map(|entry| entry.source.to_string()).collect();
        assert_eq!(order, ["t/0@9", "t/0@10", "t/0@12", "t/0@3"]);
    }

    #[test]
    fn a_gap_ends_the_fold() {
        check("0 read; 6 read; 11 read", "0 read x1; 6 read x2");
    }
}
