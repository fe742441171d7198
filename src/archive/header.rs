//! A tar header: 512 bytes in v7, ustar, GNU or PAX form, as `tar(5)` describes them.

use std::mem::offset_of;

use bstr::{BString, ByteSlice};
use tar::{EntryType, GnuHeader, UstarHeader};

use super::number::number;

/// Size of a header, and the unit to which everything is padded.
pub(super) const BLOCK: usize = 512;

/// A block of a tar.
pub(super) type Block = [u8; BLOCK];

/// The fields of a header whose checksum is right.
///
/// The fields are those of [`tar::Header`]. Its own numbers are not used, because they lose what is wrong: see
/// [`number`]. Nor are its views of the ustar and GNU forms, which are refused if the version field is not exactly the
/// one of the standard.
pub(super) struct Header<'a> {
    raw: &'a tar::Header,
}

impl<'a> Header<'a> {
    /// Takes a block as a header if its checksum is right. Old tars summed signed bytes, so both sums count.
    pub(super) fn parse(block: &'a Block) -> Option<Self> {
        const FIELD: usize = offset_of!(UstarHeader, cksum);
        let raw = tar::Header::from_byte_slice(block);
        let (before, rest) = block.split_at_checked(FIELD)?;
        let after = rest.get(raw.as_old().cksum.len()..)?;
        let spaces = 8 * u64::from(b' ');
        let bytes = || before.iter().chain(after);
        let unsigned = bytes().fold(spaces, |sum, &b| sum.wrapping_add(u64::from(b)));
        // A byte with its top bit set counts 256 less if signed.
        let negative = bytes().filter(|&&b| b >= 0x80).fold(0_u64, |sum, _| sum.wrapping_add(256));
        let signed = unsigned.checked_sub(negative);
        let recorded = number(&raw.as_old().cksum)?.try_into().ok()?;
        (unsigned == recorded || signed == Some(recorded)).then_some(Header { raw })
    }

    /// Bytes of a field that only some forms have.
    fn field(&self, from: usize, len: usize) -> &'a [u8] {
        self.raw.as_bytes().get(from..from.saturating_add(len)).unwrap_or_default()
    }

    fn magic(&self) -> &'a [u8] {
        self.field(offset_of!(UstarHeader, magic), 6)
    }

    /// Whether the header has the magic of POSIX or GNU, and so is one beyond its checksum.
    pub(super) fn has_magic(&self) -> bool {
        self.magic().starts_with(b"ustar")
    }

    /// The name, with the prefix that POSIX puts before it. GNU's form has other fields in the prefix's place.
    pub(super) fn name(&self) -> BString {
        let name = text(&self.raw.as_old().name);
        let is_posix = self.magic() == b"ustar\0";
        let prefix = if is_posix { text(self.field(offset_of!(UstarHeader, prefix), 155)) } else { b"" };
        let mut whole = BString::from(prefix);
        if !prefix.is_empty() {
            whole.push(b'/');
        }
        whole.extend_from_slice(name);
        whole
    }

    pub(super) fn mode(&self) -> Option<u32> {
        u32::try_from(number(&self.raw.as_old().mode)?).ok()
    }

    pub(super) fn uid(&self) -> Option<u64> {
        u64::try_from(number(&self.raw.as_old().uid)?).ok()
    }

    pub(super) fn gid(&self) -> Option<u64> {
        u64::try_from(number(&self.raw.as_old().gid)?).ok()
    }

    /// Bytes of the contents. `None` if the field is not a size.
    pub(super) fn size(&self) -> Option<u64> {
        u64::try_from(number(&self.raw.as_old().size)?).ok()
    }

    /// Seconds since 1970. `None` if the field is not a number that can be a time.
    pub(super) fn mtime(&self) -> Option<i64> {
        i64::try_from(number(&self.raw.as_old().mtime)?).ok()
    }

    /// Major and minor device numbers.
    pub(super) fn device(&self) -> Option<(u32, u32)> {
        let part = |from| u32::try_from(number(self.field(from, 8))?).ok();
        Some((part(offset_of!(UstarHeader, dev_major))?, part(offset_of!(UstarHeader, dev_minor))?))
    }

    pub(super) fn entry_type(&self) -> EntryType {
        self.raw.entry_type()
    }

    pub(super) fn link(&self) -> BString {
        text(&self.raw.as_old().linkname).into()
    }

    /// The part of an old GNU sparse member's header with its map: four regions, whether more follow, and the size.
    pub(super) fn gnu_sparse(&self) -> &'a [u8] {
        self.field(offset_of!(GnuHeader, sparse), 4 * 24 + 1 + 12)
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
    fn a_block_is_a_header_if_its_checksum_is_right() {
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
