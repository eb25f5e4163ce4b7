//! An event as the timeline would tell it, outside of any shard's memory: for reading again what
//! was read long ago.

use super::incoming::Incoming;
use super::{Recorder, RecorderConfig, Settings};
use crate::engine::detect::{Judged, Stream};
use crate::engine::model::Entry;

/// Of one stream.
pub struct Teller {
    streams: [Stream; 1],
    recorder: Recorder,
}

impl Teller {
    pub fn new(stream: Stream) -> Self {
        // Each entry is taken out again before the next comes.
        let config = RecorderConfig { events_max: 16, ..RecorderConfig::default() };
        Self { streams: [stream], recorder: Recorder::new(&config) }
    }

    pub fn entry(&mut self, incoming: &Incoming<'_>, settings: &Settings) -> Option<Entry> {
        let facts = settings.enricher.facts(incoming.event);
        let judged = Judged {
            event: incoming.event,
            facts: &facts,
            at: incoming.bounded_by_broker(i64::from(settings.time.ahead_max_s) * 1_000),
            late: false,
            origin: incoming.origin,
            streams: &self.streams,
        };
        let at = self.recorder.record(&judged, 0);
        self.recorder.entry(at, &self.streams)
    }
}
