//! `tidewaiter explain`: why a finding was told, and whether it comes out again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use clap::Args;

use super::exit::{Exit, Failure, OrExit};
use super::replay::{bar, bar_of};
use super::store::read_store;
use crate::adapters::files::{Lines, Merge};
use crate::adapters::kafka::Link;
use crate::adapters::telemetry::{Telemetry, init_logging};
use crate::app::{self, Difference, Retrace, Retraced, differences};
use crate::config::{Config, Purpose, load};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::model::{Finding, Incident, Source};
use crate::engine::timeline::visible;

/// Say why a finding was told, and make it again from what it was made of.
///
/// The recorded finding comes from the configuration's store, or from a file of findings. Its
/// input comes from the log files named, or else from what its Kafka partition retains; nothing is
/// written and no offset committed. Detectors learn, so the input is read from its beginning, under
/// today's configuration. Exits with 1 where the finding comes out otherwise or not at all, with 4
/// where the finding or its input is not there.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The finding's id, or enough of its beginning.
    #[arg(value_name = "FINDING")]
    id: String,
    /// Log files it was made from, .gz and .zst too; without any, Kafka is read.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Configuration it was made under: catalogue, directory, rules, detectors; topics and store.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Findings as `replay --findings` writes them, instead of the store.
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    /// auto, native, ocsf, cloudtrail or zeek. Topics have theirs in the configuration.
    #[arg(long, default_value = "auto")]
    format: Expected,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What was recorded of a finding.
struct Recorded {
    finding: Finding,
    incident: Option<Incident>,
}

/// What was made again, and from what.
struct Again {
    traced: Retraced,
    read: String,
    missing: i64,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let from_kafka = arguments.files.is_empty();
    let config = match &arguments.config {
        Some(path) if from_kafka => load(path, Purpose::Run).or_exit(Exit::BadConfig)?,
        Some(path) => load(path, Purpose::Replay).or_exit(Exit::BadConfig)?,
        None if from_kafka => {
            return Err(anyhow::anyhow!(
                "give the log files the finding was made from, or -c FILE with the topics"
            ))
            .or_exit(Exit::BadConfig);
        }
        None => Config::default(),
    };
    let recorded = match &arguments.findings {
        Some(path) => from_file(path, &arguments.id).or_exit(Exit::BadInput)?,
        None => from_store(&config, &arguments.id)?,
    };
    let key = match from_kafka {
        true => app::pseudonym_key(&config, false),
        false => app::key_for_files(&config, &arguments.files),
    };
    let key = key.or_exit(Exit::BadConfig)?;
    let (mut settings, _) = app::load_settings(&config, &key)?;
    let retrace = Retrace::new(&recorded.finding, &mut settings, &config.correlate);
    let again = match from_kafka {
        true => over_kafka(&config, retrace)?,
        false => over_files(arguments, &config, retrace, &recorded.finding.source)?,
    };
    let differ = match &again.traced.again {
        Some(finding) => differences(&recorded.finding, finding).or_exit(Exit::Internal)?,
        None => Vec::new(),
    };
    if arguments.json {
        println!("{}", as_json(&recorded, &again, &differ));
    } else {
        print(&recorded, &again, &differ);
    }
    let same = again.traced.again.is_some() && differ.is_empty();
    if !same && !app::has_pseudonym_key(&config) {
        eprintln!(
            "tidewaiter: no pseudonym key is configured or kept, so other files name subjects otherwise: give -c FILE with privacy.pseudonym_key"
        );
    }
    Ok(if same { Exit::Fine } else { Exit::Found })
}

fn one_of(id: &str, mut near: Vec<Recorded>, place: &str) -> anyhow::Result<Recorded> {
    if let Some(at) = near.iter().position(|recorded| recorded.finding.id == id) {
        return Ok(near.swap_remove(at));
    }
    match near.len() {
        1 => Ok(near.swap_remove(0)),
        0 => Err(anyhow::anyhow!("no finding `{id}` in {place}")),
        n => Err(anyhow::anyhow!("`{id}` begins the ids of {n} findings: give more of it")),
    }
}

fn from_file(path: &Path, id: &str) -> anyhow::Result<Recorded> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut near = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let finding: Finding = serde_json::from_str(line)
            .with_context(|| format!("{}, line {number} is no finding", path.display()))?;
        if finding.id.starts_with(id) {
            near.push(Recorded { finding, incident: None });
        }
    }
    one_of(id, near, &path.display().to_string())
}

fn from_store(config: &Config, id: &str) -> Result<Recorded, Failure> {
    read_store(&config.store, async |store| {
        let mut near = Vec::new();
        for (incident, finding) in store.findings_beginning(id).await? {
            let incident = store.incident(&incident).await?;
            near.push(Recorded { finding, incident });
        }
        one_of(id, near, "the store")
    })
}

fn over_files(
    arguments: &Arguments,
    config: &Config,
    retrace: Retrace<'_>,
    source: &Source,
) -> Result<Again, Failure> {
    let read = Arc::new(AtomicU64::new(0));
    let (mut opened, mut named) = (Vec::new(), Vec::new());
    for path in &arguments.files {
        let lines = Lines::open(path, Arc::clone(&read)).or_exit(Exit::BadInput)?;
        opened.push((lines, Decoder::new(arguments.format)));
        named.push((name_of(path, source), Decoder::new(arguments.format)));
    }
    let bar = bar(&arguments.files);
    let progress = || bar.set_position(read.load(Ordering::Relaxed));
    let shard = config.shard();
    let traced = app::explain_files(retrace, &mut Merge::new(opened), named, &shard, progress);
    bar.finish_and_clear();
    let names: Vec<String> =
        arguments.files.iter().map(|path| path.display().to_string()).collect();
    Ok(Again { traced: traced.or_exit(Exit::BadInput)?, read: names.join(", "), missing: 0 })
}

