//! A page that stands alone and prints: no script, nothing from elsewhere.

use std::io::{self, Write};

use super::Lines;
use super::facts::{facts, subjects};
use crate::engine::model::Incident;
use crate::engine::timeline::escaped;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;color:#111;background:#fff;margin:2rem auto;max-width:70rem;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}\
table{border-collapse:collapse;width:100%}th,td{border-bottom:1px solid #bbb;padding:.25rem .5rem;text-align:left;vertical-align:top}\
th{font-weight:600}code{font:0.95em ui-monospace,monospace}th.n,td.n{text-align:right}td.n{font-variant-numeric:tabular-nums}td.t{white-space:nowrap;font-variant-numeric:tabular-nums}\
td{overflow-wrap:anywhere}tr.finding td,tr.severity td{font-weight:600}tr.act td{font-style:italic}\
@page{margin:15mm}@media print{body{margin:0;max-width:none;font-size:10pt}thead{display:table-header-group}tr{break-inside:avoid}h2{break-after:avoid}}";

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
        writeln!(
            to,
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
            escaped(name),
            escaped(&value)
        )?;
    }
    to.write_all(
        b"</tbody></table>\n<h2>Data</h2>\n<table><thead><tr><th>Dataset</th><th>Category</th><th>Tier</th>\
          <th class=\"n\">Records</th><th class=\"n\">Subjects</th></tr></thead><tbody>\n",
    )?;
    for d in &incident.datasets {
        writeln!(
            to,
            "<tr><td>{}</td><td>{}</td><td>T{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(&d.dataset),
            escaped(&d.category),
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
        b"</ul>\n<h2>Timeline (UTC)</h2>\n<table><thead><tr><th>Time</th><th>Kind</th><th>Actor</th>\
          <th>Source</th><th>What</th><th>Where</th></tr></thead><tbody>\n",
    )?;
    for line in lines {
        let line = line?;
        let e = &line.entry;
        let until =
            if line.folded > 1 { format!("<br>\u{2013} {}", line.until) } else { String::new() };
        writeln!(
            to,
            "<tr class=\"{kind}\"><td class=\"t\">{}{until}</td><td>{kind}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            e.time,
            escaped(e.actor.as_deref().unwrap_or("")),
            escaped(e.source_ip.as_deref().unwrap_or("")),
            prose(&e.text),
            escaped(&e.source.to_string()),
            kind = e.kind.name(),
        )?;
    }
    to.write_all(b"</tbody></table>\n</body></html>\n")
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn names_stand_in_the_type_of_code_and_nothing_else_is_markup() {
        assert_eq!(prose("ids of `pnr` and `api`"), "ids of <code>pnr</code> and <code>api</code>");
        assert_eq!(prose("one ` alone"), "one ` alone");
        assert_eq!(prose("`<b>`"), "<code>&lt;b&gt;</code>");
        assert_eq!(prose(""), "");
    }
}
