//! Bytes that leave the agency's networks, by source address.

use serde::{Deserialize, Serialize};

use super::detector::{Detector, Judged, score_for_ratio};
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::SourceState;
use super::window::Ring;
use crate::engine::model::{Finding, Key, KeyKind, Outcome, Problems, Window};

/// `[detect.outbound_bytes]`: to external addresses, within 30 min.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundConfig {
    pub mode: Mode,
    /// Told at informational, so that an unusual read before it can be joined to it.
    pub notice_bytes: u64,
    /// Told at medium.
    pub alert_bytes: u64,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self { mode: Mode::On, notice_bytes: 50 << 20, alert_bytes: 2 << 30 }
    }
}

impl OutboundConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            self.notice_bytes > 0 && self.notice_bytes <= self.alert_bytes,
            "detect.outbound_bytes.notice_bytes",
            || {
                format!(
                    "must be 1 to alert_bytes ({}), got {}",
                    self.alert_bytes, self.notice_bytes
                )
            },
        );
    }
}

/// 10 panes of 3 min.
const PANE_MS: i64 = 180_000;
const SPAN_MS: i64 = 1_800_000;

#[derive(Default, Serialize, Deserialize)]
struct Outflow {
    ring: Ring<10>,
    noticed: Ladder,
    alerted: Ladder,
}

#[derive(Default, Serialize, Deserialize)]
pub struct OutboundState(Option<Box<Outflow>>);

impl OutboundState {
    pub fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |outflow| size_of::<Outflow>() + outflow.ring.heap_bytes())
    }
}

pub struct OutboundBytes {
    config: OutboundConfig,
}

impl OutboundBytes {
    pub const NAME: &str = "outbound_bytes";

    pub fn new(config: OutboundConfig) -> Self {
        Self { config }
    }
}

impl Detector<SourceState> for OutboundBytes {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn observe(&self, judged: &Judged<'_>, state: &mut SourceState, findings: &mut Vec<Finding>) {
        let Some(flow) = &judged.event.flow else { return };
        if !judged.facts.leaves || judged.event.outcome == Outcome::Denied {
            return;
        }
        let outflow = state.outbound.0.get_or_insert_default();
        let pane = judged.at.millis() / PANE_MS;
        outflow.ring.advance(pane);
        if !outflow.ring.covers(pane) && !judged.late {
            outflow.ring = Ring::default();
            outflow.ring.advance(pane);
        }
        outflow.ring.add(pane, 1, flow.bytes_out, 0);
        let bytes = outflow.ring.bytes();
        let noticed = outflow.noticed.climb(bytes, self.config.notice_bytes);
        let alerted = outflow.alerted.climb(bytes, self.config.alert_bytes);
        if !noticed && !alerted {
            return;
        }
        let (score, limit) = if alerted {
            (score_for_ratio(45, bytes, self.config.alert_bytes), self.config.alert_bytes)
        } else {
            (12, self.config.notice_bytes)
        };
        let ip = judged.event.source_ip().unwrap_or("unknown");
        let destination = flow.destination.host.as_deref().or(flow.destination.ip.as_deref());
        let why = format!(
            "{:.1} MiB left {ip} for external addresses in 30 min ({} {}); {:.0} MiB are unusual, last to {}",
            bytes as f64 / (1 << 20) as f64,
            outflow.ring.records(),
            if outflow.ring.records() == 1 { "flow" } else { "flows" },
            limit as f64 / (1 << 20) as f64,
            destination.unwrap_or("an unknown address"),
        );
        let key = Key { kind: KeyKind::Source, value: ip.to_owned() };
        let mut finding = judged.finding_on(key, Self::NAME, "", score, why);
        finding.window = Window { start: judged.at.minus_ms(SPAN_MS), end: judged.at };
        finding.observed = bytes as f64;
        finding.expected = limit as f64;
        finding.unit = "bytes".into();
        finding.bytes = bytes;
        finding.records = 0;
        finding.attack = vec!["T1567".into()];
        findings.push(finding);
    }
}
