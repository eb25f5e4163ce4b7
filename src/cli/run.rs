//! `tidewaiter run`: the monitor on Kafka.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::telemetry::init_logging;
use crate::app::{self, Hooks, RunError};
use crate::config::{Config, Purpose, RolesConfig, load};
use crate::engine::model::Problems;

/// Watch the configured Kafka topics until told to stop.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// What this process does, with commas: detect, correlate, serve. In the place of `[roles]`.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLES")]
    roles: Option<Vec<Role>>,
    /// Name of this process among those of its group. In the place of `kafka.instance`.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// What partitions and actors without a past begin with. In the place of `data.learned`.
    #[arg(long, value_name = "FILE")]
    learned: Option<PathBuf>,
    /// Log as JSON, also on a terminal.
    #[arg(long)]
    log_json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Detect,
    Correlate,
    Serve,
}

impl Arguments {
    /// The configuration with what the command line says in its place, checked again.
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = load(&self.config, Purpose::Run)?;
        if let Some(roles) = &self.roles {
            let plays = |role| roles.contains(&role);
            config.roles = RolesConfig {
                detect: plays(Role::Detect),
                correlate: plays(Role::Correlate),
                serve: plays(Role::Serve),
            };
        }
        if self.instance.is_some() {
            config.kafka.instance.clone_from(&self.instance);
        }
        if self.learned.is_some() {
            config.data.learned.clone_from(&self.learned);
        }
        let mut problems = Problems::default();
        config.check(&mut problems);
        config.check_run(&mut problems);
        problems.into_result()?;
        Ok(config)
    }
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = arguments.config().or_exit(Exit::BadConfig)?;
    init_logging(arguments.log_json);
    let hooks = Hooks {
        listening: Box::new(|address| tracing::info!("console at http://{address}/")),
        demo: false,
        watching: Arc::default(),
    };
    run_until_stopped(app::run(config, Arc::new(AtomicBool::new(false)), hooks))
}

/// Runs on a runtime of its own; SIGINT and SIGTERM end it.
pub fn run_until_stopped(
    work: impl Future<Output = Result<(), RunError>>,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_exit(Exit::Internal)?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match ended {
        Ok(()) => Ok(Exit::Fine),
        Err(error) => {
            let exit = match &error {
                RunError::Settings(error) if error.is_of_rules() => Exit::BadRule,
                RunError::Key(_)
                | RunError::Settings(_)
                | RunError::Secret(_)
                | RunError::Store(app::OpenStoreError::Password(_))
                | RunError::Topics(_)
                | RunError::Listen { .. } => Exit::BadConfig,
                _ => Exit::Internal,
            };
            Err(Failure { exit, error: error.into() })
        }
    }
}
