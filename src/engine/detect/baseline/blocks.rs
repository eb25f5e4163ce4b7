//! Blocks of record ids read by many accounts: a range shared out among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fan_in::Reader;
use super::pages::Pages;
use super::regions::Near;
use super::saving::{PartKey, PartKind, PartSink, Parts, Slot, read_pages, save_pages};
use super::tail::ln_at_least;
use super::tally::Tally;
use crate::engine::terse::FormError;

/// Ids in a block.
const BLOCK_SHIFT: u32 = 8;
/// Blocks that are saved together, and those of the day before.
const BLOCKS_A_PAGE: usize = 8;
const BEFORE_A_PAGE: usize = 1_024;
/// Kinds of saved parts: all but the tables, and pages of the two.
const HEAD: PartKind = PartKind::BlocksHead;
const PAGE: PartKind = PartKind::BlocksPage;
const BEFORE: PartKind = PartKind::BlocksBefore;
const READERS: PartKind = PartKind::BlocksReaders;
/// Blocks remembered of a day.
const BLOCKS: usize = 1 << 16;
/// Over-dispersion of reads in neighbouring blocks. Source: DETECTORS section 5.
const SIZE: f64 = 15.0;
/// Actors, by a count in 32 bits, without whom it is one walker's business.
const ACTORS_MIN: u32 = 4;
const READS_MIN: u16 = 8;
/// Further units whose reading of one block is no longer a matter between neighbours.
const UNITS_MANY: f32 = 6.0;
/// Hot blocks a day, per unit of budget and 1,000 actors. Beside the lanes' budget.
const ALLOWED: f64 = 0.03;
/// The least that is told of, in decades.
const LEAST: f32 = 4.0;
/// Actors told of in a day.
const TOLD_MAX: u16 = 8;
/// Reads in hot blocks at which an account is told of.
const HOT_READS: [u16; 3] = [4, 16, 64];
/// Accounts whose reads in hot blocks are counted.
const READERS_MAX: usize = 4_096;
/// Days for which a record counts as new.
const NEW_DAYS: usize = 3;
/// Kinds of ids whose newest block is remembered.
const PREFIXES_MAX: usize = 1_024;
/// Neighbours compared with, on both sides.
const NEIGHBOURS: [i32; 8] = [3, 5, 8, 13, 21, 34, 55, 89];

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Block {
    tag: u32,
    actors: u32,
    /// Of which units, as bits.
    units: u32,
    /// Distinct ids, as bits: many may read one and the same.
    ids: u64,
    reads: u16,
    judged_at: u16,
    worn: u16,
    score: f32,
}

/// What a read in a block says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hot {
    pub reads: u16,
    pub usual: f32,
    /// The account's reads in hot blocks today.
    pub of_reader: u16,
}

/// Reads by block, today: of those that are near others of the same account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Blocks {
    blocks: Pages<Block, BLOCKS_A_PAGE>,
    /// Reads by block, the day before.
    before: Pages<(u32, u16), BEFORE_A_PAGE>,
    /// The highest block in use by prefix: today, and at the end of each day before. Records of
    /// the last days are read by many because they are new; where no block was in use, it is no new
    /// ones that are read.
    newest: BTreeMap<u32, [i64; NEW_DAYS + 1]>,
    pub tally: Tally,
    /// Actors told of today.
    told: u16,
    /// Reads in hot blocks today, by account.
    readers: BTreeMap<u32, u16>,
    #[serde(skip)]
    readers_saved: bool,
}

fn tag_of(prefix: u32, number: i64) -> u32 {
    let mixed =
        (u64::from(prefix) << 32 | number as u64 & 0xFFFF_FFFF).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32 | 1
}

fn place_of(tag: u32) -> usize {
    tag as usize >> 1 & (BLOCKS - 1)
}

/// Pages a save has handed out.
#[derive(Debug)]
pub struct BlocksSaving {
    blocks: Vec<u32>,
    before: Vec<u32>,
    readers: bool,
}

impl Blocks {
    /// Hands out what has changed.
    pub fn save(&mut self, sink: &mut impl PartSink) -> BlocksSaving {
        let head = (self.blocks.len() as u32, &self.newest, &self.tally, self.told);
        sink.put(PartKey::new(HEAD, 0), &head);
        let readers = !std::mem::replace(&mut self.readers_saved, true);
        if readers {
            sink.put(PartKey::new(READERS, 0), &self.readers);
        }
        BlocksSaving {
            readers,
            blocks: save_pages(&mut self.blocks, PAGE, sink),
            before: save_pages(&mut self.before, BEFORE, sink),
        }
    }

