//! Tidewaiter watches the reads of sensitive records and says when they look like a breach.
//!
//! The data's way, and the room each step lives in:
//!
//! 1. a record arrives from Kafka or a file          `adapters::{kafka, files}`
//! 2. bytes become an event                          `engine::decode`
//! 3. the event learns what it is about              `engine::enrich`
//! 4. detectors judge it                             `engine::detect`, driven by `engine::shard`
//! 5. findings become incidents                      `engine::correlate`
//! 6. incidents get their story                      `engine::timeline`
//! 7. people and machines are told                   `adapters::{store, publish, http}`

pub mod adapters;
pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod simulate;
