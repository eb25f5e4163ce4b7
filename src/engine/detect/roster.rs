//! Which detectors stand watch, and their settings together.

use serde::Deserialize;

use super::bulk_read::{BulkRead, BulkReadConfig};
use super::denied_burst::{DeniedBurst, DeniedBurstConfig};
use super::detector::{Detector, Judged};
use super::enumeration::{Enumeration, EnumerationConfig};
use super::first_seen::{FirstSeen, FirstSeenConfig};
use super::leaver::{Leaver, LeaverConfig};
use super::no_actor::{NoActor, NoActorConfig};
use super::no_case::{NoCase, NoCaseConfig};
use super::outbound_bytes::{OutboundBytes, OutboundConfig};
use super::state::{ActorState, SourceState};
use super::watched_subject::{WatchedSubject, WatchedSubjectConfig};
use crate::engine::model::{Finding, Problems};

/// `[detect]`: one section a detector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectConfig {
    /// The alert budget: false incidents per 1,000 actors and day. Read by the detectors that
    /// learn; those with fixed limits stand outside it.
    pub budget_per_1000_actors_day: f64,
    pub bulk_read: BulkReadConfig,
    pub no_case: NoCaseConfig,
    pub watched_subject: WatchedSubjectConfig,
    pub leaver: LeaverConfig,
    pub first_seen: FirstSeenConfig,
    pub enumeration: EnumerationConfig,
    pub denied_burst: DeniedBurstConfig,
    pub no_actor: NoActorConfig,
    pub outbound_bytes: OutboundConfig,
}

impl Default for DetectConfig {
    fn default() -> Self {
        Self {
            budget_per_1000_actors_day: 5.0,
            bulk_read: Default::default(),
            no_case: Default::default(),
            watched_subject: Default::default(),
            leaver: Default::default(),
            first_seen: Default::default(),
            enumeration: Default::default(),
            denied_burst: Default::default(),
            no_actor: Default::default(),
            outbound_bytes: Default::default(),
        }
    }
}

impl DetectConfig {
    pub fn check(&self, problems: &mut Problems) {
        let budget = self.budget_per_1000_actors_day;
        problems.require(
            budget > 0.0 && budget <= 1_000.0,
            "detect.budget_per_1000_actors_day",
            || format!("must be above 0 and at most 1000, got {budget}"),
        );
        self.bulk_read.check(problems);
        self.no_case.check(problems);
        self.first_seen.check(problems);
        self.enumeration.check(problems);
        self.denied_burst.check(problems);
        self.no_actor.check(problems);
        self.outbound_bytes.check(problems);
    }
}

/// The detectors in use, in the order they speak.
pub struct Roster {
    actor: Vec<Box<dyn Detector<ActorState>>>,
    source: Vec<Box<dyn Detector<SourceState>>>,
}

/// Every detector's name, with the chain's and the rules': the closed set of metric labels.
pub const DETECTOR_NAMES: [&str; 13] = [
    BulkRead::NAME,
    NoCase::NAME,
    WatchedSubject::CANARY,
    WatchedSubject::PROTECTED,
    Leaver::NAME,
    FirstSeen::NAME,
    Enumeration::NAME,
    DeniedBurst::NAME,
    NoActor::NAME,
    OutboundBytes::NAME,
    "read_then_outflow",
    "silent_source",
    "rule",
];

impl Roster {
    /// Nobody: for work with rules alone.
    pub fn empty() -> Self {
        Self { actor: Vec::new(), source: Vec::new() }
    }

    pub fn new(config: &DetectConfig) -> Self {
        let mut actor: Vec<Box<dyn Detector<ActorState>>> = Vec::new();
        let mut source: Vec<Box<dyn Detector<SourceState>>> = Vec::new();
        let c = config.clone();
        if c.watched_subject.enabled {
            actor.push(Box::new(WatchedSubject));
        }
        if c.leaver.enabled {
            actor.push(Box::new(Leaver));
        }
        if c.bulk_read.enabled {
            actor.push(Box::new(BulkRead::new(c.bulk_read)));
        }
        if c.no_case.enabled {
            actor.push(Box::new(NoCase::new(c.no_case)));
        }
        if c.enumeration.enabled {
            actor.push(Box::new(Enumeration::new(c.enumeration)));
        }
        if c.denied_burst.enabled {
            actor.push(Box::new(DeniedBurst::new(c.denied_burst)));
        }
        if c.first_seen.enabled {
            actor.push(Box::new(FirstSeen::new(c.first_seen)));
        }
        if c.no_actor.enabled {
            source.push(Box::new(NoActor::new(c.no_actor)));
        }
        if c.outbound_bytes.enabled {
            source.push(Box::new(OutboundBytes::new(c.outbound_bytes)));
        }
        Self { actor, source }
    }

    pub fn observe_actor(
        &self,
        judged: &Judged<'_>,
        state: &mut ActorState,
        findings: &mut Vec<Finding>,
    ) {
        observe(&self.actor, judged, state, findings);
    }

    pub fn observe_source(
        &self,
        judged: &Judged<'_>,
        state: &mut SourceState,
        findings: &mut Vec<Finding>,
    ) {
        observe(&self.source, judged, state, findings);
    }
}

fn observe<S>(
    detectors: &[Box<dyn Detector<S>>],
    judged: &Judged<'_>,
    state: &mut S,
    findings: &mut Vec<Finding>,
) {
    for detector in detectors {
        if !judged.late || detector.judges_late() {
            detector.observe(judged, state, findings);
        }
    }
}
