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

/// Words of a block in which schedules may begin, and of those behind it that are looked at.
const BLOCK: usize = 8;
const BEHIND: usize = 12;

/// Bytes that [`may_begin`] looks at.
const SAMPLE: usize = (BLOCK + BEHIND) * 4;

fn words(sample: &[u8; SAMPLE]) -> [u32; BLOCK + BEHIND] {
    let mut words = [0; BLOCK + BEHIND];
    for (word, bytes) in words.iter_mut().zip(sample.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words
}

/// Whether a schedule may begin at any of the first eight words. Most words of a schedule are the word before them XOR the
/// one a key's length before them, whatever the order of bytes. One such word is tested for each length of keys.
#[allow(clippy::inline_always, reason = "the search compiles it again for machines with vectors")]
#[inline(always)]
pub(in super::super) fn may_begin(sample: &[u8; SAMPLE]) -> bool {
    let words = words(sample);
    // Numbers instead of booleans, so that nothing branches.
    let mut some = 0;
    for ((((((one, four), five), six), seven), eight), nine) in words
        .iter()
        .skip(1)
        .zip(words.iter().skip(4))
        .zip(words.iter().skip(5))
        .zip(words.iter().skip(6))
        .zip(words.iter().skip(7))
        .zip(words.iter().skip(8))
        .zip(words.iter().skip(9))
        .take(BLOCK)
    {
        let follows = |a: &u32, b: &u32| u32::from(a ^ b == *one);
        some |= (follows(five, four) | follows(seven, six) | follows(nine, eight)) & u32::from(*one != 0);
    }
    some != 0
}

/// Calls `each` with the places in a block where schedules may begin, of those that are multiples of four from its
/// beginning.
pub(in super::super) fn schedules(bytes: &[u8], place: usize, mut each: impl FnMut(usize)) {
    // With too few bytes for a schedule there is none.
    let Some(sample) = from(bytes, place).first_chunk() else { return };
    let words = words(sample);
    for word in 0..BLOCK {
        let at = |number: usize| words.get(word.wrapping_add(number)).copied().unwrap_or_default();
        let starts = |key: usize| {
            let word = |number: usize| at(key.wrapping_add(number));
            word(1) ^ word(0) == at(1) && word(2) ^ word(1) == at(2)
        };
        if (starts(4) || starts(6) || starts(8)) && (at(1) | at(2)) != 0 {
            each(place.saturating_add(word.saturating_mul(4)));
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
