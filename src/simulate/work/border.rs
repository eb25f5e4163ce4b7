//! At the passport desk.

use super::super::agency::Actor;
use super::super::chance::{around, happens};
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::any_subject;
use super::{fresh_case, reason};

/// One traveler.
pub(super) fn inspect(desk: &mut Desk<'_>, me: &Actor) {
    let since = desk.now_ms;
    let traveler = any_subject(desk.rng, About::Travelers);
    let routine = Reason::routine("primary_inspection");
    if happens(desk.rng, 0.95) {
        desk.read(Dataset::Api, traveler, routine);
        desk.think(6.0);
    }
    if happens(desk.rng, 0.03) {
        let rows = around(desk.rng, 4.0, 0.8).clamp(1.0, 60.0) as u32;
        desk.rows(Dataset::Pnr, "search", rows, &[traveler], routine);
        desk.think(8.0);
    }
    if happens(desk.rng, 0.4) {
        desk.read(Dataset::Pnr, traveler, routine);
        desk.think(7.0);
    }
    if happens(desk.rng, 0.25) {
        desk.read(Dataset::Visa, traveler, routine);
        desk.think(6.0);
    }
    if happens(desk.rng, 0.55) {
        desk.read(Dataset::EntryExit, traveler, routine);
        desk.think(5.0);
    }
    if happens(desk.rng, 0.04) {
        desk.read(Dataset::PassportImages, traveler, routine);
        desk.think(9.0);
    }
    if happens(desk.rng, 0.04) {
        second_look(desk, me, traveler);
    }
    if happens(desk.rng, 0.5) {
        desk.open(Dataset::EntryExit, "update", traveler, routine);
    }
    desk.exchange(Dataset::Api, since);
}

/// Secondary inspection: a case is opened, and more is looked at.
fn second_look(desk: &mut Desk<'_>, me: &Actor, traveler: u32) {
    const PURPOSE: &str = "secondary_inspection";
    let case = fresh_case(desk);
    let look = |desk: &mut Desk<'_>, dataset: Dataset, chance: f64| {
        if happens(desk.rng, chance) {
            let why = reason(desk, me, dataset, case, PURPOSE);
            desk.read(dataset, traveler, why);
            desk.think(25.0);
        }
    };
    look(desk, Dataset::Watchlist, 0.8);
    look(desk, Dataset::Pnr, 0.9);
    look(desk, Dataset::Visa, 0.5);
    look(desk, Dataset::PassportImages, 0.5);
    look(desk, Dataset::Biometrics, 0.25);
    if happens(desk.rng, 0.6) {
        let why = reason(desk, me, Dataset::EntryExit, case, PURPOSE);
        let crossings = around(desk.rng, 6.0, 0.8).clamp(1.0, 80.0) as u32;
        desk.rows_naming(Dataset::EntryExit, "list", crossings, smallvec::smallvec![traveler], why);
        desk.think(40.0);
    }
    if happens(desk.rng, 0.1) {
        let why = reason(desk, me, Dataset::Pnr, case, PURPOSE);
        desk.open(Dataset::Pnr, "print", traveler, why);
    }
}
