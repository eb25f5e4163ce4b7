//! `tidewaiter incidents` and `tidewaiter timeline`: what the store holds, without a server.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::store::{IncidentFilter, Store};
use crate::app::{load_regimes, open_store};
use crate::config::{Config, Purpose, StoreConfig, load};
use crate::engine::cases::Regimes;
use crate::engine::model::Severity;
use crate::engine::timeline::export::{ExportFormat, Manifest, write};
use crate::engine::timeline::{tell, visible, visible_json};

/// List and show incidents.
#[derive(Debug, Args)]
pub struct IncidentArguments {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: IncidentCommand,
}

#[derive(Debug, Subcommand)]
enum IncidentCommand {
    /// The newest first.
    List {
        /// This severity and above.
        #[arg(long, default_value = "medium")]
        severity: Severity,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// One, as JSON.
    Show { id: String },
}

/// Write an incident's timeline; or, `timeline verify MANIFEST FILE`, check one that was written.
#[derive(Debug, Args)]
pub struct TimelineArguments {
    #[command(flatten)]
    place: Place,
    /// The incident's id, or enough of its beginning; or `verify`.
    id: String,
    /// With `verify`: the manifest, and the file it is about.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write beside it what it holds: hash, counts, where it was read.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// json, csv, markdown, timesketch, html, stix or ocsf.
    #[arg(long, default_value = "markdown")]
    format: ExportFormat,
    /// Fold like entries into one line, or not; by default only Markdown and HTML are folded.
    #[arg(long, value_name = "BOOL")]
    fold: Option<bool>,
}

/// Where the store is.
#[derive(Debug, Args)]
struct Place {
    /// Configuration file that names the store.
    #[arg(short, long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The store itself; over the configuration's.
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
}

/// Bytes of a timeline written at once.
const OUT_BYTES: usize = 256 << 10;

pub fn incidents(arguments: &IncidentArguments) -> Result<Exit, Failure> {
    with_store(&arguments.place, async |store| {
        let mut out = BufWriter::new(io::stdout().lock());
        match &arguments.command {
            IncidentCommand::List { severity, limit, json } => {
                let filter = IncidentFilter {
                    severities: Severity::ALL.into_iter().filter(|s| s >= severity).collect(),
                    statuses: if *severity < Severity::Medium {
                        vec!["open", "quiet", "signal"]
                    } else {
                        vec!["open", "quiet"]
                    },
                    ..IncidentFilter::default()
                };
                let page = store.incidents(&filter, *limit, None).await?;
                for incident in &page.items {
                    if *json {
                        writeln!(out, "{}", visible_json(&serde_json::to_string(incident)?))?;
                    } else {
                        let when = incident.opened.unwrap_or(incident.first_finding);
                        writeln!(
                            out,
                            "{}  {when}  {:8} {:3}  {}",
                            &incident.id[..12],
                            incident.severity,
                            incident.score,
                            visible(&incident.title)
                        )?;
                    }
                }
                if page.total > page.items.len() as u64 {
                    eprintln!("{} of {}; --limit shows more", page.items.len(), page.total);
                }
            }
            IncidentCommand::Show { id } => {
                let incident = find(&store, id).await?;
                writeln!(out, "{}", visible_json(&serde_json::to_string_pretty(&incident)?))?;
            }
        }
        Ok(out.flush()?)
    })
}

pub fn timeline(arguments: &TimelineArguments) -> Result<Exit, Failure> {
    match (arguments.id.as_str(), arguments.files.as_slice()) {
        ("verify", [manifest, file]) => return verify(manifest, file).or_exit(Exit::BadInput),
        ("verify", _) => {
            return Err(anyhow::anyhow!("timeline verify takes a manifest and a file"))
                .or_exit(Exit::BadInput);
        }
        (_, []) => {}
        (_, [other, ..]) => {
            return Err(anyhow::anyhow!("one incident at a time: what is `{}`?", other.display()))
                .or_exit(Exit::BadInput);
        }
    }
    with_store(&arguments.place, async |store| {
        let incident = find(&store, &arguments.id).await?;
        let regimes = match &arguments.place.config {
            Some(config) => load_regimes(&load(config, Purpose::Replay)?)?,
            None => Regimes::default(),
        };
        let acts = store.acts(&incident.id).await?;
        let acts = acts.iter().map(|act| act.entry(&regimes)).collect();
        let folds = arguments.fold.unwrap_or(arguments.format.folds_by_default());
        let story = store.story(&incident.id, acts, (None, None));
        let format = arguments.format;
        let written = tokio::task::spawn_blocking(move || -> io::Result<Manifest> {
            let mut out = BufWriter::with_capacity(OUT_BYTES, io::stdout().lock());
            write(format, &incident, &mut tell(story, folds), &mut out)
        });
        let manifest = written.await.context("writing the timeline")??;
        if let Some(beside) = &arguments.manifest {
            std::fs::write(beside, serde_json::to_string_pretty(&manifest)? + "\n")
                .with_context(|| format!("cannot write {}", beside.display()))?;
        }
        Ok(())
    })
}

/// Exit code 1 where the file is not what its manifest says.
fn verify(manifest: &Path, file: &Path) -> anyhow::Result<Exit> {
    let said =
        std::fs::read(manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let told: Manifest = serde_json::from_slice(&said)
        .with_context(|| format!("{} is no manifest", manifest.display()))?;
    let differences = std::fs::File::open(file)
        .and_then(|mut read| told.differences(&mut read))
        .with_context(|| format!("cannot read {}", file.display()))?;
    if differences.is_empty() {
        println!("{}: {} lines, {} entries, unchanged", file.display(), told.lines, told.entries);
        return Ok(Exit::Fine);
    }
    differences.iter().for_each(|difference| eprintln!("{}: {difference}", file.display()));
    Ok(Exit::Found)
}

async fn find(store: &Store, id: &str) -> anyhow::Result<crate::engine::model::Incident> {
    if let Some(incident) = store.incident(id).await? {
        return Ok(incident);
    }
    let mut near = store.incidents_beginning(id).await?;
    match near.len() {
        1 => Ok(near.remove(0)),
        0 => Err(anyhow::anyhow!(
            "no incident `{id}` in the store; `incidents list` shows what there is"
        )),
        n => Err(anyhow::anyhow!("`{id}` begins the ids of {n} incidents: give more of it")),
    }
}

fn with_store(
    place: &Place,
    work: impl AsyncFnOnce(Store) -> anyhow::Result<()>,
) -> Result<Exit, Failure> {
    let mut settings = match (&place.store, &place.config) {
        (None, Some(config)) => load(config, Purpose::Replay).or_exit(Exit::BadConfig)?.store,
        _ => Config::default().store,
    };
    if let Some(path) = &place.store {
        settings.path = Some(path.clone());
    }
    let worked = read_store(&settings, async |store| match work(store).await {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        worked => worked,
    });
    worked.map(|()| Exit::Fine)
}

/// Opens a store that is there, and works on it.
pub(super) fn read_store<T>(
    settings: &StoreConfig,
    work: impl AsyncFnOnce(Store) -> anyhow::Result<T>,
) -> Result<T, Failure> {
    let path = settings.file();
    if settings.url.is_none() && !path.exists() {
        return Err(anyhow::anyhow!("there is no store at {}: give --store or -c", path.display()))
            .or_exit(Exit::BadInput);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_exit(Exit::Internal)?;
    runtime.block_on(async {
        let store = open_store(settings).await.or_exit(Exit::Internal)?;
        work(store).await.or_exit(Exit::BadInput)
    })
}
