//! Processes and brokers die, freeze and come back while breaches go on, and in the end everything
//! is as if nothing had happened.
//!
//! `make chaos` plays a hundred rounds, or `ROUNDS=n`, from `SEED=n` on: a round that failed is
//! played again with its own seed. With `ACTORS=n` so many more actors have read before the blows, so
//! that there is state to take back. `make test` plays two.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::broker::{Broker, BrokerOptions};
use crate::crowd::Crowd;
use crate::monitor::{Monitor, until};
use crate::setup::{Setup, assert_same_findings, check_ledger, titles};
use crate::simulated::{Simulated, Traffic};

/// Twelve partitions in all.
const INPUTS: [(&str, i32); 3] = [("access", 6), ("auth", 3), ("network", 3)];
const ROUNDS: u64 = 2;
const SEED: u64 = 1;
const ACTORS: u64 = 0;
const NODES: usize = 3;
/// Longer than the group waits for a member that is silent.
const FROZEN: Duration = Duration::from_secs(8);
/// Long enough for records to come in on every partition.
const MOMENT: Duration = Duration::from_millis(500);

/// What may happen to an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    KillDetector,
    KillCorrelator,
    KillBroker,
    /// Cut off for longer than the group waits, then back: by then it is a zombie.
    FreezeDetector,
    FreezeCorrelator,
    /// One more detector for a moment: everything is shared out anew, twice.
    Rebalance,
}

const BLOWS: [Blow; 6] = [
    Blow::KillDetector,
    Blow::KillCorrelator,
    Blow::KillBroker,
    Blow::FreezeDetector,
    Blow::FreezeCorrelator,
    Blow::Rebalance,
];

struct Round<'b> {
    broker: &'b mut Broker,
    setup: Setup,
    simulated: Simulated,
    crowd: Crowd,
    chance: Pcg64Mcg,
    detect: [PathBuf; 2],
    correlate: PathBuf,
    detectors: Vec<Monitor>,
    correlators: Vec<Monitor>,
}

impl<'b> Round<'b> {
    fn new(broker: &'b mut Broker, seed: u64, crowd: Crowd) -> Self {
        let setup = Setup::new(broker, &format!("chaos-{seed}"), &INPUTS);
        let simulated = Simulated::hour(&setup.folder, seed, 300);
        let data = simulated.data_section();
        // Gateways, and what joins them, depend on the order findings arrive in.
        let process = |name: &str, kafka: &str, roles: &str| {
            let rest = format!("{data}[correlate]\ngateway_actors_min = 1000000\n[roles]\n{roles}");
            setup.configure(broker.bootstrap(), kafka, &rest);
            let path = setup.path(format!("{name}.toml"));
            std::fs::copy(setup.config(), &path).unwrap();
            path
        };
        let detect = ["a", "b"].map(|name| {
            let kafka = format!("workers = 2\ninstance = \"{name}\"\nreplication = 3");
            process(name, &kafka, "correlate = false\nserve = false\n")
        });
        let correlate = process("correlate", "replication = 3", "detect = false\n");
        let detectors = detect.iter().map(|path| Monitor::start(path)).collect();
        let correlators = (0..2).map(|_| Monitor::start(&correlate)).collect();
        let chance = Pcg64Mcg::seed_from_u64(seed);
        Self { broker, setup, simulated, crowd, chance, detect, correlate, detectors, correlators }
    }

    /// Plays the hour with blows at moments of chance; how long it took after each until verdicts
    /// came again.
    fn play(&mut self) -> Vec<(Blow, Duration)> {
        until("readiness", || self.ready());
        self.crowd.enter(&self.setup, "access");
        let mut moments: Vec<usize> = (0..3).map(|_| self.chance.random_range(5..85)).collect();
        moments.sort_unstable();
        // Events come while the blow falls, and not more before the next than there is time for.
        let traffic = self.simulated.play_held(&self.setup, &moments);
        let mut recoveries = Vec::new();
        for moment in moments {
            self.until_committed(&traffic, moment as i64 - 1);
            traffic.go_on();
            let blow = BLOWS[self.chance.random_range(0..BLOWS.len())];
            let took = self.strike(blow);
            println!("  at {moment} %: {blow:?}, {:.1} s", took.as_secs_f64());
            recoveries.push((blow, took));
        }
        traffic.sent();
        recoveries
    }

    /// How long it took from the blow until verdicts came again.
    fn strike(&mut self, blow: Blow) -> Duration {
        let which = self.chance.random_range(0..2);
        let struck = Instant::now();
        match blow {
            Blow::KillDetector => {
                self.detectors.remove(which).kill();
                self.detectors.insert(which, Monitor::start(&self.detect[which]));
            }
            Blow::KillCorrelator => {
                self.correlators.remove(which).kill();
                self.correlators.insert(which, Monitor::start(&self.correlate));
            }
            Blow::KillBroker => {
                let node = self.chance.random_range(0..NODES);
                self.broker.stop_node(node);
                self.broker.restart_node(node).unwrap();
            }
            Blow::FreezeDetector => return self.recovered_without(&self.detectors[which]),
            Blow::FreezeCorrelator => return self.recovered_without(&self.correlators[which]),
            Blow::Rebalance => {
                let text = std::fs::read_to_string(&self.detect[0]).unwrap();
                let path = self.setup.path("more.toml");
                std::fs::write(&path, text.replace("instance = \"a\"", "instance = \"more\""))
                    .unwrap();
                let mut more = Monitor::start(&path);
                more.says("partitions assigned");
                more.stop_well();
            }
        }
        self.recovered(struck)
    }

