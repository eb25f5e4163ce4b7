//! What the monitor says of itself: metrics, latency, logs, its own memory.
//!
//! Counts come in once a batch; no label ever names a person.

mod process;

pub use process::{peak_rss_bytes, rss_bytes};
