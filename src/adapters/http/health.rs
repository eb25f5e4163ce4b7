//! Whether the process lives, and whether it does its work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::adapters::telemetry::Telemetry;

#[derive(Serialize, ToSchema)]
pub struct Readiness {
    ready: bool,
    /// Why not; empty when ready.
    reasons: Vec<String>,
}

/// The process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "monitor",
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain")),
)]
pub async fn live() -> &'static str {
    "ok"
}

/// Whether the monitor does its work, and if not, why.
#[utoipa::path(
    get, path = "/readyz", tag = "monitor",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready", body = Readiness),
    ),
)]
pub async fn ready(State(telemetry): State<Arc<Telemetry>>) -> (StatusCode, Json<Readiness>) {
    let reasons = telemetry.unready();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons }))
}
