//! Data shown to nobody who was authenticated.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged, score_for_ratio};
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::SourceState;
use super::window::{Span, Windows};
use crate::engine::model::{Finding, Key, KeyKind, Problems, Window};

/// `[detect.no_actor]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoActorConfig {
    pub mode: Mode,
    /// Records in a day at which it becomes high. The first read is told at once.
    pub day_records_max: u64,
}

impl Default for NoActorConfig {
    fn default() -> Self {
        Self { mode: Mode::On, day_records_max: 20 }
    }
}

impl NoActorConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (1..=1_000_000_000).contains(&self.day_records_max),
            "detect.no_actor.day_records_max",
            || format!("must be 1 to 1000000000 records, got {}", self.day_records_max),
        );
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Reads {
    windows: Windows,
    first_told: bool,
    told: Ladder,
}

#[derive(Default, Serialize, Deserialize)]
pub struct NoActorState(Option<Box<Reads>>);

impl NoActorState {
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |reads| size_of::<Reads>() + reads.windows.heap_bytes())
    }
}

pub struct NoActor {
    config: NoActorConfig,
}

impl NoActor {
    pub const NAME: &str = "no_actor";

    pub fn new(config: NoActorConfig) -> Self {
        Self { config }
    }
}

impl Detector<SourceState> for NoActor {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut SourceState, findings: &mut Vec<Finding>) {
        let event = judged.event;
        if event.actor.id.is_some() || !judged.is_disclosure() || judged.facts.tier == 0 {
            return;
        }
        let reads = state.no_actor.0.get_or_insert_default();
        reads.windows.add(
            judged.at,
            !judged.late,
            event.records,
            event.bytes,
            &judged.facts.tokens,
        );
        let totals = reads.windows.totals(Span::Day);
        let limit = self.config.day_records_max;
        let crosses = reads.told.climb(totals.records, limit);
        if reads.first_told && !crosses {
            return;
        }
        reads.first_told = true;
        let score = if crosses { score_for_ratio(62, totals.records, limit) } else { 45 };
        let ip = event.source_ip().unwrap_or("an unknown address");
        let why = format!(
            "{} record{} of `{}` in 1 day went to {ip} with nobody logged in",
            totals.records,
            if totals.records == 1 { "" } else { "s" },
            judged.facts.dataset,
        );
        let key =
            Key { kind: KeyKind::Source, value: event.source_ip().unwrap_or("unknown").to_owned() };
        let mut finding = judged.finding_on(key, Self::NAME, "", score, why);
        finding.window = Window { start: judged.at.minus_ms(Span::Day.millis()), end: judged.at };
        finding.observed = totals.records as f64;
        finding.unit = "records".into();
        finding.records = totals.records;
        finding.subjects = totals.subjects;
        finding.bytes = totals.bytes;
        finding.attack = vec!["T1190".into()];
        findings.push(finding);
    }
}
