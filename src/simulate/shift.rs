//! Who works when. A pure function of the agency, the account and the day, so that a breach can be
//! planned into a shift that its author has not yet begun.

use rand::RngExt;
use smallvec::SmallVec;

use super::agency::{Agency, Place, workstation};
use super::chance::{Chance, Purpose, below, between, chance, happens, hash};
use super::roles::Role;
use super::sites::weekday;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// From a login to its logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sitting {
    pub login_ms: i64,
    pub logout_ms: i64,
    pub session: u64,
    pub place: Place,
}

/// One account's working day.
#[derive(Clone, Debug)]
pub(super) struct Shift {
    pub sittings: SmallVec<[Sitting; 2]>,
    /// Away without logging out.
    pub pause: Option<(i64, i64)>,
    /// How far the site's clock is ahead of UTC.
    pub offset_ms: i64,
    /// How the day goes, 1 being as usual.
    pub pace: f64,
}

/// The hours of one shift on the site's own clock, in milliseconds after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hours {
    Early,
    Late,
    Night,
    Office(u16),
    RoundTheClock(u16),
}

/// Four teams, eight days: each shift of each day has a team, and everybody has two days off.
const ROTATION: [Option<Hours>; 8] = [
    Some(Hours::Early),
    Some(Hours::Early),
    Some(Hours::Late),
    Some(Hours::Late),
    Some(Hours::Night),
    Some(Hours::Night),
    None,
    None,
];

/// The shift an account begins on a local day (days since 1970), if it works on it. What lies
/// before the start of the simulation is cut off: people then log in within a quarter of an hour.
pub(super) fn shift(agency: &Agency, n: u32, day: i64) -> Option<Shift> {
    let actor = agency.actor(n);
    let first = agency.start_ms.div_euclid(DAY_MS) + i64::from(actor.first_day);
    if actor.left_ms.is_some() || (actor.newcomer && day < first) {
        return None;
    }
    let mut rng = chance(agency.seed, Purpose::Shift, u64::from(n), day as u64);
    let hours = if actor.role == Role::ServiceAccount {
        Hours::RoundTheClock(actor.start_minute)
    } else if actor.rotating {
        rotating(&mut rng, day + 2 * i64::from(actor.team))?
    } else {
        office(&mut rng, actor.start_minute, day)?
    };
    let (begin, end) = span(&mut rng, hours);
    let begin_ms = match hours {
        // Programs keep no daylight saving time.
        Hours::RoundTheClock(_) => day * DAY_MS + begin,
        _ => agency.clocks.utc_ms(actor.site, day * DAY_MS + begin),
    };
    let end_ms = begin_ms + (end - begin);
    let mut shift = Shift {
        sittings: SmallVec::new(),
        pause: None,
        offset_ms: agency.clocks.offset_ms(actor.site, begin_ms),
        pace: (1.0 + 0.25 * (rng.random::<f64>() + rng.random::<f64>() - 1.0))
            * if actor.newcomer { 0.45 } else { 1.0 },
    };
    let place = seat(&mut rng, agency, n);
    let mut sit = |from: i64, to: i64, part: u64, rng: &mut Chance| {
        let from =
            if from < agency.start_ms { agency.start_ms + catch_up_ms(rng, hours) } else { from };
        if to - from >= 10 * MINUTE_MS {
            let session = hash(agency.seed, Purpose::Session, u64::from(n), day as u64 * 2 + part);
            shift.sittings.push(Sitting { login_ms: from, logout_ms: to, session, place });
        }
    };
    if matches!(hours, Hours::RoundTheClock(_)) {
        sit(begin_ms, end_ms, 0, &mut rng);
    } else {
        let rest = begin_ms + (end - begin) / 2 + between(&mut rng, -50, 50) * MINUTE_MS;
        let back = rest + between(&mut rng, 25, 50) * MINUTE_MS;
        if happens(&mut rng, 0.35) {
            sit(begin_ms, rest, 0, &mut rng);
            sit(back, end_ms, 1, &mut rng);
        } else {
            sit(begin_ms, end_ms, 0, &mut rng);
            shift.pause = Some((rest, back));
        }
    }
    (!shift.sittings.is_empty()).then_some(shift)
}

/// How long after the start somebody logs in whose shift has begun before it: programs at once,
/// people sooner rather than later within a quarter of an hour.
fn catch_up_ms(rng: &mut Chance, hours: Hours) -> i64 {
    let late: f64 = rng.random();
    let most_ms = match hours {
        Hours::RoundTheClock(_) => 20_000.0,
        _ => 15.0 * MINUTE_MS as f64,
    };
    500 + (most_ms * late * late) as i64
}

/// Rotation, with sickness, swaps between colleagues and a few extra shifts. A night is followed by
/// a night, a late shift or nothing, so shifts of one person never touch.
fn rotating(rng: &mut Chance, turn: i64) -> Option<Hours> {
    let luck: f64 = rng.random();
    match ROTATION[turn.rem_euclid(8) as usize] {
        None => (luck < 0.04).then_some(Hours::Late),
        Some(_) if luck < 0.07 => None,
        Some(Hours::Early) if luck < 0.1 => Some(Hours::Late),
        Some(Hours::Late) if luck < 0.1 => Some(Hours::Night),
        Some(Hours::Night) if luck < 0.1 => Some(Hours::Late),
        planned => planned,
    }
}

fn office(rng: &mut Chance, start_minute: u16, day: i64) -> Option<Hours> {
    let present = if weekday(day) < 5 { 0.9 } else { 0.03 };
    happens(rng, present).then_some(Hours::Office(start_minute))
}

