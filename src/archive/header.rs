//! A tar header: 512 bytes in v7, ustar, GNU or PAX form, as `tar(5)` describes them.

use bstr::{BString, ByteSlice};

/// Size of a header, to which everything is padded.
pub(super) const BLOCK: usize = 512;

/// A block of a tar.
pub(super) type Block = [u8; BLOCK];

/// The fields of a header with a valid checksum.
#[derive(Debug)]
pub(super) struct Header<'a> {
    block: &'a Block,
}

impl<'a> Header<'a> {
    /// Takes a block for a header if its checksum matches. Old tars summed signed bytes, so both sums are accepted.
    pub(super) fn of(block: &'a Block) -> Option<Self> {
        let (before, rest) = block.split_at_checked(148)?;
        let (field, after) = rest.split_at_checked(8)?;
        let spaces = 8 * u64::from(b' ');
        let bytes = || before.iter().chain(after);
        let unsigned = bytes().fold(spaces, |sum, &b| sum.wrapping_add(u64::from(b)));
        // A byte with its top bit set counts 256 less if signed.
        let negative = bytes().filter(|&&b| b >= 0x80).fold(0_u64, |sum, _| sum.wrapping_add(256));
        let signed = unsigned.checked_sub(negative);
        let recorded = number(field)?.try_into().ok()?;
        (unsigned == recorded || signed == Some(recorded)).then_some(Header { block })
    }

    fn field(&self, from: usize, len: usize) -> &'a [u8] {
        self.block.get(from..from.saturating_add(len)).unwrap_or_default()
    }

    /// Whether the header has a magic number in addition to its checksum: POSIX or GNU.
    pub(super) fn has_magic(&self) -> bool {
        self.field(257, 5) == b"ustar"
    }

    fn is_posix(&self) -> bool {
        self.field(257, 6) == b"ustar\0"
    }

    /// The name, after the prefix that POSIX puts before it. The GNU form has other fields in place of the prefix.
    pub(super) fn name(&self) -> BString {
        let name = text(self.field(0, 100));
        let prefix = if self.is_posix() { text(self.field(345, 155)) } else { b"" };
        let mut whole = BString::from(prefix);
        if !prefix.is_empty() {
            whole.push(b'/');
        }
        whole.extend_from_slice(name);
        whole
    }

    pub(super) fn mode(&self) -> Option<u32> {
        u32::try_from(number(self.field(100, 8))?).ok()
    }

    pub(super) fn uid(&self) -> Option<u64> {
        u64::try_from(number(self.field(108, 8))?).ok()
    }

    pub(super) fn gid(&self) -> Option<u64> {
        u64::try_from(number(self.field(116, 8))?).ok()
    }

    /// Size of the contents in bytes; `None` if the field is not a size.
    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(self.field(124, 12))?).ok()
    }

    /// Seconds since 1970; `None` if the field is not a number that can be a time.
    pub(super) fn mtime(&self) -> Option<i64> {
        i64::try_from(number(self.field(136, 12))?).ok()
    }

    /// Major and minor device numbers.
    pub(super) fn device(&self) -> Option<(u32, u32)> {
        let part = |from| u32::try_from(number(self.field(from, 8))?).ok();
        Some((part(329)?, part(337)?))
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    pub(super) fn link(&self) -> BString {
        text(self.field(157, 100)).into()
    }

    /// The part of an old GNU sparse member's header with its map: four regions, whether more follow, and the size.
    pub(super) fn gnu_sparse(&self) -> &'a [u8] {
        self.field(386, 109)
    }
}

/// Text up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split_once_str("\0").map_or(field, |(text, _)| text)
}

/// A number in octal text, or in base 256 if the first bit is set (GNU, for sizes from 8 GiB and times before 1970).
/// Blank is zero. `None` for anything else, and for base 256 beyond 128 bits.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Two's complement, except that the first bit is only a mark: the sign is in the second.
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

    #[test]
    fn a_block_is_a_header_if_its_check_sum_is_right() {
        let mut header = tar::Header::new_ustar();
        header.set_path("checkpoint/core-1.img").unwrap();
        header.set_size(5);
        header.set_mode(0o600);
        header.set_cksum();
        let mut block: Block = *header.as_bytes();
        let parsed = Header::of(&block).unwrap();
        assert_eq!(parsed.name(), "checkpoint/core-1.img");
        assert_eq!((parsed.size(), parsed.mode(), parsed.has_magic()), (Some(5), Some(0o600), true));
        block[0] ^= 1;
        assert!(Header::of(&block).is_none());
        assert!(Header::of(&[0; BLOCK]).is_none(), "zeros are the end mark, not a header");
    }
}
