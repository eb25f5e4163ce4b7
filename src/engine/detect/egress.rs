//! What leaves a machine, against its own hours and days.

use serde::{Deserialize, Serialize};

use super::baseline::mark;
use super::beacon::Beacons;
use super::destinations::Known;
use super::detector::Judged;
use super::mode::Mode;
use super::state::{Blank, Later};
use crate::engine::model::{Finding, Key, KeyKind, Outcome, Problems, Window};

/// `[detect.egress]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgressConfig {
    pub mode: Mode,
    /// Bytes in an hour or a day, or to a new destination, below which nothing is told.
    pub floor_bytes: u64,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self { mode: Mode::On, floor_bytes: 20 << 20 }
    }
}

impl EgressConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            (1..=1 << 50).contains(&self.floor_bytes),
            "detect.egress.floor_bytes",
            || format!("must be 1 to {} bytes, got {}", 1_u64 << 50, self.floor_bytes),
        );
    }
}

const HOUR_MS: i64 = 3_600_000;
/// What an active hour, and an active day, keep of those before.
const HOUR_KEEP: f32 = 0.995;
const DAY_KEEP: f32 = 0.94;
/// Hours and days before anything is told.
const HOURS_MIN: f32 = 24.0;
const DAYS_MIN: u16 = 3;
const SLOW_DAYS_MIN: u16 = 6;
/// Standard deviations, of a logarithm, beyond which an hour is told.
const Z_TOLD: f32 = 4.0;
const Z_FURTHER: f32 = 1.5;
/// Decades of slow evidence at which a day is told.
const SLOW_TOLD: f32 = 3.0;
/// Alternatives that slow evidence is for, in standard deviations. Source: DETECTORS section 3.
const SHIFTS: [f32; 4] = [0.4, 0.8, 1.3, 2.0];
const DESTINATIONS_MAX: usize = 24;

/// Decayed mean and variance of a logarithm of bytes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Log {
    count: f32,
    sum: f32,
    squares: f32,
}

impl Log {
    fn add(&mut self, x: f32, keep: f32) {
        self.count = self.count * keep + 1.0;
        self.sum = self.sum * keep + x;
        self.squares = self.squares * keep + x * x;
    }

    fn mean(&self) -> f32 {
        self.sum / self.count.max(1e-6)
    }

    /// With eight pseudo-values of a wide prior behind it.
    fn sd(&self) -> f32 {
        let own = (self.squares / self.count.max(1e-6) - self.mean() * self.mean()).max(0.0);
        ((own * self.count + 8.0 * 1.5) / (self.count + 8.0)).max(0.25).sqrt()
    }
}

type ByHour = ([f32; 24], [f32; 24]);

impl Blank for ByHour {
    const BLANK: &'static Self = &([0.0; 24], [0.0; 24]);
}

/// One address that sends to external ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Egress {
    /// Hours since 1970, and what left in this one.
    hour: u32,
    bytes: u64,
    hours: Log,
    /// By hour of day: sum of the logarithms, and how many. From the first whole hour on.
    by_hour: Later<ByHour>,
    day_bytes: u64,
    days: Log,
    active_days: u16,
    /// Slow evidence, as `ln(1 + R)`.
    evidence: f32,
    /// The hour something was told, and how far beyond.
    told: (u32, f32),
    slow_told_day: u16,
    /// Known destinations with the day they were last used.
    known: Box<[(u32, u16)]>,
    /// The newest, the hour, and what went to it then.
    newest: (u32, u32, u64),
    pub(super) beacons: Beacons,
}

/// None until something leaves.
#[derive(Default, Serialize, Deserialize)]
pub struct EgressState(pub Option<Box<Egress>>);

impl EgressState {
    pub fn heap_bytes(&self) -> usize {
        let of = |egress: &Egress| size_of::<Egress>() + egress.known.len() * 8;
        self.0.as_ref().map_or(0, |egress| {
            of(egress) + egress.by_hour.heap_bytes() + egress.beacons.heap_bytes()
        })
    }
}

fn log_of(bytes: u64) -> f32 {
    (bytes as f32 / 1_024.0).ln_1p()
}

pub struct EgressDetector {
    config: EgressConfig,
}

