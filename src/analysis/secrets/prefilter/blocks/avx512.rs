//! The bits of a block with a vector of 64 bytes (AVX-512).

#![allow(clippy::inline_always, reason = "what is not a part of the one function for such machines cannot use vectors")]

use std::arch::x86_64::__m512i;

use pulp::x86::V4;

use super::super::buckets::Buckets;
use super::super::signs::{BLOCK, Bits, READ};
use super::vectors::{CAPITALS, DIGITS, UPPERS, Vectors};

/// The tables, in all quarters of vectors.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    groups: [Part; 2],
    digits: __m512i,
    uppers: __m512i,
}

/// The tables of half the groups: of lower and of upper halves, for each tested byte.
#[derive(Clone, Copy)]
struct Part {
    low: [__m512i; 3],
    high: [__m512i; 3],
}

/// What three vectors have in common, for `ternarylogic`.
const ALL: i32 = 0x80;
/// What two vectors have in common, and the third.
const TWO_OR_THIRD: i32 = 0xea;

impl Vectors for V4 {
    type Tables = Tables;

    #[inline(always)]
    fn tables(self, buckets: &Buckets) -> Tables {
        let Buckets { low, high, .. } = buckets;
        Tables {
            groups: [
                part(self, [low[0][0], low[1][0], low[2][0]], [high[0][0], high[1][0], high[2][0]]),
                part(self, [low[0][1], low[1][1], low[2][1]], [high[0][1], high[1][1], high[2][1]]),
            ],
            digits: table(self, DIGITS),
            uppers: table(self, UPPERS),
        }
    }

    #[inline(always)]
    fn bits(self, tables: &Tables, block: &[u8; READ]) -> Bits {
        let (a, b, c) = (load::<0>(block), load::<1>(block), load::<2>(block));
        let bytes = self.avx512bw;
        let zeros = bytes._mm512_testn_epi8_mask(a, a);
        if zeros == u64::MAX {
            return Bits { zeros, ..Bits::default() };
        }
        let lows = [lower(self, a), lower(self, b), lower(self, c)];
        let highs = [upper(self, a), upper(self, b), upper(self, c)];
        let one = groups(self, &tables.groups[0], &lows, &highs);
        let other = groups(self, &tables.groups[1], &lows, &highs);
        let taken = self.avx512f._mm512_ternarylogic_epi32::<TWO_OR_THIRD>(one.0, one.1, and(self, other.0, other.1));
        let digits = and(self, look_up(self, tables.digits, lows[0]), look_up(self, tables.uppers, highs[0]));
        Bits {
            marks: bytes._mm512_test_epi8_mask(taken, taken),
            base64: bytes._mm512_test_epi8_mask(digits, digits),
            capitals: bytes._mm512_test_epi8_mask(digits, self.avx512f._mm512_set1_epi8(CAPITALS)),
            zeros,
        }
    }
}

/// The groups of one part that take three bytes are those in both.
#[inline(always)]
fn groups(v: V4, part: &Part, lows: &[__m512i; 3], highs: &[__m512i; 3]) -> (__m512i, __m512i) {
    let low = [look_up(v, part.low[0], lows[0]), look_up(v, part.low[1], lows[1]), look_up(v, part.low[2], lows[2])];
    let high =
        [look_up(v, part.high[0], highs[0]), look_up(v, part.high[1], highs[1]), look_up(v, part.high[2], highs[2])];
    let all = v.avx512f._mm512_ternarylogic_epi32::<ALL>(low[0], low[1], low[2]);
    (v.avx512f._mm512_ternarylogic_epi32::<ALL>(all, high[0], high[1]), high[2])
}

#[inline(always)]
fn lower(v: V4, bytes: __m512i) -> __m512i {
    and(v, bytes, v.avx512f._mm512_set1_epi8(15))
}

#[inline(always)]
fn upper(v: V4, bytes: __m512i) -> __m512i {
    and(v, v.avx512bw._mm512_srli_epi16::<4>(bytes), v.avx512f._mm512_set1_epi8(15))
}

#[inline(always)]
fn look_up(v: V4, table: __m512i, halves: __m512i) -> __m512i {
    v.avx512bw._mm512_shuffle_epi8(table, halves)
}

#[inline(always)]
fn and(v: V4, a: __m512i, b: __m512i) -> __m512i {
    v.avx512f._mm512_and_si512(a, b)
}

/// The 64 bytes of a block from a place on.
#[inline(always)]
fn load<const FROM: usize>(block: &[u8; READ]) -> __m512i {
    let bytes = block.get(FROM..).and_then(<[u8]>::first_chunk::<BLOCK>).copied().unwrap_or([0; BLOCK]);
    pulp::bytemuck::cast(bytes)
}

/// A table of 16 entries, for all quarters of a vector.
#[inline(always)]
fn table(v: V4, entries: [u8; 16]) -> __m512i {
    v.avx512f._mm512_broadcast_i32x4(pulp::bytemuck::cast(entries))
}

#[inline(always)]
fn part(v: V4, low: [[u8; 16]; 3], high: [[u8; 16]; 3]) -> Part {
    Part {
        low: [table(v, low[0]), table(v, low[1]), table(v, low[2])],
        high: [table(v, high[0]), table(v, high[1]), table(v, high[2])],
    }
}
