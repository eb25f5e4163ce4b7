//! Reads that name no case, or one that explains nothing, where the catalogue demands one.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged, score_for_ratio};
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::ActorState;
use crate::engine::model::{ActorType, EventTime, Finding, Problems, Window};

/// `[detect.no_case]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoCaseConfig {
    pub mode: Mode,
    /// Reads without a case in a day at which it is told again, and at each doubling: medium at
    /// once where the data is T3, from the first doubling on where it is T2. The first one is told
    /// at low or below.
    pub day_reads_max: u64,
}

impl Default for NoCaseConfig {
    fn default() -> Self {
        Self { mode: Mode::UntilLearned, day_reads_max: 5 }
    }
}

impl NoCaseConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (1..=1_000_000).contains(&self.day_reads_max),
            "detect.no_case.day_reads_max",
            || format!("must be 1 to 1000000 reads, got {}", self.day_reads_max),
        );
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct NoCaseState {
    since: EventTime,
    reads: u64,
    told: Ladder,
}

const DAY_MS: i64 = 86_400_000;

pub struct NoCase {
    config: NoCaseConfig,
}

impl NoCase {
    pub const NAME: &str = "no_case";

    pub fn new(config: NoCaseConfig) -> Self {
        Self { config }
    }
}

impl Detector<ActorState> for NoCase {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        let facts = judged.facts;
        let unexplained = facts.case_required && !facts.case.is_cased();
        if !unexplained || !judged.is_disclosure() || facts.actor_type == ActorType::Service {
            return;
        }
        let state = &mut state.no_case;
        let age_ms = judged.at.since(state.since);
        if !(0..DAY_MS).contains(&age_ms) {
            *state = NoCaseState { since: judged.at, ..NoCaseState::default() };
        }
        state.reads += 1;
        let limit = self.config.day_reads_max;
        let crosses = state.told.climb(state.reads, limit);
        if state.reads > 1 && !crosses {
            return;
        }
        let base = [18, 25, 32, 45][usize::from(facts.tier.min(3))];
        let score = if crosses { score_for_ratio(base, state.reads, limit) } else { base / 2 + 6 };
        let why = format!(
            "{} read{} of `{}` without a case{} in 1 day; this dataset demands one, and {} are let pass{}",
            state.reads,
            if state.reads == 1 { "" } else { "s" },
            facts.dataset,
            if facts.case.failure().is_some() { " that explains them" } else { "" },
            limit.saturating_sub(1),
            judged.case_words(),
        );
        let mut finding = judged.finding(Self::NAME, "", score, why);
        finding.window = Window { start: state.since, end: judged.at };
        finding.observed = state.reads as f64;
        finding.expected = limit as f64;
        finding.unit = "reads".into();
        finding.attack = vec!["T1213".into()];
        findings.push(finding);
    }
}
