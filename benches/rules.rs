//! What rules cost in memory, on one thread.
//!
//! `cargo bench --bench rules` prints: 25 detection and 5 correlation rules over native events,
//! without and with one bulk reader who makes every tenth of them; the shared data set's SigmaHQ
//! rules over its CloudTrail records, where it is present; and the bytes of a million groups.
//! Decoding is not included, nor is anything read or written while the clock runs.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

#[path = "agency/mod.rs"]
mod agency;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::rules::{
    Dialect, EventFields, Fields, GroupScratch, GroupState, Groups, Known, LogSource, RuleSet,
    Scratch,
};
use tidewaiter::engine::detect::state::Table;
use tidewaiter::engine::model::{Event, EventTime, Format, Kind};

const EVENTS: usize = 200_000;
const ROUNDS: usize = 5;
const GROUPS: usize = 1_000_000;

fn main() {
    let set = RuleSet::load([("rules.yml", include_str!("rules.yml"))], &Default::default())
        .expect("the bench's rules");
    println!("{} detection rules, {} correlations", set.rules().len(), set.correlations().len());
    let lines = [lines(0), lines(10)];
    let [ordinary, bulk] = lines.each_ref().map(|lines| decoded(lines));
    let bytes: usize = lines[0].iter().map(Vec::len).sum();
    println!("{} events, {} bytes on average", ordinary.len(), bytes / ordinary.len());
    let plain = median((0..ROUNDS).map(|_| correlate(&set, &ordinary)));
    let dumped = median((0..ROUNDS).map(|_| correlate(&set, &bulk)));
    report("ordinary mix", plain, EVENTS);
    report("one reader makes 10%", dumped, EVENTS);
    println!(
        "with the bulk reader: {:.3} of the ordinary time",
        dumped.as_secs_f64() / plain.as_secs_f64()
    );
    sigma_hq();
    groups(&set);
}

fn lines(tenth: u64) -> Vec<Vec<u8>> {
    let events = agency::events(EVENTS as u64, tenth).into_iter();
    events.map(|(_, event)| event.to_string().into_bytes()).collect()
}

fn decoded(lines: &[Vec<u8>]) -> Vec<Event<'_>> {
    let mut decoder = Decoder::new(Expected::Auto);
    let mut events = Vec::new();
    for line in lines {
        events.extend(decoder.decode(line).expect("a valid event"));
    }
    events
}

fn correlate(set: &RuleSet, events: &[Event<'_>]) -> Duration {
    let scope = set.scope_of_event(Format::Native, Kind::Access);
    let mut table: Table<GroupState> = Table::new(GROUPS);
    let (mut scratch, mut group_scratch) = (Scratch::default(), GroupScratch::default());
    let (mut matched, mut fired) = (Vec::new(), Vec::new());
    let mut firings = 0;
    let nothing = || Json::Null;
    let started = Instant::now();
    for event in events {
        let fields = EventFields::new(event, Known::default(), &nothing);
        matched.clear();
        fired.clear();
        set.matches(&scope, &fields, &mut scratch, &mut matched);
        let (table, at) = (&mut table, event.time);
        let (watermark, held) = (Some(at), None);
        let mut groups = Groups { table, at, watermark, lateness_ms: 600_000, seed: 7, held };
        set.correlate(&matched, &fields, &(), &mut groups, &mut group_scratch, &mut fired);
        firings += fired.len();
    }
    let took = started.elapsed();
    std::hint::black_box(firings);
    took
}

/// Thousands of rules that others wrote, over records that others recorded.
fn sigma_hq() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sigma");
    if !folder.exists() {
        return println!("no shared data: SigmaHQ's rules were not measured");
    }
    let out = std::env::temp_dir().join(format!("tidewaiter-rules-{}", std::process::id()));
    std::fs::create_dir_all(&out).expect("a temporary folder");
    let archive = folder.join("rules.tar.gz");
    let done =
        std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&out).status();
    assert!(done.expect("tar").success());
    let files = tidewaiter::app::read_rules(&out).expect("rules");
    let _ = std::fs::remove_dir_all(&out);
    let placeholders = [("known_cdcs".to_owned(), vec!["dc01.example.net".to_owned()])];
    let dialect = Dialect { placeholders: placeholders.into(), ..Default::default() };
    let started = Instant::now();
    let set = RuleSet::load_with(files, &dialect).expect("SigmaHQ's rules");
    println!(
        "{} SigmaHQ rules loaded in {:.0} ms",
        set.rules().len(),
        started.elapsed().as_secs_f64() * 1e3
    );
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("events.dev.ndjson.gz")).expect("records");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    let records = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let records: Vec<Json> =
        records.filter(|r| r["service"] == "cloudtrail").map(|mut r| r["event"].take()).collect();
    let lines: Vec<Vec<u8>> = records.iter().map(|r| r.to_string().into_bytes()).collect();
    let source =
        LogSource { product: Some("aws"), service: Some("cloudtrail"), ..Default::default() };
    let scope = set.scope(&[source]);
    let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
    let mut run = |event: &dyn Fields| {
        matched.clear();
        set.matches(&scope, event, &mut scratch, &mut matched);
    };
    let total = records.len() * 20;
    let matching = median((0..ROUNDS).map(|_| {
        let started = Instant::now();
        (0..20).for_each(|_| records.iter().for_each(|record| run(record)));
        started.elapsed()
    }));
    report("SigmaHQ on CloudTrail", matching, total);
    let parsing = median((0..ROUNDS).map(|_| {
        let started = Instant::now();
        for line in (0..20).flat_map(|_| &lines) {
            run(&serde_json::from_slice::<Json>(line).expect("JSON"));
        }
        started.elapsed()
    }));
    report("the same, JSON parsed too", parsing, total);
}

/// What a million people cost who each did a little.
fn groups(set: &RuleSet) {
    let source = LogSource {
        product: Some("tidewaiter"),
        service: None,
        categories: ["access"].into_iter().collect(),
    };
    let scope = set.scope(&[source]);
    let mut table: Table<GroupState> = Table::new(GROUPS);
    let (mut scratch, mut group_scratch) = (Scratch::default(), GroupScratch::default());
    let (mut matched, mut fired) = (Vec::new(), Vec::new());
    let at = EventTime::parse("2026-03-02T08:00:00Z").expect("a time");
    for i in 0..GROUPS * 3 {
        let event = json!({"actor": {"id": format!("off-{}", i % GROUPS)}, "action": "read", "outcome": "allowed",
            "source": {"ip": "10.0.0.1"}, "resource": {"dataset": "pnr", "record": format!("PNR-{i}")}, "bytes": 10});
        let at = at.plus_ms((i / 1_000) as i64);
        matched.clear();
        set.matches(&scope, &event, &mut scratch, &mut matched);
        let table = &mut table;
        let (watermark, held) = (Some(at), None);
        let mut groups = Groups { table, at, watermark, lateness_ms: 600_000, seed: 7, held };
        set.correlate(&matched, &event, &(), &mut groups, &mut group_scratch, &mut fired);
    }
    let held = table.bytes() as f64 / table.len() as f64;
    println!("{} groups: {held:.0} bytes each", table.len());
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}

fn report(what: &str, time: Duration, events: usize) {
    let each = time.as_nanos() as f64 / events as f64;
    println!("{what:26} {each:6.0} ns an event, {:9.0} events/s", 1e9 / each);
}
