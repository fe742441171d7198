//! The value of a condition, read once as each type that a column may have.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Why a text is not a value of some type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is something else.
    Other,
    /// It is a number, but too large.
    TooLarge,
}

/// The value of a condition.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) text: String,
    pub(super) integer: Result<i128, Wrong>,
    /// The number, if it is one at all. For numbers with a fraction, and for large ones.
    pub(super) decimal: Option<f64>,
    pub(super) hexadecimal: Result<u64, Wrong>,
    pub(super) boolean: Option<bool>,
    /// The time from which and to which it goes.
    pub(super) period: Option<(Timestamp, Timestamp)>,
}

impl Operand {
    pub(super) fn of(text: &str) -> Self {
        Operand {
            text: text.to_owned(),
            integer: integer(text),
            decimal: text.parse().ok().filter(|number: &f64| number.is_finite()),
            hexadecimal: hexadecimal(text),
            boolean: boolean(text),
            period: period(text),
        }
    }
}

/// The time from which and to which a text goes: a day, a minute, a second, or a nanosecond, in UTC unless it says.
fn period(text: &str) -> Option<(Timestamp, Timestamp)> {
    let time = text.split_once(['T', 't', ' ']).map(|(_, time)| time.trim_end_matches(['Z', 'z']));
    let length = match time {
        None => Span::new().hours(24),
        Some(time) if time.contains('.') => Span::new().nanoseconds(1),
        Some(time) if time.split(['+', '-']).next().unwrap_or_default().matches(':').count() < 2 => {
            Span::new().minutes(1)
        }
        Some(_) => Span::new().seconds(1),
    };
    let in_utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
    let start = text.parse::<Timestamp>().ok().or_else(in_utc)?;
    Some((start, start.checked_add(length).unwrap_or(Timestamp::MAX)))
}

fn integer(text: &str) -> Result<i128, Wrong> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    i128::from_str_radix(digits, radix).map_err(|_| wrong(digits.trim_start_matches(['-', '+']), radix))
}

fn hexadecimal(text: &str) -> Result<u64, Wrong> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| wrong(digits, 16))
}

/// Why digits are not a number that is kept.
fn wrong(digits: &str, radix: u32) -> Wrong {
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if is_number { Wrong::TooLarge } else { Wrong::Other }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_too_large_is_a_number() {
        let large = "9".repeat(50);
        assert_eq!(integer(&large), Err(Wrong::TooLarge));
        assert_eq!(integer(&format!("-{large}")), Err(Wrong::TooLarge));
        assert_eq!(integer(&format!("0x{}", "f".repeat(40))), Err(Wrong::TooLarge));
        assert_eq!(hexadecimal("0x10000000000000000"), Err(Wrong::TooLarge));
        assert_eq!((integer("0xff"), integer("-1"), hexadecimal("ff")), (Ok(255), Ok(-1), Ok(255)));
        for text in ["", "-", "0x", "one", "1.5", "1 2"] {
            assert_eq!(integer(text), Err(Wrong::Other), "{text}");
        }
        assert_eq!((hexadecimal("0x"), hexadecimal("xyz")), (Err(Wrong::Other), Err(Wrong::Other)));
    }

    #[test]
    fn what_is_no_time_has_no_period() {
        for wrong in ["yesterday", "1", "2026-13-45", ""] {
            assert_eq!(period(wrong), None, "{wrong}");
        }
    }
}
