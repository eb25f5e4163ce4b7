//! AWS CloudTrail through Apache Kafka gives what `replay` gives on the same file.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::monitor::Monitor;
use crate::setup::{Setup, assert_same_findings, is_severe, titles};
use crate::stream::{Sent, SharedBroker};

/// How the records lie on the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Three partitions, keyed by who acts.
    Keyed,
    /// One partition, no keys.
    Unkeyed,
}

fn check(name: &str, file: &Path, layout: Layout) {
    let broker = SharedBroker::get();
    let partitions = if layout == Layout::Keyed { 3 } else { 1 };
    let setup = Setup::new(&broker.lock(), name, &[("access", partitions)]);
    // Findings of several partitions come in any order, and whom a busy address joins before it
    // counts as a gateway depends on it. Without gateways the grouping is the same in every order.
    let no_gateways = "[correlate]\ngateway_actors_min = 1000000\n";
    setup.configure(broker.lock().bootstrap(), "", no_gateways);
    let text = text(file);
    setup.stream.produce(&setup.input("access"), text.lines().map(|line| sent(line, layout)));
    let monitor = Monitor::start(&setup.config());
    setup.settled();
    monitor.stop_well();

    let replayed = setup.replay(&[file.to_owned()]);
    assert!(!replayed.findings.is_empty(), "a test without findings proves nothing");
    assert!(!replayed.incidents.is_empty(), "a test without incidents proves nothing");
    assert_eq!(replayed.summary["rejected"], 0);
    assert_same_findings(&setup.findings(), &replayed.findings);
    let opened = setup.opened();
    assert_eq!(titles(&opened), titles(&replayed.incidents));
    assert!(setup.stream.read_all(&setup.own("deadletter")).is_empty());
    check_alerts(&setup, &opened);
    println!(
        "{name}: {} records, {} findings, {} incidents, as replay",
        text.lines().count(),
        replayed.findings.len(),
        opened.len()
    );
}

/// The key a forwarder gives: who acts, or where from when nobody is named.
fn sent(line: &str, layout: Layout) -> Sent {
    let record: Value = serde_json::from_str(line).unwrap();
    let identity = &record["userIdentity"];
    let key = ["arn", "principalId", "invokedBy", "accountId"]
        .iter()
        .find_map(|field| identity[field].as_str())
        .or(record["sourceIPAddress"].as_str());
    let key = (layout == Layout::Keyed).then(|| key.unwrap_or("nobody").to_owned());
    (key, Some(line.as_bytes().to_vec()))
}

fn text(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let mut text = String::new();
    if file.extension().is_some_and(|ending| ending == "gz") {
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        text
    } else {
        String::from_utf8(bytes).unwrap()
    }
}

/// Every alert is a complete OCSF 1.8 finding, and every opened incident has been announced.
fn check_alerts(setup: &Setup, opened: &[Value]) {
    let alerts = setup.stream.json(&setup.own("alerts"));
    let findings = setup.findings();
    let mut announced = BTreeSet::new();
    let mut reported = BTreeSet::new();
    for alert in &alerts {
        let class = alert["class_uid"].as_u64().unwrap();
        let activity = alert["activity_id"].as_u64().unwrap();
        assert_eq!(alert["category_uid"], 2, "{alert}");
        assert_eq!(alert["type_uid"].as_u64(), Some(class * 100 + activity), "{alert}");
        assert!((1..=3).contains(&activity), "{alert}");
        assert!((0..=6).contains(&alert["severity_id"].as_u64().unwrap()), "{alert}");
        assert!(alert["time"].as_i64().unwrap() > 1_600_000_000_000, "not milliseconds: {alert}");
        assert_eq!(alert["metadata"]["version"], "1.8.0");
        let product = &alert["metadata"]["product"];
        assert!(product["name"].is_string() || product["uid"].is_string(), "{alert}");
        match class {
            2004 => {
                let uid = alert["finding_info"]["uid"].as_str().unwrap();
                assert!(findings.contains_key(uid), "an alert on finding {uid}, which is not told");
                let analytic = &alert["finding_info"]["analytic"];
                assert!(analytic["type_id"].is_u64() && analytic["name"].is_string(), "{alert}");
                assert!(!alert["evidences"].as_array().unwrap().is_empty(), "{alert}");
                for analysis in alert["anomaly_analyses"].as_array().into_iter().flatten() {
                    assert!(analysis["analysis_targets"][0]["name"].is_string(), "{alert}");
                    let anomaly = &analysis["anomalies"][0];
                    assert!(anomaly["observation_parameter"].is_string(), "{alert}");
                    assert!(anomaly["observations"][0]["value"].is_string(), "{alert}");
                }
                reported.insert(uid.to_owned());
            }
            2005 => {
                let infos = alert["finding_info_list"].as_array().unwrap();
                assert!(!infos.is_empty() && infos.iter().all(|i| i["uid"].is_string()), "{alert}");
                assert!((0..=5).contains(&alert["status_id"].as_u64().unwrap()), "{alert}");
                let assigned = &alert["assignee_group"];
                assert!(assigned["name"].is_string() || alert["assignee"].is_object(), "{alert}");
                if activity == 1 {
                    announced.insert(alert["metadata"]["correlation_uid"].clone().to_string());
                }
            }
            _ => panic!("an alert is OCSF 2004 or 2005: {alert}"),
        }
    }
    for incident in opened {
        let id = incident["id"].to_string();
        assert!(announced.contains(&id), "incident {id} was not announced");
    }
    for (id, finding) in &findings {
        assert_eq!(is_severe(finding), reported.contains(id), "{finding}");
    }
}

