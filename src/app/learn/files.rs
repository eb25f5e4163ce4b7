//! Records from log files, merged by event time.

use super::Learner;
use crate::adapters::files::{FileError, Merge};
use crate::engine::decode::Decoder;
use crate::engine::model::Origin;

/// Has `learner` take all lines; `progress` is told now and then how many they were.
pub fn learn_files(
    learner: &mut Learner<'_>,
    merge: &mut Merge,
    mut decoders: Vec<Decoder>,
    mut progress: impl FnMut(u64),
) -> Result<(), FileError> {
    while let Some(place) = merge.advance()? {
        let Some(decoder) = decoders.get_mut(place.file) else { continue };
        let origin = Origin { stream: place.file as u16, position: place.line };
        let records = learner.take(decoder, merge.line(), origin, None);
        if records.is_multiple_of(4_096) {
            progress(records);
        }
    }
    Ok(())
}
