//! `replay` and `simulate` as a person meets them: exit codes, streams, files, and nothing personal.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder to work in, with a few files of the scenarios in it.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for name in ["catalogue.toml", "directory.toml", "tidewaiter.toml"] {
            let text = std::fs::read_to_string(crate::replayed::scenarios().join(name)).unwrap();
            desk.file(name, text.as_bytes());
        }
        desk
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn tidewaiter(&self, arguments: &str, stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read its input.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap()
    }

    /// Runs, and holds the exit code.
    fn check(&self, arguments: &str, code: i32) -> Output {
        let output = self.tidewaiter(arguments, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{stderr}");
        output
    }
}

fn scenario(name: &str) -> Vec<u8> {
    std::fs::read(crate::replayed::scenarios().join(name).join("events.ndjson")).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn values(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

const GOOD: &[u8] =
    b"{\"kind\":\"access\",\"time\":1772442000000,\"actor\":{\"id\":\"a\"},\"action\":\"read\"}\n";

#[test]
fn fine_is_0_also_with_findings() {
    let desk = Desk::new();
    desk.file("events", &scenario("canary"));
    let output = desk.check("replay -c tidewaiter.toml events", 0);
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("canary 3"), "{}", text(&output.stderr));
}

#[test]
fn findings_of_the_asked_severity_are_1() {
    let desk = Desk::new();
    desk.file("canary", &scenario("canary"));
    desk.file("leaver", &scenario("leaver_refused"));
    desk.check("replay -c tidewaiter.toml --fail-on critical canary", 1);
    desk.check("replay -c tidewaiter.toml --fail-on low canary", 1);
    desk.check("replay -c tidewaiter.toml --fail-on low leaver", 1);
    desk.check("replay -c tidewaiter.toml --fail-on medium leaver", 0);
}

#[test]
fn a_bad_rule_is_2_and_is_named() {
    let desk = Desk::new();
    desk.file("events", GOOD);
    std::fs::create_dir(desk.0.path().join("rules")).unwrap();
    desk.file("rules/broken.yml", b"title: Broken\nlogsource: {product: tidewaiter}\ndetection:\n  a: {b: c}\n  condition: nothing\n");
    desk.file("with_rules.toml", b"[data]\nrules = \"rules\"\n");
    let output = desk.check("replay -c with_rules.toml events", 2);
    assert!(text(&output.stderr).contains("broken.yml"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("nothing"), "{}", text(&output.stderr));
}

#[test]
fn a_bad_configuration_is_3_with_all_its_mistakes() {
    let desk = Desk::new();
    desk.file("events", GOOD);
    desk.file(
        "bad.toml",
        b"[correlate]\nquiet_gap_s = 0\n[detect.no_case]\nday_reads_max = -1\n[http]\nlisten = \"here\"\ncolour = 1\n",
    );
    let stderr = text(&desk.check("replay -c bad.toml events", 3).stderr);
    for key in
        ["correlate.quiet_gap_s", "detect.no_case.day_reads_max", "http.listen", "http.colour"]
    {
        assert!(stderr.contains(key), "{key} is not named:\n{stderr}");
    }
    desk.file("bad.catalogue", b"[[dataset]]\nname=\"pnr\"\ncategory=\"travel\"\ntier=9\n");
    desk.file("named.toml", b"[data]\ncatalogue = \"bad.catalogue\"\n");
    desk.check("replay -c named.toml events", 3);
    desk.check("replay -c missing.toml events", 3);
}

#[test]
fn wrong_arguments_are_3() {
    let desk = Desk::new();
    desk.file("events", GOOD);
    for arguments in [
        "replay",
        "replay --no-such-flag events",
        "replay --format xml events",
        "replay --fail-on dreadful events",
        "replay --budget 0 events",
        "replay --budget -3 events",
        "replay --budget many events",
        "dance",
    ] {
        let output = desk.check(arguments, 3);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments}");
    }
}

#[test]
fn what_cannot_be_read_is_4() {
    let desk = Desk::new();
    desk.file("rubbish", b"this is no record\n{\"kind\":\"weather\"}\n");
    desk.file("good", GOOD);
    let output = desk.check("replay rubbish", 4);
    assert!(text(&output.stderr).contains("2 rejected"), "{}", text(&output.stderr));
    let output = desk.check("replay missing", 4);
    assert!(text(&output.stderr).contains("missing"), "{}", text(&output.stderr));
    desk.check("replay rubbish good", 0);
    desk.file("torn.gz", b"\x1f\x8b\x08\x00 torn");
    desk.check("replay torn.gz", 4);
}

#[test]
fn the_summary_has_the_contract_s_keys_and_balances() {
    let desk = Desk::new();
    let mut events = scenario("canary");
    let again = events.split_inclusive(|b| *b == b'\n').next().unwrap().to_vec();
    events.extend(again);
    events.extend(b"{\"kind\":\"access\"}\nnot json\n\n");
    desk.file("events", &events);
    let output = desk.check("replay -c tidewaiter.toml --summary - events", 0);
    let summaries = values(&text(&output.stdout));
    let [summary] = summaries.as_slice() else { panic!("{}", text(&output.stdout)) };
    let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let contract = [
        "records",
        "scored",
        "late",
        "duplicate",
        "rejected",
        "rejected_by_reason",
        "findings_by_detector",
        "incidents_by_severity",
        "seconds",
        "events_per_second",
        "peak_rss_bytes",
    ];
    assert_eq!(BTreeSet::from_iter(keys), BTreeSet::from(contract));
    let n = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!(n("records"), n("scored") + n("late") + n("duplicate") + n("rejected"));
    assert_eq!((n("duplicate"), n("rejected")), (1, 2));
    let reasons = summary["rejected_by_reason"].as_object().unwrap();
    assert_eq!(reasons.values().filter_map(Value::as_u64).sum::<u64>(), 2, "{reasons:?}");
    assert_eq!(summary["findings_by_detector"]["canary"], 3);
    assert!(summary["seconds"].as_f64().unwrap() > 0.0 && n("peak_rss_bytes") > 1 << 20);
}

#[test]
fn findings_and_incidents_are_lines_of_json_and_nothing_else() {
    let desk = Desk::new();
    desk.file("events", &scenario("read_then_outflow"));
    let output = desk.check("replay -c tidewaiter.toml --findings - --incidents i events", 0);
    let findings = values(&text(&output.stdout));
    assert!(findings.len() > 5 && findings.iter().all(|f| f["detector"].is_string()));
    let incidents = values(&desk.read("i"));
    assert!(incidents.iter().all(|i| i["score_terms"].is_array()) && !incidents.is_empty());
    let output = desk.check("replay -c tidewaiter.toml --findings f --incidents - events", 0);
    assert_eq!(values(&text(&output.stdout)), incidents);
    assert_eq!(values(&desk.read("f")), findings);
}

#[test]
fn packed_files_and_stdin_are_read_like_plain_ones() {
    let desk = Desk::new();
    let events = scenario("canary");
    desk.file("events", &events);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&events).unwrap();
    desk.file("events.gz", &gz.finish().unwrap());
    desk.file("events.zst", &zstd::encode_all(events.as_slice(), 1).unwrap());
    // Ids of findings on subjects rest on the pseudonym key, which is each run's own on standard input.
    let ids = |output: Output| -> Vec<String> {
        assert_eq!(output.status.code(), Some(0));
        let of = |v: &Value| format!("{} {}", v["detector"], v["time"]);
        values(&text(&output.stdout)).iter().map(of).collect()
    };
    let base = "replay -c tidewaiter.toml --findings -";
    let plain = ids(desk.tidewaiter(&format!("{base} events"), b""));
    assert_eq!(plain.len(), 3);
    assert_eq!(plain, ids(desk.tidewaiter(&format!("{base} events.gz"), b"")));
    assert_eq!(plain, ids(desk.tidewaiter(&format!("{base} events.zst"), b"")));
    assert_eq!(plain, ids(desk.tidewaiter(&format!("{base} -"), &events)));
}

