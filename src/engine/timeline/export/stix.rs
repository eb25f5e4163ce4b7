//! A STIX 2.1 bundle: the incident, what was observed, and notes of what was concluded and done.
//!
//! Ids are made of what they name, so that the same story gives the same bundle. Everything is
//! marked TLP:AMBER.

use std::hash::BuildHasher;
use std::io::{self, Write};
use std::net::IpAddr;

use hashbrown::HashSet;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::Lines;
use crate::engine::model::{EntryKind, EventTime, IdHasher, Incident};
use crate::engine::timeline::Line;

/// Predefined by the specification, section 7.2.1.4.
const TLP_AMBER: &str = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82";
/// Largest `number_observed`.
const OBSERVED_MAX: u64 = 999_999_999;

/// Namespace of observables' ids, 00abedb4-aa42-466c-9c01-fed23315a9b7. Source: STIX 2.1, section 2.9.
const OBSERVABLES: [u8; 16] = [
    0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7,
];

/// Ids of observables written, as hashes.
type Seen = HashSet<u64, foldhash::fast::FixedState>;

/// Writes the head first and every story as it comes; the observables before the first story that
/// refers to them. The bundle's order says nothing, and the grouping, which names all, comes last.
pub fn write(incident: &Incident, lines: Lines<'_>, to: &mut dyn Write) -> io::Result<()> {
    let (head, mut refs) = head(incident);
    write!(to, "{{\"type\":\"bundle\",\"id\":\"{}\",\"objects\":[", id("bundle", &[&incident.id]))?;
    for (place, object) in head.iter().enumerate() {
        put(object, place > 0, to)?;
    }
    let mut seen = Seen::default();
    for (place, line) in lines.enumerate() {
        let line = line?;
        let mut objects = Vec::new();
        let story = story(incident, &line, place, &mut objects);
        for object in objects {
            let id = object["id"].as_str().unwrap_or_default();
            if seen.insert(foldhash::fast::FixedState::default().hash_one(id)) {
                put(&object, true, to)?;
            }
        }
        put(&story, true, to)?;
        refs.push(story["id"].as_str().unwrap_or_default().to_owned());
    }
    let (first, last) = (incident.first_finding, incident.updated);
    let mut group = common("grouping", &id("grouping", &[&incident.id]), first, last);
    group["name"] = json!("Timeline");
    group["context"] = json!("suspicious-activity");
    group["object_refs"] = json!(refs);
    put(&group, true, to)?;
    to.write_all(b"]}\n")
}

fn put(object: &Value, follows: bool, to: &mut dyn Write) -> io::Result<()> {
    if follows {
        to.write_all(b",\n")?;
    }
    Ok(serde_json::to_writer(to, object)?)
}

fn author() -> String {
    id("identity", &["tidewaiter"])
}

fn common(kind: &str, id: &str, created: EventTime, modified: EventTime) -> Value {
    json!({
        "type": kind, "spec_version": "2.1", "id": id,
        "created": created.to_string(), "modified": modified.max(created).to_string(),
        "created_by_ref": author(), "object_marking_refs": [TLP_AMBER],
    })
}

