//! `[notify]`.

use std::path::PathBuf;

use serde::Deserialize;

use crate::adapters::secrets::SecretSource;
use crate::engine::model::{Problems, Severity};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Where the console is reached, for links; none leaves them out.
    pub console_url: Option<String>,
    /// How long a notice is tried before it becomes a dead letter.
    pub age_max_s: u32,
    pub sink: Vec<SinkConfig>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { console_url: None, age_max_s: 86_400, sink: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    Webhook,
}

/// `[[notify.sink]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkConfig {
    pub name: String,
    pub kind: SinkKind,
    pub url: String,
    /// Incidents of this severity and above.
    #[serde(default = "medium")]
    pub severity_min: Severity,
    /// Signs what is sent.
    pub secret: SecretSource,
}

fn medium() -> Severity {
    Severity::Medium
}

const NAME_MAX: usize = 40;

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
        for (i, sink) in self.sink.iter().enumerate() {
            let key = format!("notify.sink[{i}]");
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let named = (1..=NAME_MAX).contains(&sink.name.len()) && sink.name.chars().all(word);
            problems.require(named, &format!("{key}.name"), || {
                format!("must be 1 to {NAME_MAX} letters, digits, - and _")
            });
            let twice = self.sink[..i].iter().any(|other| other.name == sink.name);
            problems.require(!twice, &format!("{key}.name"), || {
                format!("`{}` is listed twice", sink.name)
            });
            problems.require(is_http(&sink.url), &format!("{key}.url"), || {
                "must begin with http:// or https://".into()
            });
            sink.secret.check(&format!("{key}.secret"), problems);
        }
    }

    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.sink.iter_mut().filter_map(|sink| sink.secret.file.as_mut())
    }
}

fn is_http(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}
