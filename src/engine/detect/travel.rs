//! How long it takes from site to site, learned from everybody who changes sites.
//!
//! No map is needed: the third-shortest change between two sites, each by another actor, is what
//! can be done. Where fewer made a way, the fifth-shortest of all changes stands in for it. So one
//! account, or two, cannot teach that the impossible is usual, and where everybody seems to be in
//! two places at once, nobody is told of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::cut;

/// Sites and ways remembered by each shard.
const SITES_MAX: usize = 1_024;
const WAYS_MAX: usize = 4_096;
/// Actors whose shortest change of a way is kept, and of all.
const OF_WAY: usize = 3;
const OF_ALL: usize = 5;
/// Changes of site by at least so many actors before what is usual is known.
const KNOWN_ACTORS: usize = 5;
const NAME_BYTES_MAX: usize = 48;
/// Days after which a change no longer counts.
const MEMORY_DAYS: u16 = 60;
const DAY_S: u32 = 86_400;

/// Changes of site within less count; what is slower could be any way to travel.
pub const GAP_MAX_S: u32 = 12 * 3_600;

/// One actor's shortest change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    gap_s: u32,
    actor: u32,
    day: u16,
}

/// The shortest changes of `N` actors, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Shortest(Vec<Change>);

impl Shortest {
    fn add(&mut self, change: Change, most: usize) {
        self.0.retain(|kept| change.day.saturating_sub(kept.day) <= MEMORY_DAYS);
        if let Some(own) = self.0.iter().position(|kept| kept.actor == change.actor) {
            if self.0[own].gap_s <= change.gap_s {
                return;
            }
            self.0.remove(own);
        }
        let place = self.0.partition_point(|kept| kept.gap_s <= change.gap_s);
        self.0.insert(place, change);
        self.0.truncate(most);
    }

    fn slowest(&self, most: usize) -> Option<u32> {
        self.0.get(most - 1).map(|change| change.gap_s)
    }
}

/// What is known of all changes of site.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Travel {
    names: BTreeMap<u32, Box<str>>,
    ways: BTreeMap<(u32, u32), Shortest>,
    all: Shortest,
    /// All of it is saved as it is.
    #[serde(skip)]
    saved: bool,
}

/// What a change may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// Seconds that have been seen to do.
    pub gap_s: u32,
    /// Of this way; of any way where few have made it.
    pub of_way: bool,
}

impl Travel {
    /// Whether all of it is saved, and from now on whether `saved`.
    pub fn set_saved(&mut self, saved: bool) -> bool {
        std::mem::replace(&mut self.saved, saved)
    }

    /// What the change from one site to another usually takes at least; none while too little is
    /// known.
    pub fn usual(&self, from: u32, to: u32) -> Option<Usual> {
        let way = self.ways.get(&(from.min(to), from.max(to)));
        if let Some(gap_s) = way.and_then(|way| way.slowest(OF_WAY)) {
            return Some(Usual { gap_s, of_way: true });
        }
        let known = self.all.slowest(KNOWN_ACTORS);
        known.map(|gap_s| Usual { gap_s, of_way: false })
    }

    /// Somebody has changed sites.
    pub fn learn(&mut self, from: u32, to: u32, gap_s: u32, actor: u32, now_s: u32) {
        let change = Change { gap_s: gap_s.min(GAP_MAX_S), actor, day: (now_s / DAY_S) as u16 };
        self.saved = false;
        self.all.add(change, OF_ALL);
        let way = (from.min(to), from.max(to));
        if self.ways.contains_key(&way) || self.ways.len() < WAYS_MAX {
            self.ways.entry(way).or_default().add(change, OF_WAY);
        }
    }

    /// Remembers what a site is called, for sentences.
    pub fn name(&mut self, site: u32, name: &str) {
        if self.names.len() < SITES_MAX && !self.names.contains_key(&site) {
            let end = name.floor_char_boundary(NAME_BYTES_MAX);
            self.saved = false;
            self.names.insert(site, cut(&name[..end]).into());
        }
    }

    pub fn name_of(&self, site: u32) -> &str {
        self.names.get(&site).map_or("another site", |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u32 = 20_000 * DAY_S;

    #[test]
    fn the_third_actor_teaches_a_way_and_two_do_not() {
        let mut travel = Travel::default();
        for (actor, gap) in [(1, 60), (1, 50), (2, 70)] {
            travel.learn(7, 9, gap, actor, DAY);
        }
        assert_eq!(travel.usual(7, 9), None);
        travel.learn(9, 7, 4_000, 3, DAY);
        assert_eq!(travel.usual(7, 9), Some(Usual { gap_s: 4_000, of_way: true }));
        assert_eq!(travel.usual(9, 7), travel.usual(7, 9), "both ways are one");
    }

    #[test]
    fn all_ways_stand_in_for_one_nobody_has_made() {
        let mut travel = Travel::default();
        (1..=4).for_each(|actor| travel.learn(actor, 50, 3_000 + actor, actor, DAY));
        assert_eq!(travel.usual(1, 2), None);
        travel.learn(5, 50, 9_000, 5, DAY);
        assert_eq!(travel.usual(1, 2), Some(Usual { gap_s: 9_000, of_way: false }));
        // Old changes are forgotten with the next.
        travel.learn(5, 50, 8_000, 6, DAY + 61 * DAY_S);
        assert_eq!(travel.usual(1, 2), None);
    }

    #[test]
    fn names_and_ways_are_capped() {
        let mut travel = Travel::default();
        travel.name(1, &"\u{e9}".repeat(100));
        assert_eq!(travel.name_of(1).chars().count(), 24);
        assert_eq!(travel.name_of(2), "another site");
        for n in 0..10_000 {
            travel.name(n + 10, "x");
            travel.learn(n, n + 1, 5, n, DAY);
        }
        assert_eq!((travel.names.len(), travel.ways.len()), (SITES_MAX, WAYS_MAX));
    }
}
