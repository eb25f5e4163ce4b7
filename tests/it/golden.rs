//! Wire formats, held by files in `tests/golden`, and hostile text in every one of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidewaiter::adapters::publish::{detection_finding, incident_finding};
use tidewaiter::engine::correlate::Notice;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::model::{Entry, Finding, Format, Incident, Source};
use tidewaiter::engine::shard::EvidenceRecord;
use tidewaiter::engine::timeline::export::{ExportFormat, write};
use tidewaiter::engine::timeline::{Line, fold, lines};

use crate::replayed::{Replayed, check_golden, config, replay_lines};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A login, reads of sensitive records, a flow out: every kind of entry there is.
fn story(actor: &str, host: &str) -> Replayed {
    let actor = Value::from(actor);
    let host = Value::from(host);
    let mut events = vec![format!(
        r#"{{"kind":"auth","id":"a-1","time":"2026-03-02T08:55:00Z","actor":{{"id":{actor}}},"session":"s-7f3a","source":{{"ip":"10.20.3.17","host":{host},"site":"AMS"}},"system":"sso","action":"login","mfa":true}}"#
    )];
    for i in 0..18 {
        events.push(format!(
            r#"{{"kind":"access","id":"r-{i}","time":"2026-03-02T09:{i:02}:00.250Z","actor":{{"id":{actor},"role":"border_officer","unit":"AMS-T2"}},"session":"s-7f3a","source":{{"ip":"10.20.3.17","host":{host},"site":"AMS"}},"system":"watch-gateway","action":"read","resource":{{"dataset":"watchlist","record":"W-{}","subject":"T-{i}"}},"bytes":1834,"case":"C-2026-0012"}}"#,
            i * 37
        ));
    }
    // A dozen within ten minutes is not yet a bulk read; the list is.
    events.push(format!(
        r#"{{"kind":"access","id":"l-1","time":"2026-03-02T09:18:00Z","actor":{{"id":{actor},"role":"border_officer"}},"session":"s-7f3a","source":{{"ip":"10.20.3.17","host":{host}}},"system":"watch-gateway","action":"search","resource":{{"dataset":"watchlist","subjects":["T-50","T-51","T-52","T-53","T-54","T-55","T-56","T-57","T-58","T-59"]}},"records":10,"bytes":18340,"case":"C-2026-0012"}}"#
    ));
    events.push(format!(
        r#"{{"kind":"network","id":"n-1","time":"2026-03-02T09:30:00Z","duration_ms":5230,"source":{{"ip":"10.20.3.17","host":{host},"port":51544}},"destination":{{"ip":"203.0.113.9","port":443,"host":"files.example.net"}},"protocol":"tcp","application":"tls","bytes_out":73400320,"bytes_in":91022,"packets_out":52000,"packets_in":1900}}"#
    ));
    replay_lines(&config(), &events)
}

fn plain() -> Replayed {
    story("off-10442", "ws-113")
}

/// Names as an attacker would choose them, where they can choose them.
const HOSTILE: [&str; 9] = [
    "=cmd|' /C calc'!A0",
    "+1+1\",\"=2+3",
    "@SUM(A1:A9)",
    "-2+3",
    "line one\nline two\r\n| a | b |",
    "<script>alert(1)</script> [x](javascript:alert(1)) `code` **bold**",
    "quote \" comma , semicolon ; apostrophe '",
    "Ünïcode 日本語 🛃 \u{202e}txt.exe",
    "\ttab first",
];

fn hostile() -> impl Iterator<Item = Replayed> {
    HOSTILE.into_iter().map(|name| story(name, name))
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// The incident with its whole story, each entry a line.
fn told(said: &Replayed) -> (&Incident, Vec<Line>) {
    let incident = said.incident();
    (incident, lines(said.story(incident)))
}

fn exported(format: ExportFormat, incident: &Incident, lines: &[Line]) -> String {
    let mut bytes = Vec::new();
    write(format, incident, &mut lines.iter().cloned().map(Ok), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Runs `tests/validators/check` over files of the folder; how it ended, and what it said.
fn look_at(folder: &Path, names: &[String]) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".cache/validators/bin/python");
    let checked = std::process::Command::new(&python)
        .arg(root.join("tests/validators/check"))
        .args(names)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup test", python.display()));
    (checked.status.success(), String::from_utf8_lossy(&checked.stderr).into_owned())
}

#[test]
fn stix_s_timesketch_s_and_ocsf_s_own_tools_accept_the_exports() {
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (number, said) in std::iter::once(plain()).chain(hostile()).enumerate() {
        let (incident, unfolded) = told(&said);
        let folded = fold(said.story(incident));
        for (way, lines) in [("lines", &unfolded), ("folds", &folded)] {
            for format in [ExportFormat::Stix, ExportFormat::Timesketch, ExportFormat::Ocsf] {
                let name = format!("{number}-{way}.{}", format.extension());
                std::fs::write(folder.path().join(&name), exported(format, incident, lines))
                    .unwrap();
                names.push(name);
            }
        }
    }
    names.extend(
        ["ocsf_2004.json", "ocsf_2005.json"].map(|name| golden(name).display().to_string()),
    );
    let (accepted, complaints) = look_at(folder.path(), &names);
    assert!(accepted, "{complaints}");

    // It would say so if they were not as they should be.
    for (name, good, bad, complaint) in [
        ("0-lines.stix.json", "\"first_observed\"", "\"first_seen_by\"", "first_observed"),
        ("0-lines.jsonl", "\"datetime\":\"2026", "\"datetime\":\"2025", "is not"),
        ("0-lines.ocsf.ndjson", "\"severity_id\":", "\"severity_id\":7", "severity_id"),
    ] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.contains(good), "{name}");
        let broken = format!("broken-{name}");
        std::fs::write(folder.path().join(&broken), text.replace(good, bad)).unwrap();
        let (accepted, complaints) = look_at(folder.path(), &[broken]);
        assert!(!accepted && complaints.contains(complaint), "{name}: {complaints}");
    }
}

