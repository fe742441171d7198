//! Walks over the blocks of a text and tells of those in which something may be: with vectors where the machine has them,
//! else byte by byte. Both tell the same.

#![allow(clippy::inline_always, reason = "blocks are walked over again in functions for machines with vectors")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod vectors;

use std::ops::Range;

use super::buckets::Buckets;
use super::signs::{self, BLOCK, Bits, READ, may_be_random, plain};

/// Bytes for which it pays to fill vectors with tables.
#[cfg(target_arch = "x86_64")]
const LONG: usize = 256;

/// Bytes before a block that the caller's test of random bytes is given with its beginning.
const BEFORE: usize = 32;
/// Those bytes.
pub(in super::super) const SAMPLE: usize = BEFORE + 8;

/// A block in which something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where it begins.
    pub(super) place: usize,
    /// A bit for each byte, the lowest for the first: where the tested bytes of a mark may begin.
    pub(super) marks: u64,
    /// Whether text in base64 may be here, or end here.
    pub(super) base64: bool,
    /// Whether text in UTF-16 may be here.
    pub(super) wide: bool,
    /// Where random bytes begin that passed the caller's test: before the block.
    pub(super) random: Option<usize>,
}

/// Calls `each` with the blocks of a text, from a place to another, in which something may be, until it has enough. Behind
/// the text are zeros. `random` tests bytes that may be random; it is not zero where they pass.
pub(super) fn each_block(
    bytes: &[u8],
    places: Range<usize>,
    buckets: &Buckets,
    random: impl Fn(&[u8; SAMPLE]) -> u64 + Copy,
    each: impl FnMut(Block) -> bool,
) {
    let walk = Walk { bytes, places, each };
    #[cfg(target_arch = "x86_64")]
    if walk.places.len() >= LONG {
        if let Some(vectors) = pulp::x86::V4::try_new() {
            return walk.with(|text, told| vectors::fill(vectors, buckets, random, text, told));
        }
        if let Some(vectors) = pulp::x86::V3::try_new() {
            return walk.with(|text, told| vectors::fill(vectors, buckets, random, text, told));
        }
    }
    walk.with(|text, told| told.fill(text, random, |block| plain(block, buckets)));
}

/// Blocks that are tested at once. Their test is a loop of its own, which keeps its tables in registers.
const BATCH: usize = 64;
/// Bytes that are read of so many blocks, before and behind them.
const TEXT: usize = BEFORE + BLOCK * (BATCH - 1) + READ;

/// What the tests of blocks told: a number for each block, which is zero where nothing is.
struct Told {
    /// How many blocks are tested.
    blocks: usize,
    marks: [u64; BATCH],
    base64: [u64; BATCH],
    wide: [u64; BATCH],
    random: [u64; BATCH],
    /// The numbers of the blocks in which something may be: the first `count`.
    some: [usize; BATCH],
    count: usize,
    /// Whether the last block before these had text in base64, which may end in the first.
    before: u64,
}

impl Told {
    fn new() -> Self {
        let none = [0; BATCH];
        let (some, count) = ([0; BATCH], 0);
        Told { blocks: 0, marks: none, base64: none, wide: none, random: none, some, count, before: 0 }
    }

    /// Tests blocks. Each loop does one thing for all of them, which machines with vectors do for several at once.
    #[inline(always)]
    fn fill(&mut self, text: &[u8; TEXT], random: impl Fn(&[u8; SAMPLE]) -> u64, bits: impl Fn(&[u8; READ]) -> Bits) {
        let (mut digits, mut capitals, mut zeros) = ([0; BATCH], [0; BATCH], [0; BATCH]);
        (self.marks, self.random) = ([0; BATCH], [0; BATCH]);
        let lists = digits.iter_mut().zip(&mut capitals).zip(&mut zeros).zip(&mut self.marks).zip(&mut self.random);
        for (number, ((((digits, capitals), zeros), marks), passed)) in lists.enumerate().take(self.blocks) {
            let start = number.wrapping_mul(BLOCK);
            let block = text.get(start.wrapping_add(BEFORE)..).and_then(<[u8]>::first_chunk);
            let (Some(sample), Some(block)) = (text.get(start..).and_then(<[u8]>::first_chunk), block) else { return };
            Bits { marks: *marks, base64: *digits, capitals: *capitals, zeros: *zeros } = bits(block);
            // What is tested is longer than two blocks.
            *passed = if number & 1 == 0 { random(sample) } else { 0 };
        }
        for (((to, wide), digits), (capitals, zeros)) in
            self.base64.iter_mut().zip(&mut self.wide).zip(&digits).zip(capitals.iter().zip(&zeros))
        {
            *to = signs::base64(*digits, *capitals);
            *wide = signs::wide(*zeros);
        }
        let (mut count, mut before) = (0_usize, self.before);
        let lists = self.base64.iter_mut().zip(&self.wide).zip(&self.marks).zip(&self.random);
        for (number, (((base64, wide), marks), random)) in lists.enumerate().take(self.blocks) {
            let own = *base64;
            *base64 |= std::mem::replace(&mut before, own);
            if let Some(entry) = self.some.get_mut(count) {
                *entry = number;
            }
            // Counted without a branch, as no one can foretell which blocks have something.
            count = count.wrapping_add(usize::from(*marks | *base64 | *wide | *random != 0));
        }
        (self.count, self.before) = (count, before);
    }

