//! What a caller is told when something is wrong, apart from what is logged.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::adapters::store::StoreError;

/// A request that was not answered with what it asked for.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// `{"error": {"code", "message"}}`.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
pub struct ErrorDetail {
    /// `bad_request`, `not_found`, `method_not_allowed`, `unavailable` or `internal`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// Names the parameter, the value and what is allowed.
    pub message: String,
}

impl ApiError {
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", message: message.into() }
    }

    /// The process has no console and no API.
    pub fn not_served() -> Self {
        Self::not_found(
            "this process serves only /healthz, /readyz and /metrics (roles.serve is false)",
        )
    }

    pub fn method_not_allowed() -> Self {
        let message = "only GET and HEAD are answered".to_owned();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "method_not_allowed", message }
    }

    pub fn too_large(bytes_max: usize) -> Self {
        let message = format!("the request's body is larger than {bytes_max} bytes");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "bad_request", message }
    }

    /// The request came by a host name that is not ours.
    pub fn misdirected() -> Self {
        let message = "the Host header is none of localhost, 127.0.0.1 and [::1]".to_owned();
        Self { status: StatusCode::MISDIRECTED_REQUEST, code: "bad_request", message }
    }

    /// Full, or too slow; worth another try.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: message.into(),
        }
    }

    /// `what` failed. The cause is for the log; the caller learns that there was one.
    pub fn internal(what: &'static str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, cause = %cause, "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: format!("{what} failed; the log says why"),
        }
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self::bad_request("the path is not percent-encoded UTF-8")
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal("reading the store", &error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message } };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