#[test]
fn a_finding_keeps_its_shape() {
    let said = plain();
    let detectors: Vec<&str> = said.findings.iter().map(|f| f.detector.as_ref()).collect();
    assert_eq!(detectors, ["bulk_read", "outbound_bytes", "read_then_outflow"]);
    let text = pretty(&said.findings);
    check_golden(&golden("findings.json"), &text);
    let back: Vec<Finding> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, said.findings);
}

#[test]
fn an_incident_keeps_its_shape() {
    let said = plain();
    let text = pretty(said.incident());
    check_golden(&golden("incident.json"), &text);
    assert_eq!(&serde_json::from_str::<Incident>(&text).unwrap(), said.incident());
}

#[test]
fn evidence_keeps_its_shape() {
    let said = plain();
    let story = said.story(said.incident());
    let text = pretty(&story);
    check_golden(&golden("entries.json"), &text);
    assert_eq!(serde_json::from_str::<Vec<Entry>>(&text).unwrap(), story);
    let record = r#"{"progress":"2026-03-02T09:00:00.000Z"}"#;
    let read: EvidenceRecord = serde_json::from_str(record).unwrap();
    assert!(matches!(read, EvidenceRecord::Progress { .. }));
    assert_eq!(serde_json::to_string(&read).unwrap(), record);
    let record = r#"{"progress":"2026-03-02T09:00:00.000Z","reads":[{"hour":492849,"category":"travel","reads":12}]}"#;
    let read: EvidenceRecord = serde_json::from_str(record).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), record);
}

#[test]
fn timelines_keep_their_shapes() {
    let said = plain();
    let (incident, unfolded) = told(&said);
    for format in ExportFormat::ALL {
        let lines =
            if format.folds_by_default() { fold(said.story(incident)) } else { unfolded.clone() };
        let name = format!("timeline.{}", format.extension());
        let own_version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
        let text = exported(format, incident, &lines);
        check_golden(&golden(&name), &text.replace(&own_version, "\"version\":\"(this version)\""));
    }
}

/// Beyond what every class requires. Source: the OCSF schema, release 1.8.0.
fn required(class: u64) -> &'static [&'static str] {
    match class {
        6005 => &["actor", "src_endpoint", "database"],
        6001 => &["web_resources"],
        3002 => &["user", "service"],
        4001 => &["src_endpoint", "dst_endpoint"],
        2004 => &["finding_info"],
        2005 => &["finding_info_list", "status_id", "assignee_group"],
        other => panic!("class {other}"),
    }
}

#[test]
fn a_timeline_in_ocsf_has_what_its_classes_require_and_is_read_back_as_it_was() {
    let mut classes = BTreeSet::new();
    let mut decoder = Decoder::new(Expected::Only(Format::Ocsf));
    for said in std::iter::once(plain()).chain(hostile()) {
        let (incident, mut lines) = told(&said);
        let Some(read) = lines.iter().find(|line| line.entry.action == "read").cloned() else {
            panic!("nothing is read")
        };
        for action in ["export", "print", "unmask"] {
            lines.push(read.clone());
            lines.last_mut().unwrap().entry.action = action.to_owned();
        }
        let text = exported(ExportFormat::Ocsf, incident, &lines);
        let mut events =
            text.lines().map(|line| (line, serde_json::from_str::<Value>(line).unwrap()));
        let (_, head) = events.next().unwrap();
        assert_eq!(
            (&head["class_uid"], &head["message"]),
            (&2005.into(), &incident.title.as_str().into())
        );
        assert_eq!(events.clone().count(), lines.len());
        for ((text, event), line) in events.zip(&lines) {
            let n = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("no {key} in {text}"));
            let class = n("class_uid");
            classes.insert(class);
            assert_eq!(
                (n("category_uid"), n("type_uid")),
                (class / 1000, class * 100 + n("activity_id"))
            );
            assert!((1..=5).contains(&n("severity_id")) && n("time") > 0, "{text}");
            for key in required(class) {
                assert!(!event[key].is_null(), "no {key} in {text}");
            }
            if class / 1000 == 2 {
                continue;
            }
            let back = decoder.decode(text.as_bytes()).unwrap().unwrap();
            let entry = &line.entry;
            assert_eq!(back.time, entry.time);
            assert_eq!(back.action.name(), entry.action, "{text}");
            assert_eq!(back.source.ip.as_deref(), entry.source_ip.as_deref());
            if class == 4001 {
                assert_eq!(back.flow.unwrap().bytes_out, entry.bytes);
                continue;
            }
            assert_eq!(back.actor.id.as_deref(), entry.actor.as_deref());
            if class / 1000 == 6 {
                assert_eq!(back.resource.dataset.as_deref(), entry.dataset.as_deref());
                assert_eq!(
                    (back.records, back.resource.subjects.len()),
                    (entry.records, entry.tokens.len())
                );
            }
        }
    }
    assert_eq!(Vec::from_iter(classes), [2004, 2005, 3002, 4001, 6001, 6005]);
}

