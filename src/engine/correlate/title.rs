//! The headline of an incident.

use crate::engine::model::{Finding, KeyKind};

/// One line: what, of what, by whom.
pub fn title(strongest: &Finding) -> String {
    let what = match strongest.detector.as_ref() {
        "bulk_read" => "Bulk read",
        "unusual_volume" => "Unusually many reads",
        "unusual_unexplained" => "Unusually many reads without a case",
        "slow_drift" => "Reads that creep up",
        "novelty" => "Reads of a new kind",
        "session_start" => "Work at an unusual hour",
        "sequence" => "Record ids read one after the other",
        "id_block" => "A range of records shared out among accounts",
        "subject_fan_in" => "One person looked up by many",
        "no_case" => "Reads without a case",
        "canary" => "Planted record opened",
        "protected_subject" => "Protected person looked up",
        "staff_subject" => "Oneself or a colleague looked up",
        "leaver" => "Account of a leaver in use",
        "first_seen" => "Something new",
        "enumeration" => "Record ids walked in sequence",
        "denied_burst" => "Burst of refusals",
        "silent_source" => return format!("{} has fallen silent", strongest.key.value),
        "no_actor" => "Data shown to nobody logged in",
        "sensitive_identifier" => "Identifiers in free text",
        "outbound_bytes" => "Large outflow",
        "egress" => "Unusual outflow",
        "beacon" => "Regular small outflows",
        "port_scan" => "Port scan",
        "impossible_travel" => "At two sites at once",
        "dormant_system" => "Dormant system read through again",
        "factor_removed_then_read" => "Second factor removed, then sensitive data read",
        "read_then_outflow" => "Bulk read, then a large outflow",
        _ => return rule_title(strongest),
    };
    format!("{what}{}{}", of_what(strongest), by_whom(strongest))
}

fn rule_title(finding: &Finding) -> String {
    let what = finding.why.split(':').next().unwrap_or("A rule matched");
    format!("{what}{}", by_whom(finding))
}

fn of_what(finding: &Finding) -> String {
    match (&finding.category, &finding.dataset) {
        (Some(category), Some(dataset)) => format!(": {category} data ({dataset})"),
        _ => String::new(),
    }
}

fn by_whom(finding: &Finding) -> String {
    match (&finding.actor, finding.key.kind, &finding.source_ip) {
        (Some(actor), _, _) => format!(" by {actor}"),
        (None, KeyKind::Source, _) => format!(" from {}", finding.key.value),
        (None, _, Some(ip)) => format!(" from {ip}"),
        _ => String::new(),
    }
}