/// The destination of a flow that leaves, by its mark, and what others know of it.
#[derive(Clone, Copy)]
pub struct Destination {
    pub mark: u32,
    pub known: Known,
}

/// Whether bytes leave with the event; the destination's name if so.
pub fn leaving<'e>(judged: &Judged<'e>) -> Option<&'e str> {
    let flow = judged.event.flow.as_ref()?;
    if !judged.facts.leaves || judged.event.outcome == Outcome::Denied || judged.late {
        return None;
    }
    flow.destination.host.as_deref().or(flow.destination.ip.as_deref())
}

impl EgressDetector {
    pub const NAME: &str = "egress";

    pub fn new(config: EgressConfig) -> Self {
        Self { config }
    }

    pub fn observe(
        &self,
        judged: &Judged<'_>,
        egress: &mut Egress,
        to: Destination,
        findings: &mut Vec<Finding>,
    ) {
        let Some(flow) = &judged.event.flow else { return };
        let Ok(hour) = u32::try_from(judged.at.millis() / HOUR_MS) else { return };
        if hour < egress.hour {
            return;
        }
        egress.roll(hour);
        egress.bytes = egress.bytes.saturating_add(flow.bytes_out);
        egress.day_bytes = egress.day_bytes.saturating_add(flow.bytes_out);
        let day = (hour / 24) as u16;
        let is_new = egress.goes_to(to.mark, day);
        if is_new || egress.newest.0 == to.mark && egress.newest.1 == hour {
            let before = if is_new { 0 } else { egress.newest.2 };
            egress.newest = (to.mark, hour, before.saturating_add(flow.bytes_out));
        }
        self.judge_hour(judged, egress, to, findings);
        self.judge_day(judged, egress, day, findings);
    }

    fn judge_hour(
        &self,
        judged: &Judged<'_>,
        egress: &mut Egress,
        to: Destination,
        findings: &mut Vec<Finding>,
    ) {
        let floor = self.config.floor_bytes;
        if egress.bytes < floor || egress.active_days < DAYS_MIN {
            return;
        }
        let (mu, sd) = egress.expected();
        let z = (log_of(egress.bytes) - mu) / sd;
        let (newest, hour, to_it) = egress.newest;
        let fresh = newest == to.mark && hour == egress.hour && to_it >= floor;
        let fresh = fresh && to.known.sources <= 2;
        let unusual = egress.hours.count >= HOURS_MIN && z >= Z_TOLD;
        let beyond = if unusual { z } else { 0.0 };
        let again = egress.told.0 == egress.hour;
        if !(unusual || fresh) || again && beyond < egress.told.1 + Z_FURTHER {
            return;
        }
        egress.told = (egress.hour, beyond.max(0.5));
        let score = match unusual {
            true => (42.0 + 6.0 * (z - Z_TOLD)).min(70.0) + if fresh { 8.0 } else { 0.0 },
            false => 30.0,
        };
        let usual = (mu.exp_m1() * 1_024.0).max(0.0);
        let mut why = format!(
            "{} left {} in one hour; its usual for this hour of day is {}",
            mib(egress.bytes as f64),
            judged.event.source_ip().unwrap_or("unknown"),
            mib(f64::from(usual)),
        );
        if fresh {
            let name = leaving(judged).unwrap_or("an unknown address");
            why +=
                &format!(", and {} went to {name}, where it never sent before", mib(to_it as f64));
        }
        let observed = (egress.bytes, f64::from(usual));
        let start = judged.at.minus_ms(judged.at.millis().rem_euclid(HOUR_MS));
        findings.push(finding(judged, "hour", score as u8, why, (start, observed)));
    }

    /// Many days of a little more.
    fn judge_day(
        &self,
        judged: &Judged<'_>,
        egress: &mut Egress,
        day: u16,
        findings: &mut Vec<Finding>,
    ) {
        let due = egress.slow_told_day == 0 || day >= egress.slow_told_day + 3;
        if egress.active_days < SLOW_DAYS_MIN || egress.day_bytes < self.config.floor_bytes || !due
        {
            return;
        }
        let decades = egress.evidence_with_today() / std::f32::consts::LN_10;
        if decades < SLOW_TOLD {
            return;
        }
        egress.slow_told_day = day;
        let usual = f64::from(egress.days.mean().exp_m1() * 1_024.0);
        let score = (44.0 + 4.0 * (decades - SLOW_TOLD)).min(66.0) as u8;
        let why = format!(
            "more has left {} day after day than its own days before: {} today, and {} on a usual one",
            judged.event.source_ip().unwrap_or("unknown"),
            mib(egress.day_bytes as f64),
            mib(usual),
        );
        let observed = (egress.day_bytes, usual);
        let start = judged.at.minus_ms(judged.at.millis().rem_euclid(24 * HOUR_MS));
        findings.push(finding(judged, "days", score, why, (start, observed)));
    }
}

