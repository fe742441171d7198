//! The signs of many blocks with vectors, which `pulp` makes safe to use: what the kinds of vectors have in common.

#![allow(clippy::inline_always, reason = "what is not a part of the one function for such machines cannot use vectors")]

use pulp::Simd;

use super::super::buckets::Buckets;
use super::super::signs::{Bits, READ, is_digit};
use super::{SAMPLE, TEXT, Told};

/// Vectors of some kind.
pub(super) trait Vectors: Simd {
    /// The tables of the groups, and others, in vectors.
    type Tables: Copy;

    fn tables(self, buckets: &Buckets) -> Self::Tables;

    /// The bits of a block, those of a block of zeros without tests.
    fn bits(self, tables: &Self::Tables, block: &[u8; READ]) -> Bits;
}

/// Tests blocks.
pub(super) fn fill<V: Vectors>(
    vectors: V,
    buckets: &Buckets,
    random: impl Fn(&[u8; SAMPLE]) -> u64,
    text: &[u8; TEXT],
    told: &mut Told,
) {
    vectors.vectorize(Fill { vectors, buckets, random, text, told });
}

/// The loop over blocks, to be compiled for machines that have the vectors.
struct Fill<'f, V, R> {
    vectors: V,
    buckets: &'f Buckets,
    random: R,
    text: &'f [u8; TEXT],
    told: &'f mut Told,
}

impl<V: Vectors, R: Fn(&[u8; SAMPLE]) -> u64> pulp::WithSimd for Fill<'_, V, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let tables = self.vectors.tables(self.buckets);
        self.told.fill(
            self.text,
            self.random,
            #[inline(always)]
            |block| self.vectors.bits(&tables, block),
        );
    }
}

/// Which upper halves make a digit of base64 with each lower half: all are below 128, so a bit for each. Those in
/// [`CAPITALS`] make upper-case letters and numbers.
pub(super) const DIGITS: [u8; 16] = {
    let mut digits = [0_u8; 16];
    let mut byte = 0_u8;
    #[allow(clippy::indexing_slicing, clippy::as_conversions, reason = "the compiler checks constants")]
    while byte < 128 {
        if is_digit(byte) {
            digits[(byte & 15) as usize] |= 1 << (byte >> 4);
        }
        byte += 1;
    }
    digits
};

/// A bit for each upper half.
pub(super) const UPPERS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];

/// The upper halves `3`, `4` and `5`.
pub(super) const CAPITALS: i8 = 0b0011_1000;
