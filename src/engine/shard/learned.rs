//! What was learned from history before going live: taken out of a shard that judged it, and given
//! to shards that have no past.
//!
//! What peers have in common goes to every shard as it begins, as much of it as the shard's part of
//! the actors. What is an actor's or an address's own is looked up when it first appears, in
//! whatever shard that is, so that it does not matter which partitioner the producers use. Nothing
//! that was told while learning counts as told.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::before::{AS_NUMBERS, is_terse};
use super::{STATE_VERSION, Shard};
use crate::engine::detect::Egress;
use crate::engine::detect::baseline::{Baseline, BaselineOfTwelve, Peers};
use crate::engine::detect::state::{ActorState, SourceState, cut};
use crate::engine::model::{EventTime, IdHasher};

const MAGIC: &[u8] = b"tidewaiter learned\n";
/// Version of what follows the magic. State is of [`STATE_VERSION`] besides, or of one before, which
/// wrote this in the same way but for actors.
const FORM: u8 = 2;
/// What was learned of somebody who appears so long after it says nothing any more.
const STALE_MS: i64 = 60 * 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// How far beyond the watermark the last events learned from may lie.
const AHEAD_MS: i64 = 10 * MINUTE_MS;

/// Why learned state was refused.
#[derive(Debug, thiserror::Error)]
pub enum LearnedError {
    #[error("cannot write what was learned: {0}")]
    Write(postcard::Error),
    #[error("it does not begin as learned state does: was it written by `tidewaiter learn`?")]
    NotLearned,
    #[error(
        "it is of form {form}, state {state}, and this program reads form {FORM}, state {STATE_VERSION}: learn again"
    )]
    Version { form: u8, state: u8 },
    #[error("it does not read back: {0}")]
    Read(postcard::Error),
    #[error("neither a read nor an outflow was among the events: there is nothing to learn from")]
    Nothing,
}

/// When and how much was learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedSpan {
    pub since: EventTime,
    /// Nothing from before is judged by the detectors that learn.
    pub until: EventTime,
    pub events: u64,
    /// Whether two have the same key of pseudonyms.
    key: String,
}

/// An entity's states by its name, each as bytes.
type ByName = HashMap<Box<str>, Box<[u8]>, foldhash::fast::RandomState>;

/// Everything learned, by name; each state is read when it is asked for.
pub struct Learned {
    span: LearnedSpan,
    peers: Vec<u8>,
    actors: ByName,
    sources: ByName,
}

#[derive(Serialize, Deserialize)]
struct Form {
    span: LearnedSpan,
    peers: Vec<u8>,
    actors: Vec<(Box<str>, Box<[u8]>)>,
    sources: Vec<(Box<str>, Box<[u8]>)>,
}

impl Learned {
    /// Takes out of `shard` what it has learned of `events` events since `since`; `seed` is the
    /// pseudonyms' own.
    pub fn of(
        shard: &Shard,
        (since, events): (EventTime, u64),
        seed: u64,
    ) -> Result<Self, LearnedError> {
        // The end of the last minute seen: the watermark has events beyond it, which count.
        let last = shard.clock.newest(AHEAD_MS).unwrap_or(since);
        let until = last.plus_ms(MINUTE_MS - last.millis().rem_euclid(MINUTE_MS));
        let mut actors = ByName::default();
        for (name, state) in shard.actors.iter() {
            let Some(mut baseline) = state.baseline.clone() else { continue };
            baseline.tell_anew();
            let bytes = postcard::to_stdvec(&baseline).map_err(LearnedError::Write)?;
            actors.insert(name.into(), bytes.into());
        }
        let mut sources = ByName::default();
        for (name, state) in shard.sources.iter() {
            let Some(egress) = &state.egress.0 else { continue };
            let bytes = postcard::to_stdvec(egress).map_err(LearnedError::Write)?;
            sources.insert(name.into(), bytes.into());
        }
        if actors.is_empty() && sources.is_empty() {
            return Err(LearnedError::Nothing);
        }
        let key = key_of(seed);
        let peers = postcard::to_stdvec(&shard.peers).map_err(LearnedError::Write)?;
        let span = LearnedSpan { since, until, events, key };
        Ok(Self { span, peers, actors, sources })
    }

    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnedError> {
        let sorted = |by_name: &ByName| {
            let mut list: Vec<_> = by_name.iter().map(|(n, s)| (n.clone(), s.clone())).collect();
            list.sort();
            list
        };
        let form = Form {
            span: self.span.clone(),
            peers: self.peers.clone(),
            actors: sorted(&self.actors),
            sources: sorted(&self.sources),
        };
        let head = [MAGIC, &[FORM, STATE_VERSION]].concat();
        postcard::to_extend(&form, head).map_err(LearnedError::Write)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnedError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(LearnedError::NotLearned)?;
        let [form, state, content @ ..] = rest else { return Err(LearnedError::NotLearned) };
        if *form != FORM || !(is_terse(*state) || *state == AS_NUMBERS) {
            return Err(LearnedError::Version { form: *form, state: *state });
        }
        let read: Form = postcard::from_bytes(content).map_err(LearnedError::Read)?;
        let mut actors = read.actors;
        if *state != STATE_VERSION {
            for (_, bytes) in &mut actors {
                *bytes = of_twelve(bytes).map_err(LearnedError::Read)?;
            }
        }
        let learned = Self {
            span: read.span,
            peers: read.peers,
            actors: actors.into_iter().collect(),
            sources: read.sources.into_iter().collect(),
        };
        // Whatever is asked for later reads as well as this, of one version and one checksum.
        learned.peers(1, 0)?;
        Ok(learned)
    }

