//! What holds for every request and every answer.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// Largest body of a request; acts are small.
pub const BODY_BYTES_MAX: usize = 16_384;
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// A timeline is put together in full before its first byte is sent.
const TIMELINE_WITHIN: Duration = Duration::from_secs(120);

/// The scripts, styles and data of a page come from here and nowhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'self'";

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Which host names requests may come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// This machine's own: a page from elsewhere whose name was bent to 127.0.0.1 is refused.
    Loopback,
    Any,
}

/// Headers of every answer, refusals included. What is not a file of the console is not kept.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a host name that is not ours, and a body larger than any that makes sense.
pub async fn admit(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    if hosts == Hosts::Loopback {
        let authority = request.uri().authority().map(|authority| authority.as_str());
        let host = host_header(request.headers());
        let ours = |host: Option<&str>| host.is_some_and(is_loopback);
        if !ours(host) || authority.is_some_and(|authority| !is_loopback(authority)) {
            return ApiError::misdirected().into_response();
        }
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return ApiError::too_large(BODY_BYTES_MAX).into_response();
    }
    next.run(request).await
}

/// Gives up on an answer that takes too long. A stream has begun long before.
pub async fn in_time(request: Request, next: Next) -> Response {
    let timeline = request.uri().path().ends_with("/timeline");
    let within = if timeline { TIMELINE_WITHIN } else { ANSWER_WITHIN };
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("no answer within {} s; try again later", within.as_secs());
            ApiError::unavailable(message).into_response()
        }
    }
}

/// The one Host header; none where there are several.
fn host_header(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// `localhost`, `127.0.0.1` or `[::1]`, with any port.
pub fn is_loopback(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let Some((start, rest)) = host.split_at_checked(name.len()) else { return false };
        let port = rest.strip_prefix(':');
        start.eq_ignore_ascii_case(name)
            && (rest.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_told_by_the_whole_name() {
        for ours in ["localhost", "LOCALHOST:80", "127.0.0.1:9464", "[::1]", "[::1]:1"] {
            assert!(is_loopback(ours), "{ours}");
        }
        for not_ours in [
            "localhost.example",
            "127.0.0.1.example",
            "example",
            "localhost:",
            "localhost:80:1",
            "127.0.0.2",
            "localhost:99999",
            "",
            "::1",
            "localhost@example",
        ] {
            assert!(!is_loopback(not_ours), "{not_ours}");
        }
    }
}
