//! Reads of planted records (canaries), of people under protection, of oneself and of colleagues.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged};
use super::mode::Mode;
use super::state::{ActorState, Later};
use crate::engine::enrich::Who;
use crate::engine::model::{ActorType, EventTime, Finding, SubjectToken};

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
    told: Later<Vec<(u64, EventTime)>>,
}

impl WatchedState {
    pub fn heap_bytes(&self) -> usize {
        self.told.heap_bytes() + self.told.capacity() * size_of::<(u64, EventTime)>()
    }

    fn is_news(&mut self, token: SubjectToken, at: EventTime) -> bool {
        let short = token.short();
        if let Some(place) = self.told.iter().position(|(seen, _)| *seen == short) {
            let told = &mut self.told[place];
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
    pub const STAFF: &str = "staff_subject";
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
        let facts = judged.facts;
        for watched in &facts.watched {
            let is_staff = matches!(watched.who, Who::Oneself | Who::Colleague { .. });
            if is_staff && facts.actor_type == ActorType::Service {
                continue;
            }
            if !state.watched.is_news(watched.token, judged.at) {
                continue;
            }
            let dataset = facts.dataset;
            let variant = watched.token.to_string();
            let cased = facts.case.is_cased();
            let under = match facts.case.failure() {
                Some(failure) => format!("under a case that {failure}"),
                None if cased => "under a case".to_owned(),
                None => "and no case was named".to_owned(),
            };
            let (detector, score, what) = match watched.who {
                Who::Canary => {
                    let what = format!(
                        "a planted record of `{dataset}` was opened; no work ever needs it"
                    );
                    (Self::CANARY, 85, what)
                }
                Who::Oneself => {
                    let what = format!("the actor's own record in `{dataset}` was opened {under}");
                    (Self::STAFF, 65, what)
                }
                Who::Protected => {
                    let what =
                        format!("a protected person's record in `{dataset}` was opened {under}");
                    (Self::PROTECTED, if cased { 22 } else { 65 }, what)
                }
                Who::Colleague { same_unit } => {
                    let (score, whose) = match same_unit {
                        true => (65, "a colleague of the same unit"),
                        false => (45, "a colleague"),
                    };
                    let what = format!("the record of {whose} in `{dataset}` was opened {under}");
                    (Self::STAFF, if cased { 22 } else { score }, what)
                }
            };
            let finding =
                judged.finding(detector, &variant, score, format!("{what} (subject {variant})"));
            findings.push(Finding { attack: vec!["T1213".into()], ..finding });
        }
    }
}
