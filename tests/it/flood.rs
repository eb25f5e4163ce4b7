//! Many more made-up names than a shard has room for, while somebody really takes data away.

use std::collections::BTreeSet;

use tidewaiter::adapters::secrets::Secret;
use tidewaiter::app::load_settings;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::model::{EventTime, Finding, Origin, Severity};
use tidewaiter::engine::shard::{
    Incoming, Output, Records, Settings, Shard, ShardConfig, StateSize,
};

use crate::replayed::{config, replay_lines};

/// Entries of each table.
const ROOM: usize = 500;
/// What one entry may cost, all of a table together.
const ENTRY_BYTES_MAX: usize = 4_096;
/// Made-up names for each step of who takes data away.
const FLOOD: usize = 60;
const STEPS: usize = 400;
const STEP_MS: i64 = 1_000;

/// What a shard came to.
struct Ran {
    findings: Vec<Finding>,
    size: StateSize,
    /// Keys of what was saved at the end: who is remembered.
    kept: BTreeSet<String>,
}

impl Ran {
    /// Findings on one key, by detector.
    fn on(&self, key: &str) -> Vec<(&str, Severity, &str)> {
        let of = self.findings.iter().filter(|finding| finding.key.value == key);
        of.map(|f| (&*f.detector, f.severity, f.why.as_str())).collect()
    }

    fn remembers(&self, kind: char, name: &str) -> bool {
        self.kept.contains(&format!("{kind}{name}"))
    }
}

/// Time of a step and, within it, of one of its events.
fn at(step: usize, event: usize) -> EventTime {
    let start = EventTime::parse("2026-03-02T09:00:00Z").unwrap();
    start.plus_ms(step as i64 * STEP_MS + event as i64 * STEP_MS / (FLOOD as i64 + 2))
}

fn run(lines: impl Iterator<Item = String>) -> Ran {
    let config = config();
    let (settings, _) = load_settings(&config, &Secret::new(vec![7; 32])).unwrap();
    let shard = ShardConfig { actors_max: ROOM, sources_max: ROOM, ..config.shard() };
    let topic = Stream::Partition { topic: "events".into(), partition: 0 };
    let mut shard = Shard::new(vec![topic], &shard);
    let mut out = Output::default();
    for (number, line) in lines.enumerate() {
        judge(&mut shard, &settings, number, &line, &mut out);
        if number % 5_000 == 0 {
            check_room(shard.size());
        }
    }
    check_room(shard.size());
    let mut saved = Records::default();
    let size = shard.size();
    shard.save(&mut saved).unwrap();
    let kept = saved.iter().filter(|(_, value)| value.is_some());
    let kept = kept.map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
    Ran { findings: out.findings, size, kept }
}

fn judge(shard: &mut Shard, settings: &Settings, number: usize, line: &str, out: &mut Output) {
    let mut decoder = Decoder::new(Expected::Auto);
    let event = decoder.decode(line.as_bytes()).unwrap().unwrap();
    let raw = || serde_json::from_str(line).unwrap();
    let origin = Origin { stream: 0, position: number as u64 };
    let incoming = Incoming { event: &event, raw: &raw, origin, broker_time: None };
    shard.judge(&incoming, settings, out);
    out.evidence.clear();
}

fn check_room(size: StateSize) {
    assert!(size.actors <= ROOM && size.sources <= ROOM, "{size:?}");
    assert!(size.actor_bytes <= ROOM * ENTRY_BYTES_MAX, "{size:?}");
    assert!(size.source_bytes <= ROOM * ENTRY_BYTES_MAX, "{size:?}");
}

/// One read; `rest` goes into the event as it stands.
fn read(id: &str, at: EventTime, actor: &str, dataset: &str, subject: usize, rest: &str) -> String {
    format!(
        r#"{{"kind":"access","id":"{id}","time":"{at}","actor":{{"id":{actor}}},"source":{{"ip":"10.9.0.1"}},"system":"gateway","action":"read","resource":{{"dataset":"{dataset}","record":"R{}","subject":"T-{subject}"}},"case":"C-7"{rest}}}"#,
        subject * 7_919 % 1_000_003,
    )
}

