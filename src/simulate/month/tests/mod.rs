//! The month as a whole: what it promises, measured on small ones.

mod deeds;
mod honest;
mod stream;

use super::draft::Draft;
use super::{Month, MonthConfig};

/// Some 60,000 honest events of 300 accounts in nine days, and nothing else.
fn quiet() -> MonthConfig {
    MonthConfig {
        seed: 7,
        actors: 300,
        days: 9,
        scale: 0.15,
        kinds: Vec::new(),
        oddity_rounds: 0,
        ..MonthConfig::default()
    }
}

fn drafts(config: MonthConfig) -> Vec<Draft> {
    let mut month = Month::new(config).expect("valid");
    std::iter::from_fn(|| month.next_draft()).collect()
}

fn lines(config: MonthConfig) -> Vec<String> {
    let mut month = Month::new(config).expect("valid");
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while month.write_next(&mut line).is_some() {
        lines.push(String::from_utf8(std::mem::take(&mut line)).expect("UTF-8"));
    }
    lines
}
