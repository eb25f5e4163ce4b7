//! How long there is to tell an authority.

use serde::{Deserialize, Serialize};

use super::act::Resolution;
use super::case::Case;
use crate::engine::model::{EventTime, Problems};

const HOUR_MS: f64 = 3_600_000.0;
const REGIMES_MAX: usize = 50;
const PHASES_MAX: usize = 10;
const CONTENTS_MAX: usize = 30;

/// A law or rule under which somebody has to be told.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    pub id: String,
    pub name: String,
    pub law: String,
    /// Who has to be told.
    pub recipient: String,
    #[serde(default)]
    pub note: String,
    /// What it wants told beyond what every draft has.
    #[serde(default)]
    pub contents: Vec<String>,
    pub phase: Vec<Phase>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub id: String,
    pub name: String,
    pub within: Within,
    /// The phase whose notification starts this one; awareness where it is absent.
    #[serde(default)]
    pub after: Option<String>,
    /// Hours before the end at which it is warned of.
    pub warn_h: f64,
}

/// `72 h` or `1 month`; a month is one of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Within {
    Hours(u32),
    Months(u32),
}

impl TryFrom<String> for Within {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.split_once(' ').and_then(|(n, unit)| Some((n.parse().ok()?, unit)));
        match parts {
            Some((n @ 1..=8_784, "h")) => Ok(Self::Hours(n)),
            Some((n @ 1..=24, "month" | "months")) => Ok(Self::Months(n)),
            _ => Err(format!("must be such as `72 h` or `1 month`, got `{text}`")),
        }
    }
}

impl Within {
    fn after(self, start: EventTime) -> EventTime {
        match self {
            Self::Hours(hours) => start.plus_ms(i64::from(hours) * HOUR_MS as i64),
            Self::Months(months) => later(start, months).unwrap_or(EventTime::MAX),
        }
    }
}

/// The same day so many months on, or the last day of that month.
fn later(start: EventTime, months: u32) -> Option<EventTime> {
    let (year, month, day, hour, minute, second, milli) = start.civil();
    let month = month - 1 + months;
    let (year, month) = (year + i64::from(month / 12), month % 12 + 1);
    (day.saturating_sub(3)..=day).rev().find_map(|day| {
        let date = format!("{year:04}-{month:02}-{day:02}");
        EventTime::parse(&format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")).ok()
    })
}

/// The regimes a file names.
#[derive(Clone, Debug, PartialEq)]
pub struct Regimes(Vec<Regime>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    regime: Vec<Regime>,
}

impl Default for Regimes {
    /// Those that come with Tidewaiter; a test reads them.
    fn default() -> Self {
        Self::parse(include_str!("regimes.toml")).unwrap_or(Self(Vec::new()))
    }
}

impl Regimes {
    /// Reads a file's text (TOML, `[[regime]]` tables).
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let list = match toml::from_str::<File>(text) {
            Ok(file) => file.regime,
            Err(error) => {
                problems.add("regimes", error.message());
                return Err(problems);
            }
        };
        problems.require((1..=REGIMES_MAX).contains(&list.len()), "regime", || {
            format!("must be 1 to {REGIMES_MAX}, got {}", list.len())
        });
        for (i, regime) in list.iter().enumerate() {
            let place = format!("regime[{i}]");
            let twice = list[..i].iter().any(|other| other.id == regime.id);
            problems.require(is_id(&regime.id) && !twice, &format!("{place}.id"), || {
                format!("must be a-z, 0-9 and _, and no other's, got `{}`", regime.id)
            });
            regime.check(&place, &mut problems);
        }
        problems.into_result()?;
        Ok(Self(list))
    }

    pub fn list(&self) -> &[Regime] {
        &self.0
    }

    pub fn get(&self, id: &str) -> Option<&Regime> {
        self.0.iter().find(|regime| regime.id == id)
    }

    /// What people call a regime; its id where it is none of these.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.get(id).map_or(id, |regime| &regime.name)
    }

    /// The same of one of its phases.
    pub fn phase_name<'a>(&'a self, id: &str, phase: &'a str) -> &'a str {
        let mut phases = self.get(id).into_iter().flat_map(|regime| &regime.phase);
        phases.find(|known| known.id == phase).map_or(phase, |known| &known.name)
    }

    /// Every clock the case has started, in the order of the regimes and their phases.
    pub fn clocks(&self, case: &Case, now: EventTime) -> Vec<Clock> {
        self.0.iter().flat_map(|regime| regime.clocks(case, now)).collect()
    }
}