fn flow(id: &str, at: EventTime, ip: &str, bytes: u64) -> String {
    format!(
        r#"{{"kind":"network","id":"{id}","time":"{at}","source":{{"ip":"{ip}"}},"destination":{{"ip":"203.0.113.9","port":443}},"protocol":"tcp","bytes_out":{bytes},"verdict":"allowed"}}"#
    )
}

/// Who takes data away, step by step, and `made_up` events after each step.
fn with_flood(
    real: impl Fn(usize) -> String,
    made_up: impl Fn(usize, usize) -> String,
    flood: usize,
) -> Ran {
    let (real, made_up) = (&real, &made_up);
    run((0..STEPS).flat_map(move |step| {
        let flood = (0..flood).map(move |i| made_up(step, i));
        [real(step)].into_iter().chain(flood)
    }))
}

/// A dump of one traveler a second, told of alike with and without the flood.
fn check_dump(made_up: impl Fn(usize, usize) -> String) -> Ran {
    let dump = |step| {
        let id = format!("dump-{step}");
        read(&id, at(step, 0), r#""dumper""#, "pnr", 1_000_000 + step, "")
    };
    let alone = with_flood(dump, |_, _| unreachable!(), 0);
    let flooded = with_flood(dump, made_up, FLOOD);
    let found = |ran: &Ran| {
        let on = ran.on("dumper").into_iter().filter(|(detector, ..)| *detector == "bulk_read");
        on.map(|(_, severity, why)| (severity, why.to_owned())).collect::<Vec<_>>()
    };
    let told = found(&alone);
    assert!(told.iter().any(|(severity, _)| *severity >= Severity::Medium), "{told:?}");
    assert_eq!(found(&flooded), told);
    assert!(flooded.remembers('a', "dumper"));
    flooded
}

#[test]
fn made_up_actors_do_not_hide_a_dump() {
    let flooded = check_dump(|step, i| {
        let (id, actor) = (format!("f-{step}-{i}"), format!(r#""made-up-{step}-{i}""#));
        read(&id, at(step, 1 + i), &actor, "pnr", i, "")
    });
    assert_eq!(flooded.size.actors, ROOM);
    assert_eq!(flooded.size.actors_evicted, (STEPS * FLOOD + 1 - ROOM) as u64);
}

/// Each made-up actor does what is found at once, so that it is no less risky than the dumper
/// is while nothing has been found on it.
#[test]
fn made_up_actors_that_look_risky_do_not_hide_a_dump() {
    let flooded = check_dump(|step, i| {
        let (id, actor) = (format!("f-{step}-{i}"), format!(r#""made-up-{step}-{i}""#));
        let line = read(&id, at(step, 1 + i), &actor, "pnr", i, "");
        line.replace(r#""read""#, r#""unmask""#).replace(r#","case":"C-7""#, "")
    });
    let risky = flooded.findings.iter().filter(|f| f.severity > Severity::Informational);
    assert!(risky.count() > STEPS * FLOOD / 2, "the flood was not found risky");
    assert!(flooded.size.actors_evicted > (STEPS * FLOOD - ROOM) as u64);
}

/// Each made-up actor opens an incident of its own, graver at first than that of the dump.
#[test]
fn incidents_of_made_up_actors_do_not_push_out_that_of_a_dump() {
    let mut config = config();
    config.correlate.incidents_max = ROOM;
    let told = |flood: usize| {
        let lines = (0..STEPS).flat_map(|step| {
            let dump = read(&format!("dump-{step}"), at(step, 0), r#""dumper""#, "pnr", step, "");
            let made_up = (0..flood).map(move |i| {
                let (id, actor) = (format!("f-{step}-{i}"), format!(r#""made-up-{step}-{i}""#));
                let line = read(&id, at(step, 1 + i), &actor, "pnr", i, "");
                line.replace(r#""read""#, r#""unmask""#).replace(r#","case":"C-7""#, "")
            });
            [dump.replace("10.9.0.1", "10.9.7.7")].into_iter().chain(made_up)
        });
        let said = replay_lines(&config, &lines.collect::<Vec<_>>());
        let of = said.incidents.iter().filter(|i| i.actors.iter().any(|actor| actor == "dumper"));
        (of.map(|i| (i.severity, i.findings.len())).collect::<Vec<_>>(), said.incidents.len())
    };
    let (alone, _) = told(0);
    assert!(matches!(alone.as_slice(), [(_, 3..)]), "{alone:?}");
    let (flooded, all) = told(FLOOD);
    assert_eq!(flooded, alone);
    assert!(all > STEPS * FLOOD / 2, "only {all} incidents: no flood");
}

#[test]
fn made_up_addresses_do_not_hide_an_outflow() {
    let outflow = |step| flow(&format!("out-{step}"), at(step, 0), "10.1.8.8", 16 << 20);
    let made_up = |step: usize, i: usize| {
        let ip = format!("10.2{}.{}.{}", step / 200, step % 200, i);
        flow(&format!("f-{step}-{i}"), at(step, 1 + i), &ip, 40_000)
    };
    let alone = with_flood(outflow, |_, _| unreachable!(), 0);
    let flooded = with_flood(outflow, made_up, FLOOD);
    let told = alone.on("10.1.8.8");
    assert!(told.iter().any(|(_, severity, _)| *severity >= Severity::Medium), "{told:?}");
    assert_eq!(flooded.on("10.1.8.8"), told);
    assert!(flooded.remembers('s', "10.1.8.8"));
    assert_eq!(flooded.size.sources, ROOM);
    assert_eq!(flooded.size.sources_evicted, (STEPS * FLOOD + 1 - ROOM) as u64);
}

/// Addresses that read without saying who they are: each is found at once.
#[test]
fn made_up_addresses_that_look_risky_do_not_hide_an_outflow() {
    let outflow = |step| flow(&format!("out-{step}"), at(step, 0), "10.1.8.8", 16 << 20);
    let made_up = |step: usize, i: usize| {
        let ip = format!(r#""ip":"10.2{}.{}.{}""#, step / 200, step % 200, i);
        let line = read(&format!("f-{step}-{i}"), at(step, 1 + i), "null", "pnr", i, "");
        line.replace(r#""ip":"10.9.0.1""#, &ip)
    };
    let alone = with_flood(outflow, |_, _| unreachable!(), 0);
    let flooded = with_flood(outflow, made_up, FLOOD);
    let risky = flooded.findings.iter().filter(|f| f.severity > Severity::Informational);
    assert!(risky.count() > STEPS * FLOOD / 2, "the flood was not found risky");
    assert_eq!(flooded.on("10.1.8.8"), alone.on("10.1.8.8"));
}

/// Who was found on before the flood, and is idle in it, is remembered; who did nothing special
/// and is idle goes.
#[test]
fn the_idlest_and_least_risky_go_first() {
    let suspects = 50;
    let before = (0..suspects).flat_map(|i| {
        let suspect = read(&format!("s-{i}"), at(0, 0), &format!(r#""suspect-{i}""#), "pnr", i, "");
        let suspect = suspect.replace(r#""read""#, r#""unmask""#).replace(r#","case":"C-7""#, "");
        let idle = read(&format!("i-{i}"), at(0, 0), &format!(r#""idle-{i}""#), "pnr", i, "");
        [suspect, idle]
    });
    let flood = (0..10 * ROOM).flat_map(|i| {
        let (step, event) = (1 + i / FLOOD, i % FLOOD);
        let name = format!(r#""made-up-{i}""#);
        let made_up = read(&format!("f-{i}"), at(step, event), &name, "pnr", i, "");
        // Twenty officers who are at work all the while.
        let busy = format!(r#""busy-{}""#, i % 20);
        [made_up, read(&format!("b-{i}"), at(step, event), &busy, "pnr", i % 20, "")]
    });
    let ran = run(before.chain(flood));
    let kept = |what: &str, of: usize| {
        (0..of).filter(|i| ran.remembers('a', &format!("{what}-{i}"))).count()
    };
    assert_eq!(kept("suspect", suspects), suspects);
    assert_eq!(kept("busy", 20), 20);
    assert_eq!(kept("idle", suspects), 0);
}
