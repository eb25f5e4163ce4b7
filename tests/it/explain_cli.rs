//! `explain` over files: every finding of the scenarios comes out again; one that does not says so.

use serde_json::{Value, json};

use crate::monitor::tidewaiter;
use crate::replayed::scenarios;

/// A scenario replayed into a folder of its own.
struct Replay(tempfile::TempDir);

impl Replay {
    fn of(scenario: &str) -> Self {
        let events = scenarios().join(scenario).join("events.ndjson");
        Self::made(&std::fs::read_to_string(events).unwrap(), None)
    }

    /// The same of events made up, with `rules` in place of those that ship.
    fn made(events: &str, rules: Option<&str>) -> Self {
        let replay = Self(tempfile::tempdir().unwrap());
        std::fs::write(replay.path("events.ndjson"), events).unwrap();
        for name in ["catalogue.toml", "directory.toml", "tidewaiter.toml"] {
            std::fs::copy(scenarios().join(name), replay.path(name)).unwrap();
        }
        let mut config = std::fs::read_to_string(replay.path("tidewaiter.toml")).unwrap();
        if let Some(rules) = rules {
            std::fs::create_dir(replay.path("rules")).unwrap();
            std::fs::write(replay.path("rules/own.yml"), rules).unwrap();
            config = config.replace("[data]\n", "[data]\nrules = \"rules\"\n");
        }
        config += "\n[privacy]\npseudonym_key = { file = \"key\" }\n";
        std::fs::write(replay.path("tidewaiter.toml"), config).unwrap();
        std::fs::write(replay.path("key"), "0123456789abcdef0123456789abcdef").unwrap();
        let config = replay.path("tidewaiter.toml");
        let (events, findings) = (replay.path("events.ndjson"), replay.path("findings.ndjson"));
        let output = tidewaiter([
            "replay".as_ref(),
            "-c".as_ref(),
            config.as_os_str(),
            "--findings".as_ref(),
            findings.as_os_str(),
            events.as_os_str(),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        replay
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn findings(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("findings.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What `explain` says of a finding, and how it ended.
    fn explain(&self, id: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let config = self.path("tidewaiter.toml");
        let (events, findings) = (self.path("events.ndjson"), self.path("findings.ndjson"));
        let fixed = ["explain".as_ref(), id.as_ref(), "-c".as_ref(), config.as_os_str()];
        let files = ["--findings".as_ref(), findings.as_os_str(), events.as_os_str()];
        let more = more.iter().map(AsRef::as_ref);
        let output = tidewaiter(fixed.into_iter().chain(files).chain(more));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn check_all(scenario: &str) {
    check_each(scenario, &Replay::of(scenario));
}

fn check_each(scenario: &str, replay: &Replay) {
    let findings = replay.findings();
    assert!(!findings.is_empty(), "{scenario}");
    for finding in findings {
        let (code, out, error) = replay.explain(finding["id"].as_str().unwrap(), &["--json"]);
        assert_eq!(code, Some(0), "{scenario}: {out}{error}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(told["again"], finding, "{scenario}");
        assert_eq!(told["differences"], json!([]), "{scenario}");
        let events = told["events"].as_array().unwrap();
        let ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
        assert_eq!(json!(ids), finding["evidence"], "{scenario}");
        for event in events {
            assert!(event["source"]["line"].is_u64(), "{scenario}: {event}");
            assert!(event["text"].is_string(), "{scenario}: {event}");
        }
    }
}

#[test]
fn every_finding_comes_out_again() {
    check_all("bulk_read_records");
    check_all("enumeration");
    check_all("canary");
    check_all("no_actor");
    check_all("outbound_bytes");
    check_all("rule_shipped");
    check_all("sensitive_identifier");
    check_all("dormant_system");
    check_all("same_person");
}

#[test]
fn what_waited_comes_out_again() {
    // Four reads within a minute and no fifth, told when none can come any more: the first hour's
    // amid others, with late ones between them, the last when there is nothing more.
    let rules = "title: Four reads\nid: four\ncorrelation: {type: event_count, rules: [read], group-by: [actor.id], timespan: 60s, condition: {eq: 4}}\n---\ntitle: Read\nid: read\nname: read\nlogsource: {product: tidewaiter, category: access}\ndetection: {s: {action: read}, condition: s}\n";
    let line = |second: u64, n: usize| {
        let (minute, second) = (second / 60, second % 60);
        let who = ["x", "y"][usize::from(n.is_multiple_of(3))];
        format!(
            r#"{{"kind":"access","id":"e{n}","time":"2026-03-02T09:{minute:02}:{second:02}Z","actor":{{"id":"{who}"}},"system":"s","action":"read","case":"C-1","records":1,"resource":{{"dataset":"cases","record":"r{n}"}}}}"#
        )
    };
    let lines = (0..360_usize).map(|n| {
        let late = [0, 0, 45, 0, 300, 0, 20][n % 7].min(n * 9);
        line((n * 9 + n * n % 11 - late.min(n * 9)) as u64, n)
    });
    let replay = Replay::made(&lines.collect::<Vec<_>>().join("\n"), Some(rules));
    let told = replay.findings();
    let of_rule = |finding: &&Value| finding["rule"] == json!("four");
    assert!(told.iter().filter(of_rule).count() > 10, "{told:?}");
    for finding in told.iter().filter(of_rule) {
        let named = finding["evidence"].as_array().unwrap().len();
        assert!((1..=20).contains(&named), "{finding}");
    }
    check_each("what waited", &replay);
}

#[test]
fn a_chain_comes_out_of_the_findings_it_is_made_of() {
    check_all("read_then_outflow");
    check_all("read_then_outflow_flows_arrive_first");
    check_all("factor_removed_then_read");
}

#[test]
fn the_text_sets_what_was_expected_against_what_was_seen() {
    let replay = Replay::of("bulk_read_records");
    let finding = replay.findings().remove(0);
    let id = finding["id"].as_str().unwrap();
    let (code, out, _) = replay.explain(&id[..8], &[]);
    assert_eq!(code, Some(0), "{out}");
    for words in [
        finding["why"].as_str().unwrap(),
        &format!("observed  {} records", finding["observed"].as_f64().unwrap()),
        &format!("expected  {} records", finding["expected"].as_f64().unwrap()),
        "events.ndjson:",
        "again     the same, bit by bit",
    ] {
        assert!(out.contains(words), "`{words}` is not in:\n{out}");
    }
}

#[test]
fn what_was_recorded_otherwise_is_1_and_named() {
    let replay = Replay::of("bulk_read_records");
    let mut finding = replay.findings().remove(0);
    finding["records"] = json!(7);
    let line = finding.to_string() + "\n";
    std::fs::write(replay.path("findings.ndjson"), line).unwrap();
    let (code, out, _) = replay.explain(finding["id"].as_str().unwrap(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("records: 7 was recorded, "), "{out}");
    assert!(!out.contains("score: "), "{out}");
}

#[test]
fn what_does_not_come_out_of_half_the_events_is_1() {
    let replay = Replay::of("bulk_read_records");
    let finding = replay.findings().remove(0);
    let events = std::fs::read_to_string(replay.path("events.ndjson")).unwrap();
    let trigger = finding["evidence"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let before = events.lines().take_while(|line| !line.contains(&format!("\"{trigger}\"")));
    let before: Vec<&str> = before.collect();
    std::fs::write(replay.path("events.ndjson"), before.join("\n")).unwrap();
    let (code, out, _) = replay.explain(finding["id"].as_str().unwrap(), &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("it does not come out of what was read"), "{out}");
    assert!(out.contains("not read"), "the trigger was not there: {out}");
}

#[test]
fn without_the_key_it_says_what_is_missing() {
    let replay = Replay::of("canary");
    let config = std::fs::read_to_string(replay.path("tidewaiter.toml")).unwrap();
    let config = config.replace("pseudonym_key = { file = \"key\" }", "");
    std::fs::write(replay.path("tidewaiter.toml"), config).unwrap();
    let (code, _, error) = replay.explain(replay.findings()[0]["id"].as_str().unwrap(), &[]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("no pseudonym key is configured or kept"), "{error}");
}

#[test]
fn a_finding_nobody_knows_is_4() {
    let replay = Replay::of("canary");
    let (code, _, error) = replay.explain("ffffffffffffffff", &[]);
    assert_eq!(code, Some(4), "{error}");
    assert!(error.contains("no finding `ffffffffffffffff` in "), "{error}");
}

#[test]
fn without_files_and_topics_it_says_what_it_needs() {
    let output = tidewaiter(["explain", "abc"]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("-c FILE with the topics"), "{error}");
}
