//! A STIX 2.1 bundle: the incident, what was observed, and notes of what was concluded and done.
//!
//! Ids are made of what they name, so that the same story gives the same bundle. Everything is
//! marked TLP:AMBER.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::engine::model::{Entry, EntryKind, EventTime, IdHasher, Incident};
use crate::engine::timeline::Line;

/// Predefined by the specification, section 7.2.1.4.
const TLP_AMBER: &str = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82";
/// Largest `number_observed`.
const OBSERVED_MAX: u64 = 999_999_999;

/// The cyber-observables met so far, by id.
type Objects = BTreeMap<String, Value>;

pub fn write(incident: &Incident, lines: &[Line], to: &mut dyn Write) -> io::Result<()> {
    let mut objects = Objects::new();
    let mut stories = Vec::with_capacity(lines.len());
    let author = id("identity", &["tidewaiter"]);
    let about = id("incident", &[&incident.id]);
    let common = |kind: &str, id: &str, created: EventTime, modified: EventTime| {
        json!({
            "type": kind, "spec_version": "2.1", "id": id,
            "created": created.to_string(), "modified": modified.max(created).to_string(),
            "created_by_ref": author, "object_marking_refs": [TLP_AMBER],
        })
    };
    for (place, line) in lines.iter().enumerate() {
        let e = &line.entry;
        let name = [incident.id.as_str(), &line.id, &place.to_string()];
        let story = match e.kind {
            EntryKind::Access | EntryKind::Auth | EntryKind::Flow => {
                let of = id("observed-data", &name);
                let mut story = common("observed-data", &of, e.time, e.time);
                story["first_observed"] = json!(e.time.to_string());
                story["last_observed"] = json!(line.until.max(e.time).to_string());
                story["number_observed"] = json!(line.folded.clamp(1, OBSERVED_MAX));
                story["object_refs"] = json!(observed(e, &mut objects));
                story["labels"] = json!([e.kind.name()]);
                story
            }
            EntryKind::Finding | EntryKind::Severity | EntryKind::Act => {
                let mut story = common("note", &id("note", &name), e.time, e.time);
                story["abstract"] = json!(e.kind.name());
                story["content"] =
                    json!(if e.text.is_empty() { e.action.as_str() } else { e.text.as_str() });
                story["object_refs"] = json!([about]);
                story
            }
        };
        stories.push(story);
    }
    let (first, last) = (incident.first_finding, incident.updated);
    let mut head = vec![
        json!({
            "type": "identity", "spec_version": "2.1", "id": author, "name": "Tidewaiter",
            "identity_class": "system",
            "created": EventTime::default().to_string(), "modified": EventTime::default().to_string(),
        }),
        amber(),
    ];
    let mut subject = common("incident", &about, first, last);
    subject["name"] = json!(if incident.title.is_empty() {
        incident.id.as_str()
    } else {
        incident.title.as_str()
    });
    subject["description"] = json!(incident.why);
    subject["labels"] = json!([format!("severity-{}", incident.severity), incident.status.name()]);
    subject["external_references"] =
        json!([{"source_name": "tidewaiter", "external_id": incident.id}]);
    head.push(subject);
    for technique in &incident.attack {
        let of = id("attack-pattern", &[technique]);
        let mut pattern = common("attack-pattern", &of, first, first);
        pattern["name"] = json!(technique);
        pattern["external_references"] =
            json!([{"source_name": "mitre-attack", "external_id": technique}]);
        head.push(pattern);
        let link = id("relationship", &[&incident.id, technique]);
        let mut link = common("relationship", &link, first, first);
        link["relationship_type"] = json!("related-to");
        link["source_ref"] = json!(about);
        link["target_ref"] = json!(of);
        head.push(link);
    }
    let refs: Vec<&Value> = head[2..].iter().chain(&stories).map(|object| &object["id"]).collect();
    let mut group = common("grouping", &id("grouping", &[&incident.id]), first, last);
    group["name"] = json!("Timeline");
    group["context"] = json!("suspicious-activity");
    group["object_refs"] = json!(refs);
    head.push(group);

    write!(to, "{{\"type\":\"bundle\",\"id\":\"{}\",\"objects\":[", id("bundle", &[&incident.id]))?;
    for (place, object) in head.iter().chain(objects.values()).chain(&stories).enumerate() {
        if place > 0 {
            to.write_all(b",\n")?;
        }
        serde_json::to_writer(&mut *to, object)?;
    }
    to.write_all(b"]}\n")
}