    pub fn save_again(&mut self, saving: BlocksSaving) {
        self.blocks.save_again(saving.blocks);
        self.before.save_again(saving.before);
        self.readers_saved &= !saving.readers;
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let Some((places, newest, tally, told)) = parts.one(PartKey::new(HEAD, 0))? else {
            return Ok(Self::default());
        };
        let blocks = read_pages(parts, PAGE, places)?;
        let readers = parts.one(PartKey::new(READERS, 0))?.unwrap_or_default();
        let before = read_pages(parts, BEFORE, places)?;
        Ok(Self { blocks, before, newest, tally, told, readers, readers_saved: true })
    }

    /// Counts an account's first read of an id today; told where the block is hot and the account
    /// has read enough in such blocks. `reader`'s group is the unit: what one unit works on together
    /// is no range shared out.
    pub fn take(&mut self, near: Near, reader: Reader) -> Option<Hot> {
        let (reads, usual) = self.count(near, reader)?;
        let known = self.readers.len() < READERS_MAX || self.readers.contains_key(&reader.account);
        if !known {
            return None;
        }
        self.readers_saved = false;
        let of_reader = self.readers.entry(reader.account).or_default();
        *of_reader = of_reader.saturating_add(1);
        let hot = Hot { reads, usual, of_reader: *of_reader };
        // A range is one story however many share it.
        (HOT_READS.contains(&hot.of_reader) && self.may_tell()).then_some(hot)
    }

    /// The reads of the id's block and what is usual there, where it is hot.
    fn count(&mut self, near: Near, reader: Reader) -> Option<(u16, f32)> {
        let place = near.place;
        if self.blocks.is_empty() {
            self.blocks = vec![Block::default(); BLOCKS].into();
            self.before = vec![(0, 0); BLOCKS].into();
        }
        let number = i64::from(place.number >> BLOCK_SHIFT);
        let tag = tag_of(place.prefix, number);
        let block = self.blocks.get_mut(place_of(tag))?;
        if block.tag != tag {
            // The busier one stays, worn down by those it displaces.
            if block.worn < block.reads {
                block.worn += 1;
                return None;
            }
            *block = Block { tag, ..Block::default() };
        }
        let id = 1 << (place.number.wrapping_mul(0x9E37_79B9) >> 26);
        let fresh = block.ids & id == 0;
        block.ids |= id;
        // Linear counting: an id stands for those that fell on bits already set.
        if fresh {
            let free = f32::from(block.ids.count_zeros().max(1) as u16);
            let counted = (-64.0 * (free / 64.0).ln()).round() as u16;
            block.reads = counted.max(block.reads);
        }
        block.actors |= 1 << (reader.account.wrapping_mul(0x9E37_79B9) >> 27);
        // Who is of no unit known stands for as many units as there are such actors.
        let unit = if reader.group == 0 { reader.account } else { reader.group };
        block.units |= 1 << (unit.wrapping_mul(0x9E37_79B9) >> 27);
        let reads = block.reads;
        let in_use = fresh && reads >= READS_MIN && block.actors.count_ones() >= ACTORS_MIN;
        if in_use && (self.newest.len() < PREFIXES_MAX || self.newest.contains_key(&place.prefix)) {
            let newest = self.newest.entry(place.prefix).or_default();
            newest[0] = newest[0].max(number);
        }
        let block = &self.blocks[place_of(tag)];
        let due = !near.is_new
            && reads >= READS_MIN
            && block.actors.count_ones() >= ACTORS_MIN
            && reads >= block.judged_at;
        if due {
            self.judge(place.prefix, number, tag);
        }
        let block = &self.blocks[place_of(tag)];
        if block.score < self.tally.threshold() {
            return None;
        }
        Some((reads, self.usual(place.prefix, number)))
    }

    /// True for the first of a day.
    fn may_tell(&mut self) -> bool {
        self.told = self.told.saturating_add(1);
        self.told <= TOLD_MAX
    }

