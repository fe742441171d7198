//! One tar header: 512 bytes of v7, ustar, GNU or PAX form, as `tar(5)` describes them.

use bstr::{BString, ByteSlice};

use super::number::number;

/// Size of a header and of everything's padding.
pub(super) const BLOCK: usize = 512;

/// A block of a tar.
pub(super) type Block = [u8; BLOCK];

/// The fields of a header whose check sum is right.
#[derive(Debug)]
pub(super) struct Header<'a> {
    block: &'a Block,
}

impl<'a> Header<'a> {
    /// Takes a block for a header if its check sum says so. Old tars summed signed bytes, so both sums count.
    pub(super) fn parse(block: &'a Block) -> Option<Self> {
        let (before, rest) = block.split_at_checked(148)?;
        let (field, after) = rest.split_at_checked(8)?;
        let spaces = 8 * u64::from(b' ');
        let bytes = || before.iter().chain(after);
        let unsigned = bytes().fold(spaces, |sum, &b| sum.wrapping_add(u64::from(b)));
        // A byte with its top bit set counts 256 less when signed.
        let negative = bytes().filter(|&&b| b >= 0x80).fold(0_u64, |sum, _| sum.wrapping_add(256));
        let signed = unsigned.checked_sub(negative);
        let recorded = number(field)?.try_into().ok()?;
        (unsigned == recorded || signed == Some(recorded)).then_some(Header { block })
    }

    fn field(&self, from: usize, len: usize) -> &'a [u8] {
        self.block.get(from..from.saturating_add(len)).unwrap_or_default()
    }

    /// Whether the header says that it is one, beyond its check sum: POSIX or GNU.
    pub(super) fn has_magic(&self) -> bool {
        self.field(257, 5) == b"ustar"
    }

    fn is_posix(&self) -> bool {
        self.field(257, 6) == b"ustar\0"
    }

    /// The name, with the prefix that POSIX puts before it. GNU's form keeps other things at the prefix's place.
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

    /// Bytes of the contents; `None` if the field holds no size.
    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(self.field(124, 12))?).ok()
    }

    /// Seconds since 1970; `None` if the field holds no number that could be a time.
    pub(super) fn mtime(&self) -> Option<i64> {
        i64::try_from(number(self.field(136, 12))?).ok()
    }

    /// Major and minor number of a device.
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

    /// The part of an old GNU sparse member's header that holds its map: four regions, whether more follow, the size.
    pub(super) fn gnu_sparse(&self) -> &'a [u8] {
        self.field(386, 109)
    }
}

/// Text up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split_once_str("\0").map_or(field, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_header_if_its_check_sum_is_right() {
        let mut header = tar::Header::new_ustar();
        header.set_path("checkpoint/core-1.img").unwrap();
        header.set_size(5);
        header.set_mode(0o600);
        header.set_cksum();
        let mut block: Block = *header.as_bytes();
        let parsed = Header::parse(&block).unwrap();
        assert_eq!(parsed.name(), "checkpoint/core-1.img");
        assert_eq!((parsed.size(), parsed.mode(), parsed.has_magic()), (Some(5), Some(0o600), true));
        block[0] ^= 1;
        assert!(Header::parse(&block).is_none());
        assert!(Header::parse(&[0; BLOCK]).is_none(), "zeros are the end mark, not a header");
    }
}
