//! `tidewaiter rules`: work on rules, without a monitor.

mod backtest;
mod check;
mod correlate;
mod list;
mod matching;
mod test;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, OrExit};
use crate::app::{self, load_dialect};
use crate::config::{Config, Purpose, load};
use crate::engine::detect::rules::{Dialect, RuleError, RuleSet};

/// Check, test and try Sigma rules.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Test(test::Arguments),
    List(list::Arguments),
    Backtest(backtest::Arguments),
    Match(matching::Arguments),
    Correlate(correlate::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Backtest(arguments) => backtest::run(arguments),
        Command::Match(arguments) => matching::run(arguments),
        Command::Correlate(arguments) => correlate::run(arguments),
    }
}

/// Which rules, and how their names are read.
#[derive(Debug, Args)]
struct Source {
    /// Rule files, or folders read with their subfolders. Without any, those of the
    /// configuration, or the shipped ones.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Configuration file: its rules, placeholders and mapping.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

type Files = Vec<(String, Vec<u8>)>;

impl Source {
    fn config(&self) -> Result<Config, Failure> {
        config_of(self.config.as_deref())
    }

    /// The tests of the shipped rules, by name, where it is these that are asked for.
    fn tests(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let shipped = self.paths.is_empty() && self.config()?.data.rules.is_none();
        Ok(shipped.then(|| app::shipped_tests().into_iter().collect()))
    }

    fn read(&self) -> Result<(Files, Dialect), Failure> {
        let config = self.config()?;
        let dialect = load_dialect(&config)?;
        let mut files = Vec::new();
        for path in &self.paths {
            files.extend(app::read_rules(path)?);
        }
        if self.paths.is_empty() {
            files = match &config.data.rules {
                Some(path) => app::read_rules(path)?,
                None => app::shipped_rules().into_iter().map(|(n, t)| (n, t.into())).collect(),
            };
        }
        Ok((files, dialect))
    }
}

fn config_of(path: Option<&Path>) -> Result<Config, Failure> {
    match path {
        Some(path) => load(path, Purpose::Replay).or_exit(Exit::BadConfig),
        None => Ok(Config::default()),
    }
}

/// All or nothing, as the monitor loads them; the faults go to stderr.
fn whole_set(files: &Files, dialect: &Dialect) -> Result<RuleSet, Failure> {
    let files = files.iter().map(|(name, text)| (name, text));
    RuleSet::load_with(files, dialect).map_err(|errors| {
        let told = tell(&errors);
        Failure { exit: Exit::BadRule, error: anyhow::anyhow!("faults in rules: {told}") }
    })
}

/// What is usable of what others wrote; the faults go to stderr, and only nothing usable fails.
fn usable_set(files: &Files, dialect: &Dialect) -> Result<RuleSet, Failure> {
    let files = files.iter().map(|(name, text)| (name, text));
    let (set, errors) = RuleSet::load_usable(files, dialect);
    tell(&errors);
    if set.rules().is_empty() {
        return Err(anyhow::anyhow!("no usable rule")).or_exit(Exit::BadRule);
    }
    Ok(set)
}

fn tell(errors: &[RuleError]) -> usize {
    errors.iter().for_each(|error| eprintln!("{error}"));
    errors.len()
}
