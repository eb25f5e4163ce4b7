//! Silences: listed, proposed, added, ended, resumed. Whoever notifies reads them from the store.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::exceptions::named;
use super::incidents::unknown;
use super::parameters::Parameters;
use super::posted::Posted;
use super::silence_shapes as shapes;
use super::state::App;
use crate::adapters::notify::Maintenance;
use crate::adapters::store::{KeptSilence, SilenceError};
use crate::adapters::telemetry::now;
use crate::engine::cases::{Matcher, Silence, SilenceState};
use crate::engine::detect::DETECTOR_NAMES;
use crate::engine::model::{EventTime, Problems, Severity};

pub const LIST_PARAMETERS: [&str; 1] = ["state"];
pub const STATES: [&str; 3] =
    [SilenceState::Pending.name(), SilenceState::Active.name(), SilenceState::Expired.name()];
const REASON_MAX: usize = 500;
/// Findings of an incident that proposals rest on.
const FINDINGS_MAX: usize = 10_000;
/// Values of a list that a proposal still names.
const NAMED_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    silence: Asked,
    /// The incident it is for, whose timeline then has it.
    #[serde(default)]
    incident: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

/// A silence as it is asked for: what is left out is whoever asks, and now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    owner: Option<String>,
    reason: String,
    #[serde(default)]
    from: Option<EventTime>,
    until: EventTime,
    #[serde(rename = "match")]
    matcher: Matcher,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndRequest {
    #[serde(default)]
    reason: Option<String>,
    /// Who does it; left out where a proxy names who is logged in.
    #[serde(default)]
    by: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// Who does it; left out where a proxy names who is logged in.
    #[serde(default)]
    by: Option<String>,
}

/// As served: the state beside it.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    kept: KeptSilence,
    /// When it holds no more: its own end, or when it was ended.
    ends: EventTime,
    state: &'static str,
}

/// One of the configuration.
#[derive(Serialize)]
pub struct Configured {
    #[serde(flatten)]
    silence: Silence,
    state: &'static str,
}

#[derive(Serialize)]
pub struct List {
    now: EventTime,
    silences: Vec<Listed>,
    /// Those of this process's configuration, which the API cannot change.
    file: Vec<Configured>,
    maintenance: Vec<Maintenance>,
    /// Sinks as this process knows them.
    sinks: Vec<String>,
}

#[derive(Serialize)]
pub struct Proposed {
    #[serde(rename = "match")]
    matcher: Matcher,
    /// What it keeps back, and what not.
    why: String,
}

#[derive(Serialize)]
pub struct Proposals {
    incident: String,
    proposals: Vec<Proposed>,
}

/// Silences: those that hold, those that will, and those that have ended.
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "silences",
    params(("state" = Option<String>, Query, description = "pending, active or expired; several with commas between")),
    responses((status = 200, description = "The last to begin first", body = shapes::SilenceList)),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<List>, ApiError> {
    let parameters = Parameters::read(&uri, &LIST_PARAMETERS)?;
    let words = parameters.words("state", &STATES)?;
    let asked = |state: SilenceState| words.is_empty() || words.contains(&state.name());
    let states: Vec<SilenceState> = SilenceState::ALL.into_iter().filter(|s| asked(*s)).collect();
    let now = now();
    let silences = app.store.silences(&states, now).await?;
    let configured = app.settings.silences.iter().map(|silence| {
        let state = SilenceState::at(now, silence.from, silence.until);
        (state, Configured { silence: silence.clone(), state: state.name() })
    });
    Ok(Json(List {
        now,
        silences: silences.into_iter().map(|kept| listed(kept, now)).collect(),
        file: configured.filter(|(state, _)| asked(*state)).map(|(_, one)| one).collect(),
        maintenance: app.settings.maintenance.clone(),
        sinks: app.settings.sinks.clone(),
    }))
}

/// Adds a silence: notices that it covers are kept back from its beginning to its end, and told
/// then where the incident still goes on.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "silences",
    request_body = shapes::AddSilence,
    responses(
        (status = 201, description = "Added", body = shapes::KeptSilence),
        (status = 404, description = "No such incident", body = ErrorBody),
        (status = 409, description = "There are as many as there may be", body = ErrorBody),
    ),
)]
pub async fn add(
    State(app): State<App>,
    uri: Uri,
    posted: Posted<AddRequest>,
) -> Result<(StatusCode, Json<Listed>), ApiError> {
    Parameters::read(&uri, &[])?;
    let by = named(posted.who(posted.body.by.as_ref())?)?;
    let now = now();
    let AddRequest { silence: asked, incident, .. } = posted.body;
    let silence = Silence {
        owner: asked.owner.unwrap_or_else(|| by.clone()).trim().to_owned(),
        reason: asked.reason.trim().to_owned(),
        from: asked.from.unwrap_or(now),
        until: asked.until,
        matcher: asked.matcher,
    };
    check(&app, &silence, now)?;
    for id in silence.matcher.incident.iter().chain(&incident) {
        app.store.incident(id).await?.ok_or_else(|| no_incident(id))?;
    }
    let kept = app.store.add_silence(silence, incident.as_deref(), &by, now).await?;
    Ok((StatusCode::CREATED, Json(listed(kept, now))))
}

