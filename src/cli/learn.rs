//! `tidewaiter learn`: baselines from history, before going live.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use super::replay::{bar, bar_of};
use crate::adapters::files::{Lines, Merge, write_learned};
use crate::adapters::kafka::{History, Link};
use crate::adapters::telemetry::{Telemetry, init_logging, now};
use crate::app::{self, Learner};
use crate::config::{Config, Purpose, load};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::model::EventTime;

/// Learn what is usual from recorded events, before going live.
///
/// Events come from log files, or with --kafka from what the configured input topics still hold.
/// Nothing is told to anybody, no offset is committed and no topic is written: what was learned goes
/// into one file, which `run` and `replay` begin with (`data.learned`, or --learned).
#[derive(Debug, Args)]
pub struct Arguments {
    /// Log files, .gz and .zst too, merged by event time.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "kafka", conflicts_with = "kafka")]
    from: Vec<PathBuf>,
    /// The configuration's input topics instead of files.
    #[arg(long, requires = "config")]
    kafka: bool,
    /// Only what was appended since: RFC 3339, or so many days or hours back, as in 30d or 12h.
    #[arg(long, requires = "kafka", value_name = "TIME", value_parser = since)]
    since: Option<EventTime>,
    /// Configuration file: catalogue, directory, detectors; topics.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// auto, native, ocsf, cloudtrail or zeek. Topics have theirs in the configuration.
    #[arg(long, default_value = "auto", conflicts_with = "kafka")]
    format: Expected,
    /// Where what was learned goes. Without it, to `data.learned` of the configuration.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn since(text: &str) -> Result<EventTime, String> {
    const HOUR_MS: i64 = 3_600_000;
    let ago = |unit: char, ms: i64| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        (0..=100_000).contains(&number).then(|| now().minus_ms(number * ms))
    };
    if let Some(time) = ago('d', 24 * HOUR_MS).or_else(|| ago('h', HOUR_MS)) {
        return Ok(time);
    }
    EventTime::parse(text).map_err(|error| format!("{error}, nor so many days or hours, as in 30d"))
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = match &arguments.config {
        Some(path) if arguments.kafka => load(path, Purpose::Run).or_exit(Exit::BadConfig)?,
        Some(path) => load(path, Purpose::Replay).or_exit(Exit::BadConfig)?,
        None => Config::default(),
    };
    let to = arguments.output.as_ref().or(config.data.learned.as_ref());
    let to = to.context("where is what was learned to go? Give --output, or set data.learned");
    let to = to.or_exit(Exit::BadConfig)?;
    writable(to, &arguments.from).or_exit(Exit::BadConfig)?;
    let key = match arguments.kafka {
        true => app::pseudonym_key(&config, true),
        false => app::key_for_files(&config, &arguments.from),
    };
    let key = key.or_exit(Exit::BadConfig)?;
    let (settings, _) = app::load_settings(&config, &key)?;
    let streams = match arguments.kafka {
        true => Vec::new(),
        false => {
            let name = |path: &PathBuf| Stream::File { name: path.display().to_string() };
            arguments.from.iter().map(name).collect()
        }
    };
    let mut learner = Learner::new(&settings, &config.shard(), streams);
    match arguments.kafka {
        true => from_kafka(&config, &mut learner, arguments.since)?,
        false => from_files(arguments, &mut learner)?,
    }
    eprintln!(
        "records   {} = {} judged + {} late + {} rejected + {} duplicate",
        learner.records,
        learner.judged,
        learner.late,
        learner.rejected,
        learner.records - learner.judged - learner.late - learner.rejected
    );
    let learned = learner.learned().or_exit(Exit::BadInput)?;
    let bytes = learned.to_bytes().or_exit(Exit::Internal)?;
    write_learned(to, &bytes).or_exit(Exit::BadConfig)?;
    let span = learned.span();
    eprintln!("learned   {} actors, from {} to {}", learned.actors(), span.since, span.until);
    eprintln!("findings  {} at medium or above, told to nobody", learner.untold);
    if !learner.is_calibrated() {
        eprintln!("tidewaiter: too short for thresholds to follow the budget; they go on learning");
    }
    println!("{}", to.display());
    Ok(Exit::Fine)
}

fn from_files(arguments: &Arguments, learner: &mut Learner<'_>) -> Result<(), Failure> {
    let read = Arc::new(AtomicU64::new(0));
    let mut opened = Vec::new();
    for path in &arguments.from {
        let lines = Lines::open(path, Arc::clone(&read)).or_exit(Exit::BadInput)?;
        opened.push((lines, Decoder::new(arguments.format)));
    }
    let decoders = arguments.from.iter().map(|_| Decoder::new(arguments.format)).collect();
    let bar = bar(&arguments.from);
    let done = app::learn_files(learner, &mut Merge::new(opened), decoders, |records| {
        bar.set_position(read.load(Ordering::Relaxed));
        bar.set_message(format!("{records} records"));
    });
    bar.finish_and_clear();
    done.or_exit(Exit::BadInput)
}

fn from_kafka(
    config: &Config,
    learner: &mut Learner<'_>,
    since: Option<EventTime>,
) -> Result<(), Failure> {
    init_logging(false);
    let topics: Vec<String> = config.input.iter().map(|input| input.topic.clone()).collect();
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let history = History::open(&config.kafka, &topics, since, &link).or_exit(Exit::BadInput)?;
    let bar = bar_of(history.total(), "{bar:40} {pos}/{len} records, {elapsed} ({eta} left)");
    let done = app::learn_kafka(learner, history, &config.input, |n| bar.set_position(n));
    bar.finish_and_clear();
    done.or_exit(Exit::BadInput)
}

/// Said before the work begins, and not after it.
fn writable(to: &Path, inputs: &[PathBuf]) -> anyhow::Result<()> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    anyhow::ensure!(folder.is_dir(), "{} is no folder to write into", folder.display());
    let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let taken = inputs.iter().any(|input| place(input) == place(to));
    anyhow::ensure!(!taken, "{} is read; name another file for what is learned", to.display());
    Ok(())
}
