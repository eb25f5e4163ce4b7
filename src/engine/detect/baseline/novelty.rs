//! Reads of another kind than an actor's, and through a system or at a site that its role does not
//! use, added up over the shift.

use super::actor::Baseline;
use super::lane::Part;
use super::mark::mark_of_two;
use super::peers::Peers;
use super::roll::{NOVEL_MIN, NOVELTY_DRIFT};
use super::suite::GATE_STEP;
use crate::engine::detect::Judged;

/// Surprise of one read from which its kind is what is new, in decades.
const NEW_MIN: f32 = 1.0;

/// Of a new kind's surprise, what is left of it where a case explains the read: new work comes with cases,
/// and a breach may cite some.
const EXPLAINED: f32 = 0.1;

/// The read's system and site, with their marks.
fn places<'e>(judged: &Judged<'e>) -> impl Iterator<Item = (&'static str, &'e str, u32)> {
    let event = judged.event;
    let named = [("through", &event.system), ("at", &event.source.site)];
    named.into_iter().filter_map(|(word, name)| {
        let name = name.as_deref().filter(|name| !name.is_empty())?;
        Some((word, name, mark_of_two(word, name)))
    })
}

/// Takes a fresh read into account; true where the score rose.
pub fn score(
    judged: &Judged<'_>,
    actor: &mut Baseline,
    peers: &mut Peers,
    (role, group): (u16, u16),
    (kind, explained): (u32, bool),
) -> bool {
    let day = actor.day.day;
    let habits = &peers.role(role).habits;
    let mut surprise = actor.habits.take(kind, day, habits.share(kind));
    if explained {
        surprise *= EXPLAINED;
    }
    let places_of_role = places(judged).map(|(_, _, mark)| habits.surprise_of_place(mark));
    surprise += places_of_role.sum::<f32>();
    if !actor.is_suspect(day) {
        let habits = &mut peers.role_mut(role).habits;
        places(judged).for_each(|(_, _, mark)| habits.add(mark, 0.0, 1.0));
    }
    if surprise <= 0.0 {
        return false;
    }
    if surprise >= NEW_MIN {
        actor.newest = kind;
    }
    actor.novelty += surprise;
    if actor.novelty < actor.novelty_gate.max(NOVEL_MIN) || actor.shifts < 2 {
        return false;
    }
    actor.novelty_gate = actor.novelty * GATE_STEP + 0.5;
    let now = actor.novelty_score(peers, (role, group));
    let score = now.max(actor.novelty_cusum + now.min(4.0) - NOVELTY_DRIFT);
    peers.lanes.raise(&mut actor.day, Part::Novelty, score)
}

/// Where the role is never seen, as a sentence goes on.
pub fn elsewhere(judged: &Judged<'_>, peers: &Peers, (role, _): (u16, u16)) -> String {
    let habits = &peers.role(role).habits;
    let new = places(judged).filter(|(_, _, mark)| habits.surprise_of_place(*mark) >= NEW_MIN);
    new.map(|(word, name, _)| format!(" {word} `{name}`")).collect()
}
