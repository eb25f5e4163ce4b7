//! Months added up, kind by kind. `evaluate --json` writes it as it stands.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calibration::{ByRole, Calibration};
use super::score::MonthScore;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub seeds: Vec<u64>,
    pub actors: u32,
    pub days: u32,
    pub scale: f64,
    /// False where no event carried a case.
    pub cases: bool,
    pub attack_case_share: f64,
    pub lost_case_share: f64,
    /// Of all months.
    pub events: u64,
    pub budgets: Vec<BudgetReport>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BudgetReport {
    /// False incidents per 1,000 actors and day that were asked for.
    pub budget: f64,
    pub kinds: Vec<KindReport>,
    /// Mean of the kinds' shares found, 0 to 1.
    pub recall_mean: f64,
    pub false_incidents: FalseRate,
    /// How often such an incident was told of again on another day, per 1,000 actors and day.
    pub false_again: f64,
    /// The same over all months by what opened them: a detector, or a rule's id.
    pub false_by: Vec<DetectorCount>,
    /// Incidents that reached medium, on anybody.
    pub incidents: u64,
    pub findings_on_honest: Vec<DetectorCount>,
    pub oddities: u64,
    pub oddities_quiet: u64,
    /// Those that were not: `seed/name`.
    pub oddities_loud: Vec<String>,
    /// None where no honest window of the second half has ended.
    pub calibration: Option<Vec<Calibration>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindReport {
    pub kind: &'static str,
    pub attacks: u64,
    pub found: u64,
    /// From the first read to the alert, of those found.
    pub delay_s_p50: Option<f64>,
    pub delay_s_p90: Option<f64>,
    /// Rows returned by then, of those found.
    pub records_p50: Option<u64>,
}

/// Per 1,000 actors and day, over the second half of the months.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FalseRate {
    pub mean: f64,
    pub worst_day: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DetectorCount {
    pub detector: String,
    pub findings: u64,
}

impl BudgetReport {
    /// `kinds` in the order they are to be shown; `months` with their seeds.
    pub fn of(
        budget: f64,
        kinds: &[&'static str],
        actors: u32,
        months: &[(u64, MonthScore)],
    ) -> Self {
        let kinds: Vec<KindReport> = kinds
            .iter()
            .map(|kind| KindReport::of(kind, months))
            .filter(|k| k.attacks > 0)
            .collect();
        let shares = kinds.iter().map(|kind| kind.found as f64 / kind.attacks as f64);
        let recall_mean = shares.sum::<f64>() / kinds.len().max(1) as f64;
        let sum = |of: fn(&MonthScore) -> usize| months.iter().map(|(_, m)| of(m) as u64).sum();
        let mut calibration = ByRole::default();
        months.iter().for_each(|(_, month)| calibration.join(&month.calibration));
        let oddities: u64 = sum(|month| month.oddities);
        let loud: Vec<String> = months
            .iter()
            .flat_map(|(seed, month)| month.loud.iter().map(move |name| format!("{seed}/{name}")))
            .collect();
        Self {
            budget,
            recall_mean,
            false_incidents: FalseRate::of(actors, months),
            false_again: again(actors, months),
            false_by: by_detector(months, |month| &month.false_by),
            incidents: sum(|month| month.incidents),
            findings_on_honest: by_detector(months, |month| &month.findings),
            oddities,
            oddities_quiet: oddities - loud.len() as u64,
            oddities_loud: loud,
            calibration: Some(calibration.rows()).filter(|rows| !rows.is_empty()),
            kinds,
        }
    }
}

fn again(actors: u32, months: &[(u64, MonthScore)]) -> f64 {
    let days: usize = months.iter().map(|(_, month)| month.false_by_day.len()).sum();
    let told: u32 = months.iter().map(|(_, month)| month.false_again).sum();
    f64::from(told) * 1_000.0 / (f64::from(actors.max(1)) * days.max(1) as f64)
}

fn by_detector(
    months: &[(u64, MonthScore)],
    of: fn(&MonthScore) -> &BTreeMap<String, u64>,
) -> Vec<DetectorCount> {
    let mut sums = BTreeMap::<&String, u64>::new();
    for (detector, count) in months.iter().flat_map(|(_, month)| of(month)) {
        *sums.entry(detector).or_default() += count;
    }
    let counts = sums.into_iter();
    counts.map(|(name, findings)| DetectorCount { detector: name.clone(), findings }).collect()
}

impl KindReport {
    fn of(kind: &'static str, months: &[(u64, MonthScore)]) -> Self {
        let outcomes: Vec<_> =
            months.iter().filter_map(|(_, month)| month.outcomes.get(kind)).flatten().collect();
        let mut delays: Vec<i64> = outcomes.iter().filter_map(|o| o.delay_ms).collect();
        let found = outcomes.iter().filter(|outcome| outcome.delay_ms.is_some());
        let mut records: Vec<u64> = found.map(|outcome| outcome.records).collect();
        delays.sort_unstable();
        records.sort_unstable();
        let seconds = |ms: i64| ms as f64 / 1e3;
        Self {
            kind,
            attacks: outcomes.len() as u64,
            found: delays.len() as u64,
            delay_s_p50: quantile(&delays, 0.5).map(seconds),
            delay_s_p90: quantile(&delays, 0.9).map(seconds),
            records_p50: quantile(&records, 0.5),
        }
    }
}

impl FalseRate {
    fn of(actors: u32, months: &[(u64, MonthScore)]) -> Self {
        let days: Vec<f64> = months
            .iter()
            .flat_map(|(_, month)| &month.false_by_day)
            .map(|&count| f64::from(count) * 1_000.0 / f64::from(actors.max(1)))
            .collect();
        Self {
            mean: days.iter().sum::<f64>() / days.len().max(1) as f64,
            worst_day: days.iter().copied().fold(0.0, f64::max),
        }
    }
}

/// The lower one where it falls between two. `sorted` ascending.
fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).floor() as usize).copied()
}
