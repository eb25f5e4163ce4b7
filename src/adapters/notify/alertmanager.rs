//! Alerts to Alertmanager's API v2.
//!
//! An alert's labels are what Alertmanager tells it by: a name, the incident's id and its severity,
//! never a person. When the severity rises, the alert under the one before is resolved with the
//! same request. Alertmanager forgets what it is not told again, so what is open is told anew.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;

use super::clocks::{RAN_OUT, SOON};
use super::facts::Facts;
use super::post::{agent, post};
use super::sink::UnusableSink;
use super::template::Templates;
use super::{Attempt, SinkConfig, SinkError};
use crate::engine::model::{EventTime, Severity};

pub(super) struct Alertmanager {
    url: String,
    authorization: Option<String>,
    templates: Templates,
    agent: Agent,
}

/// How long an alert stands when we fall silent: longer than a restart takes.
const STANDS_MS: i64 = 3_600_000;
/// The same for what is told once.
const TOLD_ONCE_MS: i64 = 4 * 3_600_000;
const TEST_MS: i64 = 60_000;

impl Alertmanager {
    pub fn new(config: &SinkConfig, url: &str) -> Result<Self, UnusableSink> {
        let secret = config.secret.as_ref().map(|secret| secret.read()).transpose()?;
        let authorization = secret.map(|secret| match &config.user {
            Some(user) => {
                let pair = [user.as_bytes(), b":", secret.bytes()].concat();
                format!("Basic {}", STANDARD.encode(pair))
            }
            None => format!("Bearer {}", secret.text()),
        });
        Ok(Self {
            url: format!("{}/api/v2/alerts", url.trim_end_matches('/')),
            authorization,
            templates: Templates::new(config.title.as_deref(), config.body.as_deref()),
            agent: agent(),
        })
    }

    pub fn send(&self, facts: &Facts, attempt: &Attempt) -> Result<(), SinkError> {
        let mut alerts = Vec::new();
        // A deadline's alert stands beside the incident's.
        let before = attempt.before.as_ref().filter(|_| facts.clock.is_none());
        if let Some(before) = before.filter(|before| before.severity != facts.severity) {
            alerts.push(self.alert(before, &attempt.key, attempt.now_ms, true));
        }
        alerts.push(self.alert(facts, &attempt.key, attempt.now_ms, facts.ends()));
        self.post(&alerts)
    }

    /// Says again that these stand, or that they are over.
    pub fn tell_again(&self, told: &[(Facts, String, bool)], now_ms: i64) -> Result<(), SinkError> {
        let alerts: Vec<Value> =
            told.iter().map(|(facts, key, over)| self.alert(facts, key, now_ms, *over)).collect();
        self.post(&alerts)
    }

    fn post(&self, alerts: &[Value]) -> Result<(), SinkError> {
        let headers: Vec<(&str, &str)> =
            self.authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let body = Value::from(alerts).to_string();
        post(&self.agent, &self.url, &headers, body.as_bytes())
    }

    fn alert(&self, facts: &Facts, key: &str, now_ms: i64, over: bool) -> Value {
        let text = self.templates.render(facts, key, str::to_owned);
        let (name, stands_ms) = match facts.kind.as_str() {
            "test" => ("TidewaiterTest", TEST_MS),
            "backlog" => ("TidewaiterBacklog", TOLD_ONCE_MS),
            "flood" => ("TidewaiterFlood", TOLD_ONCE_MS),
            SOON => ("TidewaiterClockRunsOut", warns_ms(facts, now_ms)),
            RAN_OUT => ("TidewaiterClockRanOut", TOLD_ONCE_MS),
            _ => ("TidewaiterIncident", STANDS_MS),
        };
        // One severity below medium stands for none.
        let severity =
            if facts.severity < Severity::Medium { "none" } else { facts.severity.name() };
        let told_by = if facts.incident.is_empty() {
            ("notice", key)
        } else {
            ("incident", facts.incident.as_str())
        };
        // A clock that is ahead must not make an alert that begins after it ends.
        let opened = facts.opened.filter(|_| facts.clock.is_none());
        let starts_ms = opened.unwrap_or(facts.time).millis().min(now_ms);
        let ends_ms = now_ms + if over { 0 } else { stands_ms };
        let time = |ms: i64| EventTime::from_millis(ms).unwrap_or_default().to_string();
        let mut alert = json!({
            "labels": {"alertname": name, told_by.0: told_by.1, "severity": severity},
            "annotations": {
                "summary": text.title, "description": text.body, "notice": key,
                "score": facts.score.to_string(),
            },
            "startsAt": time(starts_ms),
            "endsAt": time(ends_ms),
        });
        if let Some(clock) = &facts.clock {
            alert["labels"]["regime"] = clock.regime.as_str().into();
            alert["labels"]["phase"] = clock.phase.as_str().into();
        }
        if let (Some(link), Some(fields)) = (&facts.link, alert.as_object_mut()) {
            fields.insert("generatorURL".into(), link.as_str().into());
        }
        alert
    }
}

/// A warning stands until the clock has run out, of which there is an alert of its own.
fn warns_ms(facts: &Facts, now_ms: i64) -> i64 {
    let left_ms = facts.clock.as_ref().map_or(0, |clock| clock.due.millis() - now_ms);
    left_ms.clamp(TEST_MS, TOLD_ONCE_MS)
}
