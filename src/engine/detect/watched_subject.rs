//! Reads of planted records (canaries) and of people under protection.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::detector::{Detector, Judged};
use super::mode::Mode;
use super::state::ActorState;
use crate::engine::model::{EventTime, Finding, SubjectToken};

/// `[detect.watched_subject]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchedSubjectConfig {
    pub mode: Mode,
}

impl Default for WatchedSubjectConfig {
    fn default() -> Self {
        Self { mode: Mode::On }
    }
}

/// The same actor on the same subject is told once within this time.
const REPEAT_MS: i64 = 3_600_000;
/// Subjects remembered as told, an actor.
const TOLD_MAX: usize = 64;

#[derive(Default, Serialize, Deserialize)]
pub struct WatchedState {
    told: SmallVec<[(u64, EventTime); 1]>,
}

impl WatchedState {
    pub fn heap_bytes(&self) -> usize {
        if self.told.spilled() { self.told.capacity() * size_of::<(u64, EventTime)>() } else { 0 }
    }

    fn is_news(&mut self, token: SubjectToken, at: EventTime) -> bool {
        let short = token.short();
        if let Some(told) = self.told.iter_mut().find(|(seen, _)| *seen == short) {
            let news = at.since(told.1) >= REPEAT_MS;
            if news {
                told.1 = at;
            }
            return news;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.remove(0);
        }
        self.told.push((short, at));
        true
    }
}

pub struct WatchedSubject;

impl WatchedSubject {
    pub const CANARY: &str = "canary";
    pub const PROTECTED: &str = "protected_subject";
}

impl Detector<ActorState> for WatchedSubject {
    fn name(&self) -> &'static str {
        Self::PROTECTED
    }

    fn judges_late(&self) -> bool {
        true
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        if judged.facts.watched.is_empty() || !judged.is_disclosure() {
            return;
        }
        for watched in &judged.facts.watched {
            if !state.watched.is_news(watched.token, judged.at) {
                continue;
            }
            let dataset = judged.facts.dataset;
            let variant = watched.token.to_string();
            let finding = if watched.canary {
                let why = format!(
                    "a planted record of `{dataset}` was opened; no work ever needs it (subject {variant})"
                );
                judged.finding(Self::CANARY, &variant, 85, why)
            } else if judged.event.case.is_none() {
                let why = format!(
                    "a protected person's record in `{dataset}` was opened and no case was named (subject {variant})"
                );
                judged.finding(Self::PROTECTED, &variant, 65, why)
            } else {
                let why = format!(
                    "a protected person's record in `{dataset}` was opened under a case (subject {variant})"
                );
                judged.finding(Self::PROTECTED, &variant, 22, why)
            };
            findings.push(Finding { attack: vec!["T1213".into()], ..finding });
        }
    }
}
