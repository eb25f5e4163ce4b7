//! The demonstration: embedded broker, simulated agency, the whole monitor.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::run::{Hooks, RunError, run};
use crate::adapters::kafka::{EmbeddedBroker, InputConfig, Link, Sender};
use crate::adapters::telemetry::Telemetry;
use crate::config::Config;
use crate::engine::model::{EventTime, Kind};
use crate::simulate::{Simulation, SimulationConfig};

pub struct DemoOptions {
    pub listen: String,
    /// Simulated seconds in a second.
    pub speed: f64,
    pub seed: u64,
    /// Holds the store and the agency's files.
    pub folder: PathBuf,
    /// Ends it, also while it is still starting.
    pub stop: Arc<AtomicBool>,
}

/// Partitions of each topic.
const PARTITIONS: i32 = 3;

/// Runs until stopped. When the simulated day is over the console goes on being served.
pub async fn demo(options: DemoOptions) -> Result<(), RunError> {
    let broker = EmbeddedBroker::start().map_err(demo_error)?;
    let simulation = Simulation::new(SimulationConfig::demo(options.seed)).map_err(demo_error)?;
    let config = config(&options, &broker, &simulation)?;
    for topic in config.kafka.topics().all() {
        broker.create_topic(topic, PARTITIONS).map_err(demo_error)?;
    }
    let lookups = config.kafka.topics().changelog(&config.kafka.topics().lookups);
    broker.create_topic(&lookups, PARTITIONS).map_err(demo_error)?;
    for input in &config.input {
        broker.create_topic(&input.topic, PARTITIONS).map_err(demo_error)?;
        let changelog = config.kafka.topics().changelog(&input.topic);
        broker.create_topic(&changelog, PARTITIONS).map_err(demo_error)?;
    }
    print_what_to_expect(&simulation, options.speed);
    let stop = Arc::clone(&options.stop);
    let client = config.kafka.client("simulate")?;
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let sender = Sender::new(client, link, Arc::clone(&stop)).map_err(demo_error)?;
    let watching = Arc::new(AtomicBool::new(false));
    let (speed, stopping, watched) = (options.speed, Arc::clone(&stop), Arc::clone(&watching));
    let traffic = std::thread::Builder::new()
        .name("simulate".into())
        .spawn(move || {
            while !watched.load(Ordering::Relaxed) && !stopping.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            play(simulation, &sender, speed, &stopping)
        })
        .map_err(RunError::Thread)?;
    let hooks = Hooks {
        listening: Box::new(|address| {
            println!("console   http://{address}/");
            println!("metrics   http://{address}/metrics");
            println!("Ctrl-C ends it.");
        }),
        demo: true,
        watching,
    };
    let ran = run(config, Arc::clone(&stop), hooks).await;
    stop.store(true, Ordering::Relaxed);
    let played = tokio::task::spawn_blocking(move || traffic.join()).await;
    if let Ok(Ok(Err(error))) = played {
        tracing::error!(error = %error, "the simulated traffic ended early");
    }
    ran
}

/// Topic of a kind of event.
pub const fn topic_of(kind: Kind) -> &'static str {
    kind.name()
}

fn config(
    options: &DemoOptions,
    broker: &EmbeddedBroker,
    simulation: &Simulation,
) -> Result<Config, RunError> {
    let mut config = Config::default();
    config.kafka.brokers = broker.address();
    config.kafka.create_topics = false;
    config.kafka.recall_s = 0;
    config.kafka.commit_interval_ms = 500;
    // Whoever suspends it, or closes the lid, finds it at work again.
    config.kafka.forgets = true;
    // The mock cluster answers a fetch only when this is over.
    config.kafka.client.insert("fetch.wait.max.ms".into(), "20".into());
    config.input = Kind::ALL
        .map(|kind| InputConfig { topic: topic_of(kind).into(), format: "native".into() })
        .to_vec();
    config.http.listen.clone_from(&options.listen);
    config.store.path = Some(options.folder.join("tidewaiter.db"));
    // What SQLite keeps beside it gets the same rights.
    private(&config.store.file()).map_err(demo_error)?;
    config.data.catalogue =
        Some(write(&options.folder, "catalogue.toml", &simulation.catalogue_toml())?);
    config.data.directory =
        Some(write(&options.folder, "directory.toml", &simulation.directory_toml())?);
    // Month-end lists are this role's daily bread.
    let mut lists = config.detect.bulk_read.default;
    lists.subjects = [200, 600, 2_500];
    lists.records = [5_000, 10_000, 20_000];
    config.detect.bulk_read.roles.insert("cargo_analyst".into(), lists);
    Ok(config)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, RunError> {
    let path = folder.join(name);
    let mut file = private(&path).map_err(demo_error)?;
    file.write_all(text.as_bytes()).map_err(demo_error)?;
    Ok(path)
}

/// A new file that nobody else may read.
fn private(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Sends the day at `speed`, a batch every few milliseconds.
fn play(
    simulation: Simulation,
    sender: &Sender,
    speed: f64,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut first: Option<EventTime> = None;
    let mut line = Vec::with_capacity(1_024);
    for event in simulation {
        let first = *first.get_or_insert(event.time);
        let due = Duration::from_secs_f64((event.time.since(first) as f64 / 1e3 / speed).max(0.0));
        while let Some(wait) = due.checked_sub(started.elapsed()).filter(|wait| !wait.is_zero()) {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            sender.poll();
            std::thread::sleep(wait.min(Duration::from_millis(50)));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        line.clear();
        event.write_json(&mut line);
        sender.send(topic_of(event.kind), &event.key, &line)?;
    }
    sender.flush(Duration::from_secs(10))?;
    println!("the simulated day is over; the console stays until Ctrl-C");
    Ok(())
}

fn print_what_to_expect(simulation: &Simulation, speed: f64) {
    println!(
        "An agency's day at {speed} times its speed, with {} breaches in it:",
        simulation.truth().len()
    );
    for breach in simulation.truth() {
        let start = breach.start.map_or_else(|| "not today".into(), |time| time.to_string());
        println!("  {start}  {}", breach.description);
    }
}

fn demo_error(error: impl std::fmt::Display) -> RunError {
    RunError::Demo(error.to_string())
}