/// Without a key being configured one follows from the files, so that tokens are the same too.
#[test]
fn the_same_files_give_the_same_byte_for_byte() {
    let desk = Desk::new();
    let events = scenario("canary");
    desk.file("events", &events);
    desk.file("events.zst", &zstd::encode_all(events.as_slice(), 1).unwrap());
    let told = |file: &str| {
        let output = desk.check(
            &format!("replay -c tidewaiter.toml --findings - --incidents incidents {file}"),
            0,
        );
        let (findings, incidents) = (text(&output.stdout), desk.read("incidents"));
        assert!(findings.contains("subject"), "{findings}");
        (findings.replace(file, "events"), incidents.replace(file, "events"))
    };
    let first = told("events");
    assert_eq!(told("events"), first);
    assert_eq!(told("events.zst"), first);
}

#[test]
fn of_a_file_cut_short_what_is_there_is_judged_and_the_rest_is_counted() {
    let desk = Desk::new();
    let events = scenario("bulk_read_subjects");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gz.write_all(&events).unwrap();
    let packed = gz.finish().unwrap();
    desk.file("torn.gz", &packed[..packed.len() / 2]);
    desk.file("canary.ndjson", &scenario("canary"));
    for files in ["torn.gz", "torn.gz canary.ndjson"] {
        let output =
            desk.check(&format!("replay -c tidewaiter.toml --summary summary.json {files}"), 0);
        let said = text(&output.stderr);
        assert!(said.contains("cannot read torn.gz after line"), "{said}");
        let summary = &values(&desk.read("summary.json"))[0];
        assert_eq!(summary["rejected_by_reason"], serde_json::json!({"unreadable": 1}));
        let whole = text(&events).lines().count() as u64;
        let records = summary["records"].as_u64().unwrap();
        assert!((10..whole).contains(&records), "{records} of {whole}");
        assert_eq!(summary["scored"].as_u64().unwrap() + 1, records);
        assert_eq!(summary["findings_by_detector"]["canary"].is_null(), files == "torn.gz");
    }
}

