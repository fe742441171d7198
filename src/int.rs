//! Conversions between integer widths that cannot lie: they saturate, so a length that does not fit fails the bounds
//! check that follows instead of wrapping into one that passes. Any layer may use it.

/// A count of bytes in memory as a 64-bit number.
pub(crate) fn u64_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A 64-bit number as an index; one that no slice can have where the machine's words are shorter.
pub(crate) fn usize_of(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
