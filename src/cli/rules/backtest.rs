//! `tidewaiter rules backtest`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use super::{Exit, Failure, OrExit, config_of, whole_set};
use crate::adapters::files::{Lines, Merge};
use crate::adapters::kafka::{History, Link};
use crate::adapters::telemetry::{Telemetry, init_logging};
use crate::app::{self, PastIncidents, Trial, load_dialect};
use crate::cli::replay::{bar, bar_of};
use crate::cli::store::read_store;
use crate::config::{Config, Purpose, load};
use crate::engine::cases::Resolution;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Rules;
use crate::engine::model::EventTime;

/// Run a rule over recorded events: how often it would have fired, on whom, how many alerts a day
/// that is, and what people had made of the same days.
///
/// Events come from log files, or with --kafka from what the configured input topics still hold.
/// Nothing is written and no offset is committed. Keys are shown as pseudonyms, or with --names as
/// they are. Exits with 2 where the rule is refused.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rule file, or a folder. A correlation needs the rules it names in the same file, or by
    /// --with.
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// Log files, .gz and .zst too.
    #[arg(required_unless_present = "kafka", conflicts_with = "kafka", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The configuration's input topics instead of files, each partition judged by itself as it is
    /// when it comes in.
    #[arg(long, requires = "config")]
    kafka: bool,
    /// Hold the findings against the incidents in the configuration's store that people resolved:
    /// how many confirmed breaches the rule would have seen, how many false alarms it would share.
    #[arg(long, requires = "config")]
    incidents: bool,
    /// More rules, which RULE names and which are not counted.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Configuration file: catalogue, directory, placeholders and mapping; topics and store.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// auto, native, ocsf, cloudtrail or zeek. Topics have theirs in the configuration.
    #[arg(long, default_value = "auto", conflicts_with = "kafka")]
    format: Expected,
    /// Only events from this instant on, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = EventTime::parse)]
    from: Option<EventTime>,
    /// Only events before this instant, RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = EventTime::parse)]
    to: Option<EventTime>,
    /// Show on whom it fires by name.
    #[arg(long)]
    names: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Keys shown, those with most findings first.
const KEYS_SHOWN: usize = 10;
/// Incidents that were not seen, shown.
const MISSED_SHOWN: usize = 10;

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        let error = anyhow::anyhow!("--from {from} must be before --to {to}");
        return Err(error).or_exit(Exit::BadConfig);
    }
    let config = match &arguments.config {
        Some(path) if arguments.kafka => load(path, Purpose::Run).or_exit(Exit::BadConfig)?,
        path => config_of(path.as_deref())?,
    };
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
    let bounds = (arguments.from, arguments.to);
    let past = match arguments.incidents {
        true => {
            let closed = read_store(&config.store, async |store| {
                Ok(app::closed_incidents(&store, bounds).await?)
            })?;
            Some(PastIncidents::new(closed))
        }
        false => None,
    };
    let ids = counted.iter().map(|(id, _)| id.clone()).collect();
    let mut trial = Trial::new(&mut settings, rules, ids, bounds, past);
    if arguments.names {
        trial = trial.named();
    }
    let found = match arguments.kafka {
        true => over_kafka(&config, trial, arguments.from)?,
        false => over_files(arguments, trial)?,
    };
    if arguments.json {
        println!("{}", as_json(&found));
    } else {
        print(&found, &counted);
    }
    let nothing = found.records > 0 && found.rejected == found.records;
    Ok(if nothing { Exit::BadInput } else { Exit::Fine })
}

fn over_files(arguments: &Arguments, trial: Trial<'_>) -> Result<app::Backtest, Failure> {
    let read = Arc::new(AtomicU64::new(0));
    let mut opened = Vec::new();
    for path in &arguments.files {
        let lines = Lines::open(path, Arc::clone(&read)).or_exit(Exit::BadInput)?;
        opened.push((lines, Decoder::new(arguments.format)));
    }
    let decoders = arguments.files.iter().map(|_| Decoder::new(arguments.format)).collect();
    let bar = bar(&arguments.files);
    let found = app::backtest_files(trial, &mut Merge::new(opened), decoders, |records| {
        bar.set_position(read.load(Ordering::Relaxed));
        bar.set_message(format!("{records} records"));
    });
    bar.finish_and_clear();
    found.or_exit(Exit::BadInput)
}

fn over_kafka(
    config: &Config,
    trial: Trial<'_>,
    from: Option<EventTime>,
) -> Result<app::Backtest, Failure> {
    init_logging(false);
    let topics: Vec<String> = config.input.iter().map(|input| input.topic.clone()).collect();
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let history = History::open(&config.kafka, &topics, from, &link).or_exit(Exit::BadInput)?;
    let bar = bar_of(history.total(), "{bar:40} {pos}/{len} records, {elapsed} ({eta} left)");
    let progress = |records| bar.set_position(records);
    let found = app::backtest_kafka(trial, history, &config.input, progress);
    bar.finish_and_clear();
    found.or_exit(Exit::BadInput)
}

fn as_json(found: &app::Backtest) -> serde_json::Value {
    serde_json::json!({
        "records": found.records, "rejected": found.rejected, "judged": found.judged,
        "first": found.first, "last": found.last, "findings": found.total(),
        "span_seconds": found.span_s(), "findings_per_day": found.per_day(),
        "extrapolated": found.is_short(), "findings_by_rule": found.findings,
        "keys": found.keys.len(), "findings_by_key": found.keys, "findings_by_day": found.days,
        "incidents": found.past.as_ref().map(past_json),
    })
}

fn past_json(past: &PastIncidents) -> serde_json::Value {
    let by_resolution: serde_json::Map<String, serde_json::Value> = Resolution::ALL
        .into_iter()
        .map(|resolution| {
            let (all, met, missed) = past.of(resolution);
            let value = serde_json::json!({"closed": all, "seen": met, "missed": missed});
            (resolution.name().to_owned(), value)
        })
        .collect();
    serde_json::json!({"by_resolution": by_resolution, "findings": past.findings()})
}

fn print(found: &app::Backtest, counted: &[(String, String)]) {
    let time = |time: Option<EventTime>| time.map_or("none".to_owned(), |time| time.to_string());
    println!(
        "events    {} judged of {} read, {} rejected",
        found.judged, found.records, found.rejected
    );
    println!("from      {} to {}", time(found.first), time(found.last));
    println!(
        "findings  {} in {}{}, on {} keys",
        found.total(),
        span(found.span_s()),
        rate(found),
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
    if let Some(past) = &found.past {
        print_past(past);
    }
}

/// The span in the units people think in.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn rate(found: &app::Backtest) -> String {
    match found.per_day() {
        None => "; that is too short to say how many a day".to_owned(),
        Some(rate) if found.is_short() => format!(" ({rate:.2} a day, were all of it like this)"),
        Some(rate) => format!(" ({rate:.2} a day)"),
    }
}

fn print_past(past: &PastIncidents) {
    for resolution in Resolution::ALL {
        let (all, met, missed) = past.of(resolution);
        println!("incidents closed as {}: {met} of {all} seen", resolution.name());
        if resolution == Resolution::TruePositive {
            missed.iter().take(MISSED_SHOWN).for_each(|id| println!("missed    {id}"));
        }
    }
    let list: Vec<String> = past.findings().iter().map(|(name, n)| format!("{name} {n}")).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    println!("findings by what their incident turned out to be: {list}");
}
