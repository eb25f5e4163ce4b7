//! Lookups held back, as they are saved: in lists. Most of what one save holds has been counted by the
//! next, so a record for each would be two records for each.

use std::collections::{BTreeMap, BTreeSet};

use super::lookup::{Lookup, Written};
use super::lookups::{Gathered, Heard, UNSAVED};
use super::regions::Near;
use super::saving::{PartKey, PartKind, PartSink, Parts};
use crate::engine::model::EventTime;
use crate::engine::terse::FormError;

const HEAD: PartKind = PartKind::GatheredHead;
const LIST: PartKind = PartKind::GatheredList;
/// Each by itself, with and without a place.
const HELD: PartKind = PartKind::GatheredHeld;
const PLACED: PartKind = PartKind::GatheredPlaced;
/// Lookups of a list, at most: some forty thousand bytes.
const LENGTH: usize = 256;

/// A lookup as it is written, its group, and its place.
type Listed<'t> = (Written<'t>, u32, Option<Near>);

impl Gathered {
    /// Hands out what has changed.
    pub fn save(&mut self, sink: &mut impl PartSink) -> GatheredSaving {
        let saving = GatheredSaving {
            last_list: self.last_list,
            worn: std::mem::take(&mut self.worn),
            stale: std::mem::take(&mut self.stale),
        };
        if self.sources.is_empty() {
            return saving;
        }
        saving.stale.iter().for_each(|&key| sink.withdraw(key));
        if self.unsaved > 0 || !saving.worn.is_empty() {
            self.save_lists(&saving.worn, sink);
        }
        let sources: Vec<_> = self.sources.iter().collect();
        let head = (self.shards, self.expected, self.day, self.last_list, sources);
        sink.put(PartKey::new(HEAD, 0), &head);
        saving
    }

    /// Those that are in no list go into new ones; of those that are worn what is left is written again.
    fn save_lists(&mut self, worn: &BTreeSet<u32>, sink: &mut impl PartSink) {
        let mut lists: BTreeMap<u32, Vec<Listed<'_>>> =
            worn.iter().map(|&list| (list, Vec::new())).collect();
        let mut room = 0;
        for (lookup, list) in &mut self.held {
            if *list == UNSAVED {
                if room == 0 {
                    (self.last_list, room) = (self.last_list + 1, LENGTH);
                }
                (*list, room) = (self.last_list, room - 1);
                lists.entry(*list).or_default();
            }
            if let Some(held) = lists.get_mut(list) {
                held.push((lookup.written(), lookup.reader.group, lookup.place));
            }
        }
        self.unsaved = 0;
        for (list, held) in lists {
            match held.is_empty() {
                true => sink.withdraw(PartKey::new(LIST, list)),
                false => sink.put(PartKey::new(LIST, list), &held),
            }
        }
    }

    pub fn save_again(&mut self, saving: GatheredSaving) {
        for list in self.held.values_mut().filter(|list| **list > saving.last_list) {
            (*list, self.unsaved) = (UNSAVED, self.unsaved + 1);
        }
        self.last_list = saving.last_list;
        self.worn.retain(|list| *list <= saving.last_list);
        self.worn.extend(saving.worn);
        self.stale.extend(saving.stale);
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        type Sources = Vec<((Box<str>, i32), Heard)>;
        type Head = (u32, (u32, EventTime), u16, u32, Sources);
        let head: Option<Head> = parts.one(PartKey::new(HEAD, 0))?;
        let Some((shards, expected, day, last_list, sources)) = head else {
            return Ok(Self::default());
        };
        let mut read = Self {
            sources: sources.into_iter().collect(),
            shards,
            expected,
            day,
            last_list,
            ..Self::default()
        };
        for list in parts.all::<Vec<Listed<'_>>>(LIST) {
            let (list, held) = list?;
            for (told, group, place) in &held {
                read.hold(list, Lookup::kept(told, *group, *place)?);
            }
        }
        for held in parts.all::<(Written<'_>, u32)>(HELD) {
            let (number, (told, group)) = held?;
            read.stale.push(PartKey::new(HELD, number));
            read.hold(UNSAVED, Lookup::kept(&told, group, None)?);
        }
        for held in parts.all::<Listed<'_>>(PLACED) {
            let (number, (told, group, place)) = held?;
            read.stale.push(PartKey::new(PLACED, number));
            read.hold(UNSAVED, Lookup::kept(&told, group, place)?);
        }
        Ok(read)
    }
}

