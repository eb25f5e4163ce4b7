//! What is known of the texts that fields hold again and again.
//!
//! Actions, datasets, roles and sites come from small vocabularies. What a text folds to and which
//! rules it brings up is worked out when the text is first seen. A field whose texts are mostly new
//! (an id) is left alone.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts a field keeps; each has one place.
const PLACES: usize = 64;
/// Longer texts are not kept.
const TEXT_BYTES_MAX: usize = 96;
/// After so many looks it is asked whether three in four found their text.
const TRIAL: u32 = 512;
/// Looks for which a field is left alone after it failed.
const REST: u32 = 1 << 20;

/// One field's texts.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    texts: Vec<Known>,
    looks: u32,
    found: u32,
    resting: u32,
}

/// One text.
#[derive(Debug, Default)]
pub(super) struct Known {
    text: String,
    pub folded: String,
    /// Words asked for this text, and the rules that hang on it.
    proposals: Vec<(u32, Box<[u32]>)>,
}

impl Vocabulary {
    /// Where the text is kept; `None` where it is not.
    pub fn look(&mut self, text: &str, fold: impl FnOnce(&mut String)) -> Option<u32> {
        if self.resting > 0 {
            self.resting -= 1;
            return None;
        }
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        self.looks += 1;
        if self.looks == TRIAL {
            let kept = self.found >= TRIAL / 4 * 3;
            (self.looks, self.found) = (0, 0);
            if !kept {
                self.resting = REST;
                self.texts = Vec::new();
                return None;
            }
        }
        if self.texts.is_empty() {
            self.texts.resize_with(PLACES, Known::default);
        }
        // Whoever chooses texts that share a place makes them be worked out each time, no more.
        let place = FixedState::default().hash_one(text) as usize % PLACES;
        let known = self.texts.get_mut(place)?;
        if known.text == text && !known.is_vacant() {
            self.found += 1;
        } else {
            known.text.clear();
            known.text.push_str(text);
            known.folded.clear();
            fold(&mut known.folded);
            known.proposals.clear();
        }
        Some(place as u32)
    }

    pub fn known(&self, place: u32) -> Option<&Known> {
        self.texts.get(place as usize)
    }

    pub fn known_mut(&mut self, place: u32) -> Option<&mut Known> {
        self.texts.get_mut(place as usize)
    }
}

impl Known {
    /// The empty text is worked out each time.
    fn is_vacant(&self) -> bool {
        self.text.is_empty()
    }

    /// The rules that `words` bring up for this text, once that is known.
    pub fn proposed(&self, words: u32) -> Option<&[u32]> {
        let of = |(number, _): &&(u32, Box<[u32]>)| *number == words;
        self.proposals.iter().find(of).map(|(_, rules)| &**rules)
    }

    pub fn propose(&mut self, words: u32, rules: &[u32]) {
        self.proposals.push((words, rules.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(vocabulary: &mut Vocabulary, text: &str) -> Option<u32> {
        vocabulary.look(text, |folded| folded.push_str(&text.to_lowercase()))
    }

    #[test]
    fn a_text_is_worked_out_once_and_again_when_another_took_its_place() {
        let mut vocabulary = Vocabulary::default();
        let place = look(&mut vocabulary, "Read").unwrap();
        let known = vocabulary.known_mut(place).unwrap();
        assert_eq!((known.folded.as_str(), known.proposed(3)), ("read", None));
        known.propose(3, &[1, 2]);
        assert_eq!(look(&mut vocabulary, "Read"), Some(place));
        assert_eq!(vocabulary.known(place).unwrap().proposed(3), Some([1, 2].as_slice()));
        let other =
            (0..).map(|n| format!("O{n}")).find(|t| look(&mut vocabulary, t) == Some(place));
        let known = vocabulary.known(place).unwrap();
        assert_eq!(known.folded, other.unwrap().to_lowercase());
        assert_eq!(known.proposed(3), None);
    }

    #[test]
    fn a_field_of_ids_is_left_alone() {
        let mut vocabulary = Vocabulary::default();
        let kept = (0..10_000).filter(|n| look(&mut vocabulary, &format!("id-{n}")).is_some());
        assert_eq!(kept.count(), TRIAL as usize - 1);
        assert_eq!(look(&mut vocabulary, "read"), None);
    }
}
