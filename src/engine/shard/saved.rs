//! A shard's state as records: one an actor and a source address, and a few of its own.
//!
//! A record's key says what it is; its value begins with the version of its form. Saved records
//! of a key replace one another, so a compacted topic holds the whole state.

use std::cell::RefCell;

use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Clock;
use super::before::{AS_NUMBERS, PeersBefore, is_page_of_9, is_terse, migrate};
use super::duplicates::IdPart;
use super::pulse::Pulse;
use super::sharers::SharersPart;
use crate::engine::detect::baseline::{Form, PartKey, PartSink, Parts, Peers};
use crate::engine::detect::rules::{GroupState, Noting, Turn};
use crate::engine::detect::state::{ActorState, Evictable, Saving, SourceState, Table, TableMark};
use crate::engine::terse::{self, FormError, TerseError};

/// Version of the form of every value. Raise it with any change to what is saved, and read or
/// migrate the one before.
pub const STATE_VERSION: u8 = 13;

/// Why saved state was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot write the state of a shard: {0}")]
    Write(FormError),
    #[error(
        "saved state is of version {found}, and this program reads version {STATE_VERSION}: run the version that wrote it, or delete the changelog topic to begin without a past"
    )]
    Version { found: u8 },
    #[error("saved state of version {STATE_VERSION} does not read back ({what}): {source}")]
    Read { what: &'static str, source: FormError },
    #[error("saved state holds a record of an unknown kind: {kind}")]
    Kind { kind: u8 },
    #[error("saved state holds an empty record")]
    Empty,
}

/// What a saved record is about. The first byte of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kept {
    Actor = b'a',
    Source = b's',
    /// A group of a rule's correlations.
    Group = b'g',
    /// A part of the event ids seen lately.
    Ids = b'i',
    /// The shard's own numbers.
    Mark = b'm',
    /// A part of what the shard's actors have in common.
    Peers = b'k',
    /// Likewise, as it was saved up to version 4: a stretch of all of it.
    PeersBefore = b'c',
    /// A part of who came from which address on a day.
    Sharers = b'h',
    /// An event that waits to be counted by a correlation.
    Held = b'w',
}

impl Kept {
    const ALL: [Self; 9] = [
        Self::Actor,
        Self::Source,
        Self::Group,
        Self::Ids,
        Self::Mark,
        Self::Peers,
        Self::PeersBefore,
        Self::Sharers,
        Self::Held,
    ];
}

/// What one save hands out, one record after the other in one stretch of memory: to take it down
/// keeps the worker from its work.
#[derive(Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    /// Where each record's key ends, and its value where it has one.
    ends: Vec<(usize, Option<usize>)>,
}

impl Records {
    /// Key and value of each. Without a value a record withdraws its key.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut from = 0;
        self.ends.iter().map(move |&(key, value)| {
            let record = (&self.bytes[from..key], value.map(|value| &self.bytes[key..value]));
            from = value.unwrap_or(key);
            record
        })
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Empties it; its memory serves the next save.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn key(&mut self, kept: Kept, name: &[u8]) -> usize {
        self.bytes.push(kept as u8);
        self.bytes.extend_from_slice(name);
        self.bytes.len()
    }

    fn put(
        &mut self,
        kept: Kept,
        name: &[u8],
        content: impl FnOnce(&mut Vec<u8>) -> Result<(), FormError>,
    ) -> Result<(), StateError> {
        let key = self.key(kept, name);
        self.bytes.push(STATE_VERSION);
        content(&mut self.bytes).map_err(StateError::Write)?;
        self.ends.push((key, Some(self.bytes.len())));
        Ok(())
    }

    fn withdraw(&mut self, kept: Kept, name: &[u8]) {
        let key = self.key(kept, name);
        self.ends.push((key, None));
    }
}

/// Writes a shard's records; the first failure is kept until the end.
pub(super) struct Writer<'a> {
    records: &'a mut Records,
    failed: Option<StateError>,
}

impl<'a> Writer<'a> {
    pub fn new(records: &'a mut Records) -> Self {
        Self { records, failed: None }
    }

