//! What an actor's reads usually are, and how surprising a read of another kind is.

use serde::{Deserialize, Serialize};

/// Kinds remembered of an actor; the slightest makes room.
const KINDS_MAX: usize = 16;
/// Reads of the role behind an actor's own. Source of the constants: DETECTORS section 4.
const ROLE_READS: f32 = 30.0;
const SURPRISE_FREE: f32 = 2.0;
const SURPRISE_MAX: f32 = 4.5;
/// Days a kind counts as young, after the actor's first days.
const YOUNG_DAYS: u16 = 10;
const FIRST_DAYS: u16 = 4;
/// 30 active days.
const SHIFT_KEEP: f32 = 0.967;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Habit {
    kind: u32,
    weight: f32,
    today: u16,
    born: u16,
}

/// Kinds of reads with decayed weights.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Habits {
    kinds: Vec<Habit>,
    total: f32,
    since: u16,
}

impl Habits {
    /// How surprising a read of `kind` is, 0 to 4.5 decades, and takes it into account for the day.
    pub fn take(&mut self, kind: u32, day: u16, role_share: f32) -> f32 {
        if self.since == 0 {
            self.since = day;
        }
        let place = match self.kinds.iter().position(|habit| habit.kind == kind) {
            Some(place) => place,
            None => self.make(kind, day),
        };
        let habit = &mut self.kinds[place];
        habit.today = habit.today.saturating_add(1);
        // Not young where it came with the actor.
        let early = habit.born < self.since + FIRST_DAYS;
        let age = if early { YOUNG_DAYS } else { day.saturating_sub(habit.born).min(YOUNG_DAYS) };
        let grown = f32::from(age) / f32::from(YOUNG_DAYS);
        let p =
            (habit.weight * grown.powi(3) + ROLE_READS * role_share) / (self.total + ROLE_READS);
        if place > 0 && self.kinds[place].weight > self.kinds[place - 1].weight {
            self.kinds.swap(place, place - 1);
        }
        // Two decades are free: above them no logarithm is asked.
        if p > 0.011 {
            return 0.0;
        }
        (-p.max(1e-9).log10() - SURPRISE_FREE).clamp(0.0, SURPRISE_MAX)
    }

    /// A shift ends: what was read becomes habit, a new kind slowly, and by `weight`. `each` is shown
    /// what was learned of each kind.
    pub fn close(&mut self, day: u16, weight: f32, mut each: impl FnMut(u32, f32)) {
        let settled = day >= self.since + FIRST_DAYS;
        let mut total = 0.0;
        for habit in &mut self.kinds {
            let most = if settled { 3.0 + 0.5 * habit.weight } else { 1e6 };
            let fresh = weight * f32::from(habit.today).min(most);
            if habit.today > 0 {
                each(habit.kind, fresh);
            }
            habit.weight = habit.weight * SHIFT_KEEP + fresh;
            habit.today = 0;
            total += habit.weight;
        }
        self.total = total;
    }

    /// The shift is not to be learned from. Kinds known from it alone make room.
    pub fn pass(&mut self) {
        self.kinds.retain(|habit| habit.weight > 0.0);
        self.kinds.iter_mut().for_each(|habit| habit.today = 0);
    }

    pub fn forget(&mut self, day: u16) {
        for habit in &mut self.kinds {
            habit.weight *= 0.05;
        }
        self.total *= 0.05;
        self.since = day;
    }

    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        self.kinds.first().map_or(0, |habit| u64::from(habit.kind))
    }

    pub fn heap_bytes(&self) -> usize {
        self.kinds.capacity() * size_of::<Habit>()
    }

    fn make(&mut self, kind: u32, day: u16) -> usize {
        let fresh = Habit { kind, born: day, ..Habit::default() };
        if self.kinds.len() < KINDS_MAX {
            self.kinds.push(fresh);
            return self.kinds.len() - 1;
        }
        let last = self.kinds.len() - 1;
        self.kinds[last] = fresh;
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worked(days: u16) -> Habits {
        let mut habits = Habits::default();
        for day in 100..100 + days {
            (0..100).for_each(|_| {
                let _ = habits.take(1, day, 0.9);
            });
            habits.close(day, 1.0, |_, _| {});
        }
        habits
    }

    #[test]
    fn what_nobody_of_the_role_reads_surprises_and_what_all_read_does_not() {
        let mut habits = worked(10);
        assert_eq!(habits.take(1, 110, 0.9), 0.0);
        assert!(habits.take(2, 110, 0.0) > 4.0);
        assert!(habits.take(3, 110, 0.3) < 0.5);
        assert!(Habits::default().take(4, 110, 0.3) == 0.0);
    }

    #[test]
    fn what_was_told_of_becomes_a_habit_more_slowly() {
        let surprise = |weight: f32| {
            let mut habits = worked(10);
            for _ in 0..40 {
                habits.take(2, 110, 0.0);
            }
            habits.close(110, weight, |_, _| {});
            habits.take(2, 117, 0.0)
        };
        assert!(surprise(0.2) > surprise(1.0) + 0.5, "{} {}", surprise(0.2), surprise(1.0));
    }

    #[test]
    fn a_trickle_does_not_become_a_habit_in_eight_days() {
        let mut habits = worked(10);
        for day in 110..118 {
            assert!(habits.take(2, day, 0.0) > 0.4, "{day}");
            habits.close(day, 1.0, |_, _| {});
        }
    }
}
