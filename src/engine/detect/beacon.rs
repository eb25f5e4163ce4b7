//! Small flows from one machine to one external destination, as regular as a clock.

use serde::{Deserialize, Serialize};

use super::destinations::Known;
use super::detector::Judged;
use super::egress::leaving;
use super::mode::Mode;
use crate::engine::model::{Finding, Key, KeyKind, Problems, Window};

/// `[detect.beacon]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BeaconConfig {
    pub mode: Mode,
    /// Flows at regular intervals before it is told.
    pub flows_min: u16,
    /// Bytes that must have left in all of them.
    pub bytes_min: u64,
}

impl Default for BeaconConfig {
    fn default() -> Self {
        Self { mode: Mode::On, flows_min: 30, bytes_min: 64 << 10 }
    }
}

impl BeaconConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require((8..=10_000).contains(&self.flows_min), "detect.beacon.flows_min", || {
            format!("must be 8 to 10000 flows, got {}", self.flows_min)
        });
        problems.require(self.bytes_min <= 1 << 40, "detect.beacon.bytes_min", || {
            format!("must be at most {} bytes, got {}", 1_u64 << 40, self.bytes_min)
        });
    }
}

const SLOTS: usize = 6;
/// Flows within it are one.
const TOGETHER_S: u32 = 5;
/// Intervals that are looked at, in seconds.
const INTERVALS: (f32, f32) = (20.0, 7_200.0);
/// Mean deviation over mean, of intervals and of bytes.
const INTERVAL_SPREAD_MAX: f32 = 0.15;
const BYTES_SPREAD_MAX: f32 = 0.35;
/// A flow's bytes on average: more is no beacon, and `egress` looks at it.
const BYTES_MAX: f32 = 5.0 * 1_048_576.0;
/// Machines beyond which a destination is a service.
const SOURCES_MAX: u32 = 2;
/// Days a destination must have been in use to be an old habit.
const HABIT_DAYS: u16 = 7;
/// Days of the shard before a beacon is told at medium: on the first day everything is new.
const SETTLED_DAYS: u16 = 3;
const LASTS_MIN_S: u32 = 3_600;
const DAY_S: u32 = 86_400;

/// Flows to one destination.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Rhythm {
    destination: u32,
    since_s: u32,
    last_s: u32,
    flows: u16,
    told_day: u16,
    interval: f32,
    interval_spread: f32,
    bytes: f32,
    bytes_spread: f32,
    all_bytes: u64,
}

impl Rhythm {
    /// A flow; true where it is one of its own.
    fn take(&mut self, now_s: u32, bytes: u64) -> bool {
        self.all_bytes = self.all_bytes.saturating_add(bytes);
        let gap = now_s.saturating_sub(self.last_s);
        if gap < TOGETHER_S {
            return false;
        }
        self.last_s = now_s;
        self.flows = self.flows.saturating_add(1);
        let (gap, bytes) = (gap as f32, bytes as f32);
        if self.flows == 1 {
            (self.interval, self.bytes) = (gap, bytes);
            return true;
        }
        // One that was missed is no irregularity; a long silence begins anew.
        let missed = (gap / self.interval.max(1.0)).round();
        let gap = if (2.0..=3.0).contains(&missed) { gap / missed } else { gap };
        if missed > 6.0 {
            let told_day = self.told_day;
            let Self { destination, .. } = *self;
            *self =
                Self { destination, told_day, since_s: now_s, last_s: now_s, ..Self::default() };
            return true;
        }
        let step = 1.0 / f32::from(self.flows.min(60));
        let off = (gap - self.interval).abs().min(self.interval);
        self.interval_spread += step * (off - self.interval_spread);
        self.interval += step * (gap - self.interval);
        self.bytes_spread += step * ((bytes - self.bytes).abs() - self.bytes_spread);
        self.bytes += step * (bytes - self.bytes);
        true
    }

