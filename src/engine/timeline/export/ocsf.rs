//! OCSF 1.8.0, one event a line: the incident as it stands (2005), then its story, each entry in the
//! class its source would have told it in: 6005 and 6001 for accesses, 3002 for logins, 4001 for
//! flows, 2004 for findings, 2005 for what the incident came to and what people did.
//! Source: the OCSF schema, release 1.8.0.

use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::{Value, json};

use super::Lines;
use crate::engine::model::{Entry, EntryKind, EventTime, Incident, Severity};
use crate::engine::timeline::Line;

const VERSION: &str = "1.8.0";
const ATTACK_VERSION: &str = "18.1";
const CATEGORY_FINDINGS: u32 = 2;
/// Class 2005.
const INCIDENT_FINDING: u32 = 2005;
/// What an incident finding's `activity_id` says.
const UPDATE: u32 = 2;
/// Findings and observables named in one event.
const FINDINGS_MAX: usize = 1_000;
const OBSERVABLES_MAX: usize = 100;

pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    put(&incident_event(incident, UPDATE, &incident.id, incident.updated), to)?;
    for line in lines {
        put(&event(incident, &line?), to)?;
    }
    Ok(())
}

fn put(event: &Value, to: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, event)?;
    to.write_all(b"\n")
}

/// Class 2005: the incident as it stands, told at `time` under the name `uid`.
pub fn incident_event(incident: &Incident, activity: u32, uid: &str, time: EventTime) -> Value {
    let actors = incident
        .actors
        .iter()
        .map(|actor| json!({"name": "actor.user.uid", "type_id": 31, "value": actor}));
    let sources = incident
        .sources
        .iter()
        .map(|ip| json!({"name": "src_endpoint.ip", "type_id": 2, "value": ip}));
    let observables: Vec<Value> = actors.chain(sources).take(OBSERVABLES_MAX).collect();
    json!({
        "activity_id": activity, "category_uid": CATEGORY_FINDINGS, "class_uid": INCIDENT_FINDING,
        "type_uid": INCIDENT_FINDING * 100 + activity, "time": time.millis(),
        "severity_id": incident.severity.ocsf_id(), "status_id": 1,
        "message": incident.title, "desc": incident.why,
        "is_suspected_breach": incident.severity >= Severity::High && incident.subjects > 0,
        "assignee_group": {"name": "security operations"},
        "start_time": incident.first_event.millis(), "end_time": incident.last_event.millis(),
        "metadata": metadata(uid, Some(&incident.id)),
        "finding_info_list": incident.findings.iter().take(FINDINGS_MAX)
            .map(|id| json!({"uid": id, "title": incident.title})).collect::<Vec<_>>(),
        "attacks": attacks(incident.attack.iter().map(String::as_str)),
        "observables": observables,
        "unmapped": {
            "incident": incident.id, "score": incident.score, "status": incident.status,
            "subjects": incident.subjects, "records": incident.records, "bytes": incident.bytes,
            "datasets": incident.datasets, "opened": incident.opened,
        },
    })
}

pub fn metadata(uid: &str, correlation: Option<&str>) -> Value {
    json!({
        "uid": uid, "version": VERSION, "correlation_uid": correlation,
        "product": {
            "name": "Tidewaiter", "vendor_name": "Tidewaiter", "version": env!("CARGO_PKG_VERSION"),
        },
    })
}

