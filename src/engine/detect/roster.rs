//! Which detectors stand watch, and their settings together.

use serde::Deserialize;

use super::baseline::{self, BaselineConfig};
use super::beacon::{BeaconConfig, BeaconDetector};
use super::bulk_read::{BulkRead, BulkReadConfig};
use super::denied_burst::{DeniedBurst, DeniedBurstConfig};
use super::destinations::Destinations;
use super::detector::{Detector, Judged};
use super::dormant_system::{DormantSystem, DormantSystemConfig, Systems};
use super::egress::{Destination, EgressConfig, EgressDetector, leaving, mark_of};
use super::enumeration::{Enumeration, EnumerationConfig};
use super::first_seen::{FirstSeen, FirstSeenConfig};
use super::impossible_travel::{ImpossibleTravel, ImpossibleTravelConfig};
use super::leaver::{Leaver, LeaverConfig};
use super::mode::Mode;
use super::no_actor::{NoActor, NoActorConfig};
use super::no_case::{NoCase, NoCaseConfig};
use super::outbound_bytes::{OutboundBytes, OutboundConfig};
use super::port_scan::{PortScan, PortScanConfig};
use super::rule_noise::RuleNoise;
use super::sensitive::{SensitiveIdentifier, SensitiveIdentifierConfig};
use super::state::{ActorState, SourceState};
use super::travel::Travel;
use super::watched_subject::{WatchedSubject, WatchedSubjectConfig};
use crate::engine::model::{ActorType, Finding, Problems};

/// `[detect]`: one section a detector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectConfig {
    /// The alert budget: false incidents per 1,000 actors and day. Read by the detectors that
    /// learn; those with fixed limits stand outside it.
    pub budget_per_1000_actors_day: f64,
    pub baseline: BaselineConfig,
    pub bulk_read: BulkReadConfig,
    pub no_case: NoCaseConfig,
    pub watched_subject: WatchedSubjectConfig,
    pub leaver: LeaverConfig,
    pub first_seen: FirstSeenConfig,
    pub enumeration: EnumerationConfig,
    pub denied_burst: DeniedBurstConfig,
    pub no_actor: NoActorConfig,
    pub sensitive_identifier: SensitiveIdentifierConfig,
    pub outbound_bytes: OutboundConfig,
    pub egress: EgressConfig,
    pub beacon: BeaconConfig,
    pub port_scan: PortScanConfig,
    pub impossible_travel: ImpossibleTravelConfig,
    pub dormant_system: DormantSystemConfig,
    pub silent_source: SilentSourceConfig,
}

/// `[detect.silent_source]`. Shards tell of it by themselves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SilentSourceConfig {
    pub mode: Mode,
}

const SILENT_SOURCE: &str = "silent_source";

impl Default for DetectConfig {
    fn default() -> Self {
        Self {
            budget_per_1000_actors_day: 5.0,
            baseline: Default::default(),
            bulk_read: Default::default(),
            no_case: Default::default(),
            watched_subject: Default::default(),
            leaver: Default::default(),
            first_seen: Default::default(),
            enumeration: Default::default(),
            denied_burst: Default::default(),
            no_actor: Default::default(),
            sensitive_identifier: Default::default(),
            outbound_bytes: Default::default(),
            egress: Default::default(),
            beacon: Default::default(),
            port_scan: Default::default(),
            impossible_travel: Default::default(),
            dormant_system: Default::default(),
            silent_source: Default::default(),
        }
    }
}

impl DetectConfig {
    pub fn check(&self, problems: &mut Problems) {
        check_budget(self.budget_per_1000_actors_day, problems);
        for (key, detector) in NOTHING_TAKES_THE_PLACE_OF {
            problems.require(self.mode_of(detector) != Mode::UntilLearned, key, || {
                "must be on, shadow or off: nothing that learns takes its place".into()
            });
        }
        self.baseline.check(problems);
        self.bulk_read.check(problems);
        self.no_case.check(problems);
        self.first_seen.check(problems);
        self.enumeration.check(problems);
        self.denied_burst.check(problems);
        self.no_actor.check(problems);
        self.sensitive_identifier.check(problems);
        self.outbound_bytes.check(problems);
        self.egress.check(problems);
        self.beacon.check(problems);
        self.port_scan.check(problems);
        self.impossible_travel.check(problems);
        self.dormant_system.check(problems);
    }

