//! `tidewaiter rules test`.

use std::collections::BTreeMap;

use anyhow::Context;
use clap::Args;

use super::{Exit, Failure, OrExit, Source, whole_set};
use crate::engine::detect::rules::{TestReport, run_tests};

/// Run the tests that lie beside rules in `<same name>.tests.yml`. Exits with 2 where one fails.
///
/// Where PATH is one rule file, the rules of its folder are loaded with it, so that a correlation
/// finds what it names.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Print the cases that hold too.
    #[arg(short, long)]
    verbose: bool,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (mut files, dialect) = arguments.source.read()?;
    let wanted: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    for path in arguments.source.paths.iter().filter(|path| path.is_file()) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        files.extend(crate::app::read_rules(folder.unwrap_or(std::path::Path::new(".")))?);
    }
    // A file and its folder name it twice; `./` before a name makes no other file.
    let mut seen = std::collections::BTreeSet::new();
    files.retain(|(name, _)| seen.insert(place(name)));
    let set = whole_set(&files, &dialect)?;
    let tests = arguments.source.tests()?;
    let (mut reports, mut without) = (Vec::new(), 0);
    for name in &wanted {
        let beside = name.strip_suffix(".yml").or(name.strip_suffix(".yaml")).unwrap_or(name);
        let tests_name = format!("{beside}.tests.yml");
        let text = match &tests {
            Some(shipped) => shipped.get(&tests_name).cloned(),
            None => match std::fs::read_to_string(&tests_name) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                read => Some(read.with_context(|| tests_name.clone()).or_exit(Exit::BadRule)?),
            },
        };
        let Some(text) = text else {
            eprintln!("{name}: no tests beside it");
            without += 1;
            continue;
        };
        let found = run_tests(&set, name, &tests_name, &text).or_exit(Exit::BadRule)?;
        reports.extend(found.into_iter().map(|report| (name, report)));
    }
    print(&reports, arguments.verbose);
    let failed = reports.iter().filter(|(_, report)| report.failure.is_some()).count();
    println!("{} cases, {failed} failed, {without} rule files without tests", reports.len());
    Ok(if failed > 0 { Exit::BadRule } else { Exit::Fine })
}

fn place(name: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(name);
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn print(reports: &[(&String, TestReport)], verbose: bool) {
    let mut by_rule: BTreeMap<(&str, &str), Vec<&TestReport>> = BTreeMap::new();
    for (file, report) in reports {
        by_rule.entry((file, &report.title)).or_default().push(report);
    }
    for ((file, title), reports) in by_rule {
        let held = reports.iter().filter(|report| report.failure.is_none()).count();
        let word = if held == reports.len() { "ok    " } else { "FAILED" };
        println!("{word}  {held:3} of {:3}  {title}  ({file})", reports.len());
        for report in reports {
            let section = if report.positive { "positive" } else { "negative" };
            match &report.failure {
                Some(failure) => println!("        {section}: {}: {failure}", report.case),
                None if verbose => println!("        {section}: {}: ok", report.case),
                None => {}
            }
        }
    }
}
