//! Throughput from Apache Kafka on this machine: merely consuming, the naive way, and Tidewaiter.
//!
//! `cargo build --release && cargo bench --bench kafka -- [EVENTS] [ROUNDS]`. One topic of four
//! partitions, lz4, batches of 100 KB. Each way reads the whole topic, turn by turn; the medians are
//! compared. The broker shares the cores with whoever reads.

#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod broker;
mod consume;
mod monitor;
mod naive;

use std::time::Duration;

use tidewaiter::simulate::{BreachChoice, Simulation, SimulationConfig};

use broker::{Broker, TOPIC};

const EVENTS: u64 = 2_000_000;
const ROUNDS: usize = 3;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let events = numbers.next().unwrap_or(EVENTS);
    let rounds = numbers.next().map_or(ROUNDS, |rounds| rounds as usize);
    let broker = Broker::start();
    let simulation = Simulation::new(SimulationConfig {
        breaches: BreachChoice::All,
        ..SimulationConfig::default()
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

    let ways: [(&str, &dyn Fn(usize) -> Duration); 6] = [
        ("consumed in batches", &|_| consume::in_batches(&broker.address, events)),
        ("consumed one by one", &|_| consume::one_by_one(&broker.address, events)),
        ("naive", &|_| naive::run(&broker.address, events)),
        ("tidewaiter, 1 worker", &|round| monitor::run(&broker, events, "one", round, 1, 2_000)),
        ("tidewaiter, 2 workers", &|round| monitor::run(&broker, events, "two", round, 2, 2_000)),
        ("tidewaiter, 1 worker, saving once a minute", &|round| {
            monitor::run(&broker, events, "seldom", round, 1, 60_000)
        }),
    ];
    let mut times = vec![Vec::new(); ways.len()];
    for round in 0..rounds {
        for ((name, way), times) in ways.iter().zip(&mut times) {
            let took = way(round);
            println!("  round {round}: {name}: {:.0} events/s", events as f64 / took.as_secs_f64());
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
