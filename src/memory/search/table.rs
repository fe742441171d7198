//! Finds thousands of literals with a sorted list. At each place in memory, a filter tells whether any can begin there.
//! If so, a binary search finds the longest that does, and links lead from it to those that are its prefixes.

use std::cmp::Ordering;

use crate::int::usize_of;

/// Length of the prefixes that the filter uses.
const HEAD: usize = 4;
/// Size of the filter in 64-bit words.
const WORDS: usize = 1 << 14;

/// The list.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Literals in order; in lower case if `fold` is set.
    literals: Vec<Entry>,
    /// Whether letters match in any case. The caller checks again those that must not.
    fold: bool,
    /// Length of the shortest literal in bytes, at most [`HEAD`].
    head: usize,
    /// The filter: bits for the prefixes of literals.
    filter: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Entry {
    bytes: Vec<u8>,
    /// The caller's number of the literal.
    place: usize,
    /// The longest other literal that is a prefix of this one.
    beginning: Option<usize>,
}

impl Table {
    pub(super) fn new<'l>(literals: impl Iterator<Item = &'l [u8]>, fold: bool) -> Self {
        let bytes = |literal: &[u8]| if fold { literal.to_ascii_lowercase() } else { literal.to_vec() };
        let entry = |(place, literal)| Entry { bytes: bytes(literal), place, beginning: None };
        let mut literals: Vec<Entry> = literals.enumerate().map(entry).collect();
        literals.sort_by(|a, b| a.bytes.cmp(&b.bytes).then(a.place.cmp(&b.place)));
        let head = literals.iter().map(|entry| entry.bytes.len()).min().unwrap_or(0).min(HEAD);
        let mut table = Table { literals, fold, head, filter: vec![0; WORDS] };
        let mut open: Vec<usize> = Vec::new();
        for number in 0..table.literals.len() {
            let Some(bytes) = table.literals.get(number).map(|entry| entry.bytes.as_slice()) else { break };
            let begins =
                |&other: &usize| table.literals.get(other).is_some_and(|entry| bytes.starts_with(&entry.bytes));
            let keep = open.iter().rposition(begins).map_or(0, |last| last.saturating_add(1));
            open.truncate(keep);
            let (word, bit) = table.bit(bytes);
            if let Some(word) = table.filter.get_mut(word) {
                *word |= bit;
            }
            let beginning = open.last().copied();
            if let Some(entry) = table.literals.get_mut(number) {
                entry.beginning = beginning;
            }
            open.push(number);
        }
        table
    }

    /// Calls `each` with the place and length of every literal that the slice begins with.
    pub(super) fn at(&self, here: &[u8], mut each: impl FnMut(usize, usize)) {
        let (word, bit) = self.bit(here);
        if here.len() < self.head || self.filter.get(word).is_none_or(|word| word & bit == 0) {
            return;
        }
        let behind = self.literals.partition_point(|entry| self.compare(&entry.bytes, here) != Ordering::Greater);
        let mut next = behind.checked_sub(1);
        while let Some(entry) = next.and_then(|number| self.literals.get(number)) {
            if here.len() >= entry.bytes.len() && self.compare(&entry.bytes, here) == Ordering::Equal {
                each(entry.place, entry.bytes.len());
            }
            next = entry.beginning;
        }
    }

    /// Compares a literal with the bytes here; `Equal` if they begin with it.
    fn compare(&self, literal: &[u8], here: &[u8]) -> Ordering {
        let here = here.get(..literal.len()).unwrap_or(here);
        if self.fold { literal.iter().copied().cmp(here.iter().map(u8::to_ascii_lowercase)) } else { literal.cmp(here) }
    }

    /// The word and bit of the filter for the beginning of a slice.
    fn bit(&self, bytes: &[u8]) -> (usize, u64) {
        let head = bytes.iter().take(self.head).fold(0_u32, |head, byte| {
            let byte = if self.fold { byte.to_ascii_lowercase() } else { *byte };
            head << 8 | u32::from(byte)
        });
        let hash = head.wrapping_mul(0x9e37_79b1) >> 12;
        (usize_of(u64::from(hash >> 6)), 1_u64.wrapping_shl(hash & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_begin_at_a_place_are_found() {
        let mut seed = 7_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 10) % below
        };
        let text = |len: u32, random: &mut dyn FnMut(u32) -> u32| -> Vec<u8> {
            (0..len).map(|_| b"abAB"[usize::try_from(random(4)).unwrap()]).collect()
        };
        for fold in [false, true] {
            let literals: Vec<Vec<u8>> = (0..300)
                .map(|_| {
                    let len = 1 + random(7);
                    text(len, &mut random)
                })
                .collect();
            let table = Table::new(literals.iter().map(Vec::as_slice), fold);
            let haystack = text(400, &mut random);
            for start in 0..haystack.len() {
                let here = &haystack[start..];
                let mut found = Vec::new();
                table.at(here, |place, len| found.push((place, len)));
                found.sort_unstable();
                let is_at = |literal: &Vec<u8>| {
                    here.get(..literal.len()).is_some_and(|part| {
                        if fold { part.eq_ignore_ascii_case(literal) } else { part == literal.as_slice() }
                    })
                };
                let naive: Vec<_> =
                    literals.iter().enumerate().filter(|(_, l)| is_at(l)).map(|(n, l)| (n, l.len())).collect();
                assert_eq!(found, naive);
            }
        }
    }
}
