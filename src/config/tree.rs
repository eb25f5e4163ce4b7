//! The tree.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::adapters::kafka::{InputConfig, KafkaConfig};
use crate::adapters::notify::NotifyConfig;
use crate::adapters::secrets::SecretSource;
use crate::engine::correlate::CorrelateConfig;
use crate::engine::detect::{DetectConfig, Mode};
use crate::engine::enrich::AddressConfig;
use crate::engine::model::Problems;
use crate::engine::shard::{RecorderConfig, ShardConfig, TimeConfig};

/// Everything `tidewaiter.toml` may say. Every section has defaults that need no touching but
/// `[kafka]` brokers and the `[[input]]` topics.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub kafka: KafkaConfig,
    pub roles: RolesConfig,
    /// The topics to consume.
    pub input: Vec<InputConfig>,
    pub data: DataConfig,
    pub privacy: PrivacyConfig,
    pub store: StoreConfig,
    pub http: HttpConfig,
    pub addresses: AddressConfig,
    pub time: TimeConfig,
    pub state: ShardConfig,
    pub recorder: RecorderConfig,
    pub detect: DetectConfig,
    pub rules: RulesConfig,
    pub correlate: CorrelateConfig,
    pub notify: NotifyConfig,
}

/// `[roles]`: what this process does. One process does everything unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolesConfig {
    /// Judge events. Any number of processes share the input partitions.
    pub detect: bool,
    /// Make incidents of findings. One at a time does; others stand by.
    pub correlate: bool,
    /// Answer the API and serve the console, from the correlator's store.
    pub serve: bool,
}

impl Default for RolesConfig {
    fn default() -> Self {
        Self { detect: true, correlate: true, serve: true }
    }
}

/// `[rules]`: how single rules are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Ids of rules that count and are shown, but tell nobody: for trying a rule out.
    pub shadow: Vec<String>,
}

/// `[data]`: what the monitor is told about the agency. Files are read again when they change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Datasets with category and tier (TOML).
    pub catalogue: Option<PathBuf>,
    /// Actors, leavers, protected subjects, canaries (TOML).
    pub directory: Option<PathBuf>,
    /// A folder of Sigma rules, read with its subfolders. Without it, the shipped rules.
    pub rules: Option<PathBuf>,
    /// Other names for log sources and fields in rules (TOML).
    pub rule_mapping: Option<PathBuf>,
    /// What `%name%` stands for in rules that say `expand` (TOML: a list of texts a name).
    pub placeholders: Option<PathBuf>,
    /// Findings somebody has answered for, by rule and key (TOML).
    pub exceptions: Option<PathBuf>,
    /// Laws under which authorities have to be told, and how soon (TOML). Read at the start.
    /// Without it, those that come with Tidewaiter.
    pub regimes: Option<PathBuf>,
    /// What `tidewaiter learn` wrote: what partitions and actors without a past begin with. Read
    /// at the start.
    pub learned: Option<PathBuf>,
    /// Which case is open when, whose it is, and whom it is about (one JSON object a line).
    pub work_items: Option<PathBuf>,
    /// The same as a compacted topic, keyed by case; a record without a value withdraws its case.
    pub work_items_topic: Option<String>,
}

impl DataConfig {
    fn paths_mut(&mut self) -> [&mut Option<PathBuf>; 9] {
        let Self {
            catalogue,
            directory,
            rules,
            rule_mapping,
            placeholders,
            exceptions,
            regimes,
            learned,
            work_items,
            work_items_topic: _,
        } = self;
        [
            catalogue,
            directory,
            rules,
            rule_mapping,
            placeholders,
            exceptions,
            regimes,
            learned,
            work_items,
        ]
    }
}

