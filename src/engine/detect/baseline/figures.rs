//! What shards tell each other of their actors: sums that add up, as of the turn of a day.
//!
//! A shard tells its own figures as its day turns. What the others have told by then is decided on
//! for the turn after that, and from there on counts as if it had been counted here. Which figures
//! those are, the *version*, is part of the shard's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::book::RoleBook;
use super::lane::LANES;
use super::role::{Group, Role};
use super::saving::{PartKey, PartKind, PartSink, Parts};
use crate::engine::terse::FormError;

/// One shard's figures, or the sum of several.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Days since 1970: the day that began as these were taken.
    pub day: u16,
    pub(super) first_day: u16,
    pub(super) roles: BTreeMap<u32, Role>,
    /// Each with the mark of its role.
    pub(super) groups: BTreeMap<u32, (u32, Group)>,
    /// What actor-days of a role have scored, and those of everybody.
    pub(super) books: BTreeMap<u32, RoleBook>,
    pub(super) all: RoleBook,
    pub(super) told: [f32; LANES],
    pub(super) alerted: f32,
}

/// The form of [`Figures`] where they are told.
const WIRE_VERSION: u8 = 2;

#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    #[error("figures are empty")]
    Empty,
    #[error("figures are of version {found}, and this program reads version {WIRE_VERSION}")]
    Version { found: u8 },
    #[error("figures do not read back: {0}")]
    Form(postcard::Error),
}

/// Ten-minute windows of a role or a group that are taken from others: with more, what is added
/// here would be lost in the rounding.
const WINDOWS_MAX: f32 = 1_048_576.0;

impl Figures {
    pub fn to_bytes(&self) -> Result<Vec<u8>, FiguresError> {
        postcard::to_extend(self, vec![WIRE_VERSION]).map_err(FiguresError::Form)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FiguresError> {
        match bytes.split_first() {
            None => Err(FiguresError::Empty),
            Some((&WIRE_VERSION, content)) => {
                postcard::from_bytes(content).map_err(FiguresError::Form)
            }
            Some((&found, _)) => Err(FiguresError::Version { found }),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.all.numbers.actor_days <= 0.0
    }

    /// Adds another shard's; its sums and its past scores faded to that part.
    fn add_up(&mut self, more: &Self, sums: f32, past: f32) {
        for (&mark, role) in &more.roles {
            self.roles.entry(mark).or_default().add_up(role, sums);
        }
        for (&mark, (role, group)) in &more.groups {
            let here = self.groups.entry(mark).or_default();
            here.0 = *role;
            here.1.add_up(group, sums);
        }
        for (&mark, book) in &more.books {
            self.books.entry(mark).or_default().add_up(book, past);
        }
        self.all.add_up(&more.all, past);
        self.told.iter_mut().zip(more.told).for_each(|(told, more)| *told += past * more);
        self.alerted += past * more.alerted;
        self.first_day = earlier(self.first_day, more.first_day);
    }

    fn bound(&mut self) {
        for role in self.roles.values_mut().filter(|role| role.windows() > WINDOWS_MAX) {
            let whole = std::mem::take(role);
            role.add_up(&whole, WINDOWS_MAX / whole.windows());
        }
        for (_, group) in self.groups.values_mut().filter(|(_, g)| g.windows() > WINDOWS_MAX) {
            let whole = std::mem::take(group);
            group.add_up(&whole, WINDOWS_MAX / whole.windows());
        }
    }

    /// A day has turned for whoever they are part of.
    pub(super) fn fade(&mut self, sums: f32, past: (f32, f32)) {
        self.roles.values_mut().for_each(|role| role.decay(sums));
        self.groups.values_mut().for_each(|(_, group)| group.decay(sums));
        self.books.values_mut().chain([&mut self.all]).for_each(|book| book.fade(past));
        self.told.iter_mut().for_each(|told| *told *= past.0);
        self.alerted *= past.0;
    }
}

/// The earlier of two days, 0 being none.
pub(super) fn earlier(one: u16, other: u16) -> u16 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

/// Whose figures, and of which day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The day, since 1970, from whose turn on they count.
    pub from: u16,
    /// Topic, partition, and the day the figures are of.
    pub of: Vec<(Box<str>, i32, u16)>,
}

/// What a shard knows of all others.
#[derive(Clone, Default)]
pub struct Known {
    pub version: Version,
    /// Peer groups that may be, as when it was put together.
    pub(super) groups_max: u32,
    pub(super) figures: Figures,
}

impl Known {
    /// The figures of `others` together, for the turn to day `from`. What is older than of the day
    /// before has faded.
    pub fn of<'f>(
        from: u16,
        others: impl Iterator<Item = (&'f (Box<str>, i32), &'f Figures)>,
        groups_max: usize,
    ) -> Self {
        let mut known = Self { groups_max: groups_max as u32, ..Self::default() };
        known.version.from = from;
        for ((topic, partition), told) in others {
            let age = i32::from(from.saturating_sub(1).saturating_sub(told.day).min(400));
            let past = (-(age as f32) / super::lanes::MEMORY_DAYS).exp();
            known.figures.add_up(told, super::peers::DAY_KEEP.powi(age), past);
            known.version.of.push((topic.clone(), *partition, told.day));
        }
        known.figures.bound();
        known
    }
}

