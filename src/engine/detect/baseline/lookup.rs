//! One lookup on its way: written once, where the read is judged, and carried as it is. Where it is
//! counted a few numbers of it are all that is asked for; the rest is what a finding says, and is
//! read for the few that are found.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fan_in::Reader;
use super::regions::Near;
use crate::engine::detect::Judged;
use crate::engine::detect::state::cut;
use crate::engine::model::{EventTime, Source};
use crate::engine::terse;

/// One account's first read of one subject on a day, and what a finding says of it. The account's
/// group and the id's place came later, and so stand behind it wherever it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written<'t> {
    pub subject: u64,
    /// As findings name the subject: its token, or the record's dataset.
    #[serde(borrow)]
    pub name: Cow<'t, str>,
    pub reader: u32,
    /// Days since 1970.
    pub day: u16,
    pub at: EventTime,
    #[serde(borrow)]
    pub event_id: Cow<'t, str>,
    #[serde(borrow)]
    pub actor: Option<&'t str>,
    #[serde(borrow)]
    pub source_ip: Option<&'t str>,
    #[serde(borrow)]
    pub session: Option<&'t str>,
    pub dataset: &'t str,
    #[serde(borrow)]
    pub category: Option<&'t str>,
    pub tier: u8,
    pub records: u64,
    pub bytes: u64,
    /// Where the event stands in its stream.
    pub position: u64,
    /// The stream: while it travels, whoever tells says that once for all.
    #[serde(borrow)]
    pub stream: Option<(&'t str, i32)>,
}

/// Stands for the subject where the id's place is what counts, so that all of them meet in one shard.
pub const BY_PLACE: u64 = 0;

impl<'t> Written<'t> {
    /// What is to be told of a read where the subject is counted.
    pub fn new(
        judged: &Judged<'t>,
        (subject, name): (u64, Cow<'t, str>),
        reader: Reader,
        day: u16,
    ) -> Self {
        let event = judged.event;
        Self {
            subject,
            name,
            reader: reader.account,
            day,
            at: judged.at,
            event_id: judged.event_id(),
            actor: event.actor_id().map(cut),
            source_ip: event.source_ip().map(cut),
            session: event.session.as_deref().map(cut),
            dataset: cut(judged.facts.dataset),
            category: event.resource.dataset.is_some().then(|| cut(judged.facts.category)),
            tier: judged.facts.tier,
            records: event.records,
            bytes: event.bytes,
            position: judged.origin.position,
            stream: None,
        }
    }

    /// The same of an id near others that the account has read.
    pub fn placed(judged: &Judged<'t>, reader: Reader, day: u16) -> Self {
        Self::new(judged, (BY_PLACE, Cow::Borrowed("")), reader, day)
    }

    /// Where the event can be read again.
    pub fn source(&self) -> Source {
        match self.stream {
            Some((topic, partition)) => {
                Source::Kafka { topic: topic.to_owned(), partition, offset: self.position }
            }
            None => Source::Monitor { monitor: "unknown stream".into() },
        }
    }
}

/// A lookup that has arrived. They count in the order of event time; of one event there is one for
/// each subject.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub at: EventTime,
    pub subject: u64,
    /// The account, and its role and unit, 0 where they are not known; its unit where the id is
    /// what counts.
    pub reader: Reader,
    pub day: u16,
    /// The id's place, where that is what counts.
    pub place: Option<Near>,
    written: Box<[u8]>,
    /// Where in that the event's id stands.
    event_id: Range<u32>,
    /// Where it came from, unless that is written.
    stream: Option<Arc<(Box<str>, i32)>>,
}

impl Lookup {
    /// Of one that is kept: its stream is written with it.
    pub fn kept(told: &Written<'_>, group: u32, place: Option<Near>) -> postcard::Result<Self> {
        let written = postcard::to_stdvec(told)?;
        let (mut lookup, _) = Self::take(&written)?;
        lookup.reader.group = group;
        Ok(Self { place, ..lookup })
    }

