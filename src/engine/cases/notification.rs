//! A draft of what an authority is told, filled from the incident; gaps are marked plainly.

use std::fmt::Write;

use serde::Serialize;

use super::clock::{Clock, Regime, Regimes};
use super::{Case, Recorded, Resolution};
use crate::engine::model::{EventTime, Incident};
use crate::engine::timeline::{escaped, visible};

const GAP: &str = "[TO BE COMPLETED]";
const ADDRESSES_MAX: usize = 20;

/// One required content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotificationItem {
    pub title: String,
    pub lines: Vec<String>,
    /// What somebody still has to write.
    pub gaps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notification {
    pub regime: String,
    pub law: String,
    pub recipient: String,
    pub note: String,
    pub incident: String,
    pub drafted: EventTime,
    pub clocks: Vec<Clock>,
    pub items: Vec<NotificationItem>,
    /// Gaps in all items.
    pub gaps: u64,
}

impl Notification {
    /// `regime` is one of those `known`; `left` says whether what was read has left the network.
    pub fn draft(
        (regime, known): (&Regime, &Regimes),
        incident: &Incident,
        left: &str,
        case: &Case,
        acts: &[Recorded],
        clocks: Vec<Clock>,
        now: EventTime,
    ) -> Self {
        let mut items = vec![
            nature(incident, left, case),
            awareness(regime, case),
            numbers(incident),
            consequences(incident),
            measures(case, acts, known),
            contact(case),
        ];
        items.extend(further(regime, incident));
        let gaps = items.iter().map(|item| item.gaps.len() as u64).sum();
        let clocks = clocks.into_iter().filter(|clock| clock.regime == regime.id).collect();
        Self {
            regime: regime.name.clone(),
            law: regime.law.clone(),
            recipient: regime.recipient.clone(),
            note: regime.note.clone(),
            incident: incident.id.clone(),
            drafted: now,
            clocks,
            items,
            gaps,
        }
    }

    pub fn markdown(&self) -> String {
        let mut out = format!("# Draft notification: {}\n\n", plain(&self.regime));
        let _ = writeln!(
            out,
            "To: {}. Basis: {}. Incident {}. Drafted {}. **{} gaps are to be completed.**\n\n{}",
            plain(&self.recipient),
            plain(&self.law),
            self.incident,
            self.drafted,
            self.gaps,
            plain(&self.note)
        );
        for clock in &self.clocks {
            let due = clock.due.map_or_else(|| "not started".into(), |due| format!("due {due}"));
            let _ = writeln!(out, "\n- {}: {due}", plain(&clock.phase_name));
        }
        for item in &self.items {
            let _ = writeln!(out, "\n## {}\n", plain(&item.title));
            for line in &item.lines {
                let _ = writeln!(out, "- {}", plain(line));
            }
            for gap in &item.gaps {
                let _ = writeln!(out, "- **{GAP}** {}", plain(gap));
            }
        }
        out
    }

    /// A page that prints; no script, no style from elsewhere.
    pub fn html(&self) -> String {
        let mut out =
            String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        let _ = write!(
            out,
            "<title>Draft notification: {regime}</title></head><body><h1>Draft notification: {regime}</h1>\
             <p>To: {}. Basis: {}. Incident {}. Drafted {}.</p><p><strong>{} gaps are to be completed.</strong></p><p>{}</p><ul>",
            escaped(&self.recipient),
            escaped(&self.law),
            escaped(&self.incident),
            self.drafted,
            self.gaps,
            escaped(&self.note),
            regime = escaped(&self.regime),
        );
        for clock in &self.clocks {
            let due = clock.due.map_or_else(|| "not started".into(), |due| format!("due {due}"));
            let _ = write!(out, "<li>{}: {due}</li>", escaped(&clock.phase_name));
        }
        out += "</ul>";
        for item in &self.items {
            let _ = write!(out, "<h2>{}</h2><ul>", escaped(&item.title));
            for line in &item.lines {
                let _ = write!(out, "<li>{}</li>", escaped(line));
            }
            for gap in &item.gaps {
                let _ =
                    write!(out, "<li><mark><strong>{GAP}</strong> {}</mark></li>", escaped(gap));
            }
            out += "</ul>";
        }
        out + "</body></html>\n"
    }
}

fn item(title: &str, lines: Vec<String>, gaps: &[&str]) -> NotificationItem {
    let gaps = gaps.iter().map(|&gap| gap.to_owned()).collect();
    NotificationItem { title: title.to_owned(), lines, gaps }
}

fn nature(incident: &Incident, left: &str, case: &Case) -> NotificationItem {
    let judged = match case.resolution {
        Some(Resolution::TruePositive) => "confirmed by an analyst",
        Some(_) => "resolved as something else than a breach: check before sending",
        None => "under investigation",
    };
    let lines = vec![
        incident.title.clone(),
        incident.why.clone(),
        format!(
            "From {} to {}; first found {}",
            incident.first_event, incident.last_event, incident.first_finding
        ),
        format!("Severity {}, score {} of 100; {judged}", incident.severity, incident.score),
        format!("Techniques (ATT&CK): {}", listed(&incident.attack)),
        format!("Left the network: {left}"),
    ];
    let gaps = [
        "whether confidentiality, integrity or availability is affected, and how it came about",
        "whether it is suspected to be malicious, and whether it crosses borders",
    ];
    item("Nature of the breach", lines, &gaps)
}

