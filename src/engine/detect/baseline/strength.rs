//! What the parts of an actor's day come to in a lane: what speaks for it, less what explains it.
//!
//! Parts are given by their rarity among actor-days, in decades, but for slow evidence, whose own
//! decades add up as evidence does. What is taken off says that something ordinary happened: a list
//! worked off at one go stands out in ten minutes and has its own lane, and in a busy time there is
//! more of everything. The weights are round figures near those a logistic regression over months
//! with known attacks gave, alike in each of them.

use super::lane::{Lane, Part};

/// A walk of a few ids is none, however seldom it is seen.
const WALK_MIN: f32 = 5.0;
/// Of a ten-minute stand-out without cases, what is taken off the hour's and what off the rest.
const BATCH_OFF_HOUR: f32 = 0.8;
const BATCH_OFF: f32 = 0.5;
/// A stand-out beyond this takes off no more: where few were seen, all that is unseen is as rare.
const BATCH_MAX: f32 = 2.5;
/// What the whole shift adds to its busiest hour.
const SHIFT_BESIDE_HOUR: f32 = 0.5;
/// What the share without a case adds to their number, and what all reads' drift takes off.
const SHARE_BESIDE_NUMBER: f32 = 0.7;
const DRIFT_OF_ALL_OFF: f32 = 0.35;
/// What an hour without cases adds to unusual hours, once they are unusual at all.
const HOUR_BESIDE_OFF_HOURS: f32 = 0.5;
const OFF_HOURS_MIN: f32 = 1.0;

/// One actor's day.
pub struct Shown<R, S> {
    /// How rare a part's score is.
    pub rarity: R,
    /// The score itself.
    pub score: S,
    pub is_newcomer: bool,
}

impl<R: Fn(Part) -> f32, S: Fn(Part) -> f32> Shown<R, S> {
    pub fn strength(&self, lane: Lane) -> f32 {
        let (rarity, score) = (&self.rarity, &self.score);
        let all = || rarity(Part::TenAll).max(rarity(Part::HourAll)).max(rarity(Part::DayAll));
        let ten = || rarity(Part::TenUnexplained);
        let batch = || ten().min(BATCH_MAX);
        let unexplained =
            || ten().max(rarity(Part::HourUnexplained)).max(rarity(Part::DayUnexplained));
        let strength = match lane {
            Lane::Fused => {
                let groups = [all(), unexplained(), rarity(Part::Novelty), rarity(Part::Sequence)];
                groups.iter().map(|rarity| (rarity - 1.0).max(0.0)).sum::<f32>()
                    - BATCH_OFF * batch()
            }
            Lane::Burst => rarity(Part::TenAll).max(ten()),
            Lane::Unexplained => {
                rarity(Part::HourUnexplained) + SHIFT_BESIDE_HOUR * rarity(Part::DayUnexplained)
                    - BATCH_OFF_HOUR * batch()
            }
            Lane::Novelty => rarity(Part::Novelty),
            Lane::Sequence if score(Part::Sequence) < WALK_MIN => 0.0,
            Lane::Sequence => {
                rarity(Part::Sequence) + rarity(Part::DayUnexplained) - BATCH_OFF * batch()
            }
            Lane::SlowAll => rarity(Part::SlowAll),
            Lane::SlowUnexplained => {
                score(Part::SlowUnexplained) + SHARE_BESIDE_NUMBER * score(Part::SlowShare)
                    - DRIFT_OF_ALL_OFF * score(Part::SlowAll)
            }
            Lane::OffHours => match rarity(Part::OffHours) {
                hours if hours < OFF_HOURS_MIN => hours,
                hours => hours + HOUR_BESIDE_OFF_HOURS * rarity(Part::HourUnexplained),
            },
            Lane::Newcomer if self.is_newcomer => all().max(unexplained()),
            Lane::Newcomer => 0.0,
        };
        strength.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(lane: Lane, is_newcomer: bool, shown: &[(Part, f32)]) -> f32 {
        let of = |part: Part| shown.iter().find(|(p, _)| *p == part).map_or(0.0, |(_, x)| *x);
        Shown { rarity: of, score: of, is_newcomer }.strength(lane)
    }

    #[test]
    fn a_list_worked_off_at_one_go_is_less_of_an_hour_than_two_hours_of_reading() {
        let of = |ten| {
            let shown = [(Part::TenUnexplained, ten), (Part::HourUnexplained, 3.0)];
            strength(Lane::Unexplained, false, &shown)
        };
        assert!(of(3.0) < 1.5 && of(0.5) > 2.0);
    }

    #[test]
    fn a_busy_time_takes_from_what_creeps_up_without_cases() {
        let of = |all| {
            let shown =
                [(Part::SlowUnexplained, 4.0), (Part::SlowShare, 1.0), (Part::SlowAll, all)];
            strength(Lane::SlowUnexplained, false, &shown)
        };
        assert!(of(0.0) > 4.5 && of(4.0) < 3.5);
    }

    #[test]
    fn who_has_been_there_for_long_is_no_newcomer() {
        let shown = [(Part::HourAll, 3.0)];
        assert_eq!(strength(Lane::Newcomer, true, &shown), 3.0);
        assert_eq!(strength(Lane::Newcomer, false, &shown), 0.0);
    }

    #[test]
    fn a_short_walk_is_none() {
        assert_eq!(strength(Lane::Sequence, false, &[(Part::Sequence, 4.0)]), 0.0);
    }
}
