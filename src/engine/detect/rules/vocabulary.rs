//! What is known of the texts that fields hold again and again.
//!
//! Actions, datasets, roles and sites come from small vocabularies. What a text folds to and which
//! rules it brings up is worked out when the text is first seen. A field whose texts are mostly new
//! (an id) is left alone.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts a field keeps; each may stand in one of two places, so that two that are about all the
/// time do not push each other out.
const PLACES: usize = 128;
/// Longer texts are not kept.
const TEXT_BYTES_MAX: usize = 96;
/// Comparisons whose answers are kept with a text.
const ANSWERS_MAX: usize = 4_096;
/// After so many looks it is asked whether three in four found their text.
const TRIAL: u32 = 512;
/// Looks for which a field is left alone after it failed.
const REST: u32 = 1 << 20;

/// One field's texts.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    texts: Vec<Known>,
    /// Where the last text stands: many fields hold the same one for most events.
    last: usize,
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
    /// By the number of a comparison among its field's: what came of it, once it was made.
    answers: Vec<Option<bool>>,
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
        if self.texts.get(self.last).is_some_and(|known| known.text == text && !known.is_vacant()) {
            self.found += 1;
            return Some(self.last as u32);
        }
        // Whoever chooses texts that share places makes them be worked out each time, no more.
        let place = places(text);
        let [first, second] = self.texts.get_mut(place..place + 2)? else { return None };
        for (way, known) in [&*first, &*second].into_iter().enumerate() {
            if known.text == text && !known.is_vacant() {
                self.found += 1;
                self.last = place + way;
                return Some(self.last as u32);
            }
        }
        std::mem::swap(first, second);
        first.text.clear();
        first.text.push_str(text);
        first.folded.clear();
        fold(&mut first.folded);
        first.proposals.clear();
        first.answers.clear();
        self.last = place;
        Some(place as u32)
    }

    pub fn known(&self, place: u32) -> Option<&Known> {
        self.texts.get(place as usize)
    }

    pub fn known_mut(&mut self, place: u32) -> Option<&mut Known> {
        self.texts.get_mut(place as usize)
    }
}

/// The first of the two places that are the text's.
fn places(text: &str) -> usize {
    FixedState::default().hash_one(text) as usize % (PLACES / 2) * 2
}

impl Known {
    /// The empty text is worked out each time.
    fn is_vacant(&self) -> bool {
        self.text.is_empty()
    }

    /// The rules that `words` bring up for this text, once that is known.
    pub fn proposed(&self, words: u32) -> Option<&[u32]> {
        match self.proposals.first() {
            // Nearly every field has its words in one log source.
            Some((number, rules)) if *number == words => Some(rules),
            _ => {
                let mut others = self.proposals.iter().skip(1);
                others.find(|(number, _)| *number == words).map(|(_, rules)| &**rules)
            }
        }
    }

    /// What came of the comparison when it was last made with this text.
    pub fn answer(&self, number: u32) -> Option<bool> {
        self.answers.get(number as usize).copied().flatten()
    }

    pub fn keep_answer(&mut self, number: u32, answer: bool) {
        let number = number as usize;
        if number >= ANSWERS_MAX {
            return;
        }
        if number >= self.answers.len() {
            self.answers.resize(number + 1, None);
        }
        self.answers[number] = Some(answer);
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
        known.keep_answer(5, true);
        assert_eq!(look(&mut vocabulary, "Read"), Some(place));
        assert_eq!(vocabulary.known(place).unwrap().proposed(3), Some([1, 2].as_slice()));
        // One that shares its places leaves it alone, the second does not.
        let mut others = (0..).map(|n| format!("O{n}")).filter(|t| places(t) == places("Read"));
        for (other, is_kept) in [(others.next().unwrap(), true), (others.next().unwrap(), false)] {
            let place = look(&mut vocabulary, &other).unwrap();
            let known = vocabulary.known(place).unwrap();
            assert_eq!((known.folded.as_str(), known.proposed(3)), (&*other.to_lowercase(), None));
            assert_eq!(known.answer(5), None);
            let mut kept = vocabulary.texts.iter().filter(|known| known.text == "Read");
            let known = kept.next();
            assert_eq!(known.and_then(|known| known.answer(5)), is_kept.then_some(true));
            assert_eq!(known.is_some(), is_kept);
        }
    }

    #[test]
    fn a_field_of_ids_is_left_alone() {
        let mut vocabulary = Vocabulary::default();
        let kept = (0..10_000).filter(|n| look(&mut vocabulary, &format!("id-{n}")).is_some());
        assert_eq!(kept.count(), TRIAL as usize - 1);
        assert_eq!(look(&mut vocabulary, "read"), None);
    }
}
