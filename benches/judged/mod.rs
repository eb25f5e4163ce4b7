//! Lines through a shard as a worker takes them: some are looked ahead at together, and each is judged.

use std::hint::black_box;

use tidewaiter::engine::decode::Decoder;
use tidewaiter::engine::model::{Event, Origin};
use tidewaiter::engine::shard::{AHEAD, Incoming, Output, Settings, Shard};

/// The first line stands at position `first`. `each` is shown what is out after every event.
pub fn judge(
    shard: &mut Shard,
    (decoder, settings): (&mut Decoder, &Settings),
    (lines, first): (&[impl AsRef<[u8]>], u64),
    out: &mut Output,
    each: impl Fn(&mut Output),
) {
    let mut position = first;
    for lines in lines.chunks(AHEAD) {
        let mut events: Vec<Event<'_>> = Vec::with_capacity(AHEAD);
        for line in lines {
            events.extend(decoder.decode(line.as_ref()).expect("an event"));
        }
        let facts = shard.look_ahead(events.iter(), settings);
        for ((event, facts), line) in events.iter().zip(&facts).zip(lines) {
            let raw = || serde_json::from_slice(line.as_ref()).unwrap_or_default();
            let origin = Origin { stream: 0, position };
            let incoming = Incoming { event, raw: &raw, origin, broker_time: None };
            black_box(shard.judge_known(&incoming, facts, settings, out));
            each(out);
            position += 1;
        }
    }
}
