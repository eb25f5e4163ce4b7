//! Streams months through the engine.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::adapters::secrets::Secret;
use crate::app::replay::{Replay, ReplayError};
use crate::app::{SettingsError, load_settings};
use crate::config::Config;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::model::Format;
use crate::engine::shard::Settings;
use crate::simulate::{Month, MonthConfig, SimulationError, attack_names};

use super::observe::Observer;
use super::report::{BudgetReport, Report};
use super::score::{MonthScore, score};

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Detector settings, catalogue and directory; its budget is set to each of `budgets` in turn.
    pub config: Config,
    pub budgets: Vec<f64>,
    pub seeds: Vec<u64>,
    /// Of every month but its seed.
    pub month: MonthConfig,
    /// Months run at a time.
    pub jobs: usize,
}

/// How far it has got, now and then.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub seed: u64,
    /// Since the last time.
    pub events: u64,
    /// Milliseconds of the month that have passed since the last time.
    pub passed_ms: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("the engine made {what} of {records} simulated records")]
    Refused { what: &'static str, records: u64 },
}

/// Events between two calls of `told`.
const TOLD_EVENTS: u64 = 65_536;

/// Simulated subjects need no secret; a fixed one gives the same tokens, and so the same report.
const KEY: &[u8] = b"a fixed key for simulated subjects";

/// The scores of one month at each budget, and its events.
type MonthResult = Result<(Vec<MonthScore>, u64), EvaluateError>;

/// Runs every month at every budget.
pub fn evaluate(
    evaluation: &Evaluation,
    told: &(dyn Fn(Told) + Sync),
) -> Result<Report, EvaluateError> {
    evaluation.month.check()?;
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<MonthResult>>> =
        evaluation.seeds.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..evaluation.jobs.clamp(1, evaluation.seeds.len().max(1)) {
            scope.spawn(|| {
                while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed))
                    && let (Some(&seed), Some(place)) = (evaluation.seeds.get(n), results.get(n))
                {
                    let result = month(evaluation, seed, told);
                    *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let mut events = 0;
    let mut scores: Vec<Vec<(u64, MonthScore)>> = vec![Vec::new(); evaluation.budgets.len()];
    for (&seed, place) in evaluation.seeds.iter().zip(results) {
        let result = place.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(result) = result else { continue };
        let (months, seen) = result?;
        events += seen;
        scores.iter_mut().zip(months).for_each(|(to, month)| to.push((seed, month)));
    }
    let month = &evaluation.month;
    let kinds: Vec<&str> =
        attack_names().filter(|name| month.kinds.iter().any(|kind| kind == name)).collect();
    let budgets = evaluation
        .budgets
        .iter()
        .zip(&scores)
        .map(|(&budget, months)| BudgetReport::of(budget, &kinds, month.actors, months))
        .collect();
    Ok(Report {
        seeds: evaluation.seeds.clone(),
        actors: month.actors,
        days: month.days,
        scale: month.scale,
        cases: month.cases,
        attack_case_share: month.attack_case_share,
        lost_case_share: month.lost_case_share,
        events,
        budgets,
    })
}

/// One engine at one budget.
struct Lane {
    settings: Settings,
    replay: Replay,
    observer: Observer,
}

fn month(evaluation: &Evaluation, seed: u64, told: &(dyn Fn(Told) + Sync)) -> MonthResult {
    let mut month = Month::new(MonthConfig { seed, ..evaluation.month.clone() })?;
    let mut lanes = evaluation
        .budgets
        .iter()
        .map(|&budget| lane(&evaluation.config, budget, &month))
        .collect::<Result<Vec<_>, EvaluateError>>()?;
    let mut line = Vec::with_capacity(1_024);
    let mut events = 0_u64;
    let mut last = evaluation.month.start;
    while let Some(event) = month.write_next(&mut line) {
        events += 1;
        for lane in &mut lanes {
            lane.observer.event(&event);
            lane.replay.take(0, events, &line, &lane.settings, &mut lane.observer)?;
        }
        line.clear();
        if events.is_multiple_of(TOLD_EVENTS) {
            told(Told { seed, events: TOLD_EVENTS, passed_ms: event.time.since(last) });
            last = event.time;
        }
    }
    let truth = month.into_truth();
    let mut scores = Vec::with_capacity(lanes.len());
    for lane in &mut lanes {
        lane.replay.end(&lane.settings, &mut lane.observer)?;
        let summary = &lane.replay.summary;
        for (what, records) in [
            ("nothing", summary.rejected),
            ("duplicates", summary.duplicate),
            ("late", summary.late),
        ] {
            if records > 0 {
                return Err(EvaluateError::Refused { what, records });
            }
        }
        scores.push(score(&truth, &lane.observer.observed));
    }
    let passed_ms = evaluation.month.start.plus_ms(i64::from(evaluation.month.days) * 86_400_000);
    told(Told { seed, events: events % TOLD_EVENTS, passed_ms: passed_ms.since(last) });
    Ok((scores, events))
}

fn lane(config: &Config, budget: f64, month: &Month) -> Result<Lane, EvaluateError> {
    let mut config = config.clone();
    config.detect.budget_per_1000_actors_day = budget;
    let (settings, _) = load_settings(&config, &Secret::new(KEY.to_vec()))?;
    let stream = ("month".to_owned(), Decoder::new(Expected::Only(Format::Native)));
    let mut replay = Replay::new(vec![stream], &config.shard(), config.correlate.clone());
    replay.measure();
    Ok(Lane { settings, replay, observer: Observer::new(month.truth()) })
}
