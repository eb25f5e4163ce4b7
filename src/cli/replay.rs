//! `tidewaiter replay`: the engine over files.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::{Exit, Failure, OrExit};
use crate::adapters::files::{FileError, Lines, Merge};
use crate::app;
use crate::app::replay::{Listener, Replay, Summary};
use crate::config::{Config, Purpose, load};
use crate::engine::decode::{Decoder, Expected};
use crate::engine::model::{Finding, Severity};

/// Run log files through the engine, without Kafka.
///
/// Same detectors, same findings, same ids as on the stream. Several files are merged by event
/// time. Without -c it uses the defaults of a new installation.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Configuration file; only catalogue, directory, rules and detector settings matter here.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// auto, native, ocsf, cloudtrail or zeek.
    #[arg(long, default_value = "auto")]
    format: Expected,
    /// Write findings here, one JSON object a line; - is stdout.
    #[arg(long, value_name = "FILE|-")]
    findings: Option<PathBuf>,
    /// Write incidents here in their final state, one JSON object a line; - is stdout.
    #[arg(long, value_name = "FILE|-")]
    incidents: Option<PathBuf>,
    /// Write the summary here as one JSON object; - is stdout.
    #[arg(long, value_name = "FILE|-")]
    summary: Option<PathBuf>,
    /// Alert budget: false incidents per 1,000 actors and day.
    #[arg(long, value_name = "N")]
    budget: Option<f64>,
    /// What `learn` wrote, to begin with. In the place of `data.learned`.
    #[arg(long, value_name = "FILE")]
    learned: Option<PathBuf>,
    /// Exit with 1 where a finding is of this severity or above.
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Log files, .gz and .zst too; - is stdin.
    #[arg(required = true, value_name = "FILE|-")]
    files: Vec<PathBuf>,
}

/// Files one replay takes: an event's origin counts them in 16 bits.
const FILES_MAX: usize = 60_000;

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut config = match &arguments.config {
        Some(path) => load(path, Purpose::Replay).or_exit(Exit::BadConfig)?,
        None => Config::default(),
    };
    if let Some(budget) = arguments.budget {
        config.detect.budget_per_1000_actors_day = budget;
        let mut problems = crate::engine::model::Problems::default();
        config.check(&mut problems);
        problems.into_result().or_exit(Exit::BadConfig)?;
    }
    if arguments.files.len() > FILES_MAX {
        return Err(anyhow::anyhow!("at most {FILES_MAX} files, got {}", arguments.files.len()))
            .or_exit(Exit::BadConfig);
    }
    outputs_apart(arguments).or_exit(Exit::BadConfig)?;
    let key = app::key_for_files(&config, &arguments.files).or_exit(Exit::BadConfig)?;
    let learned = arguments.learned.as_ref().or(config.data.learned.as_ref());
    let learned = learned.map(|path| app::load_learned(path)).transpose();
    let learned = learned.or_exit(Exit::BadConfig)?;
    let over = app::Overrides { learned, ..app::Overrides::default() };
    let (settings, _) = app::load_settings_with(&config, &key, over)?;
    let read = Arc::new(AtomicU64::new(0));
    let mut files = Vec::new();
    let mut named = Vec::new();
    for path in &arguments.files {
        let lines = Lines::open(path, Arc::clone(&read)).or_exit(Exit::BadInput)?;
        files.push((lines, Decoder::new(arguments.format)));
        named.push((path.display().to_string(), Decoder::new(arguments.format)));
    }
    let mut merge = Merge::new(files);
    let mut replay = Replay::new(named, &config.shard(), config.correlate.clone());
    replay.begin_with(&settings).or_exit(Exit::BadConfig)?;
    let open = |path: &Option<PathBuf>| path.as_deref().map(create).transpose();
    let incidents = open(&arguments.incidents).or_exit(Exit::BadConfig)?;
    let summary = open(&arguments.summary).or_exit(Exit::BadConfig)?;
    let mut watcher = Watcher {
        findings: open(&arguments.findings).or_exit(Exit::BadConfig)?,
        bar: bar(&arguments.files),
        read,
    };
    replay.run(&mut merge, &settings, &mut watcher).or_exit(Exit::Internal)?;
    watcher.bar.finish_and_clear();
    if let Some(mut findings) = watcher.findings {
        findings.flush().or_exit(Exit::Internal)?;
    }
    if let Some(to) = incidents {
        write_lines(to, replay.incidents()).or_exit(Exit::Internal)?;
    }
    if let Some(to) = summary {
        write_lines(to, [&replay.summary]).or_exit(Exit::Internal)?;
    }
    print_summary(&replay.summary);
    let summary = &replay.summary;
    if summary.records > 0 && summary.rejected == summary.records {
        eprintln!("tidewaiter: no record could be read; is --format right?");
        return Ok(Exit::BadInput);
    }
    let found = arguments.fail_on.is_some_and(|asked| replay.worst_finding() >= Some(asked));
    Ok(if found { Exit::Found } else { Exit::Fine })
}

