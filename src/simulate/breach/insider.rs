//! Breaches by people who are allowed in.

use smallvec::SmallVec;

use super::super::chance::{around, below, between, pick};
use super::super::config::SimulationError;
use super::super::dataset::{About, Dataset};
use super::super::desk::{Desk, Reason};
use super::super::event::Far;
use super::super::population::{CANARIES, PROTECTED, any_subject};
use super::super::roles::Role;
use super::super::shift::shift;
use super::super::sites::{SITES, SiteKind};
use super::super::work::{FILE_SHARING, WEBMAIL};
use super::script::{Cast, Script};
use super::{HOUR_MS, MINUTE_MS};

const DAY_MS: i64 = 24 * HOUR_MS;
/// Shifts a low-and-slow breach goes on for.
const SHIFTS_MAX: usize = 60;

/// Logs in where the session is the breach's own.
pub(super) fn begin(desk: &mut Desk<'_>, cast: &Cast, mfa: bool) {
    if cast.own_session {
        desk.auth("login", crate::engine::model::Outcome::Allowed, Some(mfa));
        desk.wait_ms(20_000);
    }
}

pub(super) fn end(desk: &mut Desk<'_>, cast: &Cast) {
    if cast.own_session {
        desk.wait_ms(8_000);
        desk.auth("logout", crate::engine::model::Outcome::Allowed, None);
    }
}

/// Reads so many travelers at an uneven beat, in so much time.
pub(super) fn read_many(
    desk: &mut Desk<'_>,
    dataset: Dataset,
    count: u32,
    takes_ms: i64,
    reason: Reason,
) {
    let beat = (takes_ms / i64::from(count.max(1))).max(2);
    let mut since = desk.now_ms;
    for n in 1..=count {
        let subject = any_subject(desk.rng, dataset.facts().about);
        desk.read(dataset, subject, reason);
        let pause = between(desk.rng, beat / 2, beat + beat / 2);
        desk.wait_ms(pause);
        if n % 500 == 0 || n == count {
            desk.exchange(dataset, since);
            since = desk.now_ms;
        }
    }
}

/// Sends so many bytes out, in a few connections one after the other.
pub(super) fn send(desk: &mut Desk<'_>, to: Far, bytes: u64, connections: u64, takes_ms: i64) {
    let each_ms = takes_ms / connections.max(1) as i64;
    let mut left = bytes;
    for n in 0..connections {
        let share = if n + 1 == connections { left } else { bytes / connections };
        left -= share;
        desk.flow(to, each_ms, share, 20_000 + share / 900);
        desk.wait_ms(each_ms);
    }
}

