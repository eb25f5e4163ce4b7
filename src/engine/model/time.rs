//! Event time: when something happened, by the clock of the system that saw it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. May be negative. Arithmetic saturates.
///
/// Printed and stored as RFC 3339 in UTC with three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// Why a time was not understood. Never carries the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("not an RFC 3339 time with zone")]
    Format,
    #[error("no zone: RFC 3339 wants Z or +hh:mm")]
    NoZone,
    #[error("outside the years 0001 to 9999")]
    Range,
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: what RFC 3339 can print.
const MILLIS_MIN: i64 = -62_135_596_800_000;
const MILLIS_MAX: i64 = 253_402_300_799_999;

impl EventTime {
    pub const MIN: Self = Self(MILLIS_MIN);
    pub const MAX: Self = Self(MILLIS_MAX);

    /// Fails outside the years that RFC 3339 can print.
    pub fn from_millis(millis: i64) -> Result<Self, TimeError> {
        if (MILLIS_MIN..=MILLIS_MAX).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimeError::Range)
        }
    }

    /// From seconds with a fraction, as Zeek writes them.
    pub fn from_seconds(seconds: f64) -> Result<Self, TimeError> {
        if !seconds.is_finite() {
            return Err(TimeError::Range);
        }
        Self::from_millis((seconds * 1e3).round() as i64)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn plus_ms(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(MILLIS_MIN, MILLIS_MAX))
    }

    #[must_use]
    pub fn minus_ms(self, millis: i64) -> Self {
        self.plus_ms(millis.saturating_neg())
    }

    /// `self - earlier`, in milliseconds; negative when `earlier` is later.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with a zone: `2026-03-02T09:14:07.123Z`, `…+01:00`; `t`, `z` and a space
    /// for `T` are accepted as the RFC allows. Decimals beyond the millisecond are cut off.
    /// A leap second counts as the second before it.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let b = text.as_bytes();
        if let Some(time) = b.try_into().ok().and_then(Self::parse_usual) {
            return Ok(time);
        }
        if b.len() < 19 || b[4] != b'-' || b[7] != b'-' || b[13] != b':' || b[16] != b':' {
            return Err(TimeError::Format);
        }
        if !matches!(b[10], b'T' | b't' | b' ') {
            return Err(TimeError::Format);
        }
        let year = digits(&b[0..4])?;
        let (month, day) = (digits(&b[5..7])?, digits(&b[8..10])?);
        let (hour, minute, second) =
            (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..19])?);
        let seconds = seconds_of([year, month, day], [hour, minute, second]);
        let seconds = seconds.ok_or(TimeError::Format)?;
        let (millis, rest) = fraction(&b[19..])?;
        let offset_minutes = zone(rest)?;
        Self::from_millis((seconds - offset_minutes * 60) * 1_000 + millis)
    }

    /// `2026-03-02T09:14:07.123Z`, as most systems write it, all its bytes looked at in one go; none
    /// for anything else.
    fn parse_usual(b: &[u8; 24]) -> Option<Self> {
        let marks = [b[4] ^ b'-', b[7] ^ b'-', b[10] ^ b'T', b[13] ^ b':', b[16] ^ b':']
            .into_iter()
            .chain([b[19] ^ b'.', b[23] ^ b'Z']);
        let mut wrong = marks.fold(0, |wrong, mark| wrong | mark);
        let mut digit = |at: usize| {
            let digit = b[at].wrapping_sub(b'0');
            wrong |= u8::from(digit > 9);
            i64::from(digit)
        };
        let mut two = |at: usize| digit(at) * 10 + digit(at + 1);
        let date = [two(0) * 100 + two(2), two(5), two(8)];
        let clock = [two(11), two(14), two(17)];
        let millis = two(20) * 10 + digit(22);
        if wrong != 0 {
            return None;
        }
        Self::from_millis(seconds_of(date, clock)? * 1_000 + millis).ok()
    }

    /// Year, month, day, hour, minute, second, millisecond, in UTC.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let days = self.0.div_euclid(86_400_000);
        let in_day = self.0.rem_euclid(86_400_000);
        let (year, month, day) = civil_from_days(days);
        let second = in_day / 1_000;
        (
            year,
            month as u32,
            day as u32,
            (second / 3_600) as u32,
            (second / 60 % 60) as u32,
            (second % 60) as u32,
            (in_day % 1_000) as u32,
        )
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, milli) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.millis())
        }
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            Self::parse(&text).map_err(serde::de::Error::custom)
        } else {
            Self::from_millis(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
        }
    }
}

fn digits(bytes: &[u8]) -> Result<i64, TimeError> {
    bytes.iter().try_fold(0_i64, |n, b| match b {
        b'0'..=b'9' => Ok(n * 10 + i64::from(b - b'0')),
        _ => Err(TimeError::Format),
    })
}

/// Seconds since 1970 of a date and a time of day, none where there is no such.
fn seconds_of([year, month, day]: [i64; 3], [hour, minute, second]: [i64; 3]) -> Option<i64> {
    let in_range = year >= 1
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    let days = in_range.then(|| days_from_civil(year, month, day))?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second.min(59))
}

/// Milliseconds of `.123456…`, and what follows it.
fn fraction(bytes: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let Some((b'.' | b',', decimals)) = bytes.split_first() else {
        return Ok((0, bytes));
    };
    let length = decimals.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 {
        return Err(TimeError::Format);
    }
    let kept = &decimals[..length.min(3)];
    let millis = digits(kept)? * [100, 10, 1][kept.len() - 1];
    Ok((millis, &decimals[length..]))
}

/// Minutes east of UTC.
fn zone(bytes: &[u8]) -> Result<i64, TimeError> {
    match bytes {
        [] => Err(TimeError::NoZone),
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return Err(TimeError::Format);
            }
            let offset = hours * 60 + minutes;
            Ok(if *sign == b'-' { -offset } else { offset })
        }
        _ => Err(TimeError::Format),
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date.
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`], same source.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match EventTime::parse(text) {
            Ok(time) => time.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_utc_and_offsets() {
        check("2026-03-02T09:14:07.123Z", "2026-03-02T09:14:07.123Z");
        check("2026-03-02T09:14:07+05:30", "2026-03-02T03:44:07.000Z");
        check("2026-03-02t09:14:07.5-0100", "2026-03-02T10:14:07.500Z");
        check("2024-02-29 23:59:60.999999Z", "2024-02-29T23:59:59.999Z");
        check("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn refuses_what_is_no_instant() {
        check("2026-03-02T09:14:07", "no zone: RFC 3339 wants Z or +hh:mm");
        check("2026-02-30T00:00:00Z", "not an RFC 3339 time with zone");
        check("2026-03-02T24:00:00Z", "not an RFC 3339 time with zone");
        check("2026-03-02T09:14:07.Z", "not an RFC 3339 time with zone");
        check("yesterday at around nine", "not an RFC 3339 time with zone");
        check("0001-01-01T00:00:00+01:00", "outside the years 0001 to 9999");
        check("", "not an RFC 3339 time with zone");
    }

    #[test]
    fn agrees_with_jiff_over_four_centuries() {
        for step in 0..4_000_i64 {
            let millis = -6_000_000_000_000 + step * 3_155_695_201;
            let time = EventTime::from_millis(millis).expect("in range");
            let theirs = jiff::Timestamp::from_millisecond(millis).expect("in range");
            assert_eq!(EventTime::parse(&theirs.to_string()), Ok(time));
            assert_eq!(EventTime::parse(&time.to_string()), Ok(time));
        }
    }
}