#[test]
fn several_files_are_one_in_time() {
    let desk = Desk::new();
    // In either order of naming the read comes before the outflow: the chain needs both.
    let all = text(&scenario("read_then_outflow"));
    let part = |network: bool| -> String {
        let mine = all.lines().filter(|l| l.contains("\"kind\":\"network\"") == network);
        mine.map(|line| format!("{line}\n")).collect()
    };
    desk.file("access", part(false).as_bytes());
    desk.file("network", part(true).as_bytes());
    for order in ["access network", "network access"] {
        let arguments =
            format!("replay -c tidewaiter.toml --budget 2.5 --summary - --format native {order}");
        let summary = &values(&text(&desk.check(&arguments, 0).stdout))[0];
        assert_eq!(summary["findings_by_detector"]["read_then_outflow"], 1, "{order}");
        assert_eq!(summary["late"], 0);
    }
}

/// Raw subject and record identifiers may be in no output, not even where records are refused.
#[test]
fn no_subject_identifier_leaves_the_engine() {
    let desk = Desk::new();
    desk.check(
        "simulate --actors 60 --duration 1h --seed 3 --out events --catalogue cat.toml --directory dir.toml",
        0,
    );
    desk.file("sim.toml", b"[data]\ncatalogue = \"cat.toml\"\ndirectory = \"dir.toml\"\n");
    let mut events = desk.read("events");
    // Some of them broken, so that refusals speak too.
    let broken: String =
        events.lines().take(50).map(|line| line.replace("\"time\"", "\"tiem\"") + "\n").collect();
    events += &broken;
    desk.file("events", events.as_bytes());
    let output = desk.check("replay -c sim.toml --findings f --incidents i --summary s events", 0);
    let said: String = [
        desk.read("f"),
        desk.read("i"),
        desk.read("s"),
        text(&output.stdout),
        text(&output.stderr),
    ]
    .concat();
    assert!(values(&desk.read("f")).len() >= 10 && values(&desk.read("i")).len() >= 3);
    let mut identifiers = BTreeSet::new();
    for event in events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let resource = &event["resource"];
        let many = resource["subjects"].as_array().into_iter().flatten();
        let all = many.chain([&resource["subject"], &resource["record"], &event["case"]]);
        identifiers.extend(all.filter_map(Value::as_str).map(str::to_owned));
    }
    assert!(identifiers.len() > 500, "{}", identifiers.len());
    let words: BTreeSet<&str> =
        said.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).collect();
    let leaked: Vec<&String> =
        identifiers.iter().filter(|id| words.contains(id.as_str())).take(5).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
}

