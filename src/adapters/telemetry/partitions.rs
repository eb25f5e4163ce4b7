//! How far behind, and how far in event time, each partition at hand is.

use std::collections::BTreeMap;

use crate::engine::model::EventTime;

#[derive(Clone, Copy, Default)]
pub struct Place {
    pub lag: Option<i64>,
    pub watermark: Option<EventTime>,
    pub silent: bool,
}

/// The partitions assigned to this process. Topics come from a closed set.
#[derive(Default)]
pub struct Partitions(BTreeMap<(String, i32), Place>);

impl Partitions {
    pub fn at(&mut self, topic: &str, partition: i32) -> &mut Place {
        self.0.entry((topic.to_owned(), partition)).or_default()
    }

    pub fn forget(&mut self, topic: &str, partition: i32) {
        self.0.remove(&(topic.to_owned(), partition));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, Place)> {
        self.0.iter().map(|((topic, partition), place)| (topic.as_str(), *partition, *place))
    }

    /// Records behind, over all partitions of a topic at hand.
    pub fn lag(&self, topic: &str) -> u64 {
        self.of(topic).filter_map(|place| place.lag).map(|lag| lag.max(0) as u64).sum()
    }

    /// The watermark of the partition that is furthest behind.
    pub fn watermark(&self, topic: &str) -> Option<EventTime> {
        self.of(topic).filter_map(|place| place.watermark).min()
    }

    pub fn silent(&self, topic: &str) -> u64 {
        self.of(topic).filter(|place| place.silent).count() as u64
    }

    fn of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = Place> + 'a {
        self.iter().filter(move |(name, _, _)| *name == topic).map(|(_, _, place)| place)
    }
}
