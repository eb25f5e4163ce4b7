//! A page that stands alone and prints: no script, nothing from elsewhere.

use std::io::{self, Write};

use super::Lines;
use super::facts::{facts, subjects};
use crate::engine::model::{EventTime, Incident};
use crate::engine::timeline::{Line, escaped};

/// The timeline's columns are as wide as a time, a kind and an address, so that none is broken as
/// long as it is no longer than usual; what is said takes the rest.
const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;color:#111;background:#fff;margin:2rem auto;max-width:70rem;padding:0 1rem;overflow-wrap:anywhere}\
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}\
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #bbb;padding:.25em .5em;text-align:left;vertical-align:top}\
th{font-weight:600}th[scope=row]{width:8em}code{font:0.95em ui-monospace,monospace}th.n,td.n{text-align:right;white-space:nowrap}td.n{font-variant-numeric:tabular-nums}\
.line{table-layout:fixed}.line .t{width:13.1em;white-space:nowrap}.line .k{width:4.6em}.line .a{width:7em}.line .s{width:8.8em}td.t{font-variant-numeric:tabular-nums}\
tr.finding .w,tr.severity .w{font-weight:600}tr.act .w{font-style:italic}small{font:0.9em system-ui,sans-serif;color:#555;display:inline-block}\
@page{margin:12mm}@media print{body{margin:0;padding:0;max-width:none;font-size:9pt}h2{margin-top:1.1rem;break-after:avoid}th,td{padding:.15em .5em}.line{font-size:8pt}thead{display:table-header-group}tr{break-inside:avoid}tr.act{break-inside:auto}}";

/// `2026-03-02 09:00:00.000`, and where like lines are folded the last under it, by its day only
/// if that is another.
fn when(line: &Line) -> String {
    let said = |time: EventTime| time.to_string().trim_end_matches('Z').replace('T', " ");
    let (from, until) = (said(line.entry.time), said(line.until));
    if line.folded < 2 {
        return from;
    }
    let (day, clock) = until.split_once(' ').unwrap_or(("", &until));
    let until = if from.starts_with(day) { clock } else { &until };
    format!("{from}<br>\u{2013} {until}")
}

/// Text of an event's in a cell: which way it runs is its own affair.
fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<bdi>{}</bdi>", escaped(text)) }
}

/// Names between backticks in the type of code; a backtick without a second stays one.
fn prose(text: &str) -> String {
    let text = escaped(text);
    let parts: Vec<&str> = text.split('`').collect();
    let (last, before) = parts.split_last().unwrap_or((&"", &[]));
    let mut said = String::with_capacity(text.len());
    for (n, part) in before.iter().enumerate() {
        said.push_str(part);
        let is_last = n + 1 == before.len();
        said.push_str(match n % 2 {
            0 if is_last => "`",
            0 => "<code>",
            _ => "</code>",
        });
    }
    said.push_str(last);
    said
}

pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    let title = escaped(&incident.title);
    write!(
        to,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n<p>{}.</p>\n<table><tbody>\n",
        prose(&incident.why)
    )?;
    for (name, value) in facts(incident) {
        writeln!(to, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escaped(name), cell(&value))?;
    }
    to.write_all(
        b"</tbody></table>\n<h2>Data</h2>\n<table><thead><tr><th>Dataset</th><th>Category</th><th>Tier</th>\
          <th class=\"n\">Records</th><th class=\"n\">Subjects</th></tr></thead><tbody>\n",
    )?;
    for d in &incident.datasets {
        writeln!(
            to,
            "<tr><td>{}</td><td>{}</td><td>T{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            cell(&d.dataset),
            cell(&d.category),
            d.tier,
            d.records,
            subjects(d.subjects, d.subjects_error)
        )?;
    }
    to.write_all(b"</tbody></table>\n<h2>Score</h2>\n<ul>\n")?;
    for term in &incident.score_terms {
        let (name, why) = (escaped(&term.term), prose(&term.why));
        writeln!(to, "<li>{name}: {:.1} ({why})</li>", term.points)?;
    }
    to.write_all(
        b"</ul>\n<h2>Timeline (UTC)</h2>\n<table class=\"line\"><thead><tr><th class=\"t\">Time</th>\
          <th class=\"k\">Kind</th><th class=\"a\">Actor</th><th class=\"s\">Source</th><th>What and where</th></tr></thead><tbody>\n",
    )?;
    for line in lines {
        let line = line?;
        let e = &line.entry;
        writeln!(
            to,
            "<tr class=\"{kind}\"><td class=\"t\">{}</td><td class=\"w\">{kind}</td><td>{}</td><td>{}</td><td><span class=\"w\">{}</span> <small>{}</small></td></tr>",
            when(&line),
            cell(e.actor.as_deref().unwrap_or("")),
            cell(e.source_ip.as_deref().unwrap_or("")),
            prose(&e.text),
            cell(&e.source.to_string()),
            kind = e.kind.name(),
        )?;
    }
    to.write_all(b"</tbody></table>\n</body></html>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::{Entry, Source};

    fn line(from: &str, until: &str, folded: u64) -> Line {
        let entry = Entry {
            time: EventTime::parse(from).unwrap(),
            ..Entry::at(Source::Monitor { monitor: "act 1".into() })
        };
        let until = EventTime::parse(until).unwrap();
        Line { id: String::new(), folded, until, fold: None, entry }
    }

    #[test]
    fn a_time_is_as_short_as_its_day_allows() {
        let from = "2026-03-02T09:00:00Z";
        let check = |until: &str, folded: u64, shown: &str| {
            assert_eq!(when(&line(from, until, folded)), shown);
        };
        check(from, 1, "2026-03-02 09:00:00.000");
        check("2026-03-02T09:05:00Z", 3, "2026-03-02 09:00:00.000<br>\u{2013} 09:05:00.000");
        let other_day = "2026-03-02 09:00:00.000<br>\u{2013} 2026-03-03 01:00:00.000";
        check("2026-03-03T01:00:00Z", 3, other_day);
    }

    #[test]
    fn an_id_cannot_turn_what_stands_beside_it() {
        assert_eq!(cell("zo\u{202e}e"), "<bdi>zo\\u{202e}e</bdi>");
        assert_eq!(cell("<b>"), "<bdi>&lt;b&gt;</bdi>");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn names_stand_in_the_type_of_code_and_nothing_else_is_markup() {
        assert_eq!(prose("ids of `pnr` and `api`"), "ids of <code>pnr</code> and <code>api</code>");
        assert_eq!(prose("one ` alone"), "one ` alone");
        assert_eq!(prose("`<b>`"), "<code>&lt;b&gt;</code>");
        assert_eq!(prose(""), "");
    }
}
