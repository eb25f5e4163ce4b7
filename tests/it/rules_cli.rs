//! `rules` as a detection engineer meets it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A folder with the files named, each with its text.
fn desk(files: &[(&str, &str)]) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = desk.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    desk
}

fn tidewaiter(desk: &Path, arguments: &str, code: i32) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(arguments.split_whitespace())
        .current_dir(desk)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments}\n{told}");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const DENIED: &str = "title: Denied\nid: d1\nname: denied\nlevel: low\ndescription: d\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {errorCode: AccessDenied}, condition: s}\n";
const BURST: &str = "title: Burst\nid: c1\nlevel: high\ndescription: d\ncorrelation: {type: event_count, rules: [denied], group-by: [user], timespan: 1m, condition: {gte: 3}}\n";

fn record(id: &str, user: &str, time: &str) -> String {
    let event = json!({"eventSource": "s", "eventName": "n", "errorCode": "AccessDenied", "user": user, "eventTime": time});
    json!({"id": id, "product": "aws", "service": "cloudtrail", "categories": [], "event": event})
        .to_string()
}

#[test]
fn match_prints_what_matches_and_names_what_is_refused() {
    let bad = DENIED.replace("d1", "d2").replace("errorCode", "errorCode|nope");
    let other = DENIED.replace("d1", "d3").replace("service: cloudtrail", "service: other");
    let events = format!(
        "{}\n\n{{broken\n{}\n",
        record("e1", "ann", ""),
        r#"{"id":"e2","product":"aws","service":null,"categories":["x"],"event":{"errorCode":"AccessDenied"}}"#
    );
    let desk = desk(&[
        ("r/a/good.yml", DENIED),
        ("r/bad.yml", &bad),
        ("r/other.yml", &other),
        ("e.ndjson", &events),
        ("b/bad.yml", &bad),
    ]);
    let output = tidewaiter(desk.path(), "rules match --rules r --events e.ndjson", 0);
    assert_eq!(lines(&output), [json!({"event": "e1", "rules": ["d1"]})]);
    let told = stderr(&output);
    assert!(
        told.contains("r/bad.yml:7: rule `Denied`: `errorCode|nope`: unknown modifier"),
        "{told}"
    );
    assert!(told.contains("e.ndjson:3:") && told.contains("1 of 3 records"), "{told}");
    tidewaiter(desk.path(), "rules match --rules b --events e.ndjson", 2);
    tidewaiter(desk.path(), "rules match --rules r --events none.ndjson", 4);
}

#[test]
fn correlate_takes_events_in_order_of_time_and_each_once() {
    let rules = format!("{DENIED}---\n{BURST}");
    let at = |second: u32| format!("2026-03-02T09:00:{second:02}Z");
    let mut events = Vec::new();
    for (id, user, second) in [
        ("a", "ann", 1),
        ("b", "ann", 5),
        ("b", "ann", 5),
        ("x", "bob", 9),
        ("c", "ann", 30),
        ("d", "ann", 31),
    ] {
        events.push(record(id, user, &at(second)));
    }
    events.push(record("f", "ann", "2126-03-02T09:00:00Z"));
    let in_order = events.join("\n");
    events.reverse();
    let desk =
        desk(&[("r.yml", &rules), ("e.ndjson", &in_order), ("f.ndjson", &events.join("\n"))]);
    let expected = [
        json!({"rule": "c1", "title": "Burst", "group": {"user": "ann"}, "time": "2026-03-02T09:00:30.000Z", "value": 3}),
    ];
    for file in ["e.ndjson", "f.ndjson"] {
        let output =
            tidewaiter(desk.path(), &format!("rules correlate --rules r.yml --events {file}"), 0);
        assert_eq!(lines(&output), expected);
        assert!(stderr(&output).contains("1 of 7 records had been seen before"));
    }
}

