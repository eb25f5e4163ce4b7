//! What people do to incidents, and the record of it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case_shapes as shapes;
use super::error::{ApiError, ErrorBody, ErrorDetail};
use super::incidents::unknown;
use super::parameters::{Parameters, refused};
use super::posted::Posted;
use super::state::App;
use crate::adapters::store::ActError;
use crate::adapters::telemetry::now;
use crate::engine::cases::{Act, Case, Recorded, Resolution};
use crate::engine::model::EventTime;

/// Incidents acted on in one request.
const BULK_MAX: usize = 200;
const LIMIT: u32 = 100;
/// Awareness may come before the first event we know of, from elsewhere, by at most this.
const AHEAD_MAX_MS: i64 = 366 * 86_400_000;
pub const AUDIT_PARAMETERS: [&str; 4] = ["by", "kind", "limit", "cursor"];
pub const KINDS: [&str; 25] = [
    "acknowledge",
    "investigate",
    "contain",
    "resolve",
    "reopen",
    "assign",
    "comment",
    "link",
    "undo",
    "aware",
    "notified",
    "absorb",
    "split",
    "absorbed",
    "clock_warned",
    "clock_ran_out",
    "add_exception",
    "revoke_exception",
    "exception_expired",
    "set_budget",
    "add_silence",
    "end_silence",
    "resume_silence",
    "held_back",
    "told",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    act: Act,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    revision: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    incidents: Vec<String>,
    act: Act,
    #[serde(default)]
    by: Option<String>,
}

/// An act as it is served: the sentence beside it.
#[derive(Clone, Serialize)]
pub struct Served {
    #[serde(flatten)]
    recorded: Recorded,
    text: String,
}

impl Served {
    pub fn new(recorded: Recorded, app: &App) -> Self {
        Self { text: recorded.sentence(&app.settings.regimes), recorded }
    }
}

fn served(acts: Vec<Recorded>, app: &App) -> Vec<Served> {
    acts.into_iter().map(|act| Served::new(act, app)).collect()
}

/// What was done, and where the case stands now.
#[derive(Serialize)]
pub struct Acted {
    pub act: Served,
    pub case: Case,
    /// Where the exceptions are proposed that keep such incidents quiet, if it was benign.
    pub proposal: Option<String>,
}

#[derive(Serialize)]
pub struct ActList {
    case: Case,
    acts: Vec<Served>,
}

#[derive(Serialize)]
pub struct Audit {
    items: Vec<Served>,
    next: Option<String>,
}

/// What became of one incident of many: one of the two.
#[derive(Serialize, ToSchema)]
pub struct BulkResult {
    incident: String,
    #[schema(value_type = Option<shapes::Acted>)]
    done: Option<Acted>,
    error: Option<ErrorDetail>,
}

#[derive(Serialize, ToSchema)]
pub struct BulkResults {
    results: Vec<BulkResult>,
}

/// Does something to an incident: acknowledge, assign, resolve, comment, undo and so on.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/acts", tag = "cases",
    params(("id" = String, Path, description = "The incident's id")),
    request_body = shapes::ActRequest,
    responses(
        (status = 201, description = "Done", body = shapes::Acted),
        (status = 404, description = "No such incident", body = ErrorBody),
        (status = 409, description = "Impossible as the case stands, or it was changed since `revision`; `current` is the case as it is", body = ErrorBody),
    ),
)]
pub async fn act(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    posted: Posted<ActRequest>,
) -> Result<(StatusCode, Json<Acted>), ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let by = posted.who(posted.body.by.as_ref())?;
    let ActRequest { act, revision, .. } = posted.body;
    Ok((StatusCode::CREATED, Json(perform(&app, &id, &by, act, revision).await?)))
}

/// Does the same to several incidents, each by itself: what became of each is told.
#[utoipa::path(
    post, path = "/api/v1/acts", tag = "cases",
    request_body = shapes::BulkRequest,
    responses((status = 200, description = "What became of each", body = BulkResults)),
)]
pub async fn bulk(
    State(app): State<App>,
    uri: Uri,
    posted: Posted<BulkRequest>,
) -> Result<Json<BulkResults>, ApiError> {
    Parameters::read(&uri, &[])?;
    let by = posted.who(posted.body.by.as_ref())?;
    let BulkRequest { incidents, act, .. } = posted.body;
    if !(1..=BULK_MAX).contains(&incidents.len()) {
        let n = incidents.len();
        return Err(ApiError::bad_request(format!(
            "`incidents` has {n} ids; 1 to {BULK_MAX} are allowed"
        )));
    }
    checked(&app, &act, &by)?;
    let mut results = Vec::with_capacity(incidents.len());
    for incident in incidents {
        let (done, error) = match perform(&app, &incident, &by, act.clone(), None).await {
            Ok(done) => (Some(done), None),
            Err(error) => (None, Some(error.detail())),
        };
        results.push(BulkResult { incident, done, error });
    }
    Ok(Json(BulkResults { results }))
}

