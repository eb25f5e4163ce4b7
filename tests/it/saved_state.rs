//! A shard that is saved, lost and taken back goes on as the one that never stopped.

use std::collections::BTreeMap;

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::baseline::{Baseline, BaselineOfTwelve};
use tidewaiter::engine::detect::rules::GroupState;
use tidewaiter::engine::detect::state::{ActorState, SourceOfEleven, SourceState};
use tidewaiter::engine::detect::{Ruling, Rulings, Stream};
use tidewaiter::engine::model::{EventTime, Finding, Origin, Severity};
use tidewaiter::engine::shard::{
    Incoming, Output, Records, Restoring, STATE_VERSION, Settings, Shard, ShardConfig, StateError,
    Verdict,
};
use tidewaiter::engine::terse;

use crate::determinism::{Agency, agency};
use crate::replayed::{config, scenarios};

/// The changelog, compacted.
type Changelog = BTreeMap<Vec<u8>, Vec<u8>>;

struct Run<'a> {
    agency: &'a Agency,
    settings: Settings,
    config: ShardConfig,
    /// From an event on, what people decided.
    ruled: Option<(usize, Settings)>,
}

impl<'a> Run<'a> {
    fn new(agency: &'a Agency, config: ShardConfig) -> Self {
        let key = Secret::new(vec![7; 32]);
        let (settings, _) = load_settings(&agency.config, &key).unwrap();
        Self { agency, settings, config, ruled: None }
    }

    fn shard(&self) -> Shard {
        let topic = Stream::Partition { topic: "events".into(), partition: 0 };
        Shard::new(vec![topic], &self.config)
    }

    /// Findings of all events, the shard saved before each event in `saves`. In `fails` the save
    /// comes to nothing. Before each event in `stops` the shard is lost, taken back as last saved,
    /// and shown again what came since.
    fn findings(&self, saves: &[usize], fails: &[usize], stops: &[usize]) -> Vec<Finding> {
        self.findings_and_state(saves, fails, stops).0
    }

    /// The same with all that is saved in the end.
    fn findings_and_state(
        &self,
        saves: &[usize],
        fails: &[usize],
        stops: &[usize],
    ) -> (Vec<Finding>, Changelog) {
        let mut findings = BTreeMap::new();
        let mut changelog = Changelog::new();
        let (mut shard, mut saved_at) = (self.shard(), 0);
        let mut next = 0;
        let mut stops = stops.iter().copied().peekable();
        while next < self.agency.lines.len() {
            if stops.next_if_eq(&next).is_some() {
                shard = self.restored(&changelog, saved_at);
                next = saved_at;
            }
            if saves.contains(&next) {
                let mut records = Records::default();
                let saving = shard.save(&mut records).unwrap();
                if fails.contains(&next) {
                    shard.save_again(saving);
                } else {
                    for (key, value) in records.iter() {
                        match value {
                            Some(value) => drop(changelog.insert(key.to_vec(), value.to_vec())),
                            None => drop(changelog.remove(key)),
                        }
                    }
                    shard.saved(saving);
                    saved_at = next;
                }
            }
            let mut out = Output::default();
            self.judge(&mut shard, next, &mut out);
            // Which past events a finding names rests on the flight recorder, of which only the
            // last minutes come back.
            for mut finding in out.findings {
                finding.evidence.clear();
                findings.entry(finding.id.clone()).or_insert(finding);
            }
            next += 1;
        }
        for (key, value) in to_records(&mut shard).iter() {
            match value {
                Some(value) => drop(changelog.insert(key.to_vec(), value.to_vec())),
                None => drop(changelog.remove(key)),
            }
        }
        (findings.into_values().collect(), changelog)
    }

    fn restored(&self, changelog: &Changelog, saved_at: usize) -> Shard {
        let mut restoring = Restoring::default();
        changelog.iter().for_each(|(key, value)| restoring.take(key, Some(value)));
        let mut shard = self.shard();
        shard.restore(restoring).unwrap();
        for i in saved_at.saturating_sub(500)..saved_at {
            self.with(i, |incoming| shard.recall(incoming, &self.settings));
        }
        shard
    }

