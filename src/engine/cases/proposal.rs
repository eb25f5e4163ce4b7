//! The narrowest exception that would have kept an incident's findings quiet.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::engine::detect::Exception;
use crate::engine::model::{EventTime, Finding, FindingId, IncidentId};

/// How long a proposed exception holds.
const HOLDS_MS: i64 = 90 * 86_400_000;

/// An exception, and what it would have held back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    pub exception: Exception,
    /// Findings of this incident it is about.
    pub findings: Vec<FindingId>,
}

/// What an exception would have held back of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hidden {
    pub findings: u64,
    /// With the number of findings each.
    pub incidents: BTreeMap<IncidentId, u64>,
    /// Those of them that were confirmed: where there is one, the exception is refused.
    pub confirmed: Vec<IncidentId>,
}

/// One for each rule or detector that had a part, by every value its findings here share: actor,
/// source and dataset. Findings that share none of them get one by the finding's key each.
pub fn propose(findings: &[Finding], owner: &str, reason: &str, now: EventTime) -> Vec<Proposal> {
    let mut by_origin: BTreeMap<(Option<&str>, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let rule = finding.rule.as_deref();
        by_origin.entry((rule, finding.detector.as_ref())).or_default().push(finding);
    }
    let blank = |rule: Option<&str>, detector: &str| Exception {
        rule: rule.map(str::to_owned),
        detector: rule.is_none().then(|| detector.to_owned()),
        key: None,
        actor: None,
        source: None,
        dataset: None,
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        expires: now.plus_ms(HOLDS_MS),
    };
    let mut proposals = Vec::new();
    for ((rule, detector), findings) in by_origin {
        let mut exception = blank(rule, detector);
        exception.actor = shared(&findings, |finding| finding.actor.as_ref());
        exception.source = shared(&findings, |finding| finding.source_ip.as_ref());
        exception.dataset = shared(&findings, |finding| finding.dataset.as_ref());
        let none = [&exception.actor, &exception.source, &exception.dataset];
        if none.iter().any(|part| part.is_some()) {
            let findings = findings.iter().map(|finding| finding.id.clone()).collect();
            proposals.push(Proposal { exception, findings });
            continue;
        }
        let mut by_key: BTreeMap<&str, Vec<FindingId>> = BTreeMap::new();
        for finding in findings {
            by_key.entry(&finding.key.value).or_default().push(finding.id.clone());
        }
        for (key, findings) in by_key {
            let exception = Exception { key: Some(key.to_owned()), ..blank(rule, detector) };
            proposals.push(Proposal { exception, findings });
        }
    }
    proposals
}

fn shared<'f>(
    findings: &[&'f Finding],
    of: impl Fn(&'f Finding) -> Option<&'f String>,
) -> Option<String> {
    let first = of(findings.first()?)?;
    findings.iter().all(|finding| of(finding) == Some(first)).then(|| first.clone())
}
