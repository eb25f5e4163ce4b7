//! What shards know of each other: each tells its figures to a compacted topic as its day turns;
//! every process reads them all, and each partition decides between two records what will count
//! from the next turn of a day on.
//!
//! Figures of the day before are what counts; who has not told them yet counts as told before, and
//! is waited for by nobody. A decision is saved before anything else is judged, so that whoever
//! takes a partition over decides as the one before did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Message;
use serde::{Deserialize, Serialize};

use super::assignment::Partition;
use super::lane::{LaneError, Outlet};
use super::link::Link;
use super::reader::{From, Reader};
use super::worker::{Worker, WorkerError};
use super::{KafkaConfig, SendError};
use crate::engine::detect::baseline::{Figures, FiguresError, Known, Version};

/// How often partitions are looked at for something to decide.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a decision that was not saved waits until it is tried again.
const AGAIN: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(100);
/// Bytes of a record: brokers take a million.
const PIECE_MAX: usize = 400_000;
/// Days whose figures the topic keeps, and those that are held here.
const SLOTS: u16 = 4;
const DAYS_HELD: usize = 2;
/// Shards whose figures are held.
const SOURCES_MAX: usize = 16_384;
/// Figures of so many days ago say nothing any more.
const DAYS_MAX: u16 = 60;

#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    #[error(transparent)]
    Figures(#[from] FiguresError),
    #[error("a piece of figures does not read back: {0}")]
    Form(postcard::Error),
    #[error("a piece of figures is of version {0}, and this program reads version {PIECE_VERSION}")]
    Version(u8),
    #[error("a piece of figures is empty, or none of so many")]
    Odd,
    #[error(transparent)]
    Send(#[from] SendError),
}

const PIECE_VERSION: u8 = 1;

/// A stretch of a shard's figures.
#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    topic: Box<str>,
    partition: i32,
    day: u16,
    number: u16,
    of: u16,
    bytes: Vec<u8>,
}

type Source = (Box<str>, i32);

/// Figures of every shard there is, as far as they were told.
#[derive(Default)]
pub struct Board {
    told: Mutex<BTreeMap<Source, Days>>,
    /// Grows with each shard's day.
    version: AtomicU64,
    caught_up: AtomicBool,
}

/// What one shard told, by day.
#[derive(Default)]
struct Days {
    whole: BTreeMap<u16, Arc<Figures>>,
    pieces: BTreeMap<u16, BTreeMap<u16, Vec<u8>>>,
}

impl Days {
    fn hold(&mut self, figures: Figures) {
        self.whole.insert(figures.day, Arc::new(figures));
        while self.whole.len() > DAYS_HELD {
            self.whole.pop_first();
        }
    }
}

impl Board {
    /// Holds what a shard tells, where that needs no topic.
    pub fn hold(&self, (topic, partition): (&str, i32), figures: Figures) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry((topic.into(), partition)).or_default().hold(figures);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Grows with each shard's day.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn take(&self, payload: &[u8]) -> Result<(), PeersError> {
        let piece: Piece = match payload.split_first() {
            Some((&PIECE_VERSION, content)) => {
                postcard::from_bytes(content).map_err(PeersError::Form)?
            }
            Some((&other, _)) => return Err(PeersError::Version(other)),
            None => return Err(PeersError::Odd),
        };
        if piece.number >= piece.of {
            return Err(PeersError::Odd);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let source = (piece.topic, piece.partition);
        if told.len() >= SOURCES_MAX && !told.contains_key(&source) {
            return Ok(());
        }
        let days = told.entry(source).or_default();
        let pieces = days.pieces.entry(piece.day).or_default();
        pieces.insert(piece.number, piece.bytes);
        if pieces.len() == usize::from(piece.of) {
            let whole = days.pieces.remove(&piece.day).unwrap_or_default();
            let bytes: Vec<u8> = whole.into_values().flatten().collect();
            days.hold(Figures::from_bytes(&bytes)?);
            self.version.fetch_add(1, Ordering::Release);
        }
        while days.pieces.len() > DAYS_HELD {
            days.pieces.pop_first();
        }
        Ok(())
    }

