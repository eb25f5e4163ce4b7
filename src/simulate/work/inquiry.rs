//! Offices: visa applications, intelligence, investigations, support.

use super::super::agency::Actor;
use super::super::chance::{around, below, happens};
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::{any_subject, is_reserved, subject_of};
use super::{Notes, fresh_case, open_case, reason, subject_of_case};

/// Longest stretch of a list a clerk works through in the list's order.
const LIST_MAX: u64 = 8;

/// A visa clerk decides one application. Some take the next from a list.
pub(super) fn visa_application(desk: &mut Desk<'_>, me: &Actor, notes: &mut Notes) {
    const PURPOSE: &str = "visa_application";
    let since = desk.now_ms;
    let applicant = next_applicant(desk, me, notes);
    let case = fresh_case(desk);
    let why = reason(desk, me, Dataset::Visa, case, PURPOSE);
    desk.read(Dataset::Visa, applicant, why);
    desk.think(40.0);
    if happens(desk.rng, 0.6) {
        desk.read(Dataset::PassportImages, applicant, why);
        desk.think(15.0);
    }
    if happens(desk.rng, 0.5) {
        desk.read(Dataset::EntryExit, applicant, why);
        desk.think(20.0);
    }
    if happens(desk.rng, 0.1) {
        let why = reason(desk, me, Dataset::Watchlist, case, PURPOSE);
        desk.read(Dataset::Watchlist, applicant, why);
        desk.think(30.0);
    }
    if happens(desk.rng, 0.6) {
        desk.open(Dataset::Visa, "update", applicant, why);
    }
    desk.exchange(Dataset::Visa, since);
}

fn next_applicant(desk: &mut Desk<'_>, me: &Actor, notes: &mut Notes) -> u32 {
    let works_by_list = me.number.is_multiple_of(3);
    if notes.list_left == 0 && works_by_list && happens(desk.rng, 0.1) {
        notes.list_left = (3 + below(desk.rng, LIST_MAX - 2)) as u8;
        notes.list_at = 1_000_000 + below(desk.rng, 3_900_000);
    }
    if notes.list_left > 0 {
        notes.list_left -= 1;
        notes.list_at += 1;
        let applicant = subject_of(Dataset::Visa, notes.list_at);
        if !is_reserved(About::Travelers, applicant) {
            return applicant;
        }
    }
    any_subject(desk.rng, About::Travelers)
}

/// An analyst turns over one of the people in a case.
pub(super) fn intelligence(desk: &mut Desk<'_>, me: &Actor) {
    const PURPOSE: &str = "intelligence";
    let since = desk.now_ms;
    let case = open_case(desk, me);
    if happens(desk.rng, 0.5) {
        let rows = around(desk.rng, 9.0, 0.9).clamp(1.0, 200.0) as u32;
        let why = reason(desk, me, Dataset::Pnr, case, PURPOSE);
        desk.rows(Dataset::Pnr, "search", rows, &[], why);
        desk.think(30.0);
    }
    for _ in 0..1 + below(desk.rng, 4) {
        let nth = below(desk.rng, 12);
        let person = subject_of_case(desk.agency, case, About::Travelers, nth);
        look(
            desk,
            me,
            case,
            person,
            PURPOSE,
            &[
                (Dataset::Watchlist, 0.5),
                (Dataset::Pnr, 0.8),
                (Dataset::EntryExit, 0.6),
                (Dataset::Visa, 0.3),
                (Dataset::PassportImages, 0.25),
            ],
        );
        if happens(desk.rng, 0.02) {
            desk.open(Dataset::Pnr, "unmask", person, Reason::case(case, PURPOSE));
        }
    }
    if happens(desk.rng, 0.03) {
        let person = subject_of_case(desk.agency, case, About::Travelers, 0);
        desk.open(Dataset::Watchlist, "share", person, Reason::case(case, PURPOSE));
    }
    desk.exchange(Dataset::Pnr, since);
}

/// An investigator works on a case: people, and what they ship.
pub(super) fn investigation(desk: &mut Desk<'_>, me: &Actor) {
    const PURPOSE: &str = "investigation";
    let since = desk.now_ms;
    let case = open_case(desk, me);
    let nth = below(desk.rng, 8);
    let person = subject_of_case(desk.agency, case, About::Travelers, nth);
    look(
        desk,
        me,
        case,
        person,
        PURPOSE,
        &[
            (Dataset::Pnr, 0.4),
            (Dataset::EntryExit, 0.5),
            (Dataset::Biometrics, 0.15),
            (Dataset::Watchlist, 0.2),
        ],
    );
    for _ in 0..1 + below(desk.rng, 3) {
        let nth = below(desk.rng, 8);
        let goods = subject_of_case(desk.agency, case, About::Consignments, nth);
        look(
            desk,
            me,
            case,
            goods,
            PURPOSE,
            &[
                (Dataset::Declarations, 0.8),
                (Dataset::Manifests, 0.6),
                (Dataset::ReleasePins, 0.01),
            ],
        );
    }
    let trader = subject_of_case(desk.agency, case, About::Traders, nth);
    look(desk, me, case, trader, PURPOSE, &[(Dataset::Traders, 0.6)]);
    desk.exchange(Dataset::Declarations, since);
}

/// One subject in several datasets, each with its chance. A protected person is never looked up
/// without the case.
fn look(
    desk: &mut Desk<'_>,
    me: &Actor,
    case: u32,
    subject: u32,
    purpose: &'static str,
    datasets: &[(Dataset, f64)],
) {
    for (dataset, chance) in datasets {
        if happens(desk.rng, *chance) {
            let why = if is_reserved(dataset.facts().about, subject) {
                Reason::case(case, purpose)
            } else {
                reason(desk, me, *dataset, case, purpose)
            };
            desk.read(*dataset, subject, why);
            desk.think(45.0);
        }
    }
}

/// The helpdesk and the administrators: accounts, not travelers.
pub(super) fn support(desk: &mut Desk<'_>) {
    let since = desk.now_ms;
    let why = Reason::routine("support");
    let colleague = below(desk.rng, desk.agency.actors.len() as u64) as u32;
    if happens(desk.rng, 0.4) {
        let rows = 1 + below(desk.rng, 12) as u32;
        desk.rows(Dataset::Staff, "search", rows, &[colleague], why);
        desk.think(20.0);
    }
    desk.read(Dataset::Staff, colleague, why);
    desk.think(40.0);
    if happens(desk.rng, 0.25) {
        desk.open(Dataset::Staff, "update", colleague, why);
    }
    desk.exchange(Dataset::Staff, since);
}
