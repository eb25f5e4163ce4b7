//! The simulation from outside: what it emits, read back from the wire.

mod breaches;
mod contract;
mod days;

use std::sync::OnceLock;

use serde_json::Value;

use super::{BreachChoice, Simulated, Simulation, SimulationConfig};

const HOUR_MS: i64 = 3_600_000;

/// One event as its reader sees it.
struct Line {
    text: String,
    json: Value,
    key: String,
    at_ms: i64,
    breach: Option<u16>,
}

impl Line {
    fn text_at(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    fn number_at(&self, pointer: &str) -> u64 {
        self.json.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }

    fn is(&self, kind: &str) -> bool {
        self.text_at("/kind") == kind
    }

    fn subjects(&self) -> Vec<&str> {
        match self.json.pointer("/resource/subjects").and_then(Value::as_array) {
            Some(many) => many.iter().filter_map(Value::as_str).collect(),
            None => {
                self.json.pointer("/resource/subject").and_then(Value::as_str).into_iter().collect()
            }
        }
    }
}

fn config(actors: u32, hours: i64) -> SimulationConfig {
    SimulationConfig { actors, duration_ms: hours * HOUR_MS, ..SimulationConfig::default() }
}

fn with_breaches(actors: u32, hours: i64) -> SimulationConfig {
    SimulationConfig { breaches: BreachChoice::All, ..config(actors, hours) }
}

/// A day with every breach in it, which several tests look at from their own side.
fn day() -> &'static (Simulation, Vec<Line>) {
    static DAY: OnceLock<(Simulation, Vec<Line>)> = OnceLock::new();
    DAY.get_or_init(|| run(with_breaches(150, 24)))
}

fn run(config: SimulationConfig) -> (Simulation, Vec<Line>) {
    run_only(config, |_| true)
}

/// Reads back the events that are wanted.
fn run_only(
    config: SimulationConfig,
    wanted: impl Fn(&Simulated) -> bool,
) -> (Simulation, Vec<Line>) {
    let mut simulation = Simulation::new(config).expect("valid");
    let mut lines = Vec::new();
    let mut text = Vec::new();
    for event in simulation.by_ref().filter(wanted) {
        text.clear();
        event.write_json(&mut text);
        let text = String::from_utf8(text.clone()).expect("utf-8");
        let json = serde_json::from_str(&text).expect("json");
        lines.push(Line {
            text,
            json,
            key: event.key.clone(),
            at_ms: event.time.millis(),
            breach: event.breach,
        });
    }
    (simulation, lines)
}
