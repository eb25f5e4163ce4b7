//! Lookups on their way: from the shards of accounts to those of subjects, through a topic of ours
//! whose partitions the subjects are shared out over.
//!
//! They go out at once and not in the transaction of state and offsets: what is told twice counts
//! once. With them goes how far the partition has got, so that whoever counts can keep to the order
//! of event time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;

use super::assignment::Partition;
use super::lane::{Lane, LaneError, Outlet};
use super::transaction::TransactionError;
use super::worker::{Worker, WorkerError};
use crate::engine::detect::baseline::{Leaving, Progress};
use crate::engine::model::EventTime;

/// How often partitions are looked at for progress to tell.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Event time after which progress is told.
const STEP_MS: i64 = 60_000;
/// A partition that is behind says in between that it is alive; the others too, since time goes
/// on for those that count only as they hear something.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
const IDLE_EVERY: Duration = Duration::from_secs(30);
/// How long the broker is asked how many partitions the topic has.
const LOOK: Duration = Duration::from_secs(5);

/// Between whom lookups travel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// Over how many partitions the subjects are shared out; 0 until that is known.
    pub shards: u32,
    /// Partitions of all inputs.
    pub sources: u32,
}

/// What was last told of a partition.
#[derive(Clone, Copy)]
pub struct Told {
    reached: EventTime,
    idle: bool,
    at: Instant,
}

/// Sends what the records of a run gave rise to.
pub fn send_lookups(
    lane: &mut Lane,
    partition: &Partition,
    layout: Layout,
    to: &mut Outlet<'_>,
) -> Result<(), LaneError> {
    if to.out.lookups.is_empty() {
        return Ok(());
    }
    let progress = progress(lane, partition, layout, false);
    let shares = to.out.lookups.share_out(progress.shards);
    for (shard, share) in (0..).zip(shares).filter(|(_, share)| !share.is_empty()) {
        to.sender.send_to(&to.topics.lookups, shard, &share.to_bytes(&progress)?)?;
    }
    Ok(())
}

/// `idle`: everything there is has been read.
fn progress(lane: &Lane, partition: &Partition, layout: Layout, idle: bool) -> Progress {
    Progress {
        topic: partition.0.as_str().into(),
        partition: partition.1,
        reached: lane.shard.watermark().unwrap_or(EventTime::MIN),
        idle,
        actors: lane.shard.peers().actors_a_day(),
        shards: layout.shards.max(1),
        sources: layout.sources,
    }
}

impl Worker {
    /// Tells everybody how far each partition has got, where that is news.
    pub(super) fn tell_progress(&mut self, at_once: bool) -> Result<(), WorkerError> {
        if !at_once && self.told_at.elapsed() < TELL_EVERY {
            return Ok(());
        }
        self.told_at = Instant::now();
        for (partition, lane) in &mut self.lanes {
            if lane.gathers {
                continue;
            }
            let end = self.intake.end(&partition.0, partition.1);
            let idle = end.is_some_and(|end| lane.mark.next >= end);
            let now = progress(lane, partition, self.layout, idle);
            let is_news = lane.told.is_none_or(|told| {
                idle != told.idle
                    || !idle && now.reached.since(told.reached) >= STEP_MS
                    || told.at.elapsed() >= if idle { IDLE_EVERY } else { ALIVE_EVERY }
            });
            if !is_news {
                continue;
            }
            lane.told = Some(Told { reached: now.reached, idle, at: Instant::now() });
            let bytes = Leaving::default().to_bytes(&now).map_err(LaneError::from)?;
            for shard in 0..self.layout.shards as i32 {
                self.sender.send_to(&self.topics.lookups, shard, &bytes)?;
            }
        }
        Ok(())
    }

    /// Learns how the subjects are shared out, and over how many inputs' partitions; waits for the
    /// broker.
    pub(super) fn learn_layout(&mut self) -> Result<(), WorkerError> {
        let count = |topic: &str| {
            let metadata = self.consumer.fetch_metadata(Some(topic), LOOK)?;
            let partitions = metadata.topics().iter().map(|topic| topic.partitions().len());
            Ok::<u32, KafkaError>(partitions.sum::<usize>() as u32)
        };
        let look = || {
            let inputs = self.parts.inputs.iter().map(|input| count(&input.topic));
            let sources = inputs.sum::<Result<u32, KafkaError>>()?;
            Ok::<Layout, KafkaError>(Layout { shards: count(&self.topics.lookups)?, sources })
        };
        while !self.parts.stop.load(Ordering::Relaxed) {
            match look() {
                Ok(layout) if layout.shards > 0 => {
                    self.layout = layout;
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => self.parts.link.note_error(&error, "cannot see the lookups' topic"),
            }
            if self.layout.shards > 0 {
                // What is known already will do.
                return Ok(());
            }
        }
        Err(TransactionError::Stopped.into())
    }
}