/// Who says so, the marking, the incident and its techniques; and the ids the grouping names.
fn head(incident: &Incident) -> (Vec<Value>, Vec<String>) {
    let about = id("incident", &[&incident.id]);
    let (first, last) = (incident.first_finding, incident.updated);
    let mut head = vec![
        json!({
            "type": "identity", "spec_version": "2.1", "id": author(), "name": "Tidewaiter",
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
    let named = head[2..].iter().filter_map(|object| object["id"].as_str());
    let refs = named.map(ToOwned::to_owned).collect();
    (head, refs)
}

/// What was observed, or a note of what was concluded or done.
fn story(incident: &Incident, line: &Line, place: usize, objects: &mut Vec<Value>) -> Value {
    let e = &line.entry;
    let name = [incident.id.as_str(), &line.id, &place.to_string()];
    match e.kind {
        EntryKind::Access | EntryKind::Auth | EntryKind::Flow => {
            let mut story = common("observed-data", &id("observed-data", &name), e.time, e.time);
            story["first_observed"] = json!(e.time.to_string());
            story["last_observed"] = json!(line.until.max(e.time).to_string());
            story["number_observed"] = json!(line.folded.clamp(1, OBSERVED_MAX));
            story["object_refs"] = json!(observed(line, objects));
            story["labels"] = json!([e.kind.name()]);
            story
        }
        EntryKind::Finding | EntryKind::Severity | EntryKind::Act => {
            let mut story = common("note", &id("note", &name), e.time, e.time);
            story["abstract"] = json!(e.kind.name());
            let text = if e.text.is_empty() { e.action.as_str() } else { e.text.as_str() };
            story["content"] = json!(text);
            story["object_refs"] = json!([id("incident", &[&incident.id])]);
            story
        }
    }
}

/// References to who and where an entry is about; somebody unknown where it names nobody.
fn observed(line: &Line, objects: &mut Vec<Value>) -> Vec<String> {
    let entry = &line.entry;
    let mut refs = Vec::new();
    let nobody = entry.actor.is_none() && entry.source_ip.is_none();
    if let Some(actor) = entry.actor.as_deref().or(nobody.then_some("unknown")) {
        refs.push(observable("user-account", json!({"user_id": actor}), json!({}), objects));
    }
    let source = entry.source_ip.as_deref().and_then(|ip| address(ip, objects));
    refs.extend(source.clone());
    // The far end is an address, or a name, with or without a port.
    let host_and_port = |far: &str| {
        let (host, port) = far.rsplit_once(':')?;
        Some((host.trim_matches(['[', ']']).to_owned(), port.parse::<u16>().ok()?))
    };
    let far = entry.destination.as_deref();
    let port = far.filter(|far| far.parse::<IpAddr>().is_err()).and_then(host_and_port);
    let far = far
        .and_then(|far| address(far, objects).or_else(|| address(&host_and_port(far)?.0, objects)));
    if let (EntryKind::Flow, Some(source)) = (entry.kind, source) {
        // Whether it was TCP is not kept: the layers that are known, the lowest first.
        let network = if source.starts_with("ipv6") { "ipv6" } else { "ipv4" };
        let application = entry.system.as_deref().map(str::to_lowercase);
        let protocols: Vec<String> =
            std::iter::once(network.to_owned()).chain(application).collect();
        let mut named = json!({
            "src_ref": source, "protocols": protocols, "start": entry.time.to_string(),
        });
        if let Some(far) = &far {
            named["dst_ref"] = json!(far);
        }
        if let Some((_, port)) = port {
            named["dst_port"] = json!(port);
        }
        let more = json!({"src_byte_count": entry.bytes});
        refs.push(observable("network-traffic", named, more, objects));
    }
    refs.extend(far);
    refs
}

fn address(text: &str, objects: &mut Vec<Value>) -> Option<String> {
    let kind = match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(_) => "ipv4-addr",
        IpAddr::V6(_) => "ipv6-addr",
    };
    Some(observable(kind, json!({"value": text}), json!({}), objects))
}

/// An observable of its `named` properties, which its id is made of, and `more`. The id is a UUID
/// of version 5 of their canonical JSON, so that whoever tells of the same address has the same id.
/// Source: STIX 2.1, section 2.9.
fn observable(kind: &str, named: Value, more: Value, objects: &mut Vec<Value>) -> String {
    // Keys are sorted, and there are no numbers but whole ones: this is canonical (RFC 8785).
    let mut hash = Sha1::new_with_prefix(OBSERVABLES);
    hash.update(named.to_string());
    let hex =
        hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let of = format!("{kind}--{}", uuid(&hex, '5'));
    let mut object = json!({"type": kind, "spec_version": "2.1", "id": of});
    for (name, value) in [named, more].iter().filter_map(Value::as_object).flatten() {
        object[name] = value.clone();
    }
    objects.push(object);
    of
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
    format!("{kind}--{}", uuid(&hasher.finish(), '4'))
}

/// The first 32 hex digits as a UUID of that version.
fn uuid(hex: &str, version: char) -> String {
    let mut hex: Vec<char> = hex.chars().take(32).collect();
    hex[12] = version;
    hex[16] = match hex[16].to_digit(16).unwrap_or(0) % 4 {
        0 => '8',
        1 => '9',
        2 => 'a',
        _ => 'b',
    };
    let text: String = hex.into_iter().collect();
    let (a, b, c, d, e) = (&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}
