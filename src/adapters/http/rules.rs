//! The rules in use.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::parameters::Parameters;
use super::state::App;
use crate::adapters::telemetry::RuleStats;

/// All rules of a monitor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleList {
    pub rules: Vec<RuleStats>,
}

/// Every rule in use, and what each did since this process started.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "monitor",
    responses((status = 200, description = "The rules", body = RuleList)),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<RuleList>, ApiError> {
    Parameters::read(&uri, &[])?;
    Ok(Json(RuleList { rules: app.telemetry.rule_list() }))
}
