//! The alert budget, and how it is being held.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Telemetry;
use super::exposition::Exposition;
use crate::engine::detect::baseline::{Calibration, LaneView};

/// Budget and thresholds of the partitions at hand. Rates are over a memory in which what lies
/// twelve days back counts a third, and count breaches too: they are what false incidents cannot
/// exceed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BudgetStats {
    /// Alerts per 1,000 actors and day that this process asks for: the API's or the configuration's.
    pub per_1000_actors_day: f64,
    /// The lowest and the highest in force: a change takes effect at the next ten minutes of event
    /// time. Null where nothing was judged yet.
    pub in_force_least: Option<f64>,
    pub in_force_most: Option<f64>,
    /// Actor-days on which a learned detector alerted, per 1,000; null before a day has ended.
    pub realised: Option<f64>,
    /// Actor-days remembered.
    pub actor_days: f64,
    /// Partitions whose thresholds follow the budget, and those that are still learning.
    pub partitions_learned: u32,
    pub partitions_learning: u32,
    pub lanes: Vec<LaneStats>,
}

/// What actors are alerted on by. Thresholds are `-log10` of the share of actor-days that reach
/// them; null while all partitions are learning.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LaneStats {
    pub lane: &'static str,
    /// Mean over partitions, by their actor-days.
    pub threshold: Option<f64>,
    pub threshold_least: Option<f64>,
    pub threshold_most: Option<f64>,
    /// Alerts it told, per 1,000 actor-days.
    pub realised: Option<f64>,
}

impl From<LaneView> for LaneStats {
    fn from(view: LaneView) -> Self {
        let LaneView { lane, threshold, threshold_least, threshold_most, realised } = view;
        Self { lane, threshold, threshold_least, threshold_most, realised }
    }
}

#[derive(Default)]
pub struct BudgetFigures {
    asked: f64,
    by_worker: BTreeMap<usize, Calibration>,
}

impl BudgetFigures {
    fn all(&self) -> Calibration {
        self.by_worker.values().fold(Calibration::default(), |sum, more| sum + *more)
    }

    pub(super) fn stats(&self) -> BudgetStats {
        let all = self.all();
        BudgetStats {
            per_1000_actors_day: self.asked,
            in_force_least: all.budgets.map(|(least, _)| least),
            in_force_most: all.budgets.map(|(_, most)| most),
            realised: all.realised(),
            actor_days: all.actor_days,
            partitions_learned: all.learned,
            partitions_learning: all.shards - all.learned,
            lanes: all.lanes().map(LaneStats::from).to_vec(),
        }
    }

    pub(super) fn render(&self, to: &mut Exposition) {
        self.render_others(to);
        self.render_rulings(to);
        let stats = self.stats();
        let mut family = to.gauges(
            "tidewaiter_alert_budget",
            "Alerts per 1,000 actors and day: as asked for, and the lowest and highest in force.",
        );
        family.put(&[("of", "asked")], stats.per_1000_actors_day);
        for (of, value) in
            [("in_force_least", stats.in_force_least), ("in_force_most", stats.in_force_most)]
        {
            family.put(&[("of", of)], value.unwrap_or(f64::NAN));
        }
        to.gauges(
            "tidewaiter_alerts_realised",
            "Actor-days on which a learned detector alerted, per 1,000; breaches count too.",
        )
        .put(&[], stats.realised.unwrap_or(f64::NAN));
        to.gauges(
            "tidewaiter_calibration_actor_days",
            "Actor-days remembered, on which thresholds and realised rates rest.",
        )
        .put(&[], stats.actor_days);
        to.gauges(
            "tidewaiter_calibration_partitions",
            "Partitions whose thresholds follow the budget, and those still learning.",
        )
        .put(&[("state", "learned")], f64::from(stats.partitions_learned))
        .put(&[("state", "learning")], f64::from(stats.partitions_learning));
        let mut family = to
            .gauges("tidewaiter_lane_alerts_realised", "Alerts a lane told, per 1,000 actor-days.");
        for lane in &stats.lanes {
            family.put(&[("lane", lane.lane)], lane.realised.unwrap_or(f64::NAN));
        }
        let mut family = to.gauges(
            "tidewaiter_lane_threshold",
            "-log10 of the share of actor-days above which a lane alerts, over partitions.",
        );
        for lane in &stats.lanes {
            for (of, value) in [
                ("least", lane.threshold_least),
                ("mean", lane.threshold),
                ("most", lane.threshold_most),
            ] {
                family.put(&[("lane", lane.lane), ("of", of)], value.unwrap_or(f64::NAN));
            }
        }
    }
}

impl BudgetFigures {
    fn render_rulings(&self, to: &mut Exposition) {
        let [confirmed, dismissed] = self.all().rulings.map(f64::from);
        to.gauges(
            "tidewaiter_rulings",
            "Accounts of resolved incidents, as the detectors that learn have it in force: of confirmed breaches, and of what was dismissed.",
        )
        .put(&[("of", "confirmed")], confirmed)
        .put(&[("of", "dismissed")], dismissed);
    }

    /// What partitions know of each other.
    fn render_others(&self, to: &mut Exposition) {
        let all = self.all();
        let decided = all.decided.map(|(day, others)| (f64::from(day), f64::from(others)));
        let mut family = to.gauges(
            "tidewaiter_peers_partitions",
            "Other partitions whose actors count in a partition's thresholds and peers: now, the fewest and the most; and at the next turn of a day, those up to date.",
        );
        for (of, value) in [
            ("in_force_least", all.others.map(|(least, _)| least)),
            ("in_force_most", all.others.map(|(_, most)| most)),
            ("decided_least", decided.map(|(_, others)| others)),
        ] {
            family.put(&[("of", of)], value.unwrap_or(f64::NAN));
        }
        to.gauges(
            "tidewaiter_peers_decided_day",
            "Days since 1970 to the turn for which the partition that is furthest behind has decided what counts of others; 0 where it has not.",
        )
        .put(&[], decided.map_or(f64::NAN, |(day, _)| day));
    }
}

impl Telemetry {
    /// The budget the settings ask for.
    pub fn budget(&self, asked: f64) {
        self.figures().budget.asked = asked;
    }

    /// Calibration summed over the shards of one worker.
    pub fn calibration(&self, worker: usize, calibration: Calibration) {
        self.figures().budget.by_worker.insert(worker, calibration);
    }
}
