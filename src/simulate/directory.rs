//! `directory.toml` for the agency: its accounts, whom to protect, what was planted.

use std::fmt::Write;

use crate::engine::model::EventTime;

use super::agency::Agency;
use super::dataset::About;
use super::population::{CANARIES, PROTECTED, prefix};

pub(super) fn directory_toml(agency: &Agency) -> String {
    let mut text = String::with_capacity(agency.actors.len() * 110);
    text.push_str("# Who may act, who has left, whom to protect, what was planted.\n");
    for actor in &agency.actors {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[[actor]]\nid = \"{}\"\nrole = \"{}\"\nunit = \"{}\"\ntype = \"{}\"\n",
            actor.id(),
            actor.role.name(),
            actor.unit(),
            actor.role.actor_type()
        );
        if let Some(left) = actor.left_ms {
            let left = EventTime::MIN.plus_ms(left - EventTime::MIN.millis());
            let _ = writeln!(text, "left = \"{left}\"");
        }
    }
    let traveler = prefix(About::Travelers);
    for (subject, reason) in PROTECTED {
        let _ = write!(
            text,
            "\n[[protected]]\nsubject = \"{traveler}{subject}\"\nreason = \"{reason}\"\n"
        );
    }
    for (subject, note) in CANARIES {
        let _ =
            write!(text, "\n[[canary]]\nsubject = \"{traveler}{subject}\"\nnote = \"{note}\"\n");
    }
    text
}
