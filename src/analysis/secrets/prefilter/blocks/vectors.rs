//! The signs of a block with vectors of 32 bytes (AVX2), which `pulp` makes safe to use.

#![allow(clippy::inline_always, reason = "what is not a part of the one function for such machines cannot use vectors")]

use std::arch::x86_64::__m256i;

use pulp::x86::V3;

use super::super::buckets::{Buckets, Tables};
use super::super::signs::{READ, Signs, is_digit};
use super::{Block, SAMPLE, Walk};

/// Makes a walk with vectors.
pub(super) fn walk<R: Fn(&[u8; SAMPLE]) -> bool, F: FnMut(Block) -> bool>(
    vectors: V3,
    buckets: &Buckets,
    walk: Walk<'_, R, F>,
) {
    vectors.vectorize(WithVectors { vectors, buckets, walk });
}

/// The walk, to be compiled for machines that have the vectors.
struct WithVectors<'w, R, F> {
    vectors: V3,
    buckets: &'w Buckets,
    walk: Walk<'w, R, F>,
}

impl<R: Fn(&[u8; SAMPLE]) -> bool, F: FnMut(Block) -> bool> pulp::NullaryFnOnce for WithVectors<'_, R, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let tests = Tests::new(self.vectors, self.buckets);
        self.walk.with(
            #[inline(always)]
            |block| tests.signs(block),
        );
    }
}

/// The tables in vectors.
#[derive(Clone, Copy)]
struct Tests {
    v: V3,
    low: [[__m256i; 2]; 3],
    high: [[__m256i; 2]; 3],
    digits: __m256i,
    uppers: __m256i,
    fifteen: __m256i,
    zero: __m256i,
}

impl Tests {
    #[inline(always)]
    fn new(v: V3, buckets: &Buckets) -> Self {
        // A digit of base64 is below 128: a bit for each upper half that makes one with a lower half.
        let mut digits = [0_u8; 16];
        for byte in (0..128).filter(|byte| is_digit(*byte)) {
            if let Some(entry) = digits.get_mut(usize::from(byte & 15)) {
                *entry |= 1_u8.wrapping_shl(u32::from(byte >> 4));
            }
        }
        Tests {
            v,
            low: all(v, &buckets.low),
            high: all(v, &buckets.high),
            digits: table(v, digits),
            uppers: table(v, [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0]),
            fifteen: v.avx._mm256_set1_epi8(15),
            zero: v.avx._mm256_setzero_si256(),
        }
    }

    #[inline(always)]
    fn signs(&self, block: &[u8; READ]) -> Signs {
        let first = load::<0>(block);
        let zeros = self.zeros(first);
        if zeros == u32::MAX {
            return Signs { zeros, ..Signs::default() };
        }
        let (second, third) = (load::<1>(block), load::<2>(block));
        let (low, high) = (self.lower(first), self.upper(first));
        let a = self.groups(0, low, high);
        let b = self.groups(1, self.lower(second), self.upper(second));
        let c = self.groups(2, self.lower(third), self.upper(third));
        let [one, other] =
            [a, b, c].into_iter().fold([self.full(); 2], |[x, y], [p, q]| [self.and(x, p), self.and(y, q)]);
        let marks = !self.zeros(self.v.avx2._mm256_or_si256(one, other));
        let base64 = !self.zeros(self.and(self.look_up(self.digits, low), self.look_up(self.uppers, high)));
        Signs { marks, base64, zeros }
    }

    /// The groups that take a byte, in both halves.
    #[inline(always)]
    fn groups(&self, place: usize, low: __m256i, high: __m256i) -> [__m256i; 2] {
        let (lows, highs) = match place {
            0 => (self.low[0], self.high[0]),
            1 => (self.low[1], self.high[1]),
            _ => (self.low[2], self.high[2]),
        };
        [
            self.and(self.look_up(lows[0], low), self.look_up(highs[0], high)),
            self.and(self.look_up(lows[1], low), self.look_up(highs[1], high)),
        ]
    }

    #[inline(always)]
    fn lower(&self, bytes: __m256i) -> __m256i {
        self.and(bytes, self.fifteen)
    }

    #[inline(always)]
    fn upper(&self, bytes: __m256i) -> __m256i {
        self.and(self.v.avx2._mm256_srli_epi16::<4>(bytes), self.fifteen)
    }

    #[inline(always)]
    fn look_up(&self, table: __m256i, halves: __m256i) -> __m256i {
        self.v.avx2._mm256_shuffle_epi8(table, halves)
    }

    #[inline(always)]
    fn and(&self, a: __m256i, b: __m256i) -> __m256i {
        self.v.avx2._mm256_and_si256(a, b)
    }

    #[inline(always)]
    fn full(&self) -> __m256i {
        self.v.avx2._mm256_cmpeq_epi8(self.zero, self.zero)
    }

    /// A bit for each byte that is zero.
    #[inline(always)]
    fn zeros(&self, bytes: __m256i) -> u32 {
        self.v.avx2._mm256_movemask_epi8(self.v.avx2._mm256_cmpeq_epi8(bytes, self.zero)).cast_unsigned()
    }
}

/// The 32 bytes of a block from a place on.
#[inline(always)]
fn load<const FROM: usize>(block: &[u8; READ]) -> __m256i {
    let bytes: [u8; 32] = block.get(FROM..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    pulp::bytemuck::cast(bytes)
}

/// A table of 16 entries, for both halves of a vector.
#[inline(always)]
fn table(v: V3, entries: [u8; 16]) -> __m256i {
    v.avx2._mm256_broadcastsi128_si256(pulp::bytemuck::cast(entries))
}

#[inline(always)]
fn all(v: V3, tables: &Tables) -> [[__m256i; 2]; 3] {
    let two = |[one, other]: [[u8; 16]; 2]| [table(v, one), table(v, other)];
    [two(tables[0]), two(tables[1]), two(tables[2])]
}