    fn is_regular(&self, config: &BeaconConfig) -> bool {
        self.flows >= config.flows_min
            && self.all_bytes >= config.bytes_min
            && self.last_s.saturating_sub(self.since_s) >= LASTS_MIN_S
            && (INTERVALS.0..=INTERVALS.1).contains(&self.interval)
            && self.interval_spread <= INTERVAL_SPREAD_MAX * self.interval
            && self.bytes <= BYTES_MAX
            && self.bytes_spread <= BYTES_SPREAD_MAX * self.bytes
    }
}

/// The rhythms one machine keeps, the least regular of which gives way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Beacons(Vec<Rhythm>);

impl Beacons {
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Rhythm>()
    }

    fn of(&mut self, destination: u32, now_s: u32) -> usize {
        if let Some(place) = self.0.iter().position(|r| r.destination == destination) {
            return place;
        }
        let fresh = Rhythm { destination, since_s: now_s, last_s: now_s, ..Rhythm::default() };
        if self.0.len() < SLOTS {
            self.0.push(fresh);
            return self.0.len() - 1;
        }
        // Whoever has been silent for long, or else has shown least.
        let worth = |r: &Rhythm| match now_s.saturating_sub(r.last_s) {
            idle if idle as f32 > 6.0 * r.interval.max(60.0) => 0,
            _ => r.flows,
        };
        let place = (0..SLOTS).min_by_key(|&n| worth(&self.0[n])).unwrap_or(0);
        self.0[place] = fresh;
        place
    }
}

pub struct BeaconDetector {
    config: BeaconConfig,
}

impl BeaconDetector {
    pub const NAME: &str = "beacon";

    pub fn new(config: BeaconConfig) -> Self {
        Self { config }
    }

    /// `age_days` is the shard's.
    pub fn observe(
        &self,
        judged: &Judged<'_>,
        beacons: &mut Beacons,
        (destination, known, age_days): (u32, Known, u16),
        findings: &mut Vec<Finding>,
    ) {
        let Some(flow) = &judged.event.flow else { return };
        let Ok(now_s) = u32::try_from(judged.at.millis() / 1_000) else { return };
        let place = beacons.of(destination, now_s);
        let rhythm = &mut beacons.0[place];
        let day = (now_s / DAY_S) as u16;
        // A few bytes of a name server's answer are no outflow.
        let counted =
            rhythm.flows == 0 && rhythm.last_s == now_s || rhythm.take(now_s, flow.bytes_out);
        let rare = known.sources <= SOURCES_MAX && known.age_days < HABIT_DAYS;
        if !counted || !rare || rhythm.told_day == day || !rhythm.is_regular(&self.config) {
            return;
        }
        rhythm.told_day = day;
        let score = if age_days < SETTLED_DAYS { 30 } else { 46 };
        let ip = judged.event.source_ip().unwrap_or("unknown");
        let name = leaving(judged).unwrap_or("an unknown address");
        let why = format!(
            "{ip} sends some {:.1} KiB to {name} every {:.0} s, {} times now within {:.0}% of that; {}",
            rhythm.bytes / 1_024.0,
            rhythm.interval,
            rhythm.flows,
            100.0 * rhythm.interval_spread / rhythm.interval.max(1.0),
            match known.sources {
                1 => "no other machine sends there",
                _ => "one other machine sends there",
            }
        );
        let key = Key { kind: KeyKind::Source, value: ip.to_owned() };
        let mut finding = judged.finding_on(key, Self::NAME, name, score, why);
        let lasts_ms = i64::from(now_s.saturating_sub(rhythm.since_s)) * 1_000;
        finding.window = Window { start: judged.at.minus_ms(lasts_ms), end: judged.at };
        finding.observed = f64::from(rhythm.flows);
        finding.expected = f64::from(self.config.flows_min);
        finding.unit = "regular flows".into();
        finding.bytes = rhythm.all_bytes;
        finding.records = 0;
        finding.attack = vec!["T1071".into(), "T1029".into()];
        findings.push(finding);
    }
}
