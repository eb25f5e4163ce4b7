//! A large table of which each save changes entries here and there: what has changed is written
//! down one after the other, and pages are saved in turn.
//!
//! A save writes the entries that have changed, as parts of a journal, and some of the pages, from
//! where the last save stopped. Once every page has had its turn since, a part of the journal is
//! needed no more. So an entry that changes costs itself, and a small share of a page.

use std::collections::VecDeque;
use std::ops::Index;

use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::saving::{PartKey, PartKind, PartSink, Parts, Slot};
use crate::engine::terse::{FormError, TerseError};

/// Entries of a page.
const PAGE: usize = 32;
/// Entries of a part of the journal, at most: some hundred thousand bytes.
const PART: usize = 4_096;
/// How many times as many entries as the table has the journal holds, and how many saves.
const JOURNAL_TIMES: usize = 4;
const JOURNAL_SAVES: usize = 256;

/// An entry, and the form it is kept in.
pub trait Kept: Slot + Copy {
    type Form: Serialize + DeserializeOwned + From<Self> + Into<Self>;
}

/// The kinds of a table's parts: its journal's, and its pages.
#[derive(Clone, Copy, Debug)]
pub struct Kinds {
    pub journal: PartKind,
    pub page: PartKind,
}

#[derive(Clone, Debug)]
pub struct Journaled<T> {
    entries: Vec<T>,
    /// By entry: has changed since it was last saved.
    changed: Bits,
    /// By page: holds what is in the journal alone.
    due: Bits,
    /// Nothing was saved in this form: all pages are due at once.
    all: bool,
    turns: Turns,
}

/// How far the pages' turns have got, saved beside them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Turns {
    places: u32,
    /// Number of the journal's next part.
    next: u32,
    /// Pages whose turn it has been, all in all.
    turned: u32,
    /// By part that is needed, up to the next: how many it had been then.
    parts: VecDeque<u32>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: 0, next: 1, turned: 0, parts: VecDeque::new() }
    }
}

impl Turns {
    fn first(&self) -> u32 {
        self.next - self.parts.len() as u32
    }
}

/// What a save has handed out.
#[derive(Debug)]
pub struct JournaledSaving {
    changed: Bits,
    pages: Vec<usize>,
    all: bool,
    turns: Turns,
}

impl<T> Default for Journaled<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for Journaled<T> {
    /// Nothing of it counts as saved.
    fn from(entries: Vec<T>) -> Self {
        let turns = Turns { places: entries.len() as u32, ..Turns::default() };
        let changed = Bits::new(entries.len());
        let due = Bits::new(entries.len().div_ceil(PAGE));
        Self { entries, changed, due, all: true, turns }
    }
}

impl<T> Index<usize> for Journaled<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.entries[place]
    }
}

impl<T> Journaled<T> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, place: usize) -> Option<&T> {
        self.entries.get(place)
    }

    /// To write to an entry: it counts as changed.
    pub fn at_mut(&mut self, place: usize) -> &mut T {
        self.changed.set(place);
        &mut self.entries[place]
    }
}

impl<T: Kept> Journaled<T> {
    /// Hands out what has changed.
    pub fn save(&mut self, kinds: Kinds, sink: &mut impl PartSink) -> JournaledSaving {
        let none = Bits::new(self.entries.len());
        let saving = JournaledSaving {
            changed: std::mem::replace(&mut self.changed, none),
            pages: Vec::new(),
            all: std::mem::replace(&mut self.all, false),
            turns: self.turns.clone(),
        };
        let changed: Vec<usize> = saving.changed.iter().collect();
        changed.iter().for_each(|place| self.due.set(place / PAGE));
        if !saving.all {
            for places in changed.chunks(PART) {
                let part = Places { entries: &self.entries, places: places.iter().copied() };
                sink.put(PartKey::new(kinds.journal, self.turns.next), &part);
                self.turns.next += 1;
                self.turns.parts.push_back(self.turns.turned);
            }
        }
        let pages = self.entries.len().div_ceil(PAGE);
        let turns = match changed.len() {
            _ if saving.all => pages,
            0 => 0,
            n => {
                let share = (n * pages).div_ceil(self.entries.len() * JOURNAL_TIMES);
                share.max(pages.div_ceil(JOURNAL_SAVES)).min(pages)
            }
        };
        let saving = self.save_pages(turns, kinds.page, sink, saving);
        // Every page has been saved since, or holds nothing newer.
        let first = self.turns.first();
        let over = |turned: &&u32| self.turns.turned.wrapping_sub(**turned) as usize >= pages;
        let gone = self.turns.parts.iter().take_while(over).count();
        self.turns.parts.drain(..gone);
        for number in first..first + gone as u32 {
            sink.withdraw(PartKey::new(kinds.journal, number));
        }
        saving
    }

