//! What each 32 bytes may hold, told by cheap tests of all of them: the beginning of a mark, text in base64, text in
//! UTF-16, random bytes. Here byte by byte.

#![allow(clippy::inline_always, reason = "the tests are compiled again for machines with vectors")]

use super::buckets::{Buckets, TESTED};

/// Bytes of a block.
pub(super) const BLOCK: usize = 32;
/// Bytes that are read of a block and behind it.
pub(super) const READ: usize = BLOCK + TESTED - 1;

/// What a block may hold: a bit for each byte, the lowest for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// The tested bytes of a mark may begin here.
    pub(super) marks: u32,
    /// The byte is a digit of base64.
    pub(super) base64: u32,
    /// The byte is zero.
    pub(super) zeros: u32,
}

impl Signs {
    /// Whether there are twelve digits of base64 in a row.
    #[inline(always)]
    pub(super) fn has_base64(self) -> bool {
        let two = self.base64 & self.base64 >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        eight & eight >> 4 != 0
    }

    /// Whether four characters of UTF-16 stand at a multiple of eight bytes, or one byte behind it.
    #[inline(always)]
    pub(super) fn has_wide(self) -> bool {
        // Every second byte is zero, the others are not: the group is zero here.
        let has_zero = |groups: u32| groups.wrapping_sub(0x0101_0101) & !groups & 0x8080_8080 != 0;
        has_zero(self.zeros ^ 0xaaaa_aaaa) | has_zero(self.zeros ^ 0x5555_5555)
    }

    /// Whether the bytes may be random: neither text nor small numbers.
    #[inline(always)]
    pub(super) fn may_be_random(self) -> bool {
        self.zeros.count_ones() < 12 && self.base64.count_ones() < 24
    }
}

/// The signs of a block, byte by byte.
pub(super) fn plain(block: &[u8; READ], buckets: &Buckets) -> Signs {
    let mut signs = Signs::default();
    if *block == [0; READ] {
        return Signs { zeros: u32::MAX, ..signs };
    }
    let groups = |byte: u8| buckets.whole.get(usize::from(byte)).copied().unwrap_or_default();
    for (number, [a, b, c]) in (0_u32..).zip(block.array_windows::<TESTED>()) {
        let own = 1_u32.wrapping_shl(number);
        let [first, ..] = groups(*a);
        if first != 0 {
            let ([_, second, _], [.., third]) = (groups(*b), groups(*c));
            if first & second & third != 0 {
                signs.marks |= own;
            }
        }
        if is_digit(*a) {
            signs.base64 |= own;
        }
        if *a == 0 {
            signs.zeros |= own;
        }
    }
    signs
}

/// Whether a byte is a digit of base64.
pub(super) fn is_digit(byte: u8) -> bool {
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
            plain(&block, &buckets)
        };
        let text = of(b"a b c d e f g h i j k l m n o p");
        assert_eq!((text.has_base64(), text.has_wide(), text.marks), (false, false, 0));
        let wide = of(b"\0\0\0\0\0\0\0\0t\0o\0k\0e\0");
        assert_eq!((wide.has_wide(), wide.may_be_random()), (true, false));
        assert!(of(b"\0\0\0\0\0\0\0\0\0t\0o\0k\0e\0").has_wide());
        assert!(!of(b"\0\0\0\0t\0o\0k\0e\0").has_wide());
        assert!(of(b"....AbCdEfGh12+/....").has_base64());
        assert!(!of(b"....AbCdEfGh12+.....").has_base64());
        assert!(of(&[0x91; 32]).may_be_random());
        assert!(!of(&[b'a'; 32]).may_be_random());
        assert!(of(b"..ghp_").marks.is_power_of_two());
    }
}
