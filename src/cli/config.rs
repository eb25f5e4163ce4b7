//! `tidewaiter config check`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, OrExit};
use crate::app;
use crate::config::{Purpose, load};

/// Look at a configuration without running it.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names every mistake in a configuration and the files it points to.
    Check {
        /// The configuration file.
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Command::Check { config: path } = &arguments.command;
    let config = load(path, Purpose::Run).or_exit(Exit::BadConfig)?;
    let key = app::pseudonym_key(&config, false).or_exit(Exit::BadConfig)?;
    let wrong = app::wrong_files(&config, &key);
    for error in wrong.iter().skip(1) {
        eprintln!("tidewaiter: {error}");
    }
    wrong.into_iter().next().map_or(Ok(()), Err)?;
    let (_, loaded) = app::load_settings(&config, &key)?;
    println!(
        "{}: fine; {} input topics, {} datasets, {} actors, {} protected subjects, {} canaries, {} rules",
        path.display(),
        config.input.len(),
        loaded.datasets,
        loaded.actors,
        loaded.protected,
        loaded.canaries,
        loaded.rules,
    );
    Ok(Exit::Fine)
}
