//! What an event costs with ever more actors remembered, and how large their state is.
//!
//! `cargo bench --bench actors -- [ACTORS ...]`. Each actor reads ten records in an hour and logs
//! on once; then the same number of further reads, by actors of chance, is timed. The state is
//! saved as records, and taken back by a fresh shard. One thread, in memory.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod judged;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use tidewaiter::app::{load_settings, pseudonym_key};
use tidewaiter::config::Config;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::detect::Stream;
use tidewaiter::engine::model::EventTime;
use tidewaiter::engine::shard::{AHEAD, Output, Records, Restoring, Settings, Shard};

const CATALOGUE: &str = "[[dataset]]\nname = \"pnr\"\ncategory = \"travel\"\ntier = 1\n";
const READS_AN_ACTOR: u64 = 10;
const TIMED: u64 = 400_000;
/// A second's saves: what a busy interval changes.
const SAVED_EVERY: u64 = 100_000;
/// 2026-03-02T08:00:00Z, in milliseconds.
const START_MS: i64 = 1_772_438_400_000;
const HOUR_MS: i64 = 3_600_000;

fn main() {
    let mut counts: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![1_000, 10_000, 100_000, 1_000_000];
    }
    let folder = std::env::temp_dir().join(format!("tidewaiter-actors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let mut config = Config::default();
    config.data.catalogue = Some(folder.join("catalogue.toml"));
    std::fs::write(folder.join("catalogue.toml"), CATALOGUE).expect("a file");
    let key = pseudonym_key(&config, false).expect("a key");
    let (settings, _) = load_settings(&config, &key).expect("settings");
    println!(
        "actors | ns an event | of it decoding | bytes an actor in memory, saved | first save, further saves, restore"
    );
    for actors in counts {
        measure(actors, &config, &settings);
    }
    let _ = std::fs::remove_dir_all(folder);
}

fn measure(actors: u64, config: &Config, settings: &Settings) {
    let mut bench = Bench::new(actors, config, settings);
    for number in 0..actors {
        bench.judge("auth", number);
    }
    for number in 0..actors * READS_AN_ACTOR {
        bench.judge("access", number % actors);
    }
    bench.flush();
    let mut records = Records::default();
    let first = timed(|| bench.save(&mut records));
    let size = bench.shard.size();
    let of_actors = records.iter().filter(|(key, _)| key.first() == Some(&b'a'));
    let bytes: usize = of_actors.map(|(key, v)| key.len() + v.map_or(0, <[u8]>::len)).sum();
    let restoring = {
        let mut restoring = Restoring::default();
        records.iter().for_each(|(key, value)| restoring.take(key, value));
        restoring
    };
    let mut again = bench.fresh();
    let restored = timed(|| again.restore(restoring).expect("it was just saved"));
    drop(again);
    let (mut judging, mut saves) = (Duration::ZERO, Vec::new());
    for _ in 0..TIMED / SAVED_EVERY {
        judging += timed(|| {
            for _ in 0..SAVED_EVERY {
                let actor = bench.draw(actors);
                bench.judge("access", actor);
            }
            bench.flush();
        });
        records.clear();
        saves.push(timed(|| bench.save(&mut records)));
    }
    saves.sort_unstable();
    let decoding = timed(|| {
        for _ in 0..TIMED {
            let actor = bench.draw(actors);
            bench.write("access", actor);
            black_box(bench.decoder.decode(bench.line.as_bytes()).expect("an event"));
        }
    });
    let each = |time: Duration| time.as_nanos() as u64 / TIMED;
    println!(
        "{actors:>9} | {:>6} | {:>5} | {:>6}, {:>6} | {first:.1?}, {:.1?}, {restored:.1?}",
        each(judging),
        each(decoding),
        size.actor_bytes as u64 / actors,
        bytes as u64 / actors,
        saves[saves.len() / 2],
    );
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

struct Bench<'a> {
    shard: Shard,
    config: &'a Config,
    settings: &'a Settings,
    decoder: Decoder,
    out: Output,
    line: String,
    /// The last lines, not judged yet, and room for further ones.
    held: Vec<String>,
    spare: Vec<String>,
    /// Events so far, of how many in the hour.
    number: u64,
    hour: u64,
    random: u64,
}

impl<'a> Bench<'a> {
    fn new(actors: u64, config: &'a Config, settings: &'a Settings) -> Self {
        Self {
            shard: fresh(config),
            config,
            settings,
            decoder: Decoder::new(Expected::Auto),
            out: Output::default(),
            line: String::new(),
            held: Vec::new(),
            spare: Vec::new(),
            number: 0,
            hour: actors * (READS_AN_ACTOR + 1),
            random: 7,
        }
    }

    fn fresh(&self) -> Shard {
        fresh(self.config)
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % below
    }

    fn save(&mut self, records: &mut Records) {
        let saving = self.shard.save(records).expect("it can be saved");
        self.shard.saved(saving);
    }

    fn at(&self) -> EventTime {
        let ms = START_MS + (self.number as i64).saturating_mul(HOUR_MS) / self.hour as i64;
        EventTime::from_millis(ms).expect("a time")
    }

    fn write(&mut self, kind: &str, actor: u64) {
        let (number, at) = (self.number, self.at());
        self.line.clear();
        let subject = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let _ = write!(
            self.line,
            r#"{{"kind":"{kind}","id":"01JQ{number:012}","time":"{at}","actor":{{"id":"off-{actor}","role":"role-{}","unit":"U-{}","type":"person"}},"session":"s-{actor:x}","source":{{"ip":"10.{}.{}.{}","site":"AMS"}},"system":"gateway","outcome":"allowed","#,
            actor % 8,
            actor % 200,
            actor >> 16 & 255,
            actor >> 8 & 255,
            actor & 255
        );
        let _ = match kind {
            "auth" => write!(self.line, r#""action":"login","mfa":true}}"#),
            _ => write!(
                self.line,
                r#""action":"read","resource":{{"dataset":"pnr","category":"travel","record":"PNR-{subject}","subject":"T-{subject}"}},"records":1,"bytes":1834,"case":"C-2026-{}"}}"#,
                subject % 9_999
            ),
        };
    }

    fn judge(&mut self, kind: &str, actor: u64) {
        self.write(kind, actor);
        let spare = self.spare.pop().unwrap_or_default();
        self.held.push(std::mem::replace(&mut self.line, spare));
        self.number += 1;
        if self.held.len() == AHEAD {
            self.flush();
        }
    }

    /// Judges what is held.
    fn flush(&mut self) {
        let Self { shard, decoder, held, out, settings, number, .. } = self;
        let lines = (held.as_slice(), *number - held.len() as u64);
        judged::judge(shard, (decoder, settings), lines, out, Output::clear);
        self.spare.append(&mut self.held);
    }
}

fn fresh(config: &Config) -> Shard {
    let topic = Stream::Partition { topic: "events".into(), partition: 0 };
    Shard::new(vec![topic], &config.shard())
}
