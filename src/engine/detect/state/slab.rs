//! Rows that grow without moving.

use std::ops::{Index, IndexMut};

/// Rows of a chunk.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: usize = 10;

/// A vector in chunks: growing never copies what is there, and no more than a chunk is in waste.
pub(super) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    length: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), length: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }

    pub(super) fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(row),
            // The first grows as it must, so that a small table is small.
            None => self.chunks.push(vec![row]),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
        self.length += 1;
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.chunks.get_mut(slot >> CHUNK_BITS)?.get_mut(slot & (CHUNK - 1))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Index<usize> for Slab<T> {
    type Output = T;

    fn index(&self, slot: usize) -> &T {
        &self.chunks[slot >> CHUNK_BITS][slot & (CHUNK - 1)]
    }
}

impl<T> IndexMut<usize> for Slab<T> {
    fn index_mut(&mut self, slot: usize) -> &mut T {
        &mut self.chunks[slot >> CHUNK_BITS][slot & (CHUNK - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_in_their_slots_and_little_is_in_waste() {
        let mut slab = Slab::new();
        (0..5_000).for_each(|i| slab.push(i));
        assert!((0..5_000).all(|i| slab[i] == i));
        assert!(slab.iter().copied().eq(0..5_000));
        assert_eq!(slab.get_mut(5_000), None);
        assert!(slab.capacity() < 5_000 + 2 * CHUNK);
    }
}
