//! Saved state of earlier versions, made one of today's.
//!
//! What the learned detectors had learned is passed over and learned anew: of an actor it had another
//! shape in versions 2 and 3, what actors have in common had another in version 4, and in versions 5
//! and 6 the lanes alerts are told by were others. In version 7 all was as it is but for who looks up
//! one subject, in version 8 but for what correlations had told. Everything else is kept. Version 9 wrote
//! everything as `postcard` does, and two tables in pages of other keys: earlier ones are made
//! one of it, and it is read as it is. Version 10 had a record for each lookup held back, up to version 11 a source had
//! sought no connection in vain, and up to version 12 nothing was kept of what an actor had learned before an alert.

use serde::{Deserialize, Serialize};

use super::saved::{Kept, STATE_VERSION, StateError};
use crate::engine::detect::RuleState;
use crate::engine::detect::baseline::{Baseline, BaselineOfEight, BaselineOfTwelve, PartKind};
use crate::engine::detect::rules::{GroupOfEight, GroupState};
use crate::engine::detect::state::{ActorState, SourceOfEleven, SourceState, Watching};
use crate::engine::model::EventTime;
use crate::engine::terse::{self, FormError};

/// Up to here everything was written as `postcard` does. Since then, actors, sources, groups, event ids and
/// what actors have in common are not.
pub(super) const AS_NUMBERS: u8 = 9;
/// As version 12, but for sources; the former also for lookups held back.
const WITHOUT_SCANS: [u8; 2] = [10, 11];
/// As today's, but for actors; of these, the ones that are written as today's are.
const WITHOUT_COPIES: [u8; 3] = [10, 11, 12];
/// Versions that are made one of that.
const TAKEN_OVER: [u8; 7] = [2, 3, 4, 5, 6, 7, 8];
/// From here on a source has what it sent, an actor where it was seen, and what actors have in common
/// is saved in parts.
const IN_PARTS: u8 = 5;
/// From here on what was learned of actors has today's shape.
const OF_NINE_LANES: u8 = 7;
/// From here on who looks up one subject has.
const BY_UNITS: u8 = 8;

/// Whether what a version of this program saved is read by this one. The form of a partition's mark
/// has been the same since version 2.
pub fn is_read(version: u8) -> bool {
    is_terse(version) || version == AS_NUMBERS || TAKEN_OVER.contains(&version)
}

pub(super) fn is_terse(version: u8) -> bool {
    version == STATE_VERSION || WITHOUT_COPIES.contains(&version)
}

/// A value as version 9 had it, or as today's; `None` where nothing of it is kept.
pub(super) fn migrate(
    kept: Kept,
    name: &[u8],
    value: Vec<u8>,
) -> Result<Option<Vec<u8>>, StateError> {
    let Some((&version, content)) = value.split_first() else { return Ok(Some(value)) };
    if kept == Kept::Actor && version != STATE_VERSION && is_read(version) {
        return actor_of(version, content).map(Some);
    }
    if kept == Kept::Source && WITHOUT_SCANS.contains(&version) {
        return source_of_11(content).map(Some);
    }
    if kept == Kept::Source && version == AS_NUMBERS {
        return Ok(Some([value.as_slice(), &NO_SCAN].concat()));
    }
    if !TAKEN_OVER.contains(&version) {
        return Ok(Some(value));
    }
    match kept {
        // Its key is to be withdrawn.
        Kept::PeersBefore => Ok(Some(value)),
        Kept::Peers if version < OF_NINE_LANES => Ok(None),
        Kept::Peers if version < BY_UNITS => Ok(peers_of_7(name, content)),
        Kept::Source if version < IN_PARTS => {
            Ok(Some([&[AS_NUMBERS], content, &NO_EGRESS, &NO_SCAN].concat()))
        }
        Kept::Source => Ok(Some([&[AS_NUMBERS], content, &NO_SCAN].concat())),
        Kept::Group => group(content).map(Some),
        _ => Ok(Some([&[AS_NUMBERS], content].concat())),
    }
}

/// An actor's of any version before today's.
fn actor_of(version: u8, content: &[u8]) -> Result<Vec<u8>, StateError> {
    type Before = (u32, ActorState<BaselineOfTwelve>);
    let read: Result<Before, FormError> = match version {
        _ if is_terse(version) => terse::from_bytes(content).map_err(FormError::from),
        OF_NINE_LANES.. => postcard::from_bytes(content).map_err(FormError::from),
        _ => postcard::from_bytes(&actor(version, content)?).map_err(FormError::from),
    };
    let what = "an actor's of an earlier version";
    let (slot, before) = read.map_err(|source| StateError::Read { what, source })?;
    let state = before.with_baseline(Baseline::from);
    let mut value = vec![STATE_VERSION];
    terse::write(&(slot, state), &mut value).map_err(|error| StateError::Write(error.into()))?;
    Ok(value)
}

