//! `tidewaiter ledger`: what became of every record.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::kafka::{LedgerLine, Link, ledger};
use crate::adapters::telemetry::{Telemetry, init_logging};
use crate::config::{Purpose, load};

/// Print, per topic and partition, how many records were read and what became of them, against
/// Kafka's own offsets.
///
/// Beside the inputs stands the topic of lookups, in which partitions tell each other who looked up
/// whom. The figures are those of the last save, so a running monitor shows some lag. Exits with 1 where
/// the account does not balance.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// One JSON object a partition, a line each.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    init_logging(false);
    let config = load(&arguments.config, Purpose::Run).or_exit(Exit::BadConfig)?;
    // Lookups are read as inputs are, and nothing lost among them may pass unseen.
    let mut topics: Vec<String> = config.input.iter().map(|input| input.topic.clone()).collect();
    topics.push(config.kafka.topics().lookups);
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let lines = ledger(&config.kafka, &topics, &link).or_exit(Exit::Internal)?;
    if arguments.json {
        for line in &lines {
            println!("{}", serde_json::to_string(line).or_exit(Exit::Internal)?);
        }
    } else {
        print!("{}", table(&lines));
    }
    let balanced = lines.iter().all(|line| line.imbalance == 0);
    if !balanced {
        eprintln!("tidewaiter: the ledger does not balance; records are accounted for nowhere");
    }
    Ok(if balanced { Exit::Fine } else { Exit::Found })
}

const HEADINGS: [&str; 12] = [
    "topic",
    "part",
    "first",
    "next",
    "end",
    "lag",
    "scored",
    "late",
    "duplicate",
    "dead",
    "gaps",
    "imbalance",
];

fn table(lines: &[LedgerLine]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(lines.iter().map(cells));
    if lines.len() > 1 {
        rows.push(cells(&total(lines)));
        if let Some(last) = rows.last_mut() {
            (last[0], last[1]) = ("total".into(), String::new());
            (last[2], last[3], last[4]) = Default::default();
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).map(|c| width(c).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text += "\n";
    }
    text
}

fn cells(line: &LedgerLine) -> [String; 12] {
    [
        line.topic.clone(),
        line.partition.to_string(),
        line.first.to_string(),
        line.next.to_string(),
        line.end.to_string(),
        line.lag.to_string(),
        line.scored.to_string(),
        line.late.to_string(),
        line.duplicate.to_string(),
        line.dead_lettered.to_string(),
        line.gaps.to_string(),
        line.imbalance.to_string(),
    ]
}

fn total(lines: &[LedgerLine]) -> LedgerLine {
    let sum = |of: fn(&LedgerLine) -> u64| lines.iter().map(of).sum();
    LedgerLine {
        topic: String::new(),
        partition: 0,
        first: 0,
        next: 0,
        end: 0,
        lag: lines.iter().map(|line| line.lag).sum(),
        scored: sum(|line| line.scored),
        late: sum(|line| line.late),
        duplicate: sum(|line| line.duplicate),
        dead_lettered: sum(|line| line.dead_lettered),
        gaps: sum(|line| line.gaps),
        imbalance: lines.iter().map(|line| line.imbalance.abs()).sum(),
    }
}
