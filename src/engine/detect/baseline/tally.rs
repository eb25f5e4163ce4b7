//! A lane for what is counted across actors: so many alerts a day, and a threshold that keeps to it.

use serde::{Deserialize, Serialize};

use super::scores::{STEPS, score_of, step_of};

/// Highest scores by key and day, decayed, and the score that only `allowed` keys a day reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    today: Vec<i32>,
    past: Vec<f32>,
    days: f32,
    /// Keys above the threshold, decayed.
    told: f32,
    turns: u16,
    threshold: f32,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            today: vec![0; STEPS],
            past: vec![0.0; STEPS],
            days: 0.0,
            told: 0.0,
            turns: 0,
            threshold: f32::MAX,
        }
    }
}

const KEEP: f32 = 0.92;
/// First turns that are forgotten.
const BLIND_TURNS: u16 = 4;
/// So far above the threshold, a score says nothing of honest work.
const BEYOND_DOUBT: f32 = 4.0;

/// The step of whatever is stronger than the scale has room for.
const SCALE_END: usize = STEPS - 1;
const SEVERAL: f32 = 3.0;

/// Times what is allowed that may go off before it is all learned from.
const EXCESS_LET_PASS: f32 = 3.0;

impl Tally {
    /// A key's highest score of the day, `from` what it was; true where it is above the threshold now.
    pub fn rise(&mut self, from: f32, to: f32) -> bool {
        let (from, to_step) = (step_of(from), step_of(to));
        if to_step > from {
            self.today[usize::from(from)] -= 1;
            self.today[usize::from(to_step)] += 1;
        }
        to >= self.threshold
    }

    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// A day ends. `least` is what is asked for however quiet the past, in decades; before seven days
    /// are known nothing is told.
    pub fn turn(&mut self, allowed_a_day: f32, least: f32) {
        let told =
            self.today.iter().enumerate().filter(|(s, _)| score_of(*s as u16) >= self.threshold);
        self.told = self.told * KEEP + told.map(|(_, &keys)| keys.max(0)).sum::<i32>() as f32;
        // What goes off day after day is ordinary, however strong.
        let rare = self.told <= EXCESS_LET_PASS * allowed_a_day * self.days;
        let known = self.turns > 7 && rare;
        let doubtless = if known { self.threshold + BEYOND_DOUBT } else { f32::MAX };
        self.turns = self.turns.saturating_add(1);
        self.days = if self.turns <= BLIND_TURNS { 1.0 } else { self.days * KEEP + 1.0 };
        // On the first days everything is new.
        let keep = if self.turns <= BLIND_TURNS { 0.0 } else { KEEP };
        for (step, (past, today)) in self.past.iter_mut().zip(&mut self.today).enumerate() {
            let counts = score_of(step as u16) < doubtless;
            *past = *past * keep + if counts { (*today).max(0) as f32 } else { 0.0 };
            *today = 0;
        }
        if self.turns < 7 {
            return;
        }
        let mut above = 0.0;
        let mut step = SCALE_END;
        while step > 1 {
            above += self.past[step];
            if above > allowed_a_day * self.days {
                break;
            }
            step -= 1;
        }
        // At the scale's end there is no telling one from another, where there are several.
        self.threshold = match step {
            SCALE_END if above >= SEVERAL => f32::MAX,
            _ => (score_of(step as u16) + 0.05).max(least),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_scale_day_after_day_is_not_told() {
        let mut tally = Tally::default();
        for day in 0..14 {
            let told = [31.0, 45.0, 90.0].map(|score| tally.rise(0.0, score));
            assert!(day < 7 || told == [false; 3], "{day}");
            tally.turn(0.2, 4.0);
        }
        let mut seldom = Tally::default();
        for day in 0..40 {
            let is_loud = day % 9 == 8;
            let is_told = seldom.rise(0.0, if is_loud { 45.0 } else { 3.0 });
            assert_eq!(is_told, is_loud, "{day}");
            seldom.turn(0.02, 4.0);
        }
    }

    #[test]
    fn the_threshold_lets_so_many_a_day_through() {
        let mut tally = Tally::default();
        for _ in 0..14 {
            // Ten keys a day, one at each of 1 to 10 decades.
            (1..=10).for_each(|score| {
                let _ = tally.rise(0.0, score as f32);
            });
            tally.turn(2.0, 4.0);
        }
        assert!((8.0..9.1).contains(&tally.threshold()), "{}", tally.threshold());
    }
}