    fn judge(&self, shard: &mut Shard, i: usize, out: &mut Output) -> Verdict {
        let ruled = self.ruled.as_ref().filter(|(from, _)| i >= *from);
        let settings = ruled.map_or(&self.settings, |(_, settings)| settings);
        self.with(i, |incoming| shard.judge(incoming, settings, out))
    }

    fn with<T>(&self, i: usize, take: impl FnOnce(&Incoming<'_>) -> T) -> T {
        let line = &self.agency.lines[i];
        let mut decoder = Decoder::new(Expected::Auto);
        let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
        let raw = || serde_json::from_str(line).unwrap();
        let origin = Origin { stream: 0, position: i as u64 };
        take(&Incoming { event: &event, raw: &raw, origin, broker_time: None })
    }
}

fn check(config: ShardConfig, saves: &[usize], fails: &[usize], stops: &[usize]) {
    let agency = agency();
    let run = Run::new(&agency, config);
    let undisturbed = run.findings(&[], &[], &[]);
    assert!(undisturbed.len() > 50, "{} findings", undisturbed.len());
    let disturbed = run.findings(saves, fails, stops);
    let odd = undisturbed.iter().zip(&disturbed).find(|(a, b)| a != b);
    assert!(odd.is_none(), "undisturbed: {:#?}\nnow: {:#?}", odd.unwrap().0, odd.unwrap().1);
    assert_eq!(disturbed.len(), undisturbed.len());
}

fn every(step: usize) -> Vec<usize> {
    (step..100_000).step_by(step).collect()
}

#[test]
fn taken_back_again_and_again_it_finds_the_same() {
    check(ShardConfig::default(), &every(300), &[], &every(1_111));
}

#[test]
fn a_save_that_came_to_nothing_is_made_up_for_by_the_next() {
    let fails: Vec<usize> = every(250).into_iter().step_by(2).collect();
    check(ShardConfig::default(), &every(250), &fails, &every(901));
}

#[test]
fn what_it_has_no_room_for_it_forgets_as_if_undisturbed() {
    let config = ShardConfig { actors_max: 60, sources_max: 40, ..ShardConfig::default() };
    check(config, &every(300), &[1_200, 3_000], &every(1_111));
}

#[test]
fn a_system_sleeps_on_over_restarts_and_saves_that_came_to_nothing() {
    let mut story = agency();
    let events = scenarios().join("dormant_system/events.ndjson");
    story.lines = std::fs::read_to_string(events).unwrap().lines().map(str::to_owned).collect();
    story.config = config();
    let run = Run::new(&story, ShardConfig::default());
    let expected = run.findings(&[], &[], &[]);
    let dormant = expected.iter().filter(|finding| finding.detector == "dormant_system").count();
    assert_eq!(dormant, 4);
    let all: Vec<usize> = (0..story.lines.len()).collect();
    for fails in [&[][..], &[2, 3, 6, 9]] {
        assert_eq!(run.findings(&all, fails, &all[1..]), expected);
    }
}

#[test]
fn an_event_delivered_twice_counts_once_over_a_restart() {
    let agency = agency();
    let run = Run::new(&agency, ShardConfig { ids_max: 3_000, ..ShardConfig::default() });
    let mut shard = run.shard();
    let mut out = Output::default();
    for i in 0..5_000 {
        run.judge(&mut shard, i, &mut out);
    }
    let mut records = Records::default();
    let _ = shard.save(&mut records).unwrap();
    let values = records.iter().filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
    let changelog = values.collect();
    let mut shard = run.restored(&changelog, 5_000);
    for i in 2_500..5_000 {
        assert_eq!(run.judge(&mut shard, i, &mut out), Verdict::Duplicate, "event {i}");
    }
    assert_ne!(run.judge(&mut shard, 5_000, &mut out), Verdict::Duplicate);
}

#[test]
fn state_of_another_version_is_refused_and_not_misread() {
    let agency = agency();
    let run = Run::new(&agency, ShardConfig::default());
    let mut shard = run.shard();
    run.judge(&mut shard, 0, &mut Output::default());
    let mut records = Records::default();
    let _ = shard.save(&mut records).unwrap();
    let taken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut restoring = Restoring::default();
        for (key, value) in records.iter() {
            let Some(mut value) = value.map(<[u8]>::to_vec) else { continue };
            change(&mut value);
            restoring.take(key, Some(&value));
        }
        run.shard().restore(restoring)
    };
    taken(&|_| {}).unwrap();
    let error = taken(&|value| value[0] = 1).unwrap_err();
    assert!(matches!(error, StateError::Version { found: 1 }), "{error}");
    let next = STATE_VERSION + 1;
    let error = taken(&|value| value[0] = next).unwrap_err();
    assert!(matches!(error, StateError::Version { found } if found == next), "{error}");
    assert!(error.to_string().contains(&format!("version {next}")), "{error}");
    let error = taken(&|value| value.truncate(2)).unwrap_err();
    assert!(matches!(error, StateError::Read { .. }), "{error}");
}

