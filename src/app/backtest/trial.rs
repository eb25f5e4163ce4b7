//! Records judged by the rule and nothing else, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::past::PastIncidents;
use crate::engine::decode::Decoder;
use crate::engine::detect::{Roster, Rules};
use crate::engine::model::{EventTime, Finding, Key, Origin};
use crate::engine::shard::{Incoming, Output, Settings, Shard};

const DAY_S: f64 = 86_400.0;

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

    /// Event time between the first and the last event judged, in seconds.
    pub fn span_s(&self) -> i64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.since(first) / 1_000,
            _ => 0,
        }
    }

    /// Findings a day at the rate of the events' span: of less than a day, what a whole day like it
    /// would give. None where an hour or less says nothing of days.
    pub fn per_day(&self) -> Option<f64> {
        let span_s = self.span_s();
        (span_s > 3_600).then(|| self.total() as f64 * DAY_S / span_s as f64)
    }

    /// Whether the events span less than a day.
    pub fn is_short(&self) -> bool {
        (self.span_s() as f64) < DAY_S
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
        let records = found.records;
        self.count();
        records
    }

    /// Counts what was found.
    fn count(&mut self) {
        let found = &mut self.found;
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
    }

    /// Nothing more is to come: what waited in the shards is judged, too.
    pub(super) fn end<'a>(mut self, shards: impl IntoIterator<Item = &'a mut Shard>) -> Backtest {
        for shard in shards {
            shard.let_go(None, self.settings, &mut self.out);
            self.count();
        }
        self.found
    }
}