    pub fn entity<S: Serialize>(&mut self, kept: Kept, name: &str, slot: u32, state: &S) {
        let put = |to: &mut Vec<u8>| Ok(terse::write(&(slot, state), to)?);
        self.noted(|records| records.put(kept, name.as_bytes(), put));
    }

    pub fn withdraw_entity(&mut self, kept: Kept, name: &str) {
        self.records.withdraw(kept, name.as_bytes());
    }

    /// Generations of the same parity share their places: when one begins, the one before the
    /// last is no longer needed.
    pub fn ids(&mut self, part: &IdPart) {
        let [a, b, c, d] = part.part.to_be_bytes();
        let name = [(part.generation % 2) as u8, a, b, c, d];
        let put = |to: &mut Vec<u8>| {
            part.write(to);
            Ok(())
        };
        self.noted(|records| records.put(Kept::Ids, &name, put));
    }

    pub fn mark(&mut self, mark: &ShardMark) {
        self.put_kept(Kept::Mark, b"", mark);
    }

    /// Withdraws a key as it was read.
    pub fn withdraw_key(&mut self, key: &[u8]) {
        self.records.bytes.extend_from_slice(key);
        self.records.ends.push((self.records.bytes.len(), None));
    }

    pub fn finish(self) -> Result<(), StateError> {
        self.failed.map_or(Ok(()), Err)
    }

    /// Days take turns in two places: a new one writes over the one before the last.
    pub fn sharers(&mut self, part: &SharersPart) {
        let [a, b, c, d] = part.part.to_be_bytes();
        self.put_kept(Kept::Sharers, &[part.place, a, b, c, d], part);
    }

    pub fn held(&mut self, turn: &Turn, noting: &Noting) {
        self.put_kept(Kept::Held, &turn.to_bytes(), &(turn, noting));
    }

    pub fn withdraw_held(&mut self, turn: &Turn) {
        self.records.withdraw(Kept::Held, &turn.to_bytes());
    }

    fn put_kept<T: Serialize + ?Sized>(&mut self, kept: Kept, name: &[u8], content: &T) {
        let put = |to: &mut Vec<u8>| Ok(terse::append_plain(content, to)?);
        self.noted(|records| records.put(kept, name, put));
    }

    fn noted(&mut self, put: impl FnOnce(&mut Records) -> Result<(), StateError>) {
        if let Err(error) = put(self.records) {
            self.failed.get_or_insert(error);
        }
    }
}

impl PartSink for Writer<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, content: &T) {
        let put = |to: &mut Vec<u8>| Ok(terse::write(content, to)?);
        self.noted(|records| records.put(Kept::Peers, &part.to_bytes(), put));
    }

    fn withdraw(&mut self, part: PartKey) {
        self.records.withdraw(Kept::Peers, &part.to_bytes());
    }
}

pub(super) fn save_table<S: Evictable + Serialize>(
    table: &mut Table<S>,
    kept: Kept,
    to: &mut Writer<'_>,
) -> Saving {
    // Two closures, one sink.
    let to = RefCell::new(to);
    table.save(
        |name| to.borrow_mut().withdraw_entity(kept, name),
        |name, slot, state| to.borrow_mut().entity(kept, name, slot, state),
    )
}

/// The shard's own numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShardMark {
    pub clock: Clock,
    pub actors: TableMark,
    pub sources: TableMark,
    pub groups: TableMark,
    /// The current generation of event ids.
    pub generation: u32,
    pub pulse: Pulse,
}

/// Saved records while they are read back, the newest of each key.
#[derive(Default)]
pub struct Restoring {
    records: HashMap<Vec<u8>, Vec<u8>>,
}

/// Everything a shard takes back.
pub(super) struct Restored {
    pub mark: ShardMark,
    pub ids: Vec<IdPart>,
    pub actors: Vec<(u32, Box<str>, ActorState)>,
    pub sources: Vec<(u32, Box<str>, SourceState)>,
    pub groups: Vec<(u32, Box<str>, GroupState)>,
    pub peers: Peers,
    /// Keys of records whose content is now saved under others.
    pub stale: Vec<Vec<u8>>,
    pub sharers: Vec<SharersPart>,
    pub held: Vec<(Turn, Noting)>,
}

