//! What telling other shards of lookups costs: a simulated agency's events through four shards of
//! accounts, and what these tell through the one in which subjects are counted, in memory.
//!
//! `cargo bench --bench lookups -- [EVENTS] [ROUNDS]` prints the least of the rounds. Judging is the
//! whole engine, decoding and the writing of each lookup included.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod judged;
mod simulated;

use std::time::{Duration, Instant};

use tidewaiter::app::{load_settings, pseudonym_key};
use tidewaiter::config::Config;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::detect::baseline::{Lookups, Progress};
use tidewaiter::engine::model::EventTime;
use tidewaiter::engine::shard::{Output, Settings, Shard};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 600_000;
const ROUNDS: usize = 5;
const SOURCES: usize = 4;
/// Records of one partition that are taken together.
const RUN: usize = 500;

fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse().ok());
    let events = numbers.next().unwrap_or(EVENTS);
    let rounds = numbers.next().unwrap_or(ROUNDS);
    let folder = std::env::temp_dir().join(format!("tidewaiter-lookups-{}", std::process::id()));
    let (simulation, config) = simulated::prepare(&folder);
    let key = pseudonym_key(&config, false).expect("a key");
    let (settings, _) = load_settings(&config, &key).expect("settings");
    let mut runs: Vec<(usize, Vec<Vec<u8>>)> = Vec::new();
    let mut filling: Vec<Vec<Vec<u8>>> = vec![Vec::new(); SOURCES];
    for event in simulation.take(events) {
        let mut line = Vec::new();
        event.write_json(&mut line);
        let source = source_of(&line);
        filling[source].push(line);
        if filling[source].len() == RUN {
            runs.push((source, std::mem::take(&mut filling[source])));
        }
    }
    let mut least = [Duration::MAX; 3];
    let mut counted = (0, 0, 0);
    for _ in 0..rounds {
        let mut bench = Bench::new(&config);
        let told = bench.judge_all(&runs, &settings);
        bench.count_all(&told, &settings);
        counted = (told.len(), told.iter().map(Vec::len).sum(), bench.found);
        for (least, took) in least.iter_mut().zip(bench.took) {
            *least = took.min(*least);
        }
    }
    let (records, bytes, found) = counted;
    let events = runs.len() * RUN;
    println!("{events} events, {records} records of {bytes} bytes, {found} findings");
    for (what, took) in ["judging", "writing", "counting"].into_iter().zip(least) {
        println!("{what:9} {:6.1} ns an event", took.as_nanos() as f64 / events as f64);
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// Whose events go together, as a topic's partitions do.
fn source_of(line: &[u8]) -> usize {
    let mut decoder = Decoder::new(Expected::Auto);
    let event = decoder.decode(line).expect("an event").expect("no header");
    let who = event.actor_id().or(event.source_ip()).unwrap_or_default();
    who.bytes().fold(0, |mark, byte| mark * 31 % 1_009 + usize::from(byte)) % SOURCES
}

struct Bench {
    shards: Vec<Shard>,
    counting: Shard,
    decoder: Decoder,
    out: Output,
    position: u64,
    took: [Duration; 3],
    found: usize,
}

impl Bench {
    fn new(config: &Config) -> Self {
        let shard = |partition| {
            let stream = Stream::Partition { topic: "events".into(), partition };
            let mut shard = Shard::new(vec![stream], &config.shard());
            shard.send_lookups();
            shard
        };
        Self {
            shards: (0..SOURCES as i32).map(shard).collect(),
            counting: Shard::new(Vec::new(), &config.shard()),
            decoder: Decoder::new(Expected::Auto),
            out: Output::default(),
            position: 0,
            took: [Duration::ZERO; 3],
            found: 0,
        }
    }

    /// What travels, record by record.
    fn judge_all(&mut self, runs: &[(usize, Vec<Vec<u8>>)], settings: &Settings) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        for (source, lines) in runs {
            let started = Instant::now();
            self.judge(*source, lines, settings);
            self.took[0] += started.elapsed();
            let started = Instant::now();
            let reached = self.shards[*source].watermark().unwrap_or(EventTime::MIN);
            let progress = Progress {
                topic: "events".into(),
                partition: *source as i32,
                reached,
                idle: false,
                actors: 100.0,
                shards: 1,
                sources: SOURCES as u32,
            };
            for share in self.out.lookups.share_out(progress.shards) {
                told.push(share.to_bytes(&progress).expect("is written"));
            }
            self.took[1] += started.elapsed();
            self.out.clear();
        }
        told
    }

    fn judge(&mut self, source: usize, lines: &[Vec<u8>], settings: &Settings) {
        let Self { shards, decoder, out, position, .. } = self;
        let lines = (lines, *position);
        judged::judge(&mut shards[source], (decoder, settings), lines, out, |_| {});
        *position += lines.0.len() as u64;
    }

    fn count_all(&mut self, told: &[Vec<u8>], settings: &Settings) {
        let started = Instant::now();
        for (number, bytes) in told.iter().enumerate() {
            let now = EventTime::default().plus_ms(number as i64);
            let lookups = Lookups::from_bytes(bytes).expect("reads back");
            self.counting.gather(lookups, now, settings, &mut self.out);
        }
        self.took[2] = started.elapsed();
        self.found = self.out.findings.len();
        self.out.clear();
    }
}
