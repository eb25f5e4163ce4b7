//! OCSF 1.8.0: 2004 Detection Finding for a finding, 2005 Incident Finding for an incident.
//! Source: the OCSF schema, release 1.8.0.

use serde_json::{Value, json};

use crate::engine::correlate::{Notice, NoticeKind};
use crate::engine::model::{Finding, IdHasher, Incident, Severity};
use crate::engine::timeline::export::ocsf::{attacks, endpoint, incident_event, metadata};

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
    let mut event = incident_event(incident, u32::from(activity), &uid, notice.time);
    event["unmapped"]["kind"] = json!(notice.kind.name());
    event
}

/// `type_id` 1 for a rule, 2 (behavioural) for everything else.
fn analytic(finding: &Finding) -> Value {
    match &finding.rule {
        Some(rule) => json!({"type_id": 1, "uid": rule, "name": finding.detector}),
        None => json!({"type_id": 2, "uid": finding.detector, "name": finding.detector}),
    }
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
