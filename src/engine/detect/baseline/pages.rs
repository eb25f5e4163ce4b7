//! A list that knows which of its pages have changed since they were last saved.

use std::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Entries in pages of `N`. Whoever writes to an entry marks its page; a page is saved as a whole.
#[derive(Clone, Debug)]
pub struct Pages<T, const N: usize> {
    entries: Vec<T>,
    /// By page: stands in the list of those to be saved.
    marked: Vec<bool>,
    changed: Vec<u32>,
}

impl<T, const N: usize> Default for Pages<T, N> {
    fn default() -> Self {
        Self { entries: Vec::new(), marked: Vec::new(), changed: Vec::new() }
    }
}

impl<T, const N: usize> From<Vec<T>> for Pages<T, N> {
    /// Every page counts as changed.
    fn from(entries: Vec<T>) -> Self {
        let mut pages = Self { entries, ..Self::default() };
        pages.mark_all();
        pages
    }
}

impl<T, const N: usize> Index<usize> for Pages<T, N> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.entries[place]
    }
}

impl<T, const N: usize> Pages<T, N> {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.entries.iter()
    }

    pub fn get(&self, place: usize) -> Option<&T> {
        self.entries.get(place)
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        if place >= self.entries.len() {
            return None;
        }
        self.mark(place / N);
        self.entries.get_mut(place)
    }

    /// As indexing, to write to it.
    pub fn at_mut(&mut self, place: usize) -> &mut T {
        self.mark(place / N);
        &mut self.entries[place]
    }

    /// To write to all of them.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.mark_all();
        self.entries.iter_mut()
    }

    pub fn push(&mut self, entry: T) {
        self.entries.push(entry);
        let page = (self.entries.len() - 1) / N;
        self.marked.resize(page + 1, false);
        self.mark(page);
    }

    /// Entries of a page.
    pub fn page(&self, page: u32) -> &[T] {
        let from = (page as usize * N).min(self.entries.len());
        &self.entries[from..(from + N).min(self.entries.len())]
    }

    /// Puts back a page as it was saved. It does not count as changed.
    pub fn put_back(&mut self, page: u32, entries: impl IntoIterator<Item = (usize, T)>) {
        let from = page as usize * N;
        for (place, entry) in entries.into_iter().filter(|(place, _)| *place < N) {
            if let Some(here) = self.entries.get_mut(from + place) {
                *here = entry;
            }
        }
    }

    /// Pages to be saved; from now on they do not count as changed.
    pub fn take_changed(&mut self) -> Vec<u32> {
        for &page in &self.changed {
            self.marked[page as usize] = false;
        }
        std::mem::take(&mut self.changed)
    }

    /// A save of these pages came to nothing.
    pub fn save_again(&mut self, pages: Vec<u32>) {
        pages.into_iter().for_each(|page| self.mark(page as usize));
    }

    /// Nothing is to be saved.
    pub fn into_saved(mut self) -> Self {
        drop(self.take_changed());
        self
    }

    fn mark(&mut self, page: usize) {
        if let Some(marked) = self.marked.get_mut(page).filter(|marked| !**marked) {
            *marked = true;
            self.changed.push(page as u32);
        }
    }

    fn mark_all(&mut self) {
        let pages = self.entries.len().div_ceil(N);
        self.marked.resize(pages, false);
        (0..pages).for_each(|page| self.mark(page));
    }
}

/// As the list it is.
impl<T: Serialize, const N: usize> Serialize for Pages<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Pages<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_to_is_saved_once_and_again_if_that_failed() {
        let mut pages = Pages::<u32, 4>::from(vec![0; 10]);
        assert_eq!(pages.take_changed(), [0, 1, 2]);
        for place in [9, 1, 8, 1] {
            *pages.get_mut(place).unwrap() += 1;
        }
        assert!(pages.get_mut(10).is_none());
        let changed = pages.take_changed();
        assert_eq!(changed, [2, 0]);
        assert_eq!(pages.page(2), [1, 1]);
        *pages.get_mut(0).unwrap() = 7;
        pages.save_again(changed);
        assert_eq!(pages.take_changed(), [0, 2]);
        assert_eq!(pages.take_changed(), [0_u32; 0]);
    }

    #[test]
    fn what_is_added_is_saved_and_what_is_put_back_is_not() {
        let mut pages = Pages::<u32, 2>::default();
        (0..3).for_each(|n| pages.push(n));
        assert_eq!(pages.take_changed(), [0, 1]);
        pages.put_back(1, [(0, 9), (1, 8), (7, 5)]);
        assert_eq!(pages.iter().copied().collect::<Vec<_>>(), [0, 1, 9]);
        assert_eq!(pages.take_changed(), [0_u32; 0]);
        pages.iter_mut().for_each(|n| *n += 1);
        assert_eq!(pages.take_changed(), [0, 1]);
    }
}