    /// What the test of a block told: of marks, base64, UTF-16, random bytes.
    fn of(&self, number: usize) -> [u64; 4] {
        [&self.marks, &self.base64, &self.wide, &self.random].map(|list| list.get(number).copied().unwrap_or_default())
    }
}

/// A walk over blocks.
struct Walk<'w, F> {
    bytes: &'w [u8],
    places: Range<usize>,
    each: F,
}

impl<F: FnMut(Block) -> bool> Walk<'_, F> {
    /// Makes the walk, with a test of at most [`BATCH`] blocks.
    fn with(mut self, fill: impl Fn(&[u8; TEXT], &mut Told)) {
        let mut told = Told::new();
        for first in self.places.clone().step_by(BLOCK * BATCH) {
            told.blocks = self.places.end.saturating_sub(first).div_ceil(BLOCK);
            let here = first.checked_sub(BEFORE).and_then(|start| self.bytes.get(start..)?.first_chunk());
            match here {
                Some(text) => fill(text, &mut told),
                None => fill(&padded(self.bytes, first), &mut told),
            }
            for number in told.some.iter().take(told.count) {
                let place = first.saturating_add(number.saturating_mul(BLOCK));
                let [marks, base64, wide, random] = told.of(*number);
                let random = if random == 0 { None } else { self.random(place) };
                let block = Block { place, marks, base64: base64 != 0, wide: wide != 0, random };
                if (marks | base64 | wide != 0 || random.is_some()) && !(self.each)(block) {
                    return;
                }
            }
        }
    }

    /// Where the sample of a block begins, if it may be random.
    #[cold]
    fn random(&self, place: usize) -> Option<usize> {
        let start = place.checked_sub(BEFORE).filter(|start| *start >= self.places.start)?;
        self.bytes.get(start..)?.first_chunk().filter(|bytes| may_be_random(bytes)).map(|_| start)
    }
}

/// The bytes of blocks from a place on, at the beginning or the end of a text, with zeros around it.
#[cold]
fn padded(bytes: &[u8], first: usize) -> [u8; TEXT] {
    let mut text = [0; TEXT];
    let missing = BEFORE.saturating_sub(first);
    let here = bytes.get(first.saturating_sub(BEFORE)..).unwrap_or_default();
    text.iter_mut().skip(missing).zip(here).for_each(|(to, from)| *to = *from);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::buckets::choose;
    use super::*;

    proptest! {
        #[test]
        fn vectors_tell_the_same(
            piece in prop::collection::vec(prop_oneof![Just(0_u8), Just(b'g'), Just(b'_'), any::<u8>()], 200..500),
            times in 1_usize..20,
            start in 0_usize..8
        ) {
            let bytes = piece.repeat(times);
            let (buckets, _) = choose(&[(b"ghp_", false), (b"Password", true), (b"$1$", false), (b"\x02\x01\x00", false)]);
            let random = |sample: &[u8; SAMPLE]| u64::from(sample[0] & 1 == 0);
            let walk = |fill: &dyn Fn(&[u8; TEXT], &mut Told)| {
                let mut all = Vec::new();
                let each = |block| {
                    all.push(block);
                    true
                };
                Walk { bytes: &bytes, places: start..bytes.len(), each }.with(fill);
                all
            };
            let plain = walk(&|text, told| told.fill(text, random, |block| plain(block, &buckets)));
            #[cfg(target_arch = "x86_64")]
            if let Some(vectors) = pulp::x86::V3::try_new() {
                let with = walk(&|text, told| vectors::fill(vectors, &buckets, random, text, told));
                prop_assert_eq!(&with, &plain);
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(vectors) = pulp::x86::V4::try_new() {
                let with = walk(&|text, told| vectors::fill(vectors, &buckets, random, text, told));
                prop_assert_eq!(&with, &plain);
            }
            prop_assert!(plain.iter().all(|block| (block.place - start) % BLOCK == 0 && block.place < bytes.len()));
        }
    }
}