    /// What a partition whose last event is of `day` should count of others from the turn after
    /// that on; none where that is what it does anyway. `day` is 0 before its first event.
    pub fn decide(
        &self,
        own: &(String, i32),
        day: u16,
        (in_force, next): (&Version, Option<&Version>),
        groups_max: usize,
    ) -> Option<Known> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let others = told.iter().filter(|(s, _)| (&*s.0, s.1) != (own.0.as_str(), own.1));
        // Of the day before the turn, or older. A partition that is days behind takes what there is;
        // where others have only turned first, it decides once it has turned too.
        let of = |days: &Days| {
            let until = if day == 0 { u16::MAX } else { day };
            let before = days.whole.range(..=until).next_back();
            let later = || days.whole.first_key_value().filter(|(of, _)| **of > day + 1);
            let (_, figures) = before.or_else(later)?;
            let old = day != 0 && figures.day.saturating_add(DAYS_MAX) < day;
            (!old).then(|| Arc::clone(figures))
        };
        let chosen: Vec<(&Source, Arc<Figures>)> =
            others.filter_map(|(source, days)| Some((source, of(days)?))).collect();
        let from = day + 1;
        let same = |known: &Version| {
            let of = known.of.iter().map(|(topic, partition, day)| (&**topic, *partition, *day));
            of.eq(chosen.iter().map(|(source, figures)| (&*source.0, source.1, figures.day)))
        };
        let decided = match next {
            Some(next) => next.from == from && same(next),
            None => same(in_force),
        };
        if decided || chosen.is_empty() {
            return None;
        }
        let others = chosen.iter().map(|(source, figures)| (*source, &**figures));
        Some(Known::of(from, others, groups_max))
    }

    /// Reads the topic until told to stop.
    pub fn follow(
        &self,
        kafka: &KafkaConfig,
        link: &Arc<Link>,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let topic = kafka.topics().peers;
        let client = kafka.client("peers")?;
        let none = BTreeMap::new();
        let reader =
            Reader::open(client, Arc::clone(link), &[&topic], &none, From::Beginning, false)?;
        let mut backlog = reader.backlog()?;
        while !stop.load(Ordering::Relaxed) {
            if backlog.is_read(&reader) && !self.caught_up.swap(true, Ordering::AcqRel) {
                tracing::info!("what partitions told each other is read");
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    let (offset, payload) = (message.offset(), message.payload());
                    if let Some(Err(error)) = payload.map(|payload| self.take(payload)) {
                        tracing::error!(topic, offset, %error, "figures were passed over");
                    }
                    backlog.read(&message);
                }
                Some(Err(error)) => link.note_error(&error, "cannot read what shards tell"),
                None => {}
            }
        }
        Ok(())
    }
}

/// Tells a shard's figures as its day turned.
pub fn send_figures(partition: &Partition, to: &mut Outlet<'_>) -> Result<(), LaneError> {
    for figures in to.out.figures.drain(..) {
        let bytes = figures.to_bytes().map_err(PeersError::from)?;
        let of = bytes.chunks(PIECE_MAX).count() as u16;
        for (number, bytes) in (0..).zip(bytes.chunks(PIECE_MAX)) {
            let (topic, partition) = (partition.0.as_str().into(), partition.1);
            let (day, bytes) = (figures.day, bytes.to_vec());
            let piece = Piece { topic, partition, day, number, of, bytes };
            let key = format!("{}/{partition}/{}/{number}", piece.topic, day % SLOTS);
            let piece = postcard::to_extend(&piece, vec![PIECE_VERSION]);
            to.sender.send(&to.topics.peers, &key, &piece.map_err(PeersError::Form)?)?;
        }
    }
    Ok(())
}

/// What a worker has to decide.
pub struct Deciding {
    looked_at: Instant,
    /// A decision is not saved yet: until then nothing is judged.
    pending: bool,
}

impl Default for Deciding {
    fn default() -> Self {
        Self { looked_at: Instant::now(), pending: false }
    }
}