#[test]
fn alerts_keep_their_shapes() {
    let said = plain();
    let incident = said.incident();
    let findings: Vec<Value> =
        said.findings.iter().map(|finding| detection_finding(finding, &incident.id)).collect();
    let notices: Vec<Value> =
        said.notices.iter().map(|notice: &Notice| incident_finding(incident, notice)).collect();
    assert!(!notices.is_empty());
    let own_version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    let stable = |text: String| text.replace(&own_version, "\"version\": \"(this version)\"");
    check_golden(&golden("ocsf_2004.json"), &stable(pretty(&findings)));
    check_golden(&golden("ocsf_2005.json"), &stable(pretty(&notices)));
    for (alert, class) in
        findings.iter().map(|f| (f, 2004)).chain(notices.iter().map(|n| (n, 2005)))
    {
        let n = |key: &str| alert[key].as_u64().unwrap_or_else(|| panic!("no {key} in {alert}"));
        assert_eq!((n("class_uid"), n("category_uid")), (class, 2));
        assert_eq!(n("type_uid"), class * 100 + n("activity_id"));
        assert!((1..=5).contains(&n("severity_id")) && n("time") > 0);
        assert_eq!(alert["metadata"]["version"], "1.8.0");
    }
    assert!(findings.iter().all(|f| f["finding_info"]["uid"].is_string()));
    assert!(notices.iter().all(|n| n["finding_info_list"].is_array() && n["status_id"].is_u64()));
    assert!(notices.iter().all(|n| n["assignee_group"]["name"].is_string()));
}

/// A cell that a spreadsheet would run has an apostrophe in front, and the table has as many
/// cells in each row as it has names.
#[test]
fn csv_runs_nothing_and_parses() {
    for said in hostile() {
        let (incident, mut lines) = told(&said);
        for line in &mut lines {
            line.entry.outcome = "=1+1".to_owned();
            line.entry.source = Source::File { file: "=cmd.ndjson".to_owned(), line: 1 };
        }
        let text = exported(ExportFormat::Csv, incident, &lines);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().len();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), lines.len());
        let actor = incident.actors[0].as_str();
        let mut named = 0;
        for row in &rows {
            assert_eq!(row.len(), columns);
            for cell in row {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
            }
            named += usize::from(&row[5] == actor || row[5] == format!("'{actor}"));
        }
        assert!(named >= 18, "{named} rows name {actor:?}");
    }
}

/// No line break, bar, tag or link of a name gets through to the page's own structure.
#[test]
fn markdown_tables_stay_tables() {
    for said in hostile() {
        let (incident, lines) = told(&said);
        let text = exported(ExportFormat::Markdown, incident, &lines);
        let mut rows = 0;
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let bare = line.replace("\\\\", "").replace("\\|", "");
            let cells = bare.matches('|').count() - 1;
            assert!(matches!(cells, 2 | 5 | 6), "{cells} cells: {line}");
            rows += usize::from(cells == 6);
        }
        assert_eq!(rows, lines.len() + 2, "every entry is one row");
        let unescaped =
            text.replace("\\\\", "").replace("\\<", "").replace("\\[", "").replace("\\`", "");
        for mark in ["<", "[x", "`"] {
            assert!(!unescaped.contains(mark), "{mark} stands bare");
        }
    }
}

#[test]
fn json_stays_json_and_keeps_the_name() {
    for (name, said) in HOSTILE.into_iter().zip(hostile()) {
        let (incident, lines) = told(&said);
        assert_eq!(incident.actors, [name]);
        let whole: Value =
            serde_json::from_str(&exported(ExportFormat::Json, incident, &lines)).unwrap();
        assert_eq!(whole["incident"]["actors"][0], name);
        let sketch = exported(ExportFormat::Timesketch, incident, &lines);
        assert_eq!(sketch.lines().count(), lines.len());
        for line in sketch.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            for field in ["message", "datetime", "timestamp_desc"] {
                assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{line}");
            }
        }
        for finding in &said.findings {
            let alert = detection_finding(finding, &incident.id);
            let back: Value = serde_json::from_str(&alert.to_string()).unwrap();
            assert_eq!(alert, back);
        }
    }
}