    fn save_pages(
        &mut self,
        turns: usize,
        kind: PartKind,
        sink: &mut impl PartSink,
        mut saving: JournaledSaving,
    ) -> JournaledSaving {
        let pages = self.entries.len().div_ceil(PAGE);
        for _ in 0..turns {
            let page = self.turns.turned as usize % pages;
            self.turns.turned = self.turns.turned.wrapping_add(1);
            if !saving.all && !self.due.take(page) {
                continue;
            }
            saving.pages.push(page);
            let end = ((page + 1) * PAGE).min(self.entries.len());
            let held = (page * PAGE..end).filter(|&place| !self.entries[place].is_free());
            if held.clone().next().is_some() {
                let held = Places { entries: &self.entries, places: held };
                sink.put(PartKey::new(kind, page as u32), &(self.turns.next - 1, held));
            }
        }
        if saving.all {
            self.due = Bits::new(pages);
        }
        saving
    }

    /// That save came to nothing.
    pub fn save_again(&mut self, saving: JournaledSaving) {
        self.changed.add(&saving.changed);
        saving.pages.into_iter().for_each(|page| self.due.set(page));
        self.all |= saving.all;
        self.turns = saving.turns;
    }

    /// What is saved beside the parts.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    pub fn read(parts: &Parts, kinds: Kinds, turns: Turns) -> Result<Self, FormError> {
        let entries = vec![T::default(); turns.places.min(PLACES_MAX) as usize];
        let mut read = Self { all: false, turns, ..Self::from(entries) };
        let mut saved_at = vec![0; read.entries.len().div_ceil(PAGE)];
        for page in parts.all::<(u32, Vec<(u32, T::Form)>)>(kinds.page) {
            let (number, (at, entries)) = page?;
            *saved_at.get_mut(number as usize).ok_or(TerseError::TooLarge)? = at;
            for (place, entry) in in_places(entries) {
                *read.entries.get_mut(place).ok_or(TerseError::TooLarge)? = entry.into();
            }
        }
        for number in read.turns.first()..read.turns.next {
            let part: Option<Vec<(u32, T::Form)>> =
                parts.one(PartKey::new(kinds.journal, number))?;
            for (place, entry) in in_places(part.ok_or(TerseError::Ends)?) {
                let page = place / PAGE;
                if number > *saved_at.get(page).ok_or(TerseError::TooLarge)? {
                    read.entries[place] = entry.into();
                    read.due.set(page);
                }
            }
        }
        Ok(read)
    }
}

/// Entries a table may have: what is read back is not believed beyond.
const PLACES_MAX: u32 = 1 << 25;

/// Entries with their places, ascending, each place as the step from the one before.
struct Places<'a, T, I> {
    entries: &'a [T],
    places: I,
}

impl<T: Kept, I: Iterator<Item = usize> + Clone> Serialize for Places<'_, T, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.places.clone().count()))?;
        let mut last = 0;
        for place in self.places.clone() {
            list.serialize_element(&((place - last) as u32, T::Form::from(self.entries[place])))?;
            last = place;
        }
        list.end()
    }
}

fn in_places<F>(entries: Vec<(u32, F)>) -> impl Iterator<Item = (usize, F)> {
    entries.into_iter().scan(0_usize, |place, (step, entry)| {
        *place = place.saturating_add(step as usize);
        Some((*place, entry))
    })
}

/// As the list it is.
impl<T: Serialize> Serialize for Journaled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Journaled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