    /// The first of those written, and what stands behind it.
    fn take(all: &[u8]) -> postcard::Result<(Self, &[u8])> {
        let (told, behind): (Written<'_>, _) = postcard::take_from_bytes(all)?;
        let begin = told.event_id.as_bytes().first().and_then(|first| all.element_offset(first));
        let begin = begin.unwrap_or(0) as u32;
        let lookup = Self {
            at: told.at,
            subject: told.subject,
            reader: Reader { account: told.reader, group: 0 },
            day: told.day,
            place: None,
            written: all[..all.len() - behind.len()].into(),
            event_id: begin..begin + told.event_id.len() as u32,
            stream: None,
        };
        Ok((lookup, behind))
    }

    /// All there is of it.
    pub fn written(&self) -> Written<'_> {
        // It has been read once, or it would not be here.
        let told: Written<'_> = postcard::from_bytes(&self.written).unwrap_or_default();
        let came_from = self.stream.as_deref().map(|(topic, partition)| (&**topic, *partition));
        Written { stream: told.stream.or(came_from), ..told }
    }

    fn event_id(&self) -> &[u8] {
        &self.written[self.event_id.start as usize..self.event_id.end as usize]
    }
}

impl Ord for Lookup {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = self.at.cmp(&other.at);
        let by_event = || self.event_id().cmp(other.event_id());
        by_time.then_with(by_event).then_with(|| self.subject.cmp(&other.subject))
    }
}

impl PartialOrd for Lookup {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Lookup {}

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

/// The form of lookups on their topic. In those before, no place and nobody's group was told.
/// What has no places is written without, so that the program before this one reads it.
const WIRE_VERSION: u8 = 3;
const WITHOUT_PLACES: u8 = 2;
const WITHOUT_GROUPS: u8 = 1;

/// Bytes of a lookup that says nothing: one for each of its fields.
const WRITTEN_MIN: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum LookupsError {
    #[error("lookups are empty")]
    Empty,
    #[error("lookups are of version {found}, and this program reads version {WIRE_VERSION}")]
    Version { found: u8 },
    #[error("lookups do not read back: {0}")]
    Form(postcard::Error),
}

/// Lookups that leave, one written behind the other.
#[derive(Clone, Debug, Default)]
pub struct Leaving {
    written: Vec<u8>,
    each: Vec<Left>,
    failed: Option<postcard::Error>,
}

/// What is not written with the rest of a lookup, and how much of that is its own.
#[derive(Clone, Copy, Debug)]
struct Left {
    subject: u64,
    group: u32,
    place: Option<Near>,
    length: usize,
}

impl Leaving {
    pub fn push(&mut self, told: &Written<'_>, group: u32, place: Option<Near>) {
        let before = self.written.len();
        if let Err(error) = terse::append_plain(told, &mut self.written) {
            self.failed.get_or_insert(error);
        }
        let length = self.written.len() - before;
        self.each.push(Left { subject: told.subject, group, place, length });
    }

    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    pub fn clear(&mut self) {
        self.written.clear();
        self.each.clear();
        self.failed = None;
    }

    /// Takes what is in the other.
    pub fn append(&mut self, other: &mut Self) {
        self.written.append(&mut other.written);
        self.each.append(&mut other.each);
        self.failed = self.failed.take().or(other.failed.take());
    }

    /// To each of so many shards what it is to count; nothing is left.
    pub fn share_out(&mut self, shards: u32) -> Vec<Self> {
        if shards <= 1 {
            return vec![std::mem::take(self)];
        }
        let mut shares: Vec<Self> = (0..shards).map(|_| Self::default()).collect();
        let mut rest = self.written.as_slice();
        for left in self.each.drain(..) {
            let (written, behind) = rest.split_at(left.length);
            let share = &mut shares[(left.subject % u64::from(shards)) as usize];
            share.written.extend_from_slice(written);
            share.each.push(left);
            rest = behind;
        }
        shares.iter_mut().for_each(|share| share.failed.clone_from(&self.failed));
        self.clear();
        shares
    }

    /// As they travel, with how far their source has got.
    pub fn to_bytes(&self, progress: &Progress) -> Result<Vec<u8>, LookupsError> {
        if let Some(error) = &self.failed {
            return Err(LookupsError::Form(error.clone()));
        }
        self.write(progress).map_err(LookupsError::Form)
    }

