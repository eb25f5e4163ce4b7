//! Apache Kafka: records in, findings, evidence, alerts and dead letters out.
//!
//! Delivery: an offset is committed only after everything the records before it gave rise to has
//! been acknowledged by the broker, and in one transaction with the state at that offset. After a
//! crash the state comes back, records are read again from there, and their ids are the same, so
//! whoever reads the findings topic drops the repeats.

mod admin;
mod assignment;
mod changelog;
mod checkpoint;
mod config;
mod dead_letter;
mod election;
mod embedded;
mod history;
mod intake;
mod lane;
mod ledger;
mod link;
mod patience;
mod peers;
mod reader;
mod rekey;
mod saver;
mod sender;
mod topics;
mod transaction;
mod worker;

pub use admin::{TopicsError, ensure_topics, look_for_inputs};
pub use changelog::{ChangelogError, PartitionMark};
pub use config::{
    InputConfig, KafkaConfig, Mechanism, SaslConfig, Security, Start, TlsConfig, WORKERS_MAX,
};
pub use election::stand;
pub use embedded::EmbeddedBroker;
pub use history::{History, HistoryError, Stretch};
pub use ledger::{LedgerError, LedgerLine, ledger};
pub use link::{Link, appended_ms, wall_clock_ms};
pub use peers::Board;
pub use reader::{From, Reader};
pub use sender::{SendError, Sender};
pub use topics::Topics;
pub use worker::{SharedSettings, Worker, WorkerError, WorkerParts};
