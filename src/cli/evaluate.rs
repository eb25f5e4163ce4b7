//! `tidewaiter evaluate`: how good the detectors are, by months whose attacks are known.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure, OrExit};
use crate::app::evaluate::{EvaluateError, Evaluation, evaluate, plot, table};
use crate::config::{Config, Purpose, load};
use crate::engine::model::Problems;
use crate::simulate::{MonthConfig, attack_names, attacks};

/// Run simulated months with known attacks and benign oddities through the engine and say what was
/// found, how soon, and at what price in false incidents.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Configuration file; only catalogue, directory, rules and detector settings matter here.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Alert budgets: false incidents per 1,000 actors and day, with commas.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [5.0, 1.0])]
    budget: Vec<f64>,
    /// One month each: 1-5 or 3,7,9.
    #[arg(long, value_name = "SEEDS", default_value = "1-5")]
    seeds: String,
    /// Accounts of the agency.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    actors: u32,
    #[arg(long, value_name = "N", default_value_t = 28)]
    days: u32,
    /// Volume of honest reads; 1 is some 25 million in 28 days for 3,000 accounts.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
    /// Cite no case in any event.
    #[arg(long)]
    no_cases: bool,
    /// Share of an attacker's reads that cite a case.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    attack_case_share: f64,
    /// Share of honest reads whose case the stream has lost.
    #[arg(long, value_name = "SHARE", default_value_t = 0.12)]
    lost_case_share: f64,
    /// Kinds of attack with commas, core or all; see --list-kinds.
    #[arg(long, value_name = "NAMES", default_value = "core")]
    kinds: String,
    /// Attacks of each single-actor kind in a month. [default: 15 for 3,000 actors]
    #[arg(long, value_name = "N")]
    each: Option<u32>,
    /// Name the kinds of attack there are.
    #[arg(long)]
    list_kinds: bool,
    /// Months run at a time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Write the report here as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a plot here, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.list_kinds {
        for (name, description) in attacks() {
            println!("{name:20} {description}");
        }
        return Ok(Exit::Fine);
    }
    let evaluation = evaluation(arguments)?;
    let bar = bar(&evaluation);
    let report = evaluate(&evaluation, &|told| {
        bar.inc(told.passed_ms.max(0) as u64 / 1_000);
        bar.set_message(format!("seed {}", told.seed));
    })
    .map_err(|error| match error {
        EvaluateError::Settings(error) => error.into(),
        EvaluateError::Simulation(_) => Failure { exit: Exit::BadConfig, error: error.into() },
        EvaluateError::Replay(_) | EvaluateError::Refused { .. } => {
            Failure { exit: Exit::Internal, error: error.into() }
        }
    })?;
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    print!("{}", table(&report));
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&report).or_exit(Exit::Internal)?;
        std::fs::write(path, json + "\n").or_exit(Exit::Internal)?;
    }
    if let Some(path) = &arguments.plot {
        std::fs::write(path, plot(&report)).or_exit(Exit::Internal)?;
    }
    let judged = report.events * evaluation.budgets.len() as u64;
    eprintln!(
        "{} events at {} budgets in {seconds:.1} s, {:.0} events/s, peak memory {:.0} MiB",
        report.events,
        evaluation.budgets.len(),
        judged as f64 / seconds.max(1e-9),
        crate::adapters::telemetry::peak_rss_bytes().unwrap_or(0) as f64 / f64::from(1 << 20),
    );
    Ok(Exit::Fine)
}

fn evaluation(arguments: &Arguments) -> Result<Evaluation, Failure> {
    let config = match &arguments.config {
        Some(path) => load(path, Purpose::Replay).or_exit(Exit::BadConfig)?,
        None => Config::default(),
    };
    let mut problems = Problems::default();
    for &budget in &arguments.budget {
        let mut config = config.clone();
        config.detect.budget_per_1000_actors_day = budget;
        config.check(&mut problems);
    }
    problems.into_result().or_exit(Exit::BadConfig)?;
    let defaults = MonthConfig::default();
    let kinds = match arguments.kinds.as_str() {
        "core" => defaults.kinds,
        "all" => attack_names().map(str::to_owned).collect(),
        "none" => Vec::new(),
        names => names.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    let month = MonthConfig {
        actors: arguments.actors,
        days: arguments.days,
        scale: arguments.scale,
        cases: !arguments.no_cases,
        attack_case_share: arguments.attack_case_share,
        lost_case_share: arguments.lost_case_share,
        kinds,
        each: arguments.each,
        ..defaults
    };
    month.check().or_exit(Exit::BadConfig)?;
    let seeds = seeds(&arguments.seeds).or_exit(Exit::BadConfig)?;
    if !(1..=JOBS_MAX).contains(&arguments.jobs) {
        let problem = format!("--jobs must be 1 to {JOBS_MAX}, got {}", arguments.jobs);
        return Err(anyhow::anyhow!(problem)).or_exit(Exit::BadConfig);
    }
    let budgets = arguments.budget.clone();
    Ok(Evaluation { config, budgets, seeds, month, jobs: arguments.jobs })
}

/// Months run at a time.
const JOBS_MAX: usize = 64;
/// Seeds one evaluation takes.
const SEEDS_MAX: usize = 1_000;

/// `1-5`, `7`, `3,7,9-11`; no seed twice.
fn seeds(text: &str) -> anyhow::Result<Vec<u64>> {
    let mut seeds = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let parse = |number: &str| {
            number.trim().parse::<u64>().map_err(|_| {
                anyhow::anyhow!("--seeds: `{part}` is neither a number nor a range like 1-5")
            })
        };
        let (first, last) = (parse(first)?, parse(last)?);
        if first > last || last - first >= SEEDS_MAX as u64 {
            anyhow::bail!("--seeds: `{part}` must go up, by less than {SEEDS_MAX}");
        }
        seeds.extend(first..=last);
    }
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != seeds.len() {
        anyhow::bail!("--seeds: names a seed twice in `{text}`");
    }
    if seeds.len() > SEEDS_MAX {
        anyhow::bail!("--seeds: at most {SEEDS_MAX}, got {}", seeds.len());
    }
    Ok(seeds)
}

/// On a terminal only; simulated seconds of all months.
fn bar(evaluation: &Evaluation) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() {
        let seconds = u64::from(evaluation.month.days) * 86_400 * evaluation.seeds.len() as u64;
        ProgressBar::new(seconds)
    } else {
        ProgressBar::hidden()
    };
    let template = "{bar:40} {percent}%, {msg}, {elapsed} ({eta} left)";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match seeds(text) {
            Ok(seeds) => format!("{seeds:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn reads_seeds() {
        check("1-3", "[1, 2, 3]");
        check("7", "[7]");
        check("3, 7,9-10", "[3, 7, 9, 10]");
    }

    #[test]
    fn refuses_what_names_no_seeds() {
        check("", "--seeds: `` is neither a number nor a range like 1-5");
        check("5-1", "--seeds: `5-1` must go up, by less than 1000");
        check("1-3,2", "--seeds: names a seed twice in `1-3,2`");
    }
}
