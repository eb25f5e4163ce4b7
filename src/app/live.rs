//! What is set through the API, on its way to every detector: compacted topics, read from their
//! beginning. One record an exception, one for the alert budget, and one for each actor of an
//! incident that people ruled on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Message;
use serde::{Deserialize, Serialize};

use crate::adapters::kafka::{From, KafkaConfig, Link, Reader, Topics};
use crate::engine::detect::state::cut;
use crate::engine::detect::{Exception, RULINGS_MAX, Ruling, Rulings, check_budget};
use crate::engine::enrich::{Pseudonyms, WorkItemRecord, WorkItems};
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
    /// Of the topic, once it was read to its end; a file's come before it.
    pub work_items: Option<Arc<WorkItems>>,
    /// Likewise, once the topic was read to its end.
    pub rulings: Option<Arc<Rulings>>,
}

/// What the topics have said so far.
#[derive(Default)]
pub struct LiveSettings {
    by_id: Mutex<BTreeMap<String, Exception>>,
    budget: Mutex<Option<f64>>,
    learned: Option<Arc<Learned>>,
    feed: Option<Feed>,
    /// By the record's key.
    rulings: Mutex<BTreeMap<Vec<u8>, Ruling>>,
    rulings_version: AtomicU64,
    /// All that the topic held at the start was read.
    rulings_whole: AtomicBool,
    version: AtomicU64,
    caught_up: AtomicBool,
}

/// Work items out of their topic.
struct Feed {
    topic: String,
    pseudonyms: Pseudonyms,
    items: Mutex<WorkItems>,
    /// Grows with each change; 0 until the topic was read to its end.
    version: AtomicU64,
    whole: AtomicBool,
}