/// `[privacy]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// Key of the subject pseudonyms, at least 32 bytes. Without it, one is made at the first
    /// start and kept beside the store.
    pub pseudonym_key: Option<SecretSource>,
}

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The SQLite file; its folder also holds a generated pseudonym key.
    pub path: Option<PathBuf>,
    /// PostgreSQL instead, such as `postgres://user@host/db`, without its password.
    pub url: Option<String>,
    /// The password of the URL's user.
    pub password: Option<SecretSource>,
    /// Days of event time for which an incident is kept after its last event, with its findings
    /// and timeline. 0 keeps everything.
    pub keep_days: u32,
    /// The configuration file's folder.
    #[serde(skip)]
    base: PathBuf,
}

impl StoreConfig {
    /// The SQLite file, given or not.
    pub fn file(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| self.base.join("data/tidewaiter.db"))
    }

    fn check(&self, problems: &mut Problems) {
        problems.require(self.path.is_none() || self.url.is_none(), "store.url", || {
            "give `store.path` (SQLite) or `store.url` (PostgreSQL), not both".into()
        });
        if let Some(url) = &self.url {
            let rest =
                url.split_once("://").filter(|(s, _)| matches!(*s, "postgres" | "postgresql"));
            problems.require(rest.is_some(), "store.url", || {
                "must begin with postgres://, as in postgres://user@host/db".into()
            });
            let (_, rest) = rest.unwrap_or_default();
            let user = rest.split('/').next().and_then(|part| part.rsplit_once('@'));
            let open =
                user.is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=");
            problems.require(!open, "store.url", || {
                "a password does not stand in this file: give `store.password`".into()
            });
        }
        if let Some(password) = &self.password {
            password.check("store.password", problems);
            problems.require(self.url.is_some(), "store.password", || {
                "goes with `store.url`, which is not given".into()
            });
        }
    }

    /// The same in milliseconds; none keeps everything.
    pub fn keep_ms(&self) -> Option<i64> {
        (self.keep_days > 0).then(|| i64::from(self.keep_days) * 86_400_000)
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: None, url: None, password: None, keep_days: 730, base: PathBuf::new() }
    }
}

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port to listen on. Anything but loopback shows the console to the network,
    /// without a login.
    pub listen: String,
    /// Header in which a reverse proxy names who is logged in. Only where every request comes
    /// through that proxy, which must set or remove it. Without it, clients say who they are.
    pub user_header: Option<String>,
    /// Origins of pages that may send requests that change something, such as
    /// `https://monitor.agency.example` of the proxy. Without any, the server's own pages may, by
    /// whatever name they were reached; with some, only by loopback names.
    pub origins: Vec<String>,
}