pub fn attacks<'a>(techniques: impl Iterator<Item = &'a str>) -> Vec<Value> {
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
pub fn endpoint(ip: &str) -> Value {
    if ip.parse::<IpAddr>().is_ok() { json!({"ip": ip}) } else { json!({"name": ip}) }
}

/// Class and activity; the activity's own word where the class has none for it.
fn class(entry: &Entry) -> (u32, u32, Option<&str>) {
    let action = entry.action.as_str();
    let (class, activity) = match (entry.kind, action) {
        (EntryKind::Access, "read") => (6005, 1),
        (EntryKind::Access, "update") => (6005, 2),
        (EntryKind::Access, "search") => (6005, 4),
        (EntryKind::Access, "delete") => (6005, 7),
        (EntryKind::Access, "list") => (6005, 8),
        (EntryKind::Access, "unmask") => (6005, 10),
        (EntryKind::Access, "export") => (6001, 7),
        (EntryKind::Access, "share") => (6001, 8),
        (EntryKind::Access, _) => return (6005, 99, Some(action)),
        (EntryKind::Auth, "login") => (3002, 1),
        (EntryKind::Auth, "logout") => (3002, 2),
        (EntryKind::Auth, _) => return (3002, 99, Some(action)),
        (EntryKind::Flow, _) if entry.outcome == "denied" => (4001, 5),
        (EntryKind::Flow, _) if entry.outcome == "error" => (4001, 4),
        (EntryKind::Flow, _) => (4001, 6),
        (EntryKind::Finding, _) => (2004, 1),
        (EntryKind::Severity | EntryKind::Act, _) => (INCIDENT_FINDING, UPDATE),
    };
    (class, activity, None)
}

fn event(incident: &Incident, line: &Line) -> Value {
    let entry = &line.entry;
    let (class, activity, word) = class(entry);
    let severity = entry.severity.unwrap_or(Severity::Informational);
    let mut event = json!({
        "activity_id": activity, "category_uid": class / 1_000, "class_uid": class,
        "type_uid": class * 100 + activity, "time": entry.time.millis(),
        "severity_id": severity.ocsf_id(), "message": entry.text,
        "metadata": metadata(&line.id, Some(&incident.id)),
    });
    event["metadata"]["log_name"] = json!(entry.source.to_string());
    if let Some(word) = word {
        event["activity_name"] = json!(word);
    }
    if line.folded > 1 {
        event["count"] = json!(line.folded);
        event["start_time"] = json!(entry.time.millis());
        event["end_time"] = json!(line.until.millis());
    }
    match entry.kind {
        EntryKind::Access | EntryKind::Auth | EntryKind::Flow => observed(class, entry, &mut event),
        EntryKind::Finding => found(entry, &mut event),
        EntryKind::Severity | EntryKind::Act => concluded(incident, entry, &mut event),
    }
    event
}

/// Who did it, from where, and to what.
fn observed(class: u32, entry: &Entry, event: &mut Value) {
    event["status_id"] = json!(if entry.outcome == "allowed" { 1 } else { 2 });
    if entry.outcome != "allowed" {
        event["status_detail"] = json!(entry.outcome);
    }
    let mut source = entry.source_ip.as_deref().map_or_else(|| json!({}), endpoint);
    if let Some(host) = &entry.host {
        source["hostname"] = json!(host);
    }
    if let Some(site) = &entry.site {
        source["zone"] = json!(site);
    }
    if entry.source_ip.is_none() && entry.host.is_none() {
        source["name"] = json!("unknown");
    }
    event["src_endpoint"] = source;
    let user = match &entry.actor {
        Some(actor) => json!({"uid": actor}),
        None => json!({"name": "unknown", "type_id": 0}),
    };
    let session = entry.session.as_ref().map(|session| json!({"uid": session}));
    let system = entry.system.as_deref();
    match entry.kind {
        EntryKind::Flow => {
            event["dst_endpoint"] = far_end(entry.destination.as_deref());
            event["traffic"] = json!({"bytes_out": entry.bytes});
            event["unmapped"] = json!({"actor": entry.actor, "application": system});
            return;
        }
        EntryKind::Auth => {
            event["user"] = user;
            event["service"] = json!({"name": system.unwrap_or("unknown")});
            if let Some(session) = session {
                event["session"] = session;
            }
            return;
        }
        _ => {}
    }
    event["actor"] = json!({"user": user});
    if let Some(session) = session {
        event["actor"]["session"] = session;
    }
    if let Some(system) = system {
        event["dst_endpoint"] = json!({"svc_name": system});
    }
    let dataset = entry.dataset.as_deref().unwrap_or("unknown");
    match class {
        6001 => event["web_resources"] = json!([{"name": dataset}]),
        _ => event["database"] = json!({"name": dataset, "type_id": 0}),
    }
    event["unmapped"] = json!({
        "records_returned": entry.records, "bytes": entry.bytes, "subjects": entry.subjects,
        "subject_refs": entry.tokens, "category": entry.category, "tier": entry.tier,
        "under_case": entry.case,
    });
}

fn found(entry: &Entry, event: &mut Value) {
    let uid = entry.finding.clone().unwrap_or_default();
    event["is_alert"] = json!(true);
    event["status_id"] = json!(1);
    event["finding_info"] = json!({
        "uid": uid, "title": entry.action, "desc": entry.text, "created_time": entry.time.millis(),
    });
    let mut evidence = json!({"data": {"dataset": entry.dataset, "category": entry.category}});
    if let Some(actor) = &entry.actor {
        evidence["actor"] = json!({"user": {"uid": actor}});
    }
    if let Some(ip) = &entry.source_ip {
        evidence["src_endpoint"] = endpoint(ip);
    }
    event["evidences"] = json!([evidence]);
}

/// What the incident came to, or what was done about it and by whom.
fn concluded(incident: &Incident, entry: &Entry, event: &mut Value) {
    event["severity_id"] = json!(entry.severity.unwrap_or(incident.severity).ocsf_id());
    event["status_id"] = json!(1);
    event["assignee_group"] = json!({"name": "security operations"});
    event["finding_info_list"] = json!([{"uid": incident.id, "title": incident.title}]);
    event["unmapped"] = json!({"kind": entry.kind.name(), "act": entry.action, "by": entry.actor});
}

/// An address or a name, with or without a port.
fn far_end(far: Option<&str>) -> Value {
    let Some(far) = far else { return json!({"name": "unknown"}) };
    let whole = far.parse::<IpAddr>().is_ok();
    let parts = far.rsplit_once(':').filter(|_| !whole);
    let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let host = parts.map_or(far, |(host, _)| host.trim_matches(['[', ']']));
    let mut end = match host.parse::<IpAddr>() {
        Ok(_) => json!({"ip": host}),
        Err(_) => json!({"hostname": host}),
    };
    if let Some((_, port)) = parts {
        end["port"] = json!(port);
    }
    end
}
