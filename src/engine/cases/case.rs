//! Where a case stands, from its acts alone.

use serde::{Deserialize, Serialize};

use super::act::{Act, Recorded, Resolution, State};
use crate::engine::model::EventTime;

/// Links, decisions and notifications kept of one case; further ones are refused.
const KEPT_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The act that linked it.
    pub act: i64,
    pub url: String,
    pub title: Option<String>,
}

/// "We are aware": since when, under which regimes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aware {
    pub act: i64,
    pub at: EventTime,
    pub by: String,
    pub regimes: Vec<String>,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    pub act: i64,
    pub regime: String,
    pub phase: String,
    pub at: EventTime,
    pub by: String,
    pub reference: Option<String>,
}

/// What the acts on an incident make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub state: State,
    /// Where it is resolved.
    pub resolution: Option<Resolution>,
    pub assignee: Option<String>,
    /// How many acts there are, but for those that tell of notices: what a writer says it has seen.
    pub revision: u64,
    pub changed: Option<EventTime>,
    pub changed_by: Option<String>,
    pub comments: u64,
    pub links: Vec<Linked>,
    pub aware: Vec<Aware>,
    pub notified: Vec<Notified>,
    /// Regime and phase of the clocks that were warned of, or have run out.
    pub warned: Vec<(String, String)>,
    /// Of those, the ones that have run out.
    #[serde(default)]
    pub ran_out: Vec<(String, String)>,
}

/// Why an act is impossible as the case stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("cannot {act}: the incident is already {state}")]
    Already { act: &'static str, state: &'static str },
    #[error("cannot {act} from {state}: allowed are {allowed}")]
    State { act: &'static str, state: &'static str, allowed: &'static str },
    #[error("it is already assigned so")]
    Assigned,
    #[error("there is no act {0} on this incident")]
    NoAct(i64),
    #[error("act {0} was undone before")]
    Undone(i64),
    #[error("act {number} ({kind}) cannot be undone: {why}")]
    Lasting { number: i64, kind: &'static str, why: &'static str },
    #[error("act {number} cannot be undone: act {later} rests on it; undo that first")]
    RestedOn { number: i64, later: i64 },
    #[error("regime `{regime}`, phase `{phase}` was notified before, by act {act}")]
    Notified { regime: String, phase: String, act: i64 },
    #[error("nobody has decided that we are aware under regime `{0}`")]
    NotAware(String),
    #[error("we are aware under regime `{0}` already, by act {1}; undo that first")]
    AwareAlready(String, i64),
    #[error("the clock was warned of before")]
    Warned,
    #[error("at most {KEPT_MAX} are kept")]
    Full,
}

/// What an undo has to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strand {
    State,
    Assignee,
    /// Rests on nothing and bears nothing.
    Alone,
}

fn strand(act: &Act) -> Result<Strand, &'static str> {
    match act {
        Act::Acknowledge {}
        | Act::Investigate {}
        | Act::Contain {}
        | Act::Resolve { .. }
        | Act::Reopen { .. } => Ok(Strand::State),
        Act::Assign { .. } => Ok(Strand::Assignee),
        Act::Comment { .. } | Act::Link { .. } | Act::Aware { .. } | Act::Notified { .. } => {
            Ok(Strand::Alone)
        }
        Act::Undo { .. } => Err("do again what it undid"),
        Act::Absorb { .. } => Err("split the findings that do not belong"),
        Act::Split { .. } => Err("absorb the incident it made"),
        Act::Absorbed { .. }
        | Act::ClockWarned { .. }
        | Act::ClockRanOut { .. }
        | Act::ExceptionExpired { .. }
        | Act::HeldBack { .. }
        | Act::Told { .. } => Err("the monitor did it"),
        Act::AddSilence { .. } => Err("end the silence"),
        Act::EndSilence { .. } => Err("let the silence hold again"),
        Act::ResumeSilence { .. } => Err("end the silence"),
        Act::AddException { .. } => Err("revoke the exception"),
        Act::RevokeException { .. } => Err("add the exception again"),
        Act::SetBudget { .. } => Err("set it again"),
    }
}

impl Case {
    /// `acts` in the order of their numbers. What was done to an incident before `incident`
    /// absorbed it counts too, but moves the state only where nobody moved this one's, and closes
    /// nothing.
    pub fn of(incident: &str, acts: &[Recorded]) -> Self {
        let changes = || acts.iter().filter(|act| !act.act.is_telling());
        let mut case = Self { revision: changes().count() as u64, ..Self::default() };
        let own = |act: &&Recorded| act.origin.as_deref() == Some(incident);
        let (mut inherited, mut moved) = (Self::default(), false);
        for act in acts.iter().filter(|act| !is_undone(act.number, acts)) {
            let strand = strand(&act.act);
            if own(&act) || strand == Ok(Strand::Alone) || strand.is_err() {
                moved |= strand == Ok(Strand::State);
                case.take(act);
            } else {
                inherited.take(act);
            }
        }
        if !moved && inherited.state != State::Resolved {
            case.state = inherited.state;
        }
        if case.assignee.is_none() {
            case.assignee = inherited.assignee;
        }
        let last = changes().next_back();
        case.changed = last.map(|act| act.time);
        case.changed_by = last.map(|act| act.by.clone());
        case
    }

