//! Touches the outside. One folder an outside system.
//!
//! Adapters use the engine's public types and each other's only where one serves the other
//! (telemetry, the store). They decide nothing about events.

pub mod files;
pub mod http;
pub mod kafka;
pub mod notify;
pub mod publish;
pub mod secrets;
pub mod store;
pub mod telemetry;
