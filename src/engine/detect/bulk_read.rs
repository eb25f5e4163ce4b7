//! Too much read in too short a time, by records, distinct subjects or bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged, score_for_ratio};
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::ActorState;
use super::window::{Span, Totals, Windows};
use crate::engine::model::{Finding, Problems, Window};

/// How much one actor may read within 10 min, 1 h and 1 day. 0 sets no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Distinct subjects.
    pub subjects: [u64; 3],
    /// Rows returned.
    pub records: [u64; 3],
    pub bytes: [u64; 3],
}

/// `[detect.bulk_read]`: limits by role. Reads of T0 data count nowhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BulkReadConfig {
    pub mode: Mode,
    /// For people whose role is not named.
    pub default: Limits,
    /// For service accounts whose role is not named.
    pub service: Limits,
    /// T3 data alone (biometrics, watch lists, secrets, release PINs), whatever the role.
    pub sensitive: Limits,
    /// T3 data alone, for service accounts.
    pub sensitive_service: Limits,
    pub roles: BTreeMap<String, Limits>,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for BulkReadConfig {
    fn default() -> Self {
        Self {
            mode: Mode::UntilLearned,
            default: Limits {
                subjects: [150, 400, 1_500],
                records: [2_000, 6_000, 20_000],
                bytes: [200 * MIB, 500 * MIB, 2 * GIB],
            },
            service: Limits {
                subjects: [6_000, 30_000, 500_000],
                records: [20_000, 100_000, 2_000_000],
                bytes: [GIB, 5 * GIB, 100 * GIB],
            },
            sensitive: Limits {
                subjects: [18, 120, 500],
                records: [40, 300, 1_500],
                bytes: [50 * MIB, 200 * MIB, GIB],
            },
            sensitive_service: Limits {
                subjects: [3_000, 15_000, 250_000],
                records: [10_000, 50_000, 1_000_000],
                bytes: [GIB, 5 * GIB, 100 * GIB],
            },
            roles: BTreeMap::new(),
        }
    }
}

