//! One account at two sites sooner than anybody can get from one to the other.

use serde::{Deserialize, Serialize};

use super::baseline::mark;
use super::detector::{Judged, score_for_ratio};
use super::mode::Mode;
use super::travel::{GAP_MAX_S, Travel, Usual};
use crate::engine::model::{ActorType, Finding, Kind, Outcome, Problems, Window};

/// `[detect.impossible_travel]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImpossibleTravelConfig {
    pub mode: Mode,
    /// Seconds between two sites below which it is told at low, until five accounts have shown
    /// how long a change of site takes.
    pub unknown_gap_s: u32,
}

impl Default for ImpossibleTravelConfig {
    fn default() -> Self {
        Self { mode: Mode::On, unknown_gap_s: 600 }
    }
}

impl ImpossibleTravelConfig {
    pub fn check(&self, problems: &mut Problems) {
        problems.require(
            self.unknown_gap_s <= GAP_MAX_S,
            "detect.impossible_travel.unknown_gap_s",
            || format!("must be 0 to {GAP_MAX_S} seconds, got {}", self.unknown_gap_s),
        );
    }
}

/// Where an account was seen last.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct SiteState {
    site: u32,
    seen_s: u32,
    /// Day on which it was told of: what follows that day teaches nobody.
    told_day: u16,
}

impl SiteState {
    /// See `ActorState::glance`.
    pub fn glance(&self) -> u64 {
        u64::from(self.site)
    }
}

pub struct ImpossibleTravel {
    config: ImpossibleTravelConfig,
}

/// A change counts as impossible below this part of what has been seen to do.
const PART: u32 = 2;
/// Of a way that few have made, all ways tell less.
const BASE: [u8; 2] = [42, 52];
const SCORE_MAX: u8 = 78;
const SCORE_UNKNOWN: u8 = 30;
const DAY_S: u32 = 86_400;

impl ImpossibleTravel {
    pub const NAME: &str = "impossible_travel";

    pub fn new(config: ImpossibleTravelConfig) -> Self {
        Self { config }
    }

    pub fn observe(
        &self,
        judged: &Judged<'_>,
        state: &mut SiteState,
        travel: &mut Travel,
        findings: &mut Vec<Finding>,
    ) {
        let event = judged.event;
        let person = judged.facts.actor_type == ActorType::Person;
        let seen = matches!(event.kind, Kind::Access | Kind::Auth);
        let Some(name) = event.source.site.as_deref().filter(|site| !site.is_empty()) else {
            return;
        };
        let in_range = u32::try_from(judged.at.millis() / 1_000).ok();
        let Some(now_s) = in_range.filter(|_| seen && person && !judged.late) else { return };
        if event.outcome != Outcome::Allowed || now_s < state.seen_s {
            return;
        }
        let site = mark(name);
        let (from, gap_s) = (state.site, now_s - state.seen_s);
        (state.site, state.seen_s) = (site, now_s);
        if from == site || from == 0 || gap_s >= GAP_MAX_S {
            if from != site {
                travel.name(site, name);
            }
            return;
        }
        travel.name(site, name);
        let day = (now_s / DAY_S) as u16;
        let usual = travel.usual(from, site);
        let known = usual.is_some_and(|usual| gap_s.saturating_mul(PART) < usual.gap_s);
        let unknown = usual.is_none() && gap_s < self.config.unknown_gap_s;
        let told_today = state.told_day == day;
        if known {
            state.told_day = day;
        } else if !told_today {
            travel.learn(from, site, gap_s, mark(event.actor_id().unwrap_or("")), now_s);
        }
        if (known || unknown) && !told_today {
            state.told_day = day;
            let limit = Some((gap_s, usual));
            findings.extend(limit.map(|limit| self.finding(judged, travel, (from, name), limit)));
        }
    }

    fn finding(
        &self,
        judged: &Judged<'_>,
        travel: &Travel,
        (from, to): (u32, &str),
        (gap_s, usual): (u32, Option<Usual>),
    ) -> Finding {
        let from = travel.name_of(from);
        let (score, usually) = match usual {
            Some(Usual { gap_s: usual_s, of_way }) => {
                let limit = u64::from(gap_s.saturating_mul(PART).max(1));
                let base = BASE[usize::from(of_way)];
                let score = score_for_ratio(base, u64::from(usual_s), limit).min(SCORE_MAX);
                let whose = match of_way {
                    true => "the third-fastest on that way",
                    false => "few have gone that way, and the fifth-fastest on any",
                };
                (score, format!("{whose} took {}", span(usual_s)))
            }
            None => (SCORE_UNKNOWN, "how long that takes is not known yet".to_owned()),
        };
        let why = format!(
            "was at {to} {} after being at {from}; {usually}: the account is used by two, or from elsewhere",
            span(gap_s)
        );
        let variant = format!("{from}>{to}");
        let mut finding = judged.finding(Self::NAME, &variant, score, why);
        let start = judged.at.minus_ms(i64::from(gap_s) * 1_000);
        finding.window = Window { start, end: judged.at };
        finding.observed = f64::from(gap_s);
        let unknown = self.config.unknown_gap_s;
        finding.expected = f64::from(usual.map_or(unknown, |usual| usual.gap_s));
        finding.unit = "seconds".into();
        finding.attack = vec!["T1078".into()];
        finding
    }
}

fn span(seconds: u32) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{:.1} h", f64::from(seconds) / 3_600.0),
    }
}