/// Ends a silence before its time: what it kept back is told where the incident still goes on.
#[utoipa::path(
    post, path = "/api/v1/silences/{id}/end", tag = "silences",
    params(("id" = String, Path, description = "The silence's id")),
    request_body = EndRequest,
    responses(
        (status = 200, description = "Ended", body = shapes::KeptSilence),
        (status = 404, description = "No such silence", body = ErrorBody),
        (status = 409, description = "It has ended already", body = ErrorBody),
    ),
)]
pub async fn end(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    posted: Posted<EndRequest>,
) -> Result<Json<Listed>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let by = named(posted.who(posted.body.by.as_ref())?)?;
    let reason = posted.body.reason.map(|reason| reason.trim().to_owned());
    let reason = reason.filter(|reason| !reason.is_empty());
    let length = reason.as_ref().map_or(0, |reason| reason.chars().count());
    if length > REASON_MAX {
        return Err(ApiError::bad_request(format!(
            "`reason` has {length} characters; at most {REASON_MAX} are allowed"
        )));
    }
    let now = now();
    Ok(Json(listed(app.store.end_silence(&id, reason, &by, now).await?, now)))
}

/// Takes an early end back: the silence holds again, until its own end.
#[utoipa::path(
    post, path = "/api/v1/silences/{id}/resume", tag = "silences",
    params(("id" = String, Path, description = "The silence's id")),
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "It holds again", body = shapes::KeptSilence),
        (status = 404, description = "No such silence", body = ErrorBody),
        (status = 409, description = "It was not ended before its time, or that has passed too", body = ErrorBody),
    ),
)]
pub async fn resume(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    posted: Posted<ResumeRequest>,
) -> Result<Json<Listed>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let by = named(posted.who(posted.body.by.as_ref())?)?;
    let now = now();
    Ok(Json(listed(app.store.resume_silence(&id, &by, now).await?, now)))
}

/// Matchers that would keep quiet what this incident is about, the narrowest first.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/silence-proposal", tag = "silences",
    params(("id" = String, Path, description = "The incident's id")),
    responses(
        (status = 200, description = "The narrowest first", body = shapes::SilenceProposals),
        (status = 404, description = "No such incident", body = ErrorBody),
    ),
)]
pub async fn proposal(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Proposals>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let incident = app.store.incident(&id).await?.ok_or_else(unknown)?;
    let findings = super::incidents::findings_of(&app, &id, FINDINGS_MAX).await?;
    let detectors: BTreeSet<&str> = findings.iter().map(|f| f.detector.as_ref()).collect();
    // One that grows worse is told all the same.
    let severity: Vec<Severity> =
        Severity::ALL.into_iter().filter(|s| *s <= incident.severity).collect();
    let worst = incident.severity.name();
    let mut proposals = vec![Proposed {
        matcher: Matcher {
            incident: vec![id.clone()],
            severity: severity.clone(),
            ..Matcher::default()
        },
        why: format!("This incident alone, as long as it is no worse than {worst}."),
    }];
    let few = |n: usize| (1..=NAMED_MAX).contains(&n);
    let detector: Vec<String> = detectors.iter().map(|name| (*name).to_owned()).collect();
    let datasets: Vec<String> = incident.datasets.iter().map(|d| d.dataset.clone()).collect();
    if few(incident.actors.len()) && few(detector.len()) {
        proposals.push(Proposed {
            matcher: Matcher {
                actor: incident.actors.clone(),
                dataset: if few(datasets.len()) { datasets } else { Vec::new() },
                detector: detector.clone(),
                severity: severity.clone(),
                ..Matcher::default()
            },
            why: format!(
                "Whatever these detectors find about {} in the same data, up to {worst}; nothing that is about anybody or anything else too.",
                incident.actors.join(", ")
            ),
        });
    }
    if few(incident.sources.len()) && few(detector.len()) {
        proposals.push(Proposed {
            matcher: Matcher {
                source: incident.sources.clone(),
                detector,
                severity,
                ..Matcher::default()
            },
            why: format!(
                "Whatever these detectors find from {}, whoever it is, up to {worst}.",
                incident.sources.join(", ")
            ),
        });
    }
    Ok(Json(Proposals { incident: id, proposals }))
}

fn listed(kept: KeptSilence, now: EventTime) -> Listed {
    Listed { ends: kept.ends(), state: kept.state(now).name(), kept }
}

fn no_incident(id: &str) -> ApiError {
    let shown: String = id.chars().take(64).collect();
    ApiError::not_found(format!("no incident has the id `{shown}`; /api/v1/incidents lists them"))
}

fn check(app: &App, silence: &Silence, now: EventTime) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    let sinks: Vec<&str> = app.settings.sinks.iter().map(String::as_str).collect();
    silence.check("silence", &sinks, &mut problems);
    problems.require(silence.until > now, "silence.until", || {
        format!("must lie in the future (it is {now} now), got {}", silence.until)
    });
    for name in &silence.matcher.detector {
        problems.require(DETECTOR_NAMES.contains(&name.as_str()), "silence.match.detector", || {
            format!("there is no detector `{name}`; there are: {}", DETECTOR_NAMES.join(", "))
        });
    }
    problems.into_result().map_err(|problems| ApiError::bad_request(problems.to_string()))
}

impl From<SilenceError> for ApiError {
    fn from(error: SilenceError) -> Self {
        let message = error.to_string();
        match error {
            SilenceError::Store(error) => Self::internal("writing the store", &error),
            SilenceError::Unknown => {
                Self::not_found("no silence has this id; /api/v1/silences lists them")
            }
            _ => Self::conflict(message),
        }
    }
}