    fn write(&self, progress: &Progress) -> postcard::Result<Vec<u8>> {
        let has_places = self.each.iter().any(|left| left.place.is_some());
        let version = if has_places { WIRE_VERSION } else { WITHOUT_PLACES };
        let mut bytes = Vec::with_capacity(self.written.len() + 8 * self.each.len() + 64);
        bytes.push(version);
        terse::append_plain(&(progress, self.each.len()), &mut bytes)?;
        bytes.extend_from_slice(&self.written);
        let groups: Vec<u32> = self.each.iter().map(|left| left.group).collect();
        terse::append_plain(&groups, &mut bytes)?;
        if has_places {
            let places: Vec<Option<Near>> = self.each.iter().map(|left| left.place).collect();
            terse::append_plain(&places, &mut bytes)?;
        }
        Ok(bytes)
    }
}

/// What has arrived: lookups of one source, and how far it has got with them. May hold none.
#[derive(Clone, Debug)]
pub struct Lookups {
    pub progress: Progress,
    pub lookups: Vec<Lookup>,
}

impl Lookups {
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LookupsError> {
        match bytes.split_first() {
            None => Err(LookupsError::Empty),
            Some((&version @ WITHOUT_GROUPS..=WIRE_VERSION, content)) => {
                Self::read(version, content).map_err(LookupsError::Form)
            }
            Some((&found, _)) => Err(LookupsError::Version { found }),
        }
    }

