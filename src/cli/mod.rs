//! The command line: one file a command, thin. Results on stdout, diagnostics on stderr.

mod config;
mod demo;
mod evaluate;
mod exit;
mod explain;
mod health;
mod learn;
mod ledger;
mod notify;
mod replay;
mod rules;
mod run;
mod simulate;
mod store;

use clap::{Parser, Subcommand};

pub use exit::Exit;

use crate::engine::timeline::visible_lines;

/// Watches the reads of sensitive records and says when they look like a breach.
#[derive(Debug, Parser)]
#[command(name = "tidewaiter", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Demo(demo::Arguments),
    Replay(replay::Arguments),
    Rules(rules::Arguments),
    Simulate(simulate::Arguments),
    Evaluate(evaluate::Arguments),
    Incidents(store::IncidentArguments),
    Timeline(store::TimelineArguments),
    Learn(learn::Arguments),
    Explain(explain::Arguments),
    Notify(notify::Arguments),
    Ledger(ledger::Arguments),
    Config(config::Arguments),
    Health(health::Arguments),
}

/// Who reads what is printed may stop listening (`| head`): that is no failure to tell of.
fn end_with_the_reader() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let words = panic.payload_as_str().unwrap_or_default();
        if words.starts_with("failed printing to stdout") && words.contains("Broken pipe") {
            std::process::exit(0);
        }
        otherwise(panic);
    }));
}

/// Parses, runs, and says how it ended.
pub fn main() -> Exit {
    end_with_the_reader();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked_for = !error.use_stderr();
            let _ = error.print();
            return if asked_for { Exit::Fine } else { Exit::BadConfig };
        }
    };
    let ended = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Incidents(arguments) => store::incidents(&arguments),
        Command::Timeline(arguments) => store::timeline(&arguments),
        Command::Learn(arguments) => learn::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Notify(arguments) => notify::run(&arguments),
        Command::Ledger(arguments) => ledger::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
    };
    ended.unwrap_or_else(|failure| {
        eprintln!("tidewaiter: {}", visible_lines(&failure.told()));
        failure.exit
    })
}