/// Everything done to an incident, oldest first, and where the case stands.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/acts", tag = "cases",
    params(("id" = String, Path, description = "The incident's id")),
    responses(
        (status = 200, description = "The acts", body = shapes::ActList),
        (status = 404, description = "No such incident", body = ErrorBody),
    ),
)]
pub async fn list(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<ActList>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    app.store.incident(&id).await?.ok_or_else(unknown)?;
    let acts = app.store.acts(&id).await?;
    let case = Case::of(&id, &acts);
    Ok(Json(ActList { case, acts: served(acts, &app) }))
}

/// Everything done by anybody, to any incident or none, the last first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "cases",
    params(
        ("by" = Option<String>, Query, description = "Done by this person"),
        ("kind" = Option<String>, Query, description = "Any of the kinds of acts"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 1000 are given; default 100"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, with the same filters"),
    ),
    responses(
        (status = 200, description = "A page", body = shapes::Audit),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    ),
)]
pub async fn audit(State(app): State<App>, uri: Uri) -> Result<Json<Audit>, ApiError> {
    let parameters = Parameters::read(&uri, &AUDIT_PARAMETERS)?;
    let kinds = parameters.words("kind", &KINDS)?;
    let limit = parameters.limit(LIMIT)?;
    let before = match parameters.get("cursor") {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| refused("cursor", cursor, "a page's `next`"))?,
    };
    let mut acts = app.store.acts_before(before, parameters.get("by"), &kinds, limit + 1).await?;
    let more = acts.len() > limit as usize;
    acts.truncate(limit as usize);
    let next = acts.last().filter(|_| more).map(|act| act.number.to_string());
    Ok(Json(Audit { items: served(acts, &app), next }))
}

fn checked(app: &App, act: &Act, by: &str) -> Result<(), ApiError> {
    act.check(by).map_err(|problem| ApiError::bad_request(problem.to_string()))?;
    let regimes = &app.settings.regimes;
    let known = || regimes.list().iter().map(|r| r.id.as_str()).collect::<Vec<_>>().join(", ");
    match act {
        Act::Aware { regimes: named, at, .. } => {
            if let Some(name) = named.iter().find(|name| regimes.get(name).is_none()) {
                return Err(refused("regimes", name, &known()));
            }
            past("at", *at)
        }
        Act::Notified { regime, phase, at, .. } => {
            let Some(found) = regimes.get(regime) else {
                return Err(refused("regime", regime, &known()));
            };
            if !found.phase.iter().any(|known| known.id == *phase) {
                let phases: Vec<&str> = found.phase.iter().map(|p| p.id.as_str()).collect();
                return Err(refused("phase", phase, &phases.join(", ")));
            }
            past("at", *at)
        }
        _ => Ok(()),
    }
}

/// What was decided or done lies behind us; a minute is left for clocks that differ.
fn past(name: &str, at: Option<EventTime>) -> Result<(), ApiError> {
    match at {
        Some(at) if at > now().plus_ms(60_000) => {
            Err(refused(name, &at.to_string(), "a time that is not in the future"))
        }
        _ => Ok(()),
    }
}

/// A slip of the hand in the year would tell every sink of clocks overdue by years.
async fn near(app: &App, incident: &str, at: EventTime) -> Result<(), ApiError> {
    let Some(known) = app.store.incident(incident).await? else { return Err(unknown()) };
    let earliest = known.first_event.minus_ms(AHEAD_MAX_MS);
    if at >= earliest {
        return Ok(());
    }
    let allowed = format!(
        "{earliest} or later, not in the future: the incident's first event is of {}, and awareness lies at most a year before it",
        known.first_event
    );
    Err(refused("at", &at.to_string(), &allowed))
}

async fn perform(
    app: &App,
    incident: &str,
    by: &str,
    act: Act,
    seen: Option<u64>,
) -> Result<Acted, ApiError> {
    checked(app, &act, by)?;
    if let Act::Aware { at: Some(at), .. } = &act {
        near(app, incident, *at).await?;
    }
    let done = app.store.act(incident, by, now(), act, seen).await?;
    let benign = matches!(done.act.act, Act::Resolve { resolution: Resolution::Benign, .. });
    let proposal = benign.then(|| format!("/api/v1/incidents/{incident}/exception-proposal"));
    Ok(Acted { act: Served::new(done.act, app), case: done.case, proposal })
}

impl From<ActError> for ApiError {
    fn from(error: ActError) -> Self {
        let message = error.to_string();
        match error {
            ActError::Store(error) => Self::internal("writing the store", &error),
            ActError::Unknown => unknown(),
            ActError::Refused { case, .. } => Self::conflict(message).with_current(&case),
            ActError::Stale { case } => Self::stale(message).with_current(&case),
            ActError::Merged(_) | ActError::Other(_) | ActError::Finding(_) | ActError::Full => {
                Self::conflict(message)
            }
        }
    }
}