    /// The mode of the detector of this name. Rules have none, and the correlator's own have theirs
    /// in `[correlate]`.
    pub fn mode_of(&self, detector: &str) -> Mode {
        match detector {
            baseline::VOLUME => self.baseline.unusual_volume,
            baseline::UNEXPLAINED_READS => self.baseline.unusual_unexplained,
            baseline::SLOW_DRIFT => self.baseline.slow_drift,
            baseline::NOVELTY => self.baseline.novelty,
            baseline::SESSION_START => self.baseline.session_start,
            baseline::SEQUENCE => self.baseline.sequence,
            baseline::ID_BLOCK => self.baseline.id_block,
            baseline::SUBJECT_FAN_IN => self.baseline.subject_fan_in,
            BulkRead::NAME => self.bulk_read.mode,
            NoCase::NAME => self.no_case.mode,
            WatchedSubject::CANARY | WatchedSubject::PROTECTED | WatchedSubject::STAFF => {
                self.watched_subject.mode
            }
            Leaver::NAME => self.leaver.mode,
            FirstSeen::NAME => self.first_seen.mode,
            Enumeration::NAME => self.enumeration.mode,
            DeniedBurst::NAME => self.denied_burst.mode,
            NoActor::NAME => self.no_actor.mode,
            SensitiveIdentifier::NAME => self.sensitive_identifier.mode,
            OutboundBytes::NAME => self.outbound_bytes.mode,
            EgressDetector::NAME => self.egress.mode,
            BeaconDetector::NAME => self.beacon.mode,
            PortScan::NAME => self.port_scan.mode,
            ImpossibleTravel::NAME => self.impossible_travel.mode,
            DormantSystem::NAME => self.dormant_system.mode,
            SILENT_SOURCE => self.silent_source.mode,
            _ => Mode::On,
        }
    }
}

/// Those that learn, and those of what no other looks at, with the settings of their modes.
const NOTHING_TAKES_THE_PLACE_OF: [(&str, &str); 16] = [
    ("detect.baseline.unusual_volume", baseline::VOLUME),
    ("detect.baseline.unusual_unexplained", baseline::UNEXPLAINED_READS),
    ("detect.baseline.slow_drift", baseline::SLOW_DRIFT),
    ("detect.baseline.novelty", baseline::NOVELTY),
    ("detect.baseline.session_start", baseline::SESSION_START),
    ("detect.baseline.sequence", baseline::SEQUENCE),
    ("detect.baseline.id_block", baseline::ID_BLOCK),
    ("detect.baseline.subject_fan_in", baseline::SUBJECT_FAN_IN),
    ("detect.no_actor.mode", NoActor::NAME),
    ("detect.outbound_bytes.mode", OutboundBytes::NAME),
    ("detect.egress.mode", EgressDetector::NAME),
    ("detect.beacon.mode", BeaconDetector::NAME),
    ("detect.port_scan.mode", PortScan::NAME),
    ("detect.impossible_travel.mode", ImpossibleTravel::NAME),
    ("detect.dormant_system.mode", DormantSystem::NAME),
    ("detect.silent_source.mode", SILENT_SOURCE),
];

/// What an alert budget may be, wherever it comes from.
pub fn check_budget(budget: f64, problems: &mut Problems) {
    problems.require(
        budget > 0.0 && budget <= 1_000.0,
        "detect.budget_per_1000_actors_day",
        || format!("must be above 0 and at most 1000, got {budget}"),
    );
}

/// The detectors in use, in the order they speak.
pub struct Roster {
    actor: Vec<(Mode, Box<dyn Detector<ActorState>>)>,
    source: Vec<(Mode, Box<dyn Detector<SourceState>>)>,
    /// Those that learn from everybody.
    travel: Option<(Mode, ImpossibleTravel)>,
    egress: Option<(Mode, EgressDetector)>,
    beacon: Option<(Mode, BeaconDetector)>,
    scan: Option<(Mode, PortScan)>,
    dormant: Option<(Mode, DormantSystem)>,
    /// Which of bulk_read, no_case, enumeration and first_seen rest once others have learned.
    rest: [bool; 4],
    /// Of `silent_source`, which the shard looks for.
    pub silence: Mode,
}

