//! Work items from a file: what they make of reads, of baselines, and of a simulated month.

use std::fs;

use tidewaiter::config::{Config, Purpose, load};
use tidewaiter::engine::model::Severity;

use crate::learned::{UNEXPLAINED, honest_days, unexplained_day};
use crate::monitor::{succeed, tidewaiter};
use crate::replayed::replay_lines;

/// A fortnight in which every read cites a case; those of the last day's breach cite one that is
/// none of theirs.
#[test]
fn a_breach_under_a_borrowed_case_is_found_by_the_work_items_alone() {
    let folder = tempfile::tempdir().unwrap();
    let breach = format!("\"o{UNEXPLAINED}\"");
    let mut lines: Vec<String> =
        honest_days(0, 13).into_iter().chain(unexplained_day()).map(|(_, line)| line).collect();
    let without = lines.iter_mut().filter(|line| !line.contains("\"case\""));
    for (n, line) in without.enumerate() {
        // Each for a case of its own: none is cited too often.
        let whose = if line.contains(&breach) { "borrowed" } else { "own" };
        *line = line.replace("\"action\"", &format!("\"case\":\"C-{whose}-{n}\",\"action\""));
    }
    let case = |line: &str| {
        let (_, rest) = line.split_once("\"case\":\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    // Everybody's own; the borrowed ones are somebody else's, though they are real and open.
    let mut cases: Vec<String> = lines.iter().map(|line| case(line)).collect();
    cases.sort();
    cases.dedup();
    let own = r#""units":["U0","U1","U2","U3"]"#;
    let feed: String = cases
        .iter()
        .map(|case| {
            let whose = if case.starts_with("C-borrowed") { r#""officers":["o1"]"# } else { own };
            format!("{{\"case\":\"{case}\",\"from\":\"2026-03-01T00:00:00Z\",{whose}}}\n")
        })
        .collect();
    fs::write(folder.path().join("items.ndjson"), feed).unwrap();
    let path = folder.path().join("tidewaiter.toml");
    fs::write(&path, "[data]\nwork_items = \"items.ndjson\"\n").unwrap();
    let with = load(&path, Purpose::Replay).unwrap();
    let told = |config: &Config| -> Vec<String> {
        let said = replay_lines(config, &lines);
        let actor = format!("o{UNEXPLAINED}");
        let own = |f: &&tidewaiter::engine::model::Finding| {
            f.detector == "unusual_unexplained" && f.actor.as_deref() == Some(&actor)
        };
        let severe = said.findings.iter().filter(own).filter(|f| f.severity >= Severity::Medium);
        severe.map(|finding| finding.why.clone()).collect()
    };
    let found = told(&with);
    assert!(!found.is_empty(), "with the work items it is found");
    assert!(
        found.iter().any(|why| why.contains("neither this officer's nor the unit's")),
        "{found:#?}"
    );
    assert_eq!(told(&Config::default()), Vec::<String>::new(), "a case cited is taken as given");
}

#[test]
fn a_simulated_month_comes_with_its_work_items() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (events, items, config) = (path("month.ndjson"), path("items"), path("tidewaiter.toml"));
    let month = "simulate --profile month --actors 250 --scale 0.01 --duration 6d --seed 3 \
                 --breaches dump-5000 --attack-case-share 1";
    let files = ["--out", &events, "--work-items", &items];
    succeed(month.split_whitespace().chain(files));
    let feed = fs::read_to_string(&items).unwrap();
    assert!(feed.lines().count() > 100, "{} cases", feed.lines().count());
    fs::write(&config, "[data]\nwork_items = \"items\"\n").unwrap();
    succeed(["replay", "-c", &config, &events]);
    fs::write(&items, "no item").unwrap();
    let said = tidewaiter(["replay", "-c", &config, &events]);
    assert_eq!(said.status.code(), Some(3));
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(told.contains("work items") && told.contains("line 1"), "{told}");
}

#[test]
fn a_file_and_a_topic_at_once_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidewaiter.toml");
    fs::write(&path, "[data]\nwork_items = \"a\"\nwork_items_topic = \"b\"\n").unwrap();
    let told = load(&path, Purpose::Replay).err().unwrap().to_string();
    assert!(told.contains("not both"), "{told}");
}
