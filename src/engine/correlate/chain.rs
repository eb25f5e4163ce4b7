//! An unusual read, then a large outflow from the same address.
//!
//! Reads and flows come from different partitions, so either may arrive first; the pair is made
//! by event time, whichever comes second.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::engine::detect::{Mode, severity_of};
use crate::engine::model::{EventTime, Finding, IdHasher, Key, KeyKind, Window};

/// Detectors whose findings are the chain's first half.
const UNUSUAL_READS: [&str; 7] = [
    "bulk_read",
    "enumeration",
    "no_actor",
    "unusual_volume",
    "unusual_unexplained",
    "sequence",
    "id_block",
];
/// Findings remembered of one address, and addresses remembered.
const PER_SOURCE_MAX: usize = 16;
const SOURCES_MAX: usize = 100_000;

#[derive(Default)]
struct Recent {
    reads: VecDeque<Finding>,
    outflows: VecDeque<Finding>,
    touched: EventTime,
}

/// Pairs findings by source address.
pub struct Chains {
    recent: HashMap<String, Recent>,
    within_ms: i64,
    mode: Mode,
}

impl Chains {
    pub const NAME: &str = "read_then_outflow";

    pub fn new(within_s: u32, mode: Mode) -> Self {
        Self { recent: HashMap::new(), within_ms: i64::from(within_s) * 1_000, mode }
    }

    /// Takes a finding; the chains it completes: one for each outflow after an unusual read,
    /// whichever of the two came in first.
    pub fn take(&mut self, finding: &Finding) -> Vec<Finding> {
        let is_read = UNUSUAL_READS.contains(&finding.detector.as_ref());
        let is_outflow = finding.detector == "outbound_bytes";
        if self.mode == Mode::Off || !(is_read || is_outflow) {
            return Vec::new();
        }
        let Some(source) = finding.source_ip.clone() else { return Vec::new() };
        if self.recent.len() >= SOURCES_MAX && !self.recent.contains_key(&source) {
            self.forget_oldest();
        }
        let recent = self.recent.entry(source).or_default();
        recent.touched = recent.touched.max(finding.time);
        let mine = if is_read { &mut recent.reads } else { &mut recent.outflows };
        if mine.len() >= PER_SOURCE_MAX {
            mine.pop_front();
        }
        mine.push_back(finding.clone());
        let (within, mode) = (self.within_ms, self.mode);
        let follows =
            |read: &Finding, flow: &Finding| (0..=within).contains(&flow.time.since(read.time));
        let read_before = |flow: &Finding| {
            let reads = recent.reads.iter().filter(|read| follows(read, flow));
            reads.max_by_key(|read| read.score).map(|read| chain(read, flow, mode))
        };
        if is_outflow {
            return read_before(finding).into_iter().collect();
        }
        let flows = recent.outflows.iter().filter(|flow| follows(finding, flow));
        flows.filter_map(read_before).collect()
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.recent.values().map(|r| r.touched).min() else { return };
        let horizon = oldest.plus_ms(self.within_ms);
        self.recent.retain(|_, recent| recent.touched > horizon);
    }
}

/// The id rests on the outflow alone: however many reads went before, it is told once.
fn chain(read: &Finding, flow: &Finding, mode: Mode) -> Finding {
    let source = flow.source_ip.as_deref().unwrap_or("unknown");
    let id = IdHasher::new("finding")
        .part(Chains::NAME.as_bytes())
        .part(source.as_bytes())
        .part(flow.id.as_bytes())
        .finish();
    let minutes = flow.time.since(read.time) / 60_000;
    let mib = flow.bytes as f64 / f64::from(1 << 20);
    let score = (f64::from(read.score) + 22.0 + 4.0 * (mib / 50.0).max(1.0).log2()).min(98.0) as u8;
    let why = format!(
        "{mib:.0} MiB left {source} for external addresses {minutes} min after an unusual read there: {}",
        read.why
    );
    let mut made = Finding {
        id,
        time: flow.time,
        detector: Chains::NAME.into(),
        rule: None,
        severity: severity_of(score),
        score,
        key: match &read.actor {
            Some(actor) => Key { kind: KeyKind::Actor, value: actor.clone() },
            None => Key { kind: KeyKind::Source, value: source.to_owned() },
        },
        window: Window { start: read.window.start, end: flow.window.end },
        observed: flow.bytes as f64,
        expected: flow.expected,
        unit: "bytes".into(),
        bytes: flow.bytes,
        attack: vec!["T1213.006".into(), "T1567".into()],
        why,
        evidence: read.evidence_before(flow.evidence.iter().map(String::as_str)),
        source: flow.source.clone(),
        source_ip: flow.source_ip.clone(),
        // What the shard knew of the address is no part of what is told.
        source_actors: 0,
        ..read.clone()
    };
    mode.shade(&mut made);
    made
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::model::{Severity, Source};

    /// `bulk_read@10` or `outbound_bytes@25`, in minutes.
    fn finding(text: &str) -> Finding {
        let (detector, minute) = text.split_once('@').expect("detector@minute");
        let minute: i64 = minute.parse().expect("a minute");
        let time = EventTime::default().plus_ms(1_800_000_000_000 + minute * 60_000);
        Finding {
            id: text.to_owned(),
            time,
            detector: detector.to_owned().into(),
            rule: None,
            severity: Severity::High,
            score: 60,
            key: Key { kind: KeyKind::Source, value: "10.0.0.1".into() },
            actor: None,
            source_ip: Some("10.0.0.1".into()),
            session: None,
            dataset: None,
            category: None,
            tier: 2,
            window: Window { start: time, end: time },
            observed: 1.0,
            expected: 0.0,
            unit: "bytes".into(),
            subjects: 0,
            records: 0,
            bytes: 50 << 20,
            attack: Vec::new(),
            why: String::new(),
            evidence: vec![text.to_owned()],
            source: Source::Monitor { monitor: "test".into() },
            usual: Vec::new(),
            source_actors: 3,
        }
    }

    /// The outflows that end a chain, whatever order the findings come in.
    fn check(findings: &str, expected: &str) {
        let findings: Vec<Finding> = findings.split_whitespace().map(finding).collect();
        for turn in 0..findings.len() {
            for backwards in [false, true] {
                let mut order = findings.clone();
                order.rotate_left(turn);
                if backwards {
                    order.reverse();
                }
                let mut chains = Chains::new(1_800, Mode::On);
                let made = order.iter().flat_map(|finding| chains.take(finding));
                let made = made.inspect(|chain| assert_eq!(chain.source_actors, 0));
                let told: BTreeSet<String> = made.map(|c| c.evidence[1].clone()).collect();
                let told: Vec<&str> = told.iter().map(String::as_str).collect();
                assert_eq!(told.join(" "), expected, "turned by {turn}, backwards {backwards}");
            }
        }
    }

    #[test]
    fn every_outflow_after_a_read_is_a_chain_in_any_order() {
        check(
            "bulk_read@10 outbound_bytes@25 outbound_bytes@26 bulk_read@12 outbound_bytes@30",
            "outbound_bytes@25 outbound_bytes@26 outbound_bytes@30",
        );
    }

    #[test]
    fn an_outflow_before_the_read_or_long_after_it_is_none() {
        check("bulk_read@40 outbound_bytes@39 outbound_bytes@71", "");
    }
}
