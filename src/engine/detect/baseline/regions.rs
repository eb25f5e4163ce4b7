//! Where in the ids an account reads today. Who takes part in reading a range out stays in one
//! region of it, while honest work is scattered: only reads near others of the same account and
//! day are counted across accounts, so that few have to travel to where that is done.

use serde::{Deserialize, Serialize};

use super::journaled::{Journaled, JournaledSaving, Kept, Kinds};
use super::pages::Pages;
use super::saving::{Form, PartKey, PartKind, PartSink, Parts, Slot, read_pages, save_pages};
use super::sequence::Place;
use crate::engine::terse::FormError;

/// Ids in a region: sixteen blocks.
const REGION_SHIFT: u32 = 12;
/// Regions remembered, of all accounts together.
const REGIONS: usize = 1 << 16;
/// The regions as they are saved, and how many stood in a page up to version 9.
const HEAD: PartKey = PartKey::new(PartKind::RegionsHead, 0);
const TABLE: Kinds = Kinds { journal: PartKind::RegionsJournal, page: PartKind::RegionsTable };
const REGIONS_A_PAGE_OF_9: usize = 16;
/// Kinds of ids remembered, and how many are saved together.
const PREFIXES: usize = 1 << 10;
const PREFIXES_A_PAGE: usize = 4;
/// Days for which a kind of ids is new: all of them are read by many then, one after the other.
const NEW_DAYS: u16 = 4;
/// The read of an account in one region on a day from which on they count.
const NEAR_MIN: u32 = 3;
/// How high reads are counted: so many bits of an entry, the others say of whom and where.
const COUNT_BITS: u32 = 6;
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;

/// An account, a region and a day by their mark, and the reads there.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Region(u32);

impl Region {
    fn count(self) -> u32 {
        self.0 & COUNT_MAX
    }

    fn tag(self) -> u32 {
        self.0 & !COUNT_MAX
    }
}

impl Slot for Region {
    fn is_free(&self) -> bool {
        self.count() == 0
    }
}

impl Kept for Region {
    type Form = Self;
}

/// A kind of ids, by what stands before their numbers: since when it is known, and how much it is
/// read, worn by those it leaves no room.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Prefix {
    mark: u32,
    since: u16,
    reads: u16,
}

impl Slot for Prefix {
    fn is_free(&self) -> bool {
        self.reads == 0
    }
}

/// Reads by account and region, in tables of fixed size. A day's entries are worn away by the
/// next's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Regions {
    regions: Journaled<Region>,
    prefixes: Pages<Prefix, PREFIXES_A_PAGE>,
}

/// An id near others that the account has read today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    pub place: Place,
    /// Such ids have been known for a few days only: it shows where they are in use, and no more.
    pub is_new: bool,
}

/// Pages a save has handed out.
#[derive(Debug)]
pub struct RegionsSaving {
    regions: JournaledSaving,
    prefixes: Vec<u32>,
}

