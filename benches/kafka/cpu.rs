//! Processor time of a process. It holds on a machine that others use too, where events a second do
//! not. Linux alone tells it; elsewhere there is nothing to show.

use std::collections::BTreeMap;
use std::path::Path;

/// Nanoseconds of one of Linux's ticks, of which there are a hundred a second everywhere.
const TICK_NS: u64 = 10_000_000;

/// Nanoseconds of the process so far, of threads that have ended too.
pub fn whole(process: &str) -> u64 {
    read(&Path::new("/proc").join(process).join("stat")).map_or(0, |(_, ns)| ns)
}

/// The same with the processes it has started.
pub fn with_children(process: u32) -> u64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|one| std::fs::read_to_string(one.path().join("stat")).ok());
    let parent = process.to_string();
    let is_child = |stat: &String| {
        let tail = stat.rsplit_once(')').map_or("", |(_, tail)| tail);
        tail.split_whitespace().nth(1) == Some(parent.as_str())
    };
    let children = stats.filter(is_child).filter_map(|stat| parsed(&stat));
    whole(&parent) + children.map(|(_, ns)| ns).sum::<u64>()
}

/// What it took an event, by thread, the largest first. Threads whose names differ in digits alone
/// are one.
pub fn by_thread(process: &str, events: u64) -> String {
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    let threads = std::fs::read_dir(Path::new("/proc").join(process).join("task"));
    for thread in threads.into_iter().flatten().flatten() {
        if let Some((name, ns)) = read(&thread.path().join("stat")) {
            *by_name.entry(name).or_default() += ns;
        }
    }
    let mut parts: Vec<(u64, String)> =
        by_name.into_iter().map(|(name, ns)| (ns / events.max(1), name)).collect();
    parts.retain(|(ns, _)| *ns > 0);
    parts.sort_unstable_by(|a, b| b.cmp(a));
    let sum: u64 = parts.iter().map(|(ns, _)| ns).sum();
    let parts: Vec<String> = parts.iter().map(|(ns, name)| format!("{name} {ns}")).collect();
    format!("{sum} ns of processor an event ({})", parts.join(", "))
}

/// Name and nanoseconds of one `stat`.
fn read(stat: &Path) -> Option<(String, u64)> {
    parsed(&std::fs::read_to_string(stat).ok()?)
}

fn parsed(stat: &str) -> Option<(String, u64)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
    // User and system time are the fields 14 and 15; the tail begins with the third.
    let ticks = tail.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok());
    Some((name, ticks.sum::<u64>() * TICK_NS))
}
