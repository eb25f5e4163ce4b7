//! What an event costs in memory, on one thread: decoding alone, and the whole engine.
//!
//! `cargo bench --bench engine` prints both and their ratio from one run. The events are a
//! simulated agency's; catalogue, directory and the shipped rules are on, findings are correlated,
//! evidence is gathered. Nothing is read or written. Memory comes from the program's own allocator.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod simulated;

use std::time::{Duration, Instant};

use tidewaiter::app::replay::{Line, Listener, Replay};
use tidewaiter::app::{load_settings, pseudonym_key};
use tidewaiter::config::Config;
use tidewaiter::engine::decode::{Decoder, Expected};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: usize = 400_000;
const ROUNDS: usize = 5;
/// Lines handed over at once, as a worker takes them.
const LINES: usize = 500;

struct Nobody;

impl Listener for Nobody {}

fn main() {
    let folder = std::env::temp_dir().join(format!("tidewaiter-bench-{}", std::process::id()));
    let (lines, config) = prepare(&folder);
    let bytes: usize = lines.iter().map(Vec::len).sum();
    println!("{} events, {} bytes on average", lines.len(), bytes / lines.len());
    let decode = median((0..ROUNDS).map(|_| decode(&lines)));
    let engine = median((0..ROUNDS).map(|_| engine(&lines, &config)));
    report("decode", decode, lines.len());
    report("engine, decode included", engine, lines.len());
    println!(
        "the engine costs {:.2} times decoding alone",
        engine.as_secs_f64() / decode.as_secs_f64()
    );
    let _ = std::fs::remove_dir_all(folder);
}

fn prepare(folder: &std::path::Path) -> (Vec<Vec<u8>>, Config) {
    let (simulation, config) = simulated::prepare(folder);
    let lines = simulation
        .take(EVENTS)
        .map(|event| {
            let mut line = Vec::new();
            event.write_json(&mut line);
            line
        })
        .collect();
    (lines, config)
}

fn decode(lines: &[Vec<u8>]) -> Duration {
    let mut decoder = Decoder::new(Expected::Auto);
    let started = Instant::now();
    for line in lines {
        std::hint::black_box(decoder.decode(line).expect("a valid event"));
    }
    started.elapsed()
}

fn engine(lines: &[Vec<u8>], config: &Config) -> Duration {
    let key = pseudonym_key(config, false).expect("a key");
    let (settings, _) = load_settings(config, &key).expect("settings");
    let files = vec![("memory".to_owned(), Decoder::new(Expected::Auto))];
    let mut replay = Replay::new(files, &config.shard(), config.correlate.clone());
    let started = Instant::now();
    for (batch, lines) in lines.chunks(LINES).enumerate() {
        let of = |(place, text)| Line { file: 0, number: (batch * LINES + place) as u64 + 1, text };
        let lines: Vec<Line<'_>> = lines.iter().map(Vec::as_slice).enumerate().map(of).collect();
        replay.take_all(&lines, &settings, &mut Nobody).expect("nothing is written");
    }
    started.elapsed()
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
