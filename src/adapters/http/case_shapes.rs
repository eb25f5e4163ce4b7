//! The shapes of cases, acts and exceptions, for the API's description, as in `shapes`.

#![allow(dead_code, reason = "these are read by the description's macros only")]

use utoipa::ToSchema;

use super::shapes::Incident;
use super::silence_shapes::Silence;

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum State {
    New,
    Acknowledged,
    Investigating,
    Contained,
    Resolved,
}

/// The detectors that learn take back what a breach (a true positive, or a test) has taught them of its
/// accounts, and learn in full of those of what was dismissed (benign, or a false positive).
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Resolution {
    TruePositive,
    Benign,
    FalsePositive,
    Test,
}

#[derive(ToSchema)]
pub struct Linked {
    /// The act that linked it: what `undo` takes.
    pub act: i64,
    pub url: String,
    pub title: Option<String>,
}

#[derive(ToSchema)]
pub struct Aware {
    pub act: i64,
    #[schema(format = DateTime)]
    pub at: String,
    pub by: String,
    pub regimes: Vec<String>,
    pub reason: String,
}

#[derive(ToSchema)]
pub struct Notified {
    pub act: i64,
    pub regime: String,
    pub phase: String,
    #[schema(format = DateTime)]
    pub at: String,
    pub by: String,
    pub reference: Option<String>,
}

/// What people made of an incident; the engine's `status` beside it is another matter.
#[derive(ToSchema)]
pub struct Case {
    pub state: State,
    /// Where it is resolved.
    pub resolution: Option<Resolution>,
    pub assignee: Option<String>,
    /// How many acts there are. Sent back with an act, it says what the sender has seen.
    pub revision: u64,
    #[schema(format = DateTime)]
    pub changed: Option<String>,
    pub changed_by: Option<String>,
    pub comments: u64,
    pub links: Vec<Linked>,
    pub aware: Vec<Aware>,
    pub notified: Vec<Notified>,
    /// Regime and phase of the clocks that were warned of, or have run out.
    pub warned: Vec<Vec<String>>,
    /// Of those, the ones that have run out.
    pub ran_out: Vec<Vec<String>>,
}

/// What can be done, told apart by `kind`. The kinds a client may send come first.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Act {
    /// From new.
    Acknowledge {},
    /// From new, acknowledged or contained.
    Investigate {},
    /// From acknowledged or investigating.
    Contain {},
    /// From every other state.
    Resolve {
        resolution: Resolution,
        note: Option<String>,
    },
    /// From resolved: to investigating. Where the monitor does it: to new.
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
        title: Option<String>,
    },
    /// Takes back an earlier act, by its number.
    Undo {
        act: i64,
    },
    /// The decision that we are aware: starts clocks.
    Aware {
        #[schema(format = DateTime)]
        at: Option<String>,
        regimes: Vec<String>,
        reason: String,
    },
    /// Stops the clock of one phase.
    Notified {
        regime: String,
        phase: String,
        #[schema(format = DateTime)]
        at: Option<String>,
        reference: Option<String>,
    },
    /// That incident is this one too: it is absorbed within seconds.
    Absorb {
        incident: String,
    },
    /// This finding does not belong: it gets an incident of its own within seconds.
    Split {
        finding: String,
    },
    /// By the monitor alone.
    Absorbed {
        incident: String,
    },
    /// By the monitor alone.
    ClockWarned {
        regime: String,
        phase: String,
        #[schema(format = DateTime)]
        due: String,
    },
    /// By the monitor alone.
    ClockRanOut {
        regime: String,
        phase: String,
        #[schema(format = DateTime)]
        due: String,
    },
    /// Done at /api/v1/exceptions.
    AddException {
        id: String,
        exception: Exception,
    },
    /// Done at /api/v1/exceptions/{id}/revoke.
    RevokeException {
        id: String,
        reason: String,
    },
    /// By the monitor alone.
    ExceptionExpired {
        id: String,
    },
    /// Done at /api/v1/budget.
    SetBudget {
        before: f64,
        /// Null: the configuration's again.
        budget: Option<f64>,
        reason: String,
    },
    /// Done at /api/v1/silences.
    AddSilence {
        id: String,
        silence: Silence,
    },
    /// Done at /api/v1/silences/{id}/end.
    EndSilence {
        id: String,
        reason: Option<String>,
    },
    /// Done at /api/v1/silences/{id}/resume.
    ResumeSilence {
        id: String,
    },
    /// By the monitor alone: a sink was not told.
    HeldBack {
        sink: String,
        /// None for one of the configuration.
        silence: Option<String>,
        #[schema(format = DateTime)]
        until: String,
        why: String,
    },
    /// By the monitor alone: a sink was told.
    Told {
        sink: String,
        what: String,
    },
}

#[derive(ToSchema)]
pub struct ActRequest {
    pub act: Act,
    /// Who does it. Left out where a proxy names who is logged in (`http.user_header`).
    pub by: Option<String>,
    /// The case's revision that was seen: where it has changed since, the answer is 409.
    pub revision: Option<u64>,
}

