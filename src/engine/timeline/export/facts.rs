//! What stands at the head of a page about an incident.

use crate::engine::model::Incident;

/// Name and value, in the order they are read.
pub(super) fn facts(incident: &Incident) -> [(&'static str, String); 12] {
    let opened = incident.opened.map_or_else(|| "not opened (signal)".into(), |t| t.to_string());
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
        ("Subjects", subjects(incident.subjects, incident.subjects_error)),
        ("Records", incident.records.to_string()),
        ("ATT&CK", incident.attack.join(", ")),
    ]
}

/// A number of subjects, with its standard error where it is an estimate.
pub(super) fn subjects(number: u64, error: f64) -> String {
    if error > 0.0 {
        format!("about {number} (\u{b1} {:.1}%)", error * 100.0)
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_says_by_how_much_it_may_be_off() {
        assert_eq!(subjects(1_000_000, 0.0), "1000000");
        assert_eq!(subjects(1_204_311, 0.008125), "about 1204311 (\u{b1} 0.8%)");
    }
}
