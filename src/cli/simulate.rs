//! `tidewaiter simulate`: an agency's traffic to a file, to stdout or to Kafka.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::kafka::{KafkaConfig, Link, Sender};
use crate::adapters::telemetry::{Telemetry, init_logging, now};
use crate::engine::model::{EventTime, Kind};
use crate::simulate::{
    BreachChoice, BreachKind, Month, MonthConfig, Simulation, SimulationConfig, WorkItemFeed,
    attacks,
};

/// Generate an agency's day: people, shifts, sites, sessions, service accounts, flows, and named
/// breaches. The same seed gives the same bytes.
#[derive(Debug, Args)]
pub struct Arguments {
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Accounts of the agency.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    actors: u32,
    /// Event time of the first event, RFC 3339, or now. [default: 2026-03-02T00:00:00Z, a month's a week later]
    #[arg(long, value_name = "TIME", value_parser = start_time)]
    start: Option<EventTime>,
    /// What to simulate: a vivid day, or a month to judge detectors by.
    #[arg(long, value_enum, default_value_t = Profile::Day)]
    profile: Profile,
    /// How much to simulate: 30m, 24h, 7d; whole days of a month. [default: 24h, a month's 28d]
    #[arg(long, value_name = "SPAN", value_parser = span_ms)]
    duration: Option<i64>,
    /// Of a month: volume of honest reads; 1 is some 25 million in 28 days for 3,000 accounts.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
    /// Of a month: cite no case in any event.
    #[arg(long)]
    no_cases: bool,
    /// Of a month: share of an attacker's reads that cite a case.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    attack_case_share: f64,
    /// Of a month: share of honest reads whose case the stream has lost.
    #[arg(long, value_name = "SHARE", default_value_t = 0.12)]
    lost_case_share: f64,
    /// none, all, or names with commas; see --list-breaches. A month's default are the seventeen
    /// kinds that methods are compared by.
    #[arg(long, value_name = "NAMES")]
    breaches: Option<String>,
    /// Name the breaches there are.
    #[arg(long)]
    list_breaches: bool,
    /// Access events only.
    #[arg(long)]
    access_only: bool,
    /// At most so many events a second.
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// So many simulated seconds in a second; 1 is real time.
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Go on with another day when one is over.
    #[arg(long)]
    endless: bool,
    /// Where the events go, one a line; - is stdout.
    #[arg(long, value_name = "FILE|-", default_value = "-", conflicts_with = "brokers")]
    out: PathBuf,
    /// Send to Kafka instead: topics access, auth and network, keyed by actor or source.
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Put before the topics' names.
    #[arg(long, value_name = "TEXT", default_value = "")]
    topic_prefix: String,
    /// Write who, when and what of the breaches here, as JSON; a month's with the oddities.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write the matching catalogue here.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Write the matching directory here.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Write the work items behind the honest reads here once they are over: which case was open
    /// when, whose it was, and whom it was about, as `data.work_items` reads it.
    #[arg(long, value_name = "FILE", conflicts_with = "endless")]
    work_items: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Profile {
    Day,
    Month,
}

const DAY_MS: i64 = 86_400_000;

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.list_breaches {
        list_breaches(arguments.profile);
        return Ok(Exit::Fine);
    }
    for (flag, value) in [("--rate", arguments.rate), ("--speed", arguments.speed)] {
        if value.is_some_and(|value| !(value > 0.0 && value.is_finite())) {
            return Err(anyhow::anyhow!("{flag} must be above 0")).or_exit(Exit::BadConfig);
        }
    }
    if arguments.profile == Profile::Month {
        return run_month(arguments);
    }
    let mut pace = Pace::new(arguments.rate, arguments.speed);
    let mut config = config(arguments)?;
    let mut simulation = Simulation::new(config.clone()).or_exit(Exit::BadConfig)?;
    write_files(arguments, &simulation).or_exit(Exit::BadConfig)?;
    let mut sink = Sink::open(arguments)?;
    let mut feed = arguments.work_items.as_ref().map(|_| WorkItemFeed::default());
    loop {
        match send(simulation, &mut pace, &mut sink, feed.as_mut()) {
            Err(error) if is_broken_pipe(&error) => return Ok(Exit::Fine),
            sent => sent.or_exit(Exit::Internal)?,
        }
        if !arguments.endless {
            break;
        }
        config.start = config.start.plus_ms(config.duration_ms);
        config.seed = config.seed.wrapping_add(1);
        simulation = Simulation::new(config.clone()).or_exit(Exit::BadConfig)?;
        write_files(arguments, &simulation).or_exit(Exit::BadConfig)?;
    }
    write_feed(arguments, feed.as_ref()).or_exit(Exit::BadConfig)?;
    match sink.finish() {
        Err(error) if is_broken_pipe(&error) => Ok(Exit::Fine),
        finished => finished.map(|()| Exit::Fine).or_exit(Exit::Internal),
    }
}

