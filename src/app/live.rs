//! What is set through the API, on its way to every detector: compacted topics, read from their
//! beginning. One record an exception, and one for the alert budget.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Message;
use serde::{Deserialize, Serialize};

use crate::adapters::kafka::{From, KafkaConfig, Link, Reader, Topics};
use crate::engine::detect::{Exception, check_budget};
use crate::engine::model::Problems;
use crate::engine::shard::Learned;

/// The topic's record, keyed by the id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExceptionRecord {
    pub id: String,
    pub exception: Exception,
    pub revoked: bool,
}

/// Key of the record that holds the alert budget.
pub const BUDGET_KEY: &str = "budget";

/// The settings topic's record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetRecord {
    /// Null where the configuration's value counts again.
    pub budget_per_1000_actors_day: Option<f64>,
}

/// What the API says beside the configuration.
#[derive(Clone, Default)]
pub struct Overrides {
    pub exceptions: Vec<Exception>,
    pub budget: Option<f64>,
    /// Read once, at the start.
    pub learned: Option<Arc<Learned>>,
}

/// What the topics have said so far.
#[derive(Default)]
pub struct LiveSettings {
    by_id: Mutex<BTreeMap<String, Exception>>,
    budget: Mutex<Option<f64>>,
    learned: Option<Arc<Learned>>,
    version: AtomicU64,
    caught_up: AtomicBool,
}

const POLL: Duration = Duration::from_millis(100);
/// How long a detector waits at its start for what the topic holds.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(10);

impl LiveSettings {
    /// With what was learned from history.
    pub fn new(learned: Option<Arc<Learned>>) -> Self {
        Self { learned, ..Self::default() }
    }

    /// Grows with each change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether everything the topic held at the start was read.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    pub fn overrides(&self) -> Overrides {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let exceptions = by_id.values().cloned().collect();
        Overrides { exceptions, budget: *budget, learned: self.learned.clone() }
    }

    fn take_budget(&self, record: BudgetRecord) -> Result<(), Problems> {
        if let Some(budget) = record.budget_per_1000_actors_day {
            let mut problems = Problems::default();
            check_budget(budget, &mut problems);
            problems.into_result()?;
        }
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if *budget != record.budget_per_1000_actors_day {
            *budget = record.budget_per_1000_actors_day;
            self.version.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Takes a record of either topic.
    fn hear(&self, topics: &Topics, topic: &str, payload: &[u8]) -> anyhow::Result<()> {
        if topic == topics.settings {
            // Of other settings, should there be any, other versions know.
            if let Ok(record) = serde_json::from_slice(payload) {
                self.take_budget(record)?;
            }
        } else {
            self.take(serde_json::from_slice(payload)?);
        }
        Ok(())
    }

    fn take(&self, record: ExceptionRecord) {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match record.revoked {
            true => by_id.remove(&record.id).is_some(),
            false => {
                by_id.get(&record.id) != Some(&record.exception)
                    && by_id.insert(record.id, record.exception).is_none_or(|_| true)
            }
        };
        if changed {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Reads the topics until told to stop.
    pub fn follow(
        &self,
        kafka: &KafkaConfig,
        link: &Arc<Link>,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let topics = kafka.topics();
        let names = [topics.exceptions.as_str(), topics.settings.as_str()];
        let none = BTreeMap::new();
        let client = kafka.client("exceptions")?;
        let reader = Reader::open(client, Arc::clone(link), &names, &none, From::Beginning, false)?;
        let ends = reader.ends()?;
        let mut behind: BTreeMap<(String, i32), i64> = ends.into_iter().collect();
        behind.retain(|_, end| *end > 0);
        let begun = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if !self.is_caught_up() && (behind.is_empty() || begun.elapsed() > CATCH_UP_MAX) {
                self.caught_up.store(true, Ordering::Release);
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    let place = (message.topic().to_owned(), message.partition());
                    if behind.get(&place).is_some_and(|end| message.offset() + 1 >= *end) {
                        behind.remove(&place);
                    }
                    let payload = message.payload().unwrap_or_default();
                    if let Err(error) = self.hear(&topics, message.topic(), payload) {
                        tracing::error!(
                            topic = message.topic(),
                            offset = message.offset(),
                            %error,
                            "a record that does not read as a setting was passed over"
                        );
                    }
                }
                Some(Err(error)) => {
                    link.note_error(&error, "cannot read what is set through the API")
                }
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, owner: &str, revoked: bool) -> ExceptionRecord {
        let exception = format!(
            r#"{{"rule":"r","key":"k","owner":"{owner}","reason":"x","expires":"2026-04-01T00:00:00Z"}}"#
        );
        ExceptionRecord {
            id: id.into(),
            exception: serde_json::from_str(&exception).unwrap(),
            revoked,
        }
    }

    #[test]
    fn a_repeat_changes_nothing_and_the_last_word_counts() {
        let live = LiveSettings::default();
        let check = |record, version, left: &[&str]| {
            live.take(record);
            let owners: Vec<String> =
                live.overrides().exceptions.into_iter().map(|e| e.owner).collect();
            assert_eq!(
                (live.version(), owners),
                (version, left.iter().map(|o| (*o).to_owned()).collect())
            );
        };
        check(record("a", "ann", false), 1, &["ann"]);
        check(record("a", "ann", false), 1, &["ann"]);
        check(record("b", "ben", false), 2, &["ann", "ben"]);
        check(record("a", "cas", false), 3, &["cas", "ben"]);
        check(record("a", "cas", true), 4, &["ben"]);
        check(record("a", "cas", true), 4, &["ben"]);
    }

    #[test]
    fn the_last_budget_counts_and_one_out_of_range_is_refused() {
        let live = LiveSettings::default();
        let topics = Topics::new("t");
        let check = |payload: &str, taken: bool, budget, version| {
            let heard = live.hear(&topics, "t.settings", payload.as_bytes());
            assert_eq!(heard.is_ok(), taken, "{payload}");
            assert_eq!((live.overrides().budget, live.version()), (budget, version), "{payload}");
        };
        check(r#"{"budget_per_1000_actors_day":2.5}"#, true, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":2.5}"#, true, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":0}"#, false, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":1001}"#, false, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":null}"#, true, None, 2);
    }
}
