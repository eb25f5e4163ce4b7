//! A message to a Slack-compatible incoming webhook. Its address is its password.

use serde_json::json;
use ureq::Agent;

use super::facts::Facts;
use super::post::{agent, post};
use super::template::Templates;
use super::{Attempt, SinkConfig, SinkError};
use crate::adapters::secrets::Secret;

pub(super) struct Slack {
    address: Secret,
    templates: Templates,
    agent: Agent,
}

impl Slack {
    pub fn new(config: &SinkConfig, address: Secret) -> Self {
        let templates = Templates::new(config.title.as_deref(), config.body.as_deref());
        Self { address, templates, agent: agent() }
    }

    /// Slack knows no idempotency key; those who stand in for it may.
    pub fn send(&self, facts: &Facts, attempt: &Attempt) -> Result<(), SinkError> {
        let text = self.templates.render(facts, &attempt.key, escape);
        let message = json!({
            "text": format!("*{}*\n{}", text.title, text.body.trim_end()),
            "unfurl_links": false,
            "unfurl_media": false,
        })
        .to_string();
        let headers = [("idempotency-key", attempt.key.as_str())];
        post(&self.agent, self.address.text().trim(), &headers, message.as_bytes())
    }
}

/// A name from the logs must not call everybody (`<!channel>`) or make a link.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