impl Feed {
    fn hear(&self, key: &[u8], payload: &[u8]) -> anyhow::Result<()> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if payload.is_empty() {
            items.withdraw(&String::from_utf8_lossy(key));
        } else {
            // The message may quote a name.
            let record = serde_json::from_slice::<WorkItemRecord>(payload);
            let record =
                record.map_err(|e| anyhow::anyhow!("no work item, column {}", e.column()))?;
            let mut problems = Problems::default();
            record.check("work item", &mut problems);
            problems.into_result()?;
            let (case, item) = record.item(&self.pseudonyms);
            anyhow::ensure!(items.put(case, item), "there are as many as there may be");
        }
        if self.whole.load(Ordering::Acquire) {
            self.version.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// The topic was read to its end: from now on items count.
    fn is_whole(&self) {
        if !self.whole.swap(true, Ordering::AcqRel) {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    fn items(&self) -> Option<Arc<WorkItems>> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        self.whole.load(Ordering::Acquire).then(|| Arc::new(items.clone()))
    }
}

const POLL: Duration = Duration::from_millis(100);
/// Records of rulings held at once: new ones come before others are withdrawn.
const RULINGS_KEPT: usize = 2 * RULINGS_MAX;
/// How long a detector waits at its start for what the topic holds.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(10);

impl LiveSettings {
    /// With what was learned from history, and the topic that tells of work items.
    pub fn new(learned: Option<Arc<Learned>>, feed: Option<(String, Pseudonyms)>) -> Self {
        let feed = feed.map(|(topic, pseudonyms)| Feed {
            topic,
            pseudonyms,
            items: Mutex::default(),
            version: AtomicU64::new(0),
            whole: AtomicBool::new(false),
        });
        Self { learned, feed, ..Self::default() }
    }

    /// Work items as they are now.
    pub fn work_items(&self) -> Option<Arc<WorkItems>> {
        self.feed.as_ref()?.items()
    }

    /// Grows with each change of a work item, once all were read.
    pub fn items_version(&self) -> u64 {
        self.feed.as_ref().map_or(0, |feed| feed.version.load(Ordering::Acquire))
    }

    /// Rulings as they are now; none while some may be missing, which would count as withdrawn.
    pub fn rulings(&self) -> Option<Arc<Rulings>> {
        let rulings = self.rulings.lock().unwrap_or_else(PoisonError::into_inner);
        let all = || Arc::new(Rulings::new(rulings.values().cloned().collect()));
        self.rulings_whole.load(Ordering::Acquire).then(all)
    }

    /// Grows with each change of a ruling, once all were read.
    pub fn rulings_version(&self) -> u64 {
        self.rulings_version.load(Ordering::Acquire)
    }

    fn rulings_are_whole(&self) {
        if !self.rulings_whole.swap(true, Ordering::AcqRel) {
            self.rulings_version.fetch_add(1, Ordering::Release);
        }
    }

    /// Grows with each change of what else is set.
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
        let (learned, work_items) = (self.learned.clone(), self.work_items());
        Overrides { exceptions, budget: *budget, learned, work_items, rulings: self.rulings() }
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

    fn take_ruling(&self, key: &[u8], payload: &[u8]) -> anyhow::Result<()> {
        let mut rulings = self.rulings.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = if payload.is_empty() {
            rulings.remove(key).is_some()
        } else {
            // The message may quote a name.
            let ruling: Ruling = serde_json::from_slice(payload)
                .map_err(|error| anyhow::anyhow!("no ruling, column {}", error.column()))?;
            let room = rulings.len() < RULINGS_KEPT || rulings.contains_key(key);
            anyhow::ensure!(room, "there are as many as there may be");
            let ruling = Ruling { actor: cut(&ruling.actor).to_owned(), ..ruling };
            rulings.insert(key.to_owned(), ruling.clone()) != Some(ruling)
        };
        if changed && self.rulings_whole.load(Ordering::Acquire) {
            self.rulings_version.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Takes a record of any of the topics.
    fn hear(
        &self,
        topics: &Topics,
        topic: &str,
        (key, payload): (&[u8], &[u8]),
    ) -> anyhow::Result<()> {
        if let Some(feed) = self.feed.as_ref().filter(|feed| feed.topic == topic) {
            return feed.hear(key, payload);
        }
        if topic == topics.rulings {
            return self.take_ruling(key, payload);
        }
        if topic != topics.settings {
            self.take(serde_json::from_slice(payload)?);
        } else if key == BUDGET_KEY.as_bytes() {
            self.take_budget(serde_json::from_slice(payload)?)?;
        }
        // Of other settings, should there be any, later versions know.
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
        let mut names: Vec<&str> =
            [&topics.exceptions, &topics.settings, &topics.rulings].map(String::as_str).into();
        names.extend(self.feed.as_ref().map(|feed| feed.topic.as_str()));
        let none = BTreeMap::new();
        let client = kafka.client("exceptions")?;
        let reader = Reader::open(client, Arc::clone(link), &names, &none, From::Beginning, false)?;
        let mut backlog = reader.backlog()?;
        let begun = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let is_read = backlog.is_read(&reader);
            if is_read {
                self.rulings_are_whole();
                self.feed.iter().for_each(Feed::is_whole);
            }
            if is_read || begun.elapsed() > CATCH_UP_MAX {
                self.caught_up.store(true, Ordering::Release);
            }
            match reader.poll(POLL) {
                Some(Ok(message)) => {
                    backlog.read(&message);
                    let payload = message.payload().unwrap_or_default();
                    let key = message.key().unwrap_or_default();
                    if let Err(error) = self.hear(&topics, message.topic(), (key, payload)) {
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
            let heard = live.hear(&topics, "t.settings", (b"budget", payload.as_bytes()));
            assert_eq!(heard.is_ok(), taken, "{payload}");
            assert_eq!((live.overrides().budget, live.version()), (budget, version), "{payload}");
        };
        check(r#"{"budget_per_1000_actors_day":2.5}"#, true, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":2.5}"#, true, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":0}"#, false, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":1001}"#, false, Some(2.5), 1);
        check(r#"{"budget_per_1000_actors_day":null}"#, true, None, 2);
        live.hear(&topics, "t.settings", (b"other", b"[]")).expect("passed over");
        assert_eq!(live.version(), 2, "another setting is none of ours");
    }

    #[test]
    fn a_ruling_counts_once_all_were_read_until_it_is_withdrawn_and_none_that_does_not_read() {
        let live = LiveSettings::default();
        let topics = Topics::new("t");
        let check = |key: &str, payload: &str, taken: bool, left: &[&str], version| {
            let heard = live.hear(&topics, "t.rulings", (key.as_bytes(), payload.as_bytes()));
            assert_eq!(heard.is_ok(), taken, "{payload}");
            let rulings = live.overrides().rulings.unwrap_or_default();
            let actors: Vec<&str> = rulings.list().iter().map(|of| of.actor.as_str()).collect();
            assert_eq!((actors.as_slice(), live.rulings_version()), (left, version), "{payload}");
        };
        let of = |actor: &str, until: &str| {
            format!(
                r#"{{"incident":"i","actor":"{actor}","confirmed":true,"from":"2026-03-02T08:00:00Z","until":{until}}}"#
            )
        };
        check("i/ann", &of("ann", "null"), true, &[], 0);
        live.rulings_are_whole();
        live.rulings_are_whole();
        check("i/ann", &of("ann", "null"), true, &["ann"], 1);
        check("i/ben", &of("ben", r#""2026-03-03T08:00:00Z""#), true, &["ann", "ben"], 2);
        check("i/ann", &of("ann", r#""2026-03-03T08:00:00Z""#), true, &["ann", "ben"], 3);
        check("i/cas", r#"{"actor":"cas"}"#, false, &["ann", "ben"], 3);
        check("i/ann", "", true, &["ben"], 4);
        check("i/ann", "", true, &["ben"], 4);
        assert_eq!(live.version(), 0, "rules need not be compiled for it");
    }

    #[test]
    fn work_items_count_once_the_topic_was_read_to_its_end() {
        let live = LiveSettings::new(None, Some(("feed".into(), Pseudonyms::new(b"k"))));
        let topics = Topics::new("t");
        let hear = |key: &str, payload: &str| {
            live.hear(&topics, "feed", (key.as_bytes(), payload.as_bytes())).is_ok()
        };
        let item = r#"{"case":"C-1","from":"2026-03-02T08:00:00Z","units":["AMS"]}"#;
        assert!(hear("C-1", item));
        assert_eq!((live.items_version(), live.overrides().work_items.is_none()), (0, true));
        live.feed.as_ref().expect("a feed").is_whole();
        live.feed.as_ref().expect("a feed").is_whole();
        let known = || live.work_items().map(|items| items.len());
        assert_eq!((live.items_version(), known()), (1, Some(1)));
        assert!(!hear("C-2", r#"{"case":"C-2","from":"2026-03-02T08:00:00Z"}"#), "of nobody");
        assert!(hear("C-1", ""), "withdrawn");
        assert_eq!((live.items_version(), known(), live.version()), (2, Some(0), 0));
    }
}