/// Every detector's name, with the chain's and the rules': the closed set of metric labels.
pub const DETECTOR_NAMES: [&str; 29] = [
    baseline::VOLUME,
    baseline::UNEXPLAINED_READS,
    baseline::SLOW_DRIFT,
    baseline::NOVELTY,
    baseline::SESSION_START,
    baseline::SEQUENCE,
    baseline::ID_BLOCK,
    baseline::SUBJECT_FAN_IN,
    BulkRead::NAME,
    NoCase::NAME,
    WatchedSubject::CANARY,
    WatchedSubject::PROTECTED,
    WatchedSubject::STAFF,
    Leaver::NAME,
    FirstSeen::NAME,
    Enumeration::NAME,
    DeniedBurst::NAME,
    NoActor::NAME,
    OutboundBytes::NAME,
    EgressDetector::NAME,
    BeaconDetector::NAME,
    PortScan::NAME,
    ImpossibleTravel::NAME,
    DormantSystem::NAME,
    SensitiveIdentifier::NAME,
    "read_then_outflow",
    "factor_removed_then_read",
    SILENT_SOURCE,
    "rule",
];

impl Roster {
    /// Nobody: for work with rules alone.
    pub fn empty() -> Self {
        Self {
            actor: Vec::new(),
            source: Vec::new(),
            travel: None,
            egress: None,
            beacon: None,
            scan: None,
            dormant: None,
            rest: [false; 4],
            silence: Mode::On,
        }
    }

    pub fn new(config: &DetectConfig) -> Self {
        let c = config.clone();
        let modes = [c.bulk_read.mode, c.no_case.mode, c.enumeration.mode, c.first_seen.mode];
        let rest = modes.map(|mode| mode == Mode::UntilLearned);
        let mut actor: Vec<(Mode, Box<dyn Detector<ActorState>>)> = vec![
            (c.watched_subject.mode, Box::new(WatchedSubject)),
            (c.leaver.mode, Box::new(Leaver)),
            (c.bulk_read.mode, Box::new(BulkRead::new(c.bulk_read))),
            (c.no_case.mode, Box::new(NoCase::new(c.no_case))),
            (c.enumeration.mode, Box::new(Enumeration::new(c.enumeration))),
            (c.denied_burst.mode, Box::new(DeniedBurst::new(c.denied_burst))),
            (c.first_seen.mode, Box::new(FirstSeen::new(c.first_seen))),
            (
                c.sensitive_identifier.mode,
                Box::new(SensitiveIdentifier::new(c.sensitive_identifier)),
            ),
        ];
        let mut source: Vec<(Mode, Box<dyn Detector<SourceState>>)> = vec![
            (c.no_actor.mode, Box::new(NoActor::new(c.no_actor))),
            (c.outbound_bytes.mode, Box::new(OutboundBytes::new(c.outbound_bytes))),
        ];
        actor.retain(|(mode, _)| *mode != Mode::Off);
        source.retain(|(mode, _)| *mode != Mode::Off);
        Self {
            actor,
            source,
            travel: unless_off(c.impossible_travel.mode, || {
                ImpossibleTravel::new(c.impossible_travel)
            }),
            egress: unless_off(c.egress.mode, || EgressDetector::new(c.egress)),
            beacon: unless_off(c.beacon.mode, || BeaconDetector::new(c.beacon)),
            scan: unless_off(c.port_scan.mode, || PortScan::new(c.port_scan)),
            dormant: unless_off(c.dormant_system.mode, || DormantSystem::new(c.dormant_system)),
            rest,
            silence: c.silent_source.mode,
        }
    }

