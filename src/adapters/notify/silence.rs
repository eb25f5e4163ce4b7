//! Times at which notices are kept back: silences with a beginning and an end, and maintenance
//! windows that come again. Judged by the wall clock, when a notice is due.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::Deserialize;

use super::NotifyConfig;
use super::facts::Facts;
use super::matcher::Matcher;
use crate::engine::model::{EventTime, Problems};

/// `[[notify.silence]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Who answers for it, and why.
    pub owner: String,
    pub reason: String,
    pub from: EventTime,
    pub until: EventTime,
    #[serde(rename = "match")]
    pub matcher: Matcher,
}

/// `[[notify.maintenance]]`: a window that comes again on each of `days`.
#[derive(Clone, Debug, Deserialize)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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

const SILENCE_DAYS_MAX: i64 = 92;
const DAY_MS: i64 = 86_400_000;
const OWNER_MAX: usize = 100;
const REASON_MAX: usize = 500;
const LIST_MAX: usize = 200;

/// A notice is kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub until_ms: i64,
    /// Who keeps it back, and why.
    pub reason: String,
}

/// What keeps this notice back at `now_ms`; the one that ends last.
pub fn kept_back(config: &NotifyConfig, facts: &Facts, sink: &str, now_ms: i64) -> Option<Kept> {
    // What somebody asks for by hand is not kept back.
    if facts.kind == "test" {
        return None;
    }
    let silences = config.silence.iter().filter(|silence| silence.matcher.covers(facts, sink));
    let silences = silences
        .filter(|silence| (silence.from.millis()..silence.until.millis()).contains(&now_ms))
        .map(|silence| Kept {
            until_ms: silence.until.millis(),
            reason: format!(
                "silenced by {} until {}: {}",
                silence.owner, silence.until, silence.reason
            ),
        });
    let windows = config.maintenance.iter().filter(|window| window.matcher.covers(facts, sink));
    let windows = windows.filter_map(|window| {
        let until_ms = window.ends_ms(now_ms)?;
        let until = EventTime::from_millis(until_ms).unwrap_or_default();
        let reason = format!("maintenance of {} until {until}: {}", window.owner, window.reason);
        Some(Kept { until_ms, reason })
    });
    silences.chain(windows).max_by_key(|kept| kept.until_ms)
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
    let sinks: Vec<&str> = config.sink.iter().map(|sink| sink.name.as_str()).collect();
    for (name, count) in
        [("silence", config.silence.len()), ("maintenance", config.maintenance.len())]
    {
        problems.require(count <= LIST_MAX, &format!("notify.{name}"), || {
            format!("must be at most {LIST_MAX}, got {count}")
        });
    }
    for (i, silence) in config.silence.iter().enumerate() {
        let key = format!("notify.silence[{i}]");
        signed(&silence.owner, &silence.reason, &key, problems);
        let length_ms = silence.until.since(silence.from);
        problems.require(
            (1..=SILENCE_DAYS_MAX * DAY_MS).contains(&length_ms),
            &format!("{key}.until"),
            || format!("must be after `from`, by at most {SILENCE_DAYS_MAX} days"),
        );
        silence.matcher.check_silence(&format!("{key}.match"), &sinks, problems);
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

/// Whoever keeps notices back says who they are, and why.
fn signed(owner: &str, reason: &str, key: &str, problems: &mut Problems) {
    for (name, text, chars_max) in [("owner", owner, OWNER_MAX), ("reason", reason, REASON_MAX)] {
        let length = text.trim().chars().count();
        problems.require((1..=chars_max).contains(&length), &format!("{key}.{name}"), || {
            format!("must be 1 to {chars_max} characters, got {length}")
        });
    }
}