impl Regime {
    fn check(&self, place: &str, problems: &mut Problems) {
        problems.require(self.contents.len() <= CONTENTS_MAX, &format!("{place}.contents"), || {
            format!("must be at most {CONTENTS_MAX}, got {}", self.contents.len())
        });
        let phases = &self.phase;
        problems.require(
            (1..=PHASES_MAX).contains(&phases.len()),
            &format!("{place}.phase"),
            || format!("must be 1 to {PHASES_MAX}, got {}", phases.len()),
        );
        for (i, phase) in phases.iter().enumerate() {
            let place = format!("{place}.phase[{i}]");
            let twice = phases[..i].iter().any(|other| other.id == phase.id);
            problems.require(is_id(&phase.id) && !twice, &format!("{place}.id"), || {
                format!("must be a-z, 0-9 and _, and no other's, got `{}`", phase.id)
            });
            problems.require(
                (0.0..=8_784.0).contains(&phase.warn_h),
                &format!("{place}.warn_h"),
                || format!("must be 0 to 8784 hours, got {}", phase.warn_h),
            );
            if let Some(after) = &phase.after {
                let known = phases[..i].iter().any(|other| other.id == *after);
                problems.require(known, &format!("{place}.after"), || {
                    format!("must name a phase above, got `{after}`")
                });
            }
        }
    }

    fn clocks(&self, case: &Case, now: EventTime) -> Vec<Clock> {
        let aware = case.aware.iter().filter(|aware| aware.regimes.contains(&self.id));
        let Some(aware) = aware.map(|aware| aware.at).min() else { return Vec::new() };
        let clock = |phase: &Phase| {
            let told = case.told(&self.id, &phase.id).map(|told| told.at);
            let started = match &phase.after {
                None => Some(aware),
                Some(before) => case.told(&self.id, before).map(|told| told.at),
            };
            let due = started.map(|started| phase.within.after(started));
            let state = match case.resolution {
                Some(Resolution::TruePositive) | None => state(due, told, now, phase.warn_h),
                Some(_) => ClockState::Void,
            };
            let runs =
                matches!(state, ClockState::Running | ClockState::Warned | ClockState::Overdue);
            Clock {
                regime: self.id.clone(),
                regime_name: self.name.clone(),
                law: self.law.clone(),
                recipient: self.recipient.clone(),
                phase: phase.id.clone(),
                phase_name: phase.name.clone(),
                state,
                started,
                due,
                notified: told,
                seconds_left: due.filter(|_| runs).map(|due| due.since(now).div_euclid(1_000)),
            }
        };
        self.phase.iter().map(clock).collect()
    }
}

fn state(
    due: Option<EventTime>,
    told: Option<EventTime>,
    now: EventTime,
    warn_h: f64,
) -> ClockState {
    match (due, told) {
        (Some(due), Some(told)) if told > due => ClockState::Late,
        (_, Some(_)) => ClockState::Met,
        (None, None) => ClockState::Waiting,
        (Some(due), None) if now > due => ClockState::Overdue,
        (Some(due), None) if due.since(now) as f64 <= warn_h * HOUR_MS => ClockState::Warned,
        (Some(_), None) => ClockState::Running,
    }
}

fn is_id(id: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&id.len()) && id.bytes().all(legal)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Begins when the phase before it was notified.
    Waiting,
    Running,
    /// Runs out soon.
    Warned,
    Overdue,
    /// Notified in time.
    Met,
    /// Notified after it had run out: reasons have to be given.
    Late,
    /// The incident was resolved as no breach.
    Void,
}

/// One phase of one regime, for one incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clock {
    pub regime: String,
    pub regime_name: String,
    pub law: String,
    pub recipient: String,
    pub phase: String,
    pub phase_name: String,
    pub state: ClockState,
    pub started: Option<EventTime>,
    pub due: Option<EventTime>,
    pub notified: Option<EventTime>,
    /// Below 0 where it is overdue; none where it does not run.
    pub seconds_left: Option<i64>,
}

impl Clock {
    pub fn runs(&self) -> bool {
        self.seconds_left.is_some()
    }
}