impl Restoring {
    /// Takes the next record, in the order they were saved.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.records.insert(key.to_vec(), value.to_vec())),
            None => drop(self.records.remove(key)),
        }
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// None where nothing was ever saved.
    pub(super) fn read(self) -> Result<Option<Restored>, StateError> {
        let (mut mark, mut ids) = (None, Vec::new());
        let (mut actors, mut sources, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parts, mut before) = (Parts::default(), PeersBefore::default());
        let (mut sharers, mut held, mut stale) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in self.records {
            let (&kind, name) = key.split_first().ok_or(StateError::Empty)?;
            let kept = Kept::ALL.into_iter().find(|kept| *kept as u8 == kind);
            let kept = kept.ok_or(StateError::Kind { kind })?;
            if is_page_of_9(kept, name) {
                stale.push(key.clone());
            }
            let Some(value) = migrate(kept, name, value)? else { continue };
            match kept {
                Kept::Actor => actors.push(entity(name, &value)?),
                Kept::Source => sources.push(entity(name, &value)?),
                Kept::Group => groups.push(entity(name, &value)?),
                Kept::Ids => ids.push(part_of_ids(&value)?),
                Kept::Peers => {
                    let number = PartKey::from_bytes(name).ok_or(StateError::Kind { kind })?;
                    let is_terse = value.first().is_some_and(|&version| is_terse(version));
                    let form = if is_terse { Form::Terse } else { Form::Postcard };
                    parts.insert(number, form, checked(&value)?.to_vec());
                }
                Kept::PeersBefore => before.take(key, &value)?,
                Kept::Sharers => sharers.push(content(&value, "who came from where")?),
                Kept::Held => held.push(content(&value, "what waits for its turn")?),
                Kept::Mark => mark = Some(content(&value, "the shard's own")?),
            }
        }
        let peers =
            Peers::read(&parts).map_err(|source| StateError::Read { what: COMMON, source })?;
        stale.extend(before.into_keys());
        stale.sort_unstable();
        let restored =
            |mark| Restored { mark, ids, actors, sources, groups, peers, sharers, held, stale };
        Ok(mark.map(restored))
    }
}

pub(super) const COMMON: &str = "what actors have in common";

fn entity<S: DeserializeOwned>(
    name: &[u8],
    value: &[u8],
) -> Result<(u32, Box<str>, S), StateError> {
    let (&found, content) = value.split_first().ok_or(StateError::Empty)?;
    let read = match found {
        _ if is_terse(found) => terse::from_bytes(content).map_err(FormError::from),
        AS_NUMBERS => postcard::from_bytes(content).map_err(FormError::from),
        _ => return Err(StateError::Version { found }),
    };
    let what = "an actor's or a source's";
    let (slot, state) = read.map_err(|source| StateError::Read { what, source })?;
    Ok((slot, String::from_utf8_lossy(name).into(), state))
}

fn part_of_ids(value: &[u8]) -> Result<IdPart, StateError> {
    const WHAT: &str = "event ids";
    match value.split_first() {
        Some((&version, content)) if is_terse(version) => IdPart::from_bytes(content)
            .ok_or(StateError::Read { what: WHAT, source: TerseError::Ends.into() }),
        _ => content(value, WHAT),
    }
}

fn content<T: DeserializeOwned>(value: &[u8], what: &'static str) -> Result<T, StateError> {
    postcard::from_bytes(checked(value)?)
        .map_err(|error| StateError::Read { what, source: error.into() })
}

/// What follows the version.
fn checked(value: &[u8]) -> Result<&[u8], StateError> {
    match value.split_first().ok_or(StateError::Empty)? {
        (&version, content) if is_terse(version) || version == AS_NUMBERS => Ok(content),
        (&found, _) => Err(StateError::Version { found }),
    }
}