fn source_of_11(content: &[u8]) -> Result<Vec<u8>, StateError> {
    let (slot, before): (u32, SourceOfEleven) = terse::from_bytes(content).map_err(|error| {
        StateError::Read { what: "a source's of an earlier version", source: error.into() }
    })?;
    let mut value = vec![STATE_VERSION];
    terse::write(&(slot, SourceState::from(before)), &mut value)
        .map_err(|error| StateError::Write(error.into()))?;
    Ok(value)
}

/// A group of correlations, of which the two windows told last were known.
fn group(content: &[u8]) -> Result<Vec<u8>, StateError> {
    let (slot, before): (u32, GroupOfEight) = postcard::from_bytes(content).map_err(|error| {
        StateError::Read { what: "a group's of an earlier version", source: error.into() }
    })?;
    let now = (slot, GroupState::from(before));
    postcard::to_extend(&now, vec![AS_NUMBERS]).map_err(|error| StateError::Write(error.into()))
}

/// A part of what actors have in common, as version 7 saved it. Who looks up one subject is counted
/// anew, and a lookup held back has nobody's group.
fn peers_of_7(name: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    const UNKNOWN_GROUP: &[u8] = &[0];
    let is = |kind: PartKind| name.first() == Some(&(kind as u8));
    if is(PartKind::FanInHead) || is(PartKind::FanInPage) {
        return None;
    }
    let group = if is(PartKind::GatheredHeld) { UNKNOWN_GROUP } else { &[] };
    Some([&[AS_NUMBERS], content, group].concat())
}

/// Whether it is a page of a table that has been saved under other keys since version 9.
pub(super) fn is_page_of_9(kept: Kept, name: &[u8]) -> bool {
    let of = |kind: PartKind| name.first() == Some(&(kind as u8));
    kept == Kept::Peers && (of(PartKind::FanInPage) || of(PartKind::RegionsPage))
}

/// Keys under which what actors have in common was saved up to version 4: to be withdrawn.
#[derive(Default)]
pub(super) struct PeersBefore(Vec<Vec<u8>>);

impl PeersBefore {
    pub fn take(&mut self, key: Vec<u8>, value: &[u8]) -> Result<(), StateError> {
        match value.first() {
            None => return Err(StateError::Empty),
            Some(version) if TAKEN_OVER.contains(version) => self.0.push(key),
            Some(&found) => return Err(StateError::Version { found }),
        }
        Ok(())
    }

    pub fn into_keys(mut self) -> Vec<Vec<u8>> {
        self.0.sort_unstable();
        self.0
    }
}

/// An actor's of version 2 to 6 as version 9 had it, without what was learned.
fn actor(version: u8, content: &[u8]) -> Result<Vec<u8>, StateError> {
    let read = match version {
        4.. => postcard::take_from_bytes::<(Head, Option<Box<BaselineOfEight>>)>(content)
            .map(|((head, _), rest)| (head, rest)),
        _ => postcard::take_from_bytes::<(Head, Option<Learned>)>(content)
            .map(|((head, _), rest)| (head, rest)),
    };
    let (mut head, rest) = read.map_err(|error| StateError::Read {
        what: "an actor's of an earlier version",
        source: error.into(),
    })?;
    // The detectors that had come to rest stand watch again until others have learned.
    head.5 = false;
    let mut value = postcard::to_stdvec(&(head, None::<()>))
        .map_err(|error| StateError::Write(error.into()))?;
    value.extend_from_slice(rest);
    if version == 2 {
        // Nothing was seen in free text: a `None`.
        value.push(0);
    }
    if version < IN_PARTS {
        value.extend_from_slice(&NO_SITE);
    }
    Ok(value)
}

/// What came with version 5: nowhere seen, nothing sent.
const NO_SITE: [u8; 3] = [0; 3];
const NO_EGRESS: [u8; 1] = [0];
/// What came with version 12: no connection sought in vain.
const NO_SCAN: [u8; 1] = [0];

/// Slot, last touched, risk, whether watched, rules told, whether the fixed detectors rest.
type Head = (u32, EventTime, u8, Watching, RuleState, bool);

type Pair = [f32; 2];
type Rate = [f32; 4];
type Place = (u32, u32);
/// Kinds of reads with their weights.
type Habits = (Vec<Habit>, f32, u16);
type Habit = (u32, f32, u16, u16);

/// A window that was being filled.
#[derive(Default, Serialize, Deserialize)]
struct Span(u32, Pair, [Pair; 2], Pair, f32, f32, [Rate; 2], Pair, [u8; 2], (Vec<u64>, u32));

/// Ids read one after the other.
#[derive(Default, Serialize, Deserialize)]
struct Sequence([Place; 5], [Place; 3], u8, [f32; 9], u32);

