//! Exceptions: listed, proposed, added, revoked. None is added that would have hidden a confirmed
//! breach.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case_shapes as shapes;
use super::error::{ApiError, ErrorBody};
use super::incidents::unknown;
use super::parameters::Parameters;
use super::posted::Posted;
use super::state::App;
use crate::adapters::store::{ExceptionError, KeptException, Store, StoreError};
use crate::adapters::telemetry::now;
use crate::engine::cases::{Hidden, Proposal, propose};
use crate::engine::detect::{DETECTOR_NAMES, Exception};
use crate::engine::model::{EventTime, Problems};

const DAY_MS: i64 = 86_400_000;
/// How far back it is looked for what an exception would have hidden.
const LOOK_BACK_DAYS: i64 = 30;
/// Longest an exception may hold.
const HOLDS_DAYS_MAX: i64 = 366;
/// Findings of an incident that proposals rest on.
const FINDINGS_MAX: usize = 10_000;
const TEXT_MAX: usize = 4_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddRequest {
    exception: Exception,
    /// The incident it comes from, whose timeline then has it.
    #[serde(default)]
    incident: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    reason: String,
    /// Who does it; left out where a proxy names who is logged in.
    #[serde(default)]
    by: Option<String>,
}

/// As served: the state beside it.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    kept: KeptException,
    state: &'static str,
}

#[derive(Serialize)]
pub struct List {
    exceptions: Vec<Listed>,
    /// Those of the file, which the API cannot change.
    file: Vec<OfFile>,
}

#[derive(Serialize)]
struct OfFile {
    #[serde(flatten)]
    exception: Exception,
    state: &'static str,
}

#[derive(Serialize)]
pub struct Proposed {
    #[serde(flatten)]
    proposal: Proposal,
    hidden: Hidden,
    /// Why it would not be added.
    refused: Option<String>,
}

#[derive(Serialize)]
pub struct Proposals {
    incident: String,
    /// What `hidden` looked at.
    since: EventTime,
    proposals: Vec<Proposed>,
}

/// Exceptions made through the API, and those of this process's file `data.exceptions`.
#[utoipa::path(
    get, path = "/api/v1/exceptions", tag = "exceptions",
    responses((status = 200, description = "All of them, revoked and expired ones too", body = shapes::ExceptionList)),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<List>, ApiError> {
    Parameters::read(&uri, &[])?;
    let exceptions: Vec<Listed> = app.store.exceptions().await?.into_iter().map(listed).collect();
    let mut file = app.telemetry.exceptions();
    file.retain(|one| exceptions.iter().all(|listed| listed.kept.exception != *one));
    let file = file.into_iter().map(|exception| {
        let state = state(&exception, false);
        OfFile { exception, state }
    });
    Ok(Json(List { exceptions, file: file.collect() }))
}

/// Adds an exception: within seconds every detector holds back the findings it fits.
#[utoipa::path(
    post, path = "/api/v1/exceptions", tag = "exceptions",
    request_body = shapes::AddException,
    responses(
        (status = 201, description = "Added", body = shapes::KeptException),
        (status = 409, description = "It would have hidden a finding of a confirmed breach in the last 30 days, or there is the same one", body = ErrorBody),
    ),
)]
pub async fn add(
    State(app): State<App>,
    uri: Uri,
    posted: Posted<AddRequest>,
) -> Result<(StatusCode, Json<Listed>), ApiError> {
    Parameters::read(&uri, &[])?;
    let by = named(posted.who(posted.body.by.as_ref())?)?;
    let AddRequest { exception, incident, .. } = posted.body;
    check(&app, &exception)?;
    if let Some(id) = &incident {
        app.store.incident(id).await?.ok_or_else(unknown)?;
    }
    let hidden = app.store.hidden_by(&exception, since(&app.store).await?).await?;
    if !hidden.confirmed.is_empty() {
        return Err(ExceptionError::Hides(Box::new(hidden)).into());
    }
    let kept = app.store.add_exception(exception, incident.as_deref(), &by, now()).await?;
    Ok((StatusCode::CREATED, Json(listed(kept))))
}

/// Ends an exception before its time.
#[utoipa::path(
    post, path = "/api/v1/exceptions/{id}/revoke", tag = "exceptions",
    params(("id" = String, Path, description = "The exception's id")),
    request_body = RevokeRequest,
    responses(
        (status = 200, description = "Revoked", body = shapes::KeptException),
        (status = 404, description = "No such exception", body = ErrorBody),
        (status = 409, description = "It was revoked before", body = ErrorBody),
    ),
)]
pub async fn revoke(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    posted: Posted<RevokeRequest>,
) -> Result<Json<Listed>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let by = named(posted.who(posted.body.by.as_ref())?)?;
    let reason = posted.body.reason.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_MAX {
        return Err(ApiError::bad_request(format!(
            "`reason` must have 1 to {TEXT_MAX} characters"
        )));
    }
    Ok(Json(listed(app.store.revoke_exception(&id, reason, &by, now()).await?)))
}

