//! Decides. Events in, findings, incidents and timelines out.
//!
//! Pure: no clock, no I/O, no async, no locks. The same events in the same order give the
//! same findings with the same ids. It uses nothing above itself (`adapters`, `config`,
//! `app`, `cli`); `tests/it/layers.rs` holds it to that.

pub mod cases;
pub mod correlate;
pub mod decode;
pub mod detect;
pub mod enrich;
pub mod model;
pub mod shard;
pub mod terse;
pub mod timeline;
