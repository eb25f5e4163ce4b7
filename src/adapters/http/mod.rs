//! The HTTP API, its live stream, health, metrics and the console's files.
//!
//! Comes in: requests, every parameter of which is checked. Goes out: JSON from the store, the
//! telemetry's figures, exports, server-sent events, the files of the console. What the engine
//! computes it only reads; what people do it adds, each act dated and attributed, and only through
//! `Posted`, which refuses what a page from elsewhere sends. There is no login; it is meant for loopback or behind a proxy that
//! has one, and on loopback it refuses host names that are not this machine's.

mod acts;
mod budget;
mod case_shapes;
mod clocks;
mod connections;
mod console;
mod detectors;
mod error;
mod exceptions;
mod findings;
mod guard;
mod health;
mod incidents;
mod me;
mod metrics;
mod openapi;
mod parameters;
mod past;
mod posted;
mod report;
mod routes;
mod rules;
mod serve;
mod shapes;
mod silence_shapes;
mod silences;
mod state;
mod stats;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;

pub use past::{Past, Remembered, Rereader, Wanted};
pub use posted::Trust;
pub use serve::serve;
pub use state::{HttpSettings, HttpState};
