//! An unusual read, then a large outflow from the same address.
//!
//! Reads and flows come from different partitions, so either may arrive first; the pair is made
//! by event time, whichever comes second.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::engine::detect::severity_of;
use crate::engine::model::{EventTime, Finding, IdHasher, Key, KeyKind, Window};

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
}

impl Chains {
    pub const NAME: &str = "read_then_outflow";

    pub fn new(within_s: u32) -> Self {
        Self { recent: HashMap::new(), within_ms: i64::from(within_s) * 1_000 }
    }

    /// Takes a finding; the chain it completes, if any.
    pub fn take(&mut self, finding: &Finding) -> Option<Finding> {
        let is_read = matches!(finding.detector.as_ref(), "bulk_read" | "enumeration" | "no_actor");
        let is_outflow = finding.detector == "outbound_bytes";
        if !is_read && !is_outflow {
            return None;
        }
        let source = finding.source_ip.clone()?;
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
        let within = self.within_ms;
        let follows =
            |read: &Finding, flow: &Finding| (0..=within).contains(&flow.time.since(read.time));
        if is_read {
            let flow = recent
                .outflows
                .iter()
                .filter(|flow| follows(finding, flow))
                .max_by_key(|f| f.bytes)?;
            Some(chain(finding, flow))
        } else {
            let read = recent
                .reads
                .iter()
                .filter(|read| follows(read, finding))
                .max_by_key(|r| r.score)?;
            Some(chain(read, finding))
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.recent.values().map(|r| r.touched).min() else { return };
        let horizon = oldest.plus_ms(self.within_ms);
        self.recent.retain(|_, recent| recent.touched > horizon);
    }
}

/// The id rests on the outflow alone: however many reads went before, it is told once.
fn chain(read: &Finding, flow: &Finding) -> Finding {
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
    Finding {
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
        evidence: vec![read.id.clone(), flow.id.clone()],
        source: flow.source.clone(),
        source_ip: flow.source_ip.clone(),
        ..read.clone()
    }
}
