//! What a piece of work looks like in each job: which records, in which order, for which reason.
//!
//! In: an account at its desk. Out: events pushed to the desk, whose clock moves on. Uses chance
//! and the population; knows nothing of shifts, sessions or breaches.

mod border;
mod cargo;
mod inquiry;
mod machine;
mod web;

pub(super) use web::{FILE_SHARING, WEBMAIL, browse};

use super::agency::{Actor, Agency};
use super::chance::{Purpose, chance, happens, hash};
use super::dataset::{About, Dataset};
use super::desk::{Desk, Reason};
use super::population::{PROTECTED, any_subject};
use super::roles::Role;

const WEEK_MS: i64 = 7 * 86_400_000;
/// Cases an investigator has open at a time.
const OPEN_CASES: u64 = 6;
/// Share of reads that get past a system which demands a case: break-glass, or a case typed in
/// afterwards.
const CASELESS: f64 = 0.000_5;

/// What an account remembers from one piece of work to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Where it stands in a list it works through, and how much of it is left.
    list_at: u64,
    list_left: u8,
    /// The month's figures are made once a shift.
    closing_done_day: i64,
}

/// One piece of work. `closing`: it is a day on which this account makes up the month's figures.
pub(super) fn work(desk: &mut Desk<'_>, me: &Actor, notes: &mut Notes, closing: bool) {
    match me.role {
        Role::BorderOfficer => border::inspect(desk, me),
        Role::CustomsOfficer => cargo::clear(desk, me),
        Role::CargoAnalyst => {
            let day = desk.now_ms.div_euclid(WEEK_MS / 7);
            if closing && notes.closing_done_day != day {
                notes.closing_done_day = day;
                cargo::close_month(desk);
            } else {
                cargo::assess(desk, me);
            }
        }
        Role::VisaClerk => inquiry::visa_application(desk, me, notes),
        Role::IntelligenceAnalyst => inquiry::intelligence(desk, me),
        Role::Investigator => inquiry::investigation(desk, me),
        Role::Helpdesk | Role::Administrator => inquiry::support(desk),
        Role::ServiceAccount => machine::service(desk, me),
        Role::PartnerAccount => machine::partner(desk, me),
    }
}

/// A case opened just now.
fn fresh_case(desk: &mut Desk<'_>) -> u32 {
    1 + super::chance::below(desk.rng, 899_999) as u32
}

/// One of the cases an account works on this week.
fn open_case(desk: &mut Desk<'_>, me: &Actor) -> u32 {
    let nth = super::chance::below(desk.rng, OPEN_CASES);
    let week = desk.now_ms.div_euclid(WEEK_MS) as u64;
    let coordinate = u64::from(me.number) * OPEN_CASES + nth;
    1 + (hash(desk.agency.seed, Purpose::Case, coordinate, week) % 899_999) as u32
}

/// Whom a case is about: the same few, whenever it is asked. Now and then a protected person.
fn subject_of_case(agency: &Agency, case: u32, about: About, nth: u64) -> u32 {
    let h = hash(agency.seed, Purpose::Case, u64::from(case) << 8 | nth, about as u64);
    if about == About::Travelers && h.is_multiple_of(400) {
        return PROTECTED[(h / 400) as usize % PROTECTED.len()].0;
    }
    any_subject(&mut chance(h, Purpose::Case, 0, 0), about)
}

/// The reason as it was written down: most fill in the case, and where a system demands one nearly
/// all do.
fn reason(
    desk: &mut Desk<'_>,
    me: &Actor,
    dataset: Dataset,
    case: u32,
    purpose: &'static str,
) -> Reason {
    let written =
        if dataset.facts().case_required { 1.0 - CASELESS } else { f64::from(me.diligence) };
    if happens(desk.rng, written) { Reason::case(case, purpose) } else { Reason::routine(purpose) }
}