#[test]
fn check_refuses_with_file_and_line_and_hints_at_slips() {
    let slip = "title: Slip\nid: s1\nlevel: low\ndescription: d\nlogsource: {product: tidewaiter, category: access}\ndetection:\n    s:\n        actor.roel: guard\n    condition: s\n";
    let wrong = BURST.replace("[denied]", "[deneid]");
    let desk = desk(&[
        ("r/slip.yml", slip),
        ("r/d.yml", DENIED),
        ("w/d.yml", DENIED),
        ("w/c.yml", &wrong),
    ]);
    let output = tidewaiter(desk.path(), "rules check r", 0);
    assert!(stdout(&output).contains("r/slip.yml:8: hint: rule `Slip`: field `actor.roel` is none of ours; did you mean `actor.role`?"), "{}", stdout(&output));
    tidewaiter(desk.path(), "rules check --strict r", 2);
    let told = stderr(&tidewaiter(desk.path(), "rules check w", 2));
    assert!(
        told.contains("w/c.yml:5: rule `Burst`: `deneid`: no rule loaded has this id or name"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_not_utf_8_and_a_folder_without_rules_are_bad_rules() {
    let desk =
        desk(&[("r/a.yml", DENIED), ("e.ndjson", &record("e1", "ann", "")), ("n/x.txt", "")]);
    std::fs::write(desk.path().join("r/b.yml"), b"title: t\n# caf\xe9\n").unwrap();
    let wanted = "r/b.yml:2: not valid YAML: not UTF-8";
    let told = stderr(&tidewaiter(desk.path(), "rules check r", 2));
    assert!(told.contains(wanted), "{told}");
    let output = tidewaiter(desk.path(), "rules match --rules r --events e.ndjson", 0);
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
    assert_eq!(lines(&output), [json!({"event": "e1", "rules": ["d1"]})]);
    for command in ["rules check n", "rules match --rules n --events e.ndjson"] {
        let told = stderr(&tidewaiter(desk.path(), command, 2));
        assert!(told.contains("there is no rule file in n"), "{told}");
    }
    std::fs::write(desk.path().join("r/a.tests.yml"), b"positive: caf\xe9\n").unwrap();
    std::fs::remove_file(desk.path().join("r/b.yml")).unwrap();
    let told = stderr(&tidewaiter(desk.path(), "rules test r", 2));
    assert!(told.contains("r/a.tests.yml"), "{told}");
}

/// As Kubernetes mounts them, with what an editor leaves, and with links that lead in circles.
#[test]
fn each_rule_file_is_read_once_whatever_links_lead_to_it() {
    let desk = desk(&[("r/..2026_11/a.yml", DENIED), ("r/b/c.yml", BURST)]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, desk.path().join(name)).unwrap();
    };
    link("..2026_11", "r/..data");
    link("..data/a.yml", "r/a.yml");
    link("nobody@nowhere", "r/.#a.yml");
    link(".", "r/again");
    link("..", "r/b/above");
    let told = stdout(&tidewaiter(desk.path(), "rules check r", 0));
    assert!(told.contains("detection rules: 1, correlations: 1, files: 2, hints: "), "{told}");
}

#[test]
fn test_runs_cases_and_sequences_and_fails_with_2() {
    let rules = format!("{DENIED}---\n{BURST}");
    let event = "{errorCode: AccessDenied, user: ann}";
    let good = format!(
        "positive:\n    - {{name: one, event: {event}}}\n    - name: three\n      events:\n          - {{at: 0s, event: {event}}}\n          - {{at: 20s, event: {event}, times: 2}}\n          - {{at: 1h, event: {event}, times: 3}}\n      fires: [{{at: 20s, group: {{user: ann}}, value: 3}}, {{at: 60m}}]\nnegative:\n    - {{name: none, event: {{errorCode: Other}}}}\n    - name: slow\n      events: [{{at: 0s, event: {event}}}, {{at: 61s, event: {event}, times: 2}}]\n"
    );
    let bad = good
        .replace("at: 20s, group", "at: 21s, group")
        .replace("errorCode: Other", "errorCode: accessdenied");
    let desk = desk(&[
        ("g/r.yml", &rules),
        ("g/r.tests.yml", &good),
        ("b/r.yml", &rules),
        ("b/r.tests.yml", &bad),
        ("t/r.yml", DENIED),
        ("t/r.tests.yml", "positive: [{name: x}]"),
    ]);
    let told = stdout(&tidewaiter(desk.path(), "rules test g/r.yml", 0));
    assert!(told.contains("4 cases, 0 failed"), "{told}");
    let told = stdout(&tidewaiter(desk.path(), "rules test b", 2));
    assert!(
        told.contains("three: fires otherwise than listed: at 20s with 3 for {user: ann}"),
        "{told}"
    );
    assert!(told.contains("none: matches and must not") && told.contains("2 failed"), "{told}");
    let told = stderr(&tidewaiter(desk.path(), "rules test t", 2));
    assert!(told.contains("t/r.tests.yml:1: `x`: must be `event` or `events`"), "{told}");
}

#[test]
fn the_shipped_rules_pass_check_and_test() {
    let desk = desk(&[]);
    let told = stdout(&tidewaiter(desk.path(), "rules check --strict", 0));
    assert!(told.contains(", hints: 0"), "{told}");
    let told = stdout(&tidewaiter(desk.path(), "rules test", 0));
    assert!(told.contains(" 0 failed, 0 rule files without tests"), "{told}");
    let listed = lines(&tidewaiter(desk.path(), "rules list --json", 0));
    assert!(listed.len() >= 50 && listed.iter().all(|rule| rule["id"].is_string()));
}

#[test]
fn backtest_says_how_often_and_names_nobody() {
    let rule = "title: Print\nid: p1\nlogsource: {product: tidewaiter, category: access}\ndetection: {s: {action: print}, condition: s}\n";
    let event = |id: u32, day: u32, actor: &str| {
        json!({"kind": "access", "id": format!("e{id}"), "time": format!("2026-03-{day:02}T09:00:00Z"), "actor": {"id": actor}, "system": "s", "action": "print", "resource": {"dataset": "pnr", "subject": "T1"}}).to_string()
    };
    let events: Vec<String> = [(1, 2, "off-1"), (2, 3, "off-1"), (3, 4, "off-2"), (4, 6, "off-2")]
        .map(|(id, day, actor)| event(id, day, actor))
        .to_vec();
    let desk = desk(&[("r.yml", rule), ("e.ndjson", &events.join("\n"))]);
    let output = tidewaiter(desk.path(), "rules backtest r.yml e.ndjson --json", 0);
    let found = &lines(&output)[0];
    assert_eq!(
        (&found["findings"], &found["keys"], &found["findings_per_day"]),
        (&json!(4), &json!(2), &json!(1.0))
    );
    assert!(!stdout(&output).contains("off-"));
    let output = tidewaiter(
        desk.path(),
        "rules backtest r.yml e.ndjson --from 2026-03-03T00:00:00Z --to 2026-03-05T00:00:00Z",
        0,
    );
    let said = stdout(&output);
    assert!(said.contains("findings  2 in 24 h (2.00 a day), on 2 keys"), "{said}");
    // An hour is no day, and says so.
    for (minutes, expected) in [
        (180, "findings  2 in 3 h (16.00 a day, were all of it like this), on 2 keys"),
        (20, "findings  2 in 20 min; that is too short to say how many a day, on 2 keys"),
    ] {
        let at = |id: u32, actor: &str, minute: u32| {
            let time = format!("2026-03-02T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60);
            json!({"kind": "access", "id": format!("f{id}"), "time": time, "actor": {"id": actor}, "system": "s", "action": "print", "resource": {"dataset": "pnr", "subject": "T1"}}).to_string()
        };
        let events = [at(1, "off-1", 0), at(2, "off-2", minutes)].join("\n");
        std::fs::write(desk.path().join("short.ndjson"), events).expect("it is written");
        let said = stdout(&tidewaiter(desk.path(), "rules backtest r.yml short.ndjson", 0));
        assert!(said.contains(expected), "{said}");
    }
    tidewaiter(desk.path(), "rules backtest e.ndjson e.ndjson", 2);
    let never = "--from 2026-03-05T00:00:00Z --to 2026-03-03T00:00:00Z";
    let output = tidewaiter(desk.path(), &format!("rules backtest r.yml e.ndjson {never}"), 3);
    assert!(stderr(&output).contains("must be before --to"), "{}", stderr(&output));
}

/// The data set's rules and records, where they are there.
#[test]
fn match_and_correlate_agree_with_the_recorded_data() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sigma");
    if !data.exists() {
        println!("{} is absent: nothing was compared", data.display());
        return;
    }
    let desk = desk(&[
        ("r/none", ""),
        ("c.toml", "[data]\nplaceholders = \"p.toml\"\n"),
        ("p.toml", "known_cdcs = [\"dc01.example.net\"]\n"),
    ]);
    let archive = data.join("rules.tar.gz");
    let tar =
        Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(desk.path().join("r")).status();
    assert!(tar.unwrap().success());
    let events = data.join("events.dev.ndjson.gz");
    let arguments = format!("rules match -c c.toml --rules r --events {}", events.display());
    let sorted = |value: &Value| {
        let ids = value["rules"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
        let mut ids: Vec<String> = ids.map(str::to_owned).collect();
        ids.sort();
        (value["event"].as_str().unwrap().to_owned(), ids)
    };
    let found: std::collections::BTreeMap<_, _> =
        lines(&tidewaiter(desk.path(), &arguments, 0)).iter().map(sorted).collect();
    let file = std::fs::File::open(data.join("expected_matches.dev.ndjson.gz")).unwrap();
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
    let expected = text.lines().map(|line| sorted(&serde_json::from_str(line).unwrap())).collect();
    assert_eq!(found, expected);
    let rules = data.join("correlation_rules.yml");
    let arguments =
        format!("rules correlate --rules {} --events {}", rules.display(), events.display());
    let fired = lines(&tidewaiter(desk.path(), &arguments, 0));
    println!("{} firings", fired.len());
    assert!(fired.iter().all(|firing| firing["group"]["userIdentity.arn"].is_string()));
}

/// `rules list | head`: the reader goes, and that is no failure.
#[test]
fn a_reader_who_stops_listening_is_no_failure() {
    let mut listing = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["rules", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(listing.stdout.take());
    let ended = listing.wait_with_output().unwrap();
    assert_eq!(stderr(&ended), "");
    assert_eq!(ended.status.code(), Some(0));
}
