//! Lookups held back, as they are saved.

use super::lookups::{Gathered, HEAD, HELD, Heard, Lookup, PLACED};
use super::regions::Near;
use super::saving::{PartKey, PartSink, Parts};
use crate::engine::model::EventTime;
use crate::engine::terse::FormError;

impl Gathered {
    /// Hands out what has changed.
    pub fn save(&mut self, sink: &mut impl PartSink) -> GatheredSaving {
        let saving =
            GatheredSaving { handed_out: self.handed_out, gone: std::mem::take(&mut self.gone) };
        if self.sources.is_empty() {
            return saving;
        }
        let sources: Vec<_> = self.sources.iter().collect();
        sink.put(
            PartKey::new(HEAD, 0),
            &(self.shards, self.expected, self.day, self.next, sources),
        );
        saving.gone.iter().for_each(|&key| sink.withdraw(key));
        if self.next != self.handed_out {
            let fresh = self.held.values().filter(|(number, _)| self.is_fresh(*number));
            fresh.for_each(|(number, lookup)| match lookup.place {
                None => sink.put(PartKey::new(HELD, *number), &(lookup, lookup.group)),
                place => sink.put(PartKey::new(PLACED, *number), &(lookup, lookup.group, place)),
            });
        }
        self.handed_out = self.next;
        saving
    }

    pub fn save_again(&mut self, saving: GatheredSaving) {
        self.handed_out = saving.handed_out;
        self.gone.extend(saving.gone);
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        type Sources = Vec<((Box<str>, i32), Heard)>;
        type Head = (u32, (u32, EventTime), u16, u32, Sources);
        let head: Option<Head> = parts.one(PartKey::new(HEAD, 0))?;
        let Some((shards, expected, day, next, sources)) = head else { return Ok(Self::default()) };
        let mut read = Self {
            sources: sources.into_iter().collect(),
            shards,
            expected,
            day,
            next,
            handed_out: next,
            ..Self::default()
        };
        for held in parts.all::<(Lookup, u32)>(HELD) {
            let (number, (lookup, group)) = held?;
            read.hold(number, Lookup { group, ..lookup });
        }
        for held in parts.all::<(Lookup, u32, Option<Near>)>(PLACED) {
            let (number, (lookup, group, place)) = held?;
            read.hold(number, Lookup { group, place, ..lookup });
        }
        Ok(read)
    }
}

/// What a save has handed out.
#[derive(Debug)]
pub struct GatheredSaving {
    handed_out: u32,
    gone: Vec<PartKey>,
}
