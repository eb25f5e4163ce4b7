//! What peers have in common, in parts: each is saved only when it has changed.
//!
//! A part has a key of its own. Small numbers that move with every event are one part a kind;
//! roles, groups and books are one part each; tables of fixed size go by pages.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

use super::pages::Pages;
use crate::engine::terse::{self, FormError};

/// Every kind of part there is, by its letter: no two may have the same, which the compiler sees to.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum PartKind {
    PeersHead = b'h',
    Places = b'i',
    Role = b'r',
    Group = b'g',
    Rules = b'n',
    Travel = b't',
    Destinations = b'd',
    Systems = b's',
    UsualBytes = b'z',
    Rulings = b'x',
    Lanes = b'l',
    LanesPast = b'L',
    LanesWaiting = b'e',
    LanesApart = b'A',
    Book = b'b',
    BookPast = b'B',
    BookWaiting = b'E',
    BlocksHead = b'k',
    BlocksPage = b'K',
    BlocksBefore = b'y',
    BlocksReaders = b'Y',
    /// As it was saved up to version 9 of the state.
    RegionsPage = b'R',
    RegionsHead = b'a',
    RegionsJournal = b'c',
    RegionsTable = b'C',
    PrefixesPage = b'P',
    FanInHead = b'f',
    /// As it was saved up to version 9 of the state.
    FanInPage = b'F',
    FanInJournal = b'j',
    FanInSubjects = b'J',
    GatheredHead = b'q',
    /// As they were saved up to version 10 of the state.
    GatheredHeld = b'Q',
    GatheredPlaced = b'p',
    GatheredList = b'H',
    InForceHead = b'o',
    InForceRole = b'u',
    InForceGroup = b'v',
    InForceBook = b'w',
    NextHead = b'O',
    NextRole = b'U',
    NextGroup = b'V',
    NextBook = b'W',
}

/// Key of a part: what it is, and which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartKey {
    kind: u8,
    number: u32,
}

impl PartKey {
    pub const fn new(kind: PartKind, number: u32) -> Self {
        Self { kind: kind as u8, number }
    }

    pub fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.number.to_be_bytes();
        [self.kind, a, b, c, d]
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[kind, a, b, c, d] = bytes else { return None };
        Some(Self { kind, number: u32::from_be_bytes([a, b, c, d]) })
    }
}

/// Takes the parts of a save.
pub trait PartSink {
    fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, content: &T);
    /// The part holds nothing any more.
    fn withdraw(&mut self, part: PartKey);
}

/// How a part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Terse,
    /// Up to version 9 of the state.
    Postcard,
}

/// Saved parts while they are read back.
#[derive(Default)]
pub struct Parts(BTreeMap<PartKey, (Form, Vec<u8>)>);

impl Parts {
    pub fn insert(&mut self, key: PartKey, form: Form, content: Vec<u8>) {
        self.0.insert(key, (form, content));
    }

    /// None where there is no such part.
    pub fn form(&self, key: PartKey) -> Option<Form> {
        self.0.get(&key).map(|part| part.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// None where there is no such part.
    pub fn one<T: DeserializeOwned>(&self, key: PartKey) -> Result<Option<T>, FormError> {
        self.0.get(&key).map(read).transpose()
    }

    /// Parts of a kind by their numbers.
    pub fn all<'p, T: Deserialize<'p>>(
        &'p self,
        kind: PartKind,
    ) -> impl Iterator<Item = Result<(u32, T), FormError>> {
        let range = PartKey::new(kind, 0)..=PartKey::new(kind, u32::MAX);
        self.0.range(range).map(|(key, part)| Ok((key.number, read(part)?)))
    }
}

fn read<'p, T: Deserialize<'p>>((form, content): &'p (Form, Vec<u8>)) -> Result<T, FormError> {
    Ok(match form {
        Form::Terse => terse::from_bytes(content)?,
        Form::Postcard => postcard::from_bytes(content)?,
    })
}

/// An entry of a table that may hold nothing.
pub trait Slot: Default {
    fn is_free(&self) -> bool;
}

/// A page's entries that hold something, each with its place.
struct Held<'a, T>(&'a [T]);

impl<T: Slot + Serialize> Serialize for Held<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let held = || (0_u16..).zip(self.0).filter(|(_, entry)| !entry.is_free());
        let mut list = serializer.serialize_seq(Some(held().count()))?;
        for entry in held() {
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}

/// Hands out the pages that have changed, and says which.
pub fn save_pages<T: Slot + Serialize, const N: usize>(
    pages: &mut Pages<T, N>,
    kind: PartKind,
    sink: &mut impl PartSink,
) -> Vec<u32> {
    let changed = pages.take_changed();
    for &page in &changed {
        let (key, entries) = (PartKey::new(kind, page), pages.page(page));
        if entries.iter().all(Slot::is_free) {
            sink.withdraw(key);
        } else {
            sink.put(key, &Held(entries));
        }
    }
    changed
}

/// Entries a table may have: what is read back is not believed beyond.
const PLACES_MAX: u32 = 1 << 25;

/// A table of so many places from its pages.
pub fn read_pages<T: Slot + Clone + DeserializeOwned, const N: usize>(
    parts: &Parts,
    kind: PartKind,
    places: u32,
) -> Result<Pages<T, N>, FormError> {
    let places = places.min(PLACES_MAX) as usize;
    let mut pages = Pages::from(vec![T::default(); places]).into_saved();
    for page in parts.all::<Vec<(u16, T)>>(kind) {
        let (page, entries) = page?;
        pages.put_back(page, entries.into_iter().map(|(place, entry)| (place.into(), entry)));
    }
    Ok(pages)
}

/// Hands out the entries that have changed, each a part of its own, and says which.
pub fn save_each<T: Serialize>(
    entries: &mut Pages<T, 1>,
    kind: PartKind,
    sink: &mut impl PartSink,
) -> Vec<u32> {
    let changed = entries.take_changed();
    let parts = changed.iter().filter_map(|&n| Some((n, entries.get(n as usize)?)));
    parts.for_each(|(n, entry)| sink.put(PartKey::new(kind, n), entry));
    changed
}

/// Reads them back.
pub fn read_each<T: DeserializeOwned>(
    parts: &Parts,
    kind: PartKind,
) -> Result<Pages<T, 1>, FormError> {
    Ok(Pages::from(in_order(parts.all(kind))?).into_saved())
}

/// Parts numbered without a gap: the places of roles and groups name them by their numbers.
fn in_order<T>(
    parts: impl Iterator<Item = Result<(u32, T), FormError>>,
) -> Result<Vec<T>, FormError> {
    let mut list = Vec::new();
    for part in parts {
        let (number, part) = part?;
        if number as usize != list.len() {
            return Err(postcard::Error::DeserializeBadEncoding.into());
        }
        list.push(part);
    }
    Ok(list)
}
