//! The slow, obvious reading of a native record: `serde_json` into a `Value`, then look-ups.
//!
//! The extractor is held to this one, by property tests here and by a fuzz target, which
//! includes this file. Where a record has several faults both name the same one.

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Action, Actor, ActorType, Blank, Blanks, COUNT_MAX, Endpoint, Event, EventTime, Flow, Kind,
    Outcome, Refusal, Resource, SUBJECTS_MAX, Str,
};

/// Reads one record, which has been found to be JSON that is not nested too deeply. `payload` is
/// the same record as it came: a `Value` does not know of repeated keys.
pub fn decode<'a>(record: &Value, payload: &[u8]) -> Result<Event<'a>, Refusal> {
    if !record.is_object() {
        return Err(Refusal::NotAnObject);
    }
    if repeats(payload) {
        return Err(Refusal::DuplicateKey);
    }
    let mut saturated = 0;
    let kind = match &record["kind"] {
        Value::Null => return Err(Refusal::MissingField("kind")),
        Value::String(word) => match word.as_str() {
            "access" => Kind::Access,
            "auth" => Kind::Auth,
            "network" => Kind::Network,
            _ => return Err(Refusal::UnknownKind),
        },
        _ => return Err(Refusal::WrongType("kind")),
    };
    let time = time(&record["time"])?;
    let actor = actor(&record["actor"], kind)?;
    let source = endpoint(
        &record["source"],
        ["source", "source.ip", "source.host", "source.site", "source.port"],
        &mut saturated,
    )?;
    let resource = resource(&record["resource"])?;
    let mut outcome = outcome(text(&record["outcome"], "outcome")?);
    let word = text(&record["action"], "action")?;
    let id = text(&record["id"], "id")?;
    let session = text(&record["session"], "session")?;
    let system = text(&record["system"], "system")?;
    let action = match (kind, word) {
        (Kind::Network, _) => Action::Flow,
        (_, Some(word)) => Action::from_word(word),
        (Kind::Access, None) => Action::Read,
        (Kind::Auth, None) => return Err(Refusal::MissingField("action")),
    };
    let records = count(&record["records"], "records", 1, &mut saturated)?;
    let bytes = count(&record["bytes"], "bytes", 0, &mut saturated)?;
    let case = text(&record["case"], "case")?;
    let purpose = text(&record["purpose"], "purpose")?;
    let [query, note, user_agent] =
        ["query", "note", "user_agent"].map(|field| match &record[field] {
            Value::String(text) if !text.is_empty() => Some(Str::Owned(text.clone())),
            _ => None,
        });
    let mfa = match &record["mfa"] {
        Value::Null => None,
        Value::Bool(mfa) => Some(*mfa),
        _ => return Err(Refusal::WrongType("mfa")),
    };
    let mut flow = None;
    if kind == Kind::Network {
        if let Some(verdict) = text(&record["verdict"], "verdict")? {
            outcome = self::outcome(Some(verdict));
        }
        flow = Some(self::flow(record, &mut saturated)?);
    }
    Ok(Event {
        kind,
        time,
        id,
        actor,
        session,
        source,
        system,
        action,
        outcome,
        resource,
        records,
        bytes,
        case,
        purpose,
        query,
        note,
        user_agent,
        blanks: Blanks {
            query: blank(record.get("query")),
            note: blank(record.get("note")),
            user_agent: blank(record.get("user_agent")),
        },
        mfa,
        flow,
        saturated,
        ..Event::default()
    })
}

fn blank(value: Option<&Value>) -> Blank {
    match value {
        None => Blank::Absent,
        Some(Value::Null) => Blank::Null,
        Some(Value::String(text)) if text.is_empty() => Blank::Empty,
        Some(Value::String(_)) => Blank::Absent,
        Some(_) => Blank::Other,
    }
}

fn flow<'a>(record: &Value, saturated: &mut u32) -> Result<Flow<'a>, Refusal> {
    let duration_ms = count(&record["duration_ms"], "duration_ms", 0, saturated)?;
    let destination = endpoint(
        &record["destination"],
        [
            "destination",
            "destination.ip",
            "destination.host",
            "destination.site",
            "destination.port",
        ],
        saturated,
    )?;
    Ok(Flow {
        duration_ms,
        destination,
        protocol: text(&record["protocol"], "protocol")?,
        application: text(&record["application"], "application")?,
        bytes_out: count(&record["bytes_out"], "bytes_out", 0, saturated)?,
        bytes_in: count(&record["bytes_in"], "bytes_in", 0, saturated)?,
        packets_out: count(&record["packets_out"], "packets_out", 0, saturated)?,
        packets_in: count(&record["packets_in"], "packets_in", 0, saturated)?,
        ip_bytes_out: None,
        ip_bytes_in: None,
    })
}

fn outcome(word: Option<Str<'_>>) -> Outcome {
    let Some(word) = word else { return Outcome::Allowed };
    match word.to_ascii_lowercase().as_str() {
        "allowed" | "allow" | "success" | "succeeded" | "ok" | "permit" | "permitted"
        | "accept" | "pass" => Outcome::Allowed,
        "denied" | "deny" | "failure" | "failed" | "fail" | "blocked" | "block" | "refused"
        | "refuse" | "rejected" | "reject" | "dropped" | "drop" => Outcome::Denied,
        _ => Outcome::Error,
    }
}