impl HttpConfig {
    fn check(&self, problems: &mut Problems) {
        if let Some(header) = &self.user_header {
            let legal = axum::http::HeaderName::try_from(header.as_str()).is_ok();
            problems.require(legal, "http.user_header", || {
                format!("must be a header's name such as x-remote-user, got `{header}`")
            });
        }
        for (i, origin) in self.origins.iter().enumerate() {
            let authority = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
            let fine = authority.is_some_and(|a| !a.is_empty() && !a.contains('/'));
            problems.require(fine, &format!("http.origins[{i}]"), || {
                format!("must be such as https://monitor.example, got `{origin}`")
            });
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".into(), user_header: None, origins: Vec::new() }
    }
}

impl Config {
    /// Everything that is wrong, whatever the command.
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            self.data.work_items.is_none() || self.data.work_items_topic.is_none(),
            "data.work_items_topic",
            || "give `data.work_items` (a file) or `data.work_items_topic`, not both".into(),
        );
        self.addresses.check(problems);
        self.time.check(problems);
        self.state.check(problems);
        self.recorder.check(problems);
        self.detect.check(problems);
        self.correlate.check(problems);
        self.kafka.check(problems);
        problems.require(self.store.keep_days <= 36_500, "store.keep_days", || {
            format!("must be 0 (for ever) to 36500 days, got {}", self.store.keep_days)
        });
        for (i, input) in self.input.iter().enumerate() {
            input.check(&format!("input[{i}]"), problems);
            let twice = self.input[..i].iter().any(|other| other.topic == input.topic);
            problems.require(!twice, &format!("input[{i}].topic"), || {
                format!("`{}` is listed twice", input.topic)
            });
            let topics = self.kafka.topics();
            let is_own = topics.is_own(&input.topic);
            problems.require(!is_own, &format!("input[{i}].topic"), || {
                format!(
                    "`{}` is one of the monitor's own topics: what it writes there would come in again",
                    input.topic
                )
            });
        }
        problems.require(self.http.listen.parse::<SocketAddr>().is_ok(), "http.listen", || {
            format!(
                "must be an address and port such as 127.0.0.1:8080, got `{}`",
                self.http.listen
            )
        });
        self.http.check(problems);
        self.store.check(problems);
        self.notify.check(problems);
        if let Some(key) = &self.privacy.pseudonym_key {
            key.check("privacy.pseudonym_key", problems);
        }
        for (key, path) in [
            ("data.catalogue", &self.data.catalogue),
            ("data.directory", &self.data.directory),
            ("data.rules", &self.data.rules),
            ("data.rule_mapping", &self.data.rule_mapping),
            ("data.placeholders", &self.data.placeholders),
            ("data.exceptions", &self.data.exceptions),
            ("data.regimes", &self.data.regimes),
        ] {
            if let Some(path) = path {
                problems
                    .require(path.exists(), key, || format!("{} does not exist", path.display()));
            }
        }
    }

    /// What `run` needs beyond.
    pub fn check_run(&self, problems: &mut Problems) {
        problems.require(!self.roles.detect || !self.input.is_empty(), "input", || {
            "at least one [[input]] with a topic is needed".into()
        });
        let RolesConfig { detect, correlate, serve } = self.roles;
        problems.require(detect || correlate || serve, "roles", || {
            "at least one of detect, correlate and serve must be true".into()
        });
        if let Some(path) = &self.store.path {
            problems.require(!path.is_dir(), "store.path", || {
                format!("must be a file, got the folder {}", path.display())
            });
        }
        let mut secrets = vec![
            ("kafka.sasl.password".to_owned(), self.kafka.sasl.as_ref().map(|sasl| &sasl.password)),
            ("store.password".to_owned(), self.store.password.as_ref()),
            ("privacy.pseudonym_key".to_owned(), self.privacy.pseudonym_key.as_ref()),
        ];
        let sinks = self.notify.sink.iter().enumerate();
        secrets.extend(
            sinks.map(|(i, sink)| (format!("notify.sink[{i}].secret"), sink.secret.as_ref())),
        );
        for (key, secret) in secrets {
            if let Some(secret) = secret {
                secret.check_there(&key, problems);
            }
        }
    }

    /// The mode of the detector of this name; rules are on.
    pub fn mode_of(&self, detector: &str) -> Mode {
        self.correlate.mode_of(detector).unwrap_or_else(|| self.detect.mode_of(detector))
    }

    /// Paths in a file are relative to it.
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        let resolve = |path: &mut PathBuf| {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        };
        self.data.paths_mut().into_iter().flatten().for_each(resolve);
        self.store.path.iter_mut().for_each(resolve);
        self.store.password.iter_mut().filter_map(|p| p.file.as_mut()).for_each(resolve);
        self.store.base = base.to_owned();
        if let Some(key) = &mut self.privacy.pseudonym_key {
            key.file.iter_mut().for_each(resolve);
        }
        self.kafka.paths_mut().into_iter().for_each(resolve);
        self.notify.paths_mut().for_each(resolve);
    }

    /// The shard's settings with the recorder's beside them.
    pub fn shard(&self) -> ShardConfig {
        ShardConfig { recorder: self.recorder.clone(), ..self.state.clone() }
    }

    pub fn listen(&self) -> Option<SocketAddr> {
        self.http.listen.parse().ok()
    }
}
