//! The bits of a block with two vectors of 32 bytes (AVX2).

#![allow(clippy::inline_always, reason = "what is not a part of the one function for such machines cannot use vectors")]

use std::arch::x86_64::__m256i;

use pulp::x86::V3;

use super::super::buckets::{self, Buckets};
use super::super::signs::{Bits, READ};
use super::vectors::{CAPITALS, DIGITS, UPPERS, Vectors};

/// The tables, in both halves of vectors.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    low: [[__m256i; 2]; 3],
    high: [[__m256i; 2]; 3],
    digits: __m256i,
    uppers: __m256i,
}

impl Vectors for V3 {
    type Tables = Tables;

    #[inline(always)]
    fn tables(self, buckets: &Buckets) -> Tables {
        Tables {
            low: all(self, &buckets.low),
            high: all(self, &buckets.high),
            digits: table(self, DIGITS),
            uppers: table(self, UPPERS),
        }
    }

    #[inline(always)]
    fn bits(self, tables: &Tables, block: &[u8; READ]) -> Bits {
        let (first, second) = (load::<0>(block), load::<32>(block));
        let zeros = both(zeros(self, first), zeros(self, second));
        if zeros == u64::MAX {
            return Bits { zeros, ..Bits::default() };
        }
        let first = half(self, tables, first, load::<1>(block), load::<2>(block));
        let second = half(self, tables, second, load::<33>(block), load::<34>(block));
        Bits {
            marks: both(first.0, second.0),
            base64: both(first.1, second.1),
            capitals: both(first.2, second.2),
            zeros,
        }
    }
}

/// The marks, digits and capitals of 32 bytes, which are given from three places on.
#[inline(always)]
fn half(v: V3, tables: &Tables, a: __m256i, b: __m256i, c: __m256i) -> (u32, u32, u32) {
    let (low, high) = (lower(v, a), upper(v, a));
    let [a, b, c] = [
        groups(v, &tables.low[0], &tables.high[0], low, high),
        groups(v, &tables.low[1], &tables.high[1], lower(v, b), upper(v, b)),
        groups(v, &tables.low[2], &tables.high[2], lower(v, c), upper(v, c)),
    ];
    let one = and(v, and(v, a[0], b[0]), c[0]);
    let other = and(v, and(v, a[1], b[1]), c[1]);
    let marks = !zeros(v, v.avx2._mm256_or_si256(one, other));
    let digits = and(v, look_up(v, tables.digits, low), look_up(v, tables.uppers, high));
    (marks, !zeros(v, digits), !zeros(v, and(v, digits, v.avx._mm256_set1_epi8(CAPITALS))))
}

/// The groups that take a byte, in two parts.
#[inline(always)]
fn groups(v: V3, lows: &[__m256i; 2], highs: &[__m256i; 2], low: __m256i, high: __m256i) -> [__m256i; 2] {
    [
        and(v, look_up(v, lows[0], low), look_up(v, highs[0], high)),
        and(v, look_up(v, lows[1], low), look_up(v, highs[1], high)),
    ]
}

#[inline(always)]
fn lower(v: V3, bytes: __m256i) -> __m256i {
    and(v, bytes, v.avx._mm256_set1_epi8(15))
}

#[inline(always)]
fn upper(v: V3, bytes: __m256i) -> __m256i {
    and(v, v.avx2._mm256_srli_epi16::<4>(bytes), v.avx._mm256_set1_epi8(15))
}

#[inline(always)]
fn look_up(v: V3, table: __m256i, halves: __m256i) -> __m256i {
    v.avx2._mm256_shuffle_epi8(table, halves)
}

#[inline(always)]
fn and(v: V3, a: __m256i, b: __m256i) -> __m256i {
    v.avx2._mm256_and_si256(a, b)
}

/// A bit for each byte that is zero.
#[inline(always)]
fn zeros(v: V3, bytes: __m256i) -> u32 {
    let zero = v.avx._mm256_setzero_si256();
    v.avx2._mm256_movemask_epi8(v.avx2._mm256_cmpeq_epi8(bytes, zero)).cast_unsigned()
}

/// The bits of both halves of a block.
#[inline(always)]
fn both(first: u32, second: u32) -> u64 {
    u64::from(first) | u64::from(second) << 32
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
fn all(v: V3, [a, b, c]: &buckets::Tables) -> [[__m256i; 2]; 3] {
    [[table(v, a[0]), table(v, a[1])], [table(v, b[0]), table(v, b[1])], [table(v, c[0]), table(v, c[1])]]
}
