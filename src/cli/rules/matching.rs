//! `tidewaiter rules match`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;

use super::{Exit, Failure, OrExit, config_of, usable_set};
use crate::adapters::files::Lines;
use crate::app::{self, RawRecord, load_dialect};
use crate::cli::replay::bar;
use crate::engine::detect::rules::{Scope, Scratch};

/// Match detection rules against raw records, one JSON object a line:
/// {id, product, service, categories, event}.
///
/// Prints {"event":id,"rules":[ids]} for each record that any rule matches; a rule applies where
/// each of its logsource product, service and category is the record's. Rules with faults are
/// named on stderr and left out; exits with 2 where none is left, with 4 where no record could be
/// read.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rule file, or folder read with its subfolders.
    #[arg(long, value_name = "DIR")]
    rules: PathBuf,
    /// Records, .gz and .zst too; - is stdin.
    #[arg(long, value_name = "FILE|-")]
    events: PathBuf,
    /// Configuration file: its placeholders and mapping.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Product, service and categories of a record.
type LogSourceOf = (Option<String>, Option<String>, Vec<String>);

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let dialect = load_dialect(&config_of(arguments.config.as_deref())?)?;
    let set = usable_set(&app::read_rules(&arguments.rules)?, &dialect)?;
    let read = Arc::new(AtomicU64::new(0));
    let mut lines = Lines::open(&arguments.events, Arc::clone(&read)).or_exit(Exit::BadInput)?;
    let bar = bar(std::slice::from_ref(&arguments.events));
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut scopes: HashMap<LogSourceOf, Scope> = HashMap::new();
    let mut scratch = Scratch::default();
    let mut matched = Vec::new();
    let (mut records, mut unreadable) = (0_u64, 0_u64);
    while lines.advance().or_exit(Exit::BadInput)? {
        if lines.line().iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        records += 1;
        if records.is_multiple_of(4_096) {
            bar.set_position(read.load(Ordering::Relaxed));
            bar.set_message(format!("{records} records"));
        }
        let record = match RawRecord::parse(lines.line(), lines.number()) {
            Ok(record) => record,
            Err(error) => {
                unreadable += 1;
                if unreadable <= UNREADABLE_TOLD_MAX {
                    eprintln!("{}:{}: {error}", arguments.events.display(), lines.number());
                }
                continue;
            }
        };
        let RawRecord { id, product, service, categories, event } = record;
        let source = (product, service, categories);
        let scope = match scopes.get(&source) {
            Some(scope) => scope,
            None => {
                let (product, service, categories) = source.clone();
                let made = crate::engine::detect::rules::LogSource {
                    product: product.as_deref(),
                    service: service.as_deref(),
                    categories: categories.iter().map(String::as_str).collect(),
                };
                let scope = set.scope(&[made]);
                if scopes.len() >= SCOPES_MAX {
                    scopes.clear();
                }
                scopes.entry(source).or_insert(scope)
            }
        };
        matched.clear();
        set.matches(scope, &event, &mut scratch, &mut matched);
        if !matched.is_empty() {
            let ids = matched.iter().filter_map(|&index| set.rule(index));
            let ids: Vec<&str> = ids.map(|rule| rule.id.as_str()).collect();
            let line = serde_json::json!({ "event": id, "rules": ids });
            writeln!(out, "{line}").or_exit(Exit::Internal)?;
        }
    }
    out.flush().or_exit(Exit::Internal)?;
    bar.finish_and_clear();
    if unreadable > 0 {
        eprintln!("{unreadable} of {records} records could not be read");
    }
    Ok(if unreadable == records && records > 0 { Exit::BadInput } else { Exit::Fine })
}

/// Unreadable records that are named one by one.
const UNREADABLE_TOLD_MAX: u64 = 10;
/// Sources kept at hand; records choose their names.
const SCOPES_MAX: usize = 10_000;
