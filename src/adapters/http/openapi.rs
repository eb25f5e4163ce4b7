//! The API's description of itself.

use axum::Json;
use axum::http::Uri;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::error::ApiError;
use super::parameters::Parameters;
use super::routes;
use super::{acts, clocks, incidents, shapes, silences, timeline};
use crate::engine::detect::DETECTOR_NAMES;
use crate::engine::model::Severity;
use crate::engine::timeline::export::ExportFormat;

/// What the routes' own annotations do not say. The paths come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidewaiter",
        description = "Incidents, findings and figures of the breach monitor, and what people do about them. Requests that change something are POST, or PUT, with JSON, from the server's own pages or from no page; times are RFC 3339 in UTC.",
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
pub async fn openapi(uri: Uri) -> Result<Json<Value>, ApiError> {
    Parameters::read(&uri, &[])?;
    let document = serde_json::to_value(routes::routes().into_openapi())
        .map_err(|error| ApiError::internal("describing the API", &error))?;
    Ok(Json(complete(document)))
}

/// Refusals that any route may give, and the words of parameters that take only some. Both come
/// from what does the refusing, so that they cannot differ from it.
fn complete(mut document: Value) -> Value {
    let paths = document["paths"].as_object_mut();
    for (path, operations) in paths.into_iter().flatten() {
        let operations = operations.as_object_mut();
        for (method, operation) in operations.into_iter().flatten() {
            let mut refusals = vec![
                ("405", "A method this path does not take"),
                ("421", "On loopback: the Host header is none of this machine's names"),
            ];
            if path.starts_with("/api/") {
                refusals.push(("400", "A parameter, the path or the body is wrong"));
            }
            if matches!(method.as_str(), "post" | "put") {
                refusals.extend([
                    ("401", "The trusted proxy names nobody"),
                    ("403", "The request comes from a page that is not ours"),
                    ("413", "The body is too large"),
                    ("415", "The content type is not application/json"),
                ]);
            }
            for (status, description) in refusals {
                let responses = &mut operation["responses"];
                if responses[status].is_null() {
                    let schema = json!({"$ref": "#/components/schemas/ErrorBody"});
                    let content = json!({"application/json": {"schema": schema}});
                    responses[status] = json!({"description": description, "content": content});
                }
            }
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                name_words(parameter);
            }
        }
    }
    document
}

fn name_words(parameter: &mut Value) {
    let one = |words: &[&str]| json!({"type": "string", "enum": words});
    let many = |words: &[&str]| json!({"type": "array", "items": one(words)});
    if parameter["description"].as_str().is_some_and(|text| text.starts_with("md, json")) {
        parameter["schema"] = json!({"type": "string", "enum": clocks::FORMATS});
        return;
    }
    if parameter["description"].as_str().is_some_and(|text| text.starts_with("pending, active")) {
        parameter["schema"] = many(&silences::STATES);
        (parameter["style"], parameter["explode"]) = (json!("form"), json!(false));
        return;
    }
    let (schema, several) = match parameter["name"].as_str().unwrap_or_default() {
        "state" => (many(&incidents::STATES), true),
        "kind" => (many(&acts::KINDS), true),
        "severity" => (many(&Severity::ALL.map(Severity::name)), true),
        "status" => (many(&incidents::STATUSES), true),
        "kinds" => (many(&timeline::KINDS.map(|kind| kind.name())), true),
        "sort" => (one(&incidents::SORTS), false),
        "format" => (one(&ExportFormat::ALL.map(ExportFormat::name)), false),
        "detector" => (one(&DETECTOR_NAMES), false),
        "limit" => (json!({"type": "integer", "minimum": 1}), false),
        _ => return,
    };
    parameter["schema"] = schema;
    if several {
        // With commas between.
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
    }
}
