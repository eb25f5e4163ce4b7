//! A worker's state into the changelogs and back: on time, when partitions go, when they come.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::admin::ensure_changelog;
use super::assignment::{Change, Partition, answer};
use super::changelog::{self, ChangelogError, Kept, MARK_KEY, PartitionMark};
use super::lane::Lane;
use super::saver::{Ended, Save, SaveError, SaverError};
use super::sender::SendError;
use super::transaction::{Change as Write, TransactionError};
use super::worker::{Worker, WorkerError};
use crate::engine::shard::{Records, ShardSaving};

const LOOK: Duration = Duration::from_secs(5);

/// One partition's part of a save.
struct Part {
    partition: Partition,
    changelog: String,
    records: Records,
    mark: Vec<u8>,
    next: i64,
    time_ms: i64,
    saving: ShardSaving,
}

/// A worker's partitions as they were at one moment.
pub struct Snapshot(Vec<Part>);

impl Save for Snapshot {
    fn changes(&self) -> impl Iterator<Item = Write<'_>> {
        self.0.iter().flat_map(|part| {
            let write = |key, value| Write {
                topic: &part.changelog,
                partition: part.partition.1,
                key,
                value,
            };
            let state = part.records.iter().map(move |(key, value)| write(key, value));
            state.chain([write(MARK_KEY, Some(&part.mark))])
        })
    }

    fn offsets(&self) -> Result<TopicPartitionList, TransactionError> {
        let mut list = TopicPartitionList::with_capacity(self.0.len());
        for part in &self.0 {
            let (topic, number) = &part.partition;
            let mut place = list.add_partition(topic, *number);
            place.set_offset(Offset::Offset(part.next)).map_err(TransactionError::Undone)?;
            place.set_metadata(part.time_ms.to_string());
        }
        Ok(list)
    }
}

impl Worker {
    /// Saves everything and waits until it has arrived. True where nothing is left to save.
    pub(super) fn save(&mut self) -> Result<bool, WorkerError> {
        if self.end_save(true)? == Some(false) && self.parts.stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
        if !self.lanes.values().any(|lane| lane.changed) {
            return Ok(true);
        }
        self.begin_save()?;
        Ok(self.end_save(true)? == Some(true))
    }

    /// Takes down what has changed. It is written to the changelogs, with the offsets, once the
    /// broker has acknowledged everything that was found until now; the worker goes on meanwhile.
    pub(super) fn begin_save(&mut self) -> Result<(), WorkerError> {
        self.saved_at = Instant::now();
        if !self.lanes.values().any(|lane| lane.changed) {
            return Ok(());
        }
        let Some(group) = self.consumer.group_metadata() else { return Ok(()) };
        let started = Instant::now();
        let snapshot = Snapshot(self.parts_to_save()?);
        let found = self.sender.close_lot();
        self.save_took = started.elapsed();
        self.parts.telemetry.paused(self.save_took);
        if let Err(refused) = self.saver.begin(snapshot, found, group) {
            self.saved(refused, false);
            return Err(SaverError::Ended.into());
        }
        Ok(())
    }

    /// Whether the save under way has arrived. None where there is none, or, unless it is to be
    /// waited for, where it has not ended.
    pub(super) fn end_save(&mut self, wait: bool) -> Result<Option<bool>, WorkerError> {
        let Some(Ended { save, outcome, took }) = self.saver.end(wait)? else { return Ok(None) };
        let arrived = outcome.is_ok();
        let (mut records, mut bytes) = (0, 0);
        for change in save.changes() {
            records += 1;
            bytes += (change.key.len() + change.value.map_or(0, <[u8]>::len)) as u64;
        }
        self.parts.telemetry.saved(arrived, records, bytes, took);
        self.saved(save, arrived);
        match outcome {
            Ok(()) => Ok(Some(true)),
            Err(SaveError::Send(SendError::Pending(records))) => {
                tracing::warn!(
                    records,
                    "the broker has not acknowledged everything; nothing is saved yet"
                );
                Ok(Some(false))
            }
            Err(SaveError::Transaction(TransactionError::Undone(error))) => {
                // The group may be sharing out anew; what is not saved is done again with the
                // same ids.
                self.parts.link.note_error(&error, "state not saved; it is tried again");
                Ok(Some(false))
            }
            Err(SaveError::Send(error)) => Err(error.into()),
            Err(SaveError::Transaction(error)) => Err(error.into()),
        }
    }

