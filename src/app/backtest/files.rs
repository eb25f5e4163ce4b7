//! Records from log files, merged by event time into one shard.

use super::trial::{Backtest, Trial};
use crate::adapters::files::{FileError, Merge};
use crate::engine::decode::Decoder;
use crate::engine::detect::Stream;
use crate::engine::model::Origin;
use crate::engine::shard::{Shard, ShardConfig};

pub fn backtest_files(
    mut trial: Trial<'_>,
    merge: &mut Merge,
    mut decoders: Vec<Decoder>,
    mut progress: impl FnMut(u64),
) -> Result<Backtest, FileError> {
    let streams = decoders.iter().map(|_| Stream::File { name: String::new() }).collect();
    let mut shard = Shard::new(streams, &ShardConfig::default());
    while let Some(place) = merge.advance()? {
        let Some(decoder) = decoders.get_mut(place.file) else { continue };
        let origin = Origin { stream: place.file as u16, position: place.line };
        let records = trial.take(&mut shard, decoder, merge.line(), origin, None);
        if records.is_multiple_of(4_096) {
            progress(records);
        }
    }
    Ok(trial.end([&mut shard]))
}