/// What an actor's day had shown.
#[derive(Default, Serialize, Deserialize)]
struct Day(u16, [u16; 12], [u16; 8], bool);

/// Everything learned of one actor.
#[derive(Default, Serialize, Deserialize)]
struct Learned(
    (u32, u32, u16, u16, u32),
    [Span; 3],
    (f32, u8, [f32; 24]),
    Habits,
    (Rate, u32),
    [[f32; 5]; 3],
    ([f32; 3], Pair),
    Sequence,
    [(u32, u16); 4],
    u16,
    Day,
    [(u16, f32); 8],
    (u16, f32, u16),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::state::ActorState;

    /// An actor as `version` saved it, of whom something had been learned.
    fn saved(version: u8) -> Vec<u8> {
        let today = postcard::to_stdvec(&<ActorState>::default()).expect("serialises");
        let empty = (EventTime::default(), 0_u8, Watching::default(), RuleState::default(), false);
        let head = postcard::to_stdvec(&(empty, None::<()>)).expect("serialises");
        let rest = &today[head.len()..today.len() - NO_SITE.len()];
        let rest = if version == 2 { &rest[..rest.len() - 1] } else { rest };
        let touched = EventTime::default().plus_ms(77_000);
        let learned = Learned { 0: (9, 8, 7, 6, 5), ..Learned::default() };
        let head = (4_u32, touched, 3_u8, Watching::default(), RuleState::default(), true);
        let mut value = postcard::to_extend(&(head, Some(learned)), vec![version]).expect("fits");
        value.extend_from_slice(rest);
        value
    }

    /// What is read of an actor's value once it was made one of today's.
    fn actor_in(value: &[u8]) -> (u32, ActorState) {
        assert_eq!(value[0], STATE_VERSION);
        terse::from_bytes(&value[1..]).expect("is read")
    }

    #[test]
    fn an_actor_of_versions_7_to_12_is_taken_over_with_all_that_was_learned() {
        let before = || {
            let learned =
                BaselineOfTwelve { shifts: 9, suspect_until: 7, told_day: 4, ..Default::default() };
            let baseline = Some(Box::new(learned));
            (8_u32, ActorState { risk: 3, baseline, ..ActorState::default() })
        };
        let mut terse = Vec::new();
        terse::write(&before(), &mut terse).expect("fits");
        let numbers = postcard::to_stdvec(&before()).expect("fits");
        for version in 7..STATE_VERSION {
            let content = if version > AS_NUMBERS { &terse } else { &numbers };
            let saved = [&[version], content.as_slice()].concat();
            let value = migrate(Kept::Actor, b"", saved).expect("is read").expect("is kept");
            let (slot, state) = actor_in(&value);
            let baseline = state.baseline.expect("was learned");
            assert_eq!((slot, state.risk, baseline.shifts), (8, 3, 9), "{version}");
            assert!(baseline.told_last().day == 4 && baseline.is_suspect(7), "{version}");
        }
    }

    #[test]
    fn an_actor_of_an_earlier_version_is_taken_over_but_for_what_was_learned() {
        for version in [2, 3] {
            let value =
                migrate(Kept::Actor, b"", saved(version)).expect("is read").expect("is kept");
            let (slot, state) = actor_in(&value);
            assert_eq!((slot, state.touched.millis(), state.risk), (4, 77_000, 3));
            assert!(state.baseline.is_none() && !state.rested);
        }
    }

    #[test]
    fn one_of_versions_4_to_6_is_taken_over_in_the_same_way() {
        for version in 4..=6 {
            let of = |bytes: Vec<u8>, came_with_5: usize| {
                let value = [&[version], bytes.as_slice()].concat();
                value[..value.len() - if version < IN_PARTS { came_with_5 } else { 0 }].to_vec()
            };
            let learned = BaselineOfEight { shifts: 9, ..BaselineOfEight::default() };
            let touched = EventTime::default().plus_ms(77_000);
            let head = (7_u32, touched, 5_u8, Watching::default(), RuleState::default(), true);
            let mut bytes = postcard::to_stdvec(&(head, Some(learned))).expect("fits");
            let today = postcard::to_stdvec(&<ActorState>::default()).expect("fits");
            let empty =
                (EventTime::default(), 0_u8, Watching::default(), RuleState::default(), false);
            let empty = postcard::to_stdvec(&(empty, None::<()>)).expect("fits");
            bytes.extend_from_slice(&today[empty.len()..]);
            let saved = of(bytes, NO_SITE.len());
            let value = migrate(Kept::Actor, b"", saved).expect("is read").expect("is kept");
            let (slot, state) = actor_in(&value);
            assert_eq!((slot, state.risk), (7, 5));
            assert!(state.baseline.is_none() && !state.rested);
            let source = SourceState { risk: 3, ..SourceState::default() };
            let mut bytes = postcard::to_stdvec(&(8_u32, &source)).expect("fits");
            bytes.truncate(bytes.len() - NO_SCAN.len());
            let saved = of(bytes, NO_EGRESS.len());
            let value = migrate(Kept::Source, b"", saved).expect("is read").expect("is kept");
            let (slot, state): (u32, SourceState) =
                postcard::from_bytes(&value[1..]).expect("is read");
            assert_eq!((slot, state.risk), (8, 3));
            assert_eq!(migrate(Kept::Peers, b"l", vec![version, 1, 2]).expect("is read"), None);
        }
    }

    #[test]
    fn a_source_of_versions_9_to_11_is_taken_over() {
        let before = || SourceOfEleven { risk: 3, ..SourceOfEleven::default() };
        let mut terse = Vec::new();
        terse::write(&(8_u32, before()), &mut terse).expect("fits");
        let numbers = postcard::to_stdvec(&(8_u32, before())).expect("fits");
        for (version, content) in [(9, &numbers), (10, &terse), (11, &terse)] {
            let saved = [&[version], content.as_slice()].concat();
            let value = migrate(Kept::Source, b"", saved).expect("is read").expect("is kept");
            let (slot, state): (u32, SourceState) = match value[0] {
                AS_NUMBERS => postcard::from_bytes(&value[1..]).expect("is read"),
                _ => terse::from_bytes(&value[1..]).expect("is read"),
            };
            assert_eq!((slot, state.risk), (8, 3), "{version}");
        }
    }

    #[test]
    fn of_version_7_all_is_kept_but_who_looks_up_one_subject() {
        let migrated = |kept, name: &[u8]| migrate(kept, name, vec![7, 1, 2]).expect("is read");
        let part = |kind: PartKind| migrated(Kept::Peers, &[kind as u8, 0, 0, 0, 1]);
        assert_eq!(part(PartKind::Role), Some(vec![AS_NUMBERS, 1, 2]));
        assert_eq!(part(PartKind::FanInHead), None);
        assert_eq!(part(PartKind::FanInPage), None);
        assert_eq!(part(PartKind::GatheredHeld), Some(vec![AS_NUMBERS, 1, 2, 0]));
    }

    #[test]
    fn of_a_group_of_version_8_the_windows_told_are_kept() {
        const NEVER: u32 = u32::MAX;
        // When it is needed until, how risky it is, and by correlation: where its times begin, what
        // was told, and counts of one kind.
        let book = |count: u32| (0_u32, vec![(2_000_u32, count)]);
        let (until, base) = (EventTime::default().plus_ms(77_000), 1_000_i64);
        for (told, now) in [
            ([5_000, 2_000], vec![(2_000_u32, 2_000_u32), (5_000, 5_000)]),
            ([2_000, NEVER], vec![(2_000, 2_000)]),
            ([NEVER; 2], vec![]),
        ] {
            let slots = vec![(7_u64, base, told, book(3)), (8, base, [NEVER; 2], book(1))];
            let saved = postcard::to_extend(&(4_u32, (until, 1_u8, slots)), vec![8]);
            let slots = vec![(7_u64, base, now, book(3)), (8, base, vec![], book(1))];
            let today = postcard::to_extend(&(4_u32, (until, 1_u8, slots)), vec![AS_NUMBERS]);
            let value = migrate(Kept::Group, b"", saved.expect("fits")).expect("is read");
            let value = value.expect("is kept");
            assert_eq!(value, today.expect("fits"));
            let (slot, _): (u32, GroupState) =
                postcard::from_bytes(&value[1..]).expect("is what is saved today");
            assert_eq!(slot, 4);
        }
        let spoiled = migrate(Kept::Group, b"", vec![8, 4, 1]);
        assert!(matches!(spoiled, Err(StateError::Read { .. })));
    }

    #[test]
    fn what_is_common_is_learned_anew_and_the_rest_is_kept() {
        let mut before = PeersBefore::default();
        before.take(b"c123".to_vec(), &[3, 1, 2]).expect("is passed over");
        assert_eq!(before.into_keys(), [b"c123".to_vec()]);
        let refused = PeersBefore::default().take(b"c123".to_vec(), &[1, 1, 2]);
        assert!(matches!(refused, Err(StateError::Version { found: 1 })));
        let mark = migrate(Kept::Mark, b"", vec![3, 1, 2]).expect("is read");
        assert_eq!(mark, Some(vec![AS_NUMBERS, 1, 2]));
        let unknown = migrate(Kept::Mark, b"", vec![1, 1, 2]).expect("is read");
        assert_eq!(unknown, Some(vec![1, 1, 2]));
    }

    #[test]
    fn a_spoiled_actor_is_refused() {
        let mut value = saved(3);
        value.truncate(20);
        assert!(matches!(migrate(Kept::Actor, b"", value), Err(StateError::Read { .. })));
    }
}