#[derive(ToSchema)]
pub struct BulkRequest {
    /// 1 to 200.
    pub incidents: Vec<String>,
    pub act: Act,
    pub by: Option<String>,
}

/// An act on record.
#[derive(ToSchema)]
pub struct Recorded {
    /// Grows with each act, over all incidents.
    pub number: i64,
    pub incident: Option<String>,
    /// Where it was done, if that was absorbed since.
    pub origin: Option<String>,
    #[schema(format = DateTime)]
    pub time: String,
    pub by: String,
    pub act: Act,
    /// The sentence a person reads.
    pub text: String,
}

#[derive(ToSchema)]
pub struct Acted {
    pub act: Recorded,
    pub case: Case,
    /// Where exceptions are proposed, if it was resolved as benign.
    pub proposal: Option<String>,
}

#[derive(ToSchema)]
pub struct ActList {
    pub case: Case,
    pub acts: Vec<Recorded>,
}

#[derive(ToSchema)]
pub struct Audit {
    pub items: Vec<Recorded>,
    pub next: Option<String>,
}

/// An incident as the engine sees it, and what people made of it.
#[derive(ToSchema)]
pub struct ServedIncident {
    #[serde(flatten)]
    pub incident: Incident,
    pub case: Case,
}

/// A rule or a detector, and whom or what it is silent about: all parts given must fit.
#[derive(ToSchema)]
pub struct Exception {
    pub rule: Option<String>,
    pub detector: Option<String>,
    /// The finding's key.
    pub key: Option<String>,
    pub actor: Option<String>,
    pub source: Option<String>,
    pub dataset: Option<String>,
    /// Who answers for it.
    pub owner: String,
    pub reason: String,
    #[schema(format = DateTime)]
    pub expires: String,
}

/// An exception of the API.
#[derive(ToSchema)]
pub struct KeptException {
    pub id: String,
    #[serde(flatten)]
    pub exception: Exception,
    pub revoked: bool,
    /// Whether the detectors have been told of it as it is.
    pub published: bool,
    /// `holding`, `expired` or `revoked`.
    pub state: String,
}

#[derive(ToSchema)]
pub struct ExceptionList {
    pub exceptions: Vec<KeptException>,
    /// Those of the file, which the API cannot change.
    pub file: Vec<FileException>,
}

/// An exception of the file.
#[derive(ToSchema)]
pub struct FileException {
    #[serde(flatten)]
    pub exception: Exception,
    /// `holding` or `expired`.
    pub state: String,
}

#[derive(ToSchema)]
pub struct AddException {
    pub exception: Exception,
    /// The incident it comes from, whose timeline then has it.
    pub incident: Option<String>,
    /// Who does it; left out where a proxy names who is logged in.
    pub by: Option<String>,
}

/// What an exception would have held back.
#[derive(ToSchema)]
pub struct Hidden {
    pub findings: u64,
    /// Number of findings by incident.
    pub incidents: std::collections::BTreeMap<String, u64>,
    /// Incidents among them that were resolved as true positives.
    pub confirmed: Vec<String>,
}

#[derive(ToSchema)]
pub struct Proposed {
    pub exception: Exception,
    /// Findings of this incident that it is about.
    pub findings: Vec<String>,
    pub hidden: Hidden,
    /// Why it would not be added.
    pub refused: Option<String>,
}

#[derive(ToSchema)]
pub struct Proposals {
    pub incident: String,
    #[schema(format = DateTime)]
    pub since: String,
    pub proposals: Vec<Proposed>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ClockState {
    Waiting,
    Running,
    Warned,
    Overdue,
    Met,
    Late,
    Void,
}

#[derive(ToSchema)]
pub struct Clock {
    pub regime: String,
    pub regime_name: String,
    pub law: String,
    pub recipient: String,
    pub phase: String,
    pub phase_name: String,
    pub state: ClockState,
    #[schema(format = DateTime)]
    pub started: Option<String>,
    #[schema(format = DateTime)]
    pub due: Option<String>,
    #[schema(format = DateTime)]
    pub notified: Option<String>,
    /// Below 0 where it is overdue; null where it does not run.
    pub seconds_left: Option<i64>,
}

#[derive(ToSchema)]
pub struct Clocks {
    pub incident: String,
    #[schema(format = DateTime)]
    pub now: String,
    pub clocks: Vec<Clock>,
}

#[derive(ToSchema)]
pub struct NotificationItem {
    pub title: String,
    pub lines: Vec<String>,
    /// What somebody still has to write.
    pub gaps: Vec<String>,
}

#[derive(ToSchema)]
pub struct Notification {
    pub regime: String,
    pub law: String,
    pub recipient: String,
    pub note: String,
    pub incident: String,
    #[schema(format = DateTime)]
    pub drafted: String,
    pub clocks: Vec<Clock>,
    pub items: Vec<NotificationItem>,
    pub gaps: u64,
}
