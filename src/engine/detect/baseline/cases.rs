//! Which reads a case explains: not those under a case cited for too much.

use serde::{Deserialize, Serialize};

use super::peers::Sizes;

const SLOTS: usize = 4;
/// Subjects one actor may read under a case whatever the role's habit.
const SUBJECTS_MIN: f32 = 25.0;
/// The same before the role's habit is known.
const SUBJECTS_UNKNOWN: f32 = 80.0;

/// The cases an actor cited last, and how many subjects were read under each.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cases {
    slots: [(u32, u16); SLOTS],
}

impl Cases {
    /// True where the case explains one more read. A case that is forgotten for want of room
    /// teaches the role how large cases are.
    pub fn explains(&mut self, case: u32, sizes: &mut Sizes) -> bool {
        match self.slots.iter().position(|slot| slot.0 == case) {
            Some(place) => self.slots[..=place].rotate_right(1),
            None => {
                let oldest = self.slots[SLOTS - 1];
                if oldest.0 != 0 {
                    sizes.add(f32::from(oldest.1));
                }
                self.slots.rotate_right(1);
                self.slots[0] = (case, 0);
            }
        }
        self.slots[0].1 = self.slots[0].1.saturating_add(1);
        f32::from(self.slots[0].1)
            <= sizes.largest().map_or(SUBJECTS_UNKNOWN, |l| l.max(SUBJECTS_MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_cited_for_everything_explains_nothing() {
        let (mut cases, mut sizes) = (Cases::default(), Sizes::default());
        for case in 1..200 {
            (0..5).for_each(|_| assert!(cases.explains(case, &mut sizes)));
        }
        let explained = (0..300).filter(|_| cases.explains(7_777, &mut sizes)).count();
        assert!((25..60).contains(&explained), "{explained}");
    }
}
