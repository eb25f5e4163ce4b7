//! Which event ids were seen lately.

use std::hash::BuildHasher;

use hashbrown::HashSet;
use serde::Deserialize;

/// Two generations of ids, as 64-bit hashes under a seed that nobody outside knows. At least the
/// last `ids_max` ids are remembered, at most twice as many. Two different ids in a window collide
/// with probability `2 × ids_max / 2^64`.
pub struct Duplicates {
    current: Generation,
    previous: Generation,
    ids_max: usize,
}

/// Ids in one saved part.
const PART: usize = 2_048;

#[derive(Default)]
struct Generation {
    number: u32,
    ids: HashSet<u64, foldhash::fast::FixedState>,
    /// The ids in the order they came, for saving in parts.
    order: Vec<u64>,
    /// How many of them have been saved for good.
    saved: usize,
}

/// A part of a generation, as it is saved: the last one grows until it is full. Read as version 9
/// of the state wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IdPart {
    pub generation: u32,
    pub part: u32,
    pub hashes: Vec<u64>,
}

/// Hashes are as good as random: in whole words they take least, and one of each event is saved.
impl IdPart {
    pub fn write(&self, to: &mut Vec<u8>) {
        to.reserve(8 * (self.hashes.len() + 1));
        to.extend_from_slice(&self.generation.to_le_bytes());
        to.extend_from_slice(&self.part.to_le_bytes());
        for hash in &self.hashes {
            to.extend_from_slice(&hash.to_le_bytes());
        }
    }

    /// None where it is no such part.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks() else { return None };
        let (&[a, b, c, d, e, f, g, h], hashes) = words.split_first()?;
        let hashes = hashes.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (generation, part) =
            (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        Some(Self { generation, part, hashes })
    }
}

/// How much of the generations a save has handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdsSaving([(u32, usize); 2]);

impl Duplicates {
    pub fn new(ids_max: usize) -> Self {
        let current = Generation { number: 1, ..Generation::default() };
        Self { current, previous: Generation::default(), ids_max: ids_max.max(1) }
    }

    /// True where the id was seen before. `seed` must be the same for as long as what was saved
    /// is to be understood.
    pub fn is_repeat(&mut self, id: &str, seed: u64) -> bool {
        let hash = hash_of(id, seed);
        if self.previous.ids.contains(&hash) || !self.current.ids.insert(hash) {
            return true;
        }
        self.current.order.push(hash);
        if self.current.order.len() >= self.ids_max {
            std::mem::swap(&mut self.current, &mut self.previous);
            let number = self.previous.number.wrapping_add(1);
            self.current.ids.clear();
            self.current.order.clear();
            (self.current.number, self.current.saved) = (number, 0);
        }
        false
    }

    /// Whether the id was seen before, noting nothing.
    pub fn glance(&self, id: &str, seed: u64) -> bool {
        let hash = hash_of(id, seed);
        // Both are asked, whatever the one says: it is their memory that is wanted.
        self.previous.ids.contains(&hash) | self.current.ids.contains(&hash)
    }

    /// Number of the current generation: saved beside the parts, it says which of them count.
    pub fn generation(&self) -> u32 {
        self.current.number
    }

    /// Hands out the parts that have grown since the last save that arrived.
    pub fn save(&self, mut put: impl FnMut(IdPart)) -> IdsSaving {
        let generations = [&self.previous, &self.current];
        for generation in generations {
            let parts = generation.order.chunks(PART).zip(0..);
            for (hashes, part) in parts.skip(generation.saved / PART) {
                let full_and_saved = (part as usize + 1) * PART <= generation.saved;
                if !full_and_saved && generation.saved < generation.order.len() {
                    put(IdPart { generation: generation.number, part, hashes: hashes.to_vec() });
                }
            }
        }
        IdsSaving(generations.map(|generation| (generation.number, generation.order.len())))
    }

    /// That save has arrived.
    pub fn saved(&mut self, saving: IdsSaving) {
        for (number, length) in saving.0 {
            for generation in [&mut self.previous, &mut self.current] {
                if generation.number == number {
                    generation.saved = generation.saved.max(length);
                }
            }
        }
    }

    /// Takes parts back, of which only those of `generation` and the one before count.
    pub fn restore(&mut self, generation: u32, mut parts: Vec<IdPart>) {
        parts.sort_unstable_by_key(|part| part.part);
        self.current = Generation { number: generation, ..Generation::default() };
        let before = generation.wrapping_sub(1);
        self.previous = Generation { number: before, ..Generation::default() };
        for part in parts {
            for home in [&mut self.previous, &mut self.current] {
                if home.number == part.generation {
                    home.ids.extend(&part.hashes);
                    home.order.extend(&part.hashes);
                    home.saved = home.order.len();
                }
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let of = |g: &Generation| g.ids.capacity() * 9 + g.order.capacity() * size_of::<u64>();
        of(&self.current) + of(&self.previous)
    }
}

fn hash_of(id: &str, seed: u64) -> u64 {
    foldhash::fast::FixedState::with_seed(seed).hash_one(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_at_least_the_last_ids() {
        let mut duplicates = Duplicates::new(100);
        assert!((0..1_000).all(|i| !duplicates.is_repeat(&format!("e{i}"), 7)));
        assert!((900..1_000).all(|i| duplicates.is_repeat(&format!("e{i}"), 7)));
        assert!(!duplicates.is_repeat("e0", 7));
    }

    /// Saved every `every` ids, some saves coming to nothing; what is taken back remembers the
    /// same.
    fn check(ids_max: usize, ids: usize, every: usize) {
        let mut duplicates = Duplicates::new(ids_max);
        let mut kept = std::collections::BTreeMap::new();
        let mut generation = duplicates.generation();
        for i in 0..ids {
            duplicates.is_repeat(&format!("e{i}"), 7);
            let arrives = i % (3 * every) != 0 || i + every >= ids;
            if i % every == 0 || i + 1 == ids {
                let mut parts = Vec::new();
                let saving = duplicates.save(|part| parts.push(part));
                if arrives {
                    for part in parts {
                        let mut bytes = Vec::new();
                        part.write(&mut bytes);
                        assert_eq!(IdPart::from_bytes(&bytes).as_ref(), Some(&part));
                        assert_eq!(IdPart::from_bytes(&bytes[..bytes.len() - 1]), None);
                        kept.insert((part.generation % 2, part.part), part);
                    }
                    duplicates.saved(saving);
                    generation = duplicates.generation();
                }
            }
        }
        let mut restored = Duplicates::new(ids_max);
        restored.restore(generation, kept.into_values().collect());
        for i in (0..ids).rev() {
            let id = format!("e{i}");
            let seen = duplicates.previous.ids.len() + duplicates.current.ids.len();
            assert_eq!(restored.is_repeat(&id, 7), ids - i <= seen, "{id} of {ids}");
            if ids - i > seen {
                break;
            }
        }
    }

    #[test]
    fn what_is_taken_back_remembers_as_what_was_saved() {
        check(100, 50, 7);
        check(100, 1_234, 7);
        check(5_000, 23_456, 1_000);
        check(5_000, 23_456, 1);
        check(3, 40, 10);
    }

    #[test]
    fn hashes_stay_as_they_are_saved() {
        let mut duplicates = Duplicates::new(10);
        duplicates.is_repeat("01JQ7Y2E6W", 7);
        // Should this ever differ, saved hashes mean nothing any more: raise the state version.
        assert_eq!(duplicates.current.order, [9_610_280_849_073_970_568]);
    }
}
