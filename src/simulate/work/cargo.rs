//! Goods: clearance on the quay, risk assessment in the office, the month's figures.

use super::super::agency::Actor;
use super::super::chance::{around, below, happens};
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::any_subject;
use super::super::sites::{SITES, SiteKind};
use super::{fresh_case, open_case, reason};

/// A customs officer clears one consignment.
pub(super) fn clear(desk: &mut Desk<'_>, me: &Actor) {
    let since = desk.now_ms;
    let consignment = any_subject(desk.rng, About::Consignments);
    let routine = Reason::routine("clearance");
    if happens(desk.rng, 0.3) {
        let rows = around(desk.rng, 8.0, 0.7).clamp(1.0, 120.0) as u32;
        desk.rows(Dataset::Declarations, "search", rows, &[consignment], routine);
        desk.think(12.0);
    }
    desk.read(Dataset::Declarations, consignment, routine);
    desk.think(20.0);
    if happens(desk.rng, 0.6) {
        desk.read(Dataset::Manifests, consignment, routine);
        desk.think(15.0);
    }
    if happens(desk.rng, 0.25) {
        let trader = any_subject(desk.rng, About::Traders);
        desk.read(Dataset::Traders, trader, routine);
        desk.think(10.0);
    }
    let quay = SITES[usize::from(me.site)].kind == SiteKind::Seaport;
    if quay && happens(desk.rng, 0.05) {
        // The release of a container is a task of its own, and has a number.
        let task = fresh_case(desk);
        let why = reason(desk, me, Dataset::ReleasePins, task, "release");
        desk.read(Dataset::ReleasePins, consignment, why);
        desk.think(10.0);
    }
    if !quay && happens(desk.rng, 0.3) {
        let traveler = any_subject(desk.rng, About::Travelers);
        desk.read(Dataset::Api, traveler, Reason::routine("baggage_check"));
        desk.think(12.0);
    }
    if happens(desk.rng, 0.12) {
        let case = open_case(desk, me);
        let why = reason(desk, me, Dataset::Declarations, case, "inspection");
        desk.open(Dataset::Declarations, "update", consignment, why);
    } else if happens(desk.rng, 0.35) {
        desk.open(Dataset::Declarations, "update", consignment, routine);
    }
    desk.exchange(Dataset::Declarations, since);
}

/// A cargo analyst follows a risk profile.
pub(super) fn assess(desk: &mut Desk<'_>, me: &Actor) {
    const PURPOSE: &str = "risk_assessment";
    let since = desk.now_ms;
    let case = open_case(desk, me);
    let mut why = Reason::routine(PURPOSE);
    if happens(desk.rng, 0.4) {
        why = reason(desk, me, Dataset::Declarations, case, PURPOSE);
    }
    let rows = around(desk.rng, 30.0, 0.9).clamp(1.0, 500.0) as u32;
    desk.rows(Dataset::Declarations, "search", rows, &[], why);
    desk.think(40.0);
    for _ in 0..2 + below(desk.rng, 6) {
        let consignment = any_subject(desk.rng, About::Consignments);
        desk.read(Dataset::Declarations, consignment, why);
        desk.think(25.0);
        if happens(desk.rng, 0.4) {
            desk.read(Dataset::Manifests, consignment, why);
            desk.think(25.0);
        }
    }
    if happens(desk.rng, 0.5) {
        let trader = any_subject(desk.rng, About::Traders);
        desk.read(Dataset::Traders, trader, why);
        desk.think(15.0);
    }
    if happens(desk.rng, 0.06) {
        let rows = around(desk.rng, 120.0, 0.8).clamp(10.0, 800.0) as u32;
        desk.rows(Dataset::Statistics, "export", rows, &[], Reason::routine("reporting"));
    }
    desk.exchange(Dataset::Declarations, since);
}

/// The month's figures: a long, quick run that happens on a few days only.
pub(super) fn close_month(desk: &mut Desk<'_>) {
    let since = desk.now_ms;
    let why = Reason::routine("monthly_reconciliation");
    let many = 60 + below(desk.rng, 140);
    for n in 0..many {
        let consignment = any_subject(desk.rng, About::Consignments);
        desk.read(Dataset::Declarations, consignment, why);
        desk.think(9.0);
        if n % 40 == 39 {
            let rows = around(desk.rng, 300.0, 0.6).clamp(50.0, 2_000.0) as u32;
            desk.rows(Dataset::Statistics, "export", rows, &[], why);
            desk.think(60.0);
        }
    }
    desk.exchange(Dataset::Declarations, since);
}
