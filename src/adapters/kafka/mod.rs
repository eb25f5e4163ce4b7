//! Apache Kafka: records in, findings, evidence, alerts and dead letters out.
//!
//! Delivery: an offset is committed only after everything the records before it gave rise to has
//! been acknowledged by the broker. After a crash records are read again; ids are the same, so
//! whoever reads the findings topic drops the repeats.

mod admin;
mod assignment;
mod config;
mod dead_letter;
mod embedded;
mod link;
mod reader;
mod sender;
mod topics;
mod worker;

pub use admin::{TopicsError, ensure_topics};
pub use config::{InputConfig, KafkaConfig, Mechanism, SaslConfig, Security, Start, TlsConfig};
pub use embedded::EmbeddedBroker;
pub use link::{Link, wall_clock_ms};
pub use reader::{From, Reader};
pub use sender::{SendError, Sender};
pub use topics::Topics;
pub use worker::{SharedSettings, Worker, WorkerError, WorkerParts};
