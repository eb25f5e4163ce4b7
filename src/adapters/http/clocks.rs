//! How long there is to tell an authority, and a draft of what to tell it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::case_shapes as shapes;
use super::error::{ApiError, ErrorBody};
use super::incidents::{DETAILS_MAX, findings_of, left, unknown};
use super::parameters::{Parameters, refused};
use super::state::App;
use crate::adapters::telemetry::now;
use crate::engine::cases::{Case, Clock, Notification, Regime};
use crate::engine::model::EventTime;

pub const NOTIFICATION_PARAMETERS: [&str; 2] = ["regime", "format"];
pub const FORMATS: [&str; 3] = ["md", "json", "html"];

#[derive(Serialize)]
pub struct Clocks {
    incident: String,
    /// When this was worked out: what `seconds_left` counts from.
    now: EventTime,
    clocks: Vec<Clock>,
}

/// A law or rule under which somebody has to be told.
#[derive(Serialize, ToSchema)]
pub struct ServedRegime {
    id: String,
    name: String,
    law: String,
    recipient: String,
    note: String,
    phases: Vec<ServedPhase>,
}

#[derive(Serialize, ToSchema)]
pub struct ServedPhase {
    id: String,
    name: String,
    /// The phase whose notification starts it; null where awareness does.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RegimeList {
    regimes: Vec<ServedRegime>,
}

/// The regimes that `aware` may name.
#[utoipa::path(
    get, path = "/api/v1/regimes", tag = "cases",
    responses((status = 200, description = "The regimes", body = RegimeList)),
)]
pub async fn regimes(State(app): State<App>, uri: Uri) -> Result<Json<RegimeList>, ApiError> {
    Parameters::read(&uri, &[])?;
    let regimes = app.settings.regimes.list().iter().map(served).collect();
    Ok(Json(RegimeList { regimes }))
}

/// The clocks that awareness has started, and how long they have left.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/clocks", tag = "cases",
    params(("id" = String, Path, description = "The incident's id")),
    responses(
        (status = 200, description = "One for each phase of each regime; none before anybody is aware", body = shapes::Clocks),
        (status = 404, description = "No such incident", body = ErrorBody),
    ),
)]
pub async fn clocks(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Clocks>, ApiError> {
    let Path(id) = path?;
    Parameters::read(&uri, &[])?;
    app.store.incident(&id).await?.ok_or_else(unknown)?;
    let (case, now) = (app.store.case(&id).await?, now());
    Ok(Json(Clocks { incident: id, now, clocks: app.settings.regimes.clocks(&case, now) }))
}

/// A draft of the notification, filled from the incident; what is missing is marked.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/notification", tag = "cases",
    params(
        ("id" = String, Path, description = "The incident's id"),
        ("regime" = String, Query, description = "One of /api/v1/regimes"),
        ("format" = Option<String>, Query, description = "md, json or html; default md"),
    ),
    responses(
        (status = 200, description = "The draft", content(
            (String = "text/markdown"), (shapes::Notification = "application/json"), (String = "text/html"),
        )),
        (status = 404, description = "No such incident", body = ErrorBody),
    ),
)]
pub async fn notification(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Path(id) = path?;
    let parameters = Parameters::read(&uri, &NOTIFICATION_PARAMETERS)?;
    let format = parameters.word("format", &FORMATS)?.unwrap_or(FORMATS[0]);
    let name = parameters.get("regime").unwrap_or_default();
    let regimes = &app.settings.regimes;
    let Some(regime) = regimes.get(name) else {
        let known: Vec<&str> = regimes.list().iter().map(|regime| regime.id.as_str()).collect();
        return Err(refused("regime", name, &known.join(", ")));
    };
    let incident = app.store.incident(&id).await?.ok_or_else(unknown)?;
    let acts = app.store.acts(&id).await?;
    let (case, now) = (Case::of(&id, &acts), now());
    let clocks = regimes.clocks(&case, now);
    let left = left(&app, &incident, &findings_of(&app, &id, DETAILS_MAX).await?).sentence();
    let draft = Notification::draft((regime, regimes), &incident, &left, &case, &acts, clocks, now);
    let told = |kind: &'static str, text: String| ([(header::CONTENT_TYPE, kind)], text);
    Ok(match format {
        "json" => Json(draft).into_response(),
        "html" => told("text/html; charset=utf-8", draft.html()).into_response(),
        _ => told("text/markdown; charset=utf-8", draft.markdown()).into_response(),
    })
}

fn served(regime: &Regime) -> ServedRegime {
    let phase = |phase: &crate::engine::cases::Phase| ServedPhase {
        id: phase.id.clone(),
        name: phase.name.clone(),
        after: phase.after.clone(),
    };
    ServedRegime {
        id: regime.id.clone(),
        name: regime.name.clone(),
        law: regime.law.clone(),
        recipient: regime.recipient.clone(),
        note: regime.note.clone(),
        phases: regime.phase.iter().map(phase).collect(),
    }
}
