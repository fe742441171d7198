//! Numbers as people read them.

use jiff::Timestamp;

/// A size in bytes: `17 B`, `130.8 KiB`, `1.5 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, rounded half up. Integers are used, as floating point would round some sizes wrongly.
    let mut unit = 1024_u128;
    let mut name = "KiB";
    for next in UNITS {
        name = next;
        if u128::from(bytes) < unit.saturating_mul(1024).saturating_sub(unit / 20) {
            break;
        }
        unit = unit.saturating_mul(1024);
    }
    let tenths = (u128::from(bytes).saturating_mul(10).saturating_add(unit / 2)) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A duration given in microseconds: `870 µs`, `23.4 ms`, `1.8 s`.
pub fn duration(microseconds: u32) -> String {
    let tenths = |unit: u32| {
        let tenths = u64::from(microseconds).saturating_mul(10).saturating_add(u64::from(unit) / 2) / u64::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match microseconds {
        0..1000 => format!("{microseconds} µs"),
        1000..999_950 => format!("{} ms", tenths(1000)),
        _ => format!("{} s", tenths(1_000_000)),
    }
}

/// A time, to the second: `2026-11-23 11:16:51 UTC`.
pub fn moment(time: Timestamp) -> String {
    format!("{} UTC", second(time))
}

/// A time in UTC, to the second, for columns whose title names UTC: `2026-11-23 11:16:51`.
pub fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time in RFC 3339 with nine digits of its fraction, so that texts sort like times:
/// `2026-11-23T11:16:51.250000000Z`.
pub fn instant(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// A count and its noun: `1 thread`, `5 threads`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = match (number, noun) {
        (1, _) => noun.to_owned(),
        (_, noun) if noun.ends_with('s') => format!("{noun}es"),
        (_, noun) => format!("{noun}s"),
    };
    format!("{number} {plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_a_tenth() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (133_939, "130.8 KiB"),
            (1_048_575, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let cases = [(0, "0 µs"), (999, "999 µs"), (23_449, "23.4 ms"), (999_999, "1.0 s"), (1_750_000, "1.8 s")];
        for (microseconds, text) in cases {
            assert_eq!(duration(microseconds), text);
        }
    }

    #[test]
    fn moments_and_counts() {
        assert_eq!(moment("2026-11-23T11:16:51.25Z".parse().unwrap()), "2026-11-23 11:16:51 UTC");
        assert_eq!(instant("2026-11-23T11:16:51.25Z".parse().unwrap()), "2026-11-23T11:16:51.250000000Z");
        assert_eq!((count(1, "process").as_str(), count(2, "process").as_str()), ("1 process", "2 processes"));
        assert_eq!(count(0, "thread"), "0 threads");
    }
}
