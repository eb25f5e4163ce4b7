//! Wires: builds the engine from the configuration and runs it, on files or on Kafka.
//!
//! Uses everything below it; decides nothing about events. Reload and shutdown live here.

mod backtest;
mod case_figures;
mod case_work;
mod correlate;
pub mod demo;
mod engine_settings;
pub mod evaluate;
mod explain;
mod keep;
mod key;
mod learn;
mod live;
mod open_store;
mod past;
mod readers;
mod readiness;
mod reload;
pub mod replay;
mod rule_records;
mod rulings;
mod run;
mod served;

pub use backtest::{
    Backtest, PastIncidents, Trial, backtest_files, backtest_kafka, closed_incidents,
};
pub use engine_settings::{
    Loaded, SettingsError, is_rule, load_dialect, load_regimes, load_settings, load_settings_with,
    read_rules, shipped_rules, shipped_tests, wrong_files,
};
pub use explain::{
    Difference, ExplainKafkaError, FromKafka, Retrace, Retraced, Seen, differences, explain_files,
    explain_kafka,
};
pub use key::{KeyError, has_pseudonym_key, key_for_files, pseudonym_key};
pub use learn::{LearnError, Learner, learn_files, learn_kafka, load_learned};
pub use live::Overrides;
pub use open_store::{OpenStoreError, open_store};
pub use rule_records::RawRecord;
pub use run::{Hooks, RunError, run, stop_on_signals};
