//! What an actor has never touched before: a dataset, a source address.
//!
//! Of people others learn it better. A service account does the same day after day, so it is watched
//! on: few of them share a role, and what is new in one is rare in no book.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::detector::{Detector, Judged};
use super::mode::Mode;
use super::state::ActorState;
use crate::engine::model::{ActorType, EventTime, Finding, Kind, Outcome, Problems};

/// `[detect.first_seen]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FirstSeenConfig {
    pub mode: Mode,
    /// Event time for which an actor must have been watched before anything counts as new.
    pub known_for_s: u32,
    /// And the events it must have shown.
    pub known_events: u32,
}

impl Default for FirstSeenConfig {
    fn default() -> Self {
        Self { mode: Mode::UntilLearned, known_for_s: 4 * 3_600, known_events: 50 }
    }
}

impl FirstSeenConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(self.known_for_s <= 90 * 86_400, "detect.first_seen.known_for_s", || {
            format!("must be 0 to 7776000 seconds, got {}", self.known_for_s)
        });
    }
}

/// A service account that was watched so long and has used at most so many datasets is narrow: one
/// more is told at medium.
const SETTLED_MS: i64 = 7 * 86_400_000;
const NARROW_MAX: usize = 8;

/// Values remembered of each sort; beyond it the actor is too various for novelty to mean much,
/// and nothing more is told.
const KNOWN_MAX: usize = 64;

#[derive(Default, Serialize, Deserialize)]
pub struct SeenState {
    since: Option<EventTime>,
    events: u32,
    datasets: SmallVec<[u32; 6]>,
    sources: SmallVec<[u32; 4]>,
}

impl SeenState {
    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        u64::from(self.events) ^ self.datasets.len() as u64 ^ self.sources.len() as u64
    }

    pub fn heap_bytes(&self) -> usize {
        let spilled = |set: &[u32], yes: bool| if yes { size_of_val(set) } else { 0 };
        spilled(&self.datasets, self.datasets.spilled())
            + spilled(&self.sources, self.sources.spilled())
    }
}

pub struct FirstSeen {
    config: FirstSeenConfig,
}

impl FirstSeen {
    pub const NAME: &str = "first_seen";

    pub fn new(config: FirstSeenConfig) -> Self {
        Self { config }
    }
}

impl Detector<ActorState> for FirstSeen {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn watches_on(&self, judged: &Judged<'_>) -> bool {
        judged.facts.actor_type == ActorType::Service
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        if judged.event.kind != Kind::Access || judged.event.outcome != Outcome::Allowed {
            return;
        }
        let seen = &mut state.seen;
        let since = *seen.since.get_or_insert(judged.at);
        seen.events = seen.events.saturating_add(1);
        let known = seen.events > self.config.known_events
            && judged.at.since(since) >= i64::from(self.config.known_for_s) * 1_000;
        let service = judged.facts.actor_type == ActorType::Service;
        let dataset = judged.facts.dataset;
        if !dataset.is_empty()
            && remember(&mut seen.datasets, dataset)
            && known
            && judged.facts.tier > 0
        {
            let others = seen.datasets.len() - 1;
            let narrow = service && others <= NARROW_MAX && judged.at.since(since) >= SETTLED_MS;
            let tier = usize::from(judged.facts.tier.min(3));
            let score = match (narrow, service) {
                (true, _) => [0, 45, 48, 55][tier],
                (_, true) => [0, 32, 38, 48][tier],
                _ => [0, 12, 18, 28][tier],
            };
            let used = match others {
                _ if !narrow => String::new(),
                1 => ", a machine that has used one other".into(),
                _ => format!(", a machine that has used {others} others"),
            };
            let why = format!(
                "first use of `{dataset}` by this {}, watched since {since}{used}",
                judged.role_words()
            );
            findings.push(Finding {
                attack: vec!["T1213".into()],
                ..judged.finding(Self::NAME, "dataset", score, why)
            });
        }
        if let Some(ip) = judged.event.source_ip()
            && remember(&mut seen.sources, ip)
            && known
        {
            let score = if service { 38 } else { 15 };
            let why = format!(
                "first use of source address {ip} by this {}, watched since {since}",
                judged.role_words()
            );
            findings.push(Finding {
                attack: vec!["T1078".into()],
                ..judged.finding(Self::NAME, "source", score, why)
            });
        }
    }
}

/// True where `value` is new and could be remembered.
fn remember<A: smallvec::Array<Item = u32>>(known: &mut SmallVec<A>, value: &str) -> bool {
    let hash = short_hash(value);
    if known.contains(&hash) || known.len() >= KNOWN_MAX {
        return false;
    }
    known.push(hash);
    true
}

/// FNV-1a, 32 bits: fixed, so that the same events give the same findings in every process.
/// A collision hides one novelty of one actor. Source: Fowler, Noll, Vo.
fn short_hash(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
