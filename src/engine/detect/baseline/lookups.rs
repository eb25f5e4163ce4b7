//! What many accounts have to do with, counted in one place: each account's first read of a subject
//! on a day that no case explains is a *lookup*, which travels from the shard of the account to the
//! shard of the subject. So is a first read of an id near others the account has read on the day;
//! those travel to one and the same shard, since ranges of ids are compared with those around them.
//!
//! Lookups come from many shards, each at its own place in time. They are taken in the order of
//! event time once every source has got so far, so that what is found does not rest on who was
//! read first; a source with nothing more to read, or unheard for a minute, is not waited for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::lookup::{Lookup, Lookups, Progress};
use super::saving::PartKey;
use crate::engine::model::EventTime;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Heard {
    reached: EventTime,
    idle: bool,
    actors: f32,
    /// Broker time at which it was last heard of.
    at: EventTime,
}

/// Lookups on their way into the count.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    pub(super) sources: BTreeMap<(Box<str>, i32), Heard>,
    pub(super) shards: u32,
    /// How many sources there should be, and since when that is so.
    pub(super) expected: (u32, EventTime),
    /// Day that was last counted.
    pub(super) day: u16,
    /// Up to where lookups count, as of what was told last.
    pub(super) horizon: EventTime,
    /// Held back, in the order they will count in; each with the number of the list it is saved in,
    /// [`UNSAVED`] before.
    pub(super) held: BTreeMap<Lookup, u32>,
    pub(super) unsaved: usize,
    /// Number of the last list.
    pub(super) last_list: u32,
    /// Lists of which a lookup has gone since they were saved.
    pub(super) worn: BTreeSet<u32>,
    /// Keys of what an earlier version saved: to be withdrawn.
    pub(super) stale: Vec<PartKey>,
}

/// A source that is not heard of for so long is not waited for.
const WAIT_MS: i64 = 60_000;
/// More than this is not held back: the oldest count at once.
const HELD_MAX: usize = 262_144;
/// Sources known; further ones are not waited for.
const SOURCES_MAX: usize = 16_384;
/// In no list yet: one that comes and goes between two saves is never saved.
pub(super) const UNSAVED: u32 = 0;

impl Gathered {
    /// Takes in what a source tells, `now` being when the broker got it.
    pub fn take(&mut self, told: Lookups, now: EventTime) {
        let Progress { topic, partition, reached, idle, actors, shards, sources } = told.progress;
        if sources > self.expected.0 {
            self.expected = (sources, now);
        }
        told.lookups.into_iter().for_each(|lookup| self.hold(UNSAVED, lookup));
        let source = (topic, partition);
        let before = self.sources.get(&source).map(|before| before.at);
        if before.is_some_and(|before| now.since(before) >= WAIT_MS) {
            // Back after a while: the others may be about to come back too.
            self.expected.1 = now;
        }
        if before.is_some() || self.sources.len() < SOURCES_MAX {
            self.sources.insert(source, Heard { reached, idle, actors, at: now });
        }
        self.shards = shards;
        self.horizon = self.horizon(now);
    }

    /// What is held already stays as it is.
    pub(super) fn hold(&mut self, list: u32, lookup: Lookup) {
        if let Entry::Vacant(place) = self.held.entry(lookup) {
            place.insert(list);
            self.unsaved += usize::from(list == UNSAVED);
        }
    }

    /// Event time up to which everybody has told everything.
    fn horizon(&self, now: EventTime) -> EventTime {
        let fresh = || self.sources.values().filter(|source| now.since(source.at) < WAIT_MS);
        let unheard = fresh().count() < self.expected.0 as usize;
        if unheard && now.since(self.expected.1) < WAIT_MS {
            return EventTime::MIN;
        }
        let behind = fresh().filter(|source| !source.idle).map(|source| source.reached);
        behind.min().unwrap_or(EventTime::MAX)
    }

    /// The next lookup whose turn has come; true with the first of a new day.
    pub fn next_due(&mut self) -> Option<(Lookup, bool)> {
        let is_full = self.held.len() > HELD_MAX;
        let first = self.held.first_entry()?;
        if first.key().at > self.horizon && !is_full {
            return None;
        }
        let (lookup, list) = first.remove_entry();
        if list == UNSAVED {
            self.unsaved -= 1;
        } else {
            self.worn.insert(list);
        }
        let turns = lookup.day > self.day;
        self.day = self.day.max(lookup.day);
        Some((lookup, turns))
    }

    /// Accounts of an ordinary day, everywhere.
    pub fn actors_a_day(&self) -> f32 {
        self.sources.values().map(|source| source.actors).sum()
    }

    /// How many shards share the subjects.
    pub fn shards(&self) -> u32 {
        self.shards
    }

    pub fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::detect::baseline::lookup::{Leaving, Written};
    use crate::engine::detect::baseline::regions::Near;
    use crate::engine::detect::baseline::saving::{PartKind, PartSink};
    use crate::engine::detect::baseline::sequence::Place;

    pub fn at(second: i64) -> EventTime {
        EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
    }

