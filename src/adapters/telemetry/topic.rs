//! One topic's counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hashbrown::HashMap;

use super::latency::Latency;
use super::rate::Rate;
use super::{OTHER, locked};
use crate::engine::decode::Refusal;

/// One batch of one topic, counted locally on the hot path and handed over once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    pub records_in: u64,
    pub scored: u64,
    pub late: u64,
    pub duplicate: u64,
    pub dead_lettered: u64,
    /// Numbers that were negative or absurd and were brought into range.
    pub saturated: u64,
}

impl BatchCounts {
    pub(super) fn add(&mut self, more: &Self) {
        self.records_in += more.records_in;
        self.scored += more.scored;
        self.late += more.late;
        self.duplicate += more.duplicate;
        self.dead_lettered += more.dead_lettered;
        self.saturated += more.saturated;
    }

    /// Records that came in and got no outcome; negative where one got two.
    pub fn imbalance(&self) -> i64 {
        let out = self.scored + self.late + self.duplicate + self.dead_lettered;
        self.records_in as i64 - out as i64
    }
}

/// What a topic has come to.
pub(super) struct Totals {
    pub counts: BatchCounts,
    pub refused: BTreeMap<&'static str, u64>,
    pub rate: Rate,
    pub latency: Latency,
}

/// Reads and their records, by the data's category.
pub(super) struct Categories {
    pub known: HashMap<String, Reads>,
    pub other: Reads,
}

#[derive(Default)]
pub(super) struct Reads {
    pub events: AtomicU64,
    pub records: AtomicU64,
}

impl Categories {
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut known: HashMap<String, Reads> =
            names.into_iter().map(|name| (name, Reads::default())).collect();
        known.remove(OTHER);
        Self { known, other: Reads::default() }
    }

    /// Name, events, records; by name, `other` last.
    pub fn all(&self) -> Vec<(&str, u64, u64)> {
        let told = |reads: &Reads| (reads.events.load(Relaxed), reads.records.load(Relaxed));
        let mut all: Vec<(&str, u64, u64)> = self
            .known
            .iter()
            .map(|(name, reads)| (name.as_str(), told(reads).0, told(reads).1))
            .collect();
        all.sort_unstable();
        all.push((OTHER, told(&self.other).0, told(&self.other).1));
        all
    }
}

/// Where a worker hands in a topic's counts. Every call takes one lock for a few additions: call
/// once a batch.
pub struct TopicTelemetry {
    pub(super) name: String,
    pub(super) totals: Mutex<Totals>,
    categories: Arc<Categories>,
    origin: Instant,
}

impl TopicTelemetry {
    pub(super) fn new(name: &str, categories: Arc<Categories>, origin: Instant) -> Self {
        let totals = Totals {
            counts: BatchCounts::default(),
            refused: Refusal::LABELS.into_iter().map(|label| (label, 0)).collect(),
            rate: Rate::default(),
            latency: Latency::default(),
        };
        Self { name: name.to_owned(), totals: Mutex::new(totals), categories, origin }
    }

    /// Takes in a batch, all of it at once.
    pub fn batch(&self, counts: &BatchCounts) {
        let second = self.origin.elapsed().as_secs();
        let mut totals = locked(&self.totals);
        totals.counts.add(counts);
        totals.rate.add(second, counts.records_in);
    }

    /// Names why a record was dead-lettered. That it was is in [`BatchCounts`].
    pub fn refused(&self, reason: &'static str) {
        *locked(&self.totals).refused.entry(reason).or_default() += 1;
    }

    /// `events` got their verdict so long after the broker had them.
    pub fn latency_ms(&self, milliseconds: u64, events: u64) {
        let second = self.origin.elapsed().as_secs();
        locked(&self.totals).latency.add(second, milliseconds, events);
    }

    /// The name a category is counted under.
    pub fn category(&self, category: &str) -> &str {
        self.categories.known.get_key_value(category).map_or(OTHER, |(name, _)| name)
    }

    /// Reads of data of `category`: how many, and how many records they returned. A category the
    /// catalogue does not list is counted as `other`.
    pub fn read(&self, category: &str, events: u64, records: u64) {
        let reads = self.categories.known.get(category).unwrap_or(&self.categories.other);
        reads.events.fetch_add(events, Relaxed);
        reads.records.fetch_add(records, Relaxed);
    }
}