    pub fn span(&self) -> &LearnedSpan {
        &self.span
    }

    pub fn actors(&self) -> usize {
        self.actors.len()
    }

    /// For one of `shards` that share the actors.
    fn peers(&self, shards: u32, seed: u64) -> Result<Peers, LearnedError> {
        let mut peers: Peers = postcard::from_bytes(&self.peers).map_err(LearnedError::Read)?;
        peers.lanes.rank_learned();
        let minute = (self.span.until.millis() / MINUTE_MS).clamp(0, i64::from(u32::MAX));
        peers.learned(minute as u32, shards, self.span.key == key_of(seed));
        Ok(peers)
    }

    /// True where what was learned of somebody who appears then still holds.
    fn holds(&self, at: EventTime) -> bool {
        (0..STALE_MS).contains(&at.since(self.span.until))
    }

    /// Gives an actor who has no past what was learned of it.
    pub(super) fn adopt_actor(&self, name: &str, at: EventTime, state: &mut ActorState) {
        let known = self.actors.get(cut(name)).filter(|_| self.holds(at));
        if let Some(baseline) = known.and_then(|bytes| postcard::from_bytes::<Baseline>(bytes).ok())
        {
            state.baseline = Some(Box::new(baseline));
        }
    }

    /// Likewise an address.
    pub(super) fn adopt_source(&self, name: &str, at: EventTime, state: &mut SourceState) {
        let known = self.sources.get(cut(name)).filter(|_| self.holds(at));
        if let Some(egress) = known.and_then(|bytes| postcard::from_bytes::<Egress>(bytes).ok()) {
            state.egress.0 = Some(Box::new(egress));
        }
    }
}

impl Shard {
    /// A shard without a past begins with what was learned; `shards` share the actors.
    pub fn begin_with(
        &mut self,
        learned: &Learned,
        shards: u32,
        seed: u64,
    ) -> Result<(), LearnedError> {
        let mut before = std::mem::replace(&mut self.peers, learned.peers(shards.max(1), seed)?);
        self.peers.take_links(&mut before);
        Ok(())
    }
}

/// What version 12 and those before wrote of an actor, as it is written today.
fn of_twelve(bytes: &[u8]) -> postcard::Result<Box<[u8]>> {
    let before: BaselineOfTwelve = postcard::from_bytes(bytes)?;
    Ok(postcard::to_stdvec(&Baseline::from(before))?.into())
}

/// Tells keys apart without telling the key.
fn key_of(seed: u64) -> String {
    IdHasher::new("learned under").part(&seed.to_le_bytes()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        match Learned::from_bytes(bytes) {
            Ok(_) => "taken".into(),
            Err(error) => error.to_string(),
        }
    }

    fn learned() -> Learned {
        let span = LearnedSpan {
            since: EventTime::MIN,
            until: EventTime::default(),
            events: 7,
            key: key_of(1),
        };
        let peers = postcard::to_stdvec(&Peers::default()).expect("serialises");
        let baseline = Baseline { shifts: 9, ..<Baseline>::default() };
        let bytes = postcard::to_stdvec(&baseline).expect("serialises").into();
        let actors = [("off-1".into(), bytes)].into_iter().collect();
        Learned { span, peers, actors, sources: ByName::default() }
    }

    #[test]
    fn it_reads_back_and_is_given_to_whom_it_is_of() {
        let bytes = learned().to_bytes().expect("is written");
        let read = Learned::from_bytes(&bytes).expect("is read");
        assert_eq!((read.span(), read.actors()), (learned().span(), 1));
        let shifts = |name: &str, at: EventTime| {
            let mut state = ActorState::default();
            read.adopt_actor(name, at, &mut state);
            state.baseline.map(|baseline| baseline.shifts)
        };
        let until = read.span().until;
        assert_eq!(shifts("off-1", until), Some(9));
        assert_eq!(shifts("off-2", until), None, "of somebody else");
        assert_eq!(shifts("off-1", until.minus_ms(1)), None, "learned from already");
        assert_eq!(shifts("off-1", until.plus_ms(STALE_MS)), None, "too long ago");
    }

    #[test]
    fn what_an_earlier_version_learned_is_read() {
        let mut earlier = learned();
        let baseline = BaselineOfTwelve { shifts: 9, ..Default::default() };
        let bytes = postcard::to_stdvec(&baseline).expect("serialises").into();
        earlier.actors = [("off-1".into(), bytes)].into_iter().collect();
        let mut bytes = earlier.to_bytes().expect("is written");
        for version in 9..STATE_VERSION {
            bytes[MAGIC.len() + 1] = version;
            let read = Learned::from_bytes(&bytes).expect("is read");
            let mut state = ActorState::default();
            read.adopt_actor("off-1", read.span().until, &mut state);
            assert_eq!(state.baseline.map(|baseline| baseline.shifts), Some(9), "{version}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bytes = learned().to_bytes().expect("is written");
        assert!(refused(b"{}").contains("does not begin"), "{}", refused(b"{}"));
        assert!(refused(&bytes[..MAGIC.len() + 1]).contains("does not begin"));
        let mut other = bytes.clone();
        other[MAGIC.len() + 1] += 1;
        assert!(refused(&other).contains("learn again"), "{}", refused(&other));
        assert!(refused(&bytes[..bytes.len() / 2]).contains("does not read back"));
    }
}
