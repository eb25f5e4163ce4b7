//! The API's stats.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::budget::BudgetStats;
use super::latency::{Latency, LatencyStats};
use super::topic::Totals;
use super::{BatchCounts, OTHER, Telemetry, locked};
use crate::engine::model::{EventTime, Severity};

/// What the monitor is doing now, and has done since its start.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Stats {
    pub version: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub time: EventTime,
    #[schema(value_type = String, format = DateTime)]
    pub started: EventTime,
    pub uptime_s: u64,
    pub ready: bool,
    /// Why it is not ready; empty when it is.
    pub unready: Vec<String>,
    /// `connected` or `disconnected`.
    pub kafka: &'static str,
    /// Whether the events are made up.
    pub demo: bool,
    /// Mean over the last 5 whole seconds.
    pub events_per_second: f64,
    /// Over all topics.
    pub records: RecordStats,
    pub topics: Vec<TopicStats>,
    pub verdict_latency_ms: LatencyStats,
    pub incidents: IncidentStats,
    pub findings_by_detector: BTreeMap<&'static str, u64>,
    pub findings_by_severity: BTreeMap<&'static str, u64>,
    pub reads_by_category: BTreeMap<String, u64>,
    /// The hour of event time that goes on, beside such hours before it; null before the first.
    pub hour: Option<HourStats>,
    pub state: StateStats,
    pub rules: RulesStats,
    pub budget: BudgetStats,
}

/// `in` = `scored` + `late` + `duplicate` + `dead_lettered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordStats {
    #[serde(rename = "in")]
    pub records_in: u64,
    pub scored: u64,
    pub late: u64,
    pub duplicate: u64,
    pub dead_lettered: u64,
}

impl From<BatchCounts> for RecordStats {
    fn from(counts: BatchCounts) -> Self {
        let BatchCounts { records_in, scored, late, duplicate, dead_lettered, saturated: _ } =
            counts;
        Self { records_in, scored, late, duplicate, dead_lettered }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TopicStats {
    pub topic: String,
    #[serde(flatten)]
    pub records: RecordStats,
    /// Records behind, over all partitions at hand.
    pub lag: u64,
    /// Of the partition that is furthest behind.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub watermark: Option<EventTime>,
    /// Partitions at hand that were regular and have fallen silent.
    pub silent_partitions: u64,
}

/// Reads of one hour by category, the most first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HourStats {
    #[schema(value_type = String, format = DateTime)]
    pub start: EventTime,
    /// How much of it has passed, 0 to 1.
    pub elapsed: f64,
    /// `usual` is the median of the same hour of the `week`, or else of the `day`.
    pub basis: &'static str,
    /// How many such hours are known; 0 while there is nothing to compare with.
    pub known: u64,
    pub categories: Vec<CategoryHourStats>,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CategoryHourStats {
    pub category: String,
    /// In this hour so far.
    pub reads: u64,
    /// In such an hour as a whole; null where none is known.
    pub usual: Option<f64>,
}

/// Incidents at one severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToDoStats {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
}

impl From<[u64; 3]> for ToDoStats {
    fn from([medium, high, critical]: [u64; 3]) -> Self {
        Self { critical, high, medium }
    }
}

/// Open ones, by severity; signals are below medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentStats {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub signals: u64,
    /// What nobody has resolved, whether it goes on or has gone quiet.
    pub to_do: ToDoStats,
    /// What of that nobody has acknowledged.
    pub unacknowledged: ToDoStats,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StateStats {
    pub actors: u64,
    pub sources: u64,
    /// Groups of correlation rules.
    pub groups: u64,
    /// With the flight recorder.
    pub bytes: u64,
    /// Actors, sources and groups forgotten to make room.
    pub evicted: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesStats {
    pub loaded: u64,
    /// What is wrong with the rules as last read; those before it stay in use.
    pub error: Option<String>,
}

impl Telemetry {
    /// `now` is the wall clock's.
    pub fn stats(&self, now: EventTime) -> Stats {
        let second = self.origin.elapsed().as_secs();
        let topics: Vec<_> = self.every_topic().collect();
        let totals: Vec<_> = topics.iter().map(|topic| locked(&topic.totals)).collect();
        let verdict_latency_ms = Latency::recent(totals.iter().map(|t| &t.latency), second);
        let events_per_second = totals.iter().map(|t| t.rate.per_second(second)).sum();
        let mut all = BatchCounts::default();
        totals.iter().for_each(|totals: &std::sync::MutexGuard<'_, Totals>| {
            all.add(&totals.counts);
        });
        let counts: Vec<BatchCounts> = totals.iter().map(|totals| totals.counts).collect();
        drop(totals);
        let figures = self.figures();
        let topics = topics
            .iter()
            .zip(counts)
            .map(|(topic, counts)| TopicStats {
                topic: topic.name.clone(),
                records: counts.into(),
                lag: figures.partitions.lag(&topic.name),
                watermark: figures.partitions.watermark(&topic.name),
                silent_partitions: figures.partitions.silent(&topic.name),
            })
            .collect();
        let [signals, medium, high, critical] = figures.incidents_open;
        let size = figures.state;
        Stats {
            version: env!("CARGO_PKG_VERSION"),
            time: now,
            started: self.started,
            uptime_s: second,
            ready: figures.unready.is_empty(),
            unready: figures.unready.clone(),
            kafka: if figures.connected { "connected" } else { "disconnected" },
            demo: figures.demo,
            events_per_second,
            records: all.into(),
            topics,
            verdict_latency_ms,
            incidents: IncidentStats {
                critical,
                high,
                medium,
                signals,
                to_do: figures.incidents_to_do.into(),
                unacknowledged: figures.incidents_new.into(),
            },
            hour: figures.hour.clone(),
            findings_by_detector: figures
                .findings()
                .map(|(name, counts)| (name, counts.iter().sum()))
                .collect(),
            findings_by_severity: Severity::ALL
                .into_iter()
                .map(|severity| (severity.name(), figures.findings_of(severity)))
                .collect(),
            reads_by_category: self.reads_by_category(),
            state: StateStats {
                actors: size.actors as u64,
                sources: size.sources as u64,
                groups: size.groups as u64,
                bytes: (size.actor_bytes
                    + size.source_bytes
                    + size.group_bytes
                    + size.recorder_bytes) as u64,
                evicted: figures.evicted.actors.total
                    + figures.evicted.sources.total
                    + figures.evicted.groups.total,
            },
            rules: RulesStats { loaded: figures.rules_loaded, error: figures.rules_error.clone() },
            budget: figures.budget.stats(),
        }
    }

    fn reads_by_category(&self) -> BTreeMap<String, u64> {
        self.categories
            .all()
            .into_iter()
            .filter(|(name, events, _)| *name != OTHER || *events > 0)
            .map(|(name, events, _)| (name.to_owned(), events))
            .collect()
    }
}
