//! The lanes' calibration as it is saved: numbers and today's histograms with each save, pasts as the
//! day turns.

use std::collections::VecDeque;

use super::book::RoleBook;
use super::lanes::Lanes;
use super::saving::{PartKey, PartKind, PartSink, Parts};
use super::scores::{Day, Past, Scores, Steps, Today};
use crate::engine::terse::FormError;

/// Kinds of saved parts: all roles together and each role's book, their pasts apart.
const ALL: PartKind = PartKind::Lanes;
const ALL_PAST: PartKind = PartKind::LanesPast;
const BOOK: PartKind = PartKind::Book;
const BOOK_PAST: PartKind = PartKind::BookPast;
const WAITING: PartKind = PartKind::LanesWaiting;
const BOOK_WAITING: PartKind = PartKind::BookWaiting;
const APART: PartKind = PartKind::LanesApart;

/// What a save has handed out.
#[derive(Debug)]
pub struct LanesSaving {
    books: Vec<u32>,
    pasts: bool,
}

/// Histograms of parts and of lanes.
type Histograms<T> = (Vec<T>, Vec<T>);

fn todays<'a>(parts: &'a [Scores], lanes: &'a [Scores]) -> Histograms<Today<'a>> {
    (parts.iter().map(Scores::today).collect(), lanes.iter().map(Scores::today).collect())
}

fn pasts<'a>(parts: &'a [Scores], lanes: &'a [Scores]) -> Histograms<Past<'a>> {
    (parts.iter().map(Scores::past).collect(), lanes.iter().map(Scores::past).collect())
}

fn waiting(lanes: &[Scores]) -> Vec<&VecDeque<Day>> {
    lanes.iter().map(Scores::waiting).collect()
}

fn set_waiting(lanes: &mut [Scores], days: Option<Vec<VecDeque<Day>>>) {
    let each = lanes.iter_mut().zip(days.into_iter().flatten());
    each.for_each(|(scores, days)| scores.set_waiting(days));
}

fn set_todays(scores: &mut [Scores], steps: Vec<Steps<i32>>) {
    scores.iter_mut().zip(steps).for_each(|(scores, steps)| scores.set_today(steps));
}

fn set_pasts(scores: &mut [Scores], steps: Vec<Steps<f32>>) {
    scores.iter_mut().zip(steps).for_each(|(scores, steps)| scores.set_past(steps));
}

impl Lanes {
    /// Hands out what has changed since the last save.
    pub fn save(&mut self, sink: &mut impl PartSink) -> LanesSaving {
        let all = (self.numbers, todays(&self.parts, &self.lanes));
        sink.put(PartKey::new(ALL, 0), &all);
        sink.put(PartKey::new(APART, 0), &self.apart);
        let books = self.roles.take_changed();
        for &number in &books {
            let Some(book) = self.roles.get(number as usize) else { continue };
            let content = (book.numbers, todays(&book.parts, &book.lanes));
            sink.put(PartKey::new(BOOK, number), &content);
        }
        let turned = !std::mem::replace(&mut self.pasts_saved, true);
        if turned {
            sink.put(PartKey::new(ALL_PAST, 0), &pasts(&self.parts, &self.lanes));
            sink.put(PartKey::new(WAITING, 0), &waiting(&self.lanes));
            for (number, book) in (0..).zip(self.roles.iter()).filter(|(_, book)| book.turned) {
                let past = pasts(&book.parts, &book.lanes);
                sink.put(PartKey::new(BOOK_PAST, number), &past);
                sink.put(PartKey::new(BOOK_WAITING, number), &waiting(&book.lanes));
            }
        }
        LanesSaving { books, pasts: turned }
    }

    pub fn save_again(&mut self, saving: LanesSaving) {
        self.roles.save_again(saving.books);
        self.pasts_saved &= !saving.pasts;
    }

    /// [`Lanes::rank`] is to follow.
    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let mut read = Self::default();
        let Some((numbers, (of_parts, of_lanes))) = parts.one(PartKey::new(ALL, 0))? else {
            return Ok(read);
        };
        read.numbers = numbers;
        // Up to version 11 of the state nobody counted.
        read.apart = parts.one(PartKey::new(APART, 0))?.unwrap_or_default();
        set_todays(&mut read.parts, of_parts);
        set_todays(&mut read.lanes, of_lanes);
        if let Some((of_parts, of_lanes)) = parts.one(PartKey::new(ALL_PAST, 0))? {
            set_pasts(&mut read.parts, of_parts);
            set_pasts(&mut read.lanes, of_lanes);
        }
        set_waiting(&mut read.lanes, parts.one(PartKey::new(WAITING, 0))?);
        for part in parts.all(BOOK) {
            let (number, (numbers, (of_parts, of_lanes))) = part?;
            if number as usize != read.roles.len() {
                return Err(postcard::Error::DeserializeBadEncoding.into());
            }
            let mut book = RoleBook { numbers, ..RoleBook::default() };
            set_todays(&mut book.parts, of_parts);
            set_todays(&mut book.lanes, of_lanes);
            // A book without a past was begun since the day turned.
            if let Some((of_parts, of_lanes)) = parts.one(PartKey::new(BOOK_PAST, number))? {
                set_pasts(&mut book.parts, of_parts);
                set_pasts(&mut book.lanes, of_lanes);
                book.turned = true;
            }
            set_waiting(&mut book.lanes, parts.one(PartKey::new(BOOK_WAITING, number))?);
            read.roles.push(book);
        }
        read.roles = read.roles.into_saved();
        read.pasts_saved = true;
        Ok(read)
    }
}
