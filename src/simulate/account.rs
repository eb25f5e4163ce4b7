//! One account from day to day: logs in, works, pauses, logs out, comes again.

use std::collections::VecDeque;

use crate::engine::model::Outcome;

use super::agency::{Actor, Agency};
use super::chance::{Chance, Purpose, between, burstiness, chance, happens, wait};
use super::desk::Desk;
use super::event::Draft;
use super::roles::Role;
use super::shift::{Shift, Sitting, closes_the_month, local_ms, shift};
use super::sites::{SITES, busy, surge};
use super::work::{Notes, browse, work};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Demand is looked at again at least this often.
const RECONSIDER_MS: i64 = 10 * MINUTE_MS;
/// Mean time between two excursions into the web.
const WEB_S: f64 = 840.0;

/// An account under simulation. Holds the events of one piece of work at a time.
#[derive(Debug)]
pub(super) struct Account {
    n: u32,
    rng: Chance,
    /// The next local day whose shift has not been looked at.
    day: i64,
    shift: Option<Shift>,
    sitting: usize,
    logged_in: bool,
    /// When it does something next. Never before an event already planned in `queue` and emitted.
    next_ms: i64,
    web_ms: i64,
    /// Some stretches of time are busier than others.
    stretch: f64,
    stretch_until_ms: i64,
    notes: Notes,
    queue: VecDeque<Draft>,
}

impl Account {
    pub(super) fn new(agency: &Agency, n: u32) -> Self {
        Self {
            n,
            rng: chance(agency.seed, Purpose::Work, u64::from(n), 0),
            // The day before: night shifts, and clocks ahead of UTC, reach into the start.
            day: agency.start_ms.div_euclid(DAY_MS) - 1,
            shift: None,
            sitting: 0,
            logged_in: false,
            next_ms: agency.start_ms,
            web_ms: 0,
            stretch: 1.0,
            stretch_until_ms: 0,
            notes: Notes::default(),
            queue: VecDeque::new(),
        }
    }

    /// When its next event or decision is due; `None` when the simulation ends before that.
    pub(super) fn due_ms(&self, agency: &Agency) -> Option<i64> {
        let due = self.queue.front().map_or(self.next_ms, |draft| draft.at_ms.min(self.next_ms));
        (due < agency.end_ms).then_some(due)
    }

    /// The next event, when it is due before the next decision.
    pub(super) fn take(&mut self) -> Option<Draft> {
        let due = self.queue.front().is_some_and(|draft| draft.at_ms < self.next_ms);
        if due { self.queue.pop_front() } else { None }
    }

    #[cfg(test)]
    pub(super) fn planned(&self) -> usize {
        self.queue.len()
    }

    /// Decides what comes next. Time moves on with every call.
    pub(super) fn decide(&mut self, agency: &Agency) {
        let Some(shift) = self.shift.take() else { return self.look_ahead(agency) };
        let Some(sitting) = shift.sittings.get(self.sitting).copied() else {
            return self.look_ahead(agency);
        };
        let mut fresh = Vec::new();
        if !self.logged_in {
            self.log_in(agency, &sitting, &mut fresh);
        } else if self.next_ms >= sitting.logout_ms {
            self.log_out(agency, &shift, &sitting, &mut fresh);
        } else if let Some((_, back)) = shift.pause.filter(|p| (p.0..p.1).contains(&self.next_ms)) {
            self.next_ms = back.min(sitting.logout_ms);
        } else {
            self.work(agency, &shift, &sitting, &mut fresh);
        }
        self.shift = Some(shift);
        self.queue.extend(fresh);
        // Flows may outlast the piece of work they began in.
        self.queue.make_contiguous().sort_by_key(|draft| draft.at_ms);
    }

    /// Finds the next working day, a week at a time.
    fn look_ahead(&mut self, agency: &Agency) {
        self.logged_in = false;
        self.sitting = 0;
        for _ in 0..7 {
            let day = self.day;
            self.day += 1;
            if let Some(shift) = shift(agency, self.n, day)
                && let Some(first) = shift.sittings.first()
                && first.login_ms >= self.next_ms
            {
                self.next_ms = first.login_ms;
                self.shift = Some(shift);
                return;
            }
        }
        // Nothing this week. Clocks are less than a day apart, so nothing is due before this.
        self.next_ms = self.next_ms.max((self.day - 1) * DAY_MS);
    }

