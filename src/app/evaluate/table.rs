//! A report as text, for a terminal.

use std::fmt::Write as _;

use super::calibration::{ANY, NOMINAL};
use super::report::{BudgetReport, DetectorCount, KindReport, Report};

pub fn table(report: &Report) -> String {
    let mut text = String::new();
    let seeds: Vec<String> = report.seeds.iter().map(u64::to_string).collect();
    let _ = writeln!(
        text,
        "seeds {}; {} actors, {} days, {} events, {}",
        seeds.join(" "),
        report.actors,
        report.days,
        report.events,
        cases(report)
    );
    let _ = write!(text, "\n{:18}", "");
    for budget in &report.budgets {
        let _ = write!(text, " | {:^38}", format!("budget {}", budget.budget));
    }
    let _ = write!(text, "\n{:18}", "attack");
    for _ in &report.budgets {
        let _ = write!(text, " | {:>10} {:>9} {:>9} {:>7}", "found", "median", "p90", "records");
    }
    text.push('\n');
    for kind in report.budgets.first().map_or(&[][..], |budget| &budget.kinds) {
        let _ = write!(text, "{:18}", kind.kind);
        for budget in &report.budgets {
            let cell = budget.kinds.iter().find(|other| other.kind == kind.kind);
            let _ = write!(text, " | {}", cell.map_or(String::new(), row));
        }
        text.push('\n');
    }
    for budget in &report.budgets {
        let _ = write!(text, "\n{}", summary(budget));
    }
    text
}

fn cases(report: &Report) -> String {
    match report.cases {
        true => {
            format!("most reads cite a case, {:.0}% have lost it", 100.0 * report.lost_case_share)
        }
        false => "no read cites a case".to_owned(),
    }
}

fn row(kind: &KindReport) -> String {
    let share = kind.found * 100 / kind.attacks.max(1);
    format!(
        "{:>10} {:>9} {:>9} {:>7}",
        format!("{share}% {}/{}", kind.found, kind.attacks),
        kind.delay_s_p50.map_or("-".into(), span),
        kind.delay_s_p90.map_or("-".into(), span),
        kind.records_p50.map_or("-".into(), |records| records.to_string()),
    )
}

fn summary(budget: &BudgetReport) -> String {
    let mut text = format!("budget {}\n", budget.budget);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:28} {value}");
    };
    line("mean recall over kinds", format!("{:.1}%", budget.recall_mean * 100.0));
    line(
        "false per 1,000 actors, day",
        format!(
            "{:.2} (worst day {:.2})",
            budget.false_incidents.mean, budget.false_incidents.worst_day
        ),
    );
    line("  told again on another day", format!("{:.2}", budget.false_again));
    line("  opened by", counts(&budget.false_by));
    line("incidents at medium or above", budget.incidents.to_string());
    line("oddities that stayed quiet", format!("{} of {}", budget.oddities_quiet, budget.oddities));
    if !budget.oddities_loud.is_empty() {
        line("oddities that did not", budget.oddities_loud.join(", "));
    }
    line("findings on honest actors", counts(&budget.findings_on_honest));
    match &budget.calibration {
        None => line("calibration", "no honest window has ended".into()),
        Some(rows) => {
            let at = NOMINAL.map(|nominal| format!("{nominal:>7.0e}")).join(" ");
            line("actual over nominal at", format!("{at}   windows"));
            for row in rows.iter().filter(|row| row.is_sum()) {
                let name = if row.role == ANY { "any role" } else { &row.role };
                let ratios = row.actual_over_nominal.all();
                let ratios = ratios.map(|ratio| format!("{ratio:>7.2}")).join(" ");
                line(&format!("  {name}"), format!("{ratios}   {}", row.windows));
            }
        }
    }
    text
}

fn counts(by: &[DetectorCount]) -> String {
    let counts: Vec<String> = by.iter().map(|d| format!("{} {}", d.detector, d.findings)).collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

/// `3.2 s`, `4.1 min`, `2.5 h`, `1.8 d`.
fn span(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        120.0..7_200.0 => format!("{:.1} min", seconds / 60.0),
        7_200.0..172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} d", seconds / 86_400.0),
    }
}
