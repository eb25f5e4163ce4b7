//! Incidents: the list, and one with its findings.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::error::{ApiError, ErrorBody};
use super::parameters::{LIMIT_MAX, Parameters};
use super::shapes;
use super::state::App;
use crate::adapters::store::{FindingFilter, IncidentFilter, IncidentSort, Page, StoreError};
use crate::engine::cases::Case;
use crate::engine::correlate::{LeftNetwork, Stage, left_network, stage};
use crate::engine::model::{Finding, Incident, Status};

pub const LIST_PARAMETERS: [&str; 15] = [
    "status", "state", "assignee", "severity", "actor", "source", "dataset", "session", "subject",
    "q", "from", "to", "sort", "limit", "cursor",
];
const LIMIT: u32 = 50;
pub const STATUSES: [&str; 4] =
    [Status::Open.name(), Status::Quiet.name(), Status::Signal.name(), Status::Merged.name()];
pub const STATES: [&str; 5] = ["new", "acknowledged", "investigating", "contained", "resolved"];
pub const SORTS: [&str; 6] = ["-updated", "-score", "-opened", "updated", "score", "opened"];
/// Findings given with an incident; the rest are at `/api/v1/findings?incident=`.
pub const DETAILS_MAX: usize = 10_000;

/// A page as it is served.
#[derive(Serialize)]
pub struct Listed<T> {
    items: Vec<T>,
    next: Option<String>,
    total: u64,
}

impl<T> From<Page<T>> for Listed<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next: page.next, total: page.total }
    }
}

/// An incident, and what people made of it.
#[derive(Serialize)]
pub struct Served {
    #[serde(flatten)]
    pub incident: Incident,
    pub case: Case,
}

#[derive(Serialize)]
pub struct Detailed {
    #[serde(flatten)]
    incident: Incident,
    case: Case,
    stage: Option<Stage>,
    left_network: LeftNetwork,
    finding_details: Vec<Finding>,
}

/// Incidents, the last changed first.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents",
    params(
        ("status" = Option<String>, Query, description = "Any of open, quiet, signal, merged; default open,quiet"),
        ("state" = Option<String>, Query, description = "What people made of it: any of new, acknowledged, investigating, contained, resolved"),
        ("assignee" = Option<String>, Query, description = "Assigned to this person; - for nobody"),
        ("severity" = Option<String>, Query, description = "Any of informational, low, medium, high, critical"),
        ("actor" = Option<String>, Query, description = "Incidents this actor has a part in"),
        ("source" = Option<String>, Query, description = "Incidents this address has a part in"),
        ("dataset" = Option<String>, Query, description = "Incidents that touch this dataset"),
        ("session" = Option<String>, Query, description = "Incidents whose timeline names this session"),
        ("subject" = Option<String>, Query, description = "Incidents whose timeline names this subject, by its token"),
        ("q" = Option<String>, Query, description = "Text in title, sentence or id"),
        ("from" = Option<String>, Query, description = "Changed then or later, RFC 3339"),
        ("to" = Option<String>, Query, description = "Changed before then, RFC 3339"),
        ("sort" = Option<String>, Query, description = "-updated, -score, -opened, updated, score or opened; default -updated"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 1000 are given; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, with the same filters and sort"),
    ),
    responses(
        (status = 200, description = "A page", body = shapes::IncidentPage),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    ),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<Listed<Served>>, ApiError> {
    let parameters = Parameters::read(&uri, &LIST_PARAMETERS)?;
    let mut statuses = parameters.words("status", &STATUSES)?;
    if statuses.is_empty() {
        statuses = vec![Status::Open.name(), Status::Quiet.name()];
    }
    let sort = parameters.word("sort", &SORTS)?.unwrap_or(SORTS[0]);
    let filter = IncidentFilter {
        statuses,
        states: parameters.words("state", &STATES)?,
        assignee: parameters.text("assignee"),
        severities: parameters.severities()?,
        actor: parameters.text("actor"),
        source: parameters.text("source"),
        dataset: parameters.text("dataset"),
        session: parameters.text("session"),
        subject: parameters.text("subject"),
        text: parameters.text("q"),
        from: parameters.time("from")?,
        to: parameters.time("to")?,
        sort: match sort.trim_start_matches('-') {
            "score" => IncidentSort::Score,
            "opened" => IncidentSort::Opened,
            _ => IncidentSort::Updated,
        },
        ascending: !sort.starts_with('-'),
    };
    let limit = parameters.limit(LIMIT)?;
    let page = app.store.incidents(&filter, limit, parameters.cursor()?).await?;
    let Page { items, next, total } = page;
    let items = with_cases(&app, items).await?;
    Ok(Json(Listed { items, next, total }))
}

/// Each incident with what people made of it.
pub async fn with_cases(app: &App, incidents: Vec<Incident>) -> Result<Vec<Served>, StoreError> {
    let ids: Vec<&str> = incidents.iter().map(|incident| incident.id.as_str()).collect();
    let mut cases = app.store.cases(&ids).await?;
    let served = incidents.into_iter().map(|incident| {
        let case = cases.remove(&incident.id).unwrap_or_default();
        Served { incident, case }
    });
    Ok(served.collect())
}

/// One incident with its findings, the last first.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "incidents",
    params(("id" = String, Path, description = "The incident's id")),
    responses(
        (status = 200, description = "The incident", body = shapes::IncidentDetail),
        (status = 404, description = "No such incident", body = ErrorBody),
    ),
)]
pub async fn one(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Detailed>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    let incident = app.store.incident(&id).await?.ok_or_else(unknown)?;
    let case = app.store.case(&id).await?;
    let finding_details = findings_of(&app, &id, DETAILS_MAX).await?;
    let left_network = left(&app, &incident, &finding_details);
    let stage = stage(&finding_details);
    Ok(Json(Detailed { incident, case, stage, left_network, finding_details }))
}

/// Whether what the incident read has left the network.
pub fn left(app: &App, incident: &Incident, findings: &[Finding]) -> LeftNetwork {
    left_network(incident, findings, |ip| app.settings.addresses.is_external(ip))
}

/// Findings of an incident, the last first; not many more than `most`.
pub async fn findings_of(app: &App, id: &str, most: usize) -> Result<Vec<Finding>, ApiError> {
    let filter = FindingFilter { incident: Some(id.to_owned()), ..FindingFilter::default() };
    let mut findings: Vec<Finding> = Vec::new();
    let mut cursor = None;
    loop {
        let page = app.store.findings(&filter, LIMIT_MAX, cursor.as_deref()).await?;
        findings.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || findings.len() >= most {
            return Ok(findings);
        }
    }
}

pub fn unknown() -> ApiError {
    ApiError::not_found("no incident has this id; /api/v1/incidents lists them")
}
