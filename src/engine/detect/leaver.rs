//! Accounts in use after their owner has left.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged};
use super::mode::Mode;
use super::state::{ActorState, Blank};
use crate::engine::model::{EventTime, Finding, Kind, Outcome};

/// `[detect.leaver]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeaverConfig {
    pub mode: Mode,
}

impl Default for LeaverConfig {
    fn default() -> Self {
        Self { mode: Mode::On }
    }
}

/// Told again when the account goes on after this time.
const REPEAT_MS: i64 = 3_600_000;

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LeaverState {
    /// One for logins and one for reads: the second matters even right after the first.
    told: [Option<EventTime>; 2],
}

impl Blank for LeaverState {
    const BLANK: &'static Self = &Self { told: [None; 2] };
}

pub struct Leaver;

impl Leaver {
    pub const NAME: &str = "leaver";
}

impl Detector<ActorState> for Leaver {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn judges_late(&self) -> bool {
        true
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        let Some(left) = judged.facts.standing.and_then(|s| s.left) else { return };
        if judged.at < left {
            return;
        }
        let reads = judged.event.kind == Kind::Access;
        let told = &mut state.leaver.told[usize::from(reads)];
        if told.is_some_and(|told| judged.at.since(told).abs() < REPEAT_MS) {
            return;
        }
        *told = Some(judged.at);
        let allowed = judged.event.outcome == Outcome::Allowed;
        let score = match (allowed, reads) {
            (true, true) => 75,
            (true, false) => 62,
            (false, _) => 35,
        };
        let days = judged.at.since(left) / 86_400_000;
        let why = format!(
            "the account of somebody who left {days} day{} ago was used: {} {}",
            if days == 1 { "" } else { "s" },
            judged.event.action.name(),
            judged.event.outcome.name(),
        );
        let mut finding = judged.finding(Self::NAME, judged.event.kind.name(), score, why);
        finding.attack = vec!["T1078".into()];
        findings.push(finding);
    }
}
