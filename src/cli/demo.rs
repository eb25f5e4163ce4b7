//! `tidewaiter demo`: an agency's day, a broker and the monitor, in one process.

use std::io::IsTerminal;

use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use super::run::run_until_stopped;
use crate::adapters::telemetry::init_logging;
use crate::app::demo::{DemoOptions, demo};

/// Show everything at once: simulates an agency's day with a few breaches in it, on an embedded
/// broker, watches it and serves the console. Ctrl-C ends it and leaves nothing behind.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where the console is served.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Simulated seconds in a second.
    #[arg(long, value_name = "N", default_value_t = 60.0)]
    speed: f64,
    /// Another seed is another agency.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if !(0.1..=100_000.0).contains(&arguments.speed) {
        let error = anyhow::anyhow!("--speed must be 0.1 to 100000, got {}", arguments.speed);
        return Err(error).or_exit(Exit::BadConfig);
    }
    if std::env::var_os("RUST_LOG").is_some() || !std::io::stderr().is_terminal() {
        init_logging(false);
    }
    let folder = DemoFolder::new().or_exit(Exit::Internal)?;
    let options = DemoOptions {
        listen: arguments.listen.clone(),
        speed: arguments.speed,
        seed: arguments.seed,
        folder: folder.0.clone(),
    };
    run_until_stopped(demo(options))
}

/// Removed when the demo ends.
struct DemoFolder(std::path::PathBuf);

impl DemoFolder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tidewaiter-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
