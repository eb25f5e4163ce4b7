//! The API's description of itself.

use axum::Json;
use axum::http::Uri;
use utoipa::OpenApi;

use super::error::ApiError;
use super::parameters::Parameters;
use super::routes;
use super::shapes;

/// What the routes' own annotations do not say. The paths come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidewaiter",
        description = "Incidents, findings and figures of the breach monitor. Read only; times are RFC 3339 in UTC.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(shapes::Incident, shapes::Finding, shapes::Line))
)]
pub struct Description;

/// This description.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "monitor",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub async fn openapi(uri: Uri) -> Result<Json<utoipa::openapi::OpenApi>, ApiError> {
    Parameters::read(&uri, &[])?;
    Ok(Json(routes::routes().into_openapi()))
}