    /// Whether `act` may be done now, the case being what `acts` made it.
    pub fn admits(&self, act: &Act, acts: &[Recorded]) -> Result<(), Refusal> {
        use State::{Acknowledged, Contained, Investigating, New, Resolved};
        let from = |allowed: &'static str, states: &[State], to: Option<State>| {
            let (act, state) = (act.name(), self.state.name());
            if to == Some(self.state) {
                Err(Refusal::Already { act, state })
            } else if states.contains(&self.state) {
                Ok(())
            } else {
                Err(Refusal::State { act, state, allowed })
            }
        };
        let room = |n: usize| if n < KEPT_MAX { Ok(()) } else { Err(Refusal::Full) };
        match act {
            Act::Acknowledge {} => from("new", &[New], Some(Acknowledged)),
            Act::Investigate {} => from(
                "new, acknowledged and contained",
                &[New, Acknowledged, Contained],
                Some(Investigating),
            ),
            Act::Contain {} => from(
                "acknowledged and investigating",
                &[Acknowledged, Investigating],
                Some(Contained),
            ),
            Act::Resolve { .. } => from(
                "new, acknowledged, investigating and contained",
                &[New, Acknowledged, Investigating, Contained],
                Some(Resolved),
            ),
            Act::Reopen { .. } => from("resolved", &[Resolved], None),
            Act::Assign { to } if *to == self.assignee => Err(Refusal::Assigned),
            Act::Link { .. } => room(self.links.len()),
            Act::Undo { act } => may_undo(*act, acts),
            Act::Aware { regimes, .. } => {
                room(self.aware.len())?;
                let known = regimes.iter().find_map(|regime| {
                    let aware = self.aware.iter().find(|aware| aware.regimes.contains(regime))?;
                    Some(Refusal::AwareAlready(regime.clone(), aware.act))
                });
                known.map_or(Ok(()), Err)
            }
            Act::Notified { regime, phase, .. } => {
                room(self.notified.len())?;
                if !self.aware.iter().any(|aware| aware.regimes.contains(regime)) {
                    return Err(Refusal::NotAware(regime.clone()));
                }
                match self.told(regime, phase) {
                    Some(before) => Err(Refusal::Notified {
                        regime: regime.clone(),
                        phase: phase.clone(),
                        act: before.act,
                    }),
                    None => Ok(()),
                }
            }
            Act::ClockWarned { regime, phase, .. } if self.was_warned(regime, phase) => {
                Err(Refusal::Warned)
            }
            Act::ClockRanOut { regime, phase, .. } if self.has_run_out(regime, phase) => {
                Err(Refusal::Warned)
            }
            _ => Ok(()),
        }
    }

    pub fn told(&self, regime: &str, phase: &str) -> Option<&Notified> {
        self.notified.iter().find(|told| told.regime == regime && told.phase == phase)
    }

    pub fn was_warned(&self, regime: &str, phase: &str) -> bool {
        self.warned.iter().any(|(of, which)| of == regime && which == phase)
    }

    pub fn has_run_out(&self, regime: &str, phase: &str) -> bool {
        self.ran_out.iter().any(|(of, which)| of == regime && which == phase)
    }

    fn take(&mut self, recorded: &Recorded) {
        let number = recorded.number;
        match &recorded.act {
            Act::Acknowledge {} => self.stand(State::Acknowledged, None),
            Act::Investigate {} => self.stand(State::Investigating, None),
            Act::Contain {} => self.stand(State::Contained, None),
            Act::Resolve { resolution, .. } => self.stand(State::Resolved, Some(*resolution)),
            // What the monitor reopens, somebody has to look at anew.
            Act::Reopen { .. } if recorded.by == super::MONITOR => self.stand(State::New, None),
            Act::Reopen { .. } => self.stand(State::Investigating, None),
            Act::Assign { to } => self.assignee.clone_from(to),
            Act::Comment { .. } => self.comments += 1,
            Act::Link { url, title } => {
                self.links.push(Linked { act: number, url: url.clone(), title: title.clone() });
            }
            Act::Aware { at, regimes, reason } => self.aware.push(Aware {
                act: number,
                at: at.unwrap_or(recorded.time),
                by: recorded.by.clone(),
                regimes: regimes.clone(),
                reason: reason.clone(),
            }),
            Act::Notified { regime, phase, at, reference } => self.notified.push(Notified {
                act: number,
                regime: regime.clone(),
                phase: phase.clone(),
                at: at.unwrap_or(recorded.time),
                by: recorded.by.clone(),
                reference: reference.clone(),
            }),
            Act::ClockWarned { regime, phase, .. } => {
                self.warned.push((regime.clone(), phase.clone()));
            }
            Act::ClockRanOut { regime, phase, .. } => {
                if !self.was_warned(regime, phase) {
                    self.warned.push((regime.clone(), phase.clone()));
                }
                self.ran_out.push((regime.clone(), phase.clone()));
            }
            _ => {}
        }
    }

    fn stand(&mut self, state: State, resolution: Option<Resolution>) {
        self.state = state;
        self.resolution = resolution;
    }
}

pub(super) fn is_undone(number: i64, acts: &[Recorded]) -> bool {
    acts.iter().any(|act| matches!(act.act, Act::Undo { act } if act == number))
}

/// Only the last of a strand can be undone: what came after it was allowed because of it.
fn may_undo(number: i64, acts: &[Recorded]) -> Result<(), Refusal> {
    let act = acts.iter().find(|act| act.number == number).ok_or(Refusal::NoAct(number))?;
    if is_undone(number, acts) {
        return Err(Refusal::Undone(number));
    }
    let kind = act.act.name();
    let of = strand(&act.act).map_err(|why| Refusal::Lasting { number, kind, why })?;
    if of == Strand::Alone {
        return Ok(());
    }
    let rests = |later: &&Recorded| {
        later.number > number
            && later.origin == act.origin
            && strand(&later.act) == Ok(of)
            && !is_undone(later.number, acts)
    };
    match acts.iter().find(rests) {
        Some(later) => Err(Refusal::RestedOn { number, later: later.number }),
        None => Ok(()),
    }
}
