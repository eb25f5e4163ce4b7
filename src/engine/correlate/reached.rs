//! How far it got: the stage that was reached, and whether what was read has left the network.
//!
//! Worked out from the findings and the scope whenever somebody asks. The stage is a term of the
//! score; whether it has left is kept nowhere and moves nothing.

use serde::Serialize;

use super::Chains;
use crate::engine::model::{Finding, Incident, Severity};

/// What is below it has no part in the judgement.
const SEVERITY_MIN: Severity = Severity::Low;
/// From here on an outflow after reads is taken for what was read.
const SEVERITY_LIKELY: Severity = Severity::Medium;

/// In the order of a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Getting in and looking about.
    Reconnaissance,
    Collection,
    Staging,
    Exfiltration,
}

impl Stage {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconnaissance => "reconnaissance",
            Self::Collection => "collection",
            Self::Staging => "staging",
            Self::Exfiltration => "exfiltration",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    NoSign,
    Possible,
    Likely,
}

/// Whether what was read has left the network, and what says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftNetwork {
    pub verdict: Verdict,
    pub why: String,
}

impl LeftNetwork {
    /// `likely (477 MiB left 10.30.0.5 …)`
    pub fn sentence(&self) -> String {
        let word = match self.verdict {
            Verdict::NoSign => "no sign",
            Verdict::Possible => "possible",
            Verdict::Likely => "likely",
        };
        format!("{word} ({})", self.why)
    }
}

/// The farthest stage that a technique of the findings belongs to.
pub fn stage(findings: &[Finding]) -> Option<Stage> {
    let counted = findings.iter().filter(|finding| finding.severity >= SEVERITY_MIN);
    let techniques = counted.flat_map(|finding| finding.attack.iter());
    techniques.map(|id| stage_of(id)).max()
}

/// ATT&CK's tactics, four of them; what comes before collection is one stage here.
fn stage_of(technique: &str) -> Stage {
    match technique.split('.').next().unwrap_or_default() {
        "T1011" | "T1020" | "T1029" | "T1030" | "T1041" | "T1048" | "T1052" | "T1537" | "T1567" => {
            Stage::Exfiltration
        }
        "T1074" | "T1560" => Stage::Staging,
        "T1005" | "T1025" | "T1039" | "T1114" | "T1119" | "T1185" | "T1213" | "T1530" | "T1602" => {
            Stage::Collection
        }
        _ => Stage::Reconnaissance,
    }
}

/// *Likely*: data was shown to an address outside, or an outflow of at least medium came from where
/// it was read. *Possible*: any other finding of an outflow. *No sign*: neither, which says nothing
/// of ways out that are not watched.
pub fn left_network(
    incident: &Incident,
    findings: &[Finding],
    is_external: impl Fn(&str) -> bool,
) -> LeftNetwork {
    let personal = incident.datasets.iter().any(|scope| scope.tier > 0 && scope.records > 0);
    let told = |verdict, finding: &Finding| LeftNetwork { verdict, why: finding.why.clone() };
    let outflows = || findings.iter().filter(|finding| is_outflow(finding));
    let strongest = outflows().max_by_key(|finding| {
        (finding.detector == Chains::NAME, finding.score, finding.time, &finding.id)
    });
    if let Some(outflow) = strongest
        && (outflow.detector == Chains::NAME || personal && outflow.severity >= SEVERITY_LIKELY)
    {
        return told(Verdict::Likely, outflow);
    }
    let outside = findings.iter().find_map(|finding| {
        let ip = finding.source_ip.as_deref().filter(|ip| is_external(ip))?;
        (finding.records > 0 && finding.tier > 0).then_some(ip)
    });
    match (outside, strongest) {
        (Some(ip), _) if personal => LeftNetwork {
            verdict: Verdict::Likely,
            why: format!("it was shown to {ip}, an address outside the network"),
        },
        (_, Some(outflow)) => told(Verdict::Possible, outflow),
        _ => LeftNetwork {
            verdict: Verdict::NoSign,
            why: "no finding speaks of an outflow, nor of a reader outside the network".into(),
        },
    }
}

fn is_outflow(finding: &Finding) -> bool {
    matches!(finding.detector.as_ref(), "outbound_bytes" | "egress" | "beacon" | Chains::NAME)
        || finding.attack.iter().any(|id| stage_of(id) == Stage::Exfiltration)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `detector severity technique address` each; records only where the detector reads.
    fn findings(told: &str) -> Vec<Finding> {
        let golden: Vec<Finding> =
            serde_json::from_str(include_str!("../../../tests/golden/findings.json"))
                .expect("findings");
        let one = |(n, text): (usize, &str)| {
            let [detector, severity, technique, ip] =
                text.split(' ').collect::<Vec<_>>().try_into().expect("four words");
            Finding {
                id: n.to_string(),
                severity: serde_json::from_str(&format!("\"{severity}\"")).expect("a severity"),
                records: u64::from(detector == "bulk_read"),
                detector: detector.to_owned().into(),
                attack: vec![technique.to_owned().into()],
                source_ip: Some(ip.to_owned()),
                why: detector.to_owned(),
                tier: 2,
                ..golden[0].clone()
            }
        };
        told.split("; ").enumerate().map(one).collect()
    }

    fn check(told: &str, expected: (Option<Stage>, Verdict, &str)) {
        let incident: Incident =
            serde_json::from_str(include_str!("../../../tests/golden/incident.json")).expect("one");
        assert!(incident.datasets.iter().any(|d| d.tier > 0), "the golden incident read something");
        let findings = findings(told);
        let left = left_network(&incident, &findings, |ip| !ip.starts_with("10."));
        assert_eq!((stage(&findings), left.verdict, left.why.as_str()), expected, "{told}");
    }

    #[test]
    fn reads_alone_give_no_sign() {
        let none = "no finding speaks of an outflow, nor of a reader outside the network";
        check(
            "bulk_read high T1213.006 10.0.0.1; no_case low T1078 10.0.0.1",
            (Some(Stage::Collection), Verdict::NoSign, none),
        );
    }

    #[test]
    fn an_outflow_is_likely_from_medium_on_and_possible_below() {
        let read = "bulk_read high T1213.006 10.0.0.1; outbound_bytes";
        let (end, mail) = (Some(Stage::Exfiltration), "outbound_bytes");
        check(&format!("{read} medium T1567 10.0.0.1"), (end, Verdict::Likely, mail));
        check(&format!("{read} low T1567 10.0.0.1"), (end, Verdict::Possible, mail));
        let early = Some(Stage::Collection);
        check(&format!("{read} informational T1567 10.0.0.1"), (early, Verdict::Possible, mail));
    }

    #[test]
    fn a_read_followed_by_an_outflow_comes_before_all() {
        check(
            "egress critical T1048 10.0.0.1; read_then_outflow high T1567 10.0.0.1",
            (Some(Stage::Exfiltration), Verdict::Likely, "read_then_outflow"),
        );
    }

    #[test]
    fn what_is_shown_to_an_address_outside_has_left() {
        check(
            "bulk_read low T1213 198.51.100.7",
            (
                Some(Stage::Collection),
                Verdict::Likely,
                "it was shown to 198.51.100.7, an address outside the network",
            ),
        );
    }
}
