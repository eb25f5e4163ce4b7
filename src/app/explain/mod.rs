//! One finding made again from what it was made of, and held against what was recorded.
//!
//! `retrace` judges records as when they came, until the finding is there; `files` and `kafka`
//! bring the records, from log files or from what the input's partition retains; `differences`
//! says field by field whether it is the same; `shards` has all partitions at work, for what they
//! know of each other and what is counted across them. A chain is made of findings and not of records:
//! its input is what the findings topic retains.

mod differences;
mod files;
mod kafka;
mod retrace;
mod shards;

pub use differences::{Difference, differences};
pub use files::explain_files;
pub use kafka::{ExplainKafkaError, FromKafka, explain_kafka};
pub use retrace::{Retrace, Retraced, Seen};
