//! End-to-end tests, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

// What the tests stand on.
#[path = "../broker/mod.rs"]
mod broker;
mod crowd;
mod monitor;
mod postgres;
mod replayed;
mod setup;
mod simulated;
mod stream;

// The tests, in alphabetical order.
mod broker_smoke;
mod chaos;
mod correlation;
mod demo;
mod determinism;
mod dropped_past;
mod evaluate_cli;
mod evidence;
mod explain_cli;
mod factor_reads;
mod flood;
mod goes_on;
mod golden;
mod honest_agency;
mod kafka_backtest;
mod kafka_broker_away;
mod kafka_budget;
mod kafka_cases;
mod kafka_cloudtrail;
mod kafka_config;
mod kafka_explain;
mod kafka_factor;
mod kafka_hostile;
mod kafka_learn;
mod kafka_lookups;
mod kafka_metrics;
mod kafka_native;
mod kafka_notify;
mod kafka_panels;
mod kafka_past;
mod kafka_peers;
mod kafka_reader;
mod kafka_reload;
mod kafka_restart;
mod kafka_rulings;
mod kafka_scale;
mod kafka_security;
mod kafka_shared;
mod kafka_silence;
mod kafka_work_items;
mod late_rules;
mod layers;
mod learn_cli;
mod learned;
mod one_incident;
mod pack_cost;
mod published_cases;
mod real_data;
mod replay_cli;
mod restart;
mod rule_modes;
mod rules_cli;
mod saved_state;
mod scenarios;
mod shared_subjects;
mod silence;
mod silences;
mod sink_troubles;
mod sinks;
mod store;
mod store_cases;
mod store_notices;
mod wild_clocks;
mod work_items;
