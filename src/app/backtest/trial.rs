//! Records judged by the rule and nothing else, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::past::PastIncidents;
use crate::engine::decode::Decoder;
use crate::engine::detect::{Roster, Rules};
use crate::engine::model::{EventTime, Finding, Key, Origin};
use crate::engine::shard::{Incoming, Output, Settings, Shard};

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Backtest {
    pub records: u64,
    pub rejected: u64,
    /// Events between the bounds asked for.
    pub judged: u64,
    pub first: Option<EventTime>,
    pub last: Option<EventTime>,
    /// Findings by rule id.
    pub findings: BTreeMap<String, u64>,
    /// Findings by key, under a pseudonym unless asked otherwise.
    pub keys: BTreeMap<String, u64>,
    /// Findings by day (UTC).
    pub days: BTreeMap<String, u64>,
    /// What people had made of the same days, where that was asked for.
    pub past: Option<PastIncidents>,
}

impl Backtest {
    pub fn total(&self) -> u64 {
        self.findings.values().sum()
    }

    /// Findings a day, over the days the events span, at least one.
    pub fn per_day(&self) -> f64 {
        let span = match (self.first, self.last) {
            (Some(first), Some(last)) => last.since(first) as f64 / 86_400_000.0,
            _ => 0.0,
        };
        self.total() as f64 / span.max(1.0)
    }

    fn take(&mut self, finding: &Finding, pseudonym: impl Fn(&Key) -> String) {
        *self.findings.entry(finding.rule.clone().unwrap_or_default()).or_default() += 1;
        *self.keys.entry(pseudonym(&finding.key)).or_default() += 1;
        let day = finding.time.to_string();
        *self.days.entry(day.get(..10).unwrap_or_default().to_owned()).or_default() += 1;
        if let Some(past) = &mut self.past {
            past.take(finding);
        }
    }
}

/// A backtest under way.
pub struct Trial<'s> {
    settings: &'s mut Settings,
    bounds: (Option<EventTime>, Option<EventTime>),
    /// Rules whose findings count.
    counted: Vec<String>,
    /// Whether keys are kept as they are.
    named: bool,
    out: Output,
    found: Backtest,
}

impl<'s> Trial<'s> {
    /// Of `rules`, and no detector, between the bounds.
    pub fn new(
        settings: &'s mut Settings,
        rules: Rules,
        counted: Vec<String>,
        bounds: (Option<EventTime>, Option<EventTime>),
        past: Option<PastIncidents>,
    ) -> Self {
        settings.rules = Arc::new(rules);
        settings.roster = Arc::new(Roster::empty());
        let found = Backtest { past, ..Backtest::default() };
        Self { settings, bounds, counted, named: false, out: Output::default(), found }
    }

    /// The same with keys kept as they are, in the place of pseudonyms.
    pub fn named(self) -> Self {
        Self { named: true, ..self }
    }

    /// Judges one record; gives how many there were.
    pub(super) fn take(
        &mut self,
        shard: &mut Shard,
        decoder: &mut Decoder,
        record: &[u8],
        origin: Origin,
        broker_time: Option<EventTime>,
    ) -> u64 {
        let found = &mut self.found;
        found.records += 1;
        let event = match decoder.decode(record) {
            Ok(Some(event)) => event,
            Ok(None) => return found.records,
            Err(_) => {
                found.rejected += 1;
                return found.records;
            }
        };
        let (from, to) = self.bounds;
        if from.is_some_and(|from| event.time < from) || to.is_some_and(|to| event.time >= to) {
            return found.records;
        }
        found.judged += 1;
        found.first = Some(found.first.map_or(event.time, |first| first.min(event.time)));
        found.last = found.last.max(Some(event.time));
        let raw = || decoder.raw_value(record).unwrap_or_default();
        let incoming = Incoming { event: &event, raw: &raw, origin, broker_time };
        shard.judge(&incoming, self.settings, &mut self.out);
        let pseudonyms = &self.settings.enricher.pseudonyms;
        for finding in self.out.findings.drain(..) {
            let of_rule = |id: &String| finding.rule.as_ref() == Some(id);
            if self.counted.iter().any(of_rule) {
                let named = self.named;
                found.take(&finding, |key| match named {
                    true => format!("{}:{}", key.kind.name(), key.value),
                    false => format!("{}:{}", key.kind.name(), pseudonyms.subject(&key.value)),
                });
            }
        }
        self.out.clear();
        found.records
    }

    pub(super) fn end(self) -> Backtest {
        self.found
    }
}
