//! One rule over what was recorded: how often it would have fired, on whom, at what cost, and what
//! people had made of the same days.
//!
//! `trial` judges records with the rule and nothing else; `files` and `kafka` bring the records,
//! from log files or from what the input topics retain; `past` holds closed incidents against them.

mod files;
mod kafka;
mod past;
mod trial;

pub use files::backtest_files;
pub use kafka::backtest_kafka;
pub use past::{PastIncidents, closed_incidents};
pub use trial::{Backtest, Trial};
