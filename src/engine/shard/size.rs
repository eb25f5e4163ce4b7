//! How much a shard holds, for metrics.

/// How much a shard holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    pub actors: usize,
    pub sources: usize,
    pub groups: usize,
    /// Events that wait for their turn in a correlation.
    pub held: usize,
    pub actor_bytes: usize,
    pub source_bytes: usize,
    pub group_bytes: usize,
    pub recorder_bytes: usize,
    pub actors_evicted: u64,
    pub sources_evicted: u64,
    pub groups_evicted: u64,
    /// Events that had to count before their turn.
    pub held_early: u64,
}

impl std::ops::Add for StateSize {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            actors: self.actors + more.actors,
            sources: self.sources + more.sources,
            groups: self.groups + more.groups,
            held: self.held + more.held,
            actor_bytes: self.actor_bytes + more.actor_bytes,
            source_bytes: self.source_bytes + more.source_bytes,
            group_bytes: self.group_bytes + more.group_bytes,
            recorder_bytes: self.recorder_bytes + more.recorder_bytes,
            actors_evicted: self.actors_evicted + more.actors_evicted,
            sources_evicted: self.sources_evicted + more.sources_evicted,
            groups_evicted: self.groups_evicted + more.groups_evicted,
            held_early: self.held_early + more.held_early,
        }
    }
}
