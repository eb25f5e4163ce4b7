//! Who looks up one subject, as it is saved.

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fan_in::{Crowd, FanIn, Subject};
use super::journaled::{Journaled, JournaledSaving, Kept, Kinds, Turns};
use super::pages::Pages;
use super::saving::{Form, PartKey, PartKind, PartSink, Parts, Slot, read_pages};
use super::tally::Tally;
use crate::engine::terse::FormError;

/// All but the table; and the table, as it is saved and as it was up to version 9.
const HEAD: PartKind = PartKind::FanInHead;
const TABLE: Kinds = Kinds { journal: PartKind::FanInJournal, page: PartKind::FanInSubjects };
const PAGE_OF_9: PartKind = PartKind::FanInPage;
const SUBJECTS_A_PAGE_OF_9: usize = 8;

impl FanIn {
    /// Hands out what has changed; it is part of the next save if this one fails.
    pub fn save(&mut self, sink: &mut impl PartSink) -> JournaledSaving {
        let saving = self.subjects.save(TABLE, sink);
        sink.put(PartKey::new(HEAD, 0), &(self.subjects.turns(), &self.tallies));
        saving
    }

    pub fn save_again(&mut self, saving: JournaledSaving) {
        self.subjects.save_again(saving);
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let head = PartKey::new(HEAD, 0);
        match parts.form(head) {
            Some(Form::Terse) => {
                let Some((turns, tallies)) = parts.one::<(Turns, [Tally; 2])>(head)? else {
                    return Ok(Self::default());
                };
                Ok(Self { subjects: Journaled::read(parts, TABLE, turns)?, tallies })
            }
            _ => {
                let Some((places, tallies)) = parts.one(head)? else { return Ok(Self::default()) };
                let pages: Pages<Subject, SUBJECTS_A_PAGE_OF_9> =
                    read_pages(parts, PAGE_OF_9, places)?;
                let subjects: Vec<Subject> = pages.iter().copied().collect();
                Ok(Self { subjects: subjects.into(), tallies })
            }
        }
    }
}

impl Slot for Subject {
    fn is_free(&self) -> bool {
        self.tag == 0
    }
}

impl Kept for Subject {
    type Form = KeptSubject;
}

/// A subject: tag, day, how many days before it was first read, when it is judged next, who read it
/// today and yesterday (readers and groups), what is usual, scores.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptSubject(u32, u16, u16, u16, [Few; 4], [f32; 2], [f32; 2]);

impl From<Subject> for KeptSubject {
    fn from(subject: Subject) -> Self {
        let Subject { tag, born, day, judged_at, today, yesterday, scores, .. } = subject;
        let few = [today.readers, today.groups, yesterday.readers, yesterday.groups].map(Few);
        let usual = [subject.usual_readers, subject.usual_breadth];
        Self(tag, day, day.wrapping_sub(born), judged_at, few, usual, scores)
    }
}

impl From<KeptSubject> for Subject {
    fn from(kept: KeptSubject) -> Self {
        let KeptSubject(tag, day, age, judged_at, few, usual, scores) = kept;
        let [readers, groups, readers_before, groups_before] = few.map(|few| few.0);
        Self {
            tag,
            born: day.wrapping_sub(age),
            day,
            judged_at,
            today: Crowd { readers, groups },
            yesterday: Crowd { readers: readers_before, groups: groups_before },
            usual_readers: usual[0],
            usual_breadth: usual[1],
            scores,
        }
    }
}

/// 64 bits of which few are set: the places of these, or, as eight bytes, all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Few(u64);

const ALL: usize = 8;

impl Serialize for Few {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ones = self.0.count_ones() as usize;
        if ones >= ALL {
            let mut list = serializer.serialize_seq(Some(ALL))?;
            self.0.to_le_bytes().iter().try_for_each(|byte| list.serialize_element(byte))?;
            return list.end();
        }
        let mut list = serializer.serialize_seq(Some(ones))?;
        let mut rest = self.0;
        while rest != 0 {
            list.serialize_element(&(rest.trailing_zeros() as u8))?;
            rest &= rest - 1;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Few {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ReadingFew)
    }
}

