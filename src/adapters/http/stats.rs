//! The figures of the moment.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::error::ApiError;
use super::parameters::Parameters;
use super::state::App;
use crate::adapters::telemetry::{Stats, now};

/// What the monitor is doing now, and has done since its start.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "monitor",
    responses((status = 200, description = "The figures", body = Stats)),
)]
pub async fn stats(State(app): State<App>, uri: Uri) -> Result<Json<Stats>, ApiError> {
    Parameters::read(&uri, &[])?;
    Ok(Json(app.telemetry.stats(now())))
}
