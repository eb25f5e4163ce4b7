//! One partition at work: its shard, its decoder, and its account of every record.

use std::sync::Arc;

use super::assignment::Partition;
use super::changelog::PartitionMark;
use super::dead_letter::DeadLetter;
use super::intake::Record;
use super::link::{ticks, wall_clock_ms};
use super::peers::PeersError;
use super::rekey::Told;
use super::sender::{SendError, Sender};
use super::{InputConfig, Topics};
use crate::adapters::telemetry::{BatchCounts, Telemetry, TopicTelemetry};
use crate::engine::decode::{Decoder, Expected, Refusal};
use crate::engine::detect::Stream;
use crate::engine::detect::baseline::{Lookups, LookupsError};
use crate::engine::enrich::Facts;
use crate::engine::model::{Event, EventTime, Kind, Origin, Outcome};
use crate::engine::shard::{
    HourReads, Incoming, Output, Records, Settings, Shard, ShardConfig, Verdict, read_ahead,
};

pub(super) const HOUR_MS: i64 = 3_600_000;
/// Hours and categories kept until they are told; what comes beyond is in no hour's count.
const READS_MAX: usize = 8_192;

#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("cannot write a dead letter: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write lookups: {0}")]
    Lookups(#[from] LookupsError),
    #[error("cannot tell others: {0}")]
    Peers(#[from] PeersError),
}

/// Everything one partition needs.
pub struct Lane {
    pub shard: Shard,
    pub telemetry: Arc<TopicTelemetry>,
    /// Counts of the batch at hand.
    pub counts: BatchCounts,
    /// Broker times of the batch's records, for the latency, with how many in a row have each.
    pub times: Vec<(i64, u64)>,
    /// Reads not told yet.
    pub reads: Vec<HourReads>,
    /// Reads of the records at hand, by category.
    tallies: Vec<Tally>,
    pub mark: PartitionMark,
    /// Something has been judged since the state was last saved.
    pub changed: bool,
    /// Memory for the next save.
    pub records: Records,
    /// The partition is one of our own, in which lookups are counted by subject.
    pub gathers: bool,
    /// What was last told of its progress to those that count.
    pub told: Option<Told>,
    /// What others had told when it was last looked at, and the day here.
    pub figures_seen: (u64, u16),
    decoder: Decoder,
}

/// Where what a record gives rise to goes.
pub struct Outlet<'a> {
    pub settings: &'a Settings,
    pub out: &'a mut Output,
    pub sender: &'a Sender,
    pub topics: &'a Topics,
}

impl Lane {
    pub fn new(
        partition: &Partition,
        inputs: &[InputConfig],
        config: &ShardConfig,
        telemetry: &Telemetry,
        mark: PartitionMark,
        topics: &Topics,
    ) -> Self {
        let gathers = partition.0 == topics.lookups;
        let (topic, number) = partition;
        let stream = Stream::Partition { topic: topic.clone(), partition: *number };
        let input = inputs.iter().find(|input| input.topic == *topic);
        let mut decoder = Decoder::new(input.map_or(Expected::Auto, InputConfig::expected));
        if let Some(header) = &mark.header {
            decoder.restore_header(header);
        }
        let mut shard = Shard::new(vec![stream], config);
        shard.time_rules_with(ticks);
        if !gathers {
            shard.send_lookups();
            shard.tell_figures();
        }
        Self {
            shard,
            telemetry: telemetry.topic(topic),
            counts: BatchCounts::default(),
            times: Vec::new(),
            reads: Vec::new(),
            tallies: Vec::new(),
            mark,
            changed: false,
            records: Records::default(),
            gathers,
            told: None,
            figures_seen: (0, 0),
            decoder,
        }
    }

    /// False while records come that were judged before a restart.
    pub fn is_current(&self, offset: i64) -> bool {
        offset >= self.mark.next
    }

