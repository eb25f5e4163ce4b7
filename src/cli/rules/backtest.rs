//! `tidewaiter rules backtest`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use super::{Exit, Failure, OrExit, config_of, whole_set};
use crate::adapters::files::{Lines, Merge};
use crate::app::{self, backtest, load_dialect};
use crate::cli::replay::bar;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Rules;
use crate::engine::model::EventTime;

/// Run a rule over recorded events: how often it would have fired, on whom, and how many alerts a
/// day that is.
///
/// Keys are shown as pseudonyms. Exits with 2 where the rule is refused.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rule file, or a folder. A correlation needs the rules it names in the same file, or by
    /// --with.
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// Log files, .gz and .zst too.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// More rules, which RULE names and which are not counted.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Configuration file: catalogue, directory, placeholders and mapping.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// auto, native, ocsf, cloudtrail or zeek.
    #[arg(long, default_value = "auto")]
    format: Expected,
    /// Only events from this instant on, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = EventTime::parse)]
    from: Option<EventTime>,
    /// Only events before this instant, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = EventTime::parse)]
    to: Option<EventTime>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Keys shown, those with most findings first.
const KEYS_SHOWN: usize = 10;

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = config_of(arguments.config.as_deref())?;
    let dialect = load_dialect(&config)?;
    let mut files = app::read_rules(&arguments.rule)?;
    let wanted: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    for path in &arguments.with {
        files.extend(app::read_rules(path)?.into_iter().filter(|(name, _)| !wanted.contains(name)));
    }
    let rules = Rules::new(whole_set(&files, &dialect)?);
    let counted: Vec<(String, String)> = rules
        .all()
        .filter(|(rule, _, _)| wanted.iter().any(|name| **name == *rule.file))
        .map(|(rule, _, _)| (rule.id.clone(), rule.title.clone()))
        .collect();
    let key = app::pseudonym_key(&config, false).or_exit(Exit::BadConfig)?;
    let (mut settings, _) = app::load_settings(&config, &key)?;
    let read = Arc::new(AtomicU64::new(0));
    let mut opened = Vec::new();
    for path in &arguments.files {
        let lines = Lines::open(path, Arc::clone(&read)).or_exit(Exit::BadInput)?;
        opened.push((lines, Decoder::new(arguments.format)));
    }
    let decoders = arguments.files.iter().map(|_| Decoder::new(arguments.format)).collect();
    let bar = bar(&arguments.files);
    let bounds = (arguments.from, arguments.to);
    let mut found =
        backtest(&mut Merge::new(opened), decoders, &mut settings, rules, bounds, |records| {
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!("{records} records"));
        })
        .or_exit(Exit::BadInput)?;
    bar.finish_and_clear();
    if !arguments.with.is_empty() {
        found.findings.retain(|id, _| counted.iter().any(|(counted, _)| counted == id));
    }
    if arguments.json {
        println!("{}", as_json(&found));
    } else {
        print(&found, &counted);
    }
    let nothing = found.records > 0 && found.rejected == found.records;
    Ok(if nothing { Exit::BadInput } else { Exit::Fine })
}

fn as_json(found: &app::Backtest) -> serde_json::Value {
    serde_json::json!({
        "records": found.records, "rejected": found.rejected, "judged": found.judged,
        "first": found.first, "last": found.last, "findings": found.total(),
        "findings_per_day": found.per_day(), "findings_by_rule": found.findings,
        "keys": found.keys.len(), "findings_by_key": found.keys, "findings_by_day": found.days,
    })
}

fn print(found: &app::Backtest, counted: &[(String, String)]) {
    let time = |time: Option<EventTime>| time.map_or("none".to_owned(), |time| time.to_string());
    println!(
        "events    {} judged of {} read, {} rejected",
        found.judged, found.records, found.rejected
    );
    println!("from      {} to {}", time(found.first), time(found.last));
    println!(
        "findings  {}, {:.2} a day, on {} keys",
        found.total(),
        found.per_day(),
        found.keys.len()
    );
    for (id, title) in counted {
        println!("          {:6}  {title}", found.findings.get(id).copied().unwrap_or(0));
    }
    let mut keys: Vec<(&String, &u64)> = found.keys.iter().collect();
    keys.sort_by_key(|(key, n)| (std::cmp::Reverse(**n), *key));
    for (key, n) in keys.into_iter().take(KEYS_SHOWN) {
        println!("on        {n:6}  {key}");
    }
    for (day, n) in &found.days {
        println!("on {day} {n}");
    }
}
