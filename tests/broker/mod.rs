//! Apache Kafka for the tests: the real broker, started for one test and gone after it.
//!
//! In: [`BrokerOptions`] and the jars `tests/broker/fetch` resolved into `.cache/kafka` (`make test`
//! and `make setup` run it). Out: a broker on 127.0.0.1 that serves, its bootstrap address and what
//! a client needs to reach it.
//!
//! May use: java, openssl (for TLS), a temporary folder, rdkafka's admin client.
//! Never: waits a fixed time, listens beyond 127.0.0.1, leaves a process behind, not even when the
//! test process is killed.

#![allow(dead_code, reason = "every test uses a part of this")]

mod node;
mod ports;
mod properties;
mod security;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use node::{Node, StartError};
pub use ports::one as free_port;
pub use security::{Security, TlsFiles};

/// The only user a broker with SASL knows, and the password.
const USER: &str = "tidewaiter";
const PASSWORD: &str = "high-tide-4711";
/// Starts tried with other ports when another process took one in between.
const ATTEMPTS_MAX: usize = 3;

/// What kind of broker a test wants.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    pub security: Security,
    /// Whether a topic appears when first written to or asked for.
    pub auto_create_topics: bool,
    /// Records carry the broker's time of append in place of the producer's time.
    pub log_append_time: bool,
    /// Nodes of the cluster, each broker and controller at once: 1 or 3.
    pub nodes: usize,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            security: Security::Plaintext,
            auto_create_topics: false,
            log_append_time: false,
            nodes: 1,
        }
    }
}

/// A running cluster. Dropping it kills it and removes its data.
pub struct Broker {
    options: BrokerOptions,
    nodes: Vec<Node>,
    bootstrap: String,
    tls: Option<TlsFiles>,
    // Last, so that the folder goes when no node writes to it any more.
    folder: tempfile::TempDir,
}

impl Broker {
    /// Formats the storage and returns once every node serves.
    ///
    /// # Errors
    /// Java or the jars are missing, or a node did not serve in time; its last log lines are told.
    pub fn start(options: BrokerOptions) -> Result<Self, String> {
        if !matches!(options.nodes, 1 | 3) {
            return Err(format!("a test broker has 1 or 3 nodes, got {}", options.nodes));
        }
        let jars = Jars::find()?;
        let mut last = String::new();
        for _ in 0..ATTEMPTS_MAX {
            match Self::start_once(&options, &jars) {
                Ok(broker) => return Ok(broker),
                Err(StartError::PortTaken(message)) => last = message,
                Err(StartError::Failed(message)) => return Err(message),
            }
        }
        Err(format!("no free ports after {ATTEMPTS_MAX} attempts: {last}"))
    }

    fn start_once(options: &BrokerOptions, jars: &Jars) -> Result<Self, StartError> {
        let folder = tempfile::Builder::new()
            .prefix("tidewaiter-broker-")
            .tempdir()
            .map_err(|e| format!("cannot make a temporary folder for the broker: {e}"))?;
        let tls = match options.security.uses_tls() {
            true => Some(TlsFiles::generate(folder.path())?),
            false => None,
        };
        let ports = ports::free(options.nodes)?;
        let mut nodes = Vec::with_capacity(options.nodes);
        for index in 0..options.nodes {
            let text = properties::text(options, &ports, index, folder.path(), tls.as_ref());
            let path = folder.path().join(format!("node-{index}.properties"));
            fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            nodes.push(Node::new(jars, path));
        }
        let bootstrap =
            ports.iter().map(|p| format!("127.0.0.1:{}", p.client)).collect::<Vec<_>>().join(",");
        for node in &nodes {
            node.format(&options.security.format_arguments())?;
        }
        let mut broker = Self { options: options.clone(), nodes, bootstrap, tls, folder };
        broker.start_nodes()?;
        Ok(broker)
    }

