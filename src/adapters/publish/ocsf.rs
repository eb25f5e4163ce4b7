//! OCSF 1.8.0: 2004 Detection Finding for a finding, 2005 Incident Finding for an incident.
//! Source: the OCSF schema, release 1.8.0.

use serde_json::{Value, json};

use crate::engine::correlate::{Notice, NoticeKind};
use crate::engine::model::{Finding, IdHasher, Incident, Severity};

const VERSION: &str = "1.8.0";
const ATTACK_VERSION: &str = "18.1";
const CATEGORY_FINDINGS: u32 = 2;

/// Class 2004: one finding, with its evidence and what was expected.
pub fn detection_finding(finding: &Finding, incident: &str) -> Value {
    const CLASS: u32 = 2004;
    const CREATE: u32 = 1;
    let actor = finding.actor.as_ref().map(|id| json!({"user": {"uid": id}}));
    let source = finding.source_ip.as_ref().map(|ip| endpoint(ip));
    let mut evidence = json!({
        "data": {
            "dataset": finding.dataset, "category": finding.category, "tier": finding.tier,
            "records": finding.records, "subjects": finding.subjects, "bytes": finding.bytes,
            "events": finding.evidence, "source": finding.source,
        }
    });
    put(&mut evidence, "actor", actor);
    put(&mut evidence, "src_endpoint", source);
    json!({
        "activity_id": CREATE, "category_uid": CATEGORY_FINDINGS, "class_uid": CLASS,
        "type_uid": CLASS * 100 + CREATE, "time": finding.time.millis(),
        "severity_id": finding.severity.ocsf_id(), "status_id": 1, "is_alert": true,
        "message": finding.why, "confidence_score": finding.score,
        "risk_score": finding.score, "risk_level_id": risk_level(finding.severity),
        "metadata": metadata(&finding.id, Some(incident)),
        "finding_info": {
            "uid": finding.id, "title": finding.detector, "desc": finding.why,
            "analytic": analytic(finding), "attacks": attacks(finding.attack.iter().map(AsRef::as_ref)),
            "created_time": finding.time.millis(),
            "first_seen_time": finding.window.start.millis(),
            "last_seen_time": finding.window.end.millis(),
        },
        "evidences": [evidence],
        "anomaly_analyses": [{
            "analysis_targets": [{"name": finding.key.value, "type": finding.key.kind.name()}],
            "anomalies": [{
                "observation_parameter": finding.unit,
                "observations": [{"value": finding.observed.to_string()}],
            }],
            "baselines": [{
                "observation_parameter": finding.unit,
                "observations": [{"value": finding.expected.to_string()}],
            }],
        }],
    })
}

/// Class 2005: an incident opened, grew worse or went quiet.
pub fn incident_finding(incident: &Incident, notice: &Notice) -> Value {
    const CLASS: u32 = 2005;
    let activity = match notice.kind {
        NoticeKind::Opened => 1,
        NoticeKind::SeverityRaised | NoticeKind::Quiet => 2,
    };
    let uid = IdHasher::new("alert")
        .part(incident.id.as_bytes())
        .part(&[activity])
        .part(notice.severity.name().as_bytes())
        .part(&notice.time.millis().to_le_bytes())
        .finish();
    let observables: Vec<Value> = incident
        .actors
        .iter()
        .map(|actor| json!({"name": "actor.user.uid", "type_id": 31, "value": actor}))
        .chain(
            incident
                .sources
                .iter()
                .map(|ip| json!({"name": "src_endpoint.ip", "type_id": 2, "value": ip})),
        )
        .take(100)
        .collect();
    json!({
        "activity_id": activity, "category_uid": CATEGORY_FINDINGS, "class_uid": CLASS,
        "type_uid": CLASS * 100 + u32::from(activity), "time": notice.time.millis(),
        "severity_id": incident.severity.ocsf_id(), "status_id": 1,
        "message": incident.title, "desc": incident.why,
        "is_suspected_breach": incident.severity >= Severity::High && incident.subjects > 0,
        "assignee_group": {"name": "security operations"},
        "start_time": incident.first_event.millis(), "end_time": incident.last_event.millis(),
        "metadata": metadata(&uid, Some(&incident.id)),
        "finding_info_list": incident.findings.iter().take(1_000)
            .map(|id| json!({"uid": id, "title": incident.title})).collect::<Vec<_>>(),
        "attacks": attacks(incident.attack.iter().map(String::as_str)),
        "observables": observables,
        "unmapped": {
            "incident": incident.id, "score": incident.score, "status": incident.status,
            "subjects": incident.subjects, "records": incident.records, "bytes": incident.bytes,
            "datasets": incident.datasets, "opened": incident.opened, "kind": notice.kind.name(),
        },
    })
}

fn metadata(uid: &str, correlation: Option<&str>) -> Value {
    json!({
        "uid": uid, "version": VERSION, "correlation_uid": correlation,
        "product": {
            "name": "Tidewaiter", "vendor_name": "Tidewaiter", "version": env!("CARGO_PKG_VERSION"),
        },
    })
}

/// `type_id` 1 for a rule, 2 (behavioural) for everything else.
fn analytic(finding: &Finding) -> Value {
    match &finding.rule {
        Some(rule) => json!({"type_id": 1, "uid": rule, "name": finding.detector}),
        None => json!({"type_id": 2, "uid": finding.detector, "name": finding.detector}),
    }
}

fn attacks<'a>(techniques: impl Iterator<Item = &'a str>) -> Vec<Value> {
    techniques
        .map(|id| match id.split_once('.') {
            Some((technique, _)) => json!({
                "technique": {"uid": technique}, "sub_technique": {"uid": id}, "version": ATTACK_VERSION,
            }),
            None => json!({"technique": {"uid": id}, "version": ATTACK_VERSION}),
        })
        .collect()
}

/// `ip` only where it is one: logs carry addresses that are not.
fn endpoint(ip: &str) -> Value {
    if ip.parse::<std::net::IpAddr>().is_ok() { json!({"ip": ip}) } else { json!({"name": ip}) }
}

fn put(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(map), Some(value)) = (object.as_object_mut(), value) {
        map.insert(key.to_owned(), value);
    }
}

/// OCSF `risk_level_id`: 0 is Info, so it lies one below `severity_id`.
fn risk_level(severity: Severity) -> u8 {
    severity.ocsf_id() - 1
}
