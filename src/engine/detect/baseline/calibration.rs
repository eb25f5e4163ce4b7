//! How the alert budget is being held: one shard's figures, which add up.

use super::figures::Version;
use super::lane::{LANES, Lane};
use super::peers::Peers;

/// Thresholds and alerts of one or of several shards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Shards that have judged an actor's read.
    pub shards: u32,
    /// Of them, those whose thresholds follow the budget; the others are still learning.
    pub learned: u32,
    /// Budgets in force, the lowest and the highest.
    pub budgets: Option<(f64, f64)>,
    /// Actor-days remembered: what lies twelve days back counts a third.
    pub actor_days: f64,
    /// Of them, those on which a learned detector alerted, breaches among them.
    pub alerted: f64,
    /// Other shards whose figures count here, the fewest and the most.
    pub others: Option<(f64, f64)>,
    /// The turn that is decided on, in days since 1970, and how many others' figures of the day
    /// before will count from then on; of the shard that has the least.
    pub decided: Option<(u16, u32)>,
    /// Rulings in force, in the shard that has most: accounts of confirmed breaches, and of incidents
    /// that were dismissed.
    pub rulings: [u32; 2],
    lanes: [LaneSums; LANES],
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct LaneSums {
    told: f64,
    /// Of learned shards: threshold times actor-days, and actor-days.
    weighed: (f64, f64),
    least_and_most: Option<(f64, f64)>,
}

/// A lane as it stands. Thresholds are `-log10` of the share of actor-days that reach them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneView {
    pub lane: &'static str,
    /// Mean over shards, weighed by actor-days; none while all are learning.
    pub threshold: Option<f64>,
    pub threshold_least: Option<f64>,
    pub threshold_most: Option<f64>,
    /// Alerts it told, per 1,000 actor-days.
    pub realised: Option<f64>,
}

impl Calibration {
    pub(super) fn of(peers: &Peers) -> Self {
        let (budget, lanes) = (peers.budget(), &peers.lanes);
        if budget <= 0.0 {
            return Self::default();
        }
        let learned = lanes.is_learned();
        // What is others' is counted there.
        let others = &peers.shared.in_force.figures;
        let days = f64::from(peers.own_actor_days());
        let own = |all: f32, others: f32| f64::from((all - others).max(0.0));
        let of = |lane: Lane| {
            let threshold = f64::from(lanes.common_threshold(lane));
            LaneSums {
                told: own(lanes.told_by(lane), others.told[lane as usize]),
                weighed: if learned { (threshold * days, days) } else { (0.0, 0.0) },
                least_and_most: learned.then_some((threshold, threshold)),
            }
        };
        let (in_force, next) = peers.versions();
        let counted = in_force.of.len() as f64;
        let fresh = |next: &Version| next.of.iter().filter(|of| of.2 + 1 == next.from).count();
        Self {
            shards: 1,
            others: Some((counted, counted)),
            decided: Some(next.map_or((0, 0), |next| (next.from, fresh(next) as u32))),
            rulings: peers.rulings.counts(),
            learned: u32::from(learned),
            budgets: Some((budget, budget)),
            actor_days: days,
            alerted: own(lanes.alerted(), others.alerted),
            lanes: Lane::ALL.map(of),
        }
    }

    /// Actor-days alerted on per 1,000; none before a day has ended.
    pub fn realised(&self) -> Option<f64> {
        self.per_thousand(self.alerted)
    }

    pub fn lanes(&self) -> [LaneView; LANES] {
        Lane::ALL.map(|lane| {
            let sums = &self.lanes[lane as usize];
            let (sum, days) = sums.weighed;
            LaneView {
                lane: lane.name(),
                threshold: (days > 0.0).then(|| sum / days),
                threshold_least: sums.least_and_most.map(|(least, _)| least),
                threshold_most: sums.least_and_most.map(|(_, most)| most),
                realised: self.per_thousand(sums.told),
            }
        })
    }

    fn per_thousand(&self, alerts: f64) -> Option<f64> {
        (self.actor_days >= 1.0).then(|| alerts * 1_000.0 / self.actor_days)
    }
}

impl std::ops::Add for Calibration {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self.shards += more.shards;
        self.learned += more.learned;
        self.budgets = widest(self.budgets, more.budgets);
        self.others = widest(self.others, more.others);
        self.decided = match (self.decided, more.decided) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for (most, more) in self.rulings.iter_mut().zip(more.rulings) {
            *most = more.max(*most);
        }
        self.actor_days += more.actor_days;
        self.alerted += more.alerted;
        for (sums, more) in self.lanes.iter_mut().zip(&more.lanes) {
            sums.told += more.told;
            sums.weighed.0 += more.weighed.0;
            sums.weighed.1 += more.weighed.1;
            sums.least_and_most = widest(sums.least_and_most, more.least_and_most);
        }
        self
    }
}

