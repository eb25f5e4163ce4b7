//! `tidewaiter rules correlate`.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::{Exit, Failure, OrExit, config_of, usable_set};
use crate::adapters::files::Lines;
use crate::app::{self, RawRecord, load_dialect};
use crate::cli::replay::bar;
use crate::engine::detect::rules::{Firing, GroupScratch, Groups, RuleIndex, RuleSet, Scratch};
use crate::engine::detect::state::Table;
use crate::engine::model::EventTime;

/// Run correlation rules over raw records, one JSON object a line:
/// {id, product, service, categories, event}, or the events alone.
///
/// Prints {"rule":id,"title":...,"group":{field:value},"time":...,"value":n} for each firing of a
/// correlation: when its condition came to hold for a group, and again after each timespan in
/// which it still holds. Events are taken in the order of their time (eventTime, time, ts,
/// @timestamp, ...), then id, whatever their order in the file; a record whose id was seen before
/// is passed over. Those that a rule matches are held in memory. Exits with 2 where no rule is
/// usable, with 4 where no record could be read.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rule file, or folder read with its subfolders.
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// Records, .gz and .zst too; - is stdin.
    #[arg(long, value_name = "FILE|-")]
    events: PathBuf,
    /// Configuration file: its placeholders and mapping.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A record that some rule matches.
struct Matched {
    at: EventTime,
    id: String,
    rules: Vec<RuleIndex>,
    event: Json,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dialect = load_dialect(&config_of(arguments.config.as_deref())?)?;
    let set = usable_set(&app::read_rules(&arguments.rules)?, &dialect)?;
    if set.correlations().is_empty() {
        return Err(anyhow::anyhow!("no usable correlation")).or_exit(Exit::BadRule);
    }
    let (mut matched, counts) = collect(arguments, &set)?;
    matched.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let mut out = BufWriter::new(io::stdout().lock());
    let mut table = Table::new(GROUPS_MAX);
    let mut scratch = GroupScratch::default();
    let mut firings = Vec::new();
    for record in &matched {
        let mut groups = Groups {
            table: &mut table,
            at: record.at,
            watermark: Some(record.at),
            lateness_ms: 0,
            seed: 0,
            held: None,
        };
        firings.clear();
        let event = &record.event;
        set.correlate(&record.rules, event, &(), &mut groups, &mut scratch, &mut firings);
        for firing in &firings {
            if let Some(line) = shown(&set, firing) {
                writeln!(out, "{line}").or_exit(Exit::Internal)?;
            }
        }
    }
    out.flush().or_exit(Exit::Internal)?;
    counts.tell();
    if table.evicted() > 0 {
        eprintln!("{} groups were forgotten for want of room", table.evicted());
    }
    let nothing = counts.records > 0 && counts.unreadable == counts.records;
    Ok(if nothing { Exit::BadInput } else { Exit::Fine })
}

/// Groups at once.
const GROUPS_MAX: usize = 10_000_000;

#[derive(Default)]
struct Counts {
    records: u64,
    unreadable: u64,
    repeated: u64,
    untimed: u64,
}

impl Counts {
    fn tell(&self) {
        for (n, what) in [
            (self.unreadable, "could not be read"),
            (self.repeated, "had been seen before"),
            (self.untimed, "match a rule but have no time that is understood"),
        ] {
            if n > 0 {
                eprintln!("{n} of {} records {what}", self.records);
            }
        }
    }
}

fn collect(arguments: &Arguments, set: &RuleSet) -> Result<(Vec<Matched>, Counts), Failure> {
    let read = Arc::new(AtomicU64::new(0));
    let mut lines = Lines::open(&arguments.events, Arc::clone(&read)).or_exit(Exit::BadInput)?;
    let bar = bar(std::slice::from_ref(&arguments.events));
    let mut counts = Counts::default();
    let (mut kept, mut seen) = (Vec::new(), HashSet::new());
    let mut scratch = Scratch::default();
    while lines.advance().or_exit(Exit::BadInput)? {
        if lines.line().iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        counts.records += 1;
        if counts.records.is_multiple_of(4_096) {
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!("{} records", counts.records));
        }
        let Ok(record) = RawRecord::parse(lines.line(), lines.number()) else {
            counts.unreadable += 1;
            continue;
        };
        let mut rules = Vec::new();
        set.matches(&set.scope(&[record.source()]), &record.event, &mut scratch, &mut rules);
        if rules.is_empty() {
            continue;
        }
        let Some(at) = record.time() else {
            counts.untimed += 1;
            continue;
        };
        if !seen.insert(record.id.clone()) {
            counts.repeated += 1;
            continue;
        }
        kept.push(Matched { at, id: record.id, rules, event: record.event });
    }
    bar.finish_and_clear();
    Ok((kept, counts))
}

/// A firing as a line; none for a correlation that only feeds others.
fn shown(set: &RuleSet, firing: &Firing) -> Option<Json> {
    let correlation = set.correlations().get(firing.correlation as usize)?;
    if !set.correlation_tells(firing.correlation) {
        return None;
    }
    let group: Map<String, Json> =
        firing.group.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
    // A count is a whole number, and is printed as one.
    let whole = firing.value.fract() == 0.0 && firing.value.abs() < 9e15;
    let value = if whole { json!(firing.value as i64) } else { json!(firing.value) };
    Some(json!({
        "rule": correlation.rule.id, "title": correlation.rule.title, "group": group,
        "time": firing.at, "value": value,
    }))
}