    /// Takes records in their order, looking ahead at some at a time.
    pub fn take_all(
        &mut self,
        mut records: &[Record<'_>],
        to: &mut Outlet<'_>,
    ) -> Result<(), LaneError> {
        if self.gathers {
            return records.iter().try_for_each(|record| self.gather(record, to));
        }
        while !records.is_empty() {
            let ahead = read_ahead(records.iter().map(|record| record.payload));
            let (now, later) = records.split_at(ahead);
            records = later;
            let mut decoded = Vec::with_capacity(now.len());
            decoded.extend(now.iter().map(|record| match record.payload.is_empty() {
                true => Err(Refusal::Empty),
                false => self.decoder.decode(record.payload),
            }));
            let events = decoded.iter().filter_map(|decoded| decoded.as_ref().ok()?.as_ref());
            let mut facts = self.shard.look_ahead(events, to.settings).into_iter();
            for (record, decoded) in now.iter().zip(&decoded) {
                let facts = if let Ok(Some(_)) = decoded { facts.next() } else { None };
                let known = decoded.as_ref().map(|event| event.as_ref().zip(facts.as_ref()));
                self.take(record, known, to)?;
            }
        }
        tell_reads(&mut self.tallies, &self.telemetry);
        Ok(())
    }

    /// Takes one record; one that was judged before a restart only fills the flight recorder.
    fn take(
        &mut self,
        record: &Record<'_>,
        decoded: Result<Option<(&Event<'_>, &Facts<'_>)>, &Refusal>,
        to: &mut Outlet<'_>,
    ) -> Result<(), LaneError> {
        let Record { payload, offset, .. } = *record;
        let time_ms = record.time_ms.unwrap_or_else(wall_clock_ms);
        let current = self.is_current(offset);
        let Self { shard, decoder, counts, times, mark, telemetry, reads, tallies, .. } = self;
        let raw = || decoder.raw_value(payload).unwrap_or_default();
        if !current {
            if let Ok(Some((event, _))) = decoded {
                shard.recall(&incoming(event, &raw, offset, time_ms), to.settings);
            }
            return Ok(());
        }
        self.changed = true;
        mark.gaps += (offset - mark.next).unsigned_abs();
        mark.next = offset + 1;
        mark.time_ms = time_ms;
        match times.last_mut() {
            Some((last, count)) if *last == time_ms => *count += 1,
            _ => times.push((time_ms, 1)),
        }
        counts.records_in += 1;
        let (event, facts) = match decoded {
            Ok(Some(known)) => known,
            Ok(None) => {
                // A header or a blank line is no event; it is read, and there is nothing to judge.
                counts.scored += 1;
                mark.scored += 1;
                return Ok(());
            }
            Err(refusal) => {
                counts.dead_lettered += 1;
                mark.dead_lettered += 1;
                telemetry.refused(refusal.label());
                let letter = serde_json::to_vec(&DeadLetter::new(record, refusal))?;
                to.sender.send(&to.topics.dead_letter, record.topic, &letter)?;
                return Ok(());
            }
        };
        counts.saturated += u64::from(event.saturated);
        let incoming = incoming(event, &raw, offset, time_ms);
        let (count, total) = match shard.judge_known(&incoming, facts, to.settings, to.out) {
            Verdict::Scored => (&mut counts.scored, &mut mark.scored),
            Verdict::Late => (&mut counts.late, &mut mark.late),
            Verdict::Duplicate => (&mut counts.duplicate, &mut mark.duplicate),
        };
        *count += 1;
        *total += 1;
        if event.kind == Kind::Access && event.outcome == Outcome::Allowed {
            let tally = tally_of(tallies, facts.category, telemetry);
            tally.events += 1;
            tally.records += event.records;
            count_read(reads, event.time, &tally.name);
        }
        Ok(())
    }

    /// Counts the lookups of a record.
    fn gather(&mut self, record: &Record<'_>, to: &mut Outlet<'_>) -> Result<(), LaneError> {
        let Record { payload, offset, .. } = *record;
        if !self.is_current(offset) {
            return Ok(());
        }
        let time_ms = record.time_ms.unwrap_or_else(wall_clock_ms);
        let Self { shard, mark, counts, telemetry, .. } = self;
        self.changed = true;
        counts.records_in += 1;
        mark.gaps += (offset - mark.next).unsigned_abs();
        mark.next = offset + 1;
        mark.time_ms = time_ms;
        match Lookups::from_bytes(payload) {
            Ok(lookups) => {
                (mark.scored, counts.scored) = (mark.scored + 1, counts.scored + 1);
                let now = EventTime::from_millis(time_ms).unwrap_or_default();
                shard.gather(lookups, now, to.settings, to.out);
            }
            Err(error) => {
                mark.dead_lettered += 1;
                counts.dead_lettered += 1;
                telemetry.refused(Refusal::UnknownFormat.label());
                tracing::warn!(topic = record.topic, offset, %error, "not written by a detector");
                let letter = DeadLetter::new(record, &Refusal::UnknownFormat);
                let letter = serde_json::to_vec(&letter)?;
                to.sender.send(&to.topics.dead_letter, record.topic, &letter)?;
            }
        }
        Ok(())
    }

    /// The mark as it is to be kept.
    pub fn mark_now(&self) -> PartitionMark {
        PartitionMark { header: self.decoder.header(), ..self.mark.clone() }
    }
}

/// Reads of one category that telemetry has not heard of: other workers write to the same place, so
/// it is told once for many.
#[derive(Debug)]
struct Tally {
    category: String,
    /// The category as it is told.
    name: String,
    events: u64,
    records: u64,
}

/// Categories counted apart; events may claim any.
const TALLIES_MAX: usize = 32;

fn tally_of<'t>(
    tallies: &'t mut Vec<Tally>,
    category: &str,
    telemetry: &TopicTelemetry,
) -> &'t mut Tally {
    let place = tallies.iter().position(|tally| tally.category == category);
    let place = place.unwrap_or_else(|| {
        if tallies.len() >= TALLIES_MAX {
            tell_reads(tallies, telemetry);
            tallies.clear();
        }
        let name = telemetry.category(category).to_owned();
        tallies.push(Tally { category: category.to_owned(), name, events: 0, records: 0 });
        tallies.len() - 1
    });
    &mut tallies[place]
}

fn tell_reads(tallies: &mut [Tally], telemetry: &TopicTelemetry) {
    for tally in tallies.iter_mut().filter(|tally| tally.events > 0) {
        telemetry.read(&tally.category, tally.events, tally.records);
        (tally.events, tally.records) = (0, 0);
    }
}

/// Records come nearly in order, so the place is found at the end.
fn count_read(reads: &mut Vec<HourReads>, time: EventTime, category: &str) {
    let hour = time.millis().div_euclid(HOUR_MS);
    let mut newest_first = reads.iter_mut().rev();
    if let Some(one) = newest_first.find(|one| one.hour == hour && one.category == category) {
        one.reads += 1;
    } else if reads.len() < READS_MAX {
        reads.push(HourReads { hour, category: category.to_owned(), reads: 1 });
    }
}

fn incoming<'e>(
    event: &'e Event<'e>,
    raw: &'e dyn Fn() -> serde_json::Value,
    offset: i64,
    time_ms: i64,
) -> Incoming<'e> {
    Incoming {
        event,
        raw,
        origin: Origin { stream: 0, position: u64::try_from(offset).unwrap_or(0) },
        broker_time: EventTime::from_millis(time_ms).ok(),
    }
}