/// What a save has handed out.
#[derive(Debug)]
pub struct GatheredSaving {
    last_list: u32,
    worn: BTreeSet<u32>,
    stale: Vec<PartKey>,
}

#[cfg(test)]
mod tests {
    use super::super::lookups::tests::{at, told};
    use super::super::saving::Form;
    use super::*;

    #[derive(Default)]
    struct Kept(BTreeMap<PartKey, Vec<u8>>);

    impl PartSink for Kept {
        fn put<T: serde::Serialize + ?Sized>(&mut self, part: PartKey, content: &T) {
            let mut bytes = Vec::new();
            crate::engine::terse::write(content, &mut bytes).expect("is written");
            self.0.insert(part, bytes);
        }

        fn withdraw(&mut self, part: PartKey) {
            self.0.remove(&part).expect("was put");
        }
    }

    impl Kept {
        fn read(&self) -> Gathered {
            let mut parts = Parts::default();
            self.0.iter().for_each(|(&key, bytes)| parts.insert(key, Form::Terse, bytes.clone()));
            Gathered::read(&parts).expect("reads back")
        }
    }

    /// One of two sources has come to `reached`, the other to the last of `seconds`.
    fn tell(gathered: &mut Gathered, reached: i64, seconds: std::ops::Range<i64>) {
        let until = seconds.end;
        gathered.take(told(0, until, false, &seconds.collect::<Vec<_>>()), at(0));
        gathered.take(told(1, reached, false, &[]), at(0));
    }

    /// Everything of each, as text.
    fn all(mut gathered: Gathered) -> Vec<String> {
        tell(&mut gathered, 1_000_000, 1_000_000..1_000_000);
        let all = std::iter::from_fn(|| gathered.next_due()).map(|(lookup, _)| lookup);
        all.map(|lookup| {
            format!("{:?} {} {:?}", lookup.written(), lookup.reader.group, lookup.place)
        })
        .collect()
    }

    #[test]
    fn what_is_held_reads_back_save_after_save() {
        let (mut gathered, mut kept) = (Gathered::default(), Kept::default());
        for round in 0..40_i64 {
            let begin = round * 400;
            tell(&mut gathered, begin - 300, begin..begin + 400);
            while gathered.next_due().is_some() {}
            if round % 3 == 0 {
                let saving = gathered.save(&mut Kept(kept.0.clone()));
                gathered.save_again(saving);
            }
            let _ = gathered.save(&mut kept);
            let read = all(kept.read());
            let (records, lookups) = if round == 0 { (1 + 2, 400) } else { (1 + 2 + 2, 699) };
            assert_eq!((kept.0.len(), read.len()), (records, lookups), "round {round}");
            assert_eq!(read, all(gathered.clone()));
        }
    }

    #[test]
    fn what_was_saved_one_by_one_reads_back_and_is_withdrawn() {
        let mut before = Gathered::default();
        tell(&mut before, 0, 1..9);
        let mut kept = Kept::default();
        let _ = before.save(&mut kept);
        kept.0.retain(|key, _| *key == PartKey::new(HEAD, 0));
        for (number, lookup) in (1..).zip(before.held.keys()) {
            let (told, group) = (lookup.written(), lookup.reader.group);
            match lookup.place {
                None => kept.put(PartKey::new(HELD, number), &(told, group)),
                place => kept.put(PartKey::new(PLACED, number), &(told, group, place)),
            }
        }
        let mut taken_over = kept.read();
        assert_eq!(all(taken_over.clone()), all(before));
        let _ = taken_over.save(&mut kept);
        assert_eq!(kept.0.len(), 2);
        assert_eq!(all(kept.read()), all(taken_over));
    }
}
