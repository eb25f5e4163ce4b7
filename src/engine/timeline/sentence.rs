//! What an entry says to a person.

use crate::engine::model::{Entry, EntryKind};

/// One sentence without the time and the actor, which stand beside it. `folded` like entries
/// share it.
pub fn sentence(entry: &Entry, folded: u64) -> String {
    match entry.kind {
        EntryKind::Access => access(entry, folded),
        EntryKind::Auth => auth(entry, folded),
        EntryKind::Flow => flow(entry, folded),
        EntryKind::Finding | EntryKind::Severity | EntryKind::Act => entry.text.clone(),
    }
}

fn access(entry: &Entry, folded: u64) -> String {
    let mut text = format!("{} {}", entry.action, entry.dataset.as_deref().unwrap_or("data"));
    if let Some(category) = &entry.category {
        text += &format!(" ({category}, T{})", entry.tier);
    }
    text += &format!(": {}", count(entry.records, "record"));
    if entry.subjects > 0 {
        text += &format!(" of {}", count(u64::from(entry.subjects), "subject"));
    }
    if folded > 1 {
        text += &format!(" in {folded} requests");
    }
    if entry.bytes > 0 {
        text += &format!(", {}", bytes(entry.bytes));
    }
    if let Some(system) = &entry.system {
        text += &format!(", through {system}");
    }
    text += if entry.case { ", under a case" } else { ", no case" };
    outcome(text, entry)
}

fn auth(entry: &Entry, folded: u64) -> String {
    let mut text = entry.action.replace('_', " ");
    if folded > 1 {
        text += &format!(", {folded} times");
    }
    if let Some(system) = &entry.system {
        text += &format!(", at {system}");
    }
    if let Some(site) = &entry.site {
        text += &format!(", from {site}");
    }
    outcome(text, entry)
}

fn flow(entry: &Entry, folded: u64) -> String {
    let mut text = format!(
        "{} sent to {}",
        bytes(entry.bytes),
        entry.destination.as_deref().unwrap_or("an unknown address")
    );
    if folded > 1 {
        text += &format!(" in {folded} flows");
    }
    if let Some(application) = &entry.system {
        text += &format!(", {application}");
    }
    outcome(text, entry)
}

fn outcome(text: String, entry: &Entry) -> String {
    match entry.outcome.as_str() {
        "denied" => text + ": refused",
        "error" => text + ": failed",
        _ => text,
    }
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Bytes in binary units, one decimal from KiB on.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