/// Letters of saved parts: the numbers, roles, groups, books.
type Letters = [PartKind; 4];
const IN_FORCE: Letters =
    [PartKind::InForceHead, PartKind::InForceRole, PartKind::InForceGroup, PartKind::InForceBook];
const NEXT: Letters =
    [PartKind::NextHead, PartKind::NextRole, PartKind::NextGroup, PartKind::NextBook];

/// A shard's part in it.
#[derive(Clone, Default)]
pub struct Shared {
    /// It tells its figures; otherwise it is alone.
    pub tells: bool,
    /// Figures on their way to the others.
    pub telling: Option<Box<Figures>>,
    /// What of everything counted here is others'.
    pub(super) in_force: Known,
    /// What is decided for a turn that is to come.
    pub(super) next: Option<Box<Known>>,
    saved: Saved,
}

/// What is saved as it is.
#[derive(Clone, Copy, Default)]
struct Saved {
    in_force: bool,
    next: bool,
}

/// What a save has handed out.
#[derive(Debug)]
pub struct SharedSaving(bool, bool);

impl Shared {
    pub fn offer(&mut self, known: Known) {
        self.next = Some(Box::new(known));
        self.saved.next = false;
    }

    /// What was decided for the turn to `day`, if anything.
    pub(super) fn take_due(&mut self, day: u16) -> Option<Known> {
        let due = self.next.take_if(|next| next.version.from <= day)?;
        self.saved.next = false;
        Some(*due)
    }

    pub(super) fn set_in_force(&mut self, known: Known) {
        self.saved.in_force = false;
        self.in_force = known;
    }

    pub(super) fn fade(&mut self, sums: f32, past: (f32, f32)) {
        if !self.in_force.version.of.is_empty() {
            self.in_force.figures.fade(sums, past);
            self.saved.in_force = false;
        }
    }

    /// Hands out what has changed. Who has never heard of others has nothing.
    pub fn save(&mut self, sink: &mut impl PartSink) -> SharedSaving {
        let before = std::mem::replace(&mut self.saved, Saved { in_force: true, next: true });
        let in_force = !before.in_force && self.in_force.version.from != 0;
        if in_force {
            put(&self.in_force, IN_FORCE, sink);
        }
        match &self.next {
            Some(next) if !before.next => put(next, NEXT, sink),
            None if !before.next && self.in_force.version.from != 0 => {
                sink.withdraw(PartKey::new(NEXT[0], 0));
            }
            _ => {}
        }
        SharedSaving(in_force, !before.next)
    }

    pub fn save_again(&mut self, saving: &SharedSaving) {
        self.saved.in_force &= !saving.0;
        self.saved.next &= !saving.1;
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        Ok(Self {
            in_force: get(parts, IN_FORCE)?.unwrap_or_default(),
            next: get(parts, NEXT)?.map(Box::new),
            saved: Saved { in_force: true, next: true },
            ..Self::default()
        })
    }
}

fn put(known: &Known, letters: Letters, sink: &mut impl PartSink) {
    let of = &known.figures;
    let counts = [of.roles.len() as u32, of.groups.len() as u32, of.books.len() as u32];
    let numbers = (of.day, of.first_day, &of.all, of.told, of.alerted);
    sink.put(PartKey::new(letters[0], 0), &(&known.version, known.groups_max, counts, numbers));
    for (number, role) in (0..).zip(&of.roles) {
        sink.put(PartKey::new(letters[1], number), &role);
    }
    for (number, group) in (0..).zip(&of.groups) {
        sink.put(PartKey::new(letters[2], number), &group);
    }
    for (number, book) in (0..).zip(&of.books) {
        sink.put(PartKey::new(letters[3], number), &book);
    }
}

fn get(parts: &Parts, letters: Letters) -> Result<Option<Known>, FormError> {
    type Numbers = (u16, u16, RoleBook, [f32; LANES], f32);
    type Head = (Version, u32, [u32; 3], Numbers);
    let head: Option<Head> = parts.one(PartKey::new(letters[0], 0))?;
    let Some((version, groups_max, counts, numbers)) = head else { return Ok(None) };
    let (day, first_day, all, told, alerted) = numbers;
    let figures = Figures {
        day,
        first_day,
        roles: first(parts, letters[1], counts[0])?,
        groups: first(parts, letters[2], counts[1])?,
        books: first(parts, letters[3], counts[2])?,
        all,
        told,
        alerted,
    };
    Ok(Some(Known { version, groups_max, figures }))
}

/// The first so many parts of a kind: there may be more, from before.
fn first<T: serde::de::DeserializeOwned>(
    parts: &Parts,
    letter: PartKind,
    count: u32,
) -> Result<BTreeMap<u32, T>, FormError> {
    (0..count)
        .map(|number| {
            let part: Option<(u32, T)> = parts.one(PartKey::new(letter, number))?;
            part.ok_or(postcard::Error::DeserializeUnexpectedEnd.into())
        })
        .collect()
}