fn awareness(regime: &Regime, case: &Case) -> NotificationItem {
    let aware = case.aware.iter().filter(|aware| aware.regimes.contains(&regime.id));
    let lines: Vec<String> = aware
        .map(|aware| format!("Aware since {}, decided by {}: {}", aware.at, aware.by, aware.reason))
        .collect();
    let gaps: &[&str] =
        if lines.is_empty() { &["the decision that we are aware, and since when"] } else { &[] };
    item("Awareness", lines, gaps)
}

fn numbers(incident: &Incident) -> NotificationItem {
    let people = |subjects: u64, error: f64, about: &str| match error {
        error if error > 0.0 => {
            let subjects = grouped(subjects);
            format!("{about} {subjects} people and consignments (± {:.1}%)", error * 100.0)
        }
        _ => counted(subjects, "person or consignment", "people and consignments"),
    };
    let all = people(incident.subjects, incident.subjects_error, "About");
    let mut lines = vec![all, counted(incident.records, "record", "records")];
    lines.extend(incident.datasets.iter().map(|d| {
        format!(
            "{}: {} (tier T{}), {} of {}",
            d.dataset,
            d.category,
            d.tier,
            counted(d.records, "record", "records"),
            people(d.subjects, d.subjects_error, "about")
        )
    }));
    let gaps = [
        "categories of the people concerned (travellers, children, staff, traders), which the logs do not say",
        "how many of the subjects are people, and how many consignments",
    ];
    item("Categories and approximate numbers of people and of records", lines, &gaps)
}

fn consequences(incident: &Incident) -> NotificationItem {
    let tier = incident.datasets.iter().map(|d| d.tier).max();
    let lines = match tier {
        Some(3) => vec!["Data of the highest tier is concerned (biometrics, special categories, children, watch lists, release codes)".into()],
        Some(2) => vec!["Identity, travel or payment data is concerned: identity fraud and profiling are possible".into()],
        Some(_) => vec!["Contact or commercial data is concerned: targeted fraud and commercial harm are possible".into()],
        None => Vec::new(),
    };
    let gaps = [
        "the likely consequences for the people concerned, and how high the risk is",
        "whether the people concerned are told, when and how, or why not",
    ];
    item("Likely consequences", lines, &gaps)
}

fn measures(case: &Case, acts: &[Recorded], known: &Regimes) -> NotificationItem {
    let done = ["acknowledge", "investigate", "contain", "resolve", "reopen", "notified"];
    let undone: Vec<i64> = acts
        .iter()
        .filter_map(|act| match act.act {
            super::Act::Undo { act } => Some(act),
            _ => None,
        })
        .collect();
    let mut lines: Vec<String> = acts
        .iter()
        .filter(|act| done.contains(&act.act.name()) && !undone.contains(&act.number))
        .map(|act| format!("{}: {}", act.time, act.sentence(known)))
        .collect();
    lines.push(format!("State of the incident: {}", case.state.name()));
    item(
        "Measures taken or proposed",
        lines,
        &["measures proposed, and measures against a repetition"],
    )
}

fn contact(case: &Case) -> NotificationItem {
    let lines = case.assignee.iter().map(|who| format!("Handled by {who}")).collect();
    item(
        "Contact",
        lines,
        &["name and contact details of the data protection officer or contact point"],
    )
}

/// What this regime alone wants told: the logs know where it came from, and people the rest.
fn further(regime: &Regime, incident: &Incident) -> Option<NotificationItem> {
    if regime.contents.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    if !incident.sources.is_empty() {
        let shown = incident.sources.iter().take(ADDRESSES_MAX).cloned().collect::<Vec<_>>();
        let more = match incident.sources.len().saturating_sub(ADDRESSES_MAX) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        lines.push(format!("Addresses it came from: {}{more}", shown.join(", ")));
    }
    let accounts = incident.actors.len() as u64;
    lines.push(format!("Accounts concerned: {}", grouped(accounts)));
    let gaps: Vec<&str> = regime.contents.iter().map(String::as_str).collect();
    Some(item("Further contents under this regime", lines, &gaps))
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn listed(all: &[String]) -> String {
    if all.is_empty() { "none told".into() } else { all.join(", ") }
}

/// Text from logs may become neither links nor HTML.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '!' | '_') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(n: u64, told: &str) {
        assert_eq!(counted(n, "record", "records"), told);
    }

    #[test]
    fn large_numbers_are_told_in_groups_of_three() {
        check(1, "1 record");
        check(999, "999 records");
        check(1_000, "1,000 records");
        check(12_345, "12,345 records");
        check(1_234_567, "1,234,567 records");
    }
}
