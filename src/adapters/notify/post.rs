//! HTTP to a sink.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::SinkError;

pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Follows no redirect: what is sent is for one receiver.
pub(super) fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Agent::config_builder()
        .timeout_global(Some(ANSWER_MAX))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls)
        .build()
        .into()
}

/// Posts JSON; anything but success is an error.
pub(super) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(), SinkError> {
    let mut request = agent.post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send(body).map_err(|error| match error {
        ureq::Error::Timeout(_) => SinkError::Late,
        ureq::Error::HostNotFound => SinkError::Unknown,
        ureq::Error::Io(error) => SinkError::Unreachable(error.kind()),
        _ => SinkError::Request,
    })?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(SinkError::Status(status.as_u16())) }
}