fn finding(
    judged: &Judged<'_>,
    variant: &str,
    score: u8,
    why: String,
    (start, (bytes, usual)): (crate::engine::model::EventTime, (u64, f64)),
) -> Finding {
    let ip = judged.event.source_ip().unwrap_or("unknown");
    let key = Key { kind: KeyKind::Source, value: ip.to_owned() };
    let mut finding = judged.finding_on(key, EgressDetector::NAME, variant, score, why);
    finding.window = Window { start, end: judged.at };
    (finding.observed, finding.expected) = (bytes as f64, usual);
    finding.unit = "bytes".into();
    finding.bytes = bytes;
    finding.records = 0;
    finding.attack = vec!["T1048".into()];
    finding
}

fn mib(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

/// A destination as it is remembered.
pub fn mark_of(name: &str) -> u32 {
    mark(name)
}

impl Egress {
    /// Learns from the hour, and the day, that have ended.
    fn roll(&mut self, hour: u32) {
        if hour == self.hour {
            return;
        }
        if self.bytes > 0 {
            let x = log_of(self.bytes);
            let known = self.hours.count >= HOURS_MIN;
            let x = if known { x.min(self.hours.mean() + 3.0 * self.hours.sd()) } else { x };
            self.hours.add(x, HOUR_KEEP);
            let of_day = self.hour as usize % 24;
            let (sums, counts) = &mut *self.by_hour;
            sums[of_day] = sums[of_day] * 0.97 + x;
            counts[of_day] = counts[of_day] * 0.97 + 1.0;
        }
        if hour / 24 != self.hour / 24 && self.day_bytes > 0 {
            self.evidence = self.evidence_with_today();
            let x = log_of(self.day_bytes);
            let most = match self.days.count >= 3.0 {
                true => self.days.mean() + 3.0 * self.days.sd(),
                false => f32::MAX,
            };
            // A ramp must not be learned as fast as it goes.
            if self.evidence < 1.5 {
                self.days.add(x.min(most), DAY_KEEP);
            }
            self.active_days = self.active_days.saturating_add(1);
            self.day_bytes = 0;
        }
        (self.hour, self.bytes) = (hour, 0);
    }

    fn expected(&self) -> (f32, f32) {
        let of_day = self.hour as usize % 24;
        let (sum, count) = (self.by_hour.0[of_day], self.by_hour.1[of_day]);
        let mean = self.hours.mean();
        (mean + (sum - count * mean) / (count + 4.0), self.hours.sd())
    }

    /// Shiryaev-Roberts over days, today as it stands among them.
    fn evidence_with_today(&self) -> f32 {
        if self.days.count < 3.0 {
            return 0.0;
        }
        let z = ((log_of(self.day_bytes) - self.days.mean()) / self.days.sd()).clamp(-4.0, 3.0);
        let ratio = SHIFTS.iter().map(|d| (d * z - d * d / 2.0).exp()).sum::<f32>();
        (self.evidence.exp() * ratio / SHIFTS.len() as f32).ln_1p().min(60.0)
    }

    /// True where it was never gone to before, in as long as is remembered.
    fn goes_to(&mut self, mark: u32, day: u16) -> bool {
        if let Some(known) = self.known.iter_mut().find(|known| known.0 == mark) {
            known.1 = day;
            return false;
        }
        let mut known = std::mem::take(&mut self.known).into_vec();
        if known.len() >= DESTINATIONS_MAX {
            let oldest = (0..known.len()).min_by_key(|&n| known[n].1).unwrap_or(0);
            known.swap_remove(oldest);
        }
        known.reserve_exact(1);
        known.push((mark, day));
        self.known = known.into_boxed_slice();
        self.active_days >= DAYS_MIN
    }
}
