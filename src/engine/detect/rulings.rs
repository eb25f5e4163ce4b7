//! What people decided that incidents were, as far as it bears on what actors teach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::model::{EventTime, IdHasher, IncidentId};

/// Rulings that are known at once: those on the newest incidents.
pub const RULINGS_MAX: usize = 4_096;

/// What one incident was ruled to be, as far as it goes for one of its actors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    pub incident: IncidentId,
    /// As findings name it.
    pub actor: String,
    /// A breach, and not honest work.
    pub confirmed: bool,
    /// Time of the first event.
    pub from: EventTime,
    /// Time of the last one; none where it goes on.
    pub until: Option<EventTime>,
}

/// Rulings by actor and incident, and what tells one set of them from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    list: Vec<Ruling>,
    digest: u64,
}

impl Rulings {
    /// Of more than there may be, those on the latest events count.
    pub fn new(mut list: Vec<Ruling>) -> Self {
        let last = |ruling: &Ruling| ruling.until.unwrap_or(EventTime::MAX);
        if list.len() > RULINGS_MAX {
            list.sort_by(|a, b| (last(b), a.key()).cmp(&(last(a), b.key())));
            list.truncate(RULINGS_MAX);
        }
        list.sort_by(|a, b| a.key().cmp(&b.key()));
        let digest = list.iter().fold(0, |digest, ruling| {
            let until = ruling.until.map_or(i64::MIN, EventTime::millis);
            let hash = IdHasher::new("ruling")
                .part(ruling.actor.as_bytes())
                .part(ruling.incident.as_bytes())
                .part(&[u8::from(ruling.confirmed)])
                .part(&ruling.from.millis().to_le_bytes())
                .part(&until.to_le_bytes());
            hash.finish_u64().wrapping_add(digest)
        });
        Self { list, digest }
    }

    /// The same for equal sets.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub fn list(&self) -> &[Ruling] {
        &self.list
    }

    /// Those on one actor.
    pub fn of(&self, actor: &str) -> &[Ruling] {
        let from = self.list.partition_point(|ruling| ruling.actor.as_str() < actor);
        let of = &self.list[from..];
        &of[..of.partition_point(|ruling| ruling.actor == actor)]
    }

    /// Actors on whom `other` rules differently.
    pub fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let mut by_actor: BTreeMap<&str, [&[Ruling]; 2]> = BTreeMap::new();
        for (side, list) in [&self.list, &other.list].into_iter().enumerate() {
            for of in list.chunk_by(|a, b| a.actor == b.actor) {
                by_actor.entry(&of[0].actor).or_insert([&[], &[]])[side] = of;
            }
        }
        let differing = by_actor.into_iter().filter(|(_, [a, b])| a != b);
        differing.map(|(actor, _)| actor).collect()
    }
}

impl Ruling {
    fn key(&self) -> (&str, &str) {
        (&self.actor, &self.incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruling(actor: &str, incident: &str, confirmed: bool, until: Option<i64>) -> Ruling {
        let at = |ms: i64| EventTime::default().plus_ms(ms);
        let (incident, actor) = (incident.to_owned(), actor.to_owned());
        Ruling { incident, actor, confirmed, from: at(0), until: until.map(at) }
    }

    #[test]
    fn sets_are_told_apart_by_what_they_hold_and_not_by_its_order() {
        let (a, b) = (ruling("ann", "1", true, Some(5)), ruling("ben", "2", false, None));
        let both = Rulings::new(vec![a.clone(), b.clone()]);
        assert_eq!(both, Rulings::new(vec![b.clone(), a.clone()]));
        assert_eq!((both.of("ben"), both.of("cas")), (std::slice::from_ref(&b), &[][..]));
        let changed = Rulings::new(vec![ruling("ann", "1", true, Some(6)), b]);
        assert_ne!(both.digest(), changed.digest());
        assert_eq!(both.differing(&changed), ["ann"]);
        assert_eq!(Rulings::default().differing(&both), ["ann", "ben"]);
        assert_eq!(Rulings::new(vec![]).digest(), Rulings::default().digest());
        assert_eq!(Rulings::new(vec![a]).differing(&both), ["ben"]);
    }

    #[test]
    fn of_too_many_the_latest_count_and_what_goes_on_is_the_latest() {
        let many = |n: usize| ruling("ann", &format!("{n:05}"), true, Some(n as i64));
        let list = (0..RULINGS_MAX).map(many).chain([ruling("ben", "0", true, None)]).collect();
        let kept = Rulings::new(list);
        assert_eq!(kept.list().len(), RULINGS_MAX);
        assert_eq!((kept.list()[0].incident.as_str(), kept.of("ben").len()), ("00001", 1));
    }
}
