//! Throughput from Apache Kafka on this machine: merely consuming, the naive way, and Tidewaiter.
//!
//! `cargo bench --bench kafka -- [EVENTS] [ROUNDS] [ways=PART OF A NAME,...]`. One topic of four
//! partitions, lz4, batches of 100 KB. Each way reads the whole topic, turn by turn; the medians are
//! compared. The broker shares the cores with whoever reads.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod broker;
mod consume;
mod cpu;
mod monitor;
mod naive;

use std::time::Duration;

use tidewaiter::simulate::{BreachChoice, Simulation, SimulationConfig};

use broker::{Broker, TOPIC};

const EVENTS: u64 = 2_000_000;
const ROUNDS: usize = 3;

type Way<'a> = Box<dyn Fn(usize) -> Duration + 'a>;

/// Another build of the program, to be measured in the same turns.
const OTHER: &str = "TIDEWAITER_BENCH_OTHER";

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let events = numbers.next().unwrap_or(EVENTS);
    let rounds = numbers.next().map_or(ROUNDS, |rounds| rounds as usize);
    let broker = Broker::start();
    let usual = SimulationConfig::default();
    let simulation = Simulation::new(SimulationConfig {
        breaches: BreachChoice::All,
        // The default time of the default agency is some 1.3 million events.
        duration_ms: usual.duration_ms * (events / 1_300_000 + 1) as i64,
        ..usual
    })
    .expect("the default agency");
    for (name, text) in [
        ("catalogue.toml", simulation.catalogue_toml()),
        ("directory.toml", simulation.directory_toml()),
    ] {
        std::fs::write(broker.folder.join(name), text).expect("a file");
    }
    let events = broker.fill(simulation.take(events as usize));
    println!("{events} events in {TOPIC}");

    let other = std::env::var(OTHER).ok();
    let ours = |name: &str, round, workers, save_ms| {
        monitor::run(monitor::OURS, &broker, events, name, round, workers, save_ms)
    };
    let mut ways: Vec<(&str, Way<'_>)> = vec![
        ("consumed in batches", Box::new(|_| consume::in_batches(&broker.address, events))),
        ("consumed one by one", Box::new(|_| consume::one_by_one(&broker.address, events))),
        ("naive", Box::new(|_| naive::run(&broker.address, events))),
        ("tidewaiter, 1 worker", Box::new(|round| ours("one", round, 1, 2_000))),
        ("tidewaiter, 2 workers", Box::new(|round| ours("two", round, 2, 2_000))),
        ("tidewaiter, saving once a minute", Box::new(|round| ours("seldom", round, 1, 60_000))),
    ];
    if let Some(other) = &other {
        let run = |round| monitor::run(other, &broker, events, "other", round, 1, 2_000);
        ways.push(("the other program, 1 worker", Box::new(run)));
    }
    if let Some(wanted) = std::env::args().skip(1).find(|word| word.starts_with("ways=")) {
        let wanted: Vec<&str> = wanted["ways=".len()..].split(',').collect();
        ways.retain(|(name, _)| wanted.iter().any(|word| name.contains(word)));
    }
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..rounds {
        for ((name, way), times) in ways.iter().zip(&mut times) {
            let before = (cpu::whole("self"), cpu::with_children(broker.id()));
            let took = way(round);
            println!("  round {round}: {name}: {:.0} events/s", events as f64 / took.as_secs_f64());
            let ours = (cpu::whole("self") - before.0) / events;
            let brokers = (cpu::with_children(broker.id()) - before.1) / events;
            println!("    this process: {ours} ns of processor an event; the broker: {brokers}");
            times.push(took);
        }
    }
    let mut plain = None;
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort_unstable();
        let rate = events as f64 / times[times.len() / 2].as_secs_f64();
        let plain = *plain.get_or_insert(rate);
        println!("{name:<44} {rate:>9.0} events/s, {:.2} of merely consuming", rate / plain);
    }
}
