//! What is asked of the shards, and which incident it belongs to when it comes.

use super::group::{Asked, Group};
use super::{Correlated, Correlator};
use crate::engine::model::{Entry, Finding, IncidentId, Key};
use crate::engine::shard::Watch;

impl Correlator {
    /// Asks the shards for the evidence around a finding, unless they already send it.
    pub(super) fn request(&mut self, finding: &Finding, id: &IncidentId, out: &mut Correlated) {
        let asked @ Asked { since, until } = self.asked(finding);
        let keys = self.keys(finding);
        let Some(group) = self.groups.get_mut(id) else { return };
        for key in keys {
            let before = group.watched.get(&key).and_then(|spans| spans.last()).copied();
            if before.is_none_or(|before| until.since(before.until) > 60_000) {
                group.ask(key.clone(), asked);
                out.watches.push(Watch { key, since, until, first_read: None });
            }
        }
    }

    /// What is asked of the shards because of a finding.
    pub(super) fn asked(&self, finding: &Finding) -> Asked {
        let lookback_ms = i64::from(self.config.lookback_s) * 1_000;
        Asked {
            since: finding.window.start.min(finding.time.minus_ms(lookback_ms)),
            until: finding.time.plus_ms(self.config.quiet_gap_ms()),
        }
    }

    /// What is still to be asked of the shards, all at once: for shards that have started anew.
    pub fn watches(&self) -> Vec<Watch> {
        self.groups
            .values()
            .flat_map(|group| {
                let is_open = group.last_finding.plus_ms(self.config.quiet_gap_ms()) > self.now;
                let last = move |(key, spans): (&Key, &Vec<Asked>)| {
                    let (since, until) = (spans.last()?.since, group.followed_until(key)?);
                    let watch = Watch { key: key.clone(), since, until, first_read: None };
                    (is_open || until > self.now).then_some(watch)
                };
                group.watched.iter().filter_map(last)
            })
            .chain(self.factor_reads.watches(self.now))
            .collect()
    }

    pub(super) fn take_entry(&mut self, key: Key, entry: Entry, out: &mut Correlated) {
        let gap_ms = self.config.quiet_gap_ms();
        let Some(ids) = self.by_key.get(&key) else { return };
        // Evidence belongs to one story only: the oldest of those that asked for what happened then. As
        // events come that is the only one there is; where a backlog is read, later ones are known too.
        let of = |wanted: &dyn Fn(&Group) -> bool| {
            let near = ids.iter().filter(|id| {
                self.groups.get(*id).is_some_and(|group| {
                    wanted(group) && self.joins(&key, entry.source_ip.as_ref(), group)
                })
            });
            let age = |id: &&IncidentId| {
                (self.groups.get(*id).map(|g| g.incident.first_finding), (*id).clone())
            };
            let mut near = self.without_split(near.collect(), |_| false);
            near.sort_by_key(age);
            near
        };
        let asked = of(&|group| group.asked_for(&key, entry.time));
        let follows = || of(&|group| group.follows(&key, entry.time)).last().copied();
        let Some(id) = asked.first().copied().or_else(follows).cloned() else { return };
        let Some(group) = self.groups.get_mut(&id) else { return };
        if group.take_entry(&key, &entry) {
            // What the past adds to the score, it adds now and not back then.
            let time = entry.time.max(group.last_finding);
            let source = entry.source.clone();
            let due = group.settles_on_evidence();
            let reads_on = group.follow(&key, &entry, gap_ms);
            let compare = self.readers.take(&id, &key, &entry);
            if let Some(until) = reads_on {
                out.watches.push(Watch { key, since: entry.time, until, first_read: None });
            }
            out.entries.push((id.clone(), entry));
            if due {
                self.settle(&id, time, &source, out);
            } else if !self.stale.contains(&id) {
                self.stale.push(id);
            }
            if compare {
                self.join_readers(out);
            }
        }
    }
}