impl BulkReadConfig {
    pub fn check(&self, problems: &mut Problems) {
        let named = [
            ("default", &self.default),
            ("service", &self.service),
            ("sensitive", &self.sensitive),
            ("sensitive_service", &self.sensitive_service),
        ];
        let roles = self.roles.iter().map(|(role, limits)| (format!("roles.{role}"), limits));
        for (name, limits) in named.into_iter().map(|(n, l)| (n.to_owned(), l)).chain(roles) {
            for (measure, values) in [
                ("subjects", limits.subjects),
                ("records", limits.records),
                ("bytes", limits.bytes),
            ] {
                let set: Vec<u64> = values.into_iter().filter(|&v| v > 0).collect();
                problems.require(
                    set.is_sorted(),
                    &format!("detect.bulk_read.{name}.{measure}"),
                    || format!("limits for 10 min, 1 h and 1 day must not fall, got {values:?}"),
                );
            }
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
pub struct BulkState {
    all: Option<Box<Class>>,
    sensitive: Option<Box<Class>>,
}

/// Windows over one class of reads, and what was already told of them.
#[derive(Default, Serialize, Deserialize)]
struct Class {
    windows: Windows,
    told: [[Ladder; 3]; 3],
}

impl BulkState {
    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.all.as_ref().map_or(0, |class| class.windows.glance())
    }

    pub fn glance_behind(&self, subject: u64) -> u64 {
        self.all.as_ref().map_or(0, |class| class.windows.glance_behind(subject))
    }

    pub fn heap_bytes(&self) -> usize {
        [&self.all, &self.sensitive]
            .into_iter()
            .flatten()
            .map(|class| size_of::<Class>() + class.windows.heap_bytes())
            .sum()
    }
}

pub struct BulkRead {
    config: BulkReadConfig,
}

impl BulkRead {
    pub const NAME: &str = "bulk_read";

    pub fn new(config: BulkReadConfig) -> Self {
        Self { config }
    }

    fn limits(&self, judged: &Judged<'_>) -> &Limits {
        use crate::engine::model::ActorType;
        match (self.config.roles.get(judged.facts.role), judged.facts.actor_type) {
            (Some(limits), _) => limits,
            (None, ActorType::Service) => &self.config.service,
            (None, _) => &self.config.default,
        }
    }

    fn sensitive_limits(&self, judged: &Judged<'_>) -> &Limits {
        use crate::engine::model::ActorType;
        match judged.facts.actor_type {
            ActorType::Service => &self.config.sensitive_service,
            _ => &self.config.sensitive,
        }
    }
}

impl Detector<ActorState> for BulkRead {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut ActorState, findings: &mut Vec<Finding>) {
        if !judged.is_disclosure() || judged.facts.tier == 0 {
            return;
        }
        let all = state.bulk.all.get_or_insert_default();
        let mut worst = all.take(judged, self.limits(judged), "");
        if judged.facts.tier >= 3 {
            let sensitive = state.bulk.sensitive.get_or_insert_default();
            let crossing = sensitive.take(judged, self.sensitive_limits(judged), "T3 ");
            if crossing
                .as_ref()
                .is_some_and(|c| worst.as_ref().is_none_or(|w| c.ratio() > w.ratio()))
            {
                worst = crossing;
            }
        }
        findings.extend(worst.map(|crossing| crossing.finding(judged)));
    }
}

/// The limit that was exceeded by most.
struct Crossing {
    span: Span,
    measure: usize,
    observed: u64,
    limit: u64,
    totals: Totals,
    exact: bool,
    class: &'static str,
}

const MEASURES: [&str; 3] = ["subjects", "records", "bytes"];

impl Class {
    fn take(
        &mut self,
        judged: &Judged<'_>,
        limits: &Limits,
        class: &'static str,
    ) -> Option<Crossing> {
        let event = judged.event;
        self.windows.add(judged.at, !judged.late, event.records, event.bytes, &judged.facts.tokens);
        let mut worst: Option<Crossing> = None;
        for (i, span) in Span::ALL.into_iter().enumerate() {
            let totals = self.windows.totals(span);
            let measured = [
                (totals.subjects, limits.subjects[i]),
                (totals.records, limits.records[i]),
                (totals.bytes, limits.bytes[i]),
            ];
            for (measure, (observed, limit)) in measured.into_iter().enumerate() {
                if self.told[i][measure].climb(observed, limit) {
                    let exact = measure != 0 || self.windows.is_exact();
                    let crossing =
                        Crossing { span, measure, observed, limit, totals, exact, class };
                    if worst.as_ref().is_none_or(|w| crossing.ratio() > w.ratio()) {
                        worst = Some(crossing);
                    }
                }
            }
        }
        worst
    }
}

impl Crossing {
    fn ratio(&self) -> f64 {
        self.observed as f64 / self.limit as f64
    }

    fn finding(self, judged: &Judged<'_>) -> Finding {
        let tier_points = [0, 0, 6, 15][usize::from(judged.facts.tier.min(3))];
        let score = score_for_ratio(42 + tier_points, self.observed, self.limit);
        let unit = MEASURES[self.measure];
        let why = format!(
            "{}{} {}{} read in {}; the limit for this {} is {} ({:.1} times), last from `{}`",
            if self.exact { "" } else { "about " },
            self.observed,
            self.class,
            if self.measure == 0 { "distinct subjects" } else { unit },
            self.span.words(),
            judged.role_words(),
            self.limit,
            self.ratio(),
            judged.facts.dataset,
        );
        let mut finding = judged.finding(BulkRead::NAME, unit, score, why);
        finding.window = Window { start: judged.at.minus_ms(self.span.millis()), end: judged.at };
        finding.observed = self.observed as f64;
        finding.expected = self.limit as f64;
        finding.unit = unit.into();
        finding.subjects = self.totals.subjects;
        finding.records = self.totals.records;
        finding.bytes = self.totals.bytes;
        finding.attack = vec!["T1213.006".into()];
        if judged.facts.category == "secret" {
            finding.attack = vec!["T1555.006".into()];
        }
        finding
    }
}
