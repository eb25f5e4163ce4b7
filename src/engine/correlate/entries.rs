//! What the correlator itself adds to a timeline.

use crate::engine::model::{Entry, EntryKind, EventTime, Finding, Incident, Severity, Source};

pub fn is_evidence(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Access | EntryKind::Auth | EntryKind::Flow)
}

pub fn finding_entry(finding: &Finding) -> Entry {
    Entry {
        time: finding.time,
        kind: EntryKind::Finding,
        action: finding.detector.to_string(),
        outcome: finding.severity.name().to_owned(),
        actor: finding.actor.clone(),
        session: finding.session.clone(),
        source_ip: finding.source_ip.clone(),
        dataset: finding.dataset.clone(),
        category: finding.category.clone(),
        tier: finding.tier,
        records: finding.records,
        bytes: finding.bytes,
        subjects: u32::try_from(finding.subjects).unwrap_or(u32::MAX),
        severity: Some(finding.severity),
        finding: Some(finding.id.clone()),
        text: finding.why.clone(),
        ..Entry::at(finding.source.clone())
    }
}

pub fn severity_entry(
    incident: &Incident,
    before: Severity,
    time: EventTime,
    source: Source,
) -> Entry {
    let terms: Vec<String> = incident
        .score_terms
        .iter()
        .filter(|t| t.points > 0.0)
        .map(|t| format!("{} {:.0} ({})", t.term, t.points, t.why))
        .collect();
    let after = incident.severity;
    Entry {
        time,
        kind: EntryKind::Severity,
        action: if after > before { "raised" } else { "lowered" }.to_owned(),
        outcome: after.name().to_owned(),
        severity: Some(after),
        text: format!(
            "severity {before} → {after}, score {}: {}",
            incident.score,
            terms.join(", ")
        ),
        ..Entry::at(source)
    }
}
