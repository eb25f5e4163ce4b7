//! Records from log files, merged by event time into one shard, as `replay` reads them.

use super::retrace::{Retrace, Retraced};
use crate::adapters::files::{FileError, Merge};
use crate::engine::decode::Decoder;
use crate::engine::detect::Stream;
use crate::engine::model::Origin;
use crate::engine::shard::{Shard, ShardConfig};

/// `files` are names and decoders in the order [`Merge`] counts them.
pub fn explain_files(
    mut retrace: Retrace<'_>,
    merge: &mut Merge,
    files: Vec<(String, Decoder)>,
    config: &ShardConfig,
    mut progress: impl FnMut(),
) -> Result<Retraced, FileError> {
    let (names, mut decoders): (Vec<String>, Vec<Decoder>) = files.into_iter().unzip();
    let streams: Vec<Stream> = names.into_iter().map(|name| Stream::File { name }).collect();
    let mut shard = Shard::new(streams.clone(), config);
    while let Some(at) = merge.advance()? {
        let (Some(decoder), Some(stream)) = (decoders.get_mut(at.file), streams.get(at.file))
        else {
            continue;
        };
        let origin = Origin { stream: at.file as u16, position: at.line };
        let place = stream.source(at.line);
        if retrace.take(&mut shard, decoder, merge.line(), (origin, &place), None) {
            return Ok(retrace.done());
        }
        if at.line.is_multiple_of(4_096) {
            progress();
        }
    }
    retrace.end(&mut shard);
    Ok(retrace.done())
}
