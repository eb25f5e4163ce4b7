//! Rulings in force: what people decided of actors, taken at the turn of ten minutes of event time
//! and saved, so that a shard taken back decides as the one that was saved.

use std::sync::Arc;

use super::actor::Baseline;
use super::peers::Peers;
use super::saving::{PartKey, PartKind, PartSink, Parts};
use super::suite::{Suite, minute};
use crate::engine::detect::state::{ActorState, Table};
use crate::engine::detect::{Judged, Ruling, Rulings};
use crate::engine::terse::FormError;

/// Rulings in one saved part.
const PART: usize = 64;

/// What a shard goes by.
#[derive(Clone, Debug, Default)]
pub struct RulingsInForce {
    rulings: Arc<Rulings>,
    /// All of it is saved, in so many parts.
    saved: bool,
    parts: u32,
}

/// What a save has handed out.
#[derive(Debug)]
pub struct RulingsSaving(bool);

impl RulingsInForce {
    pub fn save(&mut self, sink: &mut impl PartSink) -> RulingsSaving {
        if std::mem::replace(&mut self.saved, true) {
            return RulingsSaving(false);
        }
        let before = self.parts;
        self.parts = 0;
        for part in self.rulings.list().chunks(PART) {
            sink.put(PartKey::new(PartKind::Rulings, self.parts), part);
            self.parts += 1;
        }
        (self.parts..before).for_each(|n| sink.withdraw(PartKey::new(PartKind::Rulings, n)));
        // Should the save come to nothing, what was there before may be there still.
        self.parts = self.parts.max(before);
        RulingsSaving(true)
    }

    pub fn save_again(&mut self, saving: &RulingsSaving) {
        self.saved &= !saving.0;
    }

    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let (mut list, mut count) = (Vec::new(), 0);
        for part in parts.all::<Vec<Ruling>>(PartKind::Rulings) {
            let (number, rulings) = part?;
            count = number + 1;
            list.extend(rulings);
        }
        Ok(Self { rulings: Arc::new(Rulings::new(list)), saved: true, parts: count })
    }

    pub fn digest(&self) -> u64 {
        self.rulings.digest()
    }

    /// How many confirm a breach, and how many dismiss one.
    pub fn counts(&self) -> [u32; 2] {
        let confirmed = self.rulings.list().iter().filter(|ruling| ruling.confirmed).count() as u32;
        [confirmed, self.rulings.list().len() as u32 - confirmed]
    }
}

impl Suite {
    /// The same with what people decided of actors.
    pub fn with_rulings(self, rulings: Option<Arc<Rulings>>) -> Self {
        Self { rulings, ..self }
    }

    /// Whether rulings come into force before this event is judged.
    pub fn is_ruled_anew(&self, judged: &Judged<'_>, peers: &Peers) -> bool {
        self.rulings.as_ref().is_some_and(|now| now.digest() != peers.rulings.digest())
            && minute(judged, peers).is_some_and(|minute| minute / 10 > peers.bucket)
    }

    /// Another detector has told of an actor: what was learned so far is kept.
    pub fn keep_before(
        &self,
        judged: &Judged<'_>,
        peers: &Peers,
        baseline: &mut Option<Box<Baseline>>,
    ) {
        if let (Some(baseline), Some(minute)) = (baseline, minute(judged, peers)) {
            baseline.keep_before(minute);
        }
    }

    /// An actor without a past, should it have been ruled on.
    pub fn rule_newcomer(
        &self,
        judged: &Judged<'_>,
        peers: &mut Peers,
        (name, baseline): (&str, &mut Option<Box<Baseline>>),
    ) {
        let rulings = peers.rulings.rulings.of(name);
        if !rulings.is_empty() && minute(judged, peers).is_some() {
            baseline.get_or_insert_default().rule(&[], rulings, &mut peers.lanes);
        }
    }

    /// They do, on every actor that is known.
    pub fn rule(&self, peers: &mut Peers, actors: &mut Table<ActorState>) {
        let Some(now) = self.rulings.clone() else { return };
        let before = std::mem::replace(&mut peers.rulings.rulings, Arc::clone(&now));
        peers.rulings.saved = false;
        for name in before.differing(&now) {
            let baseline = actors.known(name).and_then(|state| state.baseline.as_mut());
            if let Some(baseline) = baseline {
                baseline.rule(before.of(name), now.of(name), &mut peers.lanes);
            }
        }
    }
}
