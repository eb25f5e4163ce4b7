//! Breaches from the far side of an interface.

use smallvec::SmallVec;

use super::super::chance::{below, between, happens};
use super::super::config::SimulationError;
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::{is_reserved, subject_of};
use super::super::roles::{Partner, Role};
use super::MINUTE_MS;
use super::insider::{begin, end};
use super::script::Script;

pub(super) fn enumeration(script: &mut Script<'_>) -> Result<(), SimulationError> {
    const READS: i64 = 900;
    let carrier = |actor: &super::super::agency::Actor| actor.partner == Partner::Carrier;
    let cast = script.insider(Role::PartnerAccount, carrier)?;
    let beat = script.scaled(30 * MINUTE_MS) / READS;
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, false);
    let mut since = desk.now_ms;
    let mut number = 1_000_000 + below(desk.rng, 3_900_000);
    for n in 1..=READS {
        // Some numbers belong to nobody.
        number += if happens(desk.rng, 0.04) { 2 } else { 1 };
        while is_reserved(About::Travelers, subject_of(Dataset::Pnr, number)) {
            number += 1;
        }
        let traveler = subject_of(Dataset::Pnr, number);
        desk.read(Dataset::Pnr, traveler, Reason::routine("carrier_liability"));
        let pause = between(desk.rng, beat * 4 / 5, beat * 6 / 5);
        desk.wait_ms(pause);
        if n % 300 == 0 {
            desk.exchange(Dataset::Pnr, since);
            since = desk.now_ms;
        }
    }
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn null_actor(script: &mut Script<'_>) {
    const PAGES: i64 = 150;
    const ROWS: u32 = 200;
    const NAMED: u64 = 50;
    let place = script.outside();
    let beat = script.scaled(25 * MINUTE_MS) / PAGES;
    let mut desk = script.nobodys_desk(place);
    let mut number = 1_000_000 + below(desk.rng, 3_500_000);
    for _ in 0..PAGES {
        let since = desk.now_ms;
        let page: SmallVec<[u32; 2]> = (0..NAMED)
            .map(|n| subject_of(Dataset::EntryExit, number + n))
            .filter(|subject| !is_reserved(About::Travelers, *subject))
            .collect();
        number += u64::from(ROWS);
        desk.rows_naming(Dataset::EntryExit, "list", ROWS, page, Reason::NONE);
        answer(&mut desk, since, beat);
    }
}

/// The connection the page went over, and the pause before the next.
fn answer(desk: &mut Desk<'_>, since: i64, beat: i64) {
    desk.exchange(Dataset::EntryExit, since);
    let pause = between(desk.rng, beat / 2, beat * 3 / 2);
    desk.wait_ms(pause);
}
