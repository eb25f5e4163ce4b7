//! A signed HTTP POST.
//!
//! `tidewaiter-signature` is `v1=` and the HMAC-SHA-256, in hex, of the timestamp's text, a dot and
//! the body.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::SinkConfig;
use crate::adapters::secrets::{Secret, SecretError};

const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Says nothing of what was sent, nor to which address.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("answered {0}")]
    Status(u16),
    #[error("did not answer in time")]
    Late,
    #[error("cannot be reached: {0}")]
    Unreachable(std::io::ErrorKind),
    #[error("its name is not known")]
    Unknown,
    #[error("the request failed")]
    Request,
    #[error("the signing key cannot be used")]
    Key,
}

#[derive(Clone)]
pub struct Webhook {
    pub name: String,
    url: String,
    secret: Secret,
    agent: Agent,
}

impl Webhook {
    pub fn new(config: &SinkConfig) -> Result<Self, SecretError> {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .timeout_global(Some(ANSWER_MAX))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .build();
        Ok(Self {
            name: config.name.clone(),
            url: config.url.clone(),
            secret: config.secret.read()?,
            agent: agent.into(),
        })
    }

    /// Blocks until the sink has answered.
    pub fn send(&self, key: &str, body: &str, now_ms: i64) -> Result<(), SinkError> {
        let timestamp = (now_ms / 1_000).to_string();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.bytes()).map_err(|_| SinkError::Key)?;
        mac.update(format!("{timestamp}.{body}").as_bytes());
        let mut signature = String::from("v1=");
        for byte in mac.finalize().into_bytes() {
            // Writing to a string does not fail.
            let _ = write!(signature, "{byte:02x}");
        }
        let answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .header("tidewaiter-timestamp", &timestamp)
            .header("tidewaiter-signature", &signature)
            .send(body.as_bytes())
            .map_err(|error| match error {
                ureq::Error::Timeout(_) => SinkError::Late,
                ureq::Error::HostNotFound => SinkError::Unknown,
                ureq::Error::Io(error) => SinkError::Unreachable(error.kind()),
                _ => SinkError::Request,
            })?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(SinkError::Status(status.as_u16())) }
    }
}
