//! `[kafka]` and `[[input]]`.

use std::path::PathBuf;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use serde::Deserialize;

use super::link::FETCH_WAIT_MS_MAX;
use crate::adapters::secrets::SecretSource;
use crate::engine::decode::Expected;
use crate::engine::model::Problems;

/// How to reach the brokers, and what is ours there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Comma-separated `host:port`.
    pub brokers: String,
    /// Consumer group of the detectors.
    pub group: String,
    /// First part of the names of Tidewaiter's own topics.
    pub prefix: String,
    pub security: Security,
    pub tls: TlsConfig,
    pub sasl: Option<SaslConfig>,
    /// Make missing topics of our own at start.
    pub create_topics: bool,
    /// Partitions of topics made so.
    pub partitions: i32,
    /// Partitions of the topic in which accounts' lookups are counted by subject. One holds what a
    /// large agency looks up; with more, each has its own share of the alert budget.
    pub lookup_partitions: i32,
    /// Replicas of topics made so; -1 leaves it to the broker.
    pub replication: i32,
    /// Where a group without committed offsets begins.
    pub start: Start,
    /// State is saved and offsets are committed this often, after everything before them was
    /// handed on.
    pub commit_interval_ms: u64,
    /// When a partition is taken over, records of so long before its offset are read again to fill
    /// the flight recorder; they are not judged again.
    pub recall_s: u32,
    /// Threads that detect, each with its share of the partitions.
    pub workers: usize,
    /// Name of this process among those of its group, the same after a restart: the group then
    /// keeps its partitions for it, and what a killed one left open ends at once. Each process
    /// needs its own.
    pub instance: Option<String>,
    /// True of the demonstration's broker, which keeps the last megabytes of a partition: state that
    /// is no longer all there is set aside, and the worker begins anew.
    #[serde(skip)]
    pub forgets: bool,
    /// Further librdkafka settings, passed on as they are.
    pub client: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    #[default]
    Plaintext,
    Tls,
    SaslPlaintext,
    SaslTls,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    #[default]
    Earliest,
    Latest,
}

/// `[kafka.tls]`: PEM files. Without `ca_file`, the system's authorities are trusted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and key, where the broker asks for one.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// `[kafka.sasl]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SaslConfig {
    pub mechanism: Mechanism,
    pub username: String,
    pub password: SecretSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Mechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Mechanism {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// One topic to consume.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    pub topic: String,
    /// auto, native, ocsf, cloudtrail or zeek.
    #[serde(default = "auto")]
    pub format: String,
}

/// Workers of one process.
pub const WORKERS_MAX: usize = 64;

fn auto() -> String {
    "auto".into()
}

impl InputConfig {
    pub fn check(&self, key: &str, problems: &mut Problems) {
        problems.require(is_topic_name(&self.topic), &format!("{key}.topic"), || {
            format!("must be 1 to 249 of a-z A-Z 0-9 . _ -, got `{}`", self.topic)
        });
        if let Err(error) = self.format.parse::<Expected>() {
            problems.add(format!("{key}.format"), error.to_string());
        }
    }

    /// The decoder's setting; `check` has refused other words.
    pub fn expected(&self) -> Expected {
        self.format.parse().unwrap_or_default()
    }
}

/// What librdkafka has against a setting. Never shows the value, which may be a secret.
fn refused_by_client(key: &str, value: &str) -> Option<&'static str> {
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;
    let refused = ClientConfig::new().set(key, value).create_native_config().err()?;
    Some(match refused {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
            "is no setting of librdkafka"
        }
        _ => "has a value that librdkafka does not take (it is not shown here)",
    })
}

/// Settings of librdkafka that have one right value here, or one of our own by another name
/// (`kafka.group`, `kafka.instance`, `kafka.start`).
const DECIDED: [&str; 9] = [
    "auto.offset.reset",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "group.instance.id",
    "isolation.level",
    "partition.assignment.strategy",
    "transactional.id",
];

fn is_topic_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".."
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            group: "tidewaiter".into(),
            prefix: "tidewaiter".into(),
            security: Security::default(),
            tls: TlsConfig::default(),
            sasl: None,
            create_topics: true,
            partitions: 3,
            lookup_partitions: 1,
            replication: -1,
            start: Start::default(),
            commit_interval_ms: 2_000,
            recall_s: 3_600,
            workers: 1,
            instance: None,
            forgets: false,
            client: Default::default(),
        }
    }
}

