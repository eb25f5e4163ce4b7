//! `simulate --profile month` and `evaluate` as a person runs them, and that both tell of one month.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn check(folder: &Path, arguments: &str, code: i32) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments}\n{stderr}");
    output
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

fn lines(folder: &Path, name: &str) -> usize {
    std::fs::read_to_string(folder.join(name)).unwrap().lines().count()
}

#[test]
fn a_month_is_judged_alike_from_a_file_and_in_process() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let month = "--actors 250 --scale 0.01";
    let evaluate = format!(
        "evaluate {month} --days 6 --seeds 3 --kinds dump-5000,officers-25 --each 2 --budget 5"
    );
    let said = check(folder, &format!("{evaluate} --json report.json --plot plot.svg"), 0);
    check(folder, &format!("{evaluate} --json again.json"), 0);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("report.json"), read("again.json"), "the same question, the same report");
    let report = json(folder, "report.json");
    let budget = &report["budgets"][0];
    let dump = &budget["kinds"][0];
    assert_eq!((&dump["kind"], &dump["attacks"]), (&"dump-5000".into(), &2.into()));
    assert_eq!(dump["found"], 2);
    assert!(dump["records_p50"].as_u64().unwrap() < 5_000, "{dump}");
    assert!(dump["delay_s_p50"].as_f64().unwrap() < 600.0, "{dump}");
    let table = String::from_utf8(said.stdout).unwrap();
    assert!(table.contains("dump-5000          |   100% 2/2"), "{table}");
    assert!(read("plot.svg").starts_with("<svg "));
    assert!(read("plot.svg").contains("Calibration: actual over nominal"));
    assert!(table.contains("actual over nominal at"), "{table}");
    let any = &budget["calibration"][0];
    assert_eq!((&any["role"], &any["window"]), (&"any".into(), &"any".into()));
    let windows = |row: &Value| row["windows"].as_u64().unwrap();
    // Those of roles that cite no case count once.
    assert!(windows(any) > 500, "{any}");
    let rows = budget["calibration"].as_array().unwrap();
    let of_roles = rows.iter().filter(|row| row["role"] != "any" && row["window"] == "any");
    assert_eq!(of_roles.map(windows).sum::<u64>(), windows(any));
    let ratio = any["actual_over_nominal"]["1e-2"].as_f64().unwrap();
    assert!((0.05..5.0).contains(&ratio), "{any}");

    // The same month through files: one attack of each kind is what `simulate` draws at this size.
    let one = format!("evaluate {month} --days 6 --seeds 3 --kinds dump-5000 --budget 5");
    check(folder, &format!("{one} --json one.json"), 0);
    check(
        folder,
        &format!(
            "simulate --profile month {month} --duration 6d --seed 3 --breaches dump-5000 \
             --out events.ndjson --truth truth.json"
        ),
        0,
    );
    check(folder, "replay --budget 5 --incidents incidents.jsonl events.ndjson", 0);
    let one = json(folder, "one.json");
    assert_eq!(one["events"], lines(folder, "events.ndjson"));
    assert_eq!(one["budgets"][0]["incidents"], lines(folder, "incidents.jsonl"));
    let truth = json(folder, "truth.json");
    let dump = &truth["entries"][0];
    assert_eq!((&dump["kind"], &dump["events"]), (&"dump-5000".into(), &5_000.into()));
    let events = read("events.ndjson");
    let actor = dump["actors"][0].as_str().unwrap();
    for id in dump["ids"].as_array().unwrap().iter().step_by(500) {
        let line = events.lines().find(|line| line.contains(id.as_str().unwrap())).unwrap();
        assert!(line.contains(actor), "{line}");
    }
}

#[test]
fn a_wrong_question_is_refused_with_3() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, named) in [
        ("evaluate --seeds 5-1", "--seeds"),
        ("evaluate --kinds dump-5000,nonsense", "nonsense"),
        ("evaluate --actors 3", "--actors must be 200 to 200000, got 3"),
        ("evaluate --budget=-1", "budget"),
        ("evaluate --jobs 0", "--jobs must be 1 to 64, got 0"),
        ("evaluate --scale 0", "--scale must be 0.001 to 20, got 0"),
        ("evaluate -c nowhere.toml", "nowhere.toml"),
        ("simulate --actors 0", "--actors must be 50 to 1000000, got 0"),
        ("simulate --duration 3m", "--duration must be 10m to 400d, got 3m"),
        ("simulate --profile month --duration 5h", "whole days"),
        ("simulate --profile month --endless", "--endless"),
        ("simulate --profile month --breaches nonsense", "nonsense"),
    ] {
        let output = check(folder.path(), arguments, 3);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(named), "{arguments}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn kinds_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let listed = check(folder.path(), "evaluate --list-kinds", 0).stdout;
    assert_eq!(listed, check(folder.path(), "simulate --profile month --list-breaches", 0).stdout);
    let text = String::from_utf8(listed).unwrap();
    assert!(text.lines().count() >= 17 && text.contains("ramp-5 "), "{text}");
}
