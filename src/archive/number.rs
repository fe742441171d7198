//! Numbers in tars: octal or base 256 in headers, decimal in PAX records.

use bstr::ByteSlice;

/// Parses a number in octal text, or in base 256 if the first bit is set (GNU, for sizes from 8 GiB and times before
/// 1970). Blank is zero. `None` for anything else, and for base 256 beyond 128 bits.
///
/// The number parser of the `tar` crate would hide damage: it keeps only the last 64 bits of base 256, so that a size
/// of 2^64 + 5 bytes is 5, has no sign, reads `+5` as 5, and refuses blank fields, which old tars have.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Two's complement, except that the first bit is only a mark: the sign is the second bit.
        let negative = first & 0x40 != 0;
        let start = i128::from(first & 0x3f).checked_sub(if negative { 0x40 } else { 0 })?;
        return rest.iter().try_fold(start, |n, &b| n.checked_mul(256)?.checked_add(i128::from(b)));
    }
    let digits = field.trim_with(|c| c == ' ' || c == '\0');
    digits.iter().try_fold(0_i128, |n, &b| match b {
        b'0'..=b'7' => n.checked_mul(8)?.checked_add(i128::from(b & 7)),
        _ => None,
    })
}

/// Decimal digits, and nothing else.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |n, &b| match b {
        b'0'..=b'9' => n.checked_mul(10)?.checked_add(u64::from(b & 15)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"twelve bytes"), None);
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(8 << 30));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), Some(i128::from(i64::MAX)));
        assert_eq!(number(b""), None);
    }
}
