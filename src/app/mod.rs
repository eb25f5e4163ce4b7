//! Wires: builds the engine from the configuration and runs it, on files or on Kafka.
//!
//! Uses everything below it; decides nothing about events. Reload and shutdown live here.

mod correlate;
pub mod demo;
mod engine_settings;
pub mod evaluate;
mod key;
pub mod replay;
mod run;

pub use engine_settings::{Loaded, SettingsError, load_settings};
pub use key::{KeyError, pseudonym_key};
pub use run::{Hooks, RunError, run};
