//! Times at which notices are kept back: silences with a beginning and an end, and maintenance
//! windows that come again. Judged by the wall clock, when a notice is due.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};

use super::NotifyConfig;
use super::facts::Facts;
use crate::adapters::store::KeptSilence;
use crate::adapters::telemetry::SilencesKept;
use crate::engine::cases::{Matcher, Silence, SilenceState, signed};
use crate::engine::model::{EventTime, Incident, Problems};

/// `[[notify.maintenance]]`: a window that comes again on each of `days`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    pub owner: String,
    pub reason: String,
    /// Days on which it begins; none for every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// `02:00`; an end that is not after the beginning is on the next day.
    pub from: String,
    pub until: String,
    /// Whose clock: `Europe/Amsterdam`.
    #[serde(default = "utc")]
    pub zone: String,
    #[serde(rename = "match")]
    pub matcher: Matcher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

fn utc() -> String {
    "UTC".to_owned()
}

const LIST_MAX: usize = 200;

/// A notice is kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub until_ms: i64,
    /// Who keeps it back, and why.
    pub reason: String,
    /// Of the store; none for one of the configuration.
    pub silence: Option<String>,
}

/// What keeps this notice back at `now_ms`; the one that ends last. `silences` are those of the
/// store, `incident` is what the notice is about, as it is now.
pub fn kept_back(
    config: &NotifyConfig,
    silences: &[KeptSilence],
    facts: &Facts,
    incident: Option<&Incident>,
    sink: &str,
    now_ms: i64,
) -> Option<Kept> {
    // What somebody asks for by hand is not kept back, nor is a legal deadline.
    if facts.kind == "test" || facts.clock.is_some() {
        return None;
    }
    let noticed = facts.noticed(incident, sink);
    let holds = |silence: &Silence, until: EventTime, id: Option<&str>| {
        let now = (silence.from.millis()..until.millis()).contains(&now_ms);
        (now && silence.matcher.covers(&noticed)).then(|| Kept {
            until_ms: until.millis(),
            reason: format!("silenced by {} until {until}: {}", silence.owner, silence.reason),
            silence: id.map(str::to_owned),
        })
    };
    let configured = config.silence.iter().filter_map(|one| holds(one, one.until, None));
    let stored =
        silences.iter().filter_map(|kept| holds(&kept.silence, kept.ends(), Some(&kept.id)));
    let windows = config.maintenance.iter().filter(|window| window.matcher.covers(&noticed));
    let windows = windows.filter_map(|window| {
        let until_ms = window.ends_ms(now_ms)?;
        let until = EventTime::from_millis(until_ms).unwrap_or_default();
        let reason = format!("maintenance of {} until {until}: {}", window.owner, window.reason);
        Some(Kept { until_ms, reason, silence: None })
    });
    configured.chain(stored).chain(windows).max_by_key(|kept| kept.until_ms)
}

/// What keeps notices back at `now`; `stored` are the store's silences, active and pending.
pub fn kept_now(config: &NotifyConfig, stored: (u64, u64), now: EventTime) -> SilencesKept {
    let (mut active, mut pending) = stored;
    for silence in &config.silence {
        match SilenceState::at(now, silence.from, silence.until) {
            SilenceState::Active => active += 1,
            SilenceState::Pending => pending += 1,
            SilenceState::Expired => {}
        }
    }
    let open = config.maintenance.iter().filter(|window| window.ends_ms(now.millis()).is_some());
    SilencesKept { active, pending, windows: open.count() as u64 }
}

impl Maintenance {
    /// When the window that is open at `now_ms` ends.
    fn ends_ms(&self, now_ms: i64) -> Option<i64> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned_datetime(zone.clone());
        let (from, until) = (clock(&self.from)?, clock(&self.until)?);
        // It began today, or yesterday and goes over midnight.
        let days = [Some(now.date()), now.date().yesterday().ok()];
        days.into_iter().flatten().find_map(|day| {
            if !self.days.is_empty() && !self.days.iter().any(|d| d.weekday() == day.weekday()) {
                return None;
            }
            let last = if until > from { day } else { day.tomorrow().ok()? };
            let at = |date: jiff::civil::Date, time: Time| -> Option<ZonedDateTime> {
                date.to_datetime(time).to_zoned_datetime(zone.clone()).ok()
            };
            let (start, end) = (at(day, from)?, at(last, until)?);
            (start <= now && now < end).then(|| end.timestamp().as_millisecond())
        })
    }
}

fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

impl Day {
    const fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

pub(super) fn check(config: &NotifyConfig, problems: &mut Problems) {
    let sinks = config.sink_names();
    for (name, count) in
        [("silence", config.silence.len()), ("maintenance", config.maintenance.len())]
    {
        problems.require(count <= LIST_MAX, &format!("notify.{name}"), || {
            format!("must be at most {LIST_MAX}, got {count}")
        });
    }
    for (i, silence) in config.silence.iter().enumerate() {
        let key = format!("notify.silence[{i}]");
        silence.check(&key, &sinks, problems);
    }
    for (i, window) in config.maintenance.iter().enumerate() {
        let key = format!("notify.maintenance[{i}]");
        signed(&window.owner, &window.reason, &key, problems);
        for (name, time) in [("from", &window.from), ("until", &window.until)] {
            problems.require(clock(time).is_some(), &format!("{key}.{name}"), || {
                format!("must be a time such as 02:00, got `{time}`")
            });
        }
        problems.require(window.from != window.until, &format!("{key}.until"), || {
            "must differ from `from`: a window must not last all day".into()
        });
        problems.require(TimeZone::get(&window.zone).is_ok(), &format!("{key}.zone"), || {
            format!(
                "there is no time zone `{}` on this system; such as Europe/Amsterdam or UTC",
                window.zone
            )
        });
        window.matcher.check_silence(&format!("{key}.match"), &sinks, problems);
    }
}
