//! A signed HTTP POST of the facts.
//!
//! `tidewaiter-signature` is `v1=` and the HMAC-SHA-256, in hex, of the timestamp's text, a dot and
//! the body.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::Agent;

use super::post::{agent, post};
use super::{Attempt, SinkError};
use crate::adapters::secrets::Secret;

pub(super) struct Webhook {
    url: String,
    secret: Secret,
    agent: Agent,
}

impl Webhook {
    pub fn new(url: &str, secret: Secret) -> Self {
        Self { url: url.to_owned(), secret, agent: agent() }
    }

    pub fn send(&self, attempt: &Attempt) -> Result<(), SinkError> {
        let body = &attempt.payload;
        let timestamp = (attempt.now_ms / 1_000).to_string();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.bytes()).map_err(|_| SinkError::Key)?;
        mac.update(format!("{timestamp}.{body}").as_bytes());
        let mut signature = String::from("v1=");
        for byte in mac.finalize().into_bytes() {
            // Writing to a string does not fail.
            let _ = write!(signature, "{byte:02x}");
        }
        let headers = [
            ("idempotency-key", attempt.key.as_str()),
            ("tidewaiter-timestamp", &timestamp),
            ("tidewaiter-signature", &signature),
        ];
        post(&self.agent, &self.url, &headers, body.as_bytes())
    }
}
