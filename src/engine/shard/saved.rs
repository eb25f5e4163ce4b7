//! A shard's state as records: one an actor and a source address, and a few of its own.
//!
//! A record's key says what it is; its value begins with the version of its form. Saved records
//! of a key replace one another, so a compacted topic holds the whole state.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Clock;
use super::before::migrate;
use super::duplicates::IdPart;
use super::pulse::Pulse;
use super::sharers::SharersPart;
use crate::engine::detect::baseline::Peers;
use crate::engine::detect::rules::GroupState;
use crate::engine::detect::state::{ActorState, SourceState, TableMark};

/// Version of the form of every value. Raise it with any change to what is saved, and read or
/// migrate the one before.
pub const STATE_VERSION: u8 = 4;

/// Bytes of one part of what actors have in common.
const PEERS_PART_BYTES: usize = 256 << 10;

/// Why saved state was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot write the state of a shard: {0}")]
    Write(postcard::Error),
    #[error(
        "saved state is of version {found}, and this program reads version {STATE_VERSION}: run the version that wrote it, or delete the changelog topic to begin without a past"
    )]
    Version { found: u8 },
    #[error("saved state of version {STATE_VERSION} does not read back ({what}): {source}")]
    Read { what: &'static str, source: postcard::Error },
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
    Peers = b'c',
    /// A part of who came from which address on a day.
    Sharers = b'h',
}

impl Kept {
    const ALL: [Self; 7] =
        [Self::Actor, Self::Source, Self::Group, Self::Ids, Self::Mark, Self::Peers, Self::Sharers];
}

/// One record. Without a value it withdraws its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
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

impl Saved {
    pub(super) fn entity<S: Serialize>(
        kept: Kept,
        name: &str,
        slot: u32,
        state: &S,
    ) -> Result<Self, StateError> {
        Self::new(kept, name.as_bytes(), &(slot, state))
    }

    pub(super) fn withdrawn(kept: Kept, name: &str) -> Self {
        Self { key: key(kept, name.as_bytes()), value: None }
    }

    /// Generations of the same parity share their places: when one begins, the one before the
    /// last is no longer needed.
    pub(super) fn ids(part: &IdPart) -> Result<Self, StateError> {
        let mut place = vec![(part.generation % 2) as u8];
        place.extend(part.part.to_be_bytes());
        Self::new(Kept::Ids, &place, part)
    }

    /// Days take turns in two places: a new one writes over the one before the last.
    pub(super) fn sharers(part: &SharersPart) -> Result<Self, StateError> {
        let mut place = vec![part.place];
        place.extend(part.part.to_be_bytes());
        Self::new(Kept::Sharers, &place, part)
    }

    pub(super) fn mark(mark: &ShardMark) -> Result<Self, StateError> {
        Self::new(Kept::Mark, b"", mark)
    }

    /// In parts, each small enough for a record, which say how many there are.
    pub(super) fn peers(peers: &Peers) -> Result<Vec<Self>, StateError> {
        let bytes = postcard::to_stdvec(peers).map_err(StateError::Write)?;
        let parts = bytes.chunks(PEERS_PART_BYTES);
        let count = parts.len() as u32;
        let saved = parts.zip(0_u32..).map(|(part, number)| {
            Self::new(Kept::Peers, &number.to_be_bytes(), &(count, part.to_vec()))
        });
        saved.collect()
    }

    fn new<T: Serialize>(kept: Kept, name: &[u8], content: &T) -> Result<Self, StateError> {
        let value = postcard::to_extend(content, vec![STATE_VERSION]).map_err(StateError::Write)?;
        Ok(Self { key: key(kept, name), value: Some(value) })
    }
}

fn key(kept: Kept, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(kept as u8);
    key.extend_from_slice(name);
    key
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
    pub sharers: Vec<SharersPart>,
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
        let (mut parts, mut sharers) = (BTreeMap::new(), Vec::new());
        for (key, value) in self.records {
            let (&kind, name) = key.split_first().ok_or(StateError::Empty)?;
            let kept = Kept::ALL.into_iter().find(|kept| *kept as u8 == kind);
            let kept = kept.ok_or(StateError::Kind { kind })?;
            let Some(value) = migrate(kept, value)? else { continue };
            match kept {
                Kept::Actor => actors.push(entity(name, &value)?),
                Kept::Source => sources.push(entity(name, &value)?),
                Kept::Group => groups.push(entity(name, &value)?),
                Kept::Ids => ids.push(content(&value, "event ids")?),
                Kept::Peers => {
                    parts.insert(name.to_vec(), content(&value, "a part of the peers'")?);
                }
                Kept::Sharers => sharers.push(content(&value, "who came from where")?),
                Kept::Mark => mark = Some(content(&value, "the shard's own")?),
            }
        }
        let peers = peers_of(&parts)?;
        Ok(mark.map(|mark| Restored { mark, ids, actors, sources, groups, peers, sharers }))
    }
}

/// The parts in order; those beyond the count are of an earlier, longer save.
fn peers_of(parts: &BTreeMap<Vec<u8>, (u32, Vec<u8>)>) -> Result<Peers, StateError> {
    let Some(&(count, _)) = parts.values().next() else { return Ok(Peers::default()) };
    let bytes: Vec<u8> =
        parts.values().take(count as usize).flat_map(|(_, bytes)| bytes).copied().collect();
    let read = postcard::from_bytes(&bytes);
    read.map_err(|source| StateError::Read { what: "what actors have in common", source })
}

fn entity<S: DeserializeOwned>(
    name: &[u8],
    value: &[u8],
) -> Result<(u32, Box<str>, S), StateError> {
    let (slot, state) = content(value, "an actor's or a source's")?;
    Ok((slot, String::from_utf8_lossy(name).into(), state))
}

fn content<T: DeserializeOwned>(value: &[u8], what: &'static str) -> Result<T, StateError> {
    let (&found, content) = value.split_first().ok_or(StateError::Empty)?;
    if found != STATE_VERSION {
        return Err(StateError::Version { found });
    }
    postcard::from_bytes(content).map_err(|source| StateError::Read { what, source })
}