fn write_feed(arguments: &Arguments, feed: Option<&WorkItemFeed>) -> anyhow::Result<()> {
    let (Some(path), Some(feed)) = (&arguments.work_items, feed) else { return Ok(()) };
    let mut text = Vec::new();
    feed.write(&mut text)?;
    write_file(path, &String::from_utf8(text)?)
}

fn send(
    simulation: Simulation,
    pace: &mut Pace,
    sink: &mut Sink,
    mut feed: Option<&mut WorkItemFeed>,
) -> anyhow::Result<()> {
    for event in simulation {
        pace.wait(event.time, sink)?;
        let mut line = Vec::with_capacity(512);
        event.write_json(&mut line);
        if let Some(feed) = feed.as_mut().filter(|_| event.breach.is_none()) {
            feed.take(&line);
        }
        sink.take(event.kind, &event.key, &mut line)?;
    }
    Ok(())
}

fn start_time(text: &str) -> Result<EventTime, String> {
    match text {
        "now" => Ok(now()),
        text => EventTime::parse(text).map_err(|error| format!("{error}, or now")),
    }
}

fn list_breaches(profile: Profile) {
    let named: Vec<(&str, &str)> = match profile {
        Profile::Day => BreachKind::ALL.iter().map(|k| (k.name(), k.description())).collect(),
        Profile::Month => attacks().collect(),
    };
    for (name, description) in named {
        println!("{name:20} {description}");
    }
}

/// A month goes out in one piece; the truth is known when it is over.
fn run_month(arguments: &Arguments) -> Result<Exit, Failure> {
    let refused = [
        (arguments.endless, "--endless"),
        (arguments.catalogue.is_some(), "--catalogue"),
        (arguments.directory.is_some(), "--directory"),
    ];
    if let Some((_, flag)) = refused.iter().find(|(given, _)| *given) {
        return Err(anyhow::anyhow!("{flag} does not go with --profile month"))
            .or_exit(Exit::BadConfig);
    }
    let mut month = Month::new(month_config(arguments)?).or_exit(Exit::BadConfig)?.with_ids();
    let mut sink = Sink::open(arguments)?;
    let mut pace = Pace::new(arguments.rate, arguments.speed);
    let mut line = Vec::with_capacity(1_024);
    let mut feed = arguments.work_items.as_ref().map(|_| WorkItemFeed::default());
    while let Some(told) = month.write_next(&mut line) {
        if let Some(feed) = feed.as_mut().filter(|_| !month.is_attack(&told)) {
            feed.take(&line);
        }
        pace.wait(told.time, &mut sink).or_exit(Exit::Internal)?;
        let key = match &sink {
            Sink::Lines(_) => String::new(),
            Sink::Kafka { .. } => month.actor_id(told.actor),
        };
        match sink.take(Kind::Access, &key, &mut line) {
            Err(error) if is_broken_pipe(&error) => return Ok(Exit::Fine),
            taken => taken.or_exit(Exit::Internal)?,
        }
        line.clear();
    }
    sink.finish().or_exit(Exit::Internal)?;
    write_feed(arguments, feed.as_ref()).or_exit(Exit::BadConfig)?;
    if let Some(path) = &arguments.truth {
        let truth = serde_json::to_string_pretty(month.truth()).or_exit(Exit::Internal)?;
        std::fs::write(path, truth + "\n").or_exit(Exit::Internal)?;
    }
    Ok(Exit::Fine)
}