fn to_records(shard: &mut Shard) -> Records {
    let mut records = Records::default();
    let saving = shard.save(&mut records).unwrap();
    shard.saved(saving);
    records
}

#[test]
fn a_save_holds_what_has_changed_since_the_last_one_and_no_more() {
    let agency = agency();
    let run = Run::new(&agency, ShardConfig::default());
    let mut shard = run.shard();
    let mut out = Output::default();
    let bytes = |records: &Records| -> usize {
        records.iter().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum()
    };
    (0..5_000).for_each(|i| {
        run.judge(&mut shard, i, &mut out);
    });
    let first = to_records(&mut shard);
    run.judge(&mut shard, 5_000, &mut out);
    let second = to_records(&mut shard);
    assert!(second.len() * 10 < first.len(), "{} of {} records", second.len(), first.len());
    assert!(bytes(&second) * 8 < bytes(&first), "{} of {} bytes", bytes(&second), bytes(&first));
    // What failed is handed out again, byte for byte.
    run.judge(&mut shard, 5_001, &mut out);
    let mut lost = Records::default();
    let saving = shard.save(&mut lost).unwrap();
    shard.save_again(saving);
    let sorted = |records: &Records| {
        let all = records.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        all.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(sorted(&to_records(&mut shard)), sorted(&lost));
}

/// What people decided is in force from the next ten minutes of event time on, whoever judges then.
#[test]
fn a_shard_taken_back_goes_by_the_rulings_it_had() {
    let agency = agency();
    let mut run = Run::new(&agency, ShardConfig::default());
    let told = run.findings(&[], &[], &[]);
    let third = agency.lines.len() / 3;
    let severe = told.iter().filter(|finding| finding.severity >= Severity::Medium);
    let mut actors: Vec<String> = severe.filter_map(|finding| finding.actor.clone()).collect();
    actors.sort();
    actors.dedup();
    let rulings = (0..).zip(&actors).map(|(n, actor)| Ruling {
        incident: format!("{n:032}"),
        actor: actor.clone(),
        confirmed: n % 3 > 0,
        from: told.iter().map(|finding| finding.time).min().unwrap(),
        until: (n % 3 < 2).then(|| told[0].time),
    });
    let mut ruled = run.settings.clone();
    ruled.suite = ruled.suite.with_rulings(Some(Rulings::new(rulings.collect()).into()));
    let nobody = run.findings_and_state(&[], &[], &[]);
    run.ruled = Some((third, ruled));
    let undisturbed = run.findings_and_state(&[], &[], &[]);
    // What the learned detectors remember of each actor.
    let baselines = |state: &Changelog| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let actors = state.iter().filter(|(name, _)| name[0] == b'a');
        let of = |value: &[u8]| {
            let (_, actor): (u32, ActorState) = terse::from_bytes(&value[1..]).unwrap();
            let mut bytes = Vec::new();
            terse::write(&actor.baseline, &mut bytes).unwrap();
            bytes
        };
        actors.map(|(name, value)| (name.clone(), of(value))).collect()
    };
    let expected = baselines(&undisturbed.1);
    assert_ne!(baselines(&nobody.1), expected, "rulings change nothing");
    for saves in [[third - 1, third + 50], [third + 1, third + 5_000], [third, third + 300]] {
        let disturbed = run.findings_and_state(&saves, &[], &[saves[0] + 20, saves[1] + 500]);
        assert_eq!(disturbed.0.len(), undisturbed.0.len(), "{saves:?}");
        assert!(baselines(&disturbed.1) == expected, "{saves:?}");
        let rulings = |state: &Changelog| -> Vec<Vec<u8>> {
            let of = |name: &[u8]| name[0] == b'k' && name[1] == b'x';
            state.iter().filter(|(name, _)| of(name)).map(|(_, value)| value.clone()).collect()
        };
        assert!(!rulings(&disturbed.1).is_empty());
        assert_eq!(rulings(&disturbed.1), rulings(&undisturbed.1), "{saves:?}");
    }
}

