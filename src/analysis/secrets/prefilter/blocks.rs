//! The signs of all blocks: with vectors where the machine has them, else byte by byte. Both tell the same.

use std::ops::Range;

use super::buckets::Buckets;
use super::signs::{Signs, plain, walk};
#[cfg(target_arch = "x86_64")]
use super::vectors;

/// Bytes for which it pays to fill vectors with tables.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// Calls `each` with the signs of every block of a text from a place to another, until it has enough.
pub(super) fn each_block(
    bytes: &[u8],
    places: Range<usize>,
    buckets: &Buckets,
    each: &mut impl FnMut(usize, Signs) -> bool,
) {
    #[cfg(target_arch = "x86_64")]
    if places.len() >= LONG
        && let Some(vectors) = pulp::x86::V3::try_new()
    {
        return vectors::each_block(vectors, bytes, places, buckets, each);
    }
    walk(bytes, places, each, |block| plain(block, buckets));
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
            let (mut with, mut without) = (Vec::new(), Vec::new());
            each_block(&bytes, start..bytes.len(), &buckets, &mut |place, signs| {
                with.push((place, signs));
                true
            });
            walk(&bytes, start..bytes.len(), &mut |place, signs| {
                without.push((place, signs));
                true
            }, |block| plain(block, &buckets));
            prop_assert_eq!(with, without);
        }
    }
}
