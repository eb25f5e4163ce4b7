//! What many accounts have to do with, counted in one place: each account's first read of a subject
//! on a day that no case explains is a *lookup*, which travels from the shard of the account to the
//! shard of the subject. So is a first read of an id near others the account has read on the day;
//! those travel to one and the same shard, since ranges of ids are compared with those around them.
//!
//! Lookups come from many shards, each at its own place in time. They are taken in the order of
//! event time once every source has got so far, so that what is found does not rest on who was
//! read first; a source with nothing more to read, or unheard for a minute, is not waited for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fan_in::Reader;
use super::regions::Near;
use super::saving::PartKey;
use crate::engine::detect::Judged;
use crate::engine::detect::state::cut;
use crate::engine::model::{EventTime, Source};

/// One account's first read of one subject on a day, and what a finding says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    pub subject: u64,
    /// As findings name the subject: its token, or the record's dataset.
    pub name: Box<str>,
    pub reader: u32,
    /// Days since 1970.
    pub day: u16,
    pub at: EventTime,
    pub event_id: Box<str>,
    pub actor: Option<Box<str>>,
    pub source_ip: Option<Box<str>>,
    pub session: Option<Box<str>>,
    pub dataset: Box<str>,
    pub category: Option<Box<str>>,
    pub tier: u8,
    pub records: u64,
    pub bytes: u64,
    /// Where the event stands in its stream.
    pub position: u64,
    /// The stream: filled in where it arrives.
    #[serde(default)]
    pub stream: Option<(Box<str>, i32)>,
    /// The account's role and unit, 0 where they are not known; its unit where the id is what
    /// counts. It came later than the rest, and so stands behind it wherever a lookup is written.
    #[serde(skip)]
    pub group: u32,
    /// The id's place, where that is what counts; later still, and behind the group.
    #[serde(skip)]
    pub place: Option<Near>,
}

/// Stands for the subject where the id's place is what counts, so that all of them meet in one shard.
pub const BY_PLACE: u64 = 0;

impl Lookup {
    /// Where the event can be read again.
    pub fn source(&self) -> Source {
        match &self.stream {
            Some((topic, partition)) => Source::Kafka {
                topic: topic.as_ref().to_owned(),
                partition: *partition,
                offset: self.position,
            },
            None => Source::Monitor { monitor: "unknown stream".into() },
        }
    }
}

/// What is to be told of a read where the subject is counted.
pub fn lookup(
    judged: &Judged<'_>,
    (subject, name): (u64, &str),
    reader: Reader,
    day: u16,
) -> Lookup {
    let event = judged.event;
    let kept = |text: &str| Box::from(cut(text));
    Lookup {
        subject,
        name: name.into(),
        reader: reader.account,
        group: reader.group,
        day,
        at: judged.at,
        event_id: judged.event_id().as_ref().into(),
        actor: event.actor_id().map(kept),
        source_ip: event.source_ip().map(kept),
        session: event.session.as_deref().map(kept),
        dataset: kept(judged.facts.dataset),
        category: event.resource.dataset.is_some().then(|| kept(judged.facts.category)),
        tier: judged.facts.tier,
        records: event.records,
        bytes: event.bytes,
        position: judged.origin.position,
        stream: None,
        place: None,
    }
}

/// The same of an id near others that the account has read.
pub fn placed(judged: &Judged<'_>, place: Near, reader: Reader, day: u16) -> Lookup {
    Lookup { place: Some(place), ..lookup(judged, (BY_PLACE, ""), reader, day) }
}

/// How far a source has got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The source: a partition of an input topic.
    pub topic: Box<str>,
    pub partition: i32,
    /// Event time up to which it has told everything.
    pub reached: EventTime,
    /// There is nothing more to read at present.
    pub idle: bool,
    /// Accounts of an ordinary day there.
    pub actors: f32,
    /// How many shards share the subjects.
    pub shards: u32,
    /// How many sources there are.
    pub sources: u32,
}

/// What travels: lookups of one source, and how far it has got with them. May hold none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookups {
    pub progress: Progress,
    pub lookups: Vec<Lookup>,
}

/// The form of [`Lookups`] on their topic. In those before, no place and nobody's group was told.
/// What has no places is written without, so that the program before this one reads it.
const WIRE_VERSION: u8 = 3;
const WITHOUT_PLACES: u8 = 2;
const WITHOUT_GROUPS: u8 = 1;

#[derive(Debug, thiserror::Error)]
pub enum LookupsError {
    #[error("lookups are empty")]
    Empty,
    #[error("lookups are of version {found}, and this program reads version {WIRE_VERSION}")]
    Version { found: u8 },
    #[error("lookups do not read back: {0}")]
    Form(postcard::Error),
}