    /// `learned` says whether the learned detectors have learned.
    pub fn observe_actor(
        &self,
        judged: &Judged<'_>,
        state: &mut ActorState,
        learned: bool,
        (noise, travel): (&mut RuleNoise, &mut Travel),
        findings: &mut Vec<Finding>,
    ) {
        if learned && !state.rested {
            self.rest(state, judged.facts.actor_type == ActorType::Service);
        }
        observe(&self.actor, judged, state, learned, Some(noise), findings);
        if let Some((mode, detector)) = &self.travel {
            let before = findings.len();
            detector.observe(judged, &mut state.site, travel, findings);
            shade(*mode, &mut findings[before..]);
        }
    }

    /// Frees what resting detectors remember of an actor. A machine's habits are few, and stay.
    fn rest(&self, state: &mut ActorState, is_service: bool) {
        let [bulk, no_case, sequence, seen] = self.rest;
        if bulk {
            state.bulk = Default::default();
        }
        if no_case {
            state.no_case = Default::default();
        }
        if sequence {
            state.sequence = Default::default();
        }
        if seen && !is_service {
            state.seen = Default::default();
        }
        state.rested = true;
    }

    pub fn observe_source(
        &self,
        judged: &Judged<'_>,
        state: &mut SourceState,
        destinations: &mut Destinations,
        findings: &mut Vec<Finding>,
    ) {
        observe(&self.source, judged, state, false, None, findings);
        if self.egress.is_some() || self.beacon.is_some() {
            self.observe_outflow(judged, state, destinations, findings);
        }
        if let Some((mode, detector)) = &self.scan {
            let before = findings.len();
            detector.observe(judged, state, destinations, findings);
            shade(*mode, &mut findings[before..]);
        }
    }

    /// Of any event, whoever or whatever acts.
    pub fn observe_system(
        &self,
        judged: &Judged<'_>,
        systems: &mut Systems,
        findings: &mut Vec<Finding>,
    ) {
        if let Some((mode, detector)) = &self.dormant {
            let before = findings.len();
            detector.observe(judged, systems, findings);
            shade(*mode, &mut findings[before..]);
        }
    }

    fn observe_outflow(
        &self,
        judged: &Judged<'_>,
        state: &mut SourceState,
        destinations: &mut Destinations,
        findings: &mut Vec<Finding>,
    ) {
        let Some(name) = leaving(judged) else { return };
        let Ok(day) = u16::try_from(judged.at.millis() / 86_400_000) else { return };
        let (mark, source) = (mark_of(name), mark_of(judged.event.source_ip().unwrap_or("")));
        let known = destinations.take(mark, source, day);
        let egress = state.egress.0.get_or_insert_default();
        if let Some((mode, detector)) = &self.egress {
            let before = findings.len();
            detector.observe(judged, egress, Destination { mark, known }, findings);
            shade(*mode, &mut findings[before..]);
        }
        if let Some((mode, detector)) = &self.beacon {
            let before = findings.len();
            let to = (mark, known, destinations.age_days(day));
            detector.observe(judged, &mut egress.beacons, to, findings);
            shade(*mode, &mut findings[before..]);
        }
    }
}

fn observe<S>(
    detectors: &[(Mode, Box<dyn Detector<S>>)],
    judged: &Judged<'_>,
    state: &mut S,
    learned: bool,
    mut noise: Option<&mut RuleNoise>,
    findings: &mut Vec<Finding>,
) {
    for (mode, detector) in detectors {
        let stays = *mode == Mode::UntilLearned && learned && detector.watches_on(judged);
        let judges = mode.judges(learned) || stays;
        if !judges || judged.late && !detector.judges_late() {
            continue;
        }
        let before = findings.len();
        detector.observe(judged, state, findings);
        // A stand-in's limits may not suit the place.
        if let (Mode::UntilLearned, Some(noise)) = (*mode, noise.as_deref_mut()) {
            let spoken = &mut findings[before..];
            spoken.iter_mut().for_each(|finding| noise.judge_stand_in(detector.name(), finding));
        }
        shade(*mode, &mut findings[before..]);
    }
}

fn unless_off<D>(mode: Mode, make: impl FnOnce() -> D) -> Option<(Mode, D)> {
    (mode != Mode::Off).then(|| (mode, make()))
}

fn shade(mode: Mode, spoken: &mut [Finding]) {
    spoken.iter_mut().for_each(|finding| mode.shade(finding));
}