#[test]
fn a_seed_gives_the_same_agency_every_time() {
    let desk = Desk::new();
    let simulate = |seed: u32, name: &str| {
        desk.check(
            &format!("simulate --actors 60 --duration 1h --seed {seed} --breaches bulk-dump,canary-touch --out {name} --truth {name}.truth"),
            0,
        );
        (desk.read(name), desk.read(&format!("{name}.truth")))
    };
    let (first, again, other) = (simulate(3, "a"), simulate(3, "b"), simulate(4, "c"));
    assert!(first == again && first.0 != other.0);
    let truth: Vec<Value> = serde_json::from_str(&first.1).unwrap();
    let kinds: Vec<&str> = truth.iter().map(|b| b["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["bulk-dump", "canary-touch"]);
    for breach in &truth {
        let actor = breach["actors"][0].as_str().unwrap();
        let (from, to) = (breach["start"].as_str().unwrap(), breach["end"].as_str().unwrap());
        assert!(from < to && breach["events"].as_u64() > Some(0), "{breach}");
        assert!(first.0.lines().any(|line| line.contains(actor) && line.contains(from)));
    }
    let piped = desk
        .check("simulate --actors 60 --duration 1h --seed 3 --breaches bulk-dump,canary-touch", 0);
    assert_eq!(text(&piped.stdout), first.0);
    desk.check("simulate --breaches nonsense", 3);
    desk.check("simulate --duration never", 3);
}

#[test]
fn findings_name_the_file_as_it_was_given() {
    let desk = Desk::new();
    desk.file("events", &scenario("canary"));
    let output = desk.check("replay -c tidewaiter.toml --findings - ./events", 0);
    let finding = &values(&text(&output.stdout))[0];
    let file = finding["source"]["file"].as_str().unwrap();
    assert_eq!(Path::new(file), Path::new("./events"));
    assert!(finding["source"]["line"].as_u64() > Some(0));
}

/// An output that cannot be written is said by its path, before anything is done.
#[test]
fn an_output_that_cannot_be_written_is_3_at_once() {
    let desk = Desk::new();
    desk.file("events", GOOD);
    for output in ["findings", "incidents", "summary"] {
        let said = desk.check(&format!("replay --{output} nowhere/out events"), 3);
        let stderr = text(&said.stderr);
        assert!(stderr.contains("cannot write nowhere/out"), "{stderr}");
        assert!(!stderr.contains("records "), "it worked before it said so: {stderr}");
    }
    // Two outputs may go nowhere, but not into one file.
    desk.check("replay --findings /dev/null --incidents /dev/null events", 0);
    let said = desk.check("replay --findings both --incidents both events", 3);
    assert!(text(&said.stderr).contains("both is read or written already"));
    for output in ["out", "truth", "catalogue", "directory"] {
        let said = desk.check(&format!("simulate --duration 30m --{output} nowhere/out"), 3);
        let stderr = text(&said.stderr);
        assert!(stderr.contains("cannot write nowhere/out"), "{stderr}");
        assert!(said.stdout.is_empty(), "it worked before it said so");
    }
}

/// Who reads may leave: `| head`.
#[test]
fn a_reader_that_leaves_ends_simulate_quietly() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewaiter"))
        .args(["simulate", "--rate", "200", "--actors", "100", "--out", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    assert!(first.starts_with('{'), "{first}");
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.is_empty(), "{}", text(&ended.stderr));
}

#[test]
fn simulate_starts_now_where_told_so() {
    let desk = Desk::new();
    let before = jiff::Timestamp::now().as_second();
    let said = desk.check("simulate --start now --duration 30m --actors 50 --access-only", 0);
    let events = values(&text(&said.stdout));
    let time: jiff::Timestamp = events[0]["time"].as_str().unwrap().parse().unwrap();
    assert!((before..before + 1_860).contains(&time.as_second()), "{time}");
    let said = desk.check("simulate --start soon", 3);
    assert!(text(&said.stderr).contains("now"), "{}", text(&said.stderr));
}

#[test]
fn the_summary_s_speed_is_a_number_one_can_read() {
    let desk = Desk::new();
    desk.file("events", GOOD);
    let said = desk.check("replay --summary - events", 0);
    let per_second = values(&text(&said.stdout))[0]["events_per_second"].to_string();
    let decimals = per_second.split('.').nth(1).unwrap_or_default();
    assert!(decimals.len() <= 1, "{per_second}");
}
