//! Figures for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, ErrorBody};
use crate::adapters::telemetry::Telemetry;

/// All figures in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "monitor",
    responses(
        (status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
        (status = 500, description = "The text could not be written", body = ErrorBody),
    ),
)]
pub async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> Result<Response, ApiError> {
    let text =
        telemetry.render().map_err(|error| ApiError::internal("writing the metrics", &error))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