struct ReadingFew;

impl<'de> Visitor<'de> for ReadingFew {
    type Value = Few;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("places of bits, or eight bytes of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few, A::Error> {
        let (mut bytes, mut count) = ([0; ALL], 0);
        while let Some(byte) = list.next_element::<u8>()? {
            if let Some(place) = bytes.get_mut(count) {
                *place = byte;
            }
            count += 1;
        }
        if count >= ALL {
            return Ok(Few(u64::from_le_bytes(bytes)));
        }
        let bit = |place: &u8| 1_u64 << (place % 64);
        Ok(Few(bytes[..count].iter().map(bit).fold(0, |all, bit| all | bit)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::terse;

    fn kept(subject: Subject) -> (Subject, usize) {
        let mut bytes = Vec::new();
        terse::write(&KeptSubject::from(subject), &mut bytes).expect("is written");
        let read: KeptSubject = terse::from_bytes(&bytes).expect("is read");
        (read.into(), bytes.len())
    }

    proptest! {
        #[test]
        fn a_subject_reads_back_whoever_read_it(
            (tag, born, day, judged_at) in any::<(u32, u16, u16, u16)>(),
            crowds in any::<[u64; 4]>(),
            few in any::<[bool; 4]>(),
            fractions in any::<[f32; 4]>(),
        ) {
            let thin = |n: usize| if few[n] { crowds[n] & crowds[n] >> 21 & crowds[n] << 17 } else { crowds[n] };
            let subject = Subject {
                tag, born, day, judged_at,
                today: Crowd { readers: thin(0), groups: thin(1) },
                yesterday: Crowd { readers: thin(2), groups: thin(3) },
                usual_readers: fractions[0],
                usual_breadth: fractions[1],
                scores: [fractions[2], fractions[3]],
            };
            prop_assert_eq!(format!("{:?}", kept(subject).0), format!("{subject:?}"));
        }
    }

    #[test]
    fn one_that_somebody_has_read_takes_little() {
        let today = Crowd { readers: 1 << 63, groups: 1 << 5 };
        let subject =
            Subject { tag: u32::MAX, born: 20_500, day: 20_500, today, ..Subject::default() };
        assert!(kept(subject).1 <= 14, "{} bytes", kept(subject).1);
    }

    /// As version 9 saved them: in pages of eight, and each with the place it has there.
    #[test]
    fn those_of_version_9_are_read_and_all_due_to_be_saved() {
        let subject = |tag| Subject { tag, born: 3, day: 4, ..Subject::default() };
        let mut parts = Parts::default();
        let of_9 = |content| (Form::Postcard, content);
        let mut put = |key, (form, content)| parts.insert(key, form, content);
        let tallies = FanIn::default().tallies;
        let head = postcard::to_stdvec(&(64_u32, &tallies)).expect("fits");
        put(PartKey::new(HEAD, 0), of_9(head));
        let page = postcard::to_stdvec(&[(1_u16, subject(7)), (6, subject(9))].to_vec());
        put(PartKey::new(PAGE_OF_9, 5), of_9(page.expect("fits")));
        let mut read = FanIn::read(&parts).expect("is read");
        assert_eq!((read.subjects[41].tag, read.subjects[46].tag), (7, 9));
        assert_eq!((read.subjects.len(), read.subjects[41].born), (64, 3));
        struct Pages(usize);
        impl PartSink for Pages {
            fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, _: &T) {
                self.0 += usize::from(part.to_bytes()[0] == TABLE.page as u8);
            }

            fn withdraw(&mut self, _: PartKey) {}
        }
        let mut saved = Pages(0);
        let _ = read.save(&mut saved);
        assert_eq!(saved.0, 1, "pages that hold something");
    }
}