/// The narrowest exceptions that would have kept this incident quiet, each with what else it
/// would have hidden in the last 30 days.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/exception-proposal", tag = "exceptions",
    params(("id" = String, Path, description = "The incident's id")),
    responses(
        (status = 200, description = "One for each rule or detector that had a part", body = shapes::Proposals),
        (status = 404, description = "No such incident", body = ErrorBody),
        (status = 409, description = "Every one of them would have hidden a finding of a confirmed breach", body = ErrorBody),
    ),
)]
pub async fn proposal(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Proposals>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    app.store.incident(&id).await?.ok_or_else(unknown)?;
    let findings = super::incidents::findings_of(&app, &id, FINDINGS_MAX).await?;
    let case = app.store.case(&id).await?;
    let owner = case.changed_by.filter(|_| case.resolution.is_some()).or(case.assignee);
    let reason = format!("incident {id} was benign");
    let proposals = propose(&findings, owner.as_deref().unwrap_or_default(), &reason, now());
    let since = since(&app.store).await?;
    let mut proposed = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let hidden = app.store.hidden_by(&proposal.exception, since).await?;
        let hides = ExceptionError::Hides(Box::new(hidden.clone()));
        let refused = (!hidden.confirmed.is_empty()).then(|| hides.to_string());
        proposed.push(Proposed { proposal, hidden, refused });
    }
    if let Some(first) = proposed.first().and_then(|proposed| proposed.refused.clone())
        && proposed.iter().all(|proposed| proposed.refused.is_some())
    {
        return Err(ApiError::conflict(first));
    }
    Ok(Json(Proposals { incident: id, since, proposals: proposed }))
}

/// 30 days before the newest finding or now, whichever is earlier: a replayed past counts too.
async fn since(store: &Store) -> Result<EventTime, StoreError> {
    let newest = store.last_finding_time().await?.unwrap_or(EventTime::MAX);
    Ok(newest.min(now()).minus_ms(LOOK_BACK_DAYS * DAY_MS))
}

fn listed(kept: KeptException) -> Listed {
    let state = state(&kept.exception, kept.revoked);
    Listed { kept, state }
}

fn state(exception: &Exception, revoked: bool) -> &'static str {
    match (revoked, exception.expires <= now()) {
        (true, _) => "revoked",
        (false, true) => "expired",
        (false, false) => "holding",
    }
}

pub(super) fn named(by: String) -> Result<String, ApiError> {
    let looked = crate::engine::cases::Act::Acknowledge {}.check(&by);
    looked.map_err(|problem| ApiError::bad_request(problem.to_string()))?;
    Ok(by)
}

fn check(app: &App, exception: &Exception) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    exception.check("exception", &mut problems);
    let texts = [&exception.owner, &exception.reason];
    problems.require(texts.iter().all(|t| t.chars().count() <= TEXT_MAX), "exception", || {
        format!("owner and reason may have {TEXT_MAX} characters each")
    });
    let latest = now().plus_ms(HOLDS_DAYS_MAX * DAY_MS);
    problems.require(
        exception.expires > now() && exception.expires <= latest,
        "exception.expires",
        || {
            format!(
                "must lie in the future, at most {HOLDS_DAYS_MAX} days; got {}",
                exception.expires
            )
        },
    );
    if let Some(rule) = &exception.rule {
        let known = app.telemetry.rule_list().iter().any(|known| known.id == *rule);
        problems.require(known, "exception.rule", || "no rule in use has this id".into());
    }
    if let Some(detector) = &exception.detector {
        let known = DETECTOR_NAMES.contains(&detector.as_str()) && detector != "rule";
        problems.require(known, "exception.detector", || {
            "no detector has this name; a rule is named by `rule`".into()
        });
    }
    problems.into_result().map_err(|problems| ApiError::bad_request(problems.to_string()))
}

impl From<ExceptionError> for ApiError {
    fn from(error: ExceptionError) -> Self {
        let message = error.to_string();
        match error {
            ExceptionError::Store(error) => Self::internal("writing the store", &error),
            ExceptionError::Unknown => {
                Self::not_found("no exception has this id; /api/v1/exceptions lists them")
            }
            _ => Self::conflict(message),
        }
    }
}
