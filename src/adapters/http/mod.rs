//! The HTTP API, its live stream, health, metrics and the console's files.
//!
//! Comes in: requests, every parameter of which is checked. Goes out: JSON from the store, the
//! telemetry's figures, exports, server-sent events, the files of the console. It only reads: no
//! request changes anything. There is no login; it is meant for loopback or behind a proxy that
//! has one, and on loopback it refuses host names that are not this machine's.

mod connections;
mod console;
mod error;
mod findings;
mod guard;
mod health;
mod incidents;
mod metrics;
mod openapi;
mod parameters;
mod routes;
mod rules;
mod serve;
mod shapes;
mod state;
mod stats;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;

pub use serve::serve;
pub use state::HttpState;
