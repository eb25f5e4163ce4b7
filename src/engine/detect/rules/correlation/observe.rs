//! From rules that matched an event to firings.

use std::hash::BuildHasher;

use smallvec::SmallVec;

use super::super::{
    fields::{Field, Fields},
    meter::{Meter, Ticks},
    set::{RuleIndex, RuleSet},
    value::{Leaf, Value},
};
use super::{
    books::Note,
    definition::{Correlation, Kind, Link},
    group::{GroupState, Moment, Told},
    held::{Held, Turn},
};
use crate::engine::detect::state::Table;
use crate::engine::model::{EventTime, Finding};

/// Firings of one event that chains go on from. What rests on one rule is bounded at load: only an
/// event that very many rules match comes near.
const FIRINGS_MAX: usize = 4_096;
/// A longer key of a group is kept as a hash: shorter ones stand in the table's row itself.
const KEY_BYTES_MAX: usize = 30;
/// Bytes of the grouping's name, before the hash.
const GROUPING_BYTES: usize = 8;

/// A correlation's condition held for a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// Index among the set's correlations.
    pub correlation: u32,
    /// End of the window: the instant from which the condition held.
    pub at: EventTime,
    pub window_start: EventTime,
    pub value: f64,
    pub group: Group,
}

/// Group-by fields, and what they hold; `None` where the events do not have the field.
pub type Group = SmallVec<[(Box<str>, Option<String>); 2]>;

/// Where the groups are, and what time it is for them.
pub struct Groups<'g> {
    pub table: &'g mut Table<GroupState>,
    /// The event's time.
    pub at: EventTime,
    /// How far event time has got; the event's own where that is not known yet.
    pub watermark: Option<EventTime>,
    pub lateness_ms: u32,
    /// Keeps whoever chooses values from choosing their hashes.
    pub seed: u64,
    /// Where events wait whose turn to count has not come. Without it all count as they come:
    /// for whoever brings them in order.
    pub held: Option<&'g mut Held>,
}

/// Speaks for the event in hand where what it says has to wait.
pub trait Spokesman {
    /// Puts events of one instant in order, whichever comes first.
    fn hash(&self) -> u64;
    /// What to tell, as far as it is known, should `firing` come of it.
    fn finding(&self, firing: &Firing) -> Option<Finding>;
}

/// Nothing is known of the event.
impl Spokesman for () {
    fn hash(&self) -> u64 {
        0
    }

    fn finding(&self, _: &Firing) -> Option<Finding> {
        None
    }
}

impl Groups<'_> {
    /// Groups all of whose windows ended before this are reached by no event any more, neither by
    /// one under way nor by one that waits.
    pub(super) fn over(&self) -> EventTime {
        let late = i64::from(self.lateness_ms);
        let over = self.watermark.map_or(EventTime::MIN, |mark| mark.minus_ms(late));
        let waiting = self.held.as_ref().and_then(|held| held.first());
        waiting.map_or(over, |first| over.min(first))
    }
}

/// Working memory, kept from event to event.
#[derive(Debug, Default)]
pub struct GroupScratch {
    pub(super) key: String,
    number: String,
    text: String,
    pub(super) notes: Vec<Note>,
    ends: Vec<u32>,
    /// By correlation: how often its condition was held against its books.
    evaluated: Vec<u32>,
    /// Firings whose end is an earlier one now.
    moved: Vec<Firing>,
    /// Of the event in hand: the group last looked up, by its number, and its place in the table.
    last: Option<(u32, usize)>,
    meter: Meter,
}

impl GroupScratch {
    /// Has the correlations timed, by one event in some.
    pub fn time_with(&mut self, ticks: Ticks) {
        self.meter.use_clock(ticks);
    }

    /// By correlation: nanoseconds spent on it since this was last asked.
    pub fn take_spent(&mut self, of: impl FnMut(usize, u64)) {
        self.meter.take(of);
    }

    /// By correlation: events that its condition was held against since this was last asked.
    pub fn take_evaluated(&mut self, mut of: impl FnMut(usize, u32)) {
        for (place, times) in self.evaluated.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
            of(place, std::mem::take(times));
        }
    }

    fn count(&mut self, correlation: u32) {
        let place = correlation as usize;
        if self.evaluated.len() <= place {
            self.evaluated.resize(place + 1, 0);
        }
        if let Some(times) = self.evaluated.get_mut(place) {
            *times = times.saturating_add(1);
        }
    }
}

