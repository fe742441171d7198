//! Key schedules of AES: programs that encrypt keep the expanded key in memory, and its words depend on each other.

use super::super::detector::{Detector, Match, Style};
use super::super::text::from;

/// The substitution box: the inverse in the field of AES, then an affine map.
static BOX: [u8; 256] = {
    let mut table = [0_u8; 256];
    let (mut power, mut inverse) = (1_u8, 1_u8);
    #[allow(clippy::indexing_slicing, clippy::as_conversions, reason = "the compiler checks constants")]
    loop {
        power ^= power << 1 ^ if power & 0x80 == 0 { 0 } else { 0x1b };
        inverse ^= inverse << 1;
        inverse ^= inverse << 2;
        inverse ^= inverse << 4;
        if inverse & 0x80 != 0 {
            inverse ^= 0x09;
        }
        let turned =
            inverse ^ inverse.rotate_left(1) ^ inverse.rotate_left(2) ^ inverse.rotate_left(3) ^ inverse.rotate_left(4);
        table[power as usize] = turned ^ 0x63;
        if power == 1 {
            break;
        }
    }
    table[0] = 0x63;
    table
};

#[cfg(test)]
pub(in super::super) fn substitution() -> &'static [u8; 256] {
    &BOX
}

const ROUNDS: [u8; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36];

type Word = [u8; 4];

fn xor(a: Word, b: Word) -> Word {
    (u32::from_ne_bytes(a) ^ u32::from_ne_bytes(b)).to_ne_bytes()
}

fn substituted(word: Word) -> Word {
    word.map(|byte| BOX.get(usize::from(byte)).copied().unwrap_or_default())
}

/// The word of a schedule, in the order of the standard. Some programs store words the other way round.
fn word(bytes: &[u8], number: usize, swapped: bool) -> Option<Word> {
    let mut word = *from(bytes, number.checked_mul(4)?).first_chunk::<4>()?;
    if swapped {
        word.reverse();
    }
    Some(word)
}

/// Whether all words of a schedule follow from its key of `key` words.
fn is_schedule(bytes: &[u8], key: usize, swapped: bool) -> bool {
    let words = key.saturating_add(7).saturating_mul(4);
    let mut rounds = ROUNDS.into_iter();
    let follows = |number: usize, round: &mut dyn FnMut() -> u8| -> Option<bool> {
        let mut last = word(bytes, number.checked_sub(1)?, swapped)?;
        let step = number.checked_rem(key)?;
        if step == 0 {
            last.rotate_left(1);
            last = substituted(last);
            let [first, ..] = &mut last;
            *first ^= round();
        } else if key == 8 && step == 4 {
            last = substituted(last);
        }
        let expected = xor(word(bytes, number.checked_sub(key)?, swapped)?, last);
        Some(expected == word(bytes, number, swapped)?)
    };
    (key..words).all(|number| follows(number, &mut || rounds.next().unwrap_or_default()) == Some(true))
}

/// The number of bytes of the key whose schedule begins here.
fn key_of(bytes: &[u8]) -> Option<(usize, usize)> {
    for key in [4_usize, 6, 8] {
        for swapped in [false, true] {
            if is_schedule(bytes, key, swapped) {
                return Some((key.saturating_mul(4), key.saturating_add(7).saturating_mul(16)));
            }
        }
    }
    None
}

/// Words of the longest schedule.
const LONGEST: usize = 60;
/// Words before the two that [`may_be_within`] tests.
const BEFORE: usize = 8;
/// Bytes that it looks at.
const SAMPLE: usize = (BEFORE + 2) * 4;

fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Whether bytes may be a part of a schedule: then this is not zero. Most words of one are the word before them XOR the
/// one a key's length before them, whatever the order of bytes; of two words in a row, at least one. The last two are
/// tested together, for each length of keys.
#[allow(clippy::inline_always, reason = "the search compiles it again for machines with vectors")]
#[inline(always)]
pub(in super::super) fn may_be_within(sample: &[u8; SAMPLE]) -> u64 {
    let two = |place: usize| sample.get(place..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes);
    let last_two = two(BEFORE * 4);
    let last_but_one = two(BEFORE * 4 - 4);
    // The highest bit of each half that is zero, and of few others.
    let zero = |halves: u64| halves.wrapping_sub(0x0000_0001_0000_0001) & !halves & 0x8000_0000_8000_0000;
    let follows = |before: u64| zero(last_two ^ last_but_one ^ before);
    // Keys have four, six or eight words.
    (follows(two(16)) | follows(two(8)) | follows(two(0))) & !zero(last_two)
}

/// Calls `each` with the places where schedules may begin that have the bytes of a sample in them, in order. Those are
/// multiples of four away from it.
pub(in super::super) fn schedules(bytes: &[u8], sample: usize, mut each: impl FnMut(usize)) {
    const BACK: usize = (LONGEST - BEFORE - 2) * 4;
    let first = sample.checked_sub(BACK).unwrap_or(sample & 3);
    for start in (first..=sample).step_by(4) {
        let Some(bytes) = from(bytes, start).first_chunk::<44>() else { return };
        let words: [u32; 11] = words(bytes);
        let at = |number: usize| words.get(number).copied().unwrap_or_default();
        let starts = |key: usize| {
            let word = |number: usize| at(key.wrapping_add(number));
            word(1) ^ word(0) == at(1) && word(2) ^ word(1) == at(2)
        };
        if (starts(4) || starts(6) || starts(8)) && (at(1) | at(2)) != 0 {
            each(start);
        }
    }
}

/// A schedule. The search calls this where the first test holds.
pub(super) static KEY_SCHEDULE: Detector = Detector {
    id: "aes-key-schedule",
    title: "AES key in use",
    provider: None,
    action: "Change the key, and encrypt again whatever it protects.",
    style: Style::Key,
    marks: &[],
    wrapped: false,
    find: |bytes, place, out| {
        if let Some((key, len)) = key_of(from(bytes, place)) {
            let kind = format!("AES-{}", key.saturating_mul(8));
            let value = place..place.saturating_add(key);
            out.push(Match::of(value).within(place..place.saturating_add(len)).of_whom(Some(kind)));
        }
    },
};
