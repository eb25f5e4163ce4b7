//! Events that waited until none could come before them, and what rules make of them then.

use std::cell::RefCell;

use super::saved::Writer;
use super::shard::EVIDENCE_IDS_MAX;
use super::{Output, Settings, Shard};
use crate::engine::detect::RuleState;
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
        let mut with_state = |about: &Finding, of: &mut dyn FnMut(&mut RuleState)| {
            let actor = about.actor.as_deref().filter(|actor| actors.get_mut(actor).is_some());
            match actor {
                Some(actor) => of(&mut actors.entry(actor).rules),
                None => of(&mut sources.entry(source(about)).rules),
            }
        };
        let noise = &mut self.peers.rules;
        let findings = &mut out.findings;
        settings.rules.let_go(
            until,
            &mut self.rules,
            &mut groups,
            noise,
            &mut with_state,
            findings,
        );
        for finding in &mut out.findings[found_before..] {
            let of_actor = finding.actor.as_deref().and_then(|actor| self.actors.get_mut(actor));
            let head = match of_actor {
                Some(state) => state.chain,
                None => self.sources.get_mut(source(finding)).map_or(0, |state| state.chain),
            };
            let since = finding.window.start;
            let ids = self.recorder.ids(head, since, EVIDENCE_IDS_MAX, &self.streams);
            if !ids.is_empty() {
                finding.evidence = ids;
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