impl RuleSet {
    /// Tells the correlations which rules `matched`; appends what fires, chains included. `event`
    /// speaks for it where it has to wait.
    pub fn correlate<F: Fields + ?Sized>(
        &self,
        matched: &[RuleIndex],
        fields: &F,
        event: &dyn Spokesman,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Firing>,
    ) {
        let plan = self.plan();
        if plan.correlations.is_empty() {
            return;
        }
        let mut next = out.len();
        let end = next + FIRINGS_MAX;
        let at = groups.at;
        scratch.last = None;
        scratch.moved.clear();
        let mut timing = scratch.meter.begin();
        for rule in matched {
            for link in plan.of_rule.get(*rule as usize).into_iter().flatten() {
                self.note(link, at, fields, event, groups, scratch, out);
                if let Some(timing) = &mut timing {
                    scratch.meter.lap(timing, link.correlation as usize);
                }
            }
        }
        let mut next_moved = 0;
        loop {
            let moved = scratch.moved.get(next_moved).filter(|_| next_moved < FIRINGS_MAX).cloned();
            let is_news = moved.is_none();
            next_moved += usize::from(!is_news);
            let Some(firing) = moved.or_else(|| out.get(next).filter(|_| next < end).cloned())
            else {
                break;
            };
            next += usize::from(is_news);
            let fields = Grouped { firing: &firing, event: fields };
            for link in self.chained(&firing, is_news) {
                scratch.last = None;
                self.note(link, firing.at, &fields, event, groups, scratch, out);
                if let Some(timing) = &mut timing {
                    scratch.meter.lap(timing, link.correlation as usize);
                }
            }
        }
    }

    /// What `firing` says to others. One whose end is an earlier one now counts for the order of
    /// things, and not a second time.
    pub(super) fn chained(&self, firing: &Firing, is_news: bool) -> impl Iterator<Item = &Link> {
        let plan = self.plan();
        let links = plan.of_correlation.get(firing.correlation as usize);
        links.into_iter().flatten().filter(move |link| {
            let correlation = plan.correlations.get(link.correlation as usize);
            is_news || correlation.is_some_and(|correlation| correlation.kind.is_temporal())
        })
    }

    #[expect(clippy::too_many_arguments, reason = "what there is to say of one event")]
    fn note<F: Fields + ?Sized>(
        &self,
        link: &Link,
        at: EventTime,
        fields: &F,
        event: &dyn Spokesman,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Firing>,
    ) {
        let plan = self.plan();
        let Some(correlation) = plan.correlations.get(link.correlation as usize) else { return };
        if correlation.can_be_undone && groups.held.is_some() {
            let noting = self.noting(link, at, fields, event, groups.seed, scratch);
            if let (Some(noting), Some(held)) = (noting, &mut groups.held) {
                held.push(Turn::new(at, event.hash()), noting);
            }
            return;
        }
        read_notes(correlation, link, fields, groups.seed, scratch);
        if scratch.notes.is_empty() {
            return;
        }
        let place = match scratch.last {
            Some((group, place)) if group == link.group => place,
            _ => {
                write_key(correlation, link, fields, groups.seed, scratch);
                let place = groups.table.place_at(&scratch.key, groups.over());
                scratch.last = Some((link.group, place));
                place
            }
        };
        let notes = std::mem::take(&mut scratch.notes);
        let told = self.note_at(place, link.correlation, at, &notes, groups, scratch);
        scratch.notes = notes;
        for telling in told {
            let group = group_of(&correlation.group_by, link, fields, scratch);
            let firing = correlation.firing(link.correlation, telling.end, telling.value, group);
            let to = if telling.is_news { &mut *out } else { &mut scratch.moved };
            to.push(firing);
        }
    }

    /// Notes in the group at `place` of the table.
    pub(super) fn note_at(
        &self,
        place: usize,
        index: u32,
        at: EventTime,
        notes: &[Note],
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
    ) -> Told {
        let correlation = self.plan().correlations.get(index as usize);
        let (Some(correlation), Some(state)) = (correlation, groups.table.at(place)) else {
            return Told::new();
        };
        scratch.count(index);
        let mark = groups.watermark.map_or(at, |mark| mark.min(at));
        let is_sure = groups.watermark.is_some();
        let moment = Moment { at, mark, is_sure, lateness_ms: groups.lateness_ms };
        let is_known = |fingerprint: u64| self.knows(fingerprint);
        state.note(correlation, moment, notes, is_known, &mut scratch.ends)
    }
}

impl Correlation {
    pub(super) fn firing(
        &self,
        correlation: u32,
        at: EventTime,
        value: f64,
        group: Group,
    ) -> Firing {
        let window_start = at.minus_ms(i64::from(self.timespan_ms));
        Firing { correlation, at, window_start, value, group }
    }
}

/// The group that an event is of: names of its fields and what they hold.
pub(super) fn group_of<F: Fields + ?Sized>(
    names: &[Box<str>],
    link: &Link,
    fields: &F,
    scratch: &mut GroupScratch,
) -> Group {
    let GroupScratch { number, text: buffer, .. } = scratch;
    let of = names.iter().zip(&link.group_by).map(|(name, field)| {
        let found = text(&fields.value(field), number, buffer);
        (name.clone(), found.then(|| buffer.clone()))
    });
    of.collect()
}