    fn log_in(&mut self, agency: &Agency, sitting: &Sitting, fresh: &mut Vec<Draft>) {
        let me = agency.actor(self.n);
        let person = me.role != Role::ServiceAccount;
        let mut desk = Desk::sit(agency, &mut self.rng, self.n, sitting, sitting.login_ms, fresh);
        if person {
            while happens(desk.rng, 0.03) {
                desk.auth("login", Outcome::Denied, Some(false));
                let retry = between(desk.rng, 4_000, 20_000);
                desk.wait_ms(retry);
            }
            if happens(desk.rng, 0.3) {
                desk.auth("mfa_challenge", Outcome::Allowed, Some(true));
                let answer = between(desk.rng, 2_000, 12_000);
                desk.wait_ms(answer);
            }
        }
        desk.auth("login", Outcome::Allowed, Some(person));
        let settle = if person { between(desk.rng, 5_000, 150_000) } else { 500 };
        self.next_ms = (desk.now_ms + settle).min(sitting.logout_ms);
        self.web_ms = self.next_ms + (wait(&mut self.rng, WEB_S) * 1e3) as i64;
        self.logged_in = true;
    }

    fn log_out(
        &mut self,
        agency: &Agency,
        shift: &Shift,
        sitting: &Sitting,
        fresh: &mut Vec<Draft>,
    ) {
        let n = self.n;
        let mut desk = Desk::sit(agency, &mut self.rng, n, sitting, sitting.logout_ms, fresh);
        desk.until_ms = i64::MAX;
        desk.auth("logout", Outcome::Allowed, None);
        self.logged_in = false;
        self.sitting += 1;
        self.next_ms = sitting.logout_ms + 1;
        if let Some(next) = shift.sittings.get(self.sitting) {
            self.next_ms = self.next_ms.max(next.login_ms);
        }
    }

    fn work(&mut self, agency: &Agency, shift: &Shift, sitting: &Sitting, fresh: &mut Vec<Draft>) {
        let me = agency.actor(self.n);
        let local = local_ms(shift, self.next_ms);
        let closing = me.role == Role::CargoAnalyst && closes_the_month(agency, self.n, local);
        let mut desk = Desk::sit(agency, &mut self.rng, self.n, sitting, self.next_ms, fresh);
        if me.role.is_person() && desk.now_ms >= self.web_ms {
            browse(&mut desk, me);
            self.web_ms = desk.now_ms + (wait(desk.rng, WEB_S) * 1e3) as i64;
        }
        work(&mut desk, me, &mut self.notes, closing);
        let done_ms = desk.now_ms.max(self.next_ms);
        self.next_ms = self.pause_after(agency, me, shift, done_ms).min(sitting.logout_ms);
    }

    /// When the next piece of work begins: an exponential gap at a rate that follows the person,
    /// the day, the hour at the site, its surges, and stretches of more and of less to do.
    fn pause_after(&mut self, agency: &Agency, me: &Actor, shift: &Shift, from_ms: i64) -> i64 {
        let kind = SITES[usize::from(me.site)].kind;
        let mut at_ms = from_ms;
        loop {
            if at_ms >= self.stretch_until_ms {
                self.stretch = burstiness(&mut self.rng, 3.0).max(0.08);
                self.stretch_until_ms = at_ms + between(&mut self.rng, 12, 35) * MINUTE_MS;
            }
            let rate = match me.role {
                Role::ServiceAccount => busy(super::sites::SiteKind::Airport, at_ms).max(0.3),
                Role::BorderOfficer | Role::CustomsOfficer => {
                    f64::from(me.pace)
                        * shift.pace
                        * self.stretch
                        * busy(kind, local_ms(shift, at_ms))
                        * surge(agency.seed, me.site, at_ms)
                }
                _ => f64::from(me.pace) * shift.pace * self.stretch,
            };
            let gap_ms = (wait(&mut self.rng, me.role.gap_s() / rate) * 1e3) as i64 + 1;
            if gap_ms <= RECONSIDER_MS {
                return at_ms + gap_ms;
            }
            // Exponential gaps have no memory: wait a while, then draw again at the rate of then.
            at_ms += RECONSIDER_MS;
            if at_ms >= shift.sittings.last().map_or(i64::MIN, |s| s.logout_ms) {
                return at_ms;
            }
        }
    }
}
