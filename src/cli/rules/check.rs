//! `tidewaiter rules check`.

use clap::Args;

use super::{Exit, Failure, Source, whole_set};
use crate::engine::detect::rules::lint;

/// Read and compile rules, and say what looks like a slip. Exits with 2 where a rule is refused.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Slips count as faults.
    #[arg(long)]
    strict: bool,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (files, dialect) = arguments.source.read()?;
    let set = whole_set(&files, &dialect)?;
    let mut hints = 0;
    for (file, text) in &files {
        for hint in lint(text) {
            println!("{file}:{}: hint: rule `{}`: {}", hint.line, hint.rule, hint.text);
            hints += 1;
        }
    }
    println!(
        "{} detection rules and {} correlations in {} files, {hints} hints",
        set.rules().len(),
        set.correlations().len(),
        files.len()
    );
    Ok(if arguments.strict && hints > 0 { Exit::BadRule } else { Exit::Fine })
}
