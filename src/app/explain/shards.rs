//! All partitions' shards at work, as a monitor's are that keeps up with them: what they tell each
//! other counts where it would have, and so does what is counted across them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::Message as _;

use super::kafka::{ExplainKafkaError, FromKafka};
use super::retrace::Retrace;
use crate::adapters::kafka::{
    Board, History, InputConfig, LedgerError, LedgerLine, Link, appended_ms, ledger, wall_clock_ms,
};
use crate::config::Config;
use crate::engine::decode::{Decoder, Expected};
use crate::engine::detect::Stream;
use crate::engine::detect::baseline::{Lookups, LookupsError, Progress};
use crate::engine::model::{EventTime, Origin};
use crate::engine::shard::{Shard, ShardConfig};

/// One partition of an input.
struct Lane {
    shard: Shard,
    decoder: Decoder,
    stream: Stream,
    /// What others had told when it was last looked at, and the day here.
    seen: (u64, u16),
}

struct Shards {
    lanes: BTreeMap<(String, i32), Lane>,
    board: Board,
    /// In which subjects are counted.
    counting: Vec<Shard>,
}

/// Reads all partitions of all inputs in the order of event time.
pub fn from_shards(
    mut retrace: Retrace<'_>,
    config: &Config,
    shard: &ShardConfig,
    link: &Arc<Link>,
    (topic, partition, offset): (&str, i32, i64),
    mut progress: impl FnMut(u64),
) -> Result<FromKafka, ExplainKafkaError> {
    let inputs: Vec<String> = config.input.iter().map(|input| input.topic.clone()).collect();
    let accounts = ledger(&config.kafka, &inputs, link)?;
    let account = accounts.iter().find(|line| line.topic == topic && line.partition == partition);
    let first = account.map_or(0, |line| line.first);
    let (_, held) = History::of_partition(&config.kafka, topic, partition, first, link)?;
    let topic = topic.to_owned();
    let Some(held) = held else {
        return Err(ExplainKafkaError::NoPartition { topic, partition });
    };
    let (start, end) = (held.start, held.end);
    if !(start..end).contains(&offset) {
        return Err(ExplainKafkaError::Gone { topic, partition, wanted: offset, start, end });
    }
    let mut shards = Shards::new(config, shard, &accounts, counting(config, link)?);
    let history = History::open(&config.kafka, &inputs, None, link)?;
    let first: BTreeMap<(String, i32), i64> =
        accounts.into_iter().map(|line| ((line.topic, line.partition), line.first)).collect();
    // One decoder a partition looks ahead to the time; another reads what is taken.
    let mut ahead: BTreeMap<(String, i32), Decoder> = BTreeMap::new();
    let (mut records, mut found) = (0_u64, Ok(false));
    history.merged(
        |topic, partition, payload| {
            let place = (topic.to_owned(), partition);
            let decoder = ahead.entry(place).or_insert_with(|| decoder(config, topic));
            Some(decoder.decode(payload).ok()??.time.millis())
        },
        |message| {
            let place = (message.topic().to_owned(), message.partition());
            // What the monitor never read counts nowhere.
            let before = first.get(&place).is_some_and(|first| message.offset() < *first);
            if before || !matches!(found, Ok(false)) {
                return;
            }
            records += 1;
            if records.is_multiple_of(4_096) {
                progress(records);
            }
            let appended =
                appended_ms(message.timestamp().to_millis()).unwrap_or_else(wall_clock_ms);
            let record = (message.offset(), message.payload().unwrap_or_default(), appended);
            found = shards.take(&mut retrace, &place, record);
        },
    )?;
    found?;
    let missing = (start - first.get(&(topic, partition)).copied().unwrap_or(0)).max(0);
    let read = format!("{} partitions of {}", first.len(), inputs.join(", "));
    Ok(FromKafka { traced: retrace.done(), read, missing })
}

/// Over how many partitions subjects are shared out.
fn counting(config: &Config, link: &Arc<Link>) -> Result<usize, LedgerError> {
    let lines = ledger(&config.kafka, &[config.kafka.topics().lookups], link)?;
    Ok(lines.len().max(1))
}

fn decoder(config: &Config, topic: &str) -> Decoder {
    let input = config.input.iter().find(|input| input.topic == topic);
    Decoder::new(input.map_or(Expected::Auto, InputConfig::expected))
}

impl Shards {
    fn new(config: &Config, of: &ShardConfig, accounts: &[LedgerLine], counting: usize) -> Self {
        let lane = |line: &LedgerLine| {
            let (topic, partition) = (line.topic.clone(), line.partition);
            let stream = Stream::Partition { topic: topic.clone(), partition };
            let mut shard = Shard::new(vec![stream.clone()], of);
            shard.send_lookups();
            shard.tell_figures();
            let decoder = decoder(config, &topic);
            ((topic, partition), Lane { shard, decoder, stream, seen: (0, 0) })
        };
        Self {
            lanes: accounts.iter().map(lane).collect(),
            board: Board::default(),
            counting: (0..counting).map(|_| Shard::new(Vec::new(), of)).collect(),
        }
    }

    /// Judges a record; true once the finding is there.
    fn take(
        &mut self,
        retrace: &mut Retrace<'_>,
        place: &(String, i32),
        (offset, payload, appended): (i64, &[u8], i64),
    ) -> Result<bool, LookupsError> {
        let Some(lane) = self.lanes.get_mut(place) else { return Ok(false) };
        let day = lane.shard.peers().day();
        if lane.seen != (self.board.version(), day) {
            lane.seen = (self.board.version(), day);
            let groups_max = retrace.settings().suite.groups_max();
            let versions = lane.shard.peers().versions();
            if let Some(known) = self.board.decide(place, day, versions, groups_max) {
                lane.shard.offer(known);
            }
        }
        let position = u64::try_from(offset).unwrap_or(0);
        let origin = Origin { stream: 0, position };
        let source = lane.stream.source(position);
        let now = EventTime::from_millis(appended).unwrap_or_default();
        let Lane { shard, decoder, .. } = lane;
        let mut found = retrace.take(shard, decoder, payload, (origin, &source), Some(now));
        let (mut lookups, figures) = retrace.take_told();
        for figures in figures {
            self.board.hold((&place.0, place.1), figures);
        }
        if found || lookups.is_empty() {
            return Ok(found);
        }
        let progress = Progress {
            topic: place.0.as_str().into(),
            partition: place.1,
            reached: now,
            // Records come in the order of event time: nobody is to be waited for.
            idle: true,
            actors: shard.peers().actors_a_day(),
            shards: self.counting.len() as u32,
            sources: 0,
        };
        let shares = lookups.share_out(progress.shards);
        for (counting, share) in self.counting.iter_mut().zip(shares) {
            if !share.is_empty() && !found {
                let told = Lookups::from_bytes(&share.to_bytes(&progress)?)?;
                found = retrace.gather((counting, shard), told, now);
            }
        }
        Ok(found)
    }
}
