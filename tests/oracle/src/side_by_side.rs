//! What 25 detection rules and 5 correlations cost, ours and the peer's, in one run on one thread.
//! Both are given events that are parsed already.

#[path = "../../../benches/agency/mod.rs"]
mod agency;

use std::time::Instant;

use rsigma_eval::JsonEvent;
use tidewaiter_oracle::{Ours, peer_correlations};

const RULES: &str = include_str!("../../../benches/rules.yml");
const EVENTS: u64 = 100_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), String> {
    for (name, tenth) in [("ordinary mix", 0), ("one reader makes 10%", 10)] {
        let events = agency::events(EVENTS, tenth);
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut ours = Ours::new(RULES, "tidewaiter", "access")?;
            let started = Instant::now();
            let found: usize = events.iter().map(|(ms, event)| ours.take(event, *ms)).sum();
            mine.push(started.elapsed().as_secs_f64());
            std::hint::black_box(found);
            let mut peer = peer_correlations(RULES, 600)?;
            let started = Instant::now();
            for (ms, event) in &events {
                let results = peer.process_event_at(&JsonEvent::borrow(event), ms / 1_000);
                std::hint::black_box(results.len());
            }
            theirs.push(started.elapsed().as_secs_f64());
        }
        let (mine, theirs) = (median(mine), median(theirs));
        let rate = |seconds: f64| EVENTS as f64 / seconds;
        println!("{name:22} ours {:9.0} events/s, peer {:8.0} events/s, {:.1} times", rate(mine), rate(theirs), theirs / mine);
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
