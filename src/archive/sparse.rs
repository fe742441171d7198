//! Maps of sparse members: which regions of the file are stored, one after the other, and which are holes.

use super::number::{decimal, number};
use crate::int::u64_of;

/// A stored region: `len` bytes that belong at offset `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) at: u64,
    pub(super) len: u64,
}

impl Region {
    /// Regions from a flat list: offset, length, offset, length…
    pub(super) fn pairs(numbers: &[u64]) -> Vec<Region> {
        numbers.chunks_exact(2).filter_map(|pair| Some(Region { at: *pair.first()?, len: *pair.get(1)? })).collect()
    }

    /// Regions in old GNU headers: pairs of twelve-byte numbers. An empty pair ends the list.
    pub(super) fn gnu(fields: &[u8]) -> Option<Vec<Region>> {
        let mut regions = Vec::new();
        for field in fields.chunks_exact(24) {
            if field.first() == Some(&0) {
                break;
            }
            let (at, len) = field.split_at_checked(12)?;
            regions.push(Region { at: number(at)?.try_into().ok()?, len: number(len)?.try_into().ok()? });
        }
        Some(regions)
    }
}

/// Reads the map of PAX form 1.0, which occupies whole blocks before the contents: a count, then offsets and lengths,
/// each in decimal on a line of its own.
#[derive(Debug, Default)]
pub(super) struct MapReader {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl MapReader {
    /// Takes the next block; returns the regions once the map is complete. `Err` if it is not a map.
    pub(super) fn feed(&mut self, block: &[u8]) -> Result<Option<Vec<Region>>, &'static str> {
        for &byte in block {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let number = decimal(&self.line).ok_or("the map is not a list of numbers")?;
            self.line.clear();
            self.numbers.push(number);
            if let Some((&count, pairs)) = self.numbers.split_first()
                && count.checked_mul(2).ok_or("the map has too many regions")? == u64_of(pairs.len())
            {
                return Ok(Some(Region::pairs(pairs)));
            }
        }
        // No number has more digits than this.
        if self.line.len() > 20 { Err("the map is not a list of numbers") } else { Ok(None) }
    }
}

/// Checks whether a map is possible for a member of `size` bytes of which `stored` are stored, and returns what is
/// wrong with it.
pub(super) fn check(regions: &[Region], size: u64, stored: u64) -> Result<(), &'static str> {
    let (mut end, mut taken) = (0_u64, 0_u64);
    for region in regions.iter().filter(|r| r.len > 0) {
        if region.at < end {
            return Err("regions overlap or are out of order");
        }
        end = region
            .at
            .checked_add(region.len)
            .filter(|&end| end <= size)
            .ok_or("a region ends beyond the member's size")?;
        taken = taken.saturating_add(region.len);
    }
    if taken > stored { Err("the regions are longer than the stored bytes") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        let whole = [Region { at: 512, len: 10 }, Region { at: 1024, len: 0 }, Region { at: 4096, len: 20 }];
        assert!(check(&whole, 8192, 30).is_ok());
        let overlap = [Region { at: 0, len: 8192 }, Region { at: 4096, len: 8192 }];
        assert!(check(&overlap, 1 << 20, 1 << 20).is_err());
        assert!(check(&[Region { at: 1 << 30, len: 4096 }], 4096, 4096).is_err());
        assert!(check(&[Region { at: u64::MAX, len: 2 }], u64::MAX, 2).is_err());
        assert!(check(&[Region { at: 0, len: 4096 }], 4096, 512).is_err());
    }

    #[test]
    fn a_map_in_the_contents_is_read_line_by_line() {
        let regions = vec![Region { at: 0, len: 512 }, Region { at: 4096, len: 100 }];
        let mut map = MapReader::default();
        assert_eq!(map.feed(b"2\n0\n512\n40"), Ok(None), "more is needed");
        assert_eq!(map.feed(b"96\n100\n\0\0\0"), Ok(Some(regions)));
        assert_eq!(MapReader::default().feed(b"0\n\0\0"), Ok(Some(vec![])));
        assert!(MapReader::default().feed(b"two\n").is_err());
        assert!(MapReader::default().feed(&[b'1'; 30]).is_err());
    }
}