/// A group of one correlation as up to version 8, with the two windows told last. What is behind the
/// books of one cannot be got at from here.
fn group_of_8(content: &[u8]) -> Option<Vec<u8>> {
    type Head = (u32, EventTime, u8, u32);
    let (head, rest) = postcard::take_from_bytes::<Head>(content).unwrap();
    if head.3 != 1 {
        return None;
    }
    type Slot = (u64, i64, Vec<(u32, u32)>);
    let ((correlation, base, told), books) = postcard::take_from_bytes::<Slot>(rest).unwrap();
    let mut two = told.iter().rev().map(|(end, _)| *end).chain([u32::MAX; 2]);
    let two = [two.next().unwrap(), two.next().unwrap()];
    let content = postcard::to_stdvec(&(head, correlation, base, two)).unwrap();
    Some([&content, books].concat())
}

/// An entity's as up to version 9.
fn entity_of_9<S: serde::Serialize + serde::de::DeserializeOwned>(
    content: &[u8],
    change: impl FnOnce(&mut S),
) -> Vec<u8> {
    let (slot, mut state): (u32, S) = terse::from_bytes(content).unwrap();
    change(&mut state);
    postcard::to_stdvec(&(slot, state)).unwrap()
}

type Before = ActorState<BaselineOfTwelve>;

/// What was learned of an actor as up to version 12: what was told stood beside it, and nothing was kept
/// from before. Everything else has the names it had.
fn learned_of_12(now: Baseline) -> BaselineOfTwelve {
    let mut now = serde_json::to_value(now).unwrap();
    let mut before = serde_json::to_value(BaselineOfTwelve::default()).unwrap();
    let suspicion = now["suspicion"].take();
    for (name, value) in before.as_object_mut().unwrap() {
        let of = if name == "told" { "told_of" } else { name };
        if let Some(found) = now.get(name).or_else(|| suspicion.get(of)) {
            value.clone_from(found);
        }
    }
    serde_json::from_value(before).unwrap()
}

/// An actor as versions 10 to 12 had it, or one of whom nothing was learned.
fn actor_of_12(content: &[u8], forget: bool) -> Vec<u8> {
    let (slot, mut now): (u32, ActorState) = terse::from_bytes(content).unwrap();
    if forget {
        now.baseline = None;
    }
    let before: Before = now.with_baseline(learned_of_12);
    let mut bytes = Vec::new();
    terse::write(&(slot, before), &mut bytes).unwrap();
    bytes
}

/// A source as versions 10 and 11 had it.
fn source_of_11(content: &[u8]) -> Vec<u8> {
    let (slot, now): (u32, SourceState) = terse::from_bytes(content).unwrap();
    let SourceState { touched, risk, watch, rules, outbound, no_actor, egress, .. } = now;
    let before = SourceOfEleven { touched, risk, watch, rules, outbound, no_actor, egress };
    let mut bytes = Vec::new();
    terse::write(&(slot, before), &mut bytes).unwrap();
    bytes
}

/// Event ids as up to version 9: generation, part and hashes as a list of numbers.
fn ids_of_9(content: &[u8]) -> Vec<u8> {
    let (words, _) = content.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    postcard::to_stdvec(&(words[0] as u32, (words[0] >> 32) as u32, &words[1..])).unwrap()
}

