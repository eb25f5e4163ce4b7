//! The roster: who works where, from which machine, with what habits.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::chance::{self, Chance, Purpose, around, below, between, burstiness, happens};
use super::config::SimulationConfig;
use super::roles::{Partner, Role, Service};
use super::sites::{Clocks, SITES, SiteKind};

const DAY_MS: i64 = 86_400_000;
/// First account number.
const NUMBER_FIRST: u32 = 10_000;
/// Accounts behind one partner's gateway.
const PARTNER_ACCOUNTS: u32 = 10;
const HEADQUARTERS: u8 = 6;

/// The machine an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Workstation { site: u8, number: u32 },
    Service { service: Service, number: u32 },
    Gateway { organisation: u16 },
    Unknown,
}

/// Where somebody sits: an address, a machine, and a site when it is one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub ip: u32,
    pub host: Host,
    pub site: Option<u8>,
}

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub number: u32,
    pub role: Role,
    /// Whose clock it keeps; for people also where it works.
    pub site: u8,
    pub terminal: u8,
    /// Number of its workstation at the site, or of its machine among the services.
    pub seat: u32,
    pub rotating: bool,
    pub team: u8,
    /// Start of office hours, in minutes after local midnight; for services, of the daily token.
    pub start_minute: u16,
    /// How fast it works, 1 being the role's mean.
    pub pace: f32,
    /// How often it fills in the case it works on.
    pub diligence: f32,
    /// When it left, in milliseconds since 1970: before the simulation starts.
    pub left_ms: Option<i64>,
    /// Day of the simulation on which it starts to work. 0 and before: has always been there.
    pub first_day: u16,
    pub newcomer: bool,
    pub service: Service,
    pub partner: Partner,
    pub organisation: u16,
}

impl Actor {
    pub(super) fn id(&self) -> String {
        if self.role == Role::ServiceAccount {
            format!("svc-{}-{}", self.service.name(), self.number)
        } else {
            format!("{}{}", self.role.prefix(), self.number)
        }
    }

    pub(super) fn unit(&self) -> String {
        let code = SITES[usize::from(self.site)].code;
        let terminal = self.terminal;
        match self.role {
            Role::BorderOfficer => format!("{code}-T{terminal}"),
            Role::CustomsOfficer => format!("{code}-C{terminal}"),
            Role::CargoAnalyst => format!("{code}-RISK"),
            Role::VisaClerk => format!("{code}-VISA"),
            Role::IntelligenceAnalyst => format!("{code}-INTEL"),
            Role::Investigator => format!("{code}-INV"),
            Role::Helpdesk => format!("{code}-HELPDESK"),
            Role::Administrator => format!("{code}-ADMIN"),
            Role::ServiceAccount => format!("{code}-SYSTEMS"),
            Role::PartnerAccount => format!("{}-{:02}", self.partner.name(), self.organisation),
        }
    }

    /// Its usual machine.
    pub(super) fn place(&self) -> Place {
        match self.role {
            Role::ServiceAccount => Place {
                ip: ip(10, 2 + (self.seat >> 16) as u8, (self.seat >> 8) as u8, self.seat as u8),
                host: Host::Service { service: self.service, number: self.seat },
                site: Some(self.site),
            },
            Role::PartnerAccount => Place {
                ip: gateway(self.organisation),
                host: Host::Gateway { organisation: self.organisation },
                site: None,
            },
            _ => workstation(self.site, self.seat),
        }
    }
}

/// The nth workstation of a site.
pub(super) fn workstation(site: u8, number: u32) -> Place {
    let block = number / 250;
    Place {
        ip: ip(10, 20 + site + 40 * (block >> 8) as u8, block as u8, 2 + (number % 250) as u8),
        host: Host::Workstation { site, number },
        site: Some(site),
    }
}

/// The address a partner's whole office is seen under.
pub(super) fn gateway(organisation: u16) -> u32 {
    ip(198, 51, 100, 20 + (organisation % 200) as u8)
}

