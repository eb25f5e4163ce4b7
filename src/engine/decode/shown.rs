//! An event as one line of text, for tests: only what is not the default.

use std::fmt::Write;

use super::Refusal;
use crate::engine::model::{ActorType, Endpoint, Event, Outcome};

/// `kind time id=… …`, `none` or the refusal's label and field.
pub fn shown(decoded: &Result<Option<Event<'_>>, Refusal>) -> String {
    match decoded {
        Ok(Some(event)) => event_line(event),
        Ok(None) => "none".to_owned(),
        Err(Refusal::MissingField(field)) => format!("missing_field {field}"),
        Err(Refusal::WrongType(field)) => format!("wrong_type {field}"),
        Err(refusal) => refusal.label().to_owned(),
    }
}

fn event_line(event: &Event<'_>) -> String {
    let mut line = format!("{} {}", event.kind.name(), event.time);
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(line, " {name}={value}");
        }
    };
    add("id", event.id.as_deref());
    add("actor", event.actor.id.as_deref());
    add("role", event.actor.role.as_deref());
    add("unit", event.actor.unit.as_deref());
    add("type", Some(event.actor.kind.name()).filter(|_| event.actor.kind != ActorType::Person));
    add("session", event.session.as_deref());
    add("from", endpoint(&event.source).as_deref());
    add("system", event.system.as_deref());
    add("action", Some(event.action.name()));
    add("outcome", Some(event.outcome.name()).filter(|_| event.outcome != Outcome::Allowed));
    add("dataset", event.resource.dataset.as_deref());
    add("category", event.resource.category.as_deref());
    add("record", event.resource.record.as_deref());
    let subjects: Vec<&str> = event.resource.subjects.iter().map(AsRef::as_ref).collect();
    let subjects = subjects.join(",");
    add("subjects", Some(subjects.as_str()).filter(|list| !list.is_empty()));
    let total = event.resource.subjects_total.to_string();
    let all_kept = event.resource.subjects.len() == event.resource.subjects_total as usize;
    add("subjects_total", Some(total.as_str()).filter(|_| !all_kept));
    add("records", Some(event.records.to_string().as_str()).filter(|_| event.records != 1));
    add("bytes", Some(event.bytes.to_string().as_str()).filter(|_| event.bytes != 0));
    add("case", event.case.as_deref());
    add("purpose", event.purpose.as_deref());
    add("query", event.query.as_deref());
    add("note", event.note.as_deref());
    add("user_agent", event.user_agent.as_deref());
    add("mfa", event.mfa.map(|mfa| if mfa { "yes" } else { "no" }));
    if let Some(flow) = &event.flow {
        add("to", endpoint(&flow.destination).as_deref());
        add("protocol", flow.protocol.as_deref());
        add("application", flow.application.as_deref());
        let volume = format!(
            "{}ms out {}B/{}p in {}B/{}p",
            flow.duration_ms, flow.bytes_out, flow.packets_out, flow.bytes_in, flow.packets_in
        );
        add("flow", Some(&volume));
        add("ip_out", flow.ip_bytes_out.map(|bytes| bytes.to_string()).as_deref());
        add("ip_in", flow.ip_bytes_in.map(|bytes| bytes.to_string()).as_deref());
    }
    add("saturated", Some(event.saturated.to_string().as_str()).filter(|_| event.saturated != 0));
    line
}

fn endpoint(endpoint: &Endpoint<'_>) -> Option<String> {
    let port = endpoint.port.map(|port| port.to_string());
    let parts = [
        endpoint.ip.as_deref(),
        endpoint.host.as_deref(),
        endpoint.site.as_deref(),
        port.as_deref(),
    ];
    let known: Vec<_> = parts.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join("/"))
}