/// The event behind a firing, with the firing's group before its own fields.
pub(super) struct Grouped<'f, F: ?Sized> {
    pub firing: &'f Firing,
    pub event: &'f F,
}

impl<F: Fields + ?Sized> Fields for Grouped<'_, F> {
    fn value(&self, field: &Field) -> Value<'_> {
        let of_group = self.firing.group.iter().find(|(name, _)| **name == *field.name());
        match of_group {
            Some((_, Some(text))) => Value::text(text),
            Some((_, None)) => Value::Absent,
            None => self.event.value(field),
        }
    }

    fn each_text(&self, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        self.event.each_text(visit)
    }
}

/// What the event says to the correlation; nothing where it lacks what is counted.
pub(super) fn read_notes<F: Fields + ?Sized>(
    correlation: &Correlation,
    link: &Link,
    fields: &F,
    seed: u64,
    scratch: &mut GroupScratch,
) {
    let GroupScratch { number, notes, .. } = scratch;
    notes.clear();
    match correlation.kind {
        Kind::EventCount => notes.push(Note::Event),
        Kind::Temporal | Kind::TemporalOrdered => notes.push(Note::Match(link.position)),
        Kind::ValueCount => {
            let hasher = foldhash::quality::FixedState::with_seed(seed);
            if let [field] = link.fields.as_slice() {
                fields.value(field).any(&mut |leaf| {
                    let text = leaf.as_text(number);
                    notes.extend(text.map(|text| Note::Value(hasher.hash_one(text))));
                    false
                });
                return;
            }
            let mut tuple = SmallVec::<[u64; 4]>::new();
            for field in &link.fields {
                // A list is none of the texts that its parts make when they are joined.
                let mut parts = SmallVec::<[u64; 4]>::new();
                fields.value(field).any(&mut |leaf| {
                    parts.extend(leaf.as_text(number).map(|text| hasher.hash_one(text)));
                    false
                });
                if parts.is_empty() {
                    return;
                }
                tuple.push(hasher.hash_one(parts.as_slice()));
            }
            notes.push(Note::Value(hasher.hash_one(tuple.as_slice())));
        }
        Kind::ValueSum | Kind::ValueAvg | Kind::ValuePercentile => {
            let Some(field) = link.fields.first() else { return };
            fields.value(field).any(&mut |leaf| {
                let number = leaf.as_number().map(|number| number.float());
                notes.extend(number.filter(|number| number.is_finite()).map(Note::Number));
                false
            });
        }
    }
}

/// The group's name in the table: which fields it is grouped by, and what each holds.
pub(super) fn write_key<F: Fields + ?Sized>(
    correlation: &Correlation,
    link: &Link,
    fields: &F,
    seed: u64,
    scratch: &mut GroupScratch,
) {
    let GroupScratch { key, number, text: buffer, .. } = scratch;
    key.clear();
    key.push_str(&correlation.grouping_name);
    for field in &link.group_by {
        // Each value with its length, so that no value can pass for two.
        match fields.value(field) {
            Value::Leaf(Leaf::Text(text)) => push_part(key, text),
            value if text(&value, number, buffer) => push_part(key, buffer),
            _ => key.push('-'),
        }
    }
    if key.len() > KEY_BYTES_MAX {
        shorten(key, seed);
    }
}

/// Puts 126 bits of hash in place of what follows the grouping's name.
fn shorten(key: &mut String, seed: u64) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hash = |seed: u64| foldhash::quality::FixedState::with_seed(seed).hash_one(key.as_str());
    let mut bits = u128::from(hash(seed)) << 64 | u128::from(hash(!seed));
    key.truncate(GROUPING_BYTES);
    key.push('#');
    for _ in 0..21 {
        key.push(char::from(DIGITS[(bits & 63) as usize]));
        bits >>= 6;
    }
}

/// `text` after its length. By hand: this runs for each match, and formatting is slow.
fn push_part(key: &mut String, text: &str) {
    let length = text.len();
    let mut unit = 1;
    while length / unit >= 10 {
        unit *= 10;
    }
    while unit > 0 {
        key.push(char::from(b'0' + (length / unit % 10) as u8));
        unit /= 10;
    }
    key.push(':');
    key.push_str(text);
}

/// A field's content as one text into `to`, the elements of a list with commas between; false
/// where there is none.
fn text(value: &Value<'_>, number: &mut String, to: &mut String) -> bool {
    to.clear();
    let mut found = false;
    value.any(&mut |leaf| {
        if let Some(text) = leaf.as_text(number) {
            if found {
                to.push(',');
            }
            to.push_str(text);
            found = true;
        }
        to.len() > FIELD_BYTES_MAX
    });
    found
}

/// Bytes of a list's texts that are looked at.
const FIELD_BYTES_MAX: usize = 16_384;
