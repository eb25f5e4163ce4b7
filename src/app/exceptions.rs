//! Exceptions made through the API, on their way to every detector: a compacted topic, read from
//! its beginning, one record an exception.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Message;
use serde::{Deserialize, Serialize};

use crate::adapters::kafka::{From, KafkaConfig, Link, Reader};
use crate::engine::detect::Exception;

/// The topic's record, keyed by the id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExceptionRecord {
    pub id: String,
    pub exception: Exception,
    pub revoked: bool,
}

/// What the topic has said so far.
#[derive(Default)]
pub struct LiveExceptions {
    by_id: Mutex<BTreeMap<String, Exception>>,
    version: AtomicU64,
    caught_up: AtomicBool,
}

const POLL: Duration = Duration::from_millis(100);
/// How long a detector waits at its start for what the topic holds.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(10);

impl LiveExceptions {
    /// Grows with each change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether everything the topic held at the start was read.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }

    pub fn list(&self) -> Vec<Exception> {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        by_id.values().cloned().collect()
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

    /// Reads the topic until told to stop.
    pub fn follow(
        &self,
        kafka: &KafkaConfig,
        link: &Arc<Link>,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let topic = kafka.topics().exceptions;
        let none = BTreeMap::new();
        let client = kafka.client("exceptions")?;
        let reader =
            Reader::open(client, Arc::clone(link), &[&topic], &none, From::Beginning, false)?;
        let ends = reader.ends()?;
        let mut behind: BTreeMap<i32, i64> =
            ends.into_iter().map(|((_, partition), end)| (partition, end)).collect();
        behind.retain(|_, end| *end > 0);
        let begun = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if !self.is_caught_up() && (behind.is_empty() || begun.elapsed() > CATCH_UP_MAX) {
                self.caught_up.store(true, Ordering::Release);
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    if behind.get(&message.partition()).is_some_and(|e| message.offset() + 1 >= *e)
                    {
                        behind.remove(&message.partition());
                    }
                    match serde_json::from_slice(message.payload().unwrap_or_default()) {
                        Ok(record) => self.take(record),
                        Err(error) => tracing::error!(
                            offset = message.offset(),
                            %error,
                            "a record that does not read as an exception was passed over"
                        ),
                    }
                }
                Some(Err(error)) => link.note_error(&error, "cannot read exceptions"),
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
        let live = LiveExceptions::default();
        let check = |record, version, left: &[&str]| {
            live.take(record);
            let owners: Vec<String> = live.list().into_iter().map(|e| e.owner).collect();
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
}
