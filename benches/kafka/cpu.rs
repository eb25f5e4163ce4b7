//! Processor time of a process, thread by thread. It holds on a machine that others use too, where
//! events a second do not. Linux alone tells it; elsewhere there is nothing to show.

use std::collections::BTreeMap;
use std::path::Path;

/// Nanoseconds of one of Linux's ticks, of which there are a hundred a second everywhere.
const TICK_NS: u64 = 10_000_000;

/// Nanoseconds so far by thread; threads whose names differ in digits alone are one.
pub fn of(process: &str) -> BTreeMap<String, u64> {
    let mut by_name = BTreeMap::new();
    let threads = std::fs::read_dir(Path::new("/proc").join(process).join("task"));
    for thread in threads.into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let name = head.split_once('(').map_or("", |(_, name)| name);
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
        // User and system time are the fields 14 and 15; the tail begins with the third.
        let ticks = tail.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
        *by_name.entry(name).or_default() += ticks.sum::<u64>() * TICK_NS;
    }
    by_name
}

/// What came to it since `before`, an event, the largest first.
pub fn told(process: &str, before: &BTreeMap<String, u64>, events: u64) -> String {
    let mut parts: Vec<(u64, String)> = of(process)
        .into_iter()
        .map(|(name, ns)| ((ns - before.get(&name).copied().unwrap_or(0).min(ns)) / events, name))
        .filter(|(ns, _)| *ns > 0)
        .collect();
    parts.sort_unstable_by(|a, b| b.cmp(a));
    let sum: u64 = parts.iter().map(|(ns, _)| ns).sum();
    let parts: Vec<String> = parts.iter().map(|(ns, name)| format!("{name} {ns}")).collect();
    format!("{sum} ns of processor an event ({})", parts.join(", "))
}
