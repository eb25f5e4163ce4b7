//! What a save holds and what it costs: a simulated agency's events through one shard, in memory.
//!
//! `cargo bench --bench saves -- [EVENTS] [EVENTS A SAVE]`. For each save, records and bytes by what
//! they are about (the first letters of their keys, see `Kept` and `PartKind`), and at the end how large an
//! actor's record is.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod judged;
mod simulated;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidewaiter::app::{load_settings, pseudonym_key};
use tidewaiter::config::Config;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::shard::{Output, Records, Restoring, Settings, Shard};

const EVENTS: usize = 1_200_000;
/// What two seconds bring when everything is busy.
const EVENTS_A_SAVE: usize = 300_000;

fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse().ok());
    let events = numbers.next().unwrap_or(EVENTS);
    let every = numbers.next().unwrap_or(EVENTS_A_SAVE);
    let folder = std::env::temp_dir().join(format!("tidewaiter-saves-{}", std::process::id()));
    let (simulation, config) = simulated::prepare(&folder);
    let key = pseudonym_key(&config, false).expect("a key");
    let (settings, _) = load_settings(&config, &key).expect("settings");
    let mut bench = Bench {
        shard: fresh(&config),
        decoder: Decoder::new(Expected::Auto),
        out: Output::default(),
        number: 0,
    };
    let mut simulation = simulation.take(events);
    let (mut records, mut actors) = (Records::default(), BTreeMap::new());
    let mut restoring = Restoring::default();
    loop {
        let lines: Vec<Vec<u8>> = simulation
            .by_ref()
            .take(every)
            .map(|event| {
                let mut line = Vec::new();
                event.write_json(&mut line);
                line
            })
            .collect();
        if lines.is_empty() {
            break;
        }
        let judging = timed(|| bench.judge(&lines, &settings));
        records.clear();
        let saving = timed(|| {
            let saving = bench.shard.save(&mut records).expect("it can be saved");
            bench.shard.saved(saving);
        });
        let each = judging.as_nanos() as usize / lines.len();
        println!("{} events, {each} ns each; saved in {saving:.1?}", bench.number);
        tell(&records);
        for (key, value) in records.iter() {
            restoring.take(key, value);
            if let (Some(b'a'), Some(value)) = (key.first(), value) {
                actors.insert(key.to_vec(), key.len() + value.len());
            }
        }
    }
    let mut sizes: Vec<usize> = actors.into_values().collect();
    sizes.sort_unstable();
    let at = |part: usize| sizes[(sizes.len() - 1) * part / 100];
    println!(
        "{} actors: {} bytes on average, half below {}, 99 of 100 below {}, the largest {}",
        sizes.len(),
        sizes.iter().sum::<usize>() / sizes.len(),
        at(50),
        at(99),
        at(100)
    );
    let (kept, mut again) = (restoring.len(), fresh(&config));
    let took = timed(|| again.restore(restoring).expect("it was just saved"));
    println!("{kept} records restored in {took:.1?}");
    let _ = std::fs::remove_dir_all(folder);
}

fn fresh(config: &Config) -> Shard {
    let topic = Stream::Partition { topic: "events".into(), partition: 0 };
    Shard::new(vec![topic], &config.shard())
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

struct Bench {
    shard: Shard,
    decoder: Decoder,
    out: Output,
    number: u64,
}

impl Bench {
    fn judge(&mut self, lines: &[Vec<u8>], settings: &Settings) {
        let Self { shard, decoder, out, number } = self;
        judged::judge(shard, (decoder, settings), (lines, *number), out, Output::clear);
        *number += lines.len() as u64;
    }
}

fn tell(records: &Records) {
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut all = 0;
    for (key, value) in records.iter() {
        let letters = if key[0] == b'k' { &key[..2] } else { &key[..1] };
        let kind = kinds.entry(String::from_utf8_lossy(letters).into()).or_default();
        let bytes = key.len() + value.map_or(0, <[u8]>::len);
        *kind = (kind.0 + 1, kind.1 + bytes);
        all += bytes;
    }
    println!("  {} records, {all} bytes", records.len());
    for (kind, (records, bytes)) in kinds.into_iter().filter(|(_, (_, bytes))| bytes * 100 >= all) {
        println!("    {kind:<2} {records:>6} records, {bytes:>9} bytes");
    }
}
