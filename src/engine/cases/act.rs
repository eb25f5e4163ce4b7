//! One thing done to an incident.

use serde::{Deserialize, Serialize};

use super::clock::Regimes;
use super::silence::Silence;
use crate::engine::detect::Exception;
use crate::engine::model::{Entry, EntryKind, EventTime, FindingId, IncidentId, Source};

/// Who acts where the monitor does so by itself. Nobody else may be called so.
pub const MONITOR: &str = "tidewaiter";
/// Longest comment or reason, in characters.
const TEXT_MAX: usize = 4_000;
/// Longest name, title or reference.
const NAME_MAX: usize = 200;
const URL_MAX: usize = 2_000;
const REGIMES_MAX: usize = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    New,
    Acknowledged,
    Investigating,
    Contained,
    Resolved,
}

impl State {
    pub const ALL: [Self; 5] =
        [Self::New, Self::Acknowledged, Self::Investigating, Self::Contained, Self::Resolved];

    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Investigating => "investigating",
            Self::Contained => "contained",
            Self::Resolved => "resolved",
        }
    }
}

/// What an incident turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    TruePositive,
    /// It happened, and was allowed.
    Benign,
    /// It did not happen.
    FalsePositive,
    Test,
}

impl Resolution {
    pub const ALL: [Self; 4] = [Self::TruePositive, Self::Benign, Self::FalsePositive, Self::Test];

    pub const fn name(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::Benign => "benign",
            Self::FalsePositive => "false_positive",
            Self::Test => "test",
        }
    }
}

/// What can be done. The wire shape is `{"kind": …}` with the fields of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    Acknowledge {},
    Investigate {},
    Contain {},
    Resolve {
        resolution: Resolution,
        #[serde(default)]
        note: Option<String>,
    },
    Reopen {
        reason: String,
    },
    /// To nobody where `to` is null.
    Assign {
        to: Option<String>,
    },
    Comment {
        text: String,
    },
    Link {
        url: String,
        #[serde(default)]
        title: Option<String>,
    },
    /// Takes back what an earlier act did; both stay on record.
    Undo {
        act: i64,
    },
    /// The decision that there is a breach: starts the clocks of the regimes named.
    Aware {
        /// When awareness was reached; when the act was recorded where it is null.
        #[serde(default)]
        at: Option<EventTime>,
        regimes: Vec<String>,
        reason: String,
    },
    /// An authority was told: stops one phase of one regime.
    Notified {
        regime: String,
        phase: String,
        #[serde(default)]
        at: Option<EventTime>,
        #[serde(default)]
        reference: Option<String>,
    },
    /// The other incident is this one too.
    Absorb {
        incident: IncidentId,
    },
    /// The finding does not belong here.
    Split {
        finding: FindingId,
    },
    /// By the monitor: the acts of an incident absorbed by this one were taken over.
    Absorbed {
        incident: IncidentId,
    },
    /// By the monitor: a clock runs out soon.
    ClockWarned {
        regime: String,
        phase: String,
        due: EventTime,
    },
    /// By the monitor: a clock has run out, and nobody was told.
    ClockRanOut {
        regime: String,
        phase: String,
        due: EventTime,
    },
    AddException {
        id: String,
        exception: Exception,
    },
    RevokeException {
        id: String,
        reason: String,
    },
    /// By the monitor: it has expired.
    ExceptionExpired {
        id: String,
    },
    /// The alert budget was changed: to the configuration's where `budget` is null.
    SetBudget {
        before: f64,
        budget: Option<f64>,
        reason: String,
    },
    AddSilence {
        id: String,
        silence: Silence,
    },
    /// Before its time.
    EndSilence {
        id: String,
        #[serde(default)]
        reason: Option<String>,
    },
    /// One that was ended holds again, until its own end.
    ResumeSilence {
        id: String,
    },
    /// By the monitor: a notice is kept back.
    HeldBack {
        sink: String,
        /// None for one of the configuration.
        silence: Option<String>,
        until: EventTime,
        /// In words, with the end.
        why: String,
    },
    /// By the monitor: a sink has taken a notice.
    Told {
        sink: String,
        /// In words.
        what: String,
    },
}

/// An act as it stands on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Grows with each act, over all incidents.
    pub number: i64,
    /// None where the act is about no incident.
    pub incident: Option<IncidentId>,
    /// Where it was done: another incident, where that was absorbed since.
    pub origin: Option<IncidentId>,
    pub time: EventTime,
    pub by: String,
    pub act: Act,
}