pub(super) const fn ip(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

/// The agency: its accounts and its clocks. Does not change while it is simulated.
#[derive(Debug)]
pub(super) struct Agency {
    pub seed: u64,
    pub start_ms: i64,
    pub end_ms: i64,
    pub year: u32,
    pub clocks: Clocks,
    pub actors: Vec<Actor>,
    /// How many workstations each site has.
    pub seats: [u32; SITES.len()],
}

impl Agency {
    pub(super) fn found(config: &SimulationConfig) -> Self {
        let mut rng = chance::chance(config.seed, Purpose::Roster, 0, 0);
        let mut agency = Self {
            seed: config.seed,
            start_ms: config.start.millis(),
            end_ms: config.end().millis(),
            year: config.start.civil().0 as u32,
            clocks: Clocks::new(),
            actors: Vec::with_capacity(config.actors as usize),
            seats: [0; SITES.len()],
        };
        let mut jobs = jobs(config.actors);
        jobs.shuffle(&mut rng);
        let mut of_role = [0_u32; Role::ALL.len()];
        for (n, role) in jobs.into_iter().enumerate() {
            let nth = of_role[role as usize];
            of_role[role as usize] += 1;
            let actor = agency.hire(&mut rng, n as u32, role, nth);
            agency.actors.push(actor);
        }
        agency
    }

    fn hire(&mut self, rng: &mut Chance, n: u32, role: Role, nth: u32) -> Actor {
        let site = post(rng, role);
        let seat = match role {
            Role::ServiceAccount => nth + 1,
            Role::PartnerAccount => 0,
            _ => {
                let seat = self.seats[usize::from(site)];
                self.seats[usize::from(site)] += 1;
                seat
            }
        };
        let organisation = (nth / PARTNER_ACCOUNTS) as u16;
        let mut actor = Actor {
            number: NUMBER_FIRST + n,
            role,
            site,
            terminal: 1 + below(rng, u64::from(SITES[usize::from(site)].terminals)) as u8,
            seat,
            rotating: happens(rng, role.rotating()),
            team: below(rng, 4) as u8,
            start_minute: (7 * 60 + 30 + 15 * below(rng, 9)) as u16,
            pace: (burstiness(rng, 6.0) * around(rng, 0.97, 0.2)).clamp(0.25, 2.6) as f32,
            diligence: (0.97 - 0.2 * rng.random::<f64>().powi(2)) as f32,
            left_ms: None,
            first_day: 0,
            newcomer: false,
            service: Service::ALL[nth as usize % Service::ALL.len()],
            partner: Partner::ALL[usize::from(organisation) % Partner::ALL.len()],
            organisation,
        };
        match role {
            Role::ServiceAccount => {
                actor.start_minute = below(rng, 24 * 60) as u16;
                actor.pace = actor.pace.clamp(0.7, 1.4);
                actor.diligence = 1.0;
            }
            // One in fifty has left, one in a hundred is new; both also in a small agency.
            _ if role.is_person() && (nth == 3 || happens(rng, 0.02)) => {
                let days = between(rng, 6, 150);
                actor.left_ms = Some(self.start_ms.div_euclid(DAY_MS) * DAY_MS - days * DAY_MS);
            }
            _ if role.is_person() && (nth == 5 || happens(rng, 0.01)) => {
                actor.newcomer = true;
                actor.first_day = below(rng, 5) as u16;
            }
            _ => {}
        }
        actor
    }

    pub(super) fn actor(&self, n: u32) -> &Actor {
        &self.actors[n as usize]
    }
}

/// So many of each role, at least a few of each.
fn jobs(actors: u32) -> Vec<Role> {
    const FEWEST: u32 = 3;
    let mut jobs = Vec::with_capacity(actors as usize);
    for role in &Role::ALL[1..] {
        let share = (u64::from(actors) * u64::from(role.per_mille()) / 1_000) as u32;
        jobs.extend(std::iter::repeat_n(*role, share.max(FEWEST) as usize));
    }
    let rest = (actors as usize).saturating_sub(jobs.len());
    jobs.extend(std::iter::repeat_n(Role::BorderOfficer, rest));
    jobs.truncate(actors as usize);
    jobs
}

/// Where a role works: officers at the border, analysts mostly at headquarters.
fn post(rng: &mut Chance, role: Role) -> u8 {
    let central = match role {
        Role::BorderOfficer | Role::CustomsOfficer => 0.0,
        Role::CargoAnalyst => 0.25,
        Role::VisaClerk => 0.5,
        Role::Investigator => 0.5,
        Role::IntelligenceAnalyst => 0.7,
        Role::Helpdesk | Role::Administrator | Role::ServiceAccount => 1.0,
        Role::PartnerAccount => 0.0,
    };
    if happens(rng, central) {
        return HEADQUARTERS;
    }
    let weight = |kind: SiteKind| match (role, kind) {
        (_, SiteKind::Headquarters) => 0.0,
        (Role::BorderOfficer, SiteKind::Seaport) => 0.1,
        (Role::VisaClerk, SiteKind::Seaport) => 0.0,
        (Role::CustomsOfficer | Role::Investigator, SiteKind::Seaport) => 1.5,
        (Role::CargoAnalyst, SiteKind::Airport) => 0.3,
        _ => 1.0,
    };
    let total: f64 = SITES.iter().map(|s| s.weight * weight(s.kind)).sum();
    let mut at = rng.random::<f64>() * total;
    for (n, site) in SITES.iter().enumerate() {
        at -= site.weight * weight(site.kind);
        if at < 0.0 {
            return n as u8;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agency(actors: u32) -> Agency {
        Agency::found(&SimulationConfig { actors, ..SimulationConfig::default() })
    }

    #[test]
    fn even_a_small_agency_has_every_role_leavers_and_newcomers() {
        for actors in [50, 300, 3_000] {
            let agency = agency(actors);
            assert_eq!(agency.actors.len(), actors as usize);
            for role in Role::ALL {
                assert!(agency.actors.iter().filter(|a| a.role == role).count() >= 3, "{role:?}");
            }
            assert!(agency.actors.iter().any(|a| a.left_ms.is_some()));
            assert!(agency.actors.iter().any(|a| a.newcomer));
        }
    }

    #[test]
    fn ids_and_workstations_are_each_somebodys_own() {
        let agency = agency(5_000);
        let ids: std::collections::HashSet<_> = agency.actors.iter().map(Actor::id).collect();
        assert_eq!(ids.len(), 5_000);
        let people: Vec<_> =
            agency.actors.iter().filter(|a| a.role != Role::PartnerAccount).collect();
        let places: std::collections::HashSet<_> = people.iter().map(|a| a.place().ip).collect();
        assert_eq!(places.len(), people.len());
        assert!(SITES[usize::from(HEADQUARTERS)].kind == SiteKind::Headquarters);
    }

    #[test]
    fn partners_share_a_gateway() {
        let agency = agency(3_000);
        let partners: Vec<_> =
            agency.actors.iter().filter(|a| a.role == Role::PartnerAccount).collect();
        let gateways: std::collections::HashSet<_> =
            partners.iter().map(|a| a.place().ip).collect();
        assert!(gateways.len() * 8 < partners.len() && gateways.len() > 5);
    }
}
