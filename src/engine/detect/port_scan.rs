//! Connections sought in vain, to many ports of one machine or to one port of many.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::destinations::Destinations;
use super::detector::{Judged, score_for_ratio};
use super::egress::mark_of;
use super::ladder::Ladder;
use super::mode::Mode;
use super::state::SourceState;
use crate::engine::model::{Finding, Key, KeyKind, Kind, Outcome, Problems, Window};

/// `[detect.port_scan]`: refused or unanswered within 10 min.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortScanConfig {
    pub mode: Mode,
    /// Ports of one machine.
    pub ports_max: u64,
    /// Machines on one port.
    pub hosts_max: u64,
}

impl Default for PortScanConfig {
    fn default() -> Self {
        Self { mode: Mode::On, ports_max: 15, hosts_max: 10 }
    }
}

impl PortScanConfig {
    pub fn check(&self, problems: &mut Problems) {
        for (key, value) in [
            ("detect.port_scan.ports_max", self.ports_max),
            ("detect.port_scan.hosts_max", self.hosts_max),
        ] {
            problems.require((4..=256).contains(&value), key, || {
                format!("must be 4 to 256 in 10 minutes, got {value}")
            });
        }
    }
}

const SPAN_S: u32 = 600;
/// Attempts remembered of a source, the latest: as many as the largest limit needs to be doubled.
const TRIED_MAX: usize = 512;
/// The Internet knocks at every door all day long: seen in lists, pages nobody.
const OUTSIDER_SCORE: u8 = 12;

/// The last attempt at one port of one machine.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Tried {
    at_s: u32,
    host: u32,
    port: u16,
}

#[derive(Default, Serialize, Deserialize)]
struct Scan {
    /// In the order they came.
    tried: VecDeque<Tried>,
    ports_told: Ladder,
    hosts_told: Ladder,
}

impl Scan {
    fn take(&mut self, now: Tried) {
        let over = |tried: &Tried| now.at_s.saturating_sub(tried.at_s) > SPAN_S;
        while self.tried.front().is_some_and(over) {
            self.tried.pop_front();
        }
        if self.tried.is_empty() {
            *self = Self::default();
        }
        let same = |tried: &Tried| (tried.host, tried.port) == (now.host, now.port);
        if let Some(place) = self.tried.iter().position(same) {
            self.tried.remove(place);
        } else if self.tried.len() >= TRIED_MAX {
            self.tried.pop_front();
        }
        self.tried.push_back(now);
    }

    fn count(&self, now: Tried, is_counted: impl Fn(&Tried) -> bool) -> u64 {
        let lasts = |tried: &&Tried| now.at_s.saturating_sub(tried.at_s) <= SPAN_S;
        self.tried.iter().filter(lasts).filter(|tried| is_counted(tried)).count() as u64
    }
}

/// None until a connection came to nothing.
#[derive(Default, Serialize, Deserialize)]
pub struct ScanState(Option<Box<Scan>>);

impl ScanState {
    pub fn heap_bytes(&self) -> usize {
        let of = |scan: &Scan| size_of::<Scan>() + scan.tried.capacity() * size_of::<Tried>();
        self.0.as_deref().map_or(0, of)
    }
}

pub struct PortScan {
    config: PortScanConfig,
}

impl PortScan {
    pub const NAME: &str = "port_scan";

    pub fn new(config: PortScanConfig) -> Self {
        Self { config }
    }

    pub fn observe(
        &self,
        judged: &Judged<'_>,
        state: &mut SourceState,
        destinations: &Destinations,
        findings: &mut Vec<Finding>,
    ) {
        let event = judged.event;
        let Some(flow) = event.flow.as_ref().filter(|_| event.kind == Kind::Network) else {
            return;
        };
        if event.outcome == Outcome::Allowed || judged.late {
            return;
        }
        let to = &flow.destination;
        let (Some(port), Some(name)) = (to.port, to.ip.as_deref().or(to.host.as_deref())) else {
            return;
        };
        let Ok(at_s) = u32::try_from(judged.at.millis() / 1_000) else { return };
        // What others reach on other days is no new door: the line is down.
        let day = (at_s / 86_400) as u16;
        let known_as = to.host.as_deref().unwrap_or(name);
        if judged.facts.leaves && destinations.is_in_use(mark_of(known_as), day) {
            return;
        }
        let now = Tried { at_s, host: mark_of(name), port };
        let scan = state.scan.0.get_or_insert_default();
        scan.take(now);
        let ports = scan.count(now, |tried| tried.host == now.host);
        let hosts = scan.count(now, |tried| tried.port == now.port);
        // Fewer at another machine or port is no end of it: that is where a span has none.
        let climbs = |told: &mut Ladder, count, limit| count >= limit && told.climb(count, limit);
        let (ports_max, hosts_max) = (self.config.ports_max, self.config.hosts_max);
        let ip = event.source_ip().unwrap_or("unknown");
        if climbs(&mut scan.ports_told, ports, ports_max) {
            let what = format!("{ports} ports of {name}");
            findings.push(told(judged, ip, "ports", (ports, ports_max), &what));
        }
        if climbs(&mut scan.hosts_told, hosts, hosts_max) {
            let what = format!("port {port} of {hosts} machines");
            findings.push(told(judged, ip, "machines", (hosts, hosts_max), &what));
        }
    }
}

fn told(
    judged: &Judged<'_>,
    ip: &str,
    unit: &'static str,
    (observed, limit): (u64, u64),
    what: &str,
) -> Finding {
    let outsider = judged.facts.outsider;
    let score = if outsider { OUTSIDER_SCORE } else { score_for_ratio(45, observed, limit) };
    let why = format!(
        "{ip}{} sought connections in vain to {what} in 10 min; {limit} are already unusual",
        if outsider { ", an address outside," } else { "" },
    );
    let key = Key { kind: KeyKind::Source, value: ip.to_owned() };
    let mut finding = judged.finding_on(key, PortScan::NAME, unit, score, why);
    let start = judged.at.minus_ms(i64::from(SPAN_S) * 1_000);
    finding.window = Window { start, end: judged.at };
    finding.observed = observed as f64;
    finding.expected = limit as f64;
    finding.unit = unit.into();
    finding.records = 0;
    finding.attack = vec!["T1046".into()];
    finding
}
