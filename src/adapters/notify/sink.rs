//! A sink of any kind.

use std::sync::Arc;

use super::alertmanager::Alertmanager;
use super::email::{Email, EmailError};
use super::facts::Facts;
use super::slack::Slack;
use super::webhook::Webhook;
use super::{SinkConfig, SinkKind};
use crate::adapters::secrets::{Secret, SecretError};

/// Says nothing of what was sent, nor to which address.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("answered {0}")]
    Status(u16),
    #[error("did not answer in time")]
    Late,
    #[error("cannot be reached: {0}")]
    Unreachable(std::io::ErrorKind),
    #[error("cannot be reached")]
    Away,
    #[error("its name is not known")]
    Unknown,
    #[error("answered {0}: it refuses the login, or asks for one (`user`, `secret`)")]
    Login(u16),
    #[error("offers no login that this speaks (PLAIN, LOGIN)")]
    NoLogin,
    #[error("offers no STARTTLS; smtps:// is for a server that speaks TLS at once")]
    NoStartTls,
    #[error("its certificate is not from whom is trusted; `ca_file` names another authority")]
    Untrusted,
    #[error("its certificate is for another name than the `url` has")]
    OtherName,
    #[error("its certificate has expired, or is not valid yet")]
    NotNow,
    #[error("there is no trust in its certificate, or it speaks no TLS")]
    Tls,
    #[error("the request failed")]
    Request,
    #[error("the signing key cannot be used")]
    Key,
    #[error("the stored notice does not read back")]
    Payload,
    #[error("cannot be served: {0}")]
    Unusable(String),
}

/// Why a sink cannot be served at all.
#[derive(Debug, thiserror::Error)]
pub enum UnusableSink {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Email(#[from] EmailError),
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

/// One attempt at one notice.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The same at every attempt.
    pub key: String,
    /// The facts as they were stored.
    pub payload: String,
    /// What this sink was last told about the same incident.
    pub before: Option<Facts>,
    pub now_ms: i64,
}

#[derive(Clone)]
pub struct Sink {
    pub name: String,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Webhook(Arc<Webhook>),
    Alertmanager(Arc<Alertmanager>),
    Slack(Arc<Slack>),
    Email(Arc<Email>),
    Unusable(String),
}

impl Sink {
    pub fn new(config: &SinkConfig) -> Result<Self, UnusableSink> {
        let url = || config.url.as_deref().ok_or(UnusableSink::Missing("url"));
        let secret = || -> Result<Secret, UnusableSink> {
            let source = config.secret.as_ref().ok_or(UnusableSink::Missing("secret"))?;
            Ok(source.read()?)
        };
        let way = match config.kind {
            SinkKind::Webhook => Way::Webhook(Arc::new(Webhook::new(url()?, secret()?))),
            SinkKind::Alertmanager => {
                Way::Alertmanager(Arc::new(Alertmanager::new(config, url()?)?))
            }
            SinkKind::Slack => Way::Slack(Arc::new(Slack::new(config, secret()?))),
            SinkKind::Email => Way::Email(Arc::new(Email::new(config, url()?)?)),
        };
        Ok(Self { name: config.name.clone(), way })
    }

    /// The same, where a sink that cannot be served refuses everything and says why.
    pub fn or_refusing(config: &SinkConfig) -> Self {
        Self::new(config).unwrap_or_else(|error| Self {
            name: config.name.clone(),
            way: Way::Unusable(error.to_string()),
        })
    }

    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.way, Way::Unusable(_))
    }

    /// Blocks until the sink has answered.
    pub fn send(&self, attempt: &Attempt) -> Result<(), SinkError> {
        let facts = || -> Result<Facts, SinkError> {
            serde_json::from_str(&attempt.payload).map_err(|_| SinkError::Payload)
        };
        match &self.way {
            Way::Webhook(hook) => hook.send(attempt),
            Way::Alertmanager(to) => to.send(&facts()?, attempt),
            Way::Slack(to) => to.send(&facts()?, attempt),
            Way::Email(to) => to.send(&facts()?, attempt),
            Way::Unusable(why) => Err(SinkError::Unusable(why.clone())),
        }
    }

    /// Where what goes on must be said again and again.
    pub(super) fn alertmanager(&self) -> Option<Arc<Alertmanager>> {
        match &self.way {
            Way::Alertmanager(to) => Some(Arc::clone(to)),
            _ => None,
        }
    }
}
