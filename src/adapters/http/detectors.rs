//! The detectors, and what people made of what they found.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::parameters::Parameters;
use super::state::App;
use crate::adapters::telemetry::Feedback;

/// Resolved incidents it had a part in, by what they turned out to be.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct ServedFeedback {
    true_positive: u64,
    benign: u64,
    false_positive: u64,
    test: u64,
    /// True positives among those resolved, tests left out; null where there are none.
    precision: Option<f64>,
}

impl From<[u64; 4]> for ServedFeedback {
    fn from(incidents: [u64; 4]) -> Self {
        let [true_positive, benign, false_positive, test] = incidents;
        let precision = Feedback { incidents }.precision();
        Self { true_positive, benign, false_positive, test, precision }
    }
}

#[derive(Serialize, ToSchema)]
pub struct ServedDetector {
    name: &'static str,
    /// `on`, `shadow`, `off` or `until_learned`, as this process is configured.
    mode: &'static str,
    /// Told since this process started.
    findings: u64,
    /// Held back by exceptions since then.
    suppressed: u64,
    feedback: ServedFeedback,
}

#[derive(Serialize, ToSchema)]
pub struct DetectorList {
    detectors: Vec<ServedDetector>,
}

/// Every detector there is, and how often it was right.
#[utoipa::path(
    get, path = "/api/v1/detectors", tag = "monitor",
    responses((status = 200, description = "The detectors", body = DetectorList)),
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Json<DetectorList>, ApiError> {
    Parameters::read(&uri, &[])?;
    let (judged, _) = app.store.feedback().await?;
    let detectors =
        app.telemetry.detector_counts().into_iter().map(|(name, findings, suppressed)| {
            let feedback = judged.get(name).copied().unwrap_or_default().into();
            let mode = app.settings.modes.get(name).copied().unwrap_or("on");
            ServedDetector { name, mode, findings, suppressed, feedback }
        });
    Ok(Json(DetectorList { detectors: detectors.collect() }))
}
