//! What stands at the head of a page about an incident.

use crate::engine::model::Incident;

/// Name and value, in the order they are read.
pub(super) fn facts(incident: &Incident) -> [(&'static str, String); 12] {
    let opened = incident.opened.map_or_else(|| "not opened (signal)".into(), |t| t.to_string());
    let subjects = if incident.subjects_error > 0.0 {
        format!("about {} (\u{b1} {:.1}%)", incident.subjects, incident.subjects_error * 100.0)
    } else {
        incident.subjects.to_string()
    };
    [
        ("Incident", incident.id.clone()),
        ("Severity", format!("{} (score {})", incident.severity, incident.score)),
        ("Status", incident.status.name().to_owned()),
        ("Opened", opened),
        ("First event", incident.first_event.to_string()),
        ("First finding", incident.first_finding.to_string()),
        ("Last event", incident.last_event.to_string()),
        ("Actors", incident.actors.join(", ")),
        ("Sources", incident.sources.join(", ")),
        ("Subjects", subjects),
        ("Records", incident.records.to_string()),
        ("ATT&CK", incident.attack.join(", ")),
    ]
}