    /// `host:port` of every node, separated by commas.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills every node as a power cut would: SIGKILL, nothing flushed, no goodbye.
    pub fn stop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
    }

    /// Stops every node where it stands, or lets it go on: connections stay open, and nobody answers.
    pub fn freeze(&self, yes: bool) {
        for node in &self.nodes {
            node.freeze(yes);
        }
    }

    /// Starts what is stopped, with the same data and the same ports. Kills it first if it runs.
    ///
    /// # Errors
    /// A node did not serve in time; its last log lines are told.
    pub fn restart(&mut self) -> Result<(), String> {
        self.stop();
        self.start_nodes().map_err(StartError::into_message)
    }

    /// Kills one node (counted from 0) of a cluster.
    pub fn stop_node(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// Starts one node again with its data and ports.
    ///
    /// # Errors
    /// It did not serve in time.
    pub fn restart_node(&mut self, index: usize) -> Result<(), String> {
        self.nodes[index].kill();
        self.nodes[index].launch().map_err(StartError::into_message)?;
        self.nodes[index].await_started().map_err(StartError::into_message)
    }

    /// The certificate authority to trust, where the broker speaks TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| tls.ca.as_path())
    }

    /// A certificate authority that did not sign this broker's certificate: clients that trust
    /// only it must refuse the broker.
    pub fn stranger_ca_file(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| tls.stranger_ca.as_path())
    }

    /// User and password, for the kinds of security that ask for them.
    pub fn credentials(&self) -> (&str, &str) {
        (USER, PASSWORD)
    }

    /// What librdkafka needs to connect: address, protocol, authority, mechanism, credentials.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("security.protocol", self.options.security.protocol());
        if let Some(ca) = self.ca_file() {
            config.set("ssl.ca.location", ca.to_string_lossy());
        }
        if let Some(mechanism) = self.options.security.mechanism() {
            config.set("sasl.mechanism", mechanism);
            config.set("sasl.username", USER);
            config.set("sasl.password", PASSWORD);
        }
        config
    }

    /// Creates a topic, on every node where there are three.
    ///
    /// # Errors
    /// The broker refused, e.g. because the topic exists.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), String> {
        self.create_topic_with(name, partitions, &[])
    }

    /// As [`Self::create_topic`], with topic settings such as `("cleanup.policy", "compact")`.
    ///
    /// # Errors
    /// The broker refused.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), String> {
        let failed = |e: &dyn std::fmt::Display| format!("cannot create topic `{name}`: {e}");
        let admin: AdminClient<DefaultClientContext> =
            self.client_config().create().map_err(|e| failed(&e))?;
        let replicas = i32::try_from(self.nodes.len()).map_err(|e| failed(&e))?;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = patient();
        let results = wait_for(admin.create_topics([&topic], &options)).map_err(|e| failed(&e))?;
        results.into_iter().try_for_each(|result| result.map(drop).map_err(|(_, e)| failed(&e)))
    }

    /// Gives a topic more partitions: `partitions` in all.
    ///
    /// # Errors
    /// The broker refused.
    pub fn widen_topic(&self, name: &str, partitions: usize) -> Result<(), String> {
        let failed = |e: &dyn std::fmt::Display| format!("cannot widen topic `{name}`: {e}");
        let admin: AdminClient<DefaultClientContext> =
            self.client_config().create().map_err(|e| failed(&e))?;
        let (wider, options) = (NewPartitions::new(name, partitions), patient());
        let results = wait_for(admin.create_partitions([&wider], &options));
        let results = results.map_err(|e| failed(&e))?;
        results.into_iter().try_for_each(|result| result.map(drop).map_err(|(_, e)| failed(&e)))
    }

    fn start_nodes(&mut self) -> Result<(), StartError> {
        // All first, then wait: a quorum of three needs two of them to come up at all.
        for node in &mut self.nodes {
            node.launch()?;
        }
        for node in &mut self.nodes {
            node.await_started()?;
        }
        Ok(())
    }
}

fn patient() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(Duration::from_secs(30)))
        .operation_timeout(Some(Duration::from_secs(30)))
}

fn wait_for<T>(
    asked: impl Future<Output = Result<T, rdkafka::error::KafkaError>>,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.map_err(|e| e.to_string())?.block_on(asked).map_err(|e| e.to_string())
}

/// What `tests/broker/fetch` resolved.
pub(crate) struct Jars {
    class_path: String,
    /// Kafka's classes, ready to map; halves the start.
    archive: Option<PathBuf>,
    log_config: PathBuf,
}

impl Jars {
    fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let libs = root.join(".cache/kafka/libs");
        let mut jars: Vec<String> = fs::read_dir(&libs)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .filter(|path| path.ends_with(".jar"))
            .collect();
        if !jars.iter().any(|path| path.contains("/kafka_")) {
            return Err(format!(
                "Apache Kafka's jars are not in {}: run `make test`, which installs them, or tests/broker/fetch",
                libs.display()
            ));
        }
        // Sorted, as in `run`: an archive serves only the class path it was made with.
        jars.sort_unstable();
        let archive = root.join(".cache/kafka/classes.jsa");
        Ok(Self {
            class_path: jars.join(":"),
            archive: archive.exists().then_some(archive),
            log_config: root.join("tests/broker/log4j2.properties"),
        })
    }
}
