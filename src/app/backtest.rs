//! One rule over recorded events: how often, on whom, what it would have cost.

use std::collections::BTreeMap;

use crate::adapters::files::{FileError, Merge};
use crate::engine::decode::Decoder;
use crate::engine::detect::{Roster, Rules, Stream};
use crate::engine::model::{EventTime, Finding, Key, Origin};
use crate::engine::shard::{Incoming, Output, Settings, Shard, ShardConfig};

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
    /// Findings by key, under a pseudonym.
    pub keys: BTreeMap<String, u64>,
    /// Findings by day (UTC).
    pub days: BTreeMap<String, u64>,
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
    }
}

/// Runs `settings`' rules and nothing else over `merge`, between `from` and `to`.
pub fn backtest(
    merge: &mut Merge,
    mut decoders: Vec<Decoder>,
    settings: &mut Settings,
    rules: Rules,
    bounds: (Option<EventTime>, Option<EventTime>),
    mut progress: impl FnMut(u64),
) -> Result<Backtest, FileError> {
    settings.rules = rules;
    settings.roster = Roster::empty();
    let streams = decoders.iter().map(|_| Stream::File { name: String::new() }).collect();
    let mut shard = Shard::new(streams, &ShardConfig::default());
    let (mut out, mut found) = (Output::default(), Backtest::default());
    while let Some(place) = merge.advance()? {
        let line = merge.line();
        found.records += 1;
        if found.records.is_multiple_of(4_096) {
            progress(found.records);
        }
        let event = match decoders[place.file].decode(line) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(_) => {
                found.rejected += 1;
                continue;
            }
        };
        let (from, to) = bounds;
        if from.is_some_and(|from| event.time < from) || to.is_some_and(|to| event.time >= to) {
            continue;
        }
        found.judged += 1;
        found.first = Some(found.first.map_or(event.time, |first| first.min(event.time)));
        found.last = found.last.max(Some(event.time));
        let decoder = &decoders[place.file];
        let raw = || decoder.raw_value(line).unwrap_or_default();
        let incoming = Incoming {
            event: &event,
            raw: &raw,
            origin: Origin { stream: place.file as u16, position: place.line },
            broker_time: None,
        };
        shard.judge(&incoming, settings, &mut out);
        for finding in out.findings.drain(..) {
            let pseudonyms = &settings.enricher.pseudonyms;
            found.take(&finding, |key| {
                format!("{}:{}", key.kind.name(), pseudonyms.subject(&key.value))
            });
        }
        out.clear();
    }
    Ok(found)
}
