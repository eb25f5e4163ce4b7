//! Apache Kafka: records in, findings, evidence, alerts and dead letters out.
//!
//! Delivery: an offset is committed only after everything the records before it gave rise to has
//! been acknowledged by the broker. After a crash records are read again; ids are the same, so
//! whoever reads the findings topic drops the repeats.

mod config;
mod topics;

pub use config::{InputConfig, KafkaConfig, Mechanism, SaslConfig, Security, Start, TlsConfig};
pub use topics::Topics;
