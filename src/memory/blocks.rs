//! Compressed pages of CRIU's development branch (2026), known at second hand. An entry's pages form blocks of N pages,
//! each an LZ4 block of its own. A block of size 0 is zeros and has no bytes. A block of its full size is stored as it
//! is.
//!
//! The entry has had two layouts. In the first, field 6 is a packed list of sizes, 7 their sum, 8 the pages of a block.
//! In the later one, field 6 is a message with the same facts under unknown numbers, so it is read by what its fields
//! can mean.

use prost::encoding::{WireType, decode_key, decode_varint};

use crate::images::proto::PagemapEntry;
use crate::int::{u64_of, usize_of};

/// The blocks of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    /// Size of an inflated block in bytes; the last block may be shorter.
    pub(super) block_bytes: u64,
    /// For each block, its offset from the first block and its stored size.
    places: Vec<(u64, u64)>,
    stored: u64,
}

impl Blocks {
    /// Reads the layout that is consistent with itself. `None` if neither is.
    pub(super) fn from_entry(entry: &PagemapEntry, pages: u64, page_size: u64) -> Option<Self> {
        let field = entry.compressed_size.as_deref()?;
        let first = || {
            let sizes = varints(field)?;
            let pages_per_block = entry.region_pages.filter(|&n| n != 0).unwrap_or(1).into();
            Self::checked(&sizes, pages, pages_per_block, page_size, entry.total_compressed_size, false)
        };
        let has_first_fields = entry.total_compressed_size.is_some() || entry.region_pages.is_some();
        first().or_else(|| if has_first_fields { None } else { Self::of_message(field, pages, page_size) })
    }

    /// The later layout: a list of sizes, and numbers that must be their sum, the pages of a block, and whether blocks
    /// are padded to pages.
    fn of_message(mut bytes: &[u8], pages: u64, page_size: u64) -> Option<Self> {
        let (mut sizes, mut numbers) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            let (_, wire_type) = decode_key(&mut bytes).ok()?;
            match wire_type {
                WireType::Varint => numbers.push(decode_varint(&mut bytes).ok()?),
                WireType::LengthDelimited => {
                    let len = usize_of(decode_varint(&mut bytes).ok()?);
                    let (list, rest) = bytes.split_at_checked(len)?;
                    sizes.extend(varints(list)?);
                    bytes = rest;
                }
                _ => return None,
            }
        }
        // Unpacked sizes are ordinary numbers, so other numbers cannot be distinguished from them.
        let candidates = numbers.iter().copied().chain([1]);
        candidates.filter(|&n| n != 0).find_map(|pages_per_block| {
            [false, true].into_iter().find_map(|padded| {
                let blocks = Self::checked(&sizes, pages, pages_per_block, page_size, None, padded)?;
                numbers.contains(&blocks.stored).then_some(blocks)
            })
        })
    }

    fn checked(
        sizes: &[u64],
        pages: u64,
        pages_per_block: u64,
        page_size: u64,
        total: Option<u64>,
        padded: bool,
    ) -> Option<Self> {
        let block_bytes = pages_per_block.checked_mul(page_size)?;
        if pages.div_ceil(pages_per_block) != u64_of(sizes.len()) || sizes.iter().any(|&size| size > block_bytes) {
            return None;
        }
        let mut stored = 0_u64;
        let mut places = Vec::with_capacity(sizes.len());
        for &size in sizes {
            places.push((stored, size));
            let size = if padded { size.checked_next_multiple_of(page_size)? } else { size };
            stored = stored.checked_add(size)?;
        }
        total.is_none_or(|total| total == stored).then_some(Blocks { block_bytes, places, stored })
    }

    /// Bytes that all blocks occupy in the pages image.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored
    }

    /// The block that contains an offset of the inflated entry: where the block begins in the entry, its offset from
    /// the first block, and its stored size.
    pub(super) fn at(&self, offset: u64) -> Option<(u64, u64, u64)> {
        let number = offset.checked_div(self.block_bytes)?;
        let (stored_at, stored) = *self.places.get(usize_of(number))?;
        Some((number.checked_mul(self.block_bytes)?, stored_at, stored))
    }
}

