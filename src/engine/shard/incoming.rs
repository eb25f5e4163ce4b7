//! An event as it comes to a shard, with what vouches for its time.

use crate::engine::model::{Event, EventTime, Origin};

/// An event as it comes to a shard.
#[derive(Clone, Copy)]
pub struct Incoming<'e> {
    pub event: &'e Event<'e>,
    /// Parses the raw record, should a rule ask for a field only it has.
    pub raw: &'e dyn Fn() -> serde_json::Value,
    pub origin: Origin,
    /// The broker's time of the record, where the stream has one.
    pub broker_time: Option<EventTime>,
}

impl Incoming<'_> {
    /// Event time, at most `ahead_ms` ahead of the broker's clock.
    pub(super) fn bounded_by_broker(&self, ahead_ms: i64) -> EventTime {
        let time = self.event.time;
        self.broker_time.map_or(time, |now| time.min(now.plus_ms(ahead_ms)))
    }

    /// True where the broker got the record within a day of the event: its clock vouches for the
    /// event's, however long the shard had nothing to do. It does not for an event from the future:
    /// amid a past that is loaded today, the broker's clock is months ahead of what came before.
    pub(super) fn is_of_now(&self) -> bool {
        const DAY_MS: i64 = 86_400_000;
        let within_a_day = |now: EventTime| now.since(self.event.time).abs() <= DAY_MS;
        self.broker_time.is_some_and(within_a_day)
    }
}
