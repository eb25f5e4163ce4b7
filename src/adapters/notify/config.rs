//! `[notify]`.

use std::path::PathBuf;

use axum::http::Uri;
use lettre::message::Mailbox;
use serde::Deserialize;

use super::silence::{self, Maintenance};
use super::template::Templates;
use crate::adapters::secrets::SecretSource;
use crate::engine::cases::{Matcher, Silence};
use crate::engine::model::{Problems, Severity};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Where the console is reached, for links; none leaves them out.
    pub console_url: Option<String>,
    /// How long a notice is tried before it becomes a dead letter.
    pub age_max_s: u32,
    /// Incidents whose events are older than this when they are found are told in one notice; 0
    /// tells each by itself.
    pub fold_older_than_s: u32,
    /// How long such old news waits for more.
    pub fold_wait_s: u32,
    /// Incidents of one severity or a higher one that a sink is told of one by one within ten minutes;
    /// further ones are told in one notice. 0 tells each by itself.
    pub at_once_max: u32,
    /// People who work on incidents, for the alert load; 0 counts those who did in the last day.
    pub analysts: u32,
    pub sink: Vec<SinkConfig>,
    pub silence: Vec<Silence>,
    pub maintenance: Vec<Maintenance>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            console_url: None,
            age_max_s: 86_400,
            fold_older_than_s: 3_600,
            fold_wait_s: 30,
            at_once_max: 100,
            analysts: 0,
            sink: Vec::new(),
            silence: Vec::new(),
            maintenance: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    Webhook,
    Alertmanager,
    Slack,
    Email,
}

/// `[[notify.sink]]`. Which keys a sink may have hangs on its kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    pub name: String,
    pub kind: SinkKind,
    pub url: Option<String>,
    /// Incidents of this severity and above.
    #[serde(default = "medium")]
    pub severity_min: Severity,
    /// Of those, what this fits; nothing for all.
    #[serde(default)]
    pub only: Matcher,
    /// How long the first notice of an incident waits for what follows at once, to be told with it.
    #[serde(default)]
    pub group_wait_s: u32,
    /// Tells again of what is open and nobody has taken up; 0 never.
    #[serde(default)]
    pub repeat_s: u32,
    /// Signs a webhook's requests; is a Slack-compatible webhook's address; else the password or
    /// the token.
    pub secret: Option<SecretSource>,
    /// Who logs in with the password.
    pub user: Option<String>,
    pub from: Option<String>,
    #[serde(default)]
    pub to: Vec<String>,
    /// Off only for a mail server on this machine.
    #[serde(default = "yes")]
    pub starttls: bool,
    /// Whom to trust instead of the system's authorities, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Templates; none for the sink's own.
    pub title: Option<String>,
    pub body: Option<String>,
}

fn medium() -> Severity {
    Severity::Medium
}

fn yes() -> bool {
    true
}

const NAME_MAX: usize = 40;
/// Each sink has metrics of its own.
const SINKS_MAX: usize = 32;
const RECIPIENTS_MAX: usize = 50;
const AT_ONCE_MAX: u32 = 10_000;
const REPEAT_MIN_S: u32 = 300;
const GROUP_WAIT_MAX_S: u32 = 600;

impl NotifyConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(self.age_max_s > 0, "notify.age_max_s", || {
            "must be 1 second or more, got 0".into()
        });
        if let Some(url) = &self.console_url {
            problems.require(is_http(url), "notify.console_url", || {
                "must begin with http:// or https://".into()
            });
        }
        problems.require((1..=600).contains(&self.fold_wait_s), "notify.fold_wait_s", || {
            format!("must be 1 to 600 seconds, got {}", self.fold_wait_s)
        });
        problems.require(self.at_once_max <= AT_ONCE_MAX, "notify.at_once_max", || {
            format!("must be at most {AT_ONCE_MAX}, got {}", self.at_once_max)
        });
        problems.require(self.sink.len() <= SINKS_MAX, "notify.sink", || {
            format!("must be at most {SINKS_MAX}, got {}", self.sink.len())
        });
        for (i, sink) in self.sink.iter().enumerate() {
            let key = format!("notify.sink[{i}]");
            let twice = self.sink[..i].iter().any(|other| other.name == sink.name);
            problems.require(!twice, &format!("{key}.name"), || {
                format!("`{}` is listed twice", sink.name)
            });
            sink.check(&key, problems);
        }
        silence::check(self, problems);
    }

    /// Names of the sinks, as silences may name them.
    pub fn sink_names(&self) -> Vec<&str> {
        self.sink.iter().map(|sink| sink.name.as_str()).collect()
    }

    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.sink.iter_mut().flat_map(|sink| {
            let secret = sink.secret.as_mut().and_then(|secret| secret.file.as_mut());
            secret.into_iter().chain(&mut sink.ca_file)
        })
    }
}

impl SinkKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }

    /// Keys it takes beyond those every sink takes.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Webhook => &["url", "secret"],
            Self::Alertmanager => &["url", "user", "secret", "title", "body"],
            Self::Slack => &["secret", "title", "body"],
            Self::Email => {
                &["url", "user", "secret", "from", "to", "starttls", "ca_file", "title", "body"]
            }
        }
    }

    const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Webhook => &["url", "secret"],
            Self::Alertmanager => &["url"],
            Self::Slack => &["secret"],
            Self::Email => &["url", "from", "to"],
        }
    }
}

