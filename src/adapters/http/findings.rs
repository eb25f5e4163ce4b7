//! Findings: the list.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use super::error::{ApiError, ErrorBody};
use super::incidents::Listed;
use super::parameters::Parameters;
use super::shapes;
use super::state::App;
use crate::adapters::store::FindingFilter;
use crate::engine::detect::DETECTOR_NAMES;
use crate::engine::model::Finding;

pub const LIST_PARAMETERS: [&str; 9] =
    ["incident", "actor", "source", "detector", "severity", "from", "to", "limit", "cursor"];
const LIMIT: u32 = 100;

/// Findings, the last first.
#[utoipa::path(
    get, path = "/api/v1/findings", tag = "findings",
    params(
        ("incident" = Option<String>, Query, description = "Of this incident"),
        ("actor" = Option<String>, Query, description = "About this actor"),
        ("source" = Option<String>, Query, description = "About this address"),
        ("detector" = Option<String>, Query, description = "By this detector"),
        ("severity" = Option<String>, Query, description = "Any of informational, low, medium, high, critical"),
        ("from" = Option<String>, Query, description = "Then or later, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before then, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "From 1; at most 1000 are given; default 100"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before, with the same filters"),
    ),
    responses(
        (status = 200, description = "A page", body = shapes::FindingPage),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
    ),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<Listed<Finding>>, ApiError> {
    let parameters = Parameters::read(&uri, &LIST_PARAMETERS)?;
    let filter = FindingFilter {
        incident: parameters.text("incident"),
        actor: parameters.text("actor"),
        source: parameters.text("source"),
        detector: parameters.word("detector", &DETECTOR_NAMES)?.map(ToOwned::to_owned),
        severities: parameters.severities()?,
        from: parameters.time("from")?,
        to: parameters.time("to")?,
    };
    let limit = parameters.limit(LIMIT)?;
    let page = app.store.findings(&filter, limit, parameters.cursor()?).await?;
    Ok(Json(page.into()))
}
