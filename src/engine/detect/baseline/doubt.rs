//! Who stays out of the past although nobody is told of them.
//!
//! A breach that nobody is told of teaches that it is ordinary. At a small budget these are most
//! of them: thresholds come to stand among them, and the next ones go untold as well. So whoever is plainly
//! above where a lane's threshold would be at an ordinary budget is left out, whatever the budget. The lanes
//! that know batches and lists are not asked: their honest tails are heavy, and would be cut off too.
//!
//! Breaches are few. What a lane leaves out more often than that is how people work, and is to be
//! learned: else it would be told of for ever.

use serde::{Deserialize, Serialize};

use super::actor_day::ActorDay;
use super::lane::{LANES, Lane, threshold};
use super::lanes::{Lanes, PROPORTIONATE};
use super::scores::{Scores, score_of};

/// Decades beyond that threshold.
const PLAINLY: f32 = 0.3;

/// A strength of each lane, and how rare it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubts([(f32, f32); LANES]);

impl Default for Doubts {
    fn default() -> Self {
        Self([(f32::MAX, f32::MAX); LANES])
    }
}

impl Doubts {
    fn of(lanes: &[Scores], share: impl Fn(Lane) -> f64) -> Self {
        let mut doubts = Self::default();
        for lane in Lane::ALL {
            let strength = threshold(lane, share(lane), lanes);
            let rarity = super::lanes::rarity(lane, strength, lanes);
            doubts.0[lane as usize] = (strength, rarity);
        }
        doubts
    }

    fn exceeds(&self, lane: Lane, strength: f32, rarity: impl FnOnce() -> f32) -> bool {
        let (at, at_rarity) = self.0[lane as usize];
        strength > at && rarity() > at_rarity + PLAINLY
    }
}

/// The part of the actor-days that a lane of weight one leaves out at most; of those that know batches
/// and lists, since most kinds of breaches are told of by them.
const APART_MAX: f32 = 0.002;
const APART_OF_BATCHES_MAX: f32 = 0.004;
/// Of no fewer actor-days.
const APART_OF: f32 = 300.0;

/// Actor-days left out, by lane, and how many there were.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Apart {
    today: [u32; LANES],
    past: [f32; LANES],
    days: f32,
}

impl Apart {
    pub fn turn(&mut self, keep: f32, actor_days: f32) {
        self.days = self.days * keep + actor_days;
        for (past, today) in self.past.iter_mut().zip(&mut self.today) {
            *past = *past * keep + *today as f32;
            *today = 0;
        }
    }

    fn has_room(&self, lane: Lane, actor_days_today: f32) -> bool {
        let left_out = self.past[lane as usize] + self.today[lane as usize] as f32;
        let of = (self.days + actor_days_today).max(APART_OF);
        let most = if lane.is_of_batches() { APART_OF_BATCHES_MAX } else { APART_MAX };
        left_out < most * lane.weight() as f32 * of
    }
}

impl Lanes {
    /// Leaves the actor's day out of the past, on the lane's word.
    pub(super) fn leave_out(&mut self, actor: &mut ActorDay, lane: Lane) {
        if self.counts(actor) && self.may_leave_out(lane) {
            self.apart.today[lane as usize] += 1;
            self.set_apart(actor);
        }
    }

    fn may_leave_out(&self, lane: Lane) -> bool {
        self.apart.has_room(lane, self.actor_days_today())
    }

    /// Follows from the past, as the ranks do.
    pub(super) fn set_doubts(&mut self) {
        let shares = Lane::ALL.map(|lane| self.share(lane, PROPORTIONATE));
        let share = |lane: Lane| shares[lane as usize];
        self.doubts = Doubts::of(&self.lanes, share);
        for book in self.roles.iter_mut() {
            book.doubts = Doubts::of(&book.lanes, share);
        }
    }

    /// Leaves the actor's day out of the past where it is doubtful.
    pub fn doubt(&mut self, actor: &mut ActorDay) {
        if !self.counts(actor) || !self.is_learned() {
            return;
        }
        let book = self.roles.get(usize::from(actor.role));
        let is_doubtful = |lane: Lane| {
            let own = book.filter(|_| lane.is_by_role());
            let strength = score_of(actor.lanes[lane as usize]);
            let doubts = own.map_or(&self.doubts, |book| &book.doubts);
            doubts.exceeds(lane, strength, || self.rarity(actor, lane))
        };
        let asked = |lane: Lane| !lane.is_of_batches() && self.speaks(lane);
        let doubtful = Lane::ALL
            .into_iter()
            .find(|&lane| asked(lane) && is_doubtful(lane) && self.may_leave_out(lane));
        if let Some(lane) = doubtful {
            self.leave_out(actor, lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::Part;
    use super::*;

    const HONEST: u32 = 4_000;

    /// After days of so many honest actors, and from the eleventh on of `breaches` whose reads are of
    /// wholly new kinds, at a budget so small that nobody is told of any.
    fn after(breaches: u32, asked: bool) -> Lanes {
        let mut lanes = Lanes::default();
        for day in 20_000..20_026 {
            lanes.turn(day, 1.0, true);
            let breaches = if day < 20_010 { 0 } else { breaches };
            for n in 0..HONEST + breaches {
                let mut actor = ActorDay::default();
                lanes.begin(&mut actor, day, 0, true);
                let honest = -((n as f32 + 0.5) / HONEST as f32).log10();
                lanes.raise(&mut actor, Part::Novelty, if n < HONEST { honest } else { 7.0 });
                if asked {
                    lanes.doubt(&mut actor);
                }
            }
        }
        lanes
    }

    #[test]
    fn breaches_that_nobody_is_told_of_do_not_become_ordinary() {
        let threshold =
            |asked: bool| after(3, asked).threshold_rarity(&ActorDay::default(), Lane::Novelty);
        let (asked, unasked) = (threshold(true), threshold(false));
        assert!(asked < 4.5 && unasked > 6.0, "{asked} {unasked}");
    }

    #[test]
    fn what_is_left_out_too_often_is_learned() {
        // Twenty of 4,000 a day read wholly new kinds: no agency has so many breaches.
        let lanes = after(20, true);
        let threshold = lanes.threshold_rarity(&ActorDay::default(), Lane::Novelty);
        assert!(threshold > 6.0, "{threshold} {:?}", lanes.apart);
        let left_out = 1.0 - lanes.actor_days() / after(20, false).actor_days();
        assert!((0.001..0.0025).contains(&left_out), "{left_out}");
    }

    #[test]
    fn honest_work_stays_in_the_past() {
        let (asked, unasked) = (after(0, true).actor_days(), after(0, false).actor_days());
        assert!(asked > 0.999 * unasked && asked < unasked, "{asked} {unasked}");
    }
}