    fn saved(&mut self, snapshot: Snapshot, arrived: bool) {
        for mut part in snapshot.0 {
            let Some(lane) = self.lanes.get_mut(&part.partition) else { continue };
            part.records.clear();
            lane.records = part.records;
            if arrived {
                lane.shard.saved(part.saving);
            } else {
                lane.shard.save_again(part.saving);
                lane.changed = true;
            }
        }
    }

    fn parts_to_save(&mut self) -> Result<Vec<Part>, WorkerError> {
        let mut parts = Vec::new();
        for (partition, lane) in self.lanes.iter_mut().filter(|(_, lane)| lane.changed) {
            let mut records = std::mem::take(&mut lane.records);
            records.clear();
            let saving = lane.shard.save(&mut records)?;
            lane.changed = false;
            parts.push(Part {
                partition: partition.clone(),
                changelog: self.topics.changelog(&partition.0),
                records,
                mark: lane.mark_now().to_bytes()?,
                next: lane.mark.next,
                time_ms: lane.mark.time_ms,
                saving,
            });
        }
        Ok(parts)
    }

    /// Does what the group has asked for since the last time.
    pub(super) fn follow_group(&mut self) -> Result<(), WorkerError> {
        if !self.consumer.context().has_changes() {
            return Ok(());
        }
        self.end_save(true)?;
        for change in self.consumer.context().changes() {
            match change {
                Change::Assigned(list) => self.take_over(list)?,
                Change::Revoked(list) => {
                    if !self.parts.link.is_connected() || !self.save()? {
                        tracing::warn!(
                            "state was not saved before partitions were given up; their records are read again"
                        );
                    }
                    self.give_up(&list)?;
                }
                Change::Lost(list) => {
                    tracing::warn!(
                        partitions = list.count(),
                        "partitions were lost to another worker"
                    );
                    self.give_up(&list)?;
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, list: &TopicPartitionList) -> Result<(), WorkerError> {
        for element in list.elements() {
            let partition = (element.topic().to_owned(), element.partition());
            self.lanes.remove(&partition);
            self.consumer.context().forget(&partition);
        }
        tracing::info!(
            worker = self.parts.number,
            partitions = list.count(),
            "partitions given up"
        );
        answer(&self.consumer, None, Some(list)).map_err(WorkerError::Group)
    }

    /// Restores each partition's state, and reads on from where that state was.
    fn take_over(&mut self, mut list: TopicPartitionList) -> Result<(), WorkerError> {
        let started = Instant::now();
        self.parts.link.note_restoring(self.parts.number, true);
        let committed = self.committed(&list)?;
        let mut entries = 0;
        for (partition, kept) in self.kept(&committed)? {
            let at = committed.find_partition(&partition.0, partition.1).map(|e| e.offset());
            let at = at.and_then(|at| if let Offset::Offset(at) = at { Some(at) } else { None });
            let (lane, restored) = self.restore(&partition, at, kept)?;
            entries += restored;
            self.consumer.context().advance(&partition, lane.mark.next);
            // Known before anything new comes: a topic that stays silent after a start is one that is stale.
            if let Some(mark) = lane.shard.watermark() {
                self.parts.telemetry.watermark(&partition.0, partition.1, mark);
            }
            self.lanes.insert(partition, lane);
        }
        self.place(&mut list).map_err(WorkerError::Group)?;
        self.learn_layout()?;
        // Before anything of them is read, so that nobody runs ahead of them.
        self.tell_progress(true)?;
        for element in list.elements() {
            self.intake.lead_in(element.topic(), element.partition());
        }
        let partitions = list.count();
        answer(&self.consumer, Some(&list), None).map_err(WorkerError::Group)?;
        self.parts.link.note_assigned(self.parts.number);
        self.parts.link.note_restoring(self.parts.number, false);
        self.parts.telemetry.restored(entries as u64, started.elapsed());
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            worker = self.parts.number,
            partitions,
            entries,
            seconds,
            "partitions assigned"
        );
        Ok(())
    }

    /// Offsets the group has; waits for the broker, and for transactions that are being ended.
    fn committed(&self, list: &TopicPartitionList) -> Result<TopicPartitionList, WorkerError> {
        loop {
            match self.consumer.committed_offsets(list.clone(), LOOK) {
                Ok(committed) => return Ok(committed),
                Err(error) => self.parts.link.note_error(&error, "cannot read committed offsets"),
            }
            if self.parts.stop.load(Ordering::Relaxed) {
                return Err(TransactionError::Stopped.into());
            }
        }
    }

    /// What the changelogs hold of the partitions, all topics at once.
    fn kept(
        &mut self,
        committed: &TopicPartitionList,
    ) -> Result<BTreeMap<Partition, Kept>, WorkerError> {
        let mut topics: BTreeMap<String, BTreeMap<i32, Option<i64>>> = BTreeMap::new();
        for element in committed.elements() {
            let at = match element.offset() {
                Offset::Offset(at) => Some(at),
                _ => None,
            };
            let topic = topics.entry(element.topic().to_owned()).or_default();
            topic.insert(element.partition(), at);
        }
        for (topic, partitions) in &topics {
            let last = partitions.keys().next_back().copied().unwrap_or(0);
            self.ensure_changelog(topic, last + 1)?;
        }
        let (parts, names) = (&self.parts, &self.topics);
        let read = |topic: &str, committed| {
            let client = parts.kafka.client("restore")?;
            let changelog = names.changelog(topic);
            Ok(changelog::read(client, &parts.link, &changelog, committed, &parts.stop)?)
        };
        let read: Vec<Result<_, WorkerError>> = std::thread::scope(|scope| {
            let reading: Vec<_> = topics
                .iter()
                .map(|(topic, committed)| scope.spawn(move || (topic, read(topic, committed))))
                .collect();
            reading
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .map(|(topic, read)| read.map(|read| (topic, read)))
                .collect()
        });
        let mut kept = BTreeMap::new();
        for read in read {
            let (topic, partitions) = read?;
            for (partition, read) in partitions {
                kept.insert((topic.clone(), partition), read);
            }
        }
        Ok(kept)
    }

    fn ensure_changelog(&mut self, topic: &str, partitions: i32) -> Result<(), WorkerError> {
        if self.changelogs.get(topic).copied().unwrap_or(0) >= partitions {
            return Ok(());
        }
        let (parts, changelog) = (&self.parts, self.topics.changelog(topic));
        let ensured = ensure_changelog(&parts.kafka, topic, &changelog, partitions, &parts.link);
        let has = parts.runtime.block_on(ensured)?;
        self.changelogs.insert(topic.to_owned(), has);
        Ok(())
    }

    /// The partition with its state, and how many entries that has.
    fn restore(
        &self,
        partition: &Partition,
        committed: Option<i64>,
        kept: Kept,
    ) -> Result<(Lane, usize), WorkerError> {
        let (topic, number) = partition;
        let parts = &self.parts;
        let lane = |mark| {
            let (inputs, telemetry) = (&parts.inputs, &parts.telemetry);
            Lane::new(partition, inputs, &parts.shard, telemetry, mark, &self.topics)
        };
        let mut first = committed;
        match kept.mark {
            // An offset that is gone from the group, as it is after long idleness, still stands here.
            Some(mark) if committed.is_none_or(|at| at == mark.next) => {
                let (entries, next) = (kept.shard.len(), mark.next);
                let mut lane = lane(mark);
                match lane.shard.restore(kept.shard) {
                    Ok(()) => return Ok((lane, entries)),
                    Err(error) if parts.kafka.forgets => {
                        tracing::warn!(
                            topic,
                            partition = number,
                            error = %error,
                            "the demonstration's broker no longer has all of the state, as after a suspension: it begins anew with what comes now"
                        );
                        first = Some(next);
                    }
                    Err(source) => {
                        let (topic, partition) = (self.topics.changelog(topic), *number);
                        return Err(ChangelogError::State { topic, partition, source }.into());
                    }
                }
            }
            Some(mark) => {
                tracing::warn!(
                    topic,
                    partition = number,
                    committed,
                    state = mark.next,
                    "the group's offset is not the one the state was saved at, as after a reset: the state is set aside"
                );
            }
            None if committed.is_some() => {
                tracing::warn!(
                    topic,
                    partition = number,
                    committed,
                    changelog = self.topics.changelog(topic),
                    "the group has an offset and the changelog no state, as after a deletion: it goes on there without a past"
                );
            }
            None => {}
        }
        let first = match first {
            Some(at) => at,
            None => self.beginning(partition)?,
        };
        let mark = PartitionMark { first, next: first, ..PartitionMark::default() };
        let mut lane = lane(mark);
        self.begin_with_learned(&mut lane, topic)?;
        Ok((lane, 0))
    }

    /// A partition without a past begins with what was learned from history, if anything was.
    fn begin_with_learned(&self, lane: &mut Lane, topic: &str) -> Result<(), WorkerError> {
        let settings =
            Arc::clone(&self.parts.settings.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(learned) = &settings.learned {
            let shards = self.changelogs.get(topic).copied().unwrap_or(1).max(1);
            let seed = settings.enricher.pseudonyms.event_id_seed();
            lane.shard.begin_with(learned, shards.unsigned_abs(), seed)?;
        }
        Ok(())
    }

    /// Where a partition without a past begins.
    fn beginning(&self, partition: &Partition) -> Result<i64, WorkerError> {
        loop {
            match self.consumer.fetch_watermarks(&partition.0, partition.1, LOOK) {
                Ok((low, high)) => {
                    let earliest = self.parts.kafka.start == super::Start::Earliest;
                    return Ok(if earliest { low } else { high });
                }
                Err(error) => self.parts.link.note_error(&error, "cannot see where a topic begins"),
            }
            if self.parts.stop.load(Ordering::Relaxed) {
                return Err(TransactionError::Stopped.into());
            }
        }
    }

    /// Sets where each partition is read from: its own offset, less what the flight recorder is
    /// to be filled with again.
    fn place(&self, list: &mut TopicPartitionList) -> Result<(), KafkaError> {
        let recall_ms = i64::from(self.parts.kafka.recall_s) * 1_000;
        let mut wanted = TopicPartitionList::new();
        let places: Vec<Partition> = list
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        for partition in &places {
            let Some(lane) = self.lanes.get(partition) else { continue };
            if lane.mark.time_ms > 0 && recall_ms > 0 && !lane.gathers {
                let since = Offset::Offset((lane.mark.time_ms - recall_ms).max(0));
                wanted.add_partition_offset(&partition.0, partition.1, since)?;
            }
        }
        let found = if wanted.count() > 0 {
            self.consumer.offsets_for_times(wanted, LOOK).unwrap_or_else(|error| {
                self.parts.link.note_error(&error, "the flight recorder begins empty");
                TopicPartitionList::new()
            })
        } else {
            TopicPartitionList::new()
        };
        for (topic, number) in places {
            let Some(lane) = self.lanes.get(&(topic.clone(), number)) else { continue };
            let past = found.find_partition(&topic, number).map(|element| element.offset());
            let from = match past {
                Some(Offset::Offset(at)) if (0..lane.mark.next).contains(&at) => at,
                _ => lane.mark.next,
            };
            if let Some(mut element) = list.find_partition(&topic, number) {
                element.set_offset(Offset::Offset(from))?;
            }
        }
        Ok(())
    }
}