/// Begin and end after local midnight.
fn span(rng: &mut Chance, hours: Hours) -> (i64, i64) {
    let (begin, length) = match hours {
        Hours::Early => (6 * HOUR_MS, 8 * HOUR_MS),
        Hours::Late => (14 * HOUR_MS, 8 * HOUR_MS),
        Hours::Night => (22 * HOUR_MS, 8 * HOUR_MS),
        Hours::Office(minute) => (i64::from(minute) * MINUTE_MS, 8 * HOUR_MS + HOUR_MS / 2),
        // The token is renewed once a day; the account is never away for longer than that takes.
        Hours::RoundTheClock(minute) => {
            let begin = i64::from(minute) * MINUTE_MS;
            return (begin, begin + DAY_MS - 2_000);
        }
    };
    let begin = begin + between(rng, -15 * MINUTE_MS, 8 * MINUTE_MS);
    (begin, begin + length + between(rng, -6 * MINUTE_MS, 14 * MINUTE_MS))
}

/// Nearly always one's own machine; now and then a colleague's.
fn seat(rng: &mut Chance, agency: &Agency, n: u32) -> Place {
    let actor = agency.actor(n);
    let seats = agency.seats[usize::from(actor.site)];
    if actor.role.is_person() && seats > 1 && happens(rng, 0.02) {
        return workstation(actor.site, below(rng, u64::from(seats)) as u32);
    }
    actor.place()
}

/// True on the first and last two working days of a month, when the figures are made up.
pub(super) fn closes_the_month(agency: &Agency, n: u32, local_ms: i64) -> bool {
    let share = hash(agency.seed, Purpose::Shift, u64::from(n), u64::MAX);
    if !share.is_multiple_of(3) {
        return false;
    }
    let day = local_ms.div_euclid(DAY_MS);
    if weekday(day) >= 5 {
        return false;
    }
    let month = |d: i64| {
        let (year, month, ..) = crate::engine::model::EventTime::MIN
            .plus_ms(d * DAY_MS - crate::engine::model::EventTime::MIN.millis())
            .civil();
        (year, month)
    };
    let working_days_to_edge = |step: i64| {
        let mut at = day;
        let mut worked = 0;
        while month(at) == month(day) && worked < 3 {
            worked += i32::from(weekday(at) < 5);
            at += step;
        }
        worked
    };
    working_days_to_edge(1) <= 2 || working_days_to_edge(-1) <= 2
}

/// The site's own part of a demand curve at this instant.
pub(super) fn local_ms(shift: &Shift, utc_ms: i64) -> i64 {
    utc_ms + shift.offset_ms
}

#[cfg(test)]
mod tests {
    use super::super::config::SimulationConfig;
    use super::*;

    fn agency() -> Agency {
        Agency::found(&SimulationConfig { actors: 400, ..SimulationConfig::default() })
    }

    #[test]
    fn sittings_never_overlap_and_sessions_are_unlike() {
        let agency = agency();
        let first = agency.start_ms / DAY_MS;
        let mut sessions = std::collections::HashSet::new();
        for n in 0..400 {
            let mut free_from = i64::MIN;
            for day in first - 1..first + 60 {
                for sitting in shift(&agency, n, day).iter().flat_map(|s| &s.sittings) {
                    assert!(sitting.login_ms > free_from, "account {n} on day {day}");
                    assert!(sitting.logout_ms >= sitting.login_ms + 10 * MINUTE_MS);
                    assert!(sitting.login_ms >= agency.start_ms);
                    assert!(sessions.insert(sitting.session));
                    free_from = sitting.logout_ms;
                }
            }
        }
    }

    #[test]
    fn rotation_covers_every_shift_and_nights_wander() {
        let agency = agency();
        let first = agency.start_ms / DAY_MS;
        let n = (0..400).find(|n| agency.actor(*n).rotating).expect("somebody rotates");
        let mut starts = std::collections::BTreeMap::<i64, u32>::new();
        let mut free = 0;
        for day in first + 1..first + 401 {
            match shift(&agency, n, day) {
                None => free += 1,
                Some(s) => {
                    let at = s.sittings[0].login_ms + s.offset_ms;
                    *starts.entry((at + HOUR_MS).rem_euclid(DAY_MS) / HOUR_MS).or_default() += 1;
                }
            }
        }
        assert!((60..180).contains(&free), "{free} days off of 400");
        for hour in [6, 14, 22] {
            let near: u32 = (hour..hour + 2).filter_map(|h| starts.get(&h)).sum();
            assert!(near > 60, "{hour}: {starts:?}");
        }
    }

    #[test]
    fn leavers_do_not_work_and_office_people_have_weekends() {
        let agency = agency();
        let monday = agency.start_ms / DAY_MS;
        let on = |day: i64, pick: &dyn Fn(u32) -> bool| {
            (0..400).filter(|n| pick(*n) && shift(&agency, *n, day).is_some()).count()
        };
        let left = |n: u32| agency.actor(n).left_ms.is_some();
        let desk = |n: u32| agency.actor(n).role == Role::VisaClerk && !left(n);
        assert_eq!(on(monday + 1, &left), 0);
        assert!(on(monday + 2, &desk) > 5 * on(monday + 5, &desk).max(1));
    }

    #[test]
    fn the_month_is_closed_on_its_edges_only() {
        let agency = agency();
        let n = (0..400).find(|n| closes_the_month(&agency, *n, agency.start_ms)).expect("someone");
        let march = agency.start_ms / DAY_MS;
        let days: Vec<i64> =
            (0..31).filter(|d| closes_the_month(&agency, n, (march + d) * DAY_MS)).collect();
        // 2 and 3 March, 30 and 31 March, 1 April.
        assert_eq!(days, [0, 1, 28, 29, 30]);
    }
}
