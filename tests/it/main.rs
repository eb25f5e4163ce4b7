//! End-to-end tests, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../broker/mod.rs"]
mod broker;
mod broker_smoke;

mod replayed;

mod correlation;
mod determinism;
mod golden;
mod layers;
mod real_data;
mod replay_cli;
mod restart;
mod scenarios;
