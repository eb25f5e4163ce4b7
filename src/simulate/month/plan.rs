//! Which deed is whose, and from which day.

use super::super::chance::{Chance, Purpose, below, between, chance};
use super::attacks::ATTACKS;
use super::config::MonthConfig;
use super::deed::{Deed, Who};
use super::oddities::ODDITIES;
use super::person::{Person, Post};
use super::role::{self, Hours};

/// A deed that somebody does.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub deed: &'static Deed,
    pub attack: bool,
    /// `dump-5000-3`.
    pub name: String,
    /// First day, from 0.
    pub start: u32,
    pub actors: Vec<u32>,
}

/// What one account has to do with an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// Index into the instances.
    pub instance: u16,
    /// The account's place among those of the instance.
    pub place: u32,
    pub days_done: u32,
}

/// The deeds, and each account's part in one at most.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub instances: Vec<Instance>,
    pub tasks: Vec<Option<Task>>,
}

impl Plan {
    /// Draws who does what; changes the people it needs new, away or moved.
    pub(super) fn draw(config: &MonthConfig, people: &mut [Person]) -> Self {
        let mut rng = chance(config.seed, Purpose::Deed, 0, 0);
        let mut plan = Self { instances: Vec::new(), tasks: vec![None; people.len()] };
        let mut order: Vec<u32> = (0..people.len() as u32).collect();
        for n in (1..order.len()).rev() {
            order.swap(n, below(&mut rng, n as u64 + 1) as usize);
        }
        for deed in ATTACKS.iter().filter(|deed| config.kinds.iter().any(|k| k == deed.name)) {
            let rounds = if deed.accounts == 1 { config.each() } else { config.each().min(1) };
            plan.rounds(config, deed, true, rounds, &order, people, &mut rng);
        }
        for deed in &ODDITIES {
            plan.rounds(config, deed, false, config.oddity_rounds, &order, people, &mut rng);
        }
        plan
    }

    #[expect(clippy::too_many_arguments, reason = "one loop, told apart for its name")]
    fn rounds(
        &mut self,
        config: &MonthConfig,
        deed: &'static Deed,
        attack: bool,
        rounds: u32,
        order: &[u32],
        people: &mut [Person],
        rng: &mut Chance,
    ) {
        let (first, last) = config.attack_days();
        let last = last.min(config.days.saturating_sub(deed.days)).max(first);
        for round in 1..=rounds {
            let start = between(rng, i64::from(first), i64::from(last)) as u32;
            let weekday = config.weekday(start);
            let actors = self.choose(deed, start, weekday, order, people);
            // An agency too small for a deed goes without it.
            if actors.len() < deed.accounts.div_ceil(4) as usize {
                continue;
            }
            for (place, &actor) in actors.iter().enumerate() {
                let instance = self.instances.len() as u16;
                let task = Task { instance, place: place as u32, days_done: 0 };
                self.tasks[actor as usize] = Some(task);
                prepare(&mut people[actor as usize], deed.who, start, rng);
            }
            let name = format!("{}-{round}", deed.name);
            self.instances.push(Instance { deed, attack, name, start, actors });
        }
    }

    fn choose(
        &self,
        deed: &Deed,
        start: u32,
        weekday: i64,
        order: &[u32],
        people: &[Person],
    ) -> Vec<u32> {
        let free = |n: u32| self.tasks[n as usize].is_none();
        // What many do together, they do on the same day.
        let there = |p: &Person| deed.accounts == 1 || p.usually_works(start, weekday);
        let fits = |n: &&u32| {
            let person = &people[**n as usize];
            free(**n) && there(person) && suits(person, deed, start)
        };
        let first = order.iter().find(fits).copied();
        let site = first.map(|n| people[n as usize].post.site);
        order
            .iter()
            .filter(fits)
            .filter(|&&n| !deed.at_one_site || Some(people[n as usize].post.site) == site)
            .take(deed.accounts as usize)
            .copied()
            .collect()
    }
}

/// Steady for a week before and as long as the deed lasts.
fn suits(person: &Person, deed: &Deed, start: u32) -> bool {
    let (from, to) = (start.saturating_sub(7), start + deed.days + 2);
    let steady = person.hired <= start.saturating_sub(10)
        && person.change.is_none_or(|(day, _)| day < from || day > to)
        && person.leave.is_none_or(|(first, last)| last < from || first > to);
    let facts = role::facts(person.post.role);
    steady
        && match deed.who {
            Who::Roles(roles) => roles.contains(&person.post.role) && person.change.is_none(),
            _ => facts.hours != Hours::Machine && facts.actor_type == "person",
        }
}

fn prepare(person: &mut Person, who: Who, start: u32, rng: &mut Chance) {
    match who {
        Who::Anyone | Who::Roles(_) => {}
        Who::NewHire => {
            person.hired = start.saturating_sub(1);
            person.leave = None;
            person.change = None;
        }
        Who::BackFromLeave => {
            person.leave = Some((start.saturating_sub(8), start.saturating_sub(1)));
        }
        Who::Moved => {
            let site = (person.post.site + 1 + below(rng, 5) as u8) % 30;
            person.change = Some((start, Post { site, section: 1, ..person.post }));
        }
    }
}
