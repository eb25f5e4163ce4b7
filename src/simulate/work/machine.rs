//! Programs and partners: tireless and regular the ones, narrow the others.

use super::super::agency::Actor;
use super::super::chance::{Purpose, around, below, between, happens, hash};
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::any_subject;
use super::super::roles::{Partner, Service};

/// Transactions that share a connection.
const BATCH: u64 = 8;
/// Time between two transactions of a service at its usual pace, in milliseconds.
const BEAT_MS: f64 = 24_000.0;

/// A service account handles a batch of transactions at an even beat.
pub(super) fn service(desk: &mut Desk<'_>, me: &Actor) {
    let since = desk.now_ms;
    // Automatic processing runs under a standing authority instead of single cases.
    let authority =
        1 + (hash(desk.agency.seed, Purpose::Case, u64::from(me.number), 0) % 99) as u32;
    let why = Reason::case(authority, "automated_processing");
    let beat = (BEAT_MS / f64::from(me.pace)) as i64;
    let dataset = match me.service {
        Service::Screening => Dataset::Watchlist,
        Service::Gates => Dataset::PassportImages,
        Service::CargoRisk => Dataset::Declarations,
        Service::Reservations => Dataset::Pnr,
        Service::Reporting => Dataset::Statistics,
    };
    for _ in 0..BATCH {
        match me.service {
            Service::Screening => pair(desk, Dataset::Api, Dataset::Watchlist, why),
            Service::Gates => pair(desk, Dataset::PassportImages, Dataset::EntryExit, why),
            Service::CargoRisk => pair(desk, Dataset::Declarations, Dataset::Manifests, why),
            Service::Reservations => {
                let rows = between(desk.rng, 15, 60) as u32;
                desk.rows(Dataset::Pnr, "list", rows, &[], why);
            }
            Service::Reporting => {
                let rows = around(desk.rng, 40.0, 0.5).clamp(1.0, 400.0) as u32;
                desk.rows(Dataset::Statistics, "list", rows, &[], why);
            }
        }
        let jitter = between(desk.rng, -beat / 10, beat / 10);
        desk.wait_ms(beat + jitter);
    }
    desk.exchange(dataset, since);
}

/// The same subject in two systems.
fn pair(desk: &mut Desk<'_>, first: Dataset, second: Dataset, why: Reason) {
    let subject = any_subject(desk.rng, first.facts().about);
    desk.read(first, subject, why);
    let pause = between(desk.rng, 40, 400);
    desk.wait_ms(pause);
    desk.read(second, subject, why);
}

/// A partner's account asks what its agreement lets it ask.
pub(super) fn partner(desk: &mut Desk<'_>, me: &Actor) {
    let since = desk.now_ms;
    match me.partner {
        Partner::Carrier => {
            let traveler = any_subject(desk.rng, About::Travelers);
            desk.read(Dataset::Api, traveler, Reason::routine("carrier_liability"));
            desk.think(15.0);
            desk.exchange(Dataset::Api, since);
        }
        Partner::PortOperator => {
            let why = Reason::routine("berth_planning");
            let consignment = any_subject(desk.rng, About::Consignments);
            if happens(desk.rng, 0.4) {
                let rows = 1 + below(desk.rng, 30) as u32;
                desk.rows(Dataset::Manifests, "search", rows, &[consignment], why);
                desk.think(10.0);
            }
            desk.read(Dataset::Manifests, consignment, why);
            desk.exchange(Dataset::Manifests, since);
        }
        Partner::HealthMinistry => {
            let traveler = any_subject(desk.rng, About::Travelers);
            desk.read(Dataset::EntryExit, traveler, Reason::routine("health_notice"));
            desk.exchange(Dataset::EntryExit, since);
        }
        Partner::Police => {
            let case = super::open_case(desk, me);
            let nth = below(desk.rng, 8);
            let person = super::subject_of_case(desk.agency, case, About::Travelers, nth);
            desk.read(Dataset::EntryExit, person, Reason::case(case, "police_request"));
            desk.think(30.0);
            if happens(desk.rng, 0.3) {
                desk.read(Dataset::Pnr, person, Reason::case(case, "police_request"));
            }
            desk.exchange(Dataset::EntryExit, since);
        }
    }
}
