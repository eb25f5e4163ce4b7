//! `tidewaiter rules check`.

use clap::Args;

use super::{Exit, Failure, Source, whole_set};
use crate::engine::detect::rules::{Hint, lint, lint_set};

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
    let of_set = lint_set(&set);
    let mut hints = 0;
    for (file, text) in &files {
        let of_file = of_set.iter().filter(|(name, _)| **name == **file);
        let mut all: Vec<Hint> = of_file.map(|(_, hint)| hint.clone()).collect();
        all.extend(lint(std::str::from_utf8(text).unwrap_or_default()));
        all.sort_by_key(|hint| hint.line);
        for hint in &all {
            println!("{file}:{}: hint: rule `{}`: {}", hint.line, hint.rule, hint.text);
        }
        hints += all.len();
    }
    println!(
        "detection rules: {}, correlations: {}, files: {}, hints: {hints}",
        set.rules().len(),
        set.correlations().len(),
        files.len()
    );
    Ok(if arguments.strict && hints > 0 { Exit::BadRule } else { Exit::Fine })
}
