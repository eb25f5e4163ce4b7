//! Who is there: drawn once, from the seed.

use super::super::chance::{Chance, Purpose, below, chance, happens};
use super::super::sites::{SITES, SiteKind};
use super::config::MonthConfig;
use super::person::{Person, Post};
use super::role::{self, Hours, ROLES, Role};

/// Of the people: come during the month, move to another unit or site, get another role, are away
/// for some days.
const HIRED_SHARE: f64 = 0.03;
const MOVED_SHARE: f64 = 0.03;
const PROMOTED_SHARE: f64 = 0.01;
const LEAVE_SHARE: f64 = 0.14;

pub(super) fn people(config: &MonthConfig) -> Vec<Person> {
    (0..config.actors).map(|number| person(config, number)).collect()
}

fn person(config: &MonthConfig, number: u32) -> Person {
    let mut rng = chance(config.seed, Purpose::Roster, u64::from(number), 1);
    let role = role_of(f64::from(number) / f64::from(config.actors));
    let facts = role::facts(role);
    let mut person = Person::new(number, posting(role, None, &mut rng), config.scale, &mut rng);
    if facts.hours == Hours::Machine {
        return person;
    }
    let days = u64::from(config.days);
    if happens(&mut rng, HIRED_SHARE) && days > 4 {
        person.hired = 2 + below(&mut rng, days * 9 / 10 - 2) as u32;
    }
    if happens(&mut rng, MOVED_SHARE) {
        let to = posting(role, Some(person.post), &mut rng);
        // Some roles have one place alone.
        person.change = Some((day_within(days, &mut rng), to)).filter(|_| to != person.post);
    } else if happens(&mut rng, PROMOTED_SHARE) {
        let to = (role + 1 + below(&mut rng, 5) as Role) % role::ADMIN;
        person.change = Some((day_within(days, &mut rng), posting(to, None, &mut rng)));
    }
    if happens(&mut rng, LEAVE_SHARE) {
        let first = below(&mut rng, days) as u32;
        person.leave = Some((first, first + 3 + below(&mut rng, 9) as u32));
    }
    person
}

fn day_within(days: u64, rng: &mut Chance) -> u32 {
    (1 + below(rng, days.saturating_sub(1))) as u32
}

/// By the roles' shares, in the order of the account numbers.
fn role_of(place: f64) -> Role {
    let mut sum = 0.0;
    for (n, facts) in ROLES.iter().enumerate() {
        sum += facts.share;
        if place < sum {
            return n as Role;
        }
    }
    role::SERVICE
}

/// A posting for a role; another one than `not` where there is one.
fn posting(role: Role, not: Option<Post>, rng: &mut Chance) -> Post {
    let fits = |kind: SiteKind| match role::facts(role).post {
        role::Post::Airports => kind == SiteKind::Airport,
        role::Post::Seaports => kind == SiteKind::Seaport,
        role::Post::Headquarters => kind == SiteKind::Headquarters,
        role::Post::Anywhere => true,
    };
    let total: f64 = SITES.iter().filter(|s| fits(s.kind)).map(|s| s.weight).sum();
    let mut post = Post { role, site: 0, section: 1 };
    for _ in 0..8 {
        let mut left = below(rng, 1 << 30) as f64 / f64::from(1 << 30) * total;
        for (n, facts) in SITES.iter().enumerate().filter(|(_, s)| fits(s.kind)) {
            post.site = n as u8;
            left -= facts.weight;
            if left < 0.0 {
                break;
            }
        }
        let sections = match role {
            role::ANALYST => 6,
            role::PARTNER => 12,
            _ => u64::from(SITES[usize::from(post.site)].terminals),
        };
        post.section = 1 + below(rng, sections) as u8;
        if Some(post) != not {
            break;
        }
    }
    post
}

/// People by site on the first day.
pub(super) fn staff_by_site(people: &[Person]) -> Vec<u32> {
    let mut staff = vec![0; SITES.len()];
    people.iter().for_each(|person| staff[usize::from(person.post.site)] += 1);
    staff
}