impl Lookups {
    pub fn to_bytes(&self) -> Result<Vec<u8>, LookupsError> {
        let groups: Vec<u32> = self.lookups.iter().map(|lookup| lookup.group).collect();
        let written = if self.lookups.iter().all(|lookup| lookup.place.is_none()) {
            postcard::to_extend(&(self, groups), vec![WITHOUT_PLACES])
        } else {
            let places: Vec<Option<Near>> = self.lookups.iter().map(|told| told.place).collect();
            postcard::to_extend(&(self, groups, places), vec![WIRE_VERSION])
        };
        written.map_err(LookupsError::Form)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LookupsError> {
        match bytes.split_first() {
            None => Err(LookupsError::Empty),
            Some((&version @ (WIRE_VERSION | WITHOUT_PLACES), content)) => {
                let read: ((Self, Vec<u32>), &[u8]) =
                    postcard::take_from_bytes(content).map_err(LookupsError::Form)?;
                let ((mut told, groups), rest) = read;
                let each = told.lookups.iter_mut().zip(groups);
                each.for_each(|(lookup, group)| lookup.group = group);
                if version == WIRE_VERSION {
                    let places: Vec<Option<Near>> =
                        postcard::from_bytes(rest).map_err(LookupsError::Form)?;
                    let each = told.lookups.iter_mut().zip(places);
                    each.for_each(|(lookup, place)| lookup.place = place);
                }
                Ok(told)
            }
            Some((&WITHOUT_GROUPS, content)) => {
                postcard::from_bytes(content).map_err(LookupsError::Form)
            }
            Some((&found, _)) => Err(LookupsError::Version { found }),
        }
    }
}

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
    pub(super) held: BTreeMap<(EventTime, Box<str>, u64), (u32, Lookup)>,
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

/// The order lookups count in.
fn key_of(lookup: &Lookup) -> (EventTime, Box<str>, u64) {
    (lookup.at, lookup.event_id.clone(), lookup.subject)
}

impl Gathered {
    /// Takes in what a source tells, `now` being when the broker got it.
    pub fn take(&mut self, told: Lookups, now: EventTime) {
        let Progress { topic, partition, reached, idle, actors, shards, sources } = told.progress;
        if sources > self.expected.0 {
            self.expected = (sources, now);
        }
        for mut lookup in told.lookups {
            lookup.stream = Some((topic.clone(), partition));
            if !self.held.contains_key(&key_of(&lookup)) {
                self.hold(UNSAVED, lookup);
            }
        }
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

    pub(super) fn hold(&mut self, list: u32, lookup: Lookup) {
        self.unsaved += usize::from(list == UNSAVED);
        self.held.insert(key_of(&lookup), (list, lookup));
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
        let entry = self.held.first_entry()?;
        if entry.key().0 > self.horizon && self.held.len() <= HELD_MAX {
            return None;
        }
        let (_, (list, lookup)) = self.held.pop_first()?;
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
    use crate::engine::detect::baseline::saving::{PartKind, PartSink};

    pub fn at(second: i64) -> EventTime {
        EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
    }

    pub fn lookup(second: i64) -> Lookup {
        Lookup {
            subject: 7,
            name: "p1.7".into(),
            reader: second as u32,
            day: (at(second).millis() / 86_400_000) as u16,
            at: at(second),
            event_id: format!("e{second}").into(),
            actor: Some("off-1".into()),
            source_ip: None,
            session: None,
            dataset: "pnr".into(),
            category: None,
            tier: 1,
            records: 1,
            bytes: 0,
            position: 0,
            stream: None,
            group: 5,
            place: None,
        }
    }

    fn told(partition: i32, reached: i64, idle: bool, seconds: &[i64]) -> Lookups {
        let reached = at(reached);
        let topic = "access".into();
        let (actors, shards, sources) = (100.0, 2, 2);
        let progress = Progress { topic, partition, reached, idle, actors, shards, sources };
        Lookups { progress, lookups: seconds.iter().map(|&second| lookup(second)).collect() }
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
    fn what_is_told_twice_is_held_once_and_reads_back() {
        let mut gathered = Gathered::default();
        gathered.take(told(1, 0, false, &[]), at(0));
        for _ in 0..2 {
            gathered.take(told(0, 900, false, &[10, 20]), at(1));
        }
        assert_eq!(gathered.held(), 2);
        let told = told(0, 900, false, &[10]);
        let again = Lookups::from_bytes(&told.to_bytes().unwrap()).unwrap();
        assert_eq!(again, told);
        let before = postcard::to_extend(&told, vec![WITHOUT_GROUPS]).unwrap();
        let before = Lookups::from_bytes(&before).unwrap();
        assert_eq!((before.lookups[0].group, before.progress), (0, told.progress));
        assert!(matches!(Lookups::from_bytes(&[9, 1]), Err(LookupsError::Version { found: 9 })));
        assert!(matches!(Lookups::from_bytes(&[]), Err(LookupsError::Empty)));
    }
}
