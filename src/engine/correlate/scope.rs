//! Whose data, how much of it, how sensitive.

use std::collections::BTreeMap;

use super::SubjectCount;
use crate::engine::model::{DatasetScope, Entry, EntryKind};

/// Datasets told apart in one incident; further ones are counted together.
const DATASETS_MAX: usize = 200;
const OTHER: &str = "(other datasets)";

struct Dataset {
    category: String,
    tier: u8,
    records: u64,
    subjects: SubjectCount,
}

/// Counted from the evidence, so every number can be traced to entries of the timeline.
pub struct Scope {
    datasets: BTreeMap<String, Dataset>,
    subjects: SubjectCount,
    pub records: u64,
    pub bytes: u64,
    /// Bytes of flows that left the network.
    pub bytes_out: u64,
    exact_max: usize,
}

impl Scope {
    pub fn new(exact_max: usize) -> Self {
        Self {
            datasets: BTreeMap::new(),
            subjects: SubjectCount::new(exact_max),
            records: 0,
            bytes: 0,
            bytes_out: 0,
            exact_max,
        }
    }

    /// Takes one timeline entry; anything but an allowed disclosure or a flow changes nothing.
    pub fn take(&mut self, entry: &Entry) {
        if Self::is_read(entry) {
            self.take_read(entry);
        } else if entry.kind == EntryKind::Flow && entry.leaves && entry.outcome == "allowed" {
            self.bytes_out = self.bytes_out.saturating_add(entry.bytes);
        }
    }

    /// Whether something of people or consignments was disclosed. T0 is about nobody: it would only
    /// blur what was read of them.
    pub fn is_read(entry: &Entry) -> bool {
        entry.kind == EntryKind::Access
            && entry.outcome == "allowed"
            && discloses(&entry.action)
            && entry.tier > 0
    }

    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.datasets {
            let ours = self.dataset(name, &theirs.category, theirs.tier);
            ours.records = ours.records.saturating_add(theirs.records);
            ours.subjects.merge(&theirs.subjects);
        }
        self.subjects.merge(&other.subjects);
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
    }

    pub fn subjects(&self) -> u64 {
        self.subjects.count()
    }

    pub fn subjects_error(&self) -> f64 {
        self.subjects.error()
    }

    pub fn tier_max(&self) -> u8 {
        self.datasets.values().map(|d| d.tier).max().unwrap_or(0)
    }

    /// Most sensitive first, then most read.
    pub fn datasets(&self) -> Vec<DatasetScope> {
        let mut all: Vec<DatasetScope> = self
            .datasets
            .iter()
            .map(|(name, d)| DatasetScope {
                dataset: name.clone(),
                category: d.category.clone(),
                tier: d.tier,
                records: d.records,
                subjects: d.subjects.count(),
                subjects_error: d.subjects.error(),
            })
            .collect();
        all.sort_by_key(|d| std::cmp::Reverse((d.tier, d.records)));
        all
    }

    fn take_read(&mut self, entry: &Entry) {
        let name = entry.dataset.as_deref().unwrap_or("(no dataset named)");
        let category = entry.category.as_deref().unwrap_or("unclassified");
        let dataset = self.dataset(name, category, entry.tier);
        dataset.records = dataset.records.saturating_add(entry.records);
        entry.tokens.iter().for_each(|&token| dataset.subjects.add(token));
        entry.tokens.iter().for_each(|&token| self.subjects.add(token));
        self.records = self.records.saturating_add(entry.records);
        self.bytes = self.bytes.saturating_add(entry.bytes);
    }

    fn dataset(&mut self, name: &str, category: &str, tier: u8) -> &mut Dataset {
        let known = self.datasets.contains_key(name);
        let name = if known || self.datasets.len() < DATASETS_MAX { name } else { OTHER };
        let exact_max = self.exact_max;
        self.datasets.entry(name.to_owned()).or_insert_with(|| Dataset {
            category: category.to_owned(),
            tier,
            records: 0,
            subjects: SubjectCount::new(exact_max),
        })
    }
}

fn discloses(action: &str) -> bool {
    matches!(action, "read" | "search" | "list" | "export" | "print" | "unmask" | "share")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::correlate::sketch::RELATIVE_ERROR;
    use crate::engine::model::{Source, SubjectToken};

    #[test]
    fn only_flows_that_leave_count_as_left() {
        let mut scope = Scope::new(10);
        for (bytes, leaves, outcome) in
            [(7, true, "allowed"), (50, false, "allowed"), (900, true, "denied")]
        {
            scope.take(&Entry {
                kind: EntryKind::Flow,
                outcome: outcome.into(),
                bytes,
                leaves,
                ..Entry::at(Source::Monitor { monitor: "test".into() })
            });
        }
        assert_eq!((scope.bytes_out, scope.bytes, scope.records), (7, 0, 0));
    }

    #[test]
    fn each_dataset_says_by_how_much_its_own_number_may_be_off() {
        let mut scope = Scope::new(10);
        let mut read = |dataset: &str, people: std::ops::Range<u64>| {
            let token = |n: u64| SubjectToken((u128::from(n) << 40).to_le_bytes());
            scope.take(&Entry {
                kind: EntryKind::Access,
                action: "read".into(),
                outcome: "allowed".into(),
                dataset: Some(dataset.into()),
                tier: 2,
                tokens: people.map(token).collect(),
                ..Entry::at(Source::Monitor { monitor: "test".into() })
            });
        };
        read("few", 0..10);
        read("many", 0..11);
        let errors: Vec<(String, f64)> =
            scope.datasets().into_iter().map(|d| (d.dataset, d.subjects_error)).collect();
        assert_eq!(errors, [("few".to_owned(), 0.0), ("many".to_owned(), RELATIVE_ERROR)]);
    }
}
