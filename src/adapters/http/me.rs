//! Who asks, as far as we know.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::parameters::Parameters;
use super::state::App;

#[derive(Serialize, ToSchema)]
pub struct Me {
    /// Whom the proxy names; null where it names nobody, or none is trusted to.
    user: Option<String>,
    /// Whether a proxy says who acts (`http.user_header`). Where not, requests that change
    /// something say it themselves, in `by`.
    by_proxy: bool,
}

/// Who acts would be done by: what a client shows, and whether it has to ask.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "cases",
    responses((status = 200, description = "Who it is", body = Me)),
)]
pub async fn me(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Me>, ApiError> {
    Parameters::read(&uri, &[])?;
    let trust = &app.settings.trust;
    Ok(Json(Me { user: trust.user(&headers), by_proxy: trust.user_header.is_some() }))
}
