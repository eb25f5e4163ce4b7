//! Reads somebody waits for: an actor's first of sensitive data, once.
//!
//! Not saved: whoever waits asks again, and the flight recorder has what came meanwhile.

use hashbrown::HashMap;

use super::{Evidence, Output, Recorder, Watch};
use crate::engine::detect::Stream;
use crate::engine::model::{Entry, EventTime, Key, KeyKind};

/// Actors waited for at a time.
const ACTORS_MAX: usize = 10_000;

/// What is to be told of: reads of this tier and above, between the two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRead {
    pub since: EventTime,
    pub until: EventTime,
    pub tier: u8,
}

#[derive(Default)]
pub struct FirstReads {
    wanted: HashMap<String, FirstRead>,
}

/// The flight recorder, an actor's chain head in it, and what its origins count.
type Recorded<'r> = (&'r Recorder, u64, &'r [Stream]);

impl FirstReads {
    /// Takes up what `watch` waits for, and tells of it where it has been already. Two waits for
    /// one actor become one.
    pub fn take(
        &mut self,
        watch: &Watch,
        tier: u8,
        now: Option<EventTime>,
        (recorder, head, streams): Recorded<'_>,
        out: &mut Output,
    ) {
        let actor = &watch.key.value;
        let mut wanted = FirstRead { since: watch.since, until: watch.until, tier };
        if let Some(before) = self.wanted.get(actor) {
            wanted.since = wanted.since.min(before.since);
            wanted.until = wanted.until.max(before.until);
            wanted.tier = wanted.tier.min(before.tier);
            // Asked again: the past has been looked at.
            if wanted == *before {
                return;
            }
        }
        if let Some(at) = recorder.first_read(head, wanted) {
            self.tell(actor, recorder.entry(at, streams), out);
            return;
        }
        if self.wanted.len() >= ACTORS_MAX {
            self.wanted.retain(|_, wanted| now.is_none_or(|now| wanted.until >= now));
        }
        if self.wanted.len() < ACTORS_MAX {
            self.wanted.insert(actor.clone(), wanted);
        }
    }

    /// Tells of the actor's last event, where it is what is waited for.
    pub fn look(&mut self, actor: &str, (recorder, head, streams): Recorded<'_>, out: &mut Output) {
        if self.wanted.is_empty() {
            return;
        }
        if self.wanted.get(actor).is_some_and(|wanted| recorder.is_read(head, *wanted)) {
            self.tell(actor, recorder.entry(head, streams), out);
        }
    }

    fn tell(&mut self, actor: &str, entry: Option<Entry>, out: &mut Output) {
        let key = Key { kind: KeyKind::Actor, value: actor.to_owned() };
        out.evidence.extend(entry.map(|entry| Evidence { key, entry, alone: true }));
        self.wanted.remove(actor);
    }
}
