//! The alert budget: shown, and changed by people.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::ApiError;
use super::parameters::Parameters;
use super::posted::Posted;
use super::state::App;
use crate::adapters::store::KeptBudget;
use crate::adapters::telemetry::now;
use crate::engine::cases::Act;
use crate::engine::detect::check_budget;
use crate::engine::model::Problems;

const TEXT_MAX: usize = 4_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBudget {
    /// Above 0 and at most 1000; null gives way to the configuration's value again.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    budget_per_1000_actors_day: Option<f64>,
    reason: String,
    /// Who does it; left out where a proxy names who is logged in.
    #[serde(default)]
    by: Option<String>,
}

/// Null is something else than nothing.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(from)
}

#[derive(Serialize, ToSchema)]
pub struct Budget {
    /// False incidents per 1,000 actors and day that people can live with, as it is set.
    budget_per_1000_actors_day: f64,
    /// `config` or `api`.
    from: &'static str,
    /// The configuration's, as this process has it.
    config: f64,
    #[schema(value_type = Option<String>, format = DateTime)]
    changed: Option<crate::engine::model::EventTime>,
    by: Option<String>,
    /// Whether the detectors have been told of it as it is. What they then have in force,
    /// /api/v1/stats tells.
    published: bool,
}

/// The alert budget.
#[utoipa::path(
    get, path = "/api/v1/budget", tag = "monitor",
    responses((status = 200, description = "As it is set", body = Budget)),
)]
pub async fn budget(State(app): State<App>, uri: Uri) -> Result<Json<Budget>, ApiError> {
    Parameters::read(&uri, &[])?;
    Ok(Json(shown(app.store.budget().await?, app.settings.budget)))
}

/// Sets it: every detector's thresholds follow at the next ten minutes of event time.
#[utoipa::path(
    put, path = "/api/v1/budget", tag = "monitor",
    request_body = SetBudget,
    responses((status = 200, description = "Set", body = Budget)),
)]
pub async fn set(
    State(app): State<App>,
    uri: Uri,
    posted: Posted<SetBudget>,
) -> Result<Json<Budget>, ApiError> {
    Parameters::read(&uri, &[])?;
    let by = posted.who(posted.body.by.as_ref())?;
    let named = Act::Acknowledge {}.check(&by);
    named.map_err(|problem| ApiError::bad_request(problem.to_string()))?;
    let reason = posted.body.reason.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_MAX {
        return Err(ApiError::bad_request(format!(
            "`reason` must have 1 to {TEXT_MAX} characters"
        )));
    }
    let wanted = posted.body.budget_per_1000_actors_day;
    if let Some(budget) = wanted {
        let mut problems = Problems::default();
        check_budget(budget, &mut problems);
        problems.into_result().map_err(|problems| ApiError::bad_request(problems.to_string()))?;
    }
    let before = app.store.budget().await?.and_then(|kept| kept.budget);
    let before = before.unwrap_or(app.settings.budget);
    let kept = app.store.set_budget(wanted, (before, reason), &by, now()).await?;
    Ok(Json(shown(Some(kept), app.settings.budget)))
}

fn shown(kept: Option<KeptBudget>, config: f64) -> Budget {
    let set = kept.as_ref().and_then(|kept| kept.budget);
    Budget {
        budget_per_1000_actors_day: set.unwrap_or(config),
        from: if set.is_some() { "api" } else { "config" },
        config,
        published: kept.as_ref().is_none_or(|kept| kept.published),
        changed: kept.as_ref().map(|kept| kept.changed),
        by: kept.map(|kept| kept.by),
    }
}
