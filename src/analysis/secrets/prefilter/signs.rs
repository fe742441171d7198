//! What each 64 bytes may hold, told by cheap tests of all of them: the beginning of a mark, text in base64, text in
//! UTF-16. Here byte by byte.

#![allow(clippy::inline_always, reason = "the tests are compiled again for machines with vectors")]

use super::buckets::{Buckets, TESTED};

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Bytes that are read of a block and behind it.
pub(super) const READ: usize = BLOCK + TESTED - 1;

/// What the bytes of a block are: a bit for each, the lowest for the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    /// The tested bytes of a mark may begin here.
    pub(super) marks: u64,
    /// The byte is a digit of base64.
    pub(super) base64: u64,
    /// The byte is an upper-case letter or a number, of which text in base64 has many and a long word few.
    pub(super) capitals: u64,
    /// The byte is zero.
    pub(super) zeros: u64,
}

/// Not zero if there are twelve digits of base64 in a row, and no long word of lower-case letters. Like [`wide`], it is
/// made of numbers instead of booleans, so that nothing branches and many blocks are tested at once.
#[inline(always)]
pub(super) fn base64(digits: u64, capitals: u64) -> u64 {
    let two = digits & digits >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    // All ones if there is any.
    let has_capitals = ((capitals | capitals.wrapping_neg()) >> 63).wrapping_neg();
    eight & eight >> 4 & has_capitals
}

/// Not zero if four characters of UTF-16 stand at a multiple of eight bytes, or one byte behind it.
#[inline(always)]
pub(super) fn wide(zeros: u64) -> u64 {
    // Every second byte is zero, the others are not: the group is zero here.
    let has_zero = |groups: u64| groups.wrapping_sub(0x0101_0101_0101_0101) & !groups & 0x8080_8080_8080_8080;
    has_zero(zeros ^ 0xaaaa_aaaa_aaaa_aaaa) | has_zero(zeros ^ 0x5555_5555_5555_5555)
}

/// The bits of a block, byte by byte.
pub(super) fn plain(block: &[u8; READ], buckets: &Buckets) -> Bits {
    let mut bits = Bits::default();
    if block.iter().all(|byte| *byte == 0) {
        return Bits { zeros: u64::MAX, ..bits };
    }
    let groups = |byte: u8| buckets.whole.get(usize::from(byte)).copied().unwrap_or_default();
    for (number, [a, b, c]) in (0_u32..).zip(block.array_windows::<TESTED>()) {
        let own = 1_u64.wrapping_shl(number);
        let [first, ..] = groups(*a);
        if first != 0 {
            let ([_, second, _], [.., third]) = (groups(*b), groups(*c));
            if first & second & third != 0 {
                bits.marks |= own;
            }
        }
        if is_digit(*a) {
            bits.base64 |= own;
        }
        if a.is_ascii_uppercase() || a.is_ascii_digit() {
            bits.capitals |= own;
        }
        if *a == 0 {
            bits.zeros |= own;
        }
    }
    bits
}

/// Whether bytes may be random: neither text nor small numbers.
pub(super) fn may_be_random(bytes: &[u8; 32]) -> bool {
    let count = |is: fn(u8) -> bool| bytes.iter().filter(|byte| is(**byte)).count();
    count(|byte| byte == 0) < 12 && count(is_digit) < 24
}

/// Whether a byte is a digit of base64.
pub(super) const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::super::buckets::choose;
    use super::*;

    #[test]
    fn signs_are_what_their_names_say() {
        let (buckets, _) = choose(&[(b"ghp_", false)]);
        let of = |text: &[u8]| {
            let mut block = [0; READ];
            block[..text.len()].copy_from_slice(text);
            let bits = plain(&block, &buckets);
            (bits.marks, base64(bits.base64, bits.capitals) != 0, wide(bits.zeros) != 0)
        };
        assert_eq!(of(b"a b c d e f g h i j k l m n o p"), (0, false, false));
        assert_eq!(of(b"\0\0\0\0\0\0\0\0t\0o\0k\0e\0"), (0, false, true));
        assert_eq!(of(b"\0\0\0\0\0\0\0\0\0t\0o\0k\0e\0"), (0, false, true));
        assert_eq!(of(b"\0\0\0\0t\0o\0k\0e\0"), (0, false, false));
        assert_eq!(of(b"....AbCdEfGh12+/...."), (0, true, false));
        assert_eq!(of(b"....AbCdEfGh12+....."), (0, false, false));
        assert_eq!(of(b"....abcdefghijklmnop"), (0, false, false));
        assert!(of(b"..ghp_").0.is_power_of_two());
        assert!(may_be_random(&[0x91; 32]) && !may_be_random(&[b'a'; 32]) && !may_be_random(&[0; 32]));
    }
}