/// Real CloudTrail, where this machine has it.
fn real(file: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared/data", "../../shared/data"]
        .iter()
        .map(|place| root.join(place).join("cloudtrail").join(file))
        .find(|path| path.exists());
    if found.is_none() {
        println!("NOT CHECKED: ../shared/data/cloudtrail/{file} is not here");
    }
    found
}

#[test]
fn attack_tool_amid_terraform_as_replay() {
    if let Some(file) = real("invictus_stratus.raw.ndjson.gz") {
        check("invictus-keyed", &file, Layout::Keyed);
        check("invictus-unkeyed", &file, Layout::Unkeyed);
    }
}

#[test]
fn single_techniques_as_replay() {
    if let Some(file) = real("grimoire_stratus.raw.ndjson.gz") {
        check("grimoire-keyed", &file, Layout::Keyed);
        check("grimoire-unkeyed", &file, Layout::Unkeyed);
    }
}

/// Needs nothing but itself: an account that reads every secret and every parameter, one that is
/// refused again and again, and others at their work.
#[test]
fn generated_trail_as_replay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trail.ndjson");
    let mut trail: Vec<(i64, Value)> = Vec::new();
    for worker in 0..20 {
        for call in 0..60 {
            let second = i64::from(call * 60 + worker * 3);
            let key = format!("reports/{worker}/{call}.csv");
            let object = json!({"bucketName": "agency-reports", "key": key});
            trail.push((
                second,
                record(second, &format!("worker-{worker}"), "s3", "GetObject", object),
            ));
        }
    }
    for read in 0..400 {
        let second = 1_200 + read / 2;
        let secret = json!({"secretId": format!("agency/service-{read}")});
        trail.push((second, record(second, "intern", "secretsmanager", "GetSecretValue", secret)));
    }
    for attempt in 0..60 {
        let second = 2_000 + attempt * 4;
        let target = json!({"userName": format!("admin-{attempt}")});
        let mut refused = record(second, "contractor", "iam", "CreateAccessKey", target);
        refused["errorCode"] = json!("AccessDenied");
        trail.push((second, refused));
    }
    trail.sort_by_key(|(second, _)| *second);
    let text: Vec<String> = trail
        .into_iter()
        .enumerate()
        .map(|(number, (_, mut record))| {
            record["eventID"] = json!(format!("e-{number:06}"));
            record.to_string()
        })
        .collect();
    fs::write(&file, text.join("\n") + "\n").unwrap();
    check("trail-keyed", &file, Layout::Keyed);
    check("trail-unkeyed", &file, Layout::Unkeyed);
}

fn record(second: i64, user: &str, service: &str, call: &str, parameters: Value) -> Value {
    json!({
        "eventVersion": "1.08",
        "eventTime": format!("2026-03-02T{:02}:{:02}:{:02}Z", 9 + second / 3_600, second / 60 % 60, second % 60),
        "eventSource": format!("{service}.amazonaws.com"),
        "eventName": call,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": format!("10.20.{}.{}", user.len(), user.bytes().map(u32::from).sum::<u32>() % 250),
        "userIdentity": {
            "type": "IAMUser", "userName": user, "accountId": "111122223333",
            "arn": format!("arn:aws:iam::111122223333:user/{user}"), "principalId": format!("P-{user}"),
        },
        "requestParameters": parameters,
        "readOnly": true,
    })
}
