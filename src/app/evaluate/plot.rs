//! A report as a picture: one SVG file that needs nothing else.

use std::fmt::Write as _;

use super::plot_calibration;
use super::report::Report;

const ROW: usize = 30;
const LEFT: usize = 170;
const WIDTH: usize = 520;
const TOP: usize = 70;
/// One for each budget, told apart by people who see colours differently too.
const COLOURS: [&str; 4] = ["#1b6ca8", "#e0a030", "#6a4c93", "#5a8f5a"];

pub fn plot(report: &Report) -> String {
    let kinds: Vec<&str> =
        report.budgets.first().map_or(Vec::new(), |b| b.kinds.iter().map(|k| k.kind).collect());
    let bars = report.budgets.len().max(1);
    let row = ROW.max(bars * 11 + 8);
    let own = TOP + kinds.len() * row + 30 + bars * 20;
    let height = own + plot_calibration::height(report);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{height}\" \
         viewBox=\"0 0 {0} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\">Attacks found, by kind</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#555555\">{1} months of {2} actors, {3} events{4}</text>\n",
        LEFT + WIDTH + 110,
        report.seeds.len(),
        report.actors,
        report.events,
        if report.cases { "" } else { ", no cases" },
    );
    for share in [0, 25, 50, 75, 100] {
        let x = LEFT + WIDTH * share / 100;
        let bottom = TOP + kinds.len() * row;
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#dddddd\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555555\">{share}%</text>",
            TOP - 6
        );
    }
    for (n, kind) in kinds.iter().enumerate() {
        let y = TOP + n * row;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{kind}</text>",
            LEFT - 8,
            y + row / 2 + 4
        );
        for (b, budget) in report.budgets.iter().enumerate() {
            let Some(cell) = budget.kinds.iter().find(|other| other.kind == *kind) else {
                continue;
            };
            let share = cell.found as f64 / cell.attacks.max(1) as f64;
            let top = y + 4 + b * 11;
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"9\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{:.0}%</text>",
                share * WIDTH as f64,
                COLOURS[b % COLOURS.len()],
                LEFT as f64 + share * WIDTH as f64 + 4.0,
                top + 9,
                share * 100.0
            );
        }
    }
    for (b, budget) in report.budgets.iter().enumerate() {
        let y = TOP + kinds.len() * row + 24 + b * 20;
        let rate = &budget.false_incidents;
        let _ = writeln!(
            svg,
            "<rect x=\"16\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{}\"/>\
             <text x=\"32\" y=\"{y}\">budget {}: {:.1}% of kinds on average, {:.2} false per 1,000 \
             actors and day (worst day {:.2}), {} of {} oddities quiet</text>",
            y - 9,
            COLOURS[b % COLOURS.len()],
            budget.budget,
            budget.recall_mean * 100.0,
            rate.mean,
            rate.worst_day,
            budget.oddities_quiet,
            budget.oddities,
        );
    }
    plot_calibration::draw(&mut svg, report, own, (LEFT, WIDTH));
    svg.push_str("</svg>\n");
    svg
}
