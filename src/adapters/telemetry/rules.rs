//! What each rule did.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::cases::Feedback;
use super::exposition::Exposition;
use super::{OTHER, Telemetry};
use crate::engine::cases::Resolution;
use crate::engine::detect::{Exception, RuleCounts, Rules};
use crate::engine::model::EventTime;

/// Rules with metric series of their own; the rest are counted together. The list of the API has
/// them all.
const SERIES_RULES_MAX: usize = 200;

/// One loaded rule and what it did since the monitor started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleStats {
    pub id: String,
    pub title: String,
    /// `detection` or `correlation`.
    pub kind: &'static str,
    /// `informational` to `critical`.
    pub level: &'static str,
    pub status: &'static str,
    pub file: String,
    pub attack: Vec<String>,
    pub falsepositives: Vec<String>,
    /// What to do next.
    pub response: String,
    /// It counts, and tells nobody.
    pub shadow: bool,
    /// It only feeds correlations.
    pub silent: bool,
    /// Events its condition was held against; the prefilter passed over the others.
    pub evaluated: u64,
    pub matched: u64,
    pub findings: u64,
    /// Findings held back by exceptions.
    pub suppressed: u64,
    /// Findings it would have told, were it not in the shadow.
    pub shadow_findings: u64,
    /// Microseconds spent on it, estimated from one event in 64.
    pub spent_us: u64,
}

/// The rules in use, and what the exceptions are.
#[derive(Default)]
pub struct RuleFigures {
    /// In the order of loading; counts are kept apart, since they outlive a reload.
    loaded: Vec<RuleStats>,
    counts: BTreeMap<String, RuleCounts>,
    /// What incidents turned out to be, by the id of a rule that had a part in them.
    pub judged: BTreeMap<String, Feedback>,
    pub exceptions: Vec<Exception>,
    pub exceptions_expired: usize,
}

impl RuleFigures {
    fn load(&mut self, rules: &Rules) {
        let set = rules.set();
        let told = (0..set.rules().len() as u32).map(|index| set.tells(index));
        let fired = (0..set.correlations().len() as u32).map(|index| set.correlation_tells(index));
        let stats = |((rule, correlation, shadow), tells): ((&_, Option<&_>, bool), bool)| {
            let rule: &crate::engine::detect::rules::Rule = rule;
            let correlation: Option<&crate::engine::detect::rules::Correlation> = correlation;
            RuleStats {
                id: rule.id.clone(),
                title: rule.title.clone(),
                kind: if correlation.is_some() { "correlation" } else { "detection" },
                level: rule.level.name(),
                status: rule.status.map_or("", |status| status.name()),
                file: rule.file.to_string(),
                attack: rule.attack.clone(),
                falsepositives: rule.falsepositives.clone(),
                response: rule.response.clone(),
                shadow,
                silent: !tells,
                evaluated: 0,
                matched: 0,
                findings: 0,
                suppressed: 0,
                shadow_findings: 0,
                spent_us: 0,
            }
        };
        self.loaded = rules.all().zip(told.chain(fired)).map(stats).collect();
        let known: std::collections::BTreeSet<&str> =
            self.loaded.iter().map(|rule| rule.id.as_str()).collect();
        self.counts.retain(|id, _| known.contains(id.as_str()));
    }

    fn list(&self) -> Vec<RuleStats> {
        let counted = |rule: &RuleStats| {
            let counts = self.counts.get(&rule.id).copied().unwrap_or_default();
            RuleStats {
                evaluated: counts.evaluated,
                matched: counts.matched,
                findings: counts.findings,
                suppressed: counts.suppressed,
                shadow_findings: counts.shadow,
                spent_us: counts.spent_ns / 1_000,
                ..rule.clone()
            }
        };
        self.loaded.iter().map(counted).collect()
    }

    /// What is counted of each rule that has series of its own, and of all others together.
    fn series(&self) -> Vec<(&str, RuleCounts, Feedback)> {
        let of = |rule: &RuleStats| {
            let counts = self.counts.get(&rule.id).copied().unwrap_or_default();
            (counts, self.judged.get(&rule.id).copied().unwrap_or_default())
        };
        let own = self.loaded.iter().take(SERIES_RULES_MAX);
        let mut all: Vec<_> = own
            .map(|rule| {
                let (counts, judged) = of(rule);
                (rule.id.as_str(), counts, judged)
            })
            .collect();
        if let Some(others) = self.loaded.get(SERIES_RULES_MAX..).filter(|rest| !rest.is_empty()) {
            let mut rest = (RuleCounts::default(), Feedback::default());
            for (counts, judged) in others.iter().map(of) {
                rest.0.add(counts);
                rest.1.add(judged);
            }
            all.push((OTHER, rest.0, rest.1));
        }
        all
    }

    pub(super) fn render(&self, to: &mut Exposition) {
        let all = self.series();
        let mut family = to.counters(
            "tidewaiter_rule_events_total",
            "What each rule did: events looked at closely and matched; findings told, held back by exceptions, or kept in the shadow.",
        );
        all.iter().for_each(|(rule, counts, _)| put(&mut family, rule, *counts));
        let mut family = to.counters(
            "tidewaiter_rule_seconds_total",
            "Time spent on each rule, estimated from one event in 64.",
        );
        for (rule, counts, _) in &all {
            family.put(&[("rule", rule)], counts.spent_ns as f64 / 1e9);
        }
        let mut family = to.gauges(
            "tidewaiter_rule_feedback_incidents",
            "Resolved incidents a rule had a part in, by what they turned out to be.",
        );
        for (rule, _, judged) in &all {
            for (resolution, n) in Resolution::ALL.into_iter().zip(judged.incidents) {
                family.put(&[("rule", rule), ("resolution", resolution.name())], n as f64);
            }
        }
        to.gauges(
            "tidewaiter_rule_exceptions",
            "Exceptions of the file and of the API, by whether they hold.",
        )
        .put(
            &[("state", "holding")],
            self.exceptions.len().saturating_sub(self.exceptions_expired) as f64,
        )
        .put(&[("state", "expired")], self.exceptions_expired as f64);
    }
}

fn put(family: &mut super::exposition::Family<'_>, rule: &str, counts: RuleCounts) {
    for (outcome, n) in [
        ("evaluated", counts.evaluated),
        ("matched", counts.matched),
        ("finding", counts.findings),
        ("suppressed", counts.suppressed),
        ("shadow", counts.shadow),
    ] {
        family.put(&[("rule", rule), ("outcome", outcome)], n as f64);
    }
}

impl Telemetry {
    /// These rules are in use from now on; what the same ids did before stays counted.
    pub fn rules(&self, rules: &Rules, now: EventTime) {
        let mut figures = self.figures();
        figures.rules_loaded = rules.len() as u64;
        figures.rules.load(rules);
        figures.rules.exceptions = rules.exceptions().list().to_vec();
        figures.rules.exceptions_expired = rules.exceptions().expired(now).count();
    }

    pub fn rule_counts(&self, id: &str, counts: RuleCounts) {
        self.figures().rules.counts.entry(id.to_owned()).or_default().add(counts);
    }

    /// How many exceptions no longer hold.
    pub fn exceptions_expired(&self, n: usize) {
        self.figures().rules.exceptions_expired = n;
    }

    /// Exceptions in force in this process; where it detects, those of the API are among them.
    pub fn exceptions(&self) -> Vec<Exception> {
        self.figures().rules.exceptions.clone()
    }

    /// Every rule in use, in the order of loading.
    pub fn rule_list(&self) -> Vec<RuleStats> {
        self.figures().rules.list()
    }
}