/// What a shard saves as `version` did: up to version 8 one that has learned nothing of anybody. What
/// actors have in common is as today, as where it was saved since.
fn as_version(version: u8, shard: &mut Shard) -> Changelog {
    let records = to_records(shard);
    let of = |key: &[u8], value: &[u8]| match (key[0], version) {
        (b's', 10 | 11) => Some(source_of_11(&value[1..])),
        (b'a', 10..) => Some(actor_of_12(&value[1..], false)),
        (_, 10..) => Some(value[1..].to_vec()),
        (b'k', 4) => None,
        (b'a', _) => {
            let content = entity_of_9(&actor_of_12(&value[1..], version < 9), |_: &mut Before| {});
            let came_later = if version == 4 { 3 } else { 0 };
            Some(content[..content.len() - came_later].to_vec())
        }
        (b's', _) => {
            let content = entity_of_9::<SourceState>(&value[1..], |_| {});
            let came_later = if version == 4 { 2 } else { 1 };
            Some(content[..content.len() - came_later].to_vec())
        }
        (b'g', 9) => Some(entity_of_9::<GroupState>(&value[1..], |_| {})),
        (b'g', _) => group_of_8(&entity_of_9::<GroupState>(&value[1..], |_| {})),
        (b'i', _) => Some(ids_of_9(&value[1..])),
        (b'w', ..=8) => None,
        _ => Some(value[1..].to_vec()),
    };
    let mut changelog: Changelog = records
        .iter()
        .filter_map(|(key, value)| {
            let as_today = key[0] == b'k' && version == 9;
            let found = if as_today { STATE_VERSION } else { version };
            Some((key.to_vec(), [&[found], &*of(key, value?)?].concat()))
        })
        .collect();
    if version == 4 {
        let common = postcard::to_stdvec(shard.peers()).unwrap();
        let stretches: Vec<&[u8]> = common.chunks(100_000).collect();
        assert!(stretches.len() > 2);
        for (number, stretch) in (0_u32..).zip(&stretches) {
            let key = [&b"c"[..], &number.to_be_bytes()].concat();
            let content = (stretches.len() as u32, stretch.to_vec());
            changelog.insert(key, postcard::to_extend(&content, vec![version]).unwrap());
        }
    }
    changelog
}

#[test]
fn state_of_earlier_versions_is_taken_over_but_for_what_was_learned_and_saved_anew_from_then_on() {
    [4, 6].into_iter().for_each(taken_over_from);
}

#[test]
fn state_of_versions_9_to_12_is_taken_over_with_all_that_was_learned() {
    [9, 10, 11, 12].into_iter().for_each(taken_over_from);
}

fn taken_over_from(version: u8) {
    let agency = agency();
    let run = Run::new(&agency, ShardConfig::default());
    let middle = agency.lines.len() / 2;
    let (mut shard, mut out) = (run.shard(), Output::default());
    (0..middle).for_each(|i| {
        run.judge(&mut shard, i, &mut out);
    });
    let mut changelog = as_version(version, &mut shard);
    let groups = changelog.keys().filter(|key| key[0] == b'g').count();
    assert!(groups > 10, "{groups} groups");
    let mut taken_over = run.restored(&changelog, middle);
    for (key, value) in to_records(&mut taken_over).iter() {
        match value {
            Some(value) => drop(changelog.insert(key.to_vec(), value.to_vec())),
            None => drop(changelog.remove(key)),
        }
    }
    assert!(!changelog.keys().any(|key| key[0] == b'c'), "the stretches are withdrawn");
    let mut again = run.restored(&changelog, middle);
    let rest = |shard: &mut Shard| {
        let mut out = Output::default();
        (middle..agency.lines.len()).for_each(|i| {
            run.judge(shard, i, &mut out);
        });
        out.findings.iter_mut().for_each(|finding| finding.evidence.clear());
        out.findings
    };
    let (expected, found) = (rest(&mut shard), rest(&mut taken_over));
    if version >= 9 {
        assert_eq!(found, expected);
    }
    assert!(expected.len() > 10 && found.len() > 10, "{} of {}", found.len(), expected.len());
    assert_eq!(rest(&mut again), found);
}