/// References to who and where an entry is about; somebody unknown where it names nobody.
fn observed(entry: &Entry, objects: &mut Objects) -> Vec<String> {
    let mut refs = Vec::new();
    let nobody = entry.actor.is_none() && entry.source_ip.is_none();
    if let Some(actor) = entry.actor.as_deref().or(nobody.then_some("unknown")) {
        let of = id("user-account", &[actor]);
        let account =
            json!({"type": "user-account", "spec_version": "2.1", "id": of, "user_id": actor});
        objects.insert(of.clone(), account);
        refs.push(of);
    }
    let source = entry.source_ip.as_deref().and_then(|ip| address(ip, objects));
    refs.extend(source.clone());
    // The far end is an address, or a name, with or without a port.
    let far = entry.destination.as_deref().and_then(|far| {
        let host = far.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        address(far, objects).or_else(|| address(host?.0.trim_matches(['[', ']']), objects))
    });
    if let (EntryKind::Flow, Some(source)) = (entry.kind, source) {
        let mut parts = vec![source.as_str(), entry.system.as_deref().unwrap_or("")];
        parts.extend(far.as_deref());
        let bytes = entry.bytes.to_string();
        parts.push(&bytes);
        let of = id("network-traffic", &parts);
        // Whether it was TCP is not kept: the layers that are known, the lowest first.
        let network = if source.starts_with("ipv6") { "ipv6" } else { "ipv4" };
        let application = entry.system.as_deref().map(str::to_lowercase);
        let protocols: Vec<String> =
            std::iter::once(network.to_owned()).chain(application).collect();
        let mut traffic = json!({
            "type": "network-traffic", "spec_version": "2.1", "id": of, "src_ref": source,
            "protocols": protocols, "src_byte_count": entry.bytes,
        });
        if let Some(far) = &far {
            traffic["dst_ref"] = json!(far);
        }
        objects.insert(of.clone(), traffic);
        refs.push(of);
    }
    refs.extend(far);
    refs
}

fn address(text: &str, objects: &mut Objects) -> Option<String> {
    let kind = match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(_) => "ipv4-addr",
        IpAddr::V6(_) => "ipv6-addr",
    };
    let of = id(kind, &[text]);
    let object = json!({"type": kind, "spec_version": "2.1", "id": of, "value": text});
    objects.insert(of.clone(), object);
    Some(of)
}

fn amber() -> Value {
    json!({
        "type": "marking-definition", "spec_version": "2.1", "id": TLP_AMBER,
        "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": "TLP:AMBER",
        "definition": {"tlp": "amber"},
    })
}

/// `kind--UUID`, the UUID made of the parts in the shape of version 4.
fn id(kind: &str, parts: &[&str]) -> String {
    let hasher = parts.iter().fold(IdHasher::new("stix").part(kind.as_bytes()), |hasher, part| {
        hasher.part(part.as_bytes())
    });
    let mut hex: Vec<char> = hasher.finish().chars().collect();
    hex[12] = '4';
    hex[16] = match hex[16].to_digit(16).unwrap_or(0) % 4 {
        0 => '8',
        1 => '9',
        2 => 'a',
        _ => 'b',
    };
    let text: String = hex.into_iter().collect();
    let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
    format!("{kind}--{a}-{b}-{c}-{d}-{e}")
}