/// Inflates a block of `size` bytes. `None` if it is damaged.
pub(super) fn inflate(stored: &[u8], size: u64) -> Option<Vec<u8>> {
    let size = usize_of(size);
    if stored.is_empty() {
        return Some(vec![0; size]);
    }
    if stored.len() == size {
        return Some(stored.to_vec());
    }
    let bytes = lz4_flex::block::decompress(stored, size).ok()?;
    (bytes.len() == size).then_some(bytes)
}

/// Reads a packed list of numbers.
fn varints(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        list.push(decode_varint(&mut bytes).ok()?);
    }
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(field: Vec<u8>, total: Option<u64>, region_pages: Option<u32>) -> PagemapEntry {
        PagemapEntry { compressed_size: Some(field), total_compressed_size: total, region_pages, ..Default::default() }
    }

    #[test]
    fn the_first_layout() {
        let blocks = Blocks::from_entry(&entry(vec![100, 0, 0x80, 0x20], Some(4196), None), 3, 4096).unwrap();
        assert_eq!((blocks.stored_bytes(), blocks.block_bytes), (4196, 4096));
        assert_eq!(blocks.at(0), Some((0, 0, 100)));
        assert_eq!(blocks.at(5000), Some((4096, 100, 0)));
        assert_eq!(blocks.at(8192), Some((8192, 100, 4096)));
        assert_eq!(blocks.at(3 * 4096), None);
        let regions = Blocks::from_entry(&entry(vec![100, 50], Some(150), Some(4)), 5, 4096).unwrap();
        assert_eq!(regions.at(16384), Some((16384, 100, 50)));
    }

    #[test]
    fn the_later_layout_under_numbers_that_are_not_known() {
        // { 1: [100, 50], 2: 150, 3: 4 }, and padded: { 1: [100, 50], 2: 8192, 3: 4, 4: true }
        let plain =
            Blocks::from_entry(&entry(vec![0x0a, 2, 100, 50, 0x10, 0x96, 1, 0x18, 4], None, None), 5, 4096).unwrap();
        assert_eq!((plain.stored_bytes(), plain.block_bytes), (150, 16384));
        let padded = vec![0x0a, 2, 100, 50, 0x10, 0x80, 0x40, 0x18, 4, 0x20, 1];
        assert_eq!(Blocks::from_entry(&entry(padded, None, None), 5, 4096).unwrap().at(16384), Some((16384, 4096, 50)));
    }

    #[test]
    fn what_disagrees_with_itself_is_refused() {
        assert_eq!(Blocks::from_entry(&entry(vec![100], Some(100), None), 2, 4096), None, "a size is missing");
        assert_eq!(Blocks::from_entry(&entry(vec![100, 50], Some(151), None), 2, 4096), None, "the sum is wrong");
        assert_eq!(
            Blocks::from_entry(&entry(vec![0x80, 0x40], Some(8192), None), 1, 4096),
            None,
            "larger than its pages"
        );
        assert_eq!(Blocks::from_entry(&entry(vec![0xff], None, None), 1, 4096), None, "no list at all");
    }

    #[test]
    fn blocks_are_inflated_or_refused() {
        let page = [7_u8; 4096];
        assert_eq!(inflate(&lz4_flex::block::compress(&page), 4096).unwrap(), page);
        assert_eq!(inflate(&[], 4096).unwrap(), [0; 4096]);
        assert_eq!(inflate(&page, 4096).unwrap(), page);
        assert_eq!(inflate(&[0xff; 20], 4096), None);
        assert_eq!(inflate(&lz4_flex::block::compress(&page[..100]), 4096), None);
    }
}
