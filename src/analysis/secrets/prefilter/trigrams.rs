//! A set of groups of three bytes, each with the marks that have them at some place. Asked about every place that passed
//! the filter's first test, so a bit for each hash answers nearly always.

use crate::int::usize_of;

/// Bits of the hash of three bytes.
const BITS: u32 = 16;
/// Words of 64 bits for all hashes.
const WORDS: usize = 1 << (BITS - 6);

/// The three bytes at the beginning of a text, the first in the lowest bits. Bytes that are missing are zero.
#[inline]
pub(super) fn three_of(bytes: &[u8]) -> u32 {
    if let Some(four) = bytes.first_chunk() {
        return u32::from_le_bytes(*four) & 0x00ff_ffff;
    }
    bytes.iter().take(3).rev().fold(0, |three, byte| three << 8 | u32::from(*byte))
}

/// All ways to write three bytes in upper and lower case.
pub(super) fn in_all_cases(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let [a, b, c] = [0, 1, 2].map(|place| bytes.get(place).copied().unwrap_or_default()).map(cases);
    let pairs = a.into_iter().flat_map(move |a| b.into_iter().map(move |b| [a, b]));
    pairs.flat_map(move |[a, b]| c.into_iter().map(move |c| three_of(&[a, b, c])))
}

/// A byte in lower and in upper case.
pub(super) fn cases(byte: u8) -> [u8; 2] {
    [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]
}

/// Where a mark may be that has the three bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The mark.
    pub(super) mark: usize,
    /// Bytes of the mark before the three.
    pub(super) before: usize,
}

/// The set.
#[derive(Clone, Debug)]
pub(super) struct Trigrams {
    /// A bit for each hash. Small enough to stay near the processor.
    bits: Box<[u64; WORDS]>,
    /// For each word of bits, the number of bits before it.
    ranks: Vec<usize>,
    /// For each bit, where the places of its hash begin.
    begins: Vec<usize>,
    /// Ordered by the hash.
    places: Vec<(u32, Place)>,
}

impl Trigrams {
    /// A set of three bytes and the places of marks that they tell of.
    pub(super) fn new(mut places: Vec<(u32, Place)>) -> Self {
        places.sort_unstable_by_key(|(three, place)| (hash(*three), *three, *place));
        places.dedup();
        let mut bits = Box::new([0_u64; WORDS]);
        let mut begins = Vec::new();
        let mut last = None;
        for (begin, (three, _)) in places.iter().enumerate() {
            let hash = hash(*three);
            if last.replace(hash) != Some(hash) {
                begins.push(begin);
                if let Some(word) = bits.get_mut(word_of(hash)) {
                    *word |= bit_of(hash);
                }
            }
        }
        let mut before = 0_usize;
        let add = |word: &u64| {
            let rank = before;
            before = before.saturating_add(ones(*word));
            rank
        };
        let ranks = bits.iter().map(add).collect();
        Trigrams { bits, ranks, begins, places }
    }

    /// The set with more places.
    pub(super) fn with(&self, more: Vec<(u32, Place)>) -> Self {
        Trigrams::new(self.places.iter().copied().chain(more).collect())
    }

    /// The places of marks that three bytes tell of.
    #[inline]
    pub(super) fn of(&self, three: u32) -> impl Iterator<Item = Place> {
        let hash = hash(three);
        let word = self.bits.get(word_of(hash)).copied().unwrap_or_default();
        let same = if word & bit_of(hash) == 0 { &[][..] } else { self.of_hash(hash, word) };
        same.iter().filter(move |(known, _)| *known == three).map(|(_, place)| *place)
    }

    /// The places of a hash, whose bit is in a word.
    fn of_hash(&self, hash: u32, word: u64) -> &[(u32, Place)] {
        let before = ones(word & bit_of(hash).wrapping_sub(1));
        self.of_rank(self.ranks.get(word_of(hash)).map_or(0, |rank| rank.saturating_add(before)))
    }

    /// The places of a hash, given by the number of hashes before it.
    fn of_rank(&self, rank: usize) -> &[(u32, Place)] {
        let begin = self.begins.get(rank).copied().unwrap_or(self.places.len());
        let end = self.begins.get(rank.saturating_add(1)).copied().unwrap_or(self.places.len());
        self.places.get(begin..end).unwrap_or_default()
    }
}

fn ones(word: u64) -> usize {
    usize::try_from(word.count_ones()).unwrap_or_default()
}

#[inline]
fn hash(three: u32) -> u32 {
    // The constant ends in eight zero bits, so only three bytes of the number count.
    three.wrapping_mul(0x9e37_7900) >> (32 - BITS)
}

#[inline]
fn word_of(hash: u32) -> usize {
    usize_of(u64::from(hash >> 6))
}

#[inline]
fn bit_of(hash: u32) -> u64 {
    1_u64.wrapping_shl(hash & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_three_bytes_have_their_places_and_no_others() {
        let place = |mark| Place { mark, before: 0 };
        let texts: [&[u8]; 4] = [b"abc", b"xyz", b"abc", b"$1$"];
        let set = Trigrams::new(texts.iter().enumerate().map(|(mark, text)| (three_of(text), place(mark))).collect());
        let marks = |text: &[u8]| set.of(three_of(text)).map(|place| place.mark).collect::<Vec<_>>();
        assert_eq!((marks(b"abc"), marks(b"xyz!"), marks(b"$1$")), (vec![0, 2], vec![1], vec![3]));
        let known = texts.map(three_of);
        let others = (0..1 << 24).step_by(61).filter(|three| !known.contains(three) && set.of(*three).next().is_some());
        assert_eq!(others.count(), 0);
    }

    #[test]
    fn cases_are_those_of_letters() {
        let all: std::collections::BTreeSet<u32> = in_all_cases(b"a_Z").collect();
        assert_eq!(all, [b"a_z", b"a_Z", b"A_z", b"A_Z"].map(|text| three_of(text)).into());
    }
}