impl Worker {
    /// Decides what partitions count of others at their next turn, where that is news, and saves
    /// it. False where it is not saved: nothing may be judged.
    pub(super) fn decide(&mut self) -> Result<bool, WorkerError> {
        if !self.deciding.pending && self.deciding.looked_at.elapsed() >= LOOK_EVERY {
            self.deciding.looked_at = Instant::now();
            self.look_for_figures();
        }
        if self.deciding.pending {
            self.deciding.pending = !(self.parts.link.is_connected() && self.save()?);
            match self.deciding.pending {
                true => std::thread::sleep(AGAIN),
                false => self.tell_calibration(),
            }
        }
        Ok(!self.deciding.pending)
    }

    fn look_for_figures(&mut self) {
        let board = &self.parts.board;
        if !board.caught_up.load(Ordering::Acquire) {
            return;
        }
        let version = board.version();
        let settings =
            Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner));
        let groups_max = settings.suite.groups_max();
        for (partition, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.gathers) {
            let day = lane.shard.peers().day();
            if lane.figures_seen == (version, day) {
                continue;
            }
            lane.figures_seen = (version, day);
            let versions = lane.shard.peers().versions();
            if let Some(known) = board.decide(partition, day, versions, groups_max) {
                let (from, others) = (known.version.from, known.version.of.len());
                let (topic, partition) = (&partition.0, partition.1);
                tracing::info!(topic, partition, from, others, "decided what counts of others");
                lane.shard.offer(known);
                lane.changed = true;
                self.deciding.pending = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(board: &Board, partition: i32, day: u16) {
        let mut figures = Figures::default();
        figures.day = day;
        let bytes = figures.to_bytes().unwrap();
        let half = bytes.len() / 2;
        for (number, bytes) in [(1, &bytes[half..]), (0, &bytes[..half])] {
            let (topic, bytes) = ("access".into(), bytes.to_vec());
            let piece = Piece { topic, partition, day, number, of: 2, bytes };
            board.take(&postcard::to_extend(&piece, vec![PIECE_VERSION]).unwrap()).unwrap();
        }
    }

    /// The decision of partition 0 at `day`, as partitions and days.
    fn decided(board: &Board, day: u16, next: Option<&Version>) -> Option<(u16, Vec<(i32, u16)>)> {
        let own = ("access".to_owned(), 0);
        let known = board.decide(&own, day, (&Version::default(), next), 16)?;
        let of = known.version.of.iter().map(|(_, partition, day)| (*partition, *day));
        Some((known.version.from, of.collect()))
    }

    #[test]
    fn what_others_told_of_the_day_counts_from_the_next_turn_on() {
        let board = Board::default();
        assert_eq!(decided(&board, 9, None), None, "nobody has told anything");
        for (partition, days) in [(0, vec![9]), (1, vec![8, 9, 10]), (2, vec![7]), (3, vec![12])] {
            days.into_iter().for_each(|day| tell(&board, partition, day));
        }
        // Its own are no other's; who is late counts as before, who is ahead as it is.
        assert_eq!(decided(&board, 9, None), Some((10, vec![(1, 9), (2, 7), (3, 12)])));
        assert_eq!(decided(&board, 0, None), Some((1, vec![(1, 10), (2, 7), (3, 12)])));
        assert_eq!(decided(&board, 80, None), None, "too long ago");
        assert_eq!(decided(&board, 6, None), Some((7, vec![(1, 9), (3, 12)])), "2 turned first");
    }

    #[test]
    fn what_is_decided_is_decided_again_only_when_more_is_told() {
        let board = Board::default();
        tell(&board, 1, 9);
        tell(&board, 2, 8);
        let version = |from: u16, second: u16| Version {
            from,
            of: vec![("access".into(), 1, 9), ("access".into(), 2, second)],
        };
        assert_eq!(decided(&board, 9, Some(&version(10, 8))), None);
        assert!(decided(&board, 10, Some(&version(10, 8))).is_some(), "another turn");
        tell(&board, 2, 9);
        assert!(decided(&board, 9, Some(&version(10, 8))).is_some());
        assert_eq!(decided(&board, 9, Some(&version(10, 9))), None);
    }

    #[test]
    fn what_does_not_read_is_refused() {
        let board = Board::default();
        assert!(matches!(board.take(&[]), Err(PeersError::Odd)));
        assert!(matches!(board.take(&[7, 1]), Err(PeersError::Version(7))));
        assert!(matches!(board.take(&[PIECE_VERSION, 200]), Err(PeersError::Form(_))));
    }
}
