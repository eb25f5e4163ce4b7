//! Everything that is told seldom: no more than a few times a second.

use std::collections::BTreeMap;

use super::OTHER;
use super::budget::BudgetFigures;
use super::cases::CaseFigures;
use super::notices::NoticeFigures;
use super::partitions::Partitions;
use super::rules::RuleFigures;
use super::stats::HourStats;
use crate::engine::detect::DETECTOR_NAMES;
use crate::engine::model::{Finding, Severity};
use crate::engine::shard::StateSize;

/// A file that is read again when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadedFile {
    Rules,
    Catalogue,
    Directory,
    Mapping,
    Placeholders,
    Exceptions,
    /// What is set through the API.
    Budget,
    WorkItems,
}

impl ReloadedFile {
    pub const ALL: [Self; 8] = [
        Self::Rules,
        Self::Catalogue,
        Self::Directory,
        Self::Mapping,
        Self::Placeholders,
        Self::Exceptions,
        Self::Budget,
        Self::WorkItems,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Catalogue => "catalogue",
            Self::Directory => "directory",
            Self::Mapping => "mapping",
            Self::Placeholders => "placeholders",
            Self::Exceptions => "exceptions",
            Self::Budget => "budget",
            Self::WorkItems => "work_items",
        }
    }
}

#[derive(Default)]
pub struct Figures {
    pub connected: bool,
    pub correlating: bool,
    pub demo: bool,
    /// Why not ready; empty when ready.
    pub unready: Vec<String>,
    pub kafka_errors: u64,
    /// Configured input topics that do not exist.
    pub inputs_missing: Vec<String>,
    /// By the part of the process that failed.
    pub role_failures: BTreeMap<&'static str, u64>,
    pub partitions: Partitions,
    /// By detector, then severity.
    findings: BTreeMap<&'static str, [u64; 5]>,
    /// `[signals, medium, high, critical]`.
    pub incidents_open: [u64; 4],
    pub incidents_opened: [u64; 5],
    /// `[medium, high, critical]`.
    pub incidents_to_do: [u64; 3],
    pub incidents_new: [u64; 3],
    pub hour: Option<HourStats>,
    pub delivered: u64,
    pub failed: u64,
    pub outbox: u64,
    /// Over all workers.
    pub state: StateSize,
    by_worker: BTreeMap<usize, StateSize>,
    pub saves: Saves,
    pub restored_entries: u64,
    pub restore_last_s: f64,
    pub evicted: Evicted,
    pub rules_loaded: u64,
    pub rules_error: Option<String>,
    /// By file: applied, refused.
    pub reloads: [[u64; 2]; 8],
    pub rules: RuleFigures,
    pub cases: CaseFigures,
    pub notices: NoticeFigures,
    pub budget: BudgetFigures,
}

impl Figures {
    pub fn finding(&mut self, finding: &Finding) {
        let name = DETECTOR_NAMES.into_iter().find(|name| *name == finding.detector);
        let counts = self.findings.entry(name.unwrap_or(OTHER)).or_default();
        counts[finding.severity as usize] += 1;
    }

    /// Every known detector, and `other` where it was ever needed.
    pub fn findings(&self) -> impl Iterator<Item = (&'static str, [u64; 5])> {
        let of = |name| Some((name, self.findings.get(name).copied().unwrap_or_default()));
        let other = self.findings.get(OTHER).map(|counts| (OTHER, *counts));
        DETECTOR_NAMES.into_iter().filter_map(of).chain(other)
    }

    pub fn findings_of(&self, severity: Severity) -> u64 {
        self.findings.values().map(|counts| counts[severity as usize]).sum()
    }

    pub fn state(&mut self, worker: usize, size: StateSize) {
        self.by_worker.insert(worker, size);
        let size = self.by_worker.values().fold(StateSize::default(), |sum, size| sum + *size);
        self.state = size;
        self.evicted.actors.follow(size.actors_evicted);
        self.evicted.sources.follow(size.sources_evicted);
        self.evicted.groups.follow(size.groups_evicted);
        self.evicted.held.follow(size.held_early);
    }

    pub fn reload(&mut self, file: ReloadedFile, applied: bool, error: Option<String>) {
        self.reloads[file as usize][usize::from(!applied)] += 1;
        // What is applied is applied as a whole, the rules with it.
        if applied || file == ReloadedFile::Rules {
            self.rules_error = error;
        }
    }
}

/// Writing of state to the changelogs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saves {
    pub arrived: u64,
    pub undone: u64,
    pub records: u64,
    pub bytes: u64,
    pub last_s: f64,
    pub pauses: Pauses,
}

/// Upper bounds of the pauses' buckets, in seconds.
pub const PAUSE_BOUNDS_S: [f64; 12] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];

/// How long workers stood still while they took their state down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pauses {
    pub counts: [u64; PAUSE_BOUNDS_S.len() + 1],
    pub sum_s: f64,
}

impl Pauses {
    pub fn add(&mut self, seconds: f64) {
        self.counts[PAUSE_BOUNDS_S.partition_point(|&bound| bound < seconds)] += 1;
        self.sum_s += seconds;
    }
}

#[derive(Default)]
pub struct Evicted {
    pub actors: Follower,
    pub sources: Follower,
    pub groups: Follower,
    pub held: Follower,
    /// Incidents the correlator let go.
    pub incidents: Follower,
}

/// A counter that follows a total which falls back when a shard is handed over.
#[derive(Clone, Copy, Default)]
pub struct Follower {
    last: u64,
    pub total: u64,
}

impl Follower {
    pub fn follow(&mut self, total: u64) {
        self.total += total.saturating_sub(self.last);
        self.last = total;
    }
}