    pub fn written(second: i64) -> Written<'static> {
        Written {
            subject: 7,
            name: "p1.7".into(),
            reader: second as u32,
            day: (at(second).millis() / 86_400_000) as u16,
            at: at(second),
            event_id: format!("e{second}").into(),
            actor: Some("off-1"),
            dataset: "pnr",
            tier: 1,
            records: 1,
            ..Written::default()
        }
    }

    pub fn told(partition: i32, reached: i64, idle: bool, seconds: &[i64]) -> Lookups {
        let topic = "access".into();
        let (reached, actors, shards, sources) = (at(reached), 100.0, 2, 2);
        let progress = Progress { topic, partition, reached, idle, actors, shards, sources };
        let mut leaving = Leaving::default();
        for &second in seconds {
            let near = Near { place: Place::default(), is_new: true };
            let place = (second % 2 == 1).then_some(near);
            leaving.push(&written(second), second as u32, place);
        }
        Lookups::from_bytes(&leaving.to_bytes(&progress).unwrap()).unwrap()
    }

    fn due(gathered: &mut Gathered) -> Vec<i64> {
        let next = || gathered.next_due().map(|(lookup, _)| lookup.at.since(at(0)) / 1_000);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn lookups_count_in_the_order_of_event_time_whoever_is_read_first() {
        let mut gathered = Gathered::default();
        gathered.take(told(0, 0, false, &[]), at(0));
        gathered.take(told(1, 0, false, &[]), at(0));
        gathered.take(told(0, 900, false, &[10, 500, 900]), at(1));
        assert_eq!(due(&mut gathered), [0_i64; 0]);
        gathered.take(told(1, 600, false, &[20, 400]), at(2));
        assert_eq!(due(&mut gathered), [10, 20, 400, 500]);
        // The other has nothing more to read.
        gathered.take(told(1, 600, true, &[]), at(3));
        assert_eq!(due(&mut gathered), [900]);
        assert_eq!(gathered.actors_a_day(), 200.0);
    }

    #[test]
    fn a_source_that_stands_still_does_not_hold_back_the_others_for_ever() {
        let mut gathered = Gathered::default();
        gathered.take(told(1, 0, false, &[]), at(0));
        gathered.take(told(0, 900, false, &[10]), at(30));
        assert_eq!(due(&mut gathered), [0_i64; 0]);
        gathered.take(told(0, 900, false, &[]), at(61));
        assert_eq!(due(&mut gathered), [10]);
    }

    #[test]
    fn nobody_counts_before_every_source_has_been_heard_of() {
        let mut gathered = Gathered::default();
        gathered.take(told(0, 900, true, &[10]), at(0));
        assert_eq!(due(&mut gathered), [0_i64; 0]);
        let mut late = gathered.clone();
        late.take(told(0, 900, true, &[]), at(30));
        late.take(told(0, 900, true, &[]), at(60));
        assert_eq!(due(&mut late), [10]);
        gathered.take(told(1, 500, false, &[5]), at(31));
        assert_eq!(due(&mut gathered), [5, 10]);
    }

    #[test]
    fn after_everything_was_down_all_are_waited_for_anew() {
        let mut gathered = Gathered::default();
        gathered.take(told(0, 900, true, &[]), at(0));
        gathered.take(told(1, 900, true, &[]), at(0));
        gathered.take(told(0, 5_000, false, &[5_000]), at(9_000));
        assert_eq!(due(&mut gathered), [0_i64; 0]);
        gathered.take(told(1, 4_000, false, &[3_000]), at(9_001));
        assert_eq!(due(&mut gathered), [3_000]);
        gathered.take(told(1, 6_000, false, &[]), at(9_002));
        assert_eq!(due(&mut gathered), [5_000]);
    }

    /// Put, and withdrawn.
    #[derive(Default)]
    struct Counted(usize, usize);

    impl PartSink for Counted {
        fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, _: &T) {
            self.0 += usize::from(part != PartKey::new(PartKind::GatheredHead, 0));
        }

        fn withdraw(&mut self, _: PartKey) {
            self.1 += 1;
        }
    }

    fn saved(gathered: &mut Gathered, arrives: bool) -> (usize, usize) {
        let mut counted = Counted::default();
        let saving = gathered.save(&mut counted);
        if !arrives {
            gathered.save_again(saving);
        }
        (counted.0, counted.1)
    }

    #[test]
    fn a_lookup_that_comes_and_goes_between_two_saves_is_never_saved() {
        let mut gathered = Gathered::default();
        gathered.take(told(1, 0, true, &[]), at(0));
        gathered.take(told(0, 15, false, &[10, 20, 30]), at(0));
        assert_eq!(due(&mut gathered), [10]);
        for arrives in [false, true] {
            assert_eq!(saved(&mut gathered, arrives), (1, 0));
        }
        assert_eq!(saved(&mut gathered, true), (0, 0));
        gathered.take(told(0, 25, false, &[40]), at(1));
        assert_eq!(due(&mut gathered), [20]);
        for arrives in [false, true] {
            assert_eq!(saved(&mut gathered, arrives), (2, 0), "the list without it, and a new one");
        }
        assert_eq!(saved(&mut gathered, true), (0, 0));
        gathered.take(told(0, 50, true, &[]), at(2));
        assert_eq!(due(&mut gathered), [30, 40]);
        for arrives in [false, true] {
            assert_eq!(saved(&mut gathered, arrives), (0, 2));
        }
    }

    #[test]
    fn many_are_saved_in_few_lists() {
        let mut gathered = Gathered::default();
        gathered.take(told(1, 0, true, &[]), at(0));
        gathered.take(told(0, 100, false, &(1_000..2_000).collect::<Vec<_>>()), at(0));
        assert_eq!(saved(&mut gathered, true), (4, 0));
    }

    #[test]
    fn what_is_told_twice_is_held_once() {
        let mut gathered = Gathered::default();
        gathered.take(told(1, 0, false, &[]), at(0));
        for _ in 0..2 {
            gathered.take(told(0, 900, false, &[10, 20]), at(1));
        }
        assert_eq!(gathered.held(), 2);
    }
}
