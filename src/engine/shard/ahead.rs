//! Looking ahead: what the next events need of the shard's memory is waited for together.
//!
//! An actor's state lies in a dozen places of a memory far larger than any cache, and judging goes
//! from one to the next, waiting at each. Read beforehand for some events at once, in steps none of
//! which hangs on itself, those places are fetched side by side. Nothing is changed, what is read
//! means nothing, and whoever leaves this out finds the same.

use smallvec::SmallVec;

use super::{Incoming, Output, Settings, Shard, Verdict};
use crate::engine::detect::state::{ActorState, SourceState, cut};
use crate::engine::enrich::Facts;
use crate::engine::model::Event;

/// Events to look ahead at: enough to wait for side by side, few enough to stay at hand until they
/// are judged.
pub const AHEAD: usize = 32;

/// How many of the payloads that come next, at least one, may be decoded before the first of them is
/// judged: a header changes how the lines around it are read, so only JSON is read ahead.
pub fn read_ahead<'p>(payloads: impl Iterator<Item = &'p [u8]>) -> usize {
    let json = payloads.take(AHEAD).take_while(|payload| payload.first() == Some(&b'{'));
    json.count().max(1)
}

impl Shard {
    /// Judges one event.
    pub fn judge(
        &mut self,
        incoming: &Incoming<'_>,
        settings: &Settings,
        out: &mut Output,
    ) -> Verdict {
        self.judge_known(incoming, &settings.enricher.facts(incoming.event), settings, out)
    }

    /// Looks ahead at the events that are judged next; what enrichment adds to each of them, as
    /// [`Shard::judge_known`] takes it.
    pub fn look_ahead<'e>(
        &self,
        events: impl Iterator<Item = &'e Event<'e>>,
        settings: &'e Settings,
    ) -> Vec<Facts<'e>> {
        let seed = settings.enricher.pseudonyms.event_id_seed();
        let mut actors = SmallVec::<[(&ActorState, u64); AHEAD]>::new();
        let mut sources = SmallVec::<[&SourceState; AHEAD]>::new();
        let mut all = Vec::with_capacity(AHEAD);
        let mut read = 0;
        // What is worked out of an event is much, and would keep the next one's memory from being
        // asked for: first all of that, then the memory.
        let mut seen = SmallVec::<[&Event<'_>; AHEAD]>::new();
        for event in events {
            all.push(settings.enricher.facts(event));
            seen.push(event);
        }
        for (event, facts) in seen.into_iter().zip(&all) {
            if let Some(id) = event.id.as_deref() {
                read ^= u64::from(self.duplicates.glance(id, seed));
            }
            match event.actor_id().filter(|_| event.flow.is_none()) {
                Some(actor) => {
                    let subject = facts.tokens.first().map_or(0, |token| token.short());
                    actors.extend(self.actors.likely(cut(actor)).map(|state| (state, subject)));
                }
                None => sources.extend(self.sources.likely(cut(event.source_ip().unwrap_or("")))),
            }
            read ^= self.peers.glance(&facts.tokens);
        }
        read ^= sources.iter().fold(0, |read, state| read ^ state.chain);
        read ^= actors.iter().fold(0, |read, (state, _)| read ^ state.glance());
        read ^= actors.iter().fold(0, |read, (state, _)| read ^ state.glance_behind());
        read ^=
            actors.iter().fold(0, |read, (state, subject)| read ^ state.glance_further(*subject));
        std::hint::black_box(read);
        all
    }
}
