//! Logs nobody on this project wrote, labelled by others: `../shared/data` beside the checkout.
//! Where they are not at hand, each test says what it left unchecked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidewaiter::config::Config;
use tidewaiter::engine::decode::{Decoder, Expected};
use tidewaiter::engine::model::{Finding, Source};

use crate::replayed::{Replayed, replay_files, replay_lines, titles};

const ZEEK: [&str; 5] = [
    "zeek/rita_proxy_rolling_15h.log.gz",
    "zeek/rita_proxy_rolling_16h.log.gz",
    "zeek/slips_portscan_horizontal.json.log",
    "zeek/slips_portscan_vertical.json.log",
    "zeek/slips_test9_mixed.json.log",
];
const INVICTUS: &str = "cloudtrail/invictus_stratus.raw.ndjson.gz";
const GRIMOIRE: &str = "cloudtrail/grimoire_stratus.raw.ndjson.gz";

/// The file's path; says so where it is not there.
fn data(name: &str, unchecked: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["../shared/data", "../../shared/data"];
    let found = places.iter().map(|place| root.join(place).join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("NOT CHECKED, ../shared/data/{name} is not here: {unchecked}");
    }
    found
}

fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "gz") {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

fn replayed(path: &Path) -> Replayed {
    replay_files(&Config::default(), &[("log", path)])
}

#[test]
fn no_line_is_rejected_and_every_record_has_its_verdict() {
    for (name, records) in
        ZEEK.into_iter().zip([290, 7_260, 41, 50, 576]).chain([(INVICTUS, 2_900), (GRIMOIRE, 250)])
    {
        let Some(path) = data(name, "that no valid line is rejected") else { continue };
        let summary = replayed(&path).summary;
        assert_eq!((summary.records, summary.rejected), (records, 0), "{name}");
        assert_eq!(summary.scored + summary.late + summary.duplicate, records, "{name}");
    }
}

/// Published by others: 1,160 flows, 319,107 bytes, 595.7216 s.
#[test]
fn flow_and_byte_sums_are_the_published_ones() {
    let (mut flows, mut bytes, mut duration_ms) = (0, 0, 0);
    for name in &ZEEK[..2] {
        let Some(path) = data(name, "the flow and byte sums of zeek/labels.json") else { return };
        let text = text(&path);
        let mut decoder = Decoder::new(Expected::Auto);
        for line in text.lines() {
            let Some(event) = decoder.decode(line.as_bytes()).unwrap() else { continue };
            let flow = event.flow.as_ref().unwrap();
            let to = flow.destination.ip.as_deref();
            if (event.source_ip(), to) == (Some("10.0.0.238"), Some("75.75.75.75")) {
                flows += 1;
                bytes += flow.ip_bytes_out.unwrap_or(0) + flow.ip_bytes_in.unwrap_or(0);
                duration_ms += flow.duration_ms;
            }
        }
    }
    assert_eq!((flows, bytes), (1_160, 319_107));
    // Each flow is rounded to the millisecond.
    assert!(595_722_u64.abs_diff(duration_ms) <= 2, "{duration_ms} ms");
}

/// Downloads are nobody's exfiltration, and counters that cannot be true (gigabytes in a few
/// hundred bytes on the wire) are bounded before anything is judged by them.
#[test]
fn downloads_and_impossible_counters_raise_nothing() {
    for name in ZEEK {
        let Some(path) = data(name, "that ordinary flows raise no incident") else { continue };
        let said = replayed(&path);
        assert!(said.incidents.is_empty(), "{name}: {:?}", titles(&said.incidents));
        assert!(said.findings.is_empty(), "{name}: {}", said.findings[0].why);
    }
}

/// One CloudTrail file, its labels, and what the replay made of it.
struct Labelled {
    records: Vec<Value>,
    episodes: Vec<Value>,
    said: Replayed,
}

fn labelled(name: &str, key: &str) -> Option<Labelled> {
    let path = data(name, "which labelled episodes are seen")?;
    let labels = data("cloudtrail/labels.json", "which labelled episodes are seen")?;
    let labels: Value = serde_json::from_str(&text(&labels)).unwrap();
    let episodes = labels[key]["episodes"].as_array().unwrap().clone();
    let records = text(&path).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Some(Labelled { records, episodes, said: replayed(&path) })
}

impl Labelled {
    /// Whether the record that triggered the finding is one of the episode's. Terraform works at
    /// the same time under the same name from the same address: only here, where the answer is
    /// graded, may the user agent tell the two apart.
    fn is_of(&self, finding: &Finding, episode: &Value) -> bool {
        let Source::File { line, .. } = finding.source else { return false };
        let record = &self.records[line as usize - 1];
        let (time, actor) = (&record["eventTime"], &record["userIdentity"]["arn"]);
        let terraform = record["userAgent"].as_str().unwrap_or("").contains("Terraform");
        episode["actors"].as_array().unwrap().contains(actor)
            && episode["start"].as_str() <= time.as_str()
            && time.as_str() <= episode["end"].as_str()
            && terraform == (episode["id"] == "inv-tf")
    }

    /// What became of an episode: the detectors its own records set off; else whether an open
    /// incident on its actor holds it.
    fn outcome(&self, episode: &Value) -> String {
        let mine: BTreeSet<&str> = self
            .said
            .findings
            .iter()
            .filter(|finding| self.is_of(finding, episode))
            .map(|finding| finding.detector.as_ref())
            .collect();
        if !mine.is_empty() {
            return Vec::from_iter(mine).join(" ");
        }
        let actors = episode["actors"].as_array().unwrap();
        let held = self.said.incidents.iter().any(|incident| {
            incident.actors.iter().any(|actor| actors.iter().any(|a| a == actor))
                && incident.first_event.to_string().as_str()[..19]
                    <= episode["start"].as_str().unwrap()[..19]
                && incident.last_event.to_string().as_str()[..19]
                    >= episode["end"].as_str().unwrap()[..19]
        });
        if held { "held".into() } else { "-".into() }
    }

    /// `id: outcome` of the episodes that `choose` picks.
    fn table(&self, choose: impl Fn(&Value) -> bool) -> Vec<String> {
        let chosen = self.episodes.iter().filter(|episode| choose(episode));
        chosen.map(|e| format!("{}: {}", e["id"].as_str().unwrap(), self.outcome(e))).collect()
    }
}

fn is_burst(episode: &Value) -> bool {
    let expected = episode["expected_detection"].as_array().unwrap();
    episode["malicious"] == "true"
        && expected.iter().any(|d| d == "bulk_read" || d == "denied_burst")
}

/// Which bursts of secret reads and refusals are seen. `held`: nothing new was told, but the
/// incident already open on the actor has the episode's reads in its scope and timeline.
#[test]
fn every_burst_is_seen() {
    if let Some(invictus) = labelled(INVICTUS, "invictus") {
        assert_eq!(
            invictus.table(is_burst),
            ["inv-2: denied_burst rule", "inv-6: bulk_read", "inv-8: held", "inv-28: denied_burst",]
        );
    }
    if let Some(grimoire) = labelled(GRIMOIRE, "grimoire") {
        assert_eq!(
            grimoire.table(is_burst),
            [
                "gri-1: bulk_read",
                "gri-2: denied_burst rule",
                // Five requests by filter: how many secrets they brought is not in the log.
                "gri-3: rule",
                "gri-4: bulk_read",
                "gri-12: denied_burst",
            ]
        );
    }
}

/// Everything else the labels call malicious and that is not found by its own records.
#[test]
fn what_is_not_found_is_known() {
    let missed = |file: &Labelled| -> Vec<String> {
        let rows = file.table(|e| e["malicious"] == "true" && !is_burst(e));
        println!("{}", rows.join("\n"));
        rows.into_iter().filter(|row| row.ends_with(": -") || row.ends_with(": held")).collect()
    };
    if let Some(invictus) = labelled(INVICTUS, "invictus") {
        assert_eq!(missed(&invictus), MISSED_INVICTUS);
    }
    if let Some(grimoire) = labelled(GRIMOIRE, "grimoire") {
        assert_eq!(missed(&grimoire), MISSED_GRIMOIRE);
    }
}

/// Each is a repeat of a rule told within 10 min before (20, 22, 44, 64), a command to a machine
/// that does not exist (30) or a call no rule speaks of (68), by somebody with an open incident.
const MISSED_INVICTUS: [&str; 6] = [
    "inv-20: held",
    "inv-22: held",
    "inv-30: held",
    "inv-44: held",
    "inv-64: held",
    "inv-68: held",
];
/// Of calls of a language model no rule speaks; they are noted, at informational, since nobody had
/// called that service for 76 days.
const MISSED_GRIMOIRE: [&str; 0] = [];

/// Episodes the labels call false whose records set something off.
#[test]
fn what_is_wrongly_reported_is_known() {
    let wrong = |file: &Labelled| -> Vec<String> {
        let rows = file.table(|e| e["malicious"] == "false");
        rows.into_iter().filter(|r| !r.ends_with(": -") && !r.ends_with(": held")).collect()
    };
    if let Some(invictus) = labelled(INVICTUS, "invictus") {
        assert_eq!(wrong(&invictus), WRONG_INVICTUS);
        let of_terraform = invictus.episodes.iter().find(|e| e["id"] == "inv-tf").unwrap();
        let told: BTreeMap<&str, usize> =
            invictus.said.findings.iter().filter(|f| invictus.is_of(f, of_terraform)).fold(
                BTreeMap::new(),
                |mut counts, finding| {
                    *counts.entry(finding.detector.as_ref()).or_default() += 1;
                    counts
                },
            );
        println!("of inv-tf: {told:?}");
    }
    if let Some(grimoire) = labelled(GRIMOIRE, "grimoire") {
        assert_eq!(wrong(&grimoire), [""; 0]);
    }
}

/// Terraform refreshes its state with the attacker's own name and address, and reads the same
/// secrets at the same time: without the user agent nothing tells the two apart.
const WRONG_INVICTUS: [&str; 1] = ["inv-tf: bulk_read rule"];

/// The attack tool writes its name into the user agent. Whoever calls chooses it: with the same
/// word in every record, everything is found as before.
#[test]
fn nothing_rests_on_the_user_agent() {
    for name in [INVICTUS, GRIMOIRE] {
        let Some(path) = data(name, "that nothing rests on the user agent") else { continue };
        let mut changed = 0;
        let lines: Vec<String> = text(&path)
            .lines()
            .map(|line| {
                let mut record: Value = serde_json::from_str(line).unwrap();
                if let Some(agent) = record.get_mut("userAgent") {
                    *agent = Value::from("agent");
                    changed += 1;
                }
                record.to_string()
            })
            .collect();
        assert!(changed > 200, "{changed} records had a user agent");
        let (before, after) = (replayed(&path), replay_lines(&Config::default(), &lines));
        assert!(before.findings.len() >= 20);
        assert_eq!(before.finding_ids(), after.finding_ids(), "{name}");
    }
}