/// What is wrong with an act by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActProblem {
    #[error("`{field}` must not be empty")]
    Empty { field: &'static str },
    #[error("`{field}` has {length} characters; at most {max} are allowed")]
    Long { field: &'static str, length: usize, max: usize },
    #[error("`url` must begin with https:// or http://")]
    Url,
    #[error("`regimes` must name 1 to {REGIMES_MAX}")]
    Regimes,
    #[error("only the monitor itself does `{0}`")]
    Monitors(&'static str),
    #[error("`{0}` is done at /api/v1/{1}")]
    Elsewhere(&'static str, &'static str),
    #[error("`by` must not be `{MONITOR}`: that is the monitor itself")]
    Name,
}

impl Act {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Acknowledge {} => "acknowledge",
            Self::Investigate {} => "investigate",
            Self::Contain {} => "contain",
            Self::Resolve { .. } => "resolve",
            Self::Reopen { .. } => "reopen",
            Self::Assign { .. } => "assign",
            Self::Comment { .. } => "comment",
            Self::Link { .. } => "link",
            Self::Undo { .. } => "undo",
            Self::Aware { .. } => "aware",
            Self::Notified { .. } => "notified",
            Self::Absorb { .. } => "absorb",
            Self::Split { .. } => "split",
            Self::Absorbed { .. } => "absorbed",
            Self::ClockWarned { .. } => "clock_warned",
            Self::ClockRanOut { .. } => "clock_ran_out",
            Self::AddException { .. } => "add_exception",
            Self::RevokeException { .. } => "revoke_exception",
            Self::ExceptionExpired { .. } => "exception_expired",
            Self::SetBudget { .. } => "set_budget",
            Self::AddSilence { .. } => "add_silence",
            Self::EndSilence { .. } => "end_silence",
            Self::ResumeSilence { .. } => "resume_silence",
            Self::HeldBack { .. } => "held_back",
            Self::Told { .. } => "told",
        }
    }

    /// Whether it tells of notices alone: nobody's view of the case is out of date by it.
    pub const fn is_telling(&self) -> bool {
        matches!(self, Self::HeldBack { .. } | Self::Told { .. })
    }

    /// What a person sent, looked at by itself.
    pub fn check(&self, by: &str) -> Result<(), ActProblem> {
        text("by", by, NAME_MAX)?;
        if by.trim().eq_ignore_ascii_case(MONITOR) {
            return Err(ActProblem::Name);
        }
        match self {
            Self::Acknowledge {} | Self::Investigate {} | Self::Contain {} | Self::Undo { .. } => {
                Ok(())
            }
            Self::Resolve { note, .. } => optional("note", note, TEXT_MAX),
            Self::Reopen { reason } => text("reason", reason, TEXT_MAX),
            Self::Assign { to } => optional("to", to, NAME_MAX),
            Self::Comment { text: said } => text("text", said, TEXT_MAX),
            Self::Link { url, title } => {
                text("url", url, URL_MAX)?;
                optional("title", title, NAME_MAX)?;
                let known = url.starts_with("https://") || url.starts_with("http://");
                if known { Ok(()) } else { Err(ActProblem::Url) }
            }
            Self::Aware { regimes, reason, .. } => {
                text("reason", reason, TEXT_MAX)?;
                let few = (1..=REGIMES_MAX).contains(&regimes.len());
                if few { Ok(()) } else { Err(ActProblem::Regimes) }
            }
            Self::Notified { regime, phase, reference, .. } => {
                text("regime", regime, NAME_MAX)?;
                text("phase", phase, NAME_MAX)?;
                optional("reference", reference, NAME_MAX)
            }
            Self::Absorb { incident } => text("incident", incident, NAME_MAX),
            Self::Split { finding } => text("finding", finding, NAME_MAX),
            Self::Absorbed { .. }
            | Self::ClockWarned { .. }
            | Self::ClockRanOut { .. }
            | Self::ExceptionExpired { .. }
            | Self::HeldBack { .. }
            | Self::Told { .. } => Err(ActProblem::Monitors(self.name())),
            Self::AddException { .. } | Self::RevokeException { .. } => {
                Err(ActProblem::Elsewhere(self.name(), "exceptions"))
            }
            Self::AddSilence { .. } | Self::EndSilence { .. } | Self::ResumeSilence { .. } => {
                Err(ActProblem::Elsewhere(self.name(), "silences"))
            }
            Self::SetBudget { .. } => Err(ActProblem::Elsewhere(self.name(), "budget")),
        }
    }

    /// What was done, after the name of who did it.
    fn sentence(&self, known: &Regimes) -> String {
        let note = |note: &Option<String>| {
            note.as_ref().map_or_else(String::new, |note| format!(": {note}"))
        };
        match self {
            Self::Acknowledge {} => "acknowledged the incident".into(),
            Self::Investigate {} => "began to investigate".into(),
            Self::Contain {} => "contained it".into(),
            Self::Resolve { resolution, note: said } => {
                format!("resolved it as {}{}", resolution.name().replace('_', " "), note(said))
            }
            Self::Reopen { reason } => format!("reopened it: {reason}"),
            Self::Assign { to: Some(to) } => format!("assigned it to {to}"),
            Self::Assign { to: None } => "assigned it to nobody".into(),
            Self::Comment { text } => format!("commented: {text}"),
            Self::Link { url, title: Some(title) } => format!("linked {title} ({url})"),
            Self::Link { url, title: None } => format!("linked {url}"),
            Self::Undo { act } => format!("undid act {act}"),
            Self::Aware { at, regimes, reason } => {
                let at = at.map_or_else(String::new, |at| format!(" as of {at}"));
                let names: Vec<&str> = regimes.iter().map(|id| known.name(id)).collect();
                format!("decided that we are aware{at} ({}): {reason}", names.join(", "))
            }
            Self::Notified { regime, phase, at, reference } => {
                let at = at.map_or_else(String::new, |at| format!(" at {at}"));
                let reference =
                    reference.as_ref().map_or_else(String::new, |r| format!(", reference {r}"));
                let (law, step) = (known.name(regime), known.phase_name(regime, phase));
                format!("notified{at}: {law}, {step}{reference}")
            }
            Self::Absorb { incident } => format!("said that incident {incident} is this one too"),
            Self::Split { finding } => format!("said that finding {finding} does not belong here"),
            Self::Absorbed { incident } => {
                format!("took over what was done to incident {incident}, absorbed by this one")
            }
            Self::ClockWarned { regime, phase, due } => {
                let (law, step) = (known.name(regime), known.phase_name(regime, phase));
                format!("warned that the clock of {law}, {step}, runs out at {due}")
            }
            Self::ClockRanOut { regime, phase, due } => {
                let (law, step) = (known.name(regime), known.phase_name(regime, phase));
                format!("warned that the clock of {law}, {step}, ran out at {due}")
            }
            Self::AddException { id, exception } => {
                format!("added exception {id} until {}: {}", exception.expires, exception.reason)
            }
            Self::RevokeException { id, reason } => format!("revoked exception {id}: {reason}"),
            Self::ExceptionExpired { id } => format!("exception {id} has expired"),
            Self::SetBudget { before, budget: Some(budget), reason } => format!(
                "changed the alert budget from {before} to {budget} per 1,000 actors and day: {reason}"
            ),
            Self::SetBudget { before, budget: None, reason } => format!(
                "changed the alert budget from {before} back to the configuration's: {reason}"
            ),
            Self::AddSilence { id, silence } => format!(
                "silenced {} until {} (silence {}): {}",
                silence.matcher,
                silence.until,
                short(id),
                silence.reason
            ),
            Self::EndSilence { id, reason } => {
                format!("ended silence {}{}", short(id), note(reason))
            }
            Self::ResumeSilence { id } => format!("let silence {} hold again", short(id)),
            Self::HeldBack { sink, silence, why, .. } => {
                let by = silence
                    .as_ref()
                    .map_or_else(String::new, |id| format!(" by silence {}", short(id)));
                format!("did not tell {sink}, held back{by}: {why}")
            }
            Self::Told { sink, what } => format!("told {sink}: {what}"),
        }
    }
}

/// Enough of an id to find it by.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

impl Recorded {
    /// `known` are the regimes it may name.
    pub fn sentence(&self, known: &Regimes) -> String {
        format!("{} {}", self.by, self.act.sentence(known))
    }

    /// The act as an entry of the incident's timeline.
    pub fn entry(&self, known: &Regimes) -> Entry {
        Entry {
            time: self.time,
            kind: EntryKind::Act,
            action: self.act.name().to_owned(),
            outcome: match &self.act {
                Act::Resolve { resolution, .. } => resolution.name().to_owned(),
                _ => "done".to_owned(),
            },
            text: self.sentence(known),
            ..Entry::at(Source::Monitor { monitor: format!("act {}", self.number) })
        }
    }
}

fn text(field: &'static str, text: &str, max: usize) -> Result<(), ActProblem> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        Err(ActProblem::Empty { field })
    } else if length > max {
        Err(ActProblem::Long { field, length, max })
    } else {
        Ok(())
    }
}

fn optional(field: &'static str, value: &Option<String>, max: usize) -> Result<(), ActProblem> {
    value.as_deref().map_or(Ok(()), |value| text(field, value, max))
}