fn month_config(arguments: &Arguments) -> Result<MonthConfig, Failure> {
    let defaults = MonthConfig::default();
    let days = match arguments.duration {
        None => i64::from(defaults.days),
        Some(duration) if duration % DAY_MS == 0 => duration / DAY_MS,
        Some(_) => {
            return Err(anyhow::anyhow!("--duration must be whole days for a month"))
                .or_exit(Exit::BadConfig);
        }
    };
    let kinds = match arguments.breaches.as_deref() {
        None => defaults.kinds,
        Some("none") => Vec::new(),
        Some("all") => attacks().map(|(name, _)| name.to_owned()).collect(),
        Some(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    Ok(MonthConfig {
        seed: arguments.seed,
        actors: arguments.actors,
        days: u32::try_from(days).unwrap_or(u32::MAX),
        start: arguments.start.unwrap_or(defaults.start),
        scale: arguments.scale,
        cases: !arguments.no_cases,
        attack_case_share: arguments.attack_case_share,
        lost_case_share: arguments.lost_case_share,
        kinds,
        ..defaults
    })
}

fn config(arguments: &Arguments) -> Result<SimulationConfig, Failure> {
    let breaches = match arguments.breaches.as_deref() {
        Some("none") => BreachChoice::None,
        None | Some("all") => BreachChoice::All,
        Some(names) => BreachChoice::Named(
            names
                .split(',')
                .map(|name| name.trim().parse())
                .collect::<Result<_, _>>()
                .or_exit(Exit::BadConfig)?,
        ),
    };
    Ok(SimulationConfig {
        seed: arguments.seed,
        actors: arguments.actors,
        start: arguments.start.unwrap_or(SimulationConfig::default().start),
        duration_ms: arguments.duration.unwrap_or(DAY_MS),
        breaches,
        network: !arguments.access_only,
        auth: !arguments.access_only,
        ..SimulationConfig::default()
    })
}

fn write_files(arguments: &Arguments, simulation: &Simulation) -> anyhow::Result<()> {
    if let Some(path) = &arguments.truth {
        write_file(path, &(serde_json::to_string_pretty(simulation.truth())? + "\n"))?;
    }
    if let Some(path) = &arguments.catalogue {
        write_file(path, &simulation.catalogue_toml())?;
    }
    if let Some(path) = &arguments.directory {
        write_file(path, &simulation.directory_toml())?;
    }
    Ok(())
}

/// In one step where it is a file, so that whoever reads it meanwhile never sees a part of it.
fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let in_one_step = || {
        let special = path.exists() && !path.is_file();
        let (Some(name), false) = (path.file_name(), special || path.is_symlink()) else {
            return std::fs::write(path, text);
        };
        let mut beside = name.to_owned();
        beside.push(".part");
        let beside = path.with_file_name(beside);
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, path)
    };
    in_one_step().with_context(|| format!("cannot write {}", path.display()))
}

enum Sink {
    Lines(Box<dyn Write>),
    Kafka { sender: Sender, prefix: String },
}

impl Sink {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        if let Some(brokers) = &arguments.brokers {
            init_logging(false);
            let kafka = KafkaConfig { brokers: brokers.clone(), ..KafkaConfig::default() };
            let client = kafka.client("simulate").or_exit(Exit::BadConfig)?;
            let link = Arc::new(Link::new(Telemetry::new(&[], [])));
            let sender = Sender::new(client, link, Arc::default()).or_exit(Exit::BadConfig)?;
            return Ok(Self::Kafka { sender, prefix: arguments.topic_prefix.clone() });
        }
        Ok(Self::Lines(if arguments.out == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            let file = File::create(&arguments.out)
                .with_context(|| format!("cannot write {}", arguments.out.display()));
            Box::new(BufWriter::with_capacity(1 << 18, file.or_exit(Exit::BadConfig)?))
        }))
    }

    fn take(&mut self, kind: Kind, key: &str, line: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Lines(to) => {
                line.push(b'\n');
                to.write_all(line)?;
            }
            Self::Kafka { sender, prefix } => {
                sender.send(&format!("{prefix}{}", kind.name()), key, line)?;
            }
        }
        Ok(())
    }

    /// Something to do while there is nothing to send.
    fn idle(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(to) => to.flush(),
            Self::Kafka { sender, .. } => {
                sender.poll();
                Ok(())
            }
        }
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.idle()?;
        if let Self::Kafka { sender, .. } = self {
            sender.flush(Duration::from_secs(60))?;
        }
        Ok(())
    }
}

/// Holds events back to a rate, a speed, or both.
struct Pace {
    started: Instant,
    sent: u64,
    first: Option<EventTime>,
    rate: Option<f64>,
    speed: Option<f64>,
}

impl Pace {
    fn new(rate: Option<f64>, speed: Option<f64>) -> Self {
        Self { started: Instant::now(), sent: 0, first: None, rate, speed }
    }

    fn wait(&mut self, time: EventTime, sink: &mut Sink) -> io::Result<()> {
        let by_rate = self.rate.map_or(0.0, |rate| self.sent as f64 / rate);
        let first = *self.first.get_or_insert(time);
        let by_speed = self.speed.map_or(0.0, |speed| time.since(first) as f64 / 1e3 / speed);
        self.sent += 1;
        let due = Duration::from_secs_f64(by_rate.max(by_speed).max(0.0));
        while let Some(wait) =
            due.checked_sub(self.started.elapsed()).filter(|wait| !wait.is_zero())
        {
            sink.idle()?;
            std::thread::sleep(wait.min(Duration::from_millis(100)));
        }
        Ok(())
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// `30m`, `24h`, `7d` in milliseconds.
fn span_ms(text: &str) -> Result<i64, String> {
    let unit = match text.chars().last() {
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return Err("needs a unit: 30m, 24h or 7d".into()),
    };
    let number: i64 = text[..text.len() - 1]
        .parse()
        .map_err(|_| "needs a whole number before the unit".to_owned())?;
    number.checked_mul(unit).filter(|&ms| ms > 0).ok_or_else(|| "is out of range".into())
}
