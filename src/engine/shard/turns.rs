//! Events that waited until none could come before them, and what rules make of them then.

use std::cell::RefCell;

use super::saved::Writer;
use super::shard::risk;
use super::{Output, Settings, Shard};
use crate::engine::detect::rules::{Groups, Held, HeldSaving};
use crate::engine::detect::state::cut;
use crate::engine::model::{EventTime, Finding};

impl Shard {
    /// Counts what has waited for events that can come no more, as far as the watermark says.
    pub(super) fn take_turns(&mut self, settings: &Settings, out: &mut Output) {
        if self.held.is_empty() {
            return;
        }
        let turn = self.clock.watermark().map(|mark| settings.time.complete(mark));
        self.let_go(turn.or(Some(EventTime::MIN)), settings, out);
    }

    /// Whether something waits for its turn.
    pub fn has_turns(&self) -> bool {
        !self.held.is_empty()
    }

    /// Counts what has waited: of instants before `until`, or all of it where nothing more is to
    /// come.
    pub fn let_go(&mut self, until: Option<EventTime>, settings: &Settings, out: &mut Output) {
        if self.held.is_empty() {
            return;
        }
        let found_before = out.findings.len();
        let seed = settings.enricher.pseudonyms.event_id_seed();
        let mut groups = Groups {
            table: &mut self.groups,
            at: self.clock.watermark().unwrap_or_default(),
            watermark: self.clock.watermark(),
            lateness_ms: settings.time.allowed_lateness_s.saturating_mul(1_000),
            seed,
            held: Some(&mut self.held),
        };
        let (actors, sources) = (&mut self.actors, &mut self.sources);
        let mut is_first_today = |about: &Finding, rule: u64| {
            let actor = about.actor.as_deref().and_then(|actor| actors.get_mut(actor));
            let rules = match actor {
                Some(state) => Some(&mut state.rules),
                None => sources.get_mut(source(about)).map(|state| &mut state.rules),
            };
            rules.is_none_or(|rules| rules.is_first_today(rule, about.time))
        };
        settings.rules.let_go(
            until,
            &mut self.rules,
            &mut groups,
            &mut self.peers.rules,
            &mut is_first_today,
            &mut out.findings,
        );
        for finding in &mut out.findings[found_before..] {
            let actor = finding.actor.as_deref().and_then(|actor| self.actors.get_mut(actor));
            let of = actor.map(|state| (&mut state.risk, state.chain)).or_else(|| {
                let of_source = self.sources.get_mut(source(finding));
                of_source.map(|state| (&mut state.risk, state.chain))
            });
            // Who had to make room since has the event alone.
            if let Some((sum, head)) = of {
                *sum = sum.saturating_add(risk(std::slice::from_ref(finding)));
                // What came while it waited is no part of it.
                let until = finding.window.end;
                self.recorder.name(finding, head, until, &self.streams);
            }
            if let Some(ip) = &finding.source_ip {
                finding.source_actors = self.sharers.actors(ip, seed);
            }
        }
    }
}

fn source(of: &Finding) -> &str {
    cut(of.source_ip.as_deref().unwrap_or("unknown"))
}

pub(super) fn save_held(held: &mut Held, to: &mut Writer<'_>) -> HeldSaving {
    // Two closures, one sink.
    let to = RefCell::new(to);
    held.save(
        |turn| to.borrow_mut().withdraw_held(turn),
        |turn, noting| to.borrow_mut().held(turn, noting),
    )
}
