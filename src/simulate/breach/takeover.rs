//! Breaches through somebody else's account.

use super::super::chance::{below, between, wait};
use super::super::config::SimulationError;
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::population::{PROTECTED, any_subject};
use super::super::roles::Role;
use super::super::work::FILE_SHARING;
use super::insider::{begin, end, read_many, send};
use super::script::Script;
use super::{BreachKind, MINUTE_MS};
use crate::engine::model::Outcome;

pub(super) fn leaver_return(script: &mut Script<'_>) -> Result<(), SimulationError> {
    debug_assert_eq!(script.kind, BreachKind::LeaverReturn);
    let place = script.outside();
    let has_left = |role| {
        move |actor: &super::super::agency::Actor| actor.left_ms.is_some() && actor.role == role
    };
    let mut roles = Role::ALL.into_iter().filter(|role| role.is_person());
    let cast = loop {
        let Some(role) = roles.next() else { return Err(script.nobody(Role::BorderOfficer)) };
        if let Ok(cast) = script.taken_over(role, has_left(role), Some(place)) {
            break cast;
        }
    };
    let takes_ms = script.scaled(25 * MINUTE_MS);
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, false);
    read_many(&mut desk, Dataset::Pnr, 60, takes_ms, Reason::NONE);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn stolen_service(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let place = script.outside();
    let cast = script.taken_over(Role::ServiceAccount, |_| true, Some(place))?;
    let until_ms = script.start_ms + script.scaled(45 * MINUTE_MS);
    let scale = script.scale;
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, false);
    // Looks, thinks, looks again: stretches of quick reading with pauses between them.
    for n in 0..300 {
        let since = desk.now_ms;
        let person = any_subject(desk.rng, About::Travelers);
        let dataset = if n % 3 == 0 { Dataset::PassportImages } else { Dataset::Pnr };
        if n % 12 == 0 {
            desk.rows(Dataset::Pnr, "search", 20, &[person], Reason::NONE);
        } else {
            desk.read(dataset, person, Reason::NONE);
        }
        desk.exchange(dataset, since);
        let mean_s = if n % 40 == 39 { 90.0 } else { 6.0 };
        let pause = (wait(desk.rng, mean_s).min(240.0) * 1e3 * scale) as i64 + 1;
        let left = (until_ms - desk.now_ms) / (301 - n);
        desk.wait_ms(pause.min(left.max(1) * 12));
    }
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn mfa_removed(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let place = script.outside();
    let cast = script.taken_over(
        Role::IntelligenceAnalyst,
        |actor| actor.left_ms.is_none(),
        Some(place),
    )?;
    let (pause_ms, takes_ms) = (script.scaled(6 * MINUTE_MS), script.scaled(16 * MINUTE_MS));
    let mut desk = script.desk(&cast);
    let session = desk.session.take();
    desk.auth("mfa_removed", Outcome::Allowed, Some(false));
    desk.session = session;
    desk.wait_ms(pause_ms);
    begin(&mut desk, &cast, false);
    read_many(&mut desk, Dataset::Watchlist, 40, takes_ms, Reason::NONE);
    read_many(&mut desk, Dataset::Biometrics, 40, takes_ms, Reason::NONE);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn recon_chain(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let cast = script.taken_over(Role::Investigator, |actor| actor.left_ms.is_none(), None)?;
    let minutes = |n: i64| (n * MINUTE_MS) as f64 * script.scale;
    let (guess_ms, step_ms, bulk_ms, send_ms) =
        (minutes(20) as i64, minutes(1) as i64, minutes(25) as i64, minutes(5) as i64);
    let mut desk = script.desk(&cast);
    for _ in 0..25 {
        desk.auth("login", Outcome::Denied, Some(false));
        let pause = between(desk.rng, guess_ms / 50, guess_ms / 20);
        desk.wait_ms(pause);
    }
    desk.auth("login", Outcome::Allowed, Some(false));
    desk.wait_ms(step_ms);
    reconnoitre(&mut desk, step_ms);
    let first = below(desk.rng, PROTECTED.len() as u64) as usize;
    for n in 0..3 {
        let person = PROTECTED[(first + n) % PROTECTED.len()].0;
        desk.read(Dataset::Pnr, person, Reason::NONE);
        let pause = between(desk.rng, step_ms / 2, 2 * step_ms);
        desk.wait_ms(pause);
    }
    let since = desk.now_ms;
    for _ in 0..60 {
        desk.rows(Dataset::Pnr, "list", 250, &[], Reason::NONE);
        let pause = between(desk.rng, bulk_ms / 90, bulk_ms / 50);
        desk.wait_ms(pause);
    }
    desk.exchange(Dataset::Pnr, since);
    desk.wait_ms(4 * step_ms);
    send(&mut desk, FILE_SHARING, 260_000_000, 5, send_ms);
    desk.wait_ms(step_ms);
    desk.auth("logout", Outcome::Allowed, None);
    Ok(())
}

/// Tries what may be searched; most of it may not.
fn reconnoitre(desk: &mut Desk<'_>, step_ms: i64) {
    let since = desk.now_ms;
    for dataset in [
        Dataset::Staff,
        Dataset::Statistics,
        Dataset::Watchlist,
        Dataset::Biometrics,
        Dataset::Traders,
        Dataset::Visa,
        Dataset::EntryExit,
        Dataset::PassportImages,
        Dataset::Api,
        Dataset::Pnr,
    ] {
        for _ in 0..2 {
            desk.refused = if dataset == Dataset::Pnr { 0.0 } else { 0.8 };
            desk.rows(dataset, "search", 5, &[], Reason::NONE);
            let pause = between(desk.rng, step_ms / 3, step_ms);
            desk.wait_ms(pause);
        }
    }
    desk.refused = 0.0;
    desk.exchange(Dataset::Pnr, since);
}
