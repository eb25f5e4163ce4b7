//! Numbers of a record, brought into the range the engine counts in.

use super::{Refusal, Str, json::Scalar};

/// The largest count kept: beyond it JSON numbers stop being exact.
pub const COUNT_MAX: u64 = 1 << 53;

/// What a number means as a count, and whether it had to be brought into range.
///
/// Fractions are cut off; below 0 counts as 0, above [`COUNT_MAX`] as [`COUNT_MAX`].
pub fn count_of(number: &str) -> (u64, bool) {
    let bytes = number.as_bytes();
    if bytes.len() <= 15 && bytes.iter().all(u8::is_ascii_digit) {
        let value = bytes.iter().fold(0_u64, |n, byte| n * 10 + u64::from(byte - b'0'));
        return (value, false);
    }
    count_of_odd(number)
}

#[cold]
fn count_of_odd(number: &str) -> (u64, bool) {
    let Ok(number) = serde_json::from_str::<serde_json::Number>(number) else {
        return (0, true);
    };
    match (number.as_u64(), number.as_f64()) {
        (Some(value), _) => (value.min(COUNT_MAX), value > COUNT_MAX),
        (None, Some(value)) if value < 0.0 => (0, true),
        (None, Some(value)) if value > COUNT_MAX as f64 => (COUNT_MAX, true),
        (None, Some(value)) => (value as u64, false),
        (None, None) => (0, true),
    }
}

/// Counts in a record: how many were out of range is kept beside them.
#[derive(Debug, Default)]
pub struct Counts {
    pub saturated: u32,
}

impl Counts {
    /// `default` where the field is absent or null.
    pub fn read(
        &mut self,
        scalar: &Scalar<'_>,
        field: &'static str,
        default: u64,
    ) -> Result<u64, Refusal> {
        match scalar {
            Scalar::Absent | Scalar::Null => Ok(default),
            Scalar::Number(number) => {
                let (value, out_of_range) = count_of(number);
                self.saturated += u32::from(out_of_range);
                Ok(value)
            }
            _ => Err(Refusal::WrongType(field)),
        }
    }

    /// A port; out of range counts as saturated and leaves none.
    pub fn port(
        &mut self,
        scalar: &Scalar<'_>,
        field: &'static str,
    ) -> Result<Option<u16>, Refusal> {
        let Scalar::Number(number) = scalar else {
            return self.read(scalar, field, 0).map(|_| None);
        };
        let (value, out_of_range) = count_of(number);
        let port = u16::try_from(value).ok().filter(|_| !out_of_range);
        self.saturated += u32::from(port.is_none());
        Ok(port)
    }
}

/// The decimal text of an integer that fits 64 bits, signed or not.
pub fn integer_text(number: &str) -> Option<Str<'_>> {
    let fits = number != "-0" && (number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok());
    fits.then_some(Str::Borrowed(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: &str, expected: (u64, bool)) {
        assert_eq!(count_of(number), expected, "{number}");
    }

    #[test]
    fn counts_and_saturates() {
        check("0", (0, false));
        check("1834", (1834, false));
        check("12.9", (12, false));
        check("1.5e3", (1500, false));
        check("5e-1", (0, false));
        check("-0", (0, false));
        check("-1", (0, true));
        check("-0.5", (0, true));
        check("9007199254740992", (COUNT_MAX, false));
        check("9007199254740993", (COUNT_MAX, true));
        check("18446744073709551616", (COUNT_MAX, true));
        check("1e300", (COUNT_MAX, true));
    }
}