/// As the finding names the file, where only the folder before it is another one.
fn name_of(path: &Path, source: &Source) -> String {
    match source {
        Source::File { file, .. } if Path::new(file).file_name() == path.file_name() => {
            file.clone()
        }
        _ => path.display().to_string(),
    }
}

fn over_kafka(config: &Config, retrace: Retrace<'_>) -> Result<Again, Failure> {
    init_logging(false);
    let link = Arc::new(Link::new(Telemetry::new(&[], [])));
    let bar = bar_of(0, "{spinner} {pos} records, {elapsed}");
    let progress = |records| bar.set_position(records);
    let again = app::explain_kafka(retrace, config, &config.shard(), &link, progress);
    bar.finish_and_clear();
    let app::FromKafka { traced, read, missing } = again.or_exit(Exit::BadInput)?;
    Ok(Again { traced, read, missing })
}

fn as_json(recorded: &Recorded, again: &Again, differ: &[Difference]) -> serde_json::Value {
    let traced = &again.traced;
    let events = traced.events.iter().map(|event| {
        serde_json::json!({
            "id": event.id, "source": event.place, "time": event.time, "text": event.text,
        })
    });
    let differ = differ.iter().map(|difference| {
        serde_json::json!({
            "field": difference.field, "recorded": difference.recorded, "again": difference.again,
        })
    });
    let incident = recorded.incident.as_ref().map(|incident| {
        serde_json::json!({
            "id": incident.id, "title": incident.title, "score": incident.score,
            "severity": incident.severity, "score_terms": incident.score_terms,
        })
    });
    serde_json::json!({
        "finding": recorded.finding, "incident": incident,
        "events": events.collect::<Vec<_>>(),
        "read": {
            "from": again.read, "records": traced.records, "rejected": traced.rejected,
            "missing": again.missing,
        },
        "again": traced.again, "differences": differ.collect::<Vec<_>>(),
    })
}

fn print(recorded: &Recorded, again: &Again, differ: &[Difference]) {
    print_finding(&recorded.finding);
    if let Some(incident) = &recorded.incident {
        let (id, title) = (incident.id.get(..12).unwrap_or(&incident.id), visible(&incident.title));
        println!("incident  {id}  {title}: {}, {}", incident.severity, incident.score);
        for term in &incident.score_terms {
            println!("          {:5.1}  {}: {}", term.points, term.term, visible(&term.why));
        }
    }
    let traced = &again.traced;
    for (n, event) in traced.events.iter().enumerate() {
        let heading = if n == 0 { "events" } else { "" };
        let place = event.place.as_ref().map_or("not read".to_owned(), ToString::to_string);
        let time = event.time.map_or(String::new(), |time| format!("{time}  "));
        let text = event.text.as_deref().unwrap_or(&event.id);
        println!("{heading:9} {}  {time}{}", visible(&place), visible(text));
    }
    println!(
        "read      {} records, {} of them refused: {}",
        traced.records, traced.rejected, again.read
    );
    if again.missing > 0 {
        println!(
            "          {} records before that are no longer there; what was learned from them is missing",
            again.missing
        );
    }
    match (&traced.again, differ) {
        (None, _) => println!("again     it does not come out of what was read"),
        (Some(_), []) => println!("again     the same, bit by bit"),
        (Some(_), _) => {
            println!("again     it comes out, and not the same:");
            for Difference { field, recorded, again } in differ {
                let (recorded, again) = (recorded.to_string(), again.to_string());
                println!(
                    "          {field}: {} was recorded, {} now",
                    visible(&recorded),
                    visible(&again)
                );
            }
        }
    }
    if traced.again.is_none() || !differ.is_empty() {
        println!(
            "          (the configuration, rules and lists of people in force are today's; a monitor that was restarted in between may list other events)"
        );
    }
}

fn print_finding(finding: &Finding) {
    let what = finding.rule.as_deref().map_or(String::new(), |rule| format!(", rule {rule}"));
    println!("finding   {}  {}{}", finding.id, finding.detector, visible(&what));
    println!("why       {}", visible(&finding.why));
    println!("score     {}, {}", finding.score, finding.severity);
    let times = match finding.expected > 0.0 {
        true => format!(", {:.1} times as much", finding.observed / finding.expected),
        false => String::new(),
    };
    println!("observed  {} {}{times}", finding.observed, finding.unit);
    println!("expected  {} {}", finding.expected, finding.unit);
    println!("window    {} to {}", finding.window.start, finding.window.end);
    let about = [
        ("actor", &finding.actor),
        ("address", &finding.source_ip),
        ("session", &finding.session),
        ("dataset", &finding.dataset),
    ];
    let about: Vec<String> = about
        .into_iter()
        .filter_map(|(name, value)| {
            value.as_ref().map(|value| format!("{name} {}", visible(value)))
        })
        .collect();
    println!("about     {}, tier T{}", about.join(", "), finding.tier);
    println!("trigger   {}", visible(&finding.source.to_string()));
}