pub(super) fn bulk_dump(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let cast = script.insider(Role::BorderOfficer, |_| true)?;
    let (dump_ms, wait_ms, send_ms) = (
        script.scaled(10 * MINUTE_MS),
        script.scaled(15 * MINUTE_MS),
        script.scaled(4 * MINUTE_MS),
    );
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    read_many(&mut desk, Dataset::Pnr, 5_000, dump_ms, Reason::NONE);
    desk.wait_ms(wait_ms);
    send(&mut desk, FILE_SHARING, 800_000_000, 8, send_ms);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn fast_dump(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let cast = script.insider(Role::BorderOfficer, |_| true)?;
    let dump_ms = script.scaled(10 * MINUTE_MS);
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    read_many(&mut desk, Dataset::EntryExit, 400, dump_ms, Reason::NONE);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn export_reports(script: &mut Script<'_>) -> Result<(), SimulationError> {
    const REPORTS: i64 = 8;
    const NAMED: usize = 100;
    let cast = script.insider(Role::VisaClerk, |_| true)?;
    let each_ms = script.takes_ms() / (REPORTS + 1);
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    for _ in 0..REPORTS {
        let since = desk.now_ms;
        let rows = between(desk.rng, 900, 1_200) as u32;
        let subjects: SmallVec<[u32; 2]> =
            (0..NAMED).map(|_| any_subject(desk.rng, About::Travelers)).collect();
        desk.rows_naming(Dataset::Visa, "export", rows, subjects, Reason::routine("reporting"));
        desk.exchange(Dataset::Visa, since);
        let pause = between(desk.rng, each_ms / 10, each_ms / 4);
        desk.wait_ms(pause);
        let size = around(desk.rng, 3.2e6, 0.25) as u64;
        send(&mut desk, WEBMAIL, size, 1, 4_000);
        let pause = each_ms / 2 + between(desk.rng, 0, each_ms / 5);
        desk.wait_ms(pause);
    }
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn protected_snooping(script: &mut Script<'_>) -> Result<(), SimulationError> {
    const PEOPLE: u64 = 4;
    let cast = script.insider(Role::BorderOfficer, |_| true)?;
    let each_ms = script.takes_ms() / PEOPLE as i64;
    let step_ms = each_ms / 9;
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    let first = below(desk.rng, PROTECTED.len() as u64);
    for n in 0..PEOPLE {
        let person = PROTECTED[((first + n) % PROTECTED.len() as u64) as usize].0;
        let since = desk.now_ms;
        desk.rows_naming(
            Dataset::Pnr,
            "search",
            1,
            smallvec::smallvec![person],
            Reason::routine("primary_inspection"),
        );
        for dataset in [
            Dataset::Pnr,
            Dataset::Api,
            Dataset::EntryExit,
            Dataset::Visa,
            Dataset::PassportImages,
            Dataset::Watchlist,
        ] {
            let pause = between(desk.rng, step_ms / 2, step_ms);
            desk.wait_ms(pause);
            desk.read(dataset, person, Reason::NONE);
        }
        desk.exchange(Dataset::Pnr, since);
        desk.wait_ms(step_ms);
    }
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn canary_touch(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let cast = script.insider(Role::VisaClerk, |_| true)?;
    let step_ms = script.takes_ms() / 6;
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    let planted = CANARIES[below(desk.rng, CANARIES.len() as u64) as usize].0;
    let why = Reason::routine("visa_application");
    let since = desk.now_ms;
    desk.rows(Dataset::Visa, "search", 6, &[planted], why);
    desk.wait_ms(step_ms);
    desk.read(Dataset::Visa, planted, why);
    desk.wait_ms(step_ms);
    desk.read(Dataset::PassportImages, planted, why);
    desk.exchange(Dataset::Visa, since);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn pin_lookup(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let quay = |site: u8| SITES[usize::from(site)].kind == SiteKind::Seaport;
    let cast = script.insider(Role::CustomsOfficer, |actor| quay(actor.site))?;
    let takes_ms = script.takes_ms();
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    for _ in 0..30 {
        let since = desk.now_ms;
        let container = any_subject(desk.rng, About::Consignments);
        desk.read(Dataset::Manifests, container, Reason::routine("clearance"));
        let pause = between(desk.rng, takes_ms / 200, takes_ms / 100);
        desk.wait_ms(pause);
        desk.read(Dataset::ReleasePins, container, Reason::NONE);
        desk.exchange(Dataset::ReleasePins, since);
        let pause = between(desk.rng, takes_ms / 90, takes_ms / 55);
        desk.wait_ms(pause);
    }
    send(&mut desk, WEBMAIL, 41_000, 1, 2_000);
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn off_hours_trickle(script: &mut Script<'_>) -> Result<(), SimulationError> {
    const READS: i64 = 60;
    let (from, to) = (script.start_ms, script.start_ms + script.takes_ms());
    let free = script.candidates(Role::VisaClerk, |actor| actor.left_ms.is_none());
    let agency = script.agency;
    let away = |actor: &u32, margin: i64| {
        let day = from.div_euclid(DAY_MS);
        (day - 1..=day + 1)
            .filter_map(|day| shift(agency, *actor, day))
            .flat_map(|shift| shift.sittings)
            .all(|s| to + margin < s.login_ms || s.logout_ms + margin < from)
    };
    let actor = free
        .iter()
        .find(|a| away(a, 2 * HOUR_MS))
        .or_else(|| free.iter().find(|a| away(a, 0)))
        .or_else(|| free.first())
        .copied()
        .ok_or_else(|| script.nobody(Role::VisaClerk))?;
    script.reserve(actor);
    let cast = script.own_session(actor, agency.actor(actor).place());
    let beat = script.takes_ms() / (READS + 3);
    let mut desk = script.desk(&cast);
    begin(&mut desk, &cast, true);
    for _ in 0..READS {
        let since = desk.now_ms;
        let person = any_subject(desk.rng, About::Travelers);
        let dataset =
            pick(desk.rng, &[Dataset::Visa, Dataset::Pnr, Dataset::EntryExit], Dataset::Visa);
        desk.read(dataset, person, Reason::NONE);
        desk.exchange(dataset, since);
        let pause = between(desk.rng, beat / 2, beat + beat / 2);
        desk.wait_ms(pause);
    }
    end(&mut desk, &cast);
    Ok(())
}

pub(super) fn low_and_slow(script: &mut Script<'_>) -> Result<(), SimulationError> {
    let agency = script.agency;
    let from = script.start_ms;
    let days = from.div_euclid(DAY_MS) - 1..=agency.end_ms.div_euclid(DAY_MS);
    let sittings = |actor: u32| {
        days.clone()
            .filter_map(|day| shift(agency, actor, day))
            .flat_map(|shift| shift.sittings)
            .filter(|s| s.login_ms >= from && s.login_ms + HOUR_MS < agency.end_ms)
            .take(SHIFTS_MAX)
            .collect::<Vec<_>>()
    };
    let mut free = script.candidates(Role::Administrator, |actor| actor.left_ms.is_none());
    free.extend(script.candidates(Role::Helpdesk, |actor| actor.left_ms.is_none()));
    let playing = free.iter().map(|a| (*a, sittings(*a))).find(|(_, s)| !s.is_empty());
    let (actor, sittings) = match playing {
        Some(playing) => playing,
        None => {
            let actor = *free.first().ok_or_else(|| script.nobody(Role::Administrator))?;
            let cast = script.own_session(actor, agency.actor(actor).place());
            let mut sitting = cast.sitting;
            sitting.logout_ms = agency.end_ms.max(sitting.login_ms + MINUTE_MS);
            (actor, vec![sitting])
        }
    };
    script.reserve(actor);
    for sitting in sittings {
        let cast = Cast { actor, sitting, own_session: false };
        let length = sitting.logout_ms.min(agency.end_ms) - sitting.login_ms;
        // A sitting that a break cuts short gets its part of the day's reads.
        let reads = (33 * length / (8 * HOUR_MS)).clamp(6, 40);
        let beat = length / (reads + 2);
        let mut desk = script.desk(&cast);
        desk.now_ms = sitting.login_ms + beat.max(3 * MINUTE_MS.min(beat));
        for _ in 0..reads {
            let since = desk.now_ms;
            let person = any_subject(desk.rng, About::Travelers);
            desk.read(Dataset::Pnr, person, Reason::routine("support"));
            desk.exchange(Dataset::Pnr, since);
            let pause = between(desk.rng, beat / 2, beat + beat / 2);
            desk.wait_ms(pause);
        }
    }
    Ok(())
}
