//! What to simulate, and why a configuration was refused.

use crate::engine::model::EventTime;

use super::breach::BreachKind;

/// 2026-03-02T00:00:00Z, a Monday.
const START_MS: i64 = 1_772_409_600_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

const ACTORS_MIN: u32 = 50;
const ACTORS_MAX: u32 = 1_000_000;
const DURATION_MS_MIN: i64 = 10 * MINUTE_MS;
const DURATION_MS_MAX: i64 = 400 * DAY_MS;
const DURATION_MIN: &str = "10m";
const DURATION_MAX: &str = "400d";
/// Breaches' events are held in memory from the start: some 16 MB at this cap.
const BREACHES_MAX: usize = 200;

/// What goes wrong while the agency works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BreachChoice {
    #[default]
    None,
    /// One of each kind, in an order drawn from the seed.
    All,
    /// These, in this order. A kind may come again.
    Named(Vec<BreachKind>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulationConfig {
    /// The same configuration gives the same bytes.
    pub seed: u64,
    /// Accounts, those of services, partners and people who have left among them.
    pub actors: u32,
    pub start: EventTime,
    pub duration_ms: i64,
    pub breaches: BreachChoice,
    /// When the first breach begins, counted from `start`; a twentieth of the duration where it is
    /// not said. The others are spread over what remains.
    pub first_breach_after_ms: Option<i64>,
    /// Emit network flows.
    pub network: bool,
    /// Emit authentication events.
    pub auth: bool,
}

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            actors: 3_000,
            start: EventTime::MIN.plus_ms(START_MS - EventTime::MIN.millis()),
            duration_ms: DAY_MS,
            breaches: BreachChoice::None,
            first_breach_after_ms: None,
            network: true,
            auth: true,
        }
    }
}

impl SimulationConfig {
    /// A small agency's day in which the first breach begins within a fortieth of the time.
    pub fn demo(seed: u64) -> Self {
        use BreachKind::{
            BulkDump, CanaryTouch, Enumeration, LeaverReturn, NullActor, PinLookup,
            ProtectedSnooping, ReconChain, StolenService,
        };
        Self {
            seed,
            actors: 300,
            breaches: BreachChoice::Named(vec![
                BulkDump,
                ProtectedSnooping,
                Enumeration,
                StolenService,
                ReconChain,
                LeaverReturn,
                PinLookup,
                CanaryTouch,
                NullActor,
            ]),
            first_breach_after_ms: Some(20 * MINUTE_MS),
            ..Self::default()
        }
    }

    pub fn end(&self) -> EventTime {
        self.start.plus_ms(self.duration_ms)
    }

    pub(super) fn first_breach_ms(&self) -> i64 {
        self.first_breach_after_ms.unwrap_or(self.duration_ms / 20)
    }

    /// All that is wrong, each line naming what was asked for by its option, the value and what is
    /// allowed. Empty when all is well.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(ACTORS_MIN..=ACTORS_MAX).contains(&self.actors) {
            problems.push(format!(
                "--actors must be {ACTORS_MIN} to {ACTORS_MAX}, got {}",
                self.actors
            ));
        }
        if !(DURATION_MS_MIN..=DURATION_MS_MAX).contains(&self.duration_ms) {
            problems.push(format!(
                "--duration must be {DURATION_MIN} to {DURATION_MAX}, got {}",
                span(self.duration_ms)
            ));
        }
        let (year, ..) = self.start.civil();
        if !(1971..=9000).contains(&year) {
            problems.push(format!("--start must be in the years 1971 to 9000, got {}", self.start));
        }
        let latest = self.duration_ms.max(0) / 2;
        if let Some(first) = self.first_breach_after_ms
            && !(0..=latest).contains(&first)
        {
            problems.push(format!(
                "first_breach_after_ms must be 0 to {latest} (half the duration), \
                 got {first}"
            ));
        }
        if let BreachChoice::Named(kinds) = &self.breaches
            && kinds.len() > BREACHES_MAX
        {
            problems
                .push(format!("--breaches must name at most {BREACHES_MAX}, got {}", kinds.len()));
        }
        problems
    }
}

/// A duration as the option takes it.
fn span(ms: i64) -> String {
    match ms {
        ms if ms % DAY_MS == 0 => format!("{}d", ms / DAY_MS),
        ms if ms % MINUTE_MS == 0 => format!("{}m", ms / MINUTE_MS),
        ms => format!("{ms} ms"),
    }
}

/// Why a simulation could not be set up. Read by the person who asked for it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SimulationError {
    #[error("{}", problems.join("; "))]
    Config { problems: Vec<String> },
    #[error("breach `{name}` is unknown, choose from {known}")]
    UnknownBreach { name: String, known: String },
    #[error(
        "breach `{kind}` needs one more {role} than {actors} actors hold: raise --actors \
         or name it less often"
    )]
    NoActor { kind: &'static str, role: &'static str, actors: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fine_and_begin_on_a_monday() {
        assert_eq!(SimulationConfig::default().check(), Vec::<String>::new());
        assert_eq!(SimulationConfig::demo(3).check(), Vec::<String>::new());
        assert_eq!(SimulationConfig::default().start.to_string(), "2026-03-02T00:00:00.000Z");
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let config = SimulationConfig {
            actors: 3,
            duration_ms: -5,
            start: EventTime::MIN,
            breaches: BreachChoice::Named(vec![BreachKind::BulkDump; 201]),
            first_breach_after_ms: Some(60_000),
            ..SimulationConfig::default()
        };
        let problems = config.check();
        for key in ["--actors", "--duration", "--start", "first_breach_after_ms", "--breaches"] {
            let prefix = format!("{key} must ");
            assert!(problems.iter().any(|p| p.starts_with(&prefix)), "{key}: {problems:?}");
        }
        assert!(problems[0].ends_with("50 to 1000000, got 3"));
    }
}
