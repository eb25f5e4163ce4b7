//! The stage of one breach: when it is, who is free to play it, and what has been done so far.

use std::collections::HashSet;

use super::super::agency::{Actor, Agency, Host, Place, ip};
use super::super::chance::{Chance, Purpose, below, hash};
use super::super::config::{SimulationConfig, SimulationError};
use super::super::desk::Desk;
use super::super::event::Draft;
use super::super::roles::Role;
use super::super::shift::{Sitting, shift};
use super::{BreachKind, HOUR_MS, MINUTE_MS};

const DAY_MS: i64 = 24 * HOUR_MS;

/// Who plays, and in which sitting: one of the account's own, or one opened for the breach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    pub actor: u32,
    pub sitting: Sitting,
    pub own_session: bool,
}

pub(super) struct Script<'a> {
    pub agency: &'a Agency,
    pub rng: Chance,
    pub kind: BreachKind,
    pub start_ms: i64,
    /// Below 1 where a short simulation makes everything happen faster.
    pub scale: f64,
    index: u16,
    /// Accounts that play in a breach already.
    used: &'a mut HashSet<u32>,
    drafts: Vec<Draft>,
}

impl<'a> Script<'a> {
    pub(super) const fn new(
        agency: &'a Agency,
        rng: Chance,
        index: u16,
        used: &'a mut HashSet<u32>,
    ) -> Self {
        Self {
            agency,
            rng,
            kind: BreachKind::BulkDump,
            start_ms: 0,
            scale: 1.0,
            index,
            used,
            drafts: Vec::new(),
        }
    }

    /// Finds its time: `part` of the way from the first breach's begin to near the end, or earlier
    /// where that leaves too little time.
    pub(super) fn place(&mut self, config: &SimulationConfig, kind: BreachKind, part: f64) {
        let first = config.first_breach_ms();
        let usable = (config.duration_ms as f64 * 0.95) as i64 - first;
        let slot = first + (usable as f64 * part) as i64;
        self.kind = kind;
        let room = config.duration_ms - first;
        self.scale = match kind.takes_ms() {
            0 => 1.0,
            takes => (room as f64 * 0.9 / takes as f64).min(1.0),
        };
        let latest = match kind.takes_ms() {
            0 => first.max(config.duration_ms / 4),
            takes => config.duration_ms - self.scaled(takes) - config.duration_ms / 100,
        };
        self.start_ms = self.agency.start_ms + slot.min(latest).max(first.min(latest));
    }

    pub(super) fn scaled(&self, ms: i64) -> i64 {
        (ms as f64 * self.scale) as i64
    }

    /// How long this breach takes here.
    pub(super) fn takes_ms(&self) -> i64 {
        self.scaled(self.kind.takes_ms())
    }

    /// Somebody of this role who is logged in for as long as the breach takes; otherwise anybody of
    /// the role, who logs in for it.
    pub(super) fn insider(
        &mut self,
        role: Role,
        fits: impl Fn(&Actor) -> bool,
    ) -> Result<Cast, SimulationError> {
        let (from, to) = (self.start_ms, self.start_ms + self.takes_ms());
        let free = self.candidates(role, |actor| actor.left_ms.is_none() && fits(actor));
        let on_duty = free.iter().copied().find_map(|actor| {
            let sitting = self.sitting_over(actor, from, to)?;
            Some(Cast { actor, sitting, own_session: false })
        });
        let cast = match on_duty {
            Some(cast) => cast,
            None => {
                let actor = free.first().copied().ok_or_else(|| self.nobody(role))?;
                self.own_session(actor, self.agency.actor(actor).place())
            }
        };
        self.used.insert(cast.actor);
        Ok(cast)
    }

    /// An account of this role that is used in a session of the breach's own, from `place`.
    pub(super) fn taken_over(
        &mut self,
        role: Role,
        fits: impl Fn(&Actor) -> bool,
        place: Option<Place>,
    ) -> Result<Cast, SimulationError> {
        let free = self.candidates(role, fits);
        let actor = free.first().copied().ok_or_else(|| self.nobody(role))?;
        self.used.insert(actor);
        let place = place.unwrap_or_else(|| self.agency.actor(actor).place());
        Ok(self.own_session(actor, place))
    }

    pub(super) fn own_session(&self, actor: u32, place: Place) -> Cast {
        let session = hash(self.agency.seed, Purpose::Session, u64::MAX, u64::from(self.index));
        let sitting = Sitting {
            login_ms: self.start_ms,
            logout_ms: self.start_ms + self.takes_ms().max(MINUTE_MS),
            session,
            place,
        };
        Cast { actor, sitting, own_session: true }
    }

    /// Accounts that are free, in an order drawn anew.
    pub(super) fn candidates(&mut self, role: Role, fits: impl Fn(&Actor) -> bool) -> Vec<u32> {
        let many = self.agency.actors.len() as u64;
        let offset = below(&mut self.rng, many);
        (0..many)
            .map(|n| ((n + offset) % many) as u32)
            .filter(|n| {
                let actor = self.agency.actor(*n);
                actor.role == role && !actor.newcomer && !self.used.contains(n) && fits(actor)
            })
            .collect()
    }

    pub(super) fn reserve(&mut self, actor: u32) {
        self.used.insert(actor);
    }

    pub(super) fn nobody(&self, role: Role) -> SimulationError {
        SimulationError::NoActor {
            kind: self.kind.name(),
            role: role.name(),
            actors: self.agency.actors.len() as u32,
        }
    }

    /// The account's sitting that lasts from before `from` until after `to`.
    fn sitting_over(&self, actor: u32, from: i64, to: i64) -> Option<Sitting> {
        let day = from.div_euclid(DAY_MS);
        (day - 1..=day + 1)
            .filter_map(|day| shift(self.agency, actor, day))
            .flat_map(|shift| shift.sittings)
            .find(|s| s.login_ms + 3 * MINUTE_MS <= from && to < s.logout_ms)
    }

    /// A desk for the cast. Where the session is the breach's own, it begins with the login.
    pub(super) fn desk(&mut self, cast: &Cast) -> Desk<'_> {
        let agency = self.agency;
        let mut desk = Desk::sit(
            agency,
            &mut self.rng,
            cast.actor,
            &cast.sitting,
            self.start_ms,
            &mut self.drafts,
        );
        desk.breach = Some(self.index);
        desk.refused = 0.0;
        desk.failed = 0.0;
        if cast.own_session {
            desk.until_ms = i64::MAX;
        }
        desk
    }

    /// A desk for nobody in particular.
    pub(super) fn nobodys_desk(&mut self, place: Place) -> Desk<'_> {
        let cast = self.own_session(0, place);
        let mut desk = self.desk(&cast);
        desk.actor = None;
        desk.session = None;
        desk
    }

    /// An address from which nobody has come before (192.0.2.0/24, RFC 5737).
    pub(super) fn outside(&mut self) -> Place {
        let last = 10 + 20 * (u32::from(self.index) % 12) as u8 + below(&mut self.rng, 20) as u8;
        Place { ip: ip(192, 0, 2, last), host: Host::Unknown, site: None }
    }

    /// The breach's events in time order, those after the end of the simulation cut off.
    pub(super) fn finish(mut self) -> Vec<Draft> {
        self.drafts.retain(|draft| draft.at_ms < self.agency.end_ms);
        self.drafts.sort_by_key(|draft| draft.at_ms);
        self.drafts
    }
}
