//! Which event ids were seen lately.

use std::hash::BuildHasher;

use hashbrown::HashSet;

/// Two generations of ids, as 64-bit hashes under the process's own seed. At least the last
/// `ids_max` ids are remembered, at most twice as many. Two different ids in a window collide
/// with probability `2 × ids_max / 2^64`.
pub struct Duplicates {
    current: HashSet<u64, foldhash::fast::FixedState>,
    previous: HashSet<u64, foldhash::fast::FixedState>,
    hasher: foldhash::fast::RandomState,
    ids_max: usize,
}

impl Duplicates {
    pub fn new(ids_max: usize) -> Self {
        Self {
            current: HashSet::default(),
            previous: HashSet::default(),
            hasher: foldhash::fast::RandomState::default(),
            ids_max: ids_max.max(1),
        }
    }

    /// True where the id was seen before.
    pub fn is_repeat(&mut self, id: &str) -> bool {
        let hash = self.hasher.hash_one(id);
        if self.previous.contains(&hash) || !self.current.insert(hash) {
            return true;
        }
        if self.current.len() >= self.ids_max {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.current.clear();
        }
        false
    }

    pub fn bytes(&self) -> usize {
        (self.current.capacity() + self.previous.capacity()) * 9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_at_least_the_last_ids() {
        let mut duplicates = Duplicates::new(100);
        assert!((0..1_000).all(|i| !duplicates.is_repeat(&format!("e{i}"))));
        assert!((900..1_000).all(|i| duplicates.is_repeat(&format!("e{i}"))));
        assert!(!duplicates.is_repeat("e0"));
    }
}