fn time(value: &Value) -> Result<EventTime, Refusal> {
    match value {
        Value::Null => Err(Refusal::MissingField("time")),
        Value::String(text) => EventTime::parse(text).map_err(|_| Refusal::BadTime),
        Value::Number(number) => {
            let millis = number.as_i64().ok_or(Refusal::BadTime)?;
            EventTime::from_millis(millis).map_err(|_| Refusal::BadTime)
        }
        _ => Err(Refusal::WrongType("time")),
    }
}

fn text<'a>(value: &Value, field: &'static str) -> Result<Option<Str<'a>>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(Str::Owned(text.clone()))),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Ok(Some(Str::Owned(number.to_string())))
        }
        _ => Err(Refusal::WrongType(field)),
    }
}

fn count(
    value: &Value,
    field: &'static str,
    default: u64,
    saturated: &mut u32,
) -> Result<u64, Refusal> {
    let number = match value {
        Value::Null => return Ok(default),
        Value::Number(number) => number.as_f64().ok_or(Refusal::WrongType(field))?,
        _ => return Err(Refusal::WrongType(field)),
    };
    let exact = value.as_u64();
    let below = number < 0.0;
    let above = exact.map_or(number > COUNT_MAX as f64, |exact| exact > COUNT_MAX);
    *saturated += u32::from(below || above);
    Ok(match exact {
        _ if below => 0,
        _ if above => COUNT_MAX,
        Some(exact) => exact,
        None => number.trunc() as u64,
    })
}

fn actor<'a>(value: &Value, kind: Kind) -> Result<Actor<'a>, Refusal> {
    if !value.is_null() && !value.is_object() {
        return Err(Refusal::WrongType("actor"));
    }
    if kind != Kind::Network && value.get("id").is_none() {
        return Err(Refusal::MissingField("actor.id"));
    }
    let word = text(&value["type"], "actor.type")?;
    Ok(Actor {
        id: text(&value["id"], "actor.id")?,
        role: text(&value["role"], "actor.role")?,
        unit: text(&value["unit"], "actor.unit")?,
        kind: match word.as_deref() {
            Some("service") => ActorType::Service,
            Some("partner") => ActorType::Partner,
            _ => ActorType::Person,
        },
    })
}

fn endpoint<'a>(
    value: &Value,
    [whole, ip, host, site, port]: [&'static str; 5],
    saturated: &mut u32,
) -> Result<Endpoint<'a>, Refusal> {
    if !value.is_null() && !value.is_object() {
        return Err(Refusal::WrongType(whole));
    }
    Ok(Endpoint {
        ip: text(&value["ip"], ip)?,
        host: text(&value["host"], host)?,
        site: text(&value["site"], site)?,
        port: match &value["port"] {
            Value::Null => None,
            number => {
                let mut out_of_range = 0;
                let value = count(number, port, 0, &mut out_of_range)?;
                let found = u16::try_from(value).ok().filter(|_| out_of_range == 0);
                *saturated += u32::from(found.is_none());
                found
            }
        },
    })
}

fn resource<'a>(value: &Value) -> Result<Resource<'a>, Refusal> {
    if !value.is_null() && !value.is_object() {
        return Err(Refusal::WrongType("resource"));
    }
    let mut subjects = Vec::new();
    for (field, name) in [("subject", "resource.subject"), ("subjects", "resource.subjects")] {
        let listed = match &value[field] {
            Value::Array(elements) => elements.clone(),
            one => vec![one.clone()],
        };
        for element in listed {
            subjects.extend(text(&element, name)?);
        }
    }
    Ok(Resource {
        dataset: text(&value["dataset"], "resource.dataset")?,
        category: text(&value["category"], "resource.category")?,
        record: text(&value["record"], "resource.record")?,
        subjects_total: subjects.len() as u32,
        subjects: subjects.into_iter().take(SUBJECTS_MAX).collect(),
    })
}

/// The keys of a JSON value, every one of them.
enum Keys {
    Object(Vec<(String, Keys)>),
    Other,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Keys::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Keys, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Keys::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Keys, E> {
        Ok(Keys::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Keys, E> {
        Ok(Keys::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Keys, E> {
        Ok(Keys::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Keys, E> {
        Ok(Keys::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Keys, E> {
        Ok(Keys::Other)
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::Other)
    }
}

/// The contract's fields, and those of its objects.
pub const FIELDS: &[&str] = &[
    "kind",
    "id",
    "time",
    "actor",
    "session",
    "source",
    "destination",
    "system",
    "action",
    "outcome",
    "verdict",
    "resource",
    "records",
    "bytes",
    "case",
    "purpose",
    "query",
    "note",
    "user_agent",
    "mfa",
    "duration_ms",
    "protocol",
    "application",
    "bytes_out",
    "bytes_in",
    "packets_out",
    "packets_in",
];
const PARTS: [(&str, &[&str]); 4] = [
    ("actor", &["id", "role", "unit", "type"]),
    ("source", &["ip", "host", "site", "port"]),
    ("destination", &["ip", "host", "site", "port"]),
    ("resource", &["dataset", "category", "record", "subject", "subjects"]),
];

/// One of the contract's fields stands in the record twice.
fn repeats(payload: &[u8]) -> bool {
    let Ok(Keys::Object(top)) = serde_json::from_slice(payload) else { return false };
    let twice = |members: &[(String, Keys)], fields: &[&str]| {
        fields.iter().any(|field| members.iter().filter(|(key, _)| key == field).count() > 1)
    };
    let in_parts = top.iter().any(|(key, value)| {
        let part = PARTS.iter().find(|(name, _)| name == key);
        matches!((part, value), (Some((_, fields)), Keys::Object(members)) if twice(members, fields))
    });
    twice(&top, FIELDS) || in_parts
}
