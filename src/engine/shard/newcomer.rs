//! Who has no past here.

use super::Settings;
use crate::engine::detect::Judged;
use crate::engine::detect::baseline::Peers;
use crate::engine::detect::state::ActorState;

/// Gives an actor of whom nothing was learned yet what was learned from history, and what people
/// decided of it.
pub(super) fn take_in(
    settings: &Settings,
    judged: &Judged<'_>,
    actor: &str,
    state: &mut ActorState,
    peers: &mut Peers,
) {
    if state.baseline.is_some() {
        return;
    }
    if let Some(learned) = &settings.learned {
        learned.adopt_actor(actor, judged.at, state);
    }
    settings.suite.rule_newcomer(judged, peers, (actor, &mut state.baseline));
}
