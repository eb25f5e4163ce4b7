//! What 25 detection rules and 5 correlations cost, ours and the peer's, in one run on one thread.
//! Each is given events in the form it works on, and once more the bytes they came in. Told in the
//! thread's own time, which leaves out what else the machine was doing. `side_by_side ours` runs
//! ours alone: for a profiler, and for one build against another.

#[path = "../../../benches/agency/mod.rs"]
mod agency;

use std::fs;

use rsigma_eval::JsonEvent;
use serde_json::Value as Json;
use tidewaiter_oracle::engine::decode::{Decoder, Expected};
use tidewaiter_oracle::engine::detect::rules::{EventFields, Known};
use tidewaiter_oracle::engine::model::Event;
use tidewaiter_oracle::{Ours, peer_correlations};

const RULES: &str = include_str!("../../../benches/rules.yml");
const EVENTS: u64 = 300_000;
const ROUNDS: usize = 3;

fn main() -> Result<(), String> {
    let alone = std::env::args().any(|argument| argument == "ours");
    for (name, tenth) in [("ordinary mix", 0), ("one reader makes 10%", 10)] {
        let events: Vec<(i64, Json)> = agency::events(EVENTS, tenth);
        let lines: Vec<Vec<u8>> = events.iter().map(|(_, e)| e.to_string().into_bytes()).collect();
        let mut decoder = Decoder::new(Expected::Auto);
        let mut decoded = Vec::new();
        for line in &lines {
            let event = decoder.decode(line).map_err(|refusal| refusal.label().to_owned())?;
            decoded.extend(event);
        }
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            times[0].push(ours(|ours| decoded.iter().map(|event| one(ours, event)).sum())?);
            times[1].push(ours(|ours| {
                let events = lines.iter().filter_map(|line| decoder.decode(line).ok().flatten());
                events.map(|event| one(ours, &event)).sum()
            })?);
            if alone {
                continue;
            }
            let mut peer = peer_correlations(RULES, 600)?;
            let started = spent()?;
            for (ms, event) in &events {
                let results = peer.process_event_at(&JsonEvent::borrow(event), ms / 1_000);
                std::hint::black_box(results.len());
            }
            times[2].push(spent()? - started);
            let mut peer = peer_correlations(RULES, 600)?;
            let started = spent()?;
            for (line, (ms, _)) in lines.iter().zip(&events) {
                let event: Json = serde_json::from_slice(line).map_err(|e| e.to_string())?;
                let results = peer.process_event_at(&JsonEvent::borrow(&event), ms / 1_000);
                std::hint::black_box(results.len());
            }
            times[3].push(spent()? - started);
        }
        if alone {
            let [parsed, bytes, ..] = times.map(|times| times.into_iter().fold(f64::MAX, f64::min));
            let each = |seconds: f64| seconds * 1e9 / EVENTS as f64;
            println!("{name:22} {:6.0} ns an event, {:6.0} with decoding", each(parsed), each(bytes));
            continue;
        }
        let [parsed, bytes, peer_parsed, peer_bytes] = times.map(median);
        told(name, "rules alone", parsed, peer_parsed);
        told(name, "with decoding", bytes, peer_bytes);
    }
    Ok(())
}

fn ours(run: impl FnOnce(&mut Ours) -> usize) -> Result<f64, String> {
    let mut ours = Ours::new(RULES, "tidewaiter", "access")?;
    let started = spent()?;
    std::hint::black_box(run(&mut ours));
    Ok(spent()? - started)
}

/// Seconds this thread has run, as Linux counts them.
fn spent() -> Result<f64, String> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").map_err(|e| e.to_string())?;
    let ns = text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
    ns.map(|ns| ns / 1e9).ok_or_else(|| format!("no time in {text}"))
}

fn one(ours: &mut Ours, event: &Event<'_>) -> usize {
    let nothing = || Json::Null;
    ours.take(&EventFields::new(event, Known::default(), &nothing), event.time.millis())
}

fn told(name: &str, what: &str, mine: f64, theirs: f64) {
    let rate = |seconds: f64| EVENTS as f64 / seconds;
    println!(
        "{name:22} {what:14} ours {:9.0} events/s, peer {:8.0} events/s, {:.1} times",
        rate(mine),
        rate(theirs),
        theirs / mine
    );
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