fn mark_of(account: u32, day: u16, place: Place) -> u64 {
    let region = place.number >> REGION_SHIFT;
    let whose = u64::from(account) << 32 | u64::from(place.prefix);
    let mixed =
        whose.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(region) << 16 ^ u64::from(day);
    mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn slot_of(mark: u64) -> usize {
    (mark >> 48) as usize & (REGIONS - 1)
}

impl Regions {
    /// An account's first read of an id on a day, where it has read others near it.
    pub fn take(&mut self, account: u32, day: u16, place: Place) -> Option<Near> {
        if self.regions.is_empty() {
            self.regions = vec![Region::default(); REGIONS].into();
            self.prefixes = vec![Prefix::default(); PREFIXES].into();
        }
        let is_new = !self.knows(place.prefix, day);
        let mark = mark_of(account, day, place);
        let tag = (mark >> 16) as u32 & !COUNT_MAX;
        let slot = slot_of(mark);
        if slot >= self.regions.len() {
            return None;
        }
        let region = self.regions.at_mut(slot);
        if region.tag() == tag && region.count() > 0 {
            region.0 = tag | (region.count() + 1).min(COUNT_MAX);
        } else if region.count() > 1 {
            // The one more often read stays, worn down by those it displaces.
            region.0 -= 1;
        } else {
            region.0 = tag | 1;
        }
        (region.tag() == tag && region.count() >= NEAR_MIN).then_some(Near { place, is_new })
    }

    fn knows(&mut self, mark: u32, day: u16) -> bool {
        let slot = mark.wrapping_mul(0x9E37_79B9) >> 22;
        let Some(prefix) = self.prefixes.get_mut(slot as usize) else { return false };
        if prefix.mark == mark && !prefix.is_free() {
            prefix.reads = prefix.reads.saturating_add(1);
        } else if prefix.reads > 1 {
            prefix.reads -= 1;
        } else {
            *prefix = Prefix { mark, since: day, reads: 1 };
        }
        prefix.mark == mark && day >= prefix.since.saturating_add(NEW_DAYS)
    }

    /// Hands out what has changed.
    pub fn save(&mut self, sink: &mut impl PartSink) -> RegionsSaving {
        let regions = self.regions.save(TABLE, sink);
        sink.put(HEAD, self.regions.turns());
        RegionsSaving {
            regions,
            prefixes: save_pages(&mut self.prefixes, PartKind::PrefixesPage, sink),
        }
    }

    pub fn save_again(&mut self, saving: RegionsSaving) {
        self.regions.save_again(saving.regions);
        self.prefixes.save_again(saving.prefixes);
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let regions = match parts.form(HEAD) {
            Some(Form::Terse) => {
                let turns = parts.one(HEAD)?.unwrap_or_default();
                Journaled::read(parts, TABLE, turns)?
            }
            _ => {
                let pages: Pages<Region, REGIONS_A_PAGE_OF_9> =
                    read_pages(parts, PartKind::RegionsPage, REGIONS as u32)?;
                pages.iter().copied().collect::<Vec<_>>().into()
            }
        };
        Ok(Self { regions, prefixes: read_pages(parts, PartKind::PrefixesPage, PREFIXES as u32)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u32) -> Place {
        Place { prefix: 7, number }
    }

    #[test]
    fn a_kind_of_ids_is_new_for_some_days() {
        let mut regions = Regions::default();
        let mut near = |day| (0..5).filter_map(|n| regions.take(1, day, place(n))).last();
        let is_new = [near(4), near(5), near(7), near(8)].map(|near| near.map(|near| near.is_new));
        assert_eq!(is_new, [Some(true), Some(true), Some(true), Some(false)]);
    }

    #[test]
    fn only_reads_near_others_of_the_account_and_day_count() {
        let mut regions = Regions::default();
        let mut near = |account, day, number| regions.take(account, day, place(number)).is_some();
        assert_eq!(
            [near(1, 5, 8_192), near(1, 5, 9_000), near(1, 5, 12_000)],
            [false, false, true]
        );
        assert!(near(1, 5, 8_500));
        assert!(!near(2, 5, 8_500), "another account");
        assert!(!near(1, 6, 8_500), "another day");
        assert!(!near(1, 5, 900_000), "elsewhere");
    }

    #[test]
    fn one_that_stays_is_seen_among_many_scattered_reads() {
        let mut regions = Regions::default();
        let mut near = 0;
        for read in 0..400_u32 {
            for account in 0..500 {
                let scattered = (account * 40_503 + read).wrapping_mul(2_654_435_761) >> 4;
                near += u32::from(regions.take(account, 5, place(scattered)).is_some());
            }
            let stays = regions.take(9_999, 5, place(70_000 + read % 1_000));
            assert!(stays.is_some() || read < 8, "read {read}");
        }
        assert!(near < 2_000, "{near} of 200,000");
    }
}
