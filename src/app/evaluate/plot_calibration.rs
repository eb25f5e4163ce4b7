//! Calibration in the picture: a row a role, a mark for each probability it was looked at.

use std::fmt::Write as _;

use super::calibration::{ANY, Calibration, NOMINAL};
use super::report::Report;

const ROW: usize = 24;
const HEAD: usize = 60;
/// From a tenth of nominal to ten times, in decades to either side.
const DECADES: f64 = 1.0;
/// What is asked for at one in a thousand.
const GOOD: [f64; 2] = [0.5, 2.0];
/// Light to dark as it gets rarer.
const SHADES: [&str; NOMINAL.len()] = ["#9ecae1", "#1b6ca8", "#6a4c93", "#2d1e45"];

/// Of the budget first asked for: what is probable does not rest on the budget.
fn rows(report: &Report) -> Vec<&Calibration> {
    let rows = report.budgets.first().and_then(|budget| budget.calibration.as_ref());
    rows.into_iter().flatten().filter(|row| row.is_sum()).collect()
}

/// How much room it takes.
pub fn height(report: &Report) -> usize {
    match rows(report).len() {
        0 => 0,
        n => HEAD + n * ROW + 40,
    }
}

/// Draws it below `top`, the axis from `left` on and `width` wide.
pub fn draw(svg: &mut String, report: &Report, top: usize, (left, width): (usize, usize)) {
    let rows = rows(report);
    if rows.is_empty() {
        return;
    }
    let x = |ratio: f64| {
        let decades = ratio.max(1e-9).log10().clamp(-DECADES, DECADES);
        left as f64 + (decades + DECADES) / (2.0 * DECADES) * width as f64
    };
    let first = top + HEAD;
    let end = first + rows.len() * ROW;
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\" font-size=\"16\">Calibration: actual over nominal, honest windows</text>\
         <rect x=\"{:.1}\" y=\"{first}\" width=\"{:.1}\" height=\"{}\" fill=\"#e8f3e8\"/>",
        top + 26,
        x(GOOD[0]),
        x(GOOD[1]) - x(GOOD[0]),
        end - first,
    );
    for ratio in [0.1, 0.5, 1.0, 2.0, 10.0] {
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.1}\" y1=\"{first}\" x2=\"{0:.1}\" y2=\"{end}\" stroke=\"#dddddd\"/>\
             <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\" fill=\"#555555\">{ratio}</text>",
            x(ratio),
            first - 6
        );
    }
    for (n, row) in rows.iter().enumerate() {
        let y = first + n * ROW + ROW / 2;
        let name = if row.role == ANY { "any role" } else { &row.role };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            left - 8,
            y + 4
        );
        for ((ratio, nominal), shade) in
            row.actual_over_nominal.all().into_iter().zip(NOMINAL).zip(SHADES)
        {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"5\" fill=\"{shade}\"><title>{name} at {nominal:.0e}: \
                 {ratio:.2}</title></circle>",
                x(ratio)
            );
        }
    }
    for (n, (nominal, shade)) in NOMINAL.into_iter().zip(SHADES).enumerate() {
        let (x, y) = (left + n * 90, end + 24);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"5\" fill=\"{shade}\"/>\
             <text x=\"{}\" y=\"{y}\">at {nominal:.0e}</text>",
            y - 4,
            x + 10
        );
    }
}