impl SinkConfig {
    fn check(&self, key: &str, problems: &mut Problems) {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let named = (1..=NAME_MAX).contains(&self.name.len()) && self.name.chars().all(word);
        problems.require(named, &format!("{key}.name"), || {
            format!("must be 1 to {NAME_MAX} letters, digits, - and _")
        });
        self.check_keys(key, problems);
        problems.require(
            self.group_wait_s <= GROUP_WAIT_MAX_S,
            &format!("{key}.group_wait_s"),
            || {
                format!(
                    "must be 0 (tell at once) to {GROUP_WAIT_MAX_S} seconds, got {}",
                    self.group_wait_s
                )
            },
        );
        let repeat = self.repeat_s == 0 || self.repeat_s >= REPEAT_MIN_S;
        problems.require(repeat, &format!("{key}.repeat_s"), || {
            format!("must be 0 (never) or {REPEAT_MIN_S} seconds and more, got {}", self.repeat_s)
        });
        problems.require(self.only.sink.is_empty(), &format!("{key}.only.sink"), || {
            "has no meaning here: these are the notices of one sink".into()
        });
        problems.require(self.only.incident.is_empty(), &format!("{key}.only.incident"), || {
            "has no meaning here: an incident has no id before there is one".into()
        });
        self.only.check(&format!("{key}.only"), problems);
        if let Some(secret) = &self.secret {
            secret.check(&format!("{key}.secret"), problems);
        }
        match (self.kind, &self.url) {
            (SinkKind::Email, Some(url)) => self.check_mail(url, key, problems),
            (_, Some(url)) => problems.require(is_http(url), &format!("{key}.url"), || {
                "must begin with http:// or https://".into()
            }),
            (_, None) => {}
        }
        for (name, text) in [("title", &self.title), ("body", &self.body)] {
            if let Some(wrong) = text.as_deref().and_then(|text| Templates::check(text).err()) {
                problems.add(format!("{key}.{name}"), wrong);
            }
        }
    }

    /// Keys that are missing, and keys that would have no effect.
    fn check_keys(&self, key: &str, problems: &mut Problems) {
        let kind = self.kind;
        let given = [
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("user", self.user.is_some()),
            ("from", self.from.is_some()),
            ("to", !self.to.is_empty()),
            ("starttls", !self.starttls),
            ("ca_file", self.ca_file.is_some()),
            ("title", self.title.is_some()),
            ("body", self.body.is_some()),
        ];
        for (name, given) in given {
            problems.require(
                !given || kind.keys().contains(&name),
                &format!("{key}.{name}"),
                || {
                    let allowed = kind.keys().join(", ");
                    format!("has no meaning for kind `{}`, which takes {allowed}", kind.name())
                },
            );
            problems.require(
                given || !kind.needs().contains(&name),
                &format!("{key}.{name}"),
                || format!("is needed for kind `{}`", kind.name()),
            );
        }
        problems.require(
            self.user.is_none() || self.secret.is_some(),
            &format!("{key}.secret"),
            || "is needed with `user`: the password".into(),
        );
    }

    fn check_mail(&self, url: &str, key: &str, problems: &mut Problems) {
        let server = MailServer::parse(url);
        problems.require(server.is_some(), &format!("{key}.url"), || {
            "must be smtp://HOST[:PORT] or smtps://HOST[:PORT]".into()
        });
        let here = server.as_ref().is_some_and(|server| is_loopback(&server.host));
        problems.require(
            self.starttls || server.is_none() || here,
            &format!("{key}.starttls"),
            || {
                "must be true unless the server is on this machine (127.0.0.1, ::1 or localhost)"
                    .into()
            },
        );
        problems.require(
            self.secret.is_none() || self.user.is_some(),
            &format!("{key}.user"),
            || "is needed with `secret`: who logs in".into(),
        );
        problems.require(self.to.len() <= RECIPIENTS_MAX, &format!("{key}.to"), || {
            format!("must be at most {RECIPIENTS_MAX} addresses, got {}", self.to.len())
        });
        let addresses = self.from.iter().map(|from| ("from", from));
        for (name, address) in addresses.chain(self.to.iter().map(|to| ("to", to))) {
            problems.require(address.parse::<Mailbox>().is_ok(), &format!("{key}.{name}"), || {
                format!("`{address}` is no mail address")
            });
        }
    }
}

/// Where mail is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MailServer {
    pub host: String,
    pub port: u16,
    /// TLS from the first byte on, not by STARTTLS.
    pub wrapped: bool,
}

impl MailServer {
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let wrapped = match uri.scheme_str()? {
            "smtp" => false,
            "smtps" => true,
            _ => return None,
        };
        let plain = uri.authority()?.as_str().contains('@');
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        if host.is_empty() || plain || !matches!(uri.path(), "" | "/") {
            return None;
        }
        Some(Self {
            host,
            port: uri.port_u16().unwrap_or(if wrapped { 465 } else { 587 }),
            wrapped,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}
