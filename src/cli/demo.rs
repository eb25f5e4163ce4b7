//! `tidewaiter demo`: an agency's day, a broker and the monitor, in one process.

use std::io::{self, IsTerminal};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use super::run::run_until_stopped;
use crate::adapters::telemetry::init_logging;
use crate::app::demo::{DemoOptions, demo};
use crate::app::{RunError, stop_on_signals};

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
    let (listen, speed, seed) = (arguments.listen.clone(), arguments.speed, arguments.seed);
    run_until_stopped(async move {
        // Before there is anything to clean up.
        let stop = Arc::new(AtomicBool::new(false));
        stop_on_signals(&stop);
        let folder = DemoFolder::new().map_err(|error| RunError::Demo(error.to_string()))?;
        demo(DemoOptions { listen, speed, seed, folder: folder.0.clone(), stop }).await
    })
}

/// Removed when the demo ends.
struct DemoFolder(std::path::PathBuf);

impl DemoFolder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tidewaiter-demo-{}", std::process::id()));
        // Ours alone; a folder that is there already is somebody else's.
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot make {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
