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
    group::{GroupState, Moment},
};
use crate::engine::detect::state::Table;
use crate::engine::model::EventTime;

/// Firings of one event that chains go on from. What rests on one rule is bounded at load: only an
/// event that very many rules match comes near.
const FIRINGS_MAX: usize = 4_096;
/// Values of one list in an event that are counted.
const VALUES_MAX: usize = 1_024;
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
    /// Group-by fields, and what they hold; `None` where the events do not have the field.
    pub group: SmallVec<[(Box<str>, Option<String>); 2]>,
}

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
}

impl Groups<'_> {
    /// Groups all of whose windows ended before this are reached by no event any more.
    fn over(&self) -> EventTime {
        let late = i64::from(self.lateness_ms);
        self.watermark.map_or(EventTime::MIN, |mark| mark.minus_ms(late))
    }
}

/// Working memory, kept from event to event.
#[derive(Debug, Default)]
pub struct GroupScratch {
    key: String,
    number: String,
    text: String,
    notes: Vec<Note>,
    ends: Vec<u32>,
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
}

impl RuleSet {
    /// Tells the correlations which rules `matched`; appends what fires, chains included.
    pub fn correlate<F: Fields + ?Sized>(
        &self,
        matched: &[RuleIndex],
        fields: &F,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Firing>,
    ) {
        let plan = self.plan();
        if plan.correlations.is_empty() {
            return;
        }
        let first = out.len();
        let at = groups.at;
        scratch.last = None;
        let mut timing = scratch.meter.begin();
        for rule in matched {
            for link in plan.of_rule.get(*rule as usize).into_iter().flatten() {
                self.note(link, at, fields, groups, scratch, out);
                if let Some(timing) = &mut timing {
                    scratch.meter.lap(timing, link.correlation as usize);
                }
            }
        }
        let mut next = first;
        while let Some(firing) = out.get(next).filter(|_| next - first < FIRINGS_MAX) {
            let links = plan.of_correlation.get(firing.correlation as usize);
            if links.is_some_and(|links| !links.is_empty()) {
                let firing = firing.clone();
                let fields = Grouped { firing: &firing, event: fields };
                for link in links.into_iter().flatten() {
                    scratch.last = None;
                    self.note(link, firing.at, &fields, groups, scratch, out);
                    if let Some(timing) = &mut timing {
                        scratch.meter.lap(timing, link.correlation as usize);
                    }
                }
            }
            next += 1;
        }
    }

    fn note<F: Fields + ?Sized>(
        &self,
        link: &Link,
        at: EventTime,
        fields: &F,
        groups: &mut Groups<'_>,
        scratch: &mut GroupScratch,
        out: &mut Vec<Firing>,
    ) {
        let plan = self.plan();
        let Some(correlation) = plan.correlations.get(link.correlation as usize) else { return };
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
        let Some(state) = groups.table.at(place) else { return };
        let mark = groups.watermark.map_or(at, |mark| mark.min(at));
        let is_sure = groups.watermark.is_some();
        let moment = Moment { at, mark, is_sure, lateness_ms: groups.lateness_ms };
        let is_known = |fingerprint: u64| self.knows(fingerprint);
        let told = state.note(correlation, moment, &scratch.notes, is_known, &mut scratch.ends);
        for (end, value) in told {
            let names = correlation.group_by.iter().cloned();
            let values = link.group_by.iter().map(|field| {
                text(&fields.value(field), &mut scratch.number, &mut scratch.text)
                    .then(|| scratch.text.clone())
            });
            out.push(Firing {
                correlation: link.correlation,
                at: end,
                window_start: end.minus_ms(i64::from(correlation.timespan_ms)),
                value,
                group: names.zip(values).collect(),
            });
        }
    }
}

/// The event behind a firing, with the firing's group before its own fields.
struct Grouped<'f, F: ?Sized> {
    firing: &'f Firing,
    event: &'f F,
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
fn read_notes<F: Fields + ?Sized>(
    correlation: &Correlation,
    link: &Link,
    fields: &F,
    seed: u64,
    scratch: &mut GroupScratch,
) {
    let GroupScratch { number, text: buffer, notes, .. } = scratch;
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
                    notes.len() >= VALUES_MAX
                });
                return;
            }
            let mut tuple = SmallVec::<[u64; 4]>::new();
            for field in &link.fields {
                if !text(&fields.value(field), number, buffer) {
                    return;
                }
                tuple.push(hasher.hash_one(buffer.as_str()));
            }
            notes.push(Note::Value(hasher.hash_one(tuple.as_slice())));
        }
        Kind::ValueSum | Kind::ValueAvg | Kind::ValuePercentile => {
            let Some(field) = link.fields.first() else { return };
            fields.value(field).any(&mut |leaf| {
                let number = leaf.as_number().map(|number| number.float());
                notes.extend(number.filter(|number| number.is_finite()).map(Note::Number));
                notes.len() >= VALUES_MAX
            });
        }
    }
}

/// The group's name in the table: which fields it is grouped by, and what each holds.
fn write_key<F: Fields + ?Sized>(
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
