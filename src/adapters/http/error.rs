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
    /// What it is now, where the request rested on what it was.
    current: Option<serde_json::Value>,
}

/// `{"error": {"code", "message"}}`.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
    /// With `conflict` and `stale`: the case as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::case_shapes::Case>)]
    pub current: Option<serde_json::Value>,
}

#[derive(Serialize, ToSchema)]
pub struct ErrorDetail {
    /// `bad_request`, `unauthorized`, `cross_site`, `not_found`, `method_not_allowed`, `conflict`
    /// (impossible now), `stale` (changed since), `unavailable` or `internal`.
    #[schema(value_type = String)]
    pub code: &'static str,
    /// Names the parameter, the value and what is allowed.
    pub message: String,
}

impl ApiError {
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "bad_request",
            message: message.into(),
            current: None,
        }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: message.into(),
            current: None,
        }
    }

    /// The process has no console and no API.
    pub fn not_served() -> Self {
        Self::not_found(
            "this process serves only /healthz, /readyz and /metrics (roles.serve is false)",
        )
    }

    pub fn method_not_allowed() -> Self {
        let message =
            "this path does not take this method; the API's description says which".to_owned();
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "method_not_allowed",
            message,
            current: None,
        }
    }

    pub fn too_large(bytes_max: usize) -> Self {
        let message = format!("the request's body is larger than {bytes_max} bytes");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "bad_request", message, current: None }
    }

    /// The request came by a host name that is not ours.
    pub fn misdirected() -> Self {
        let message = "the Host header is none of localhost, 127.0.0.1 and [::1]".to_owned();
        Self {
            status: StatusCode::MISDIRECTED_REQUEST,
            code: "bad_request",
            message,
            current: None,
        }
    }

    /// A page from elsewhere sent it.
    pub fn cross_site() -> Self {
        let message = "the request comes from a page that is not ours (Origin, Sec-Fetch-Site)";
        Self::new(StatusCode::FORBIDDEN, "cross_site", message)
    }

    pub fn no_json() -> Self {
        let message = "the content type must be application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_request", message)
    }

    /// The proxy in front of us named nobody.
    pub fn nobody() -> Self {
        let message = "the header of http.user_header names nobody; log in at the proxy";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    /// Impossible as things stand.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// Things have changed since the caller looked.
    pub fn stale(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "stale", message)
    }

    #[must_use]
    pub fn with_current(mut self, current: &impl Serialize) -> Self {
        self.current = serde_json::to_value(current).ok();
        self
    }

    /// For a list of what became of several requests.
    pub fn detail(self) -> ErrorDetail {
        ErrorDetail { code: self.code, message: self.message }
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), current: None }
    }

    /// Full, or too slow; worth another try.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "unavailable",
            message: message.into(),
            current: None,
        }
    }

    /// `what` failed. The cause is for the log; the caller learns that there was one.
    pub fn internal(what: &'static str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(what, cause = %cause, "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: format!("{what} failed; the log says why"),
            current: None,
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
        if error.is_busy() {
            return Self::unavailable("the store is busy with other writers; try again");
        }
        Self::internal("reading the store", &error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = ErrorDetail { code: self.code, message: self.message };
        let body = ErrorBody { error, current: self.current };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
        }
        response
    }
}
