//! The rules in use.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::detectors::ServedFeedback;
use super::error::ApiError;
use super::parameters::Parameters;
use super::state::App;
use crate::adapters::telemetry::RuleStats;

/// A rule, what it did, and how often it was right.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServedRule {
    #[serde(flatten)]
    rule: RuleStats,
    feedback: ServedFeedback,
}

/// All rules of a monitor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RuleList {
    rules: Vec<ServedRule>,
}

/// Every rule in use, and what each did since this process started.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "monitor",
    responses((status = 200, description = "The rules", body = RuleList)),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<RuleList>, ApiError> {
    Parameters::read(&uri, &[])?;
    let (_, judged) = app.store.feedback().await?;
    let served = |rule: RuleStats| {
        let feedback = judged.get(&rule.id).copied().unwrap_or_default().into();
        ServedRule { rule, feedback }
    };
    Ok(Json(RuleList { rules: app.telemetry.rule_list().into_iter().map(served).collect() }))
}