struct Watcher {
    findings: Option<Box<dyn Write>>,
    bar: ProgressBar,
    read: Arc<AtomicU64>,
}

impl Listener for Watcher {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if let Some(to) = &mut self.findings {
            serde_json::to_writer(&mut *to, finding)?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }

    fn unreadable(&mut self, error: &FileError) {
        self.bar.suspend(|| eprintln!("tidewaiter: {error}; the rest of it is missing here"));
    }

    fn progress(&mut self, records: u64) {
        self.bar.set_position(self.read.load(Ordering::Relaxed));
        self.bar.set_message(format!("{records} records"));
    }
}

/// Opened before the work begins, so that a path that cannot be written is said at once.
fn create(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    Ok(if path == Path::new("-") {
        Box::new(BufWriter::new(io::stdout()))
    } else {
        let file = File::create(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Box::new(BufWriter::new(file))
    })
}

fn write_lines<T: serde::Serialize>(
    mut to: Box<dyn Write>,
    items: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    for item in items {
        serde_json::to_writer(&mut to, &item)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// On a terminal only; bytes of the files as they lie on disk.
pub(super) fn bar(files: &[PathBuf]) -> ProgressBar {
    let total = files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len()).sum();
    bar_of(total, "{bar:40} {bytes}/{total_bytes}, {msg}, {elapsed} ({eta} left)")
}

/// On a terminal; elsewhere nothing is drawn.
pub(super) fn bar_of(total: u64, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

fn print_summary(summary: &Summary) {
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        let parts: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    eprintln!(
        "records   {} = {} scored + {} late + {} duplicate + {} rejected",
        summary.records, summary.scored, summary.late, summary.duplicate, summary.rejected
    );
    if summary.rejected > 0 {
        eprintln!("rejected  {}", list(&summary.rejected_by_reason));
    }
    if summary.saturated > 0 {
        eprintln!("saturated {} numbers out of range were brought into it", summary.saturated);
    }
    eprintln!("findings  {}", list(&summary.findings_by_detector));
    eprintln!("incidents {}", list(&summary.incidents_by_severity));
    eprintln!(
        "time      {:.2} s, {:.0} events/s, peak memory {:.0} MiB",
        summary.seconds,
        summary.events_per_second,
        summary.peak_rss_bytes as f64 / f64::from(1 << 20)
    );
}

/// No output may be an input, and no two outputs one file. A device such as /dev/null is none.
fn outputs_apart(arguments: &Arguments) -> anyhow::Result<()> {
    let is_device = |path: &Path| path.metadata().is_ok_and(|m| m.file_type().is_char_device());
    let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut taken: Vec<PathBuf> = arguments.files.iter().map(|path| place(path)).collect();
    let outputs = [&arguments.findings, &arguments.incidents, &arguments.summary];
    for path in outputs
        .into_iter()
        .flatten()
        .filter(|path| path.as_path() != Path::new("-") && !is_device(path))
    {
        let written = place(path);
        if taken.contains(&written) {
            anyhow::bail!("{} is read or written already; name another file", path.display());
        }
        taken.push(written);
    }
    Ok(())
}
