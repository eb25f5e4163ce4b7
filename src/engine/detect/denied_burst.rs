//! Refusals in quick succession: somebody tries doors.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged, score_for_ratio};
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::ActorState;
use super::window::Ring;
use crate::engine::model::{Action, Finding, Kind, Outcome, Problems, Window};

/// `[detect.denied_burst]`: refusals within 10 min.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeniedBurstConfig {
    pub mode: Mode,
    pub denied_max: u64,
    pub failed_logins_max: u64,
}

impl Default for DeniedBurstConfig {
    fn default() -> Self {
        Self { mode: Mode::On, denied_max: 12, failed_logins_max: 8 }
    }
}

impl DeniedBurstConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("detect.denied_burst.denied_max", self.denied_max),
            ("detect.denied_burst.failed_logins_max", self.failed_logins_max),
        ] {
            problems.require((2..=100_000).contains(&value), key, || {
                format!("must be 2 to 100000 in 10 minutes, got {value}")
            });
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Burst {
    ring: Ring<10>,
    told: Ladder,
}

#[derive(Default, Serialize, Deserialize)]
pub struct DeniedState {
    reads: Option<Box<Burst>>,
    logins: Option<Box<Burst>>,
}

impl DeniedState {
    pub fn heap_bytes(&self) -> usize {
        let bursts = [&self.reads, &self.logins].into_iter().flatten();
        bursts.map(|burst| size_of::<Burst>() + burst.ring.heap_bytes()).sum()
    }
}

const SPAN_MS: i64 = 600_000;

pub struct DeniedBurst {
    config: DeniedBurstConfig,
}

impl DeniedBurst {
    pub const NAME: &str = "denied_burst";

    pub fn new(config: DeniedBurstConfig) -> Self {
        Self { config }
    }
}

impl Detector<ActorState> for DeniedBurst {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        let event = judged.event;
        let (burst, limit, what, attack) = match (event.kind, event.outcome, &event.action) {
            (Kind::Access, Outcome::Denied, _) => {
                (&mut state.denied.reads, self.config.denied_max, "refused requests", "T1087")
            }
            (
                Kind::Auth,
                Outcome::Denied | Outcome::Error,
                Action::Login | Action::MfaChallenge,
            ) => {
                (&mut state.denied.logins, self.config.failed_logins_max, "failed logins", "T1110")
            }
            _ => return,
        };
        let burst = burst.get_or_insert_default();
        let minute = judged.at.millis() / 60_000;
        burst.ring.advance(minute);
        if !burst.ring.covers(minute) {
            burst.ring = Ring::default();
            burst.ring.advance(minute);
        }
        burst.ring.add(minute, 1, 0, 0);
        let denied = burst.ring.records();
        if !burst.told.climb(denied, limit) {
            return;
        }
        let why = format!(
            "{denied} {what} in 10 min by this {}; {limit} are already unusual, last: {} on `{}`",
            judged.role_words(),
            event.action.name(),
            event.system.as_deref().unwrap_or(judged.facts.dataset),
        );
        let mut finding = judged.finding(Self::NAME, what, score_for_ratio(45, denied, limit), why);
        finding.window = Window { start: judged.at.minus_ms(SPAN_MS), end: judged.at };
        finding.observed = denied as f64;
        finding.expected = limit as f64;
        finding.attack = vec![attack.into()];
        findings.push(finding);
    }
}