    pub fn turn(&mut self, budget: f64, actors_a_day: f32) {
        self.told = 0;
        self.readers_saved &= self.readers.is_empty();
        self.readers.clear();
        for (before, block) in self.before.iter_mut().zip(self.blocks.iter()) {
            *before = (block.tag, block.reads);
        }
        for newest in self.newest.values_mut() {
            newest.copy_within(0..NEW_DAYS, 1);
        }
        self.blocks.iter_mut().for_each(|block| *block = Block::default());
        let allowed = ALLOWED * budget * f64::from(actors_a_day.max(100.0)) / 1_000.0;
        self.tally.turn(allowed as f32, LEAST);
    }

    fn judge(&mut self, prefix: u32, number: i64, tag: u32) {
        let newest = self
            .newest
            .get(&prefix)
            .and_then(|days| days[1..].iter().rev().find(|newest| **newest > 0));
        if newest.is_some_and(|newest| number >= *newest) {
            return;
        }
        let usual = self.usual(prefix, number);
        let Some(block) = self.blocks.get_mut(place_of(tag)) else { return };
        block.judged_at = block.reads + block.reads / 8 + 1;
        let mu = f64::from(usual.max(0.2));
        let decades = -ln_at_least(f64::from(block.reads), mu, SIZE) / std::f64::consts::LN_10;
        let spread = ((block.units.count_ones() as f32 - 1.0) / UNITS_MANY).clamp(0.02, 1.0);
        // Reads come in clusters, so decades are no decades: what counts is their order.
        let score = 3.0 * (1.0 + decades as f32 * spread / 3.0).log2();
        if score > block.score {
            self.tally.rise(block.score, score);
            block.score = score;
        }
    }

    /// Ordinary reads of a block: the mean of the middle half of its neighbours, or its own of
    /// the day before.
    fn usual(&self, prefix: u32, number: i64) -> f32 {
        let reads = |number: i64| {
            let tag = tag_of(prefix, number);
            let block = &self.blocks[place_of(tag)];
            if block.tag == tag { block.reads } else { 0 }
        };
        let mut near = [0_u16; NEIGHBOURS.len() * 2];
        for (i, step) in NEIGHBOURS.iter().enumerate() {
            near[2 * i] = reads(number - i64::from(*step));
            near[2 * i + 1] = reads(number + i64::from(*step));
        }
        near.sort_unstable();
        let around = near[4..12].iter().map(|&reads| f32::from(reads)).sum::<f32>() / 8.0;
        let tag = tag_of(prefix, number);
        let (before, reads) = self.before[place_of(tag)];
        if before == tag { around.max(f32::from(reads)) } else { around }
    }
}

impl Slot for Block {
    fn is_free(&self) -> bool {
        self.tag == 0
    }
}

impl Slot for (u32, u16) {
    fn is_free(&self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::detect::baseline::sequence::Place;

    fn read(blocks: &mut Blocks, number: u32, account: u32) -> bool {
        let reader = Reader { account, group: account + 1 };
        let place = Place { prefix: 1, number };
        blocks.count(Near { place, is_new: false }, reader).is_some()
    }

    /// Reads in hot blocks, when 60 accounts read `honest` ids each over two million, and 40 more
    /// read 100 each out of `range`.
    fn hot(honest: u32, range: u32) -> usize {
        let mut blocks = Blocks::default();
        let mut draw = 1_u32;
        let mut next = move || {
            draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            draw >> 8
        };
        let mut hot = 0;
        // Records are in use beyond the range.
        (0..16).for_each(|account| {
            let _ = read(&mut blocks, 3_000_000 + account, account);
        });
        (0..8).for_each(|_| blocks.turn(5.0, 1_000.0));
        for _ in 0..honest {
            for account in 0..60 {
                hot += usize::from(read(&mut blocks, next() % 2_000_000, account));
            }
        }
        for _ in 0..if range > 0 { 100 } else { 0 } {
            for account in 100..140 {
                hot += usize::from(read(&mut blocks, 900_000 + next() % range, account));
            }
        }
        hot
    }

    #[test]
    fn a_range_shared_out_is_hot_and_honest_work_is_not() {
        assert!(hot(300, 4_000) > 1_000);
        // Of 18,000 reads, with a threshold that has not yet seen a day.
        assert!(hot(300, 0) < 40);
    }
}
