//! The part of a time that the modifiers `minute` to `year` look at.

use jiff::civil::{Date, DateTime};

use super::value::{Leaf, Number};
use crate::engine::model::EventTime;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TimePart {
    Minute,
    Hour,
    /// Of the month.
    Day,
    /// ISO 8601 week of the year.
    Week,
    Month,
    Year,
}

/// Numbers from here on are milliseconds since 1970, smaller ones seconds (this many seconds are
/// the year 5138, this many milliseconds 1973).
const MILLIS_FROM: f64 = 1e11;

impl TimePart {
    /// Texts are taken as they are written, whatever their zone; numbers as UTC. `None` for what
    /// is no time.
    pub fn of(self, leaf: Leaf<'_>) -> Option<i16> {
        let time = match leaf {
            Leaf::Text(text) => written(text)?,
            Leaf::Time(time) => civil(time)?,
            Leaf::Number(number) => civil(since_1970(number)?)?,
            Leaf::Null | Leaf::Bool(_) => return None,
        };
        Some(match self {
            Self::Minute => time.minute().into(),
            Self::Hour => time.hour().into(),
            Self::Day => time.day().into(),
            Self::Week => time.date().iso_week_date().week().into(),
            Self::Month => time.month().into(),
            Self::Year => time.year(),
        })
    }
}

fn since_1970(number: Number) -> Option<EventTime> {
    let number = match number {
        Number::Int(number) => number as f64,
        Number::Float(number) => number,
    };
    let seconds = if number.abs() >= MILLIS_FROM { number / 1e3 } else { number };
    EventTime::from_seconds(seconds).ok()
}

fn civil(time: EventTime) -> Option<DateTime> {
    let (year, month, day, hour, minute, second, _) = time.civil();
    let small = |part: u32| i8::try_from(part).ok();
    DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()
}

/// `2026-03-02T09:14…`, with a blank for `T` too, or the date alone.
fn written(text: &str) -> Option<DateTime> {
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i16>().ok())?
    };
    let small = |from: usize| part(from, from + 2).and_then(|part| i8::try_from(part).ok());
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let date = Date::new(part(0, 4)?, small(5)?, small(8)?).ok()?;
    match bytes.get(10) {
        None => Some(date.at(0, 0, 0, 0)),
        Some(b'T' | b't' | b' ') if bytes.get(13) == Some(&b':') => {
            let (hour, minute) = (small(11)?, small(14)?);
            ((0..24).contains(&hour) && (0..60).contains(&minute))
                .then(|| date.at(hour, minute, 0, 0))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(leaf: Leaf<'_>, expected: [i16; 6]) {
        use TimePart::{Day, Hour, Minute, Month, Week, Year};
        let parts = [Year, Month, Week, Day, Hour, Minute].map(|part| part.of(leaf));
        assert_eq!(parts, expected.map(Some), "{leaf:?}");
    }

    #[test]
    fn takes_times_apart() {
        check(Leaf::Text("2026-03-02T23:14:07.123+05:00"), [2026, 3, 10, 2, 23, 14]);
        check(Leaf::Text("2021-01-01 00:59:00"), [2021, 1, 53, 1, 0, 59]);
        check(Leaf::Text("2021-01-01"), [2021, 1, 53, 1, 0, 0]);
        check(Leaf::Number(Number::Float(1_588_206_048.59)), [2020, 4, 18, 30, 0, 20]);
        check(Leaf::Number(Number::Int(1_588_206_048_590)), [2020, 4, 18, 30, 0, 20]);
        check(Leaf::Time(EventTime::default()), [1970, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn knows_what_is_no_time() {
        for text in ["", "noon", "2026-13-01", "2026-03-02T25:00", "2026-03-02X10:00", "é026-03-02"]
        {
            assert_eq!(TimePart::Hour.of(Leaf::Text(text)), None, "{text}");
        }
        assert_eq!(TimePart::Hour.of(Leaf::Null), None);
        assert_eq!(TimePart::Hour.of(Leaf::Number(Number::Float(f64::NAN))), None);
    }
}
