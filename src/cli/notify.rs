//! `tidewaiter notify`: notices that no sink took.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::notify::{Attempt, Facts, Sink};
use crate::adapters::store::NoticeState;
use crate::adapters::telemetry::now;
use crate::app::open_store;
use crate::config::{Purpose, load};
use crate::engine::model::EventTime;
use crate::engine::timeline::visible;

/// List and retry notices that were given up, and try a sink out.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", global = true, default_value = "tidewaiter.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Dead letters, or notices in another state, the oldest first.
    List {
        #[arg(long, value_enum, default_value = "dead")]
        state: State,
    },
    /// Let the dead letters of all sinks in the configuration wait for them anew.
    Retry,
    /// Send one notice that says it is a test, and tell what came back.
    Test {
        /// The sink's name.
        sink: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// Given up.
    Dead,
    /// Yet to be taken by their sinks.
    Waiting,
    /// Kept back by a silence or a maintenance window.
    Silenced,
    /// Old news, to be told in one.
    Folding,
    /// Old news that was told in one.
    Folded,
}

impl State {
    const fn stored(self) -> NoticeState {
        match self {
            Self::Dead => NoticeState::Dead,
            Self::Waiting => NoticeState::Waiting,
            Self::Silenced => NoticeState::Silenced,
            Self::Folding => NoticeState::Folding,
            Self::Folded => NoticeState::Folded,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let config = load(&arguments.config, Purpose::Replay).or_exit(Exit::BadConfig)?;
    if let Command::Test { sink } = &arguments.command {
        let Some(found) = config.notify.sink.iter().find(|s| s.name == *sink) else {
            return Err(anyhow::anyhow!("no sink `{sink}` in the configuration"))
                .or_exit(Exit::BadInput);
        };
        let to = Sink::new(found).or_exit(Exit::BadConfig)?;
        let now = now();
        let attempt = Attempt {
            key: format!("test-{}", now.millis()),
            payload: Facts::test(now, &config.notify).json(),
            before: None,
            now_ms: now.millis(),
        };
        return match to.send(&attempt) {
            Ok(()) => {
                println!("{sink}: taken");
                Ok(Exit::Fine)
            }
            Err(error) => {
                println!("{sink}: {error}");
                Ok(Exit::Found)
            }
        };
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_exit(Exit::Internal)?;
    runtime.block_on(async {
        let store = open_store(&config.store).await.or_exit(Exit::Internal)?;
        let Command::List { state } = arguments.command else {
            let sinks: Vec<String> = config.notify.sink.iter().map(|s| s.name.clone()).collect();
            let again = store.retry_notices(&sinks, now().millis()).await;
            let count = again.or_exit(Exit::Internal)?;
            println!("{count} notices wait anew");
            return Ok(Exit::Fine);
        };
        for kept in store.notices_in(state.stored()).await.or_exit(Exit::Internal)? {
            let since = EventTime::from_millis(kept.created_ms).unwrap_or_default();
            let (sink, error) = (visible(&kept.sink), visible(&kept.last_error));
            println!("{since}  {sink}  {}  {} attempts  {error}", kept.key, kept.attempts);
        }
        Ok(Exit::Fine)
    })
}