    fn read(version: u8, content: &[u8]) -> postcard::Result<Self> {
        let ((progress, count), mut rest): ((Progress, usize), _) =
            postcard::take_from_bytes(content)?;
        let stream = Arc::new((progress.topic.clone(), progress.partition));
        // No more is believed than there can be.
        let mut lookups = Vec::with_capacity(count.min(rest.len() / WRITTEN_MIN));
        for _ in 0..count {
            let (lookup, behind) = Lookup::take(rest)?;
            lookups.push(Lookup { stream: Some(Arc::clone(&stream)), ..lookup });
            rest = behind;
        }
        if version >= WITHOUT_PLACES {
            let (groups, behind): (Vec<u32>, _) = postcard::take_from_bytes(rest)?;
            one_each(groups.len(), count)?;
            let each = lookups.iter_mut().zip(groups);
            each.for_each(|(lookup, group)| lookup.reader.group = group);
            rest = behind;
        }
        if version == WIRE_VERSION {
            let places: Vec<Option<Near>> = postcard::from_bytes(rest)?;
            one_each(places.len(), count)?;
            lookups.iter_mut().zip(places).for_each(|(lookup, place)| lookup.place = place);
        }
        Ok(Self { progress, lookups })
    }
}

fn one_each(told: usize, of: usize) -> postcard::Result<()> {
    if told == of { Ok(()) } else { Err(postcard::Error::DeserializeBadEncoding) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::baseline::sequence::Place;

    fn progress() -> Progress {
        Progress {
            topic: "access".into(),
            partition: 3,
            reached: EventTime::default().plus_ms(900),
            idle: true,
            actors: 100.0,
            shards: 2,
            sources: 4,
        }
    }

    fn written(subject: u64, event: &str) -> Written<'_> {
        let at = EventTime::default().plus_ms(1_800_000_000_000);
        let (name, actor, dataset) = ("p1.7".into(), Some("off-1"), "pnr");
        Written { subject, name, at, event_id: event.into(), actor, dataset, ..Written::default() }
    }

    fn near() -> Near {
        Near { place: Place { prefix: 7, number: 900 }, is_new: true }
    }

    fn leaving(all: &[(Written<'_>, u32, Option<Near>)]) -> Leaving {
        let mut leaving = Leaving::default();
        all.iter().for_each(|(told, group, place)| leaving.push(told, *group, *place));
        leaving
    }

    #[test]
    fn what_leaves_is_in_the_form_other_versions_read() {
        let (one, other) = (written(1, "e1"), written(2, "e2"));
        let all = (progress(), [&one, &other].to_vec());
        let without = leaving(&[(one.clone(), 5, None), (other.clone(), 6, None)]);
        let form = postcard::to_extend(&(&all, vec![5_u32, 6]), vec![WITHOUT_PLACES]);
        assert_eq!(without.to_bytes(&progress()).unwrap(), form.unwrap());
        let with = leaving(&[(one.clone(), 5, None), (other.clone(), 6, Some(near()))]);
        let places = vec![None, Some(near())];
        let form = postcard::to_extend(&(&all, vec![5_u32, 6], places), vec![WIRE_VERSION]);
        assert_eq!(with.to_bytes(&progress()).unwrap(), form.unwrap());
    }

    #[test]
    fn what_arrives_is_what_left_and_where_it_came_from() {
        let told = [(written(1, "e1"), 5, None), (written(2, "e2"), 6, Some(near()))];
        let bytes = leaving(&told).to_bytes(&progress()).unwrap();
        let arrived = Lookups::from_bytes(&bytes).unwrap();
        assert_eq!((arrived.progress, arrived.lookups.len()), (progress(), 2));
        for (lookup, (told, group, place)) in arrived.lookups.iter().zip(told) {
            assert_eq!(lookup.written(), Written { stream: Some(("access", 3)), ..told });
            assert_eq!((lookup.reader.group, lookup.place), (group, place));
            assert_eq!((lookup.at, lookup.subject), (told.at, told.subject));
            let kept = Lookup::kept(&lookup.written(), group, place).unwrap();
            assert_eq!(kept.written(), lookup.written());
        }
    }

    #[test]
    fn what_earlier_versions_tell_is_read_and_later_ones_and_noise_refused() {
        let all = (progress(), [written(1, "e1")].to_vec());
        let before = postcard::to_extend(&all, vec![WITHOUT_GROUPS]).unwrap();
        let before = Lookups::from_bytes(&before).unwrap();
        assert_eq!((before.lookups[0].reader.group, before.progress), (0, progress()));
        assert!(matches!(Lookups::from_bytes(&[9, 1]), Err(LookupsError::Version { found: 9 })));
        assert!(matches!(Lookups::from_bytes(&[]), Err(LookupsError::Empty)));
        let whole = leaving(&[(written(1, "e1"), 5, Some(near()))]).to_bytes(&progress()).unwrap();
        let claims = postcard::to_extend(&(progress(), usize::MAX), vec![WIRE_VERSION]).unwrap();
        let one_short = postcard::to_extend(&(&all, Vec::<u32>::new()), vec![WITHOUT_PLACES]);
        let no_text: Vec<u8> = whole.iter().map(|&b| if b == b'p' { 0xFF } else { b }).collect();
        for noise in [claims, one_short.unwrap(), no_text] {
            assert!(matches!(Lookups::from_bytes(&noise), Err(LookupsError::Form(_))));
        }
        for length in 1..whole.len() {
            let read = Lookups::from_bytes(&whole[..length]);
            assert!(matches!(read, Err(LookupsError::Form(_))), "{length} bytes");
        }
    }

    #[test]
    fn each_shard_is_told_of_its_own_subjects() {
        let told = (0..9).map(|subject| (written(subject, "e1"), 0, None)).collect::<Vec<_>>();
        let (mut left, mut more) = (leaving(&told[..4]), leaving(&told[4..]));
        left.append(&mut more);
        assert!(more.is_empty());
        for (shard, share) in (0..).zip(left.share_out(2)) {
            let arrived = Lookups::from_bytes(&share.to_bytes(&progress()).unwrap()).unwrap();
            let subjects = arrived.lookups.iter().map(|lookup| lookup.written().subject);
            let expected = (0..9_u64).filter(|subject| subject % 2 == shard);
            assert!(subjects.eq(expected), "shard {shard}");
        }
        assert!(left.is_empty());
    }

    #[test]
    fn lookups_stand_in_the_order_of_time_event_and_subject() {
        let lookup = |second: i64, event, subject| {
            let told = written(subject, event);
            Lookup::kept(&Written { at: told.at.plus_ms(second * 1_000), ..told }, 0, None).unwrap()
        };
        let ordered =
            [lookup(1, "e9", 9), lookup(2, "e10", 7), lookup(2, "e2", 3), lookup(2, "e2", 7)];
        assert!(ordered.is_sorted_by(|one, next| one < next));
        assert_eq!(lookup(2, "e2", 7), ordered[3]);
    }
}
