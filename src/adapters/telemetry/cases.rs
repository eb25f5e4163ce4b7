//! What people decided, and the clocks that run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::exposition::Exposition;
use super::{OTHER, Telemetry};
use crate::engine::cases::{Resolution, State};
use crate::engine::detect::DETECTOR_NAMES;

/// Regimes with series of their own; the rest share one.
const REGIMES_MAX: usize = 32;

/// Incidents that a detector or a rule had a part in, by what they turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// In the order of [`Resolution::ALL`].
    pub incidents: [u64; 4],
}

impl Feedback {
    pub(super) fn add(&mut self, more: Self) {
        self.incidents.iter_mut().zip(more.incidents).for_each(|(sum, n)| *sum += n);
    }

    /// True positives among what was judged; tests say nothing.
    pub fn precision(self) -> Option<f64> {
        let [confirmed, benign, wrong, _] = self.incidents;
        let judged = confirmed + benign + wrong;
        (judged > 0).then(|| confirmed as f64 / judged as f64)
    }
}

/// What the store says of all cases.
#[derive(Clone, Debug, Default)]
pub struct CaseNumbers {
    /// Open incidents by state, in the order of [`State::ALL`].
    pub by_state: [u64; 5],
    pub by_detector: BTreeMap<String, Feedback>,
    /// By the rule's id.
    pub by_rule: BTreeMap<String, Feedback>,
    /// Seconds left of the clock that runs out first, by regime.
    pub clocks: BTreeMap<String, i64>,
}

#[derive(Default)]
pub struct CaseFigures {
    suppressed: BTreeMap<&'static str, u64>,
    numbers: CaseNumbers,
}

impl CaseFigures {
    pub(super) fn render(&self, to: &mut Exposition) {
        let mut family = to.counters(
            "tidewaiter_findings_suppressed_total",
            "Findings of detectors held back by exceptions; those of rules are counted by rule.",
        );
        for detector in DETECTOR_NAMES {
            let n = self.suppressed.get(detector).copied().unwrap_or_default();
            family.put(&[("detector", detector)], n as f64);
        }
        let mut family = to.gauges("tidewaiter_cases", "Incidents people have acted on, by state.");
        for (state, n) in State::ALL.into_iter().zip(self.numbers.by_state) {
            family.put(&[("state", state.name())], n as f64);
        }
        let mut family = to.gauges(
            "tidewaiter_feedback_incidents",
            "Resolved incidents a detector had a part in, by what they turned out to be.",
        );
        for detector in DETECTOR_NAMES {
            let feedback = self.numbers.by_detector.get(detector).copied().unwrap_or_default();
            for (resolution, n) in Resolution::ALL.into_iter().zip(feedback.incidents) {
                let labels = [("detector", detector), ("resolution", resolution.name())];
                family.put(&labels, n as f64);
            }
        }
        let mut family = to.gauges(
            "tidewaiter_clock_seconds_left",
            "Of the clock that runs out first under a regime; below 0 it has run out. Infinite where none runs.",
        );
        if self.numbers.clocks.is_empty() {
            // A series that is always there tells that nothing runs from nobody counting.
            family.put(&[("regime", "none")], f64::INFINITY);
        }
        let mut shared: Option<i64> = None;
        for (place, (regime, &left)) in self.numbers.clocks.iter().enumerate() {
            if place < REGIMES_MAX {
                family.put(&[("regime", regime)], left as f64);
            } else {
                shared = Some(shared.map_or(left, |least| least.min(left)));
            }
        }
        if let Some(left) = shared {
            family.put(&[("regime", OTHER)], left as f64);
        }
    }
}

impl Telemetry {
    /// Findings held back, as the detectors' names.
    pub fn suppressed(&self, detectors: &[Cow<'static, str>]) {
        if detectors.is_empty() {
            return;
        }
        let mut figures = self.figures();
        for detector in detectors {
            if let Some(name) = DETECTOR_NAMES.into_iter().find(|name| name == detector) {
                *figures.cases.suppressed.entry(name).or_default() += 1;
            }
        }
    }

    /// What people decided so far, and the clocks that run.
    pub fn cases(&self, mut numbers: CaseNumbers) {
        let mut figures = self.figures();
        figures.rules.judged = std::mem::take(&mut numbers.by_rule);
        figures.cases.numbers = numbers;
    }

    /// Findings told since the start and findings held back, by detector.
    pub fn detector_counts(&self) -> Vec<(&'static str, u64, u64)> {
        let figures = self.figures();
        let held = |name: &str| figures.cases.suppressed.get(name).copied().unwrap_or_default();
        figures
            .findings()
            .filter(|(name, _)| *name != OTHER)
            .map(|(name, counts)| (name, counts.iter().sum(), held(name)))
            .collect()
    }
}