fn widest(one: Option<(f64, f64)>, other: Option<(f64, f64)>) -> Option<(f64, f64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::baseline::actor_day::ActorDay;
    use crate::engine::detect::baseline::lane::Part;

    const BUCKETS_A_DAY: u32 = 144;

    /// A shard that has seen `days` days of `actors` actors at a budget of 5, one of them loud.
    fn shard(days: u32, actors: u32) -> Peers {
        shard_with(days, actors, |_| None)
    }

    /// The same where on a day three actors score that much.
    fn shard_with(days: u32, actors: u32, loud: impl Fn(u32) -> Option<f32>) -> Peers {
        let mut peers = Peers::default();
        for day in 1..=days {
            peers.advance(day * BUCKETS_A_DAY, 5.0);
            for actor in 0..actors {
                let mut today = ActorDay::default();
                peers.lanes.begin(&mut today, day as u16, 0, true);
                let ordinary = -((actor as f32 + 0.5) / actors as f32).log10();
                let score = loud(day).filter(|_| actor < 3).unwrap_or(ordinary);
                peers.lanes.raise(&mut today, Part::TenAll, score);
            }
        }
        peers
    }

    fn burst(calibration: &Calibration) -> LaneView {
        calibration.lanes()[Lane::Burst as usize]
    }

    #[test]
    fn a_budget_that_changes_moves_the_thresholds_at_the_next_ten_minutes() {
        let mut peers = shard(10, 8_000);
        let at = |peers: &Peers| burst(&peers.calibration()).threshold.expect("learned");
        let before = at(&peers);
        peers.advance(10 * BUCKETS_A_DAY, 1.0);
        assert_eq!((at(&peers), peers.budget()), (before, 5.0), "the same ten minutes");
        peers.advance(10 * BUCKETS_A_DAY + 1, 1.0);
        let stricter = at(&peers);
        assert!((0.4..=1.2).contains(&(stricter - before)), "{before} {stricter}");
        assert_eq!(peers.budget(), 1.0);
        peers.advance(10 * BUCKETS_A_DAY + 2, 5.0);
        assert_eq!(at(&peers), before, "and back, from the same past");
    }

    #[test]
    fn what_stood_out_while_little_was_known_does_not_hold_the_threshold_up() {
        // Each day's are rarer than anything that was known before.
        let rising = |day: u32| (day < 8).then_some(2.0 * day as f32);
        let is_told = |loud: fn(u32) -> Option<f32>, score| {
            let mut peers = shard_with(16, 2_000, loud);
            let mut today = ActorDay::default();
            peers.lanes.begin(&mut today, 16, 0, true);
            peers.lanes.raise(&mut today, Part::TenAll, score);
            peers.lanes.verdict(&today, Lane::Burst).1
        };
        assert!(is_told(|_| None, 4.5) && is_told(rising, 4.5));
        assert!(!is_told(|_| None, 2.5) && !is_told(rising, 2.5));
    }

    #[test]
    fn one_that_learns_has_no_threshold_and_one_that_saw_nothing_counts_nowhere() {
        let learning = shard(3, 2_000).calibration();
        assert_eq!((learning.shards, learning.learned), (1, 0));
        assert_eq!(burst(&learning).threshold, None);
        let both = learning + shard(10, 2_000).calibration() + Peers::default().calibration();
        assert_eq!((both.shards, both.learned, both.budgets), (2, 1, Some((5.0, 5.0))));
        let alone = burst(&shard(10, 2_000).calibration());
        assert_eq!(burst(&both).threshold, alone.threshold);
    }

    #[test]
    fn alerts_are_told_by_thousand_actor_days() {
        let mut peers = shard(10, 2_000);
        let mut today = ActorDay::default();
        peers.lanes.begin(&mut today, 10, 0, true);
        peers.lanes.told(&mut today, Lane::Burst, 0.1, true);
        peers.advance(11 * BUCKETS_A_DAY, 5.0);
        let calibration = peers.calibration();
        let wanted = 1_000.0 / calibration.actor_days;
        assert_eq!(calibration.realised(), Some(wanted));
        assert_eq!(burst(&calibration).realised, Some(wanted));
        let twice = calibration + calibration;
        assert_eq!(twice.realised(), Some(wanted), "a rate does not add up");
    }
}