/// A bit each.
#[derive(Clone, Debug)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(bits: usize) -> Self {
        Self(vec![0; bits.div_ceil(64)])
    }

    fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn take(&mut self, place: usize) -> bool {
        let (word, bit) = (&mut self.0[place / 64], 1 << (place % 64));
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    fn add(&mut self, more: &Self) {
        self.0.iter_mut().zip(&more.0).for_each(|(word, more)| *word |= more);
    }

    /// Places of those that are set, ascending.
    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(n, &word)| {
            let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            rest.take_while(|&rest| rest != 0).map(move |r| n * 64 + r.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Slot for u16 {
        fn is_free(&self) -> bool {
            *self == 0
        }
    }

    impl Kept for u16 {
        type Form = u16;
    }

    const KINDS: Kinds = Kinds { journal: PartKind::FanInJournal, page: PartKind::FanInSubjects };

    /// A compacted topic, or what one save adds to it.
    #[derive(Clone, Default)]
    struct Topic(BTreeMap<PartKey, Option<Vec<u8>>>);

    impl PartSink for Topic {
        fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, content: &T) {
            let mut bytes = Vec::new();
            crate::engine::terse::write(content, &mut bytes).expect("is written");
            self.0.insert(part, Some(bytes));
        }

        fn withdraw(&mut self, part: PartKey) {
            self.0.insert(part, None);
        }
    }

    impl Topic {
        fn take(&mut self, save: Self) {
            self.0.extend(save.0);
            self.0.retain(|_, content| content.is_some());
        }

        fn read(&self, turns: &Turns) -> Journaled<u16> {
            let mut parts = Parts::default();
            for (key, content) in &self.0 {
                parts.insert(*key, Form::Terse, content.clone().expect("is kept"));
            }
            Journaled::read(&parts, KINDS, turns.clone()).expect("is read")
        }
    }

    use crate::engine::detect::baseline::saving::Form;

    proptest! {
        /// Beside a plain list: saves that arrive or do not, and now and then all is taken back.
        #[test]
        fn it_reads_back_as_it_was_saved(
            steps in prop::collection::vec((prop::collection::vec((0_usize..700, 1_u16..), 0..60), 0_u8..8), 1..80),
        ) {
            let mut table = Journaled::from(vec![0_u16; 700]);
            let (mut plain, mut topic, mut saved) = (vec![0; 700], Topic::default(), None);
            for (writes, then) in steps {
                for (place, value) in writes {
                    *table.at_mut(place) = value;
                    plain[place] = value;
                }
                let mut save = Topic::default();
                let saving = table.save(KINDS, &mut save);
                if then == 0 {
                    table.save_again(saving);
                    let mut again = Topic::default();
                    let saving = table.save(KINDS, &mut again);
                    prop_assert!(again.0 == save.0);
                    table.save_again(saving);
                } else {
                    topic.take(save);
                    saved = Some((table.turns().clone(), plain.clone()));
                }
                if let Some((turns, saved)) = &saved {
                    let read = topic.read(turns);
                    prop_assert_eq!(&read.entries, saved);
                    if then == 1 {
                        (table, plain) = (read, saved.clone());
                    }
                }
            }
        }
    }

    #[test]
    fn what_changes_here_and_there_costs_little_and_the_journal_stays_short() {
        let mut table = Journaled::from(vec![7_u16; 65_536]);
        let (mut topic, mut bytes, mut records) = (Topic::default(), 0, 0);
        let _ = table.save(KINDS, &mut topic);
        for save in 0..1_000_usize {
            for n in 0..2_000 {
                *table.at_mut((save * 7_919 + n * 104_729) % 65_536) += 1;
            }
            let mut one = Topic::default();
            let _ = table.save(KINDS, &mut one);
            records += one.0.len();
            bytes += one.0.values().flatten().map(Vec::len).sum::<usize>();
            topic.take(one);
        }
        assert!(bytes / 1_000 < 2_000 * 7, "{} bytes a save", bytes / 1_000);
        assert!(records / 1_000 < 20, "{} records a save", records / 1_000);
        let journal = table.turns().parts.len();
        assert!(journal <= 2 + 4 * 65_536 / 2_000, "{journal} parts");
        assert_eq!(topic.read(table.turns()).entries, table.entries);
    }
}
