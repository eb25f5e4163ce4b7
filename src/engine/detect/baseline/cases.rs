//! Which reads a case explains: not those under a case cited for too much.

use serde::{Deserialize, Serialize};

use super::residuals::Residuals;

const SLOTS: usize = 4;
/// Subjects one actor may read under a case whatever the role's habit.
const SUBJECTS_MIN: u16 = 25;
/// The same before the role's habit is known.
const SUBJECTS_UNKNOWN: u16 = 80;
/// A case explains up to so many times the subjects of one that only this share of shifts has. Without
/// that room the largest honest batches, two shifts of a thousand, would be what is known of reads
/// without a case.
const SHIFTS_WITH_LARGER: f32 = 0.002;
const ROOM: f32 = 2.0;
/// Where the logarithms of sizes are put within the ranks' range.
const MIDDLE: f32 = 2.0;

/// The cases an actor cited last, and how many subjects were read under each.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cases {
    slots: [(u32, u16); SLOTS],
    /// Of this shift.
    largest: u16,
}

impl Cases {
    /// True where the case explains a read of so many more subjects. `sizes` are the role's shifts by the largest
    /// case of each: a batch of hundreds under one ticket is ordinary where batches are.
    pub fn explains(&mut self, case: u32, subjects: f32, sizes: &Residuals) -> bool {
        match self.slots.iter().position(|slot| slot.0 == case) {
            Some(place) => self.slots[..=place].rotate_right(1),
            None => {
                self.slots.rotate_right(1);
                self.slots[0] = (case, 0);
            }
        }
        let size = self.slots[0].1.saturating_add(subjects as u16);
        self.slots[0].1 = size;
        self.largest = self.largest.max(size);
        if size <= SUBJECTS_MIN {
            return true;
        }
        let like = (f32::from(size) / ROOM).ln() - MIDDLE;
        match sizes.at_least(like) {
            None => size <= SUBJECTS_UNKNOWN,
            // Of few shifts each is more than that share.
            Some(share) => share > SHIFTS_WITH_LARGER && sizes.has_reached(like),
        }
    }

    /// A shift ends: what it taught of how large cases are. Cases that go on count anew.
    pub fn end_shift(&mut self, sizes: Option<&mut Residuals>) {
        if let Some(sizes) = sizes.filter(|_| self.largest > 0) {
            sizes.add(f32::from(self.largest).ln() - MIDDLE);
        }
        self.largest = 0;
        self.slots.iter_mut().for_each(|slot| slot.1 = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of 2,000 reads under one case are explained, in a role whose shifts' largest cases
    /// are `sizes`.
    fn explained(sizes: impl Iterator<Item = u32>) -> usize {
        let mut role = Residuals::default();
        for size in sizes {
            let mut cases = Cases::default();
            (0..size).for_each(|_| {
                let _ = cases.explains(1, 1.0, &role);
            });
            cases.end_shift(Some(&mut role));
        }
        role.turn(0.95);
        let mut cases = Cases::default();
        (0..2_000).filter(|_| cases.explains(7_777, 1.0, &role)).count()
    }

    #[test]
    fn a_case_cited_for_everything_explains_nothing() {
        let few = explained((0..1_000).map(|_| 5));
        assert!((25..40).contains(&few), "{few}");
    }

    #[test]
    fn where_few_work_one_case_explains_no_theft() {
        let few = explained((0..60).map(|_| 20));
        assert!((35..50).contains(&few), "{few}");
    }

    #[test]
    fn a_ticket_for_a_batch_explains_it_where_batches_are_usual() {
        let many = explained((0..1_000).map(|i| if i % 25 == 0 { 300 } else { 5 }));
        assert!((560..800).contains(&many), "{many}");
    }

    #[test]
    fn before_the_role_is_known_a_case_explains_eighty() {
        assert_eq!(explained(std::iter::empty()), 80);
    }
}