    /// Cuts one off for long enough that the group gives its partitions to others.
    fn recovered_without(&self, frozen: &Monitor) -> Duration {
        let struck = Instant::now();
        frozen.freeze(true);
        let took = self.recovered(struck);
        std::thread::sleep(FROZEN.saturating_sub(struck.elapsed()));
        frozen.freeze(false);
        took
    }

    /// Waits until what came in the first moment after the blow has been judged and saved, too.
    fn recovered(&self, struck: Instant) -> Duration {
        std::thread::sleep(MOMENT.saturating_sub(struck.elapsed()));
        let progress = || self.setup.stream.progress(&self.setup.name, self.setup.inputs());
        let ends: Vec<i64> = until("the ends", progress).into_iter().map(|(_, end)| end).collect();
        until("verdicts again", || {
            let behind: i64 = progress()?
                .into_iter()
                .zip(&ends)
                .map(|((committed, _), end)| (end - committed).max(0))
                .sum();
            if behind == 0 { Ok(()) } else { Err(format!("{behind} behind\n{}", self.warnings())) }
        });
        struck.elapsed()
    }

    /// What the detectors have complained of, for whoever reads why a round failed.
    fn warnings(&self) -> String {
        let of_one = |(number, detector): (usize, &Monitor)| {
            let log = detector.log();
            let lines = log.iter().filter(|line| !line.contains("\"DEBUG\""));
            let last: Vec<String> =
                lines.rev().take(12).map(|l| format!("{number}: {l}")).collect();
            last.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let told: Vec<String> = self.detectors.iter().enumerate().map(of_one).collect();
        told.join("\n")
    }

    fn until_committed(&self, traffic: &Traffic, share: i64) {
        until(&format!("{share} % committed"), || {
            let done = self.setup.stream.committed(&self.setup.name, self.setup.inputs())?;
            let (done, total) = (done - self.crowd.records() as i64, traffic.records_total);
            if done * 100 >= total * share { Ok(()) } else { Err(format!("{done} of {total}")) }
        });
    }

    fn ready(&mut self) -> Result<(), String> {
        for monitor in self.detectors.iter_mut().chain(&mut self.correlators) {
            match monitor.get("/readyz") {
                (200, _) => {}
                (status, body) => return Err(format!("{status} {body}")),
            }
        }
        Ok(())
    }

    /// Nothing lost, nothing doubled, everything accounted for.
    fn check(self) {
        self.setup.settled();
        for monitor in self.detectors.into_iter().chain(self.correlators) {
            monitor.stop_well();
        }
        let files = [self.crowd.write(&self.setup), self.simulated.events.clone()];
        let replayed = self.setup.replay(&files);
        assert!(!replayed.incidents.is_empty(), "a round without incidents proves nothing");
        assert_same_findings(&self.setup.findings(), &replayed.findings);
        let opened = self.setup.opened();
        assert_eq!(titles(&opened), titles(&replayed.incidents));
        // A receiver that goes by the alerts' own ids hears of every incident once.
        let told = self.setup.stream.json(&self.setup.own("alerts"));
        let opening = told.iter().filter(|a| a["class_uid"] == 2005 && a["activity_id"] == 1);
        let uids: BTreeSet<&str> = opening.filter_map(|a| a["metadata"]["uid"].as_str()).collect();
        assert_eq!(uids.len(), opened.len(), "openings told, by their ids: {uids:?}");
        check_ledger(&self.setup, &INPUTS);
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
fn whatever_dies_nothing_is_lost_and_nothing_doubled() {
    let (rounds, seed) =
        (number("TIDEWAITER_CHAOS_ROUNDS", ROUNDS), number("TIDEWAITER_CHAOS_SEED", SEED));
    let actors = number("TIDEWAITER_CHAOS_ACTORS", ACTORS) as usize;
    let mut broker = Broker::start(BrokerOptions { nodes: NODES, ..Default::default() }).unwrap();
    let mut recoveries = Vec::new();
    for seed in seed..seed + rounds {
        println!("round with seed {seed}");
        let mut round = Round::new(&mut broker, seed, Crowd::new(actors));
        recoveries.extend(round.play());
        round.check();
    }
    tell("all", recoveries.iter().map(|(_, took)| *took).collect());
    for blow in BLOWS {
        let of = recoveries.iter().filter(|(struck, _)| *struck == blow);
        tell(&format!("{blow:?}"), of.map(|(_, took)| *took).collect());
    }
}

fn tell(what: &str, mut recoveries: Vec<Duration>) {
    recoveries.sort_unstable();
    let Some(last) = recoveries.len().checked_sub(1) else { return };
    let at = |share: usize| recoveries[(last * share).div_ceil(100)].as_secs_f64();
    println!(
        "{what}: {} recoveries, median {:.1} s, p95 {:.1} s, longest {:.1} s",
        recoveries.len(),
        at(50),
        at(95),
        at(100)
    );
}
