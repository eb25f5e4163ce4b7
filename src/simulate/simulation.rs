//! Merges every account's day and the breaches into one stream in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::engine::model::Kind;

use super::account::Account;
use super::agency::Agency;
use super::breach::plan;
use super::chance::{Purpose, hash};
use super::config::{BreachChoice, SimulationConfig, SimulationError};
use super::dataset::catalogue_toml;
use super::directory::directory_toml;
use super::event::{Draft, Simulated};
use super::sites::sites_toml;
use super::truth::Breach;

/// The breaches' place in the queue, behind all accounts.
const BREACHES: u32 = u32::MAX;
/// Bits of an event's id that count; those above tell simulations apart.
const COUNT_BITS: u32 = 36;

/// An agency at work: yields its events in time order, holding a few of each account at a time.
pub struct Simulation {
    agency: Arc<Agency>,
    accounts: Vec<Account>,
    breaches: std::iter::Peekable<std::vec::IntoIter<Draft>>,
    truth: Vec<Breach>,
    /// Who is due when: the earliest first, the lower number first among those due together.
    due: BinaryHeap<Reverse<(i64, u32)>>,
    network: bool,
    auth: bool,
    /// Upper bits of the ids of this simulation's events.
    family: u64,
    emitted: u64,
}

impl Simulation {
    pub fn new(config: SimulationConfig) -> Result<Self, SimulationError> {
        let problems = config.check();
        if !problems.is_empty() {
            return Err(SimulationError::Config { problems });
        }
        let agency = Arc::new(Agency::found(&config));
        let (drafts, truth) = plan(&agency, &config)?;
        let accounts: Vec<_> = (0..config.actors).map(|n| Account::new(&agency, n)).collect();
        let mut simulation = Self {
            accounts,
            breaches: drafts.into_iter().peekable(),
            truth,
            due: BinaryHeap::with_capacity(config.actors as usize + 1),
            network: config.network,
            auth: config.auth,
            family: family(&config),
            emitted: 0,
            agency,
        };
        for n in (0..config.actors).chain([BREACHES]) {
            simulation.enqueue(n);
        }
        Ok(simulation)
    }

    /// The truth about the breaches, in the order they were asked for.
    pub fn truth(&self) -> &[Breach] {
        &self.truth
    }

    /// The catalogue that describes this agency's datasets.
    pub fn catalogue_toml(&self) -> String {
        catalogue_toml()
    }

    /// The directory of this agency: every account, protected and planted subjects.
    pub fn directory_toml(&self) -> String {
        directory_toml(&self.agency)
    }

    /// The time zone of each site that events name.
    pub fn sites_toml(&self) -> String {
        sites_toml()
    }

    fn enqueue(&mut self, n: u32) {
        let due = if n == BREACHES {
            self.breaches.peek().map(|draft| draft.at_ms)
        } else {
            self.accounts.get(n as usize).and_then(|account| account.due_ms(&self.agency))
        };
        if let Some(due) = due {
            self.due.push(Reverse((due, n)));
        }
    }

    fn wanted(&self, draft: &Draft) -> bool {
        match draft.kind() {
            Kind::Access => true,
            Kind::Auth => self.auth,
            Kind::Network => self.network,
        }
    }
}

impl Iterator for Simulation {
    type Item = Simulated;

    fn next(&mut self) -> Option<Simulated> {
        while let Some(Reverse((_, n))) = self.due.pop() {
            let draft = if n == BREACHES {
                self.breaches.next()
            } else {
                let account = self.accounts.get_mut(n as usize)?;
                let draft = account.take();
                if draft.is_none() {
                    account.decide(&self.agency);
                }
                draft
            };
            self.enqueue(n);
            if let Some(draft) = draft.filter(|draft| self.wanted(draft)) {
                let id = self.family | self.emitted;
                self.emitted += 1;
                return Some(Simulated::new(&self.agency, id, draft));
            }
        }
        None
    }
}

/// Different simulations give different ids, so that a monitor fed with two of them does not take
/// the one for a repetition of the other.
fn family(config: &SimulationConfig) -> u64 {
    let mut breaches = 0_u64;
    match &config.breaches {
        BreachChoice::None => {}
        BreachChoice::All => breaches = 1,
        BreachChoice::Named(kinds) => {
            for kind in kinds {
                breaches = hash(breaches, Purpose::Stream, *kind as u64, 2);
            }
        }
    }
    let flags = u64::from(config.network) | u64::from(config.auth) << 1;
    let when = hash(breaches, Purpose::Stream, config.start.millis() as u64, flags);
    let what = hash(
        config.first_breach_ms() as u64,
        Purpose::Stream,
        config.duration_ms as u64,
        u64::from(config.actors),
    );
    hash(config.seed, Purpose::Stream, when, what) << COUNT_BITS
}

#[cfg(test)]
mod tests {
    use super::super::config::SimulationConfig;
    use super::*;

    #[test]
    fn holds_one_piece_of_work_of_each_account_however_long_it_runs() {
        let config = SimulationConfig { actors: 120, ..SimulationConfig::default() };
        let mut simulation = Simulation::new(config).expect("valid");
        let mut most = 0;
        let mut n = 0;
        while simulation.next().is_some() {
            n += 1;
            if n % 500 == 0 {
                most = most.max(simulation.accounts.iter().map(Account::planned).sum::<usize>());
            }
        }
        // The month's figures are the longest piece of work: some 200 reads.
        assert!(n > 30_000, "{n} events");
        assert!(most < 120 * 20, "{most} planned at once");
    }
}
