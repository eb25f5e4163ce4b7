//! Parts that most actors never need.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part that takes room once it is written to; until then it reads as blank. Saved as the part
/// itself.
#[derive(Clone, Debug)]
pub struct Later<T>(Option<Box<T>>);

/// What a part is that nothing was written to.
pub trait Blank: PartialEq + Clone + 'static {
    const BLANK: &'static Self;
}

impl<T: Blank> Later<T> {
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<T>())
    }
}

impl<T: PartialEq + Clone + 'static> Blank for Vec<T> {
    const BLANK: &'static Self = &Self::new();
}

impl<T> Default for Later<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Blank> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::BLANK)
    }
}

impl<T: Blank> DerefMut for Later<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::BLANK.clone()))
    }
}

impl<T: Blank + Serialize> Serialize for Later<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Blank + Deserialize<'de>> Deserialize<'de> for Later<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = T::deserialize(deserializer)?;
        Ok(Self((part != *T::BLANK).then(|| Box::new(part))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Blank for [u16; 3] {
        const BLANK: &'static Self = &[0; 3];
    }

    #[test]
    fn takes_room_when_written_to_and_is_saved_as_it_reads() {
        let mut later = Later::<[u16; 3]>::default();
        assert_eq!((later[1], later.heap_bytes()), (0, 0));
        let blank = postcard::to_stdvec(&later).expect("serialises");
        later[1] = 7;
        assert_eq!((later[1], later.heap_bytes()), (7, 6));
        let saved = postcard::to_stdvec(&later).expect("serialises");
        assert_eq!(saved, postcard::to_stdvec(&[0_u16, 7, 0]).expect("serialises"));
        for (bytes, second) in [(blank, 0), (saved, 7)] {
            let taken: Later<[u16; 3]> = postcard::from_bytes(&bytes).expect("reads");
            assert_eq!((taken[1], taken.heap_bytes() > 0), (second, second > 0));
        }
    }
}
