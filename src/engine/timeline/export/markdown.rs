//! A page for a report.

use std::io::{self, Write};

use super::Lines;
use super::facts::{facts, subjects};
use crate::engine::model::Incident;
use crate::engine::timeline::visible;

pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "# {}\n", plain(&incident.title))?;
    writeln!(to, "{}.\n", plain(&incident.why))?;
    writeln!(to, "| | |\n|---|---|")?;
    for (name, value) in facts(incident) {
        writeln!(to, "| {name} | {} |", plain(&value))?;
    }
    writeln!(
        to,
        "\n## Data\n\n| dataset | category | tier | records | subjects |\n|---|---|---|---:|---:|"
    )?;
    for d in &incident.datasets {
        let (dataset, category) = (plain(&d.dataset), plain(&d.category));
        let people = subjects(d.subjects, d.subjects_error);
        writeln!(to, "| {dataset} | {category} | T{} | {} | {people} |", d.tier, d.records)?;
    }
    writeln!(to, "\n## Score\n")?;
    for term in &incident.score_terms {
        writeln!(to, "- {}: {:.1} ({})", plain(&term.term), term.points, plain(&term.why))?;
    }
    writeln!(
        to,
        "\n## Timeline (UTC)\n\n| time | kind | actor | source | what | where |\n|---|---|---|---|---|---|"
    )?;
    for line in lines {
        let line = line?;
        let e = &line.entry;
        let until = if line.folded > 1 { format!(" – {}", line.until) } else { String::new() };
        writeln!(
            to,
            "| {}{until} | {} | {} | {} | {} | {} |",
            e.time,
            e.kind.name(),
            plain(e.actor.as_deref().unwrap_or("")),
            plain(e.source_ip.as_deref().unwrap_or("")),
            plain(&e.text),
            plain(&e.source.to_string()),
        )?;
    }
    Ok(())
}

/// Text from logs may not become table cells, links or HTML.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}
