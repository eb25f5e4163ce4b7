//! What share of a role's reads is of each kind, and what share at each place.

use serde::{Deserialize, Serialize};

/// Kinds remembered; further ones have no share until others are forgotten.
const KINDS_MAX: usize = 512;

/// Decayed weights by kind, and the shares in force. The weight of a part (such as the reads that
/// carry a case) is kept beside the whole. A place has nothing but a part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shares {
    /// In the order of their marks.
    kinds: Vec<Kind>,
    total: f32,
    part: f32,
    part_share: f32,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Kind {
    mark: u32,
    weight: f32,
    part: f32,
    share: f32,
    part_share: f32,
}

/// What one of hundreds does every day is no surprise; decades that are free of what is.
const PLACE_PART_MAX: f32 = 20.0;
const PLACE_SHARE_MAX: f32 = 3e-4;
const PLACE_FREE: f32 = 2.5;

/// Pseudo-reads of the role's own share behind that of one kind.
const PART_SHRINK: f32 = 20.0;

impl Shares {
    pub fn add(&mut self, kind: u32, weight: f32, part: f32) {
        self.total += weight;
        self.part += part;
        let place = match self.place(kind) {
            Ok(place) => place,
            Err(_) if self.kinds.len() >= KINDS_MAX => return,
            Err(place) => {
                self.kinds.insert(
                    place,
                    Kind { mark: kind, part_share: self.part_share, ..Kind::default() },
                );
                place
            }
        };
        self.kinds[place].weight += weight;
        self.kinds[place].part += part;
    }

    fn place(&self, kind: u32) -> Result<usize, usize> {
        self.kinds.binary_search_by_key(&kind, |kind| kind.mark)
    }

    /// Of all reads, in force.
    pub fn share(&self, kind: u32) -> f32 {
        self.place(kind).map_or(0.0, |place| self.kinds[place].share)
    }

    /// Of all reads, those that were of the part; in force.
    pub fn part_of_all(&self) -> f32 {
        self.part_share
    }

    /// Of the kind's reads, those that were of the part.
    pub fn part_share(&self, kind: u32) -> f32 {
        self.place(kind).map_or(self.part_share, |place| self.kinds[place].part_share)
    }

    /// In decades, of a place with nothing but a part: what share of all such parts it has by now. None
    /// surprises while few are known, or more than are remembered; nor one that was come to some twenty
    /// times, or all would be told of on the first day of a new system.
    pub fn surprise_of_place(&self, place: u32) -> f32 {
        let part = self.place(place).map_or(0.0, |place| self.kinds[place].part);
        let share = part.max(1.0) / self.part.max(1.0);
        let is_used = part > PLACE_PART_MAX || share > PLACE_SHARE_MAX;
        if is_used || self.kinds.len() >= KINDS_MAX { 0.0 } else { -share.log10() - PLACE_FREE }
    }

    pub fn refresh(&mut self) {
        let total = self.total.max(1.0);
        self.part_share = self.part / total;
        for kind in &mut self.kinds {
            kind.share = kind.weight / total;
            kind.part_share =
                (kind.part + PART_SHRINK * self.part_share) / (kind.weight + PART_SHRINK);
        }
    }

    /// Adds `times` what another shard has counted; kinds beyond the cap are passed over.
    pub fn add_up(&mut self, more: &Self, times: f32) {
        self.total += times * more.total;
        self.part += times * more.part;
        for kind in &more.kinds {
            let place = match self.place(kind.mark) {
                Ok(place) => place,
                Err(_) if self.kinds.len() >= KINDS_MAX || times < 0.0 => continue,
                Err(place) => {
                    self.kinds.insert(place, Kind { mark: kind.mark, ..Kind::default() });
                    place
                }
            };
            let here = &mut self.kinds[place];
            here.weight = (here.weight + times * kind.weight).max(0.0);
            here.part = (here.part + times * kind.part).max(0.0);
        }
    }

    /// The weight of all kinds.
    pub fn total(&self) -> f32 {
        self.total
    }

    pub fn decay(&mut self, keep: f32) {
        self.total *= keep;
        self.part *= keep;
        self.kinds.retain_mut(|kind| {
            kind.weight *= keep;
            kind.part *= keep;
            kind.weight > 0.05 || kind.weight == 0.0 && kind.part > 0.05
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_force_only_after_they_were_derived() {
        let mut shares = Shares::default();
        (0..75).for_each(|_| shares.add(1, 1.0, 1.0));
        (0..25).for_each(|_| shares.add(2, 1.0, 0.0));
        assert_eq!(shares.share(1), 0.0);
        shares.refresh();
        assert!((shares.share(1) - 0.75).abs() < 1e-6);
        assert!(shares.part_share(1) > 0.9 && shares.part_share(2) < 0.4);
        assert!((shares.part_share(3) - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_place_surprises_where_next_to_nobody_is_and_weighs_nothing_among_kinds() {
        let mut shares = Shares::default();
        (0..1_000).for_each(|_| shares.add(1, 1.0, 0.0));
        (0..1_000).for_each(|_| shares.add(2, 0.0, 1.0));
        shares.refresh();
        assert_eq!(shares.surprise_of_place(9), 0.0, "too little is known");
        (0..99_000).for_each(|_| shares.add(2, 0.0, 1.0));
        shares.refresh();
        assert_eq!(shares.surprise_of_place(2), 0.0);
        for n in 0..30 {
            assert_eq!(shares.surprise_of_place(3) > 1.0, n <= 20, "{n}");
            shares.add(3, 0.0, 1.0);
        }
        assert_eq!(shares.share(1), 1.0);
        shares.decay(0.5);
        shares.refresh();
        assert_eq!(shares.surprise_of_place(2), 0.0);
    }
}