impl KafkaConfig {
    pub fn check(&self, problems: &mut Problems) {
        let host_and_port = |b: &str| {
            let b = b.trim();
            b.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        problems.require(self.brokers.split(',').all(host_and_port), "kafka.brokers", || {
            format!("must be host:port, several with commas, got `{}`", self.brokers)
        });
        problems.require(!self.group.is_empty(), "kafka.group", || "must not be empty".into());
        problems.require(is_topic_name(&self.prefix), "kafka.prefix", || {
            format!("must be 1 to 249 of a-z A-Z 0-9 . _ -, got `{}`", self.prefix)
        });
        problems.require((1..=10_000).contains(&self.partitions), "kafka.partitions", || {
            format!("must be 1 to 10000, got {}", self.partitions)
        });
        problems.require(
            (1..=1_000).contains(&self.lookup_partitions),
            "kafka.lookup_partitions",
            || format!("must be 1 to 1000, got {}", self.lookup_partitions),
        );
        problems.require(
            self.replication == -1 || self.replication > 0,
            "kafka.replication",
            || format!("must be -1 (the broker's default) or 1 and more, got {}", self.replication),
        );
        problems.require(
            (10..=60_000).contains(&self.commit_interval_ms),
            "kafka.commit_interval_ms",
            || format!("must be 10 to 60000 milliseconds, got {}", self.commit_interval_ms),
        );
        problems.require(self.recall_s <= 86_400, "kafka.recall_s", || {
            format!("must be 0 to 86400 seconds, got {}", self.recall_s)
        });
        problems.require((1..=WORKERS_MAX).contains(&self.workers), "kafka.workers", || {
            format!("must be 1 to {WORKERS_MAX}, got {}", self.workers)
        });
        if let Some(instance) = &self.instance {
            problems.require(is_topic_name(instance), "kafka.instance", || {
                format!("must be 1 to 249 of a-z A-Z 0-9 . _ -, got `{instance}`")
            });
        }
        let needs_sasl = matches!(self.security, Security::SaslPlaintext | Security::SaslTls);
        problems.require(!needs_sasl || self.sasl.is_some(), "kafka.sasl", || {
            "is needed with security sasl_plaintext or sasl_tls".into()
        });
        problems.require(needs_sasl || self.sasl.is_none(), "kafka.security", || {
            "must be sasl_plaintext or sasl_tls where [kafka.sasl] is given".into()
        });
        if let Some(sasl) = &self.sasl {
            sasl.password.check("kafka.sasl.password", problems);
            problems.require(!sasl.username.is_empty(), "kafka.sasl.username", || {
                "must not be empty".into()
            });
        }
        let tls = &self.tls;
        for (key, path) in [
            ("kafka.tls.ca_file", &tls.ca_file),
            ("kafka.tls.certificate_file", &tls.certificate_file),
            ("kafka.tls.key_file", &tls.key_file),
        ] {
            if let Some(path) = path {
                problems
                    .require(path.exists(), key, || format!("{} does not exist", path.display()));
            }
        }
        for (key, value) in &self.client {
            if DECIDED.contains(&key.as_str()) {
                let decided =
                    "is decided by Tidewaiter: what it delivers rests on it; leave it out";
                problems.add(format!("kafka.client.{key}"), decided);
            } else if let Some(wrong) = refused_by_client(key, value) {
                problems.add(format!("kafka.client.{key}"), wrong);
            }
        }
        if let Some(wait) = self.client.get("fetch.wait.max.ms") {
            let long = wait.parse().is_ok_and(|ms: u32| ms > FETCH_WAIT_MS_MAX);
            problems.require(!long, "kafka.client.fetch.wait.max.ms", || {
                format!(
                    "must be at most {FETCH_WAIT_MS_MAX}, or a broker that waits looks like one \
                     that is gone; got {wait}"
                )
            });
        }
        problems.require(
            tls.certificate_file.is_some() == tls.key_file.is_some(),
            "kafka.tls.certificate_file",
            || "certificate_file and key_file go together".into(),
        );
    }

    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let tls = [&mut self.tls.ca_file, &mut self.tls.certificate_file, &mut self.tls.key_file];
        let password = self.sasl.iter_mut().filter_map(|sasl| sasl.password.file.as_mut());
        tls.into_iter().flatten().chain(password).collect()
    }

    /// What every client of ours starts from. Reads the password.
    pub fn client(
        &self,
        role: &str,
    ) -> Result<ClientConfig, crate::adapters::secrets::SecretError> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.set("client.id", format!("tidewaiter-{role}"));
        // A connection that the broker closes at once is told at this level: a plaintext client at a
        // TLS port.
        client.set_log_level(RDKafkaLogLevel::Info);
        client.set(
            "security.protocol",
            match self.security {
                Security::Plaintext => "plaintext",
                Security::Tls => "ssl",
                Security::SaslPlaintext => "sasl_plaintext",
                Security::SaslTls => "sasl_ssl",
            },
        );
        for (key, path) in [
            ("ssl.ca.location", &self.tls.ca_file),
            ("ssl.certificate.location", &self.tls.certificate_file),
            ("ssl.key.location", &self.tls.key_file),
        ] {
            if let Some(path) = path {
                client.set(key, path.to_string_lossy());
            }
        }
        if let Some(sasl) = &self.sasl {
            client.set("sasl.mechanism", sasl.mechanism.name());
            client.set("sasl.username", &sasl.username);
            client.set("sasl.password", sasl.password.read()?.text());
        }
        for (key, value) in &self.client {
            client.set(key, value);
        }
        Ok(client)
    }

    /// The name under which one of this process's workers writes.
    pub fn worker_name(&self, number: usize) -> String {
        static PROCESS: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            format!("{}-{}", super::wall_clock_ms(), std::process::id())
        });
        let instance = self.instance.as_deref().unwrap_or(&PROCESS);
        format!("{}.{}.{instance}.{number}", self.prefix, self.group)
    }

    pub fn topics(&self) -> super::Topics {
        super::Topics::new(&self.prefix)
    }
}
