//! Walks over the blocks of a text and tells of those in which something may be: with vectors where the machine has them,
//! else byte by byte. Both tell the same.

#![allow(
    clippy::inline_always,
    reason = "the walk is compiled again for machines with vectors, together with its tests"
)]

#[cfg(target_arch = "x86_64")]
mod vectors;

use std::ops::Range;

use super::buckets::Buckets;
use super::signs::{BLOCK, READ, Signs, plain};

/// Bytes for which it pays to fill vectors with tables.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// Bytes before a random block in which something that ends in it may begin. The second block behind is tested: wherever in
/// a block a key begins, that one is random, and the beginning of a key may be less so.
const BEFORE: usize = 2 * BLOCK;

/// Bytes of random data that are passed to the caller's test.
pub(in super::super) const SAMPLE: usize = 80;

/// A block in which something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where it begins.
    pub(super) place: usize,
    /// A bit for each byte, the lowest for the first: where the tested bytes of a mark may begin.
    pub(super) marks: u32,
    /// Whether text in base64 may be here, or end here.
    pub(super) base64: bool,
    /// Whether text in UTF-16 may be here.
    pub(super) wide: bool,
    /// Where random bytes begin that passed the caller's test.
    pub(super) random: Option<usize>,
}

/// Calls `each` with the blocks of a text, from a place to another, in which something may be, until it has enough. Behind
/// the text are zeros. `random` tests the random bytes.
pub(super) fn each_block(
    bytes: &[u8],
    places: Range<usize>,
    buckets: &Buckets,
    random: impl Fn(&[u8; SAMPLE]) -> bool,
    each: impl FnMut(Block) -> bool,
) {
    let walk = Walk { bytes, places, random, each };
    #[cfg(target_arch = "x86_64")]
    if walk.places.len() >= LONG
        && let Some(vectors) = pulp::x86::V3::try_new()
    {
        return vectors::walk(vectors, buckets, walk);
    }
    walk.with(|block| plain(block, buckets));
}

/// A walk over blocks.
pub(super) struct Walk<'w, R, F> {
    bytes: &'w [u8],
    places: Range<usize>,
    random: R,
    each: F,
}

impl<R: Fn(&[u8; SAMPLE]) -> bool, F: FnMut(Block) -> bool> Walk<'_, R, F> {
    /// Makes the walk, with a test of one block.
    #[inline(always)]
    pub(super) fn with(self, signs: impl Fn(&[u8; READ]) -> Signs) {
        let Walk { bytes, places, random, mut each } = self;
        let mut place = places.start;
        let mut was_base64 = false;
        while place < places.end {
            let here = bytes.get(place..).unwrap_or_default();
            let mut last = [0; READ];
            let block = here.first_chunk().unwrap_or_else(|| {
                last.iter_mut().zip(here).for_each(|(to, from)| *to = *from);
                &last
            });
            let signs = signs(block);
            if signs.zeros == u32::MAX {
                was_base64 = false;
            } else {
                let has_base64 = signs.has_base64() && block.iter().take(BLOCK).any(|byte| is_no_word(*byte));
                let base64 = has_base64 | was_base64;
                was_base64 = has_base64;
                let wide = signs.has_wide();
                let sample = || {
                    let start = place.checked_sub(BEFORE).filter(|start| *start >= places.start)?;
                    bytes.get(start..)?.first_chunk().filter(|sample| random(sample)).map(|_| start)
                };
                let random = if signs.may_be_random() { sample() } else { None };
                let found = Block { place, marks: signs.marks, base64, wide, random };
                if (found.marks != 0 || base64 | wide || random.is_some()) && !each(found) {
                    return;
                }
            }
            place = place.saturating_add(BLOCK);
        }
    }
}

/// Whether a byte is an upper-case letter or a number, of which text in base64 has many and a long word few.
#[inline(always)]
fn is_no_word(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::buckets::choose;
    use super::*;

    proptest! {
        #[test]
        fn vectors_tell_the_same(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'g'), Just(b'_'), any::<u8>()], 200..500),
            start in 0_usize..8
        ) {
            let (buckets, _) = choose(&[(b"ghp_", false), (b"Password", true), (b"$1$", false), (b"\x02\x01\x00", false)]);
            let random = |sample: &[u8; SAMPLE]| sample[0] & 1 == 0;
            let (mut with, mut without) = (Vec::new(), Vec::new());
            each_block(&bytes, start..bytes.len(), &buckets, random, |block| {
                with.push(block);
                true
            });
            let each = |block| {
                without.push(block);
                true
            };
            Walk { bytes: &bytes, places: start..bytes.len(), random, each }.with(|block| plain(block, &buckets));
            prop_assert_eq!(with, without);
        }
    }
}
