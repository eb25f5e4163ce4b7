//! Baselines from history, before going live.
//!
//! One shard judges what was recorded, in the order of event time, as it would have; what it finds
//! is counted and goes nowhere. What it has learned is taken out of it and kept as a file, which
//! `run` and `replay` begin with.

mod files;
mod kafka;

use std::path::Path;
use std::sync::Arc;

pub use files::learn_files;
pub use kafka::learn_kafka;

use crate::adapters::files::{LearnedFileError, read_learned};
use crate::engine::decode::Decoder;
use crate::engine::detect::Stream;
use crate::engine::model::{EventTime, Finding, Origin, Severity};
use crate::engine::shard::{
    Incoming, Learned, LearnedError, Output, Settings, Shard, ShardConfig, Verdict,
};

#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    #[error(transparent)]
    File(#[from] LearnedFileError),
    #[error("learned state {path}: {source}")]
    Learned { path: String, source: LearnedError },
}

/// Reads what was learned.
pub fn load_learned(path: &Path) -> Result<Arc<Learned>, LearnError> {
    let bytes = read_learned(path)?;
    let learned = Learned::from_bytes(&bytes).map_err(|source| {
        let path = path.display().to_string();
        LearnError::Learned { path, source }
    })?;
    Ok(Arc::new(learned))
}

/// A shard that learns, and what became of the records.
pub struct Learner<'s> {
    shard: Shard,
    settings: &'s Settings,
    out: Output,
    first: Option<EventTime>,
    pub records: u64,
    pub judged: u64,
    pub late: u64,
    pub rejected: u64,
    /// Findings at medium or above that were told to nobody.
    pub untold: u64,
}

impl<'s> Learner<'s> {
    pub fn new(settings: &'s Settings, config: &ShardConfig, streams: Vec<Stream>) -> Self {
        Self {
            shard: Shard::new(streams, config),
            settings,
            out: Output::default(),
            first: None,
            records: 0,
            judged: 0,
            late: 0,
            rejected: 0,
            untold: 0,
        }
    }

    /// Takes one record of the stream that `origin` names. How many were taken so far.
    fn take(
        &mut self,
        decoder: &mut Decoder,
        record: &[u8],
        origin: Origin,
        broker_time: Option<EventTime>,
    ) -> u64 {
        let event = match decoder.decode(record) {
            Ok(Some(event)) => event,
            Ok(None) => return self.records,
            Err(_) => {
                self.records += 1;
                self.rejected += 1;
                return self.records;
            }
        };
        self.records += 1;
        let raw = || decoder.raw_value(record).unwrap_or_default();
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time };
        match self.shard.judge(&incoming, self.settings, &mut self.out) {
            Verdict::Scored => self.judged += 1,
            Verdict::Late => self.late += 1,
            Verdict::Duplicate => {}
        }
        self.first = self.first.or(self.shard.watermark());
        let severe = |finding: &&Finding| finding.severity >= Severity::Medium;
        self.untold += self.out.findings.iter().filter(severe).count() as u64;
        self.out.clear();
        self.records
    }

    /// What was learned.
    pub fn learned(&self) -> Result<Learned, LearnedError> {
        let seed = self.settings.enricher.pseudonyms.event_id_seed();
        Learned::of(&self.shard, (self.first.unwrap_or_default(), self.judged), seed)
    }

    /// Whether thresholds follow the alert budget already.
    pub fn is_calibrated(&self) -> bool {
        self.shard.peers().lanes.is_learned()
    }
}
