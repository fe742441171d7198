//! Finds the marks of all detectors in one pass. Each mark is represented by its rarest three bytes. Wherever these
//! are, two of them begin at an even place, so every second place is looked at, and a small table of pairs tells whether a
//! mark can be there. The same filter finds marks in UTF-16, two bytes a
//! character, and in base64, where a mark has three forms, depending on what stands before it.

use std::ops::Range;

use super::detector::Mark;
use super::text;
use crate::int::usize_of;

/// Hashes of three bytes: 15 bits.
const HASHES: usize = 1 << 15;

/// How a mark is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    /// As it is.
    Plain,
    /// UTF-16 in little endian.
    Wide,
    /// Base64.
    Base64,
}

/// A mark to look for.
#[derive(Clone, Debug)]
struct Sought {
    bytes: Vec<u8>,
    any_case: bool,
    /// Offset of its rarest three bytes.
    rarest: usize,
    wide: bool,
    coding: Coding,
    /// The caller's number.
    number: usize,
    /// For base64: characters between the beginning of a group of four and the mark's first certain one.
    phase: usize,
}

/// A mark that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The number of the mark.
    pub(super) number: usize,
    /// Where it begins. In base64, the beginning of a group of four characters.
    pub(super) place: usize,
    pub(super) coding: Coding,
}

/// The filter.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    /// Pairs of bytes in the rarest three of marks.
    pairs: Vec<u64>,
    /// The same of marks in UTF-16.
    wide: Vec<u64>,
    /// Hashes of three bytes.
    bits: Vec<u64>,
    sought: Vec<Sought>,
    /// By the hash of three bytes: which marks have them.
    by_hash: Vec<Vec<u16>>,
}

fn hash(three: u32) -> u32 {
    // Letters in any case are the same here.
    ((three & 0x00ff_ffff) | 0x0020_2020).wrapping_mul(0x9e37_79b1) >> 17
}

fn set(bits: &mut [u64], pair: u16) {
    if let Some(word) = bits.get_mut(usize::from(pair >> 6)) {
        *word |= 1_u64.wrapping_shl(u32::from(pair & 63));
    }
}

fn bit(bits: &[u64], pair: u16) -> bool {
    bits.get(usize::from(pair >> 6)).is_some_and(|word| word.wrapping_shr(u32::from(pair & 63)) & 1 == 1)
}

fn three_of(bytes: &[u8]) -> u32 {
    bytes.iter().take(3).rev().fold(0, |three, byte| three << 8 | u32::from(*byte))
}

/// How often a byte is in memory, roughly: the larger, the more often.
fn frequency(byte: u8) -> u32 {
    match byte {
        0 => 60,
        b' ' | b'e' | b't' | b'a' | b'i' | b'o' | b'n' | b's' | b'r' => 20,
        b'_' | b'l' | b'c' | b'd' | b'p' | b'm' | b'u' => 14,
        b'.' | b'/' | b'-' | b'f' | b'g' | b'h' | b'b' | b'0' | b'1' | 1 | 2 | 3 => 10,
        b'y' | b'w' | b'v' | b'k' | b'x' | b':' | b'"' | b'=' | b'2'..=b'9' => 6,
        _ => 3,
    }
}

impl Prefilter {
    /// A filter for marks: `(mark, whether also in UTF-16 and base64)`. Marks of fewer than three bytes are not found.
    pub(super) fn new<'m>(marks: impl Iterator<Item = (Vec<u8>, bool, bool)> + 'm) -> Self {
        let mut filter = Prefilter {
            pairs: vec![0; 1 << 10],
            wide: vec![0; 1 << 10],
            bits: vec![0; HASHES >> 6],
            sought: Vec::new(),
            by_hash: vec![Vec::new(); HASHES],
        };
        for (number, (bytes, any_case, wrapped)) in marks.enumerate() {
            let wide = wrapped && bytes.iter().all(u8::is_ascii);
            if wrapped && !any_case && bytes.len() >= 4 {
                for (phase, form) in base64_forms(&bytes) {
                    filter.add(&form, false, false, Coding::Base64, number, phase);
                }
            }
            filter.add(&bytes, any_case, wide, Coding::Plain, number, 0);
        }
        filter
    }

    fn add(&mut self, bytes: &[u8], any_case: bool, wide: bool, coding: Coding, number: usize, phase: usize) {
        let cost = |three: &[u8]| three.iter().map(|byte| frequency(*byte)).fold(0, u32::saturating_add);
        let rarest = bytes.windows(3).enumerate().min_by_key(|(_, three)| cost(three));
        let (Some((rarest, three)), Ok(place)) = (rarest, u16::try_from(self.sought.len())) else { return };
        // A pair of these three bytes is at an even place, wherever they are.
        for pair in three.windows(2) {
            let [a, b] = [pair.first(), pair.last()].map(|byte| byte.copied().unwrap_or_default());
            let cases = |byte: u8| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
            let (first, second) = if any_case { (cases(a), cases(b)) } else { ([a, a], [b, b]) };
            for (a, b) in first.into_iter().flat_map(|a| second.map(|b| (a, b))) {
                set(&mut self.pairs, u16::from_le_bytes([a, b]));
                if wide {
                    set(&mut self.wide, u16::from_le_bytes([a, b]));
                }
            }
        }
        let hash = hash(three_of(three));
        if let Some(word) = self.bits.get_mut(usize_of(u64::from(hash >> 6))) {
            *word |= 1_u64.wrapping_shl(hash & 63);
        }
        if let Some(list) = self.by_hash.get_mut(usize_of(u64::from(hash))) {
            list.push(place);
        }
        self.sought.push(Sought { bytes: bytes.to_vec(), any_case, rarest, wide, coding, number, phase });
    }

    /// Calls `each` with the marks whose rarest three bytes begin in a span, until it has enough. Marks may reach beyond the
    /// span.
    pub(super) fn find(&self, bytes: &[u8], span: Range<usize>, mut each: impl FnMut(Seen) -> bool) {
        let (Ok(pairs), Ok(wide)) =
            (<&[u64; 1 << 10]>::try_from(self.pairs.as_slice()), <&[u64; 1 << 10]>::try_from(self.wide.as_slice()))
        else {
            return;
        };
        let has = |bits: &[u64; 1 << 10], pair: u64| {
            let word = bits.get(usize_of(pair >> 6 & 0x3ff)).copied().unwrap_or_default();
            word.wrapping_shr(u32::try_from(pair & 63).unwrap_or_default()) & 1
        };
        let last = span.end.min(bytes.len());
        let mut place = span.start;
        let (groups, rest) = bytes.get(place..last).unwrap_or_default().as_chunks::<8>();
        for group in groups {
            let eight = u64::from_le_bytes(*group);
            // Much of memory is zero, and no mark begins with zeros.
            if eight != 0 {
                let some = has(pairs, eight & 0xffff)
                    | has(pairs, eight >> 16 & 0xffff)
                    | has(pairs, eight >> 32 & 0xffff)
                    | has(pairs, eight >> 48);
                if some != 0 && !self.look(bytes, place, pairs, &mut each) {
                    return;
                }
                let is_wide = |half: u64| half & 0xff00_ff00 == 0 && half & 0xff != 0 && half & 0x00ff_0000 != 0;
                if (is_wide(eight) || is_wide(eight >> 32)) && !self.look_wide(bytes, place, wide, &mut each) {
                    return;
                }
            }
            place = place.wrapping_add(8);
        }
        if !rest.is_empty() && self.look(bytes, place, pairs, &mut each) {
            let _ = self.look_wide(bytes, place, wide, &mut each);
        }
    }

    /// Looks closer at eight bytes of which some pair is one of a mark.
    #[cold]
    fn look(&self, bytes: &[u8], place: usize, pairs: &[u64], each: &mut impl FnMut(Seen) -> bool) -> bool {
        for pair in [place, place.wrapping_add(2), place.wrapping_add(4), place.wrapping_add(6)] {
            let two = text::from(bytes, pair).first_chunk::<2>().map_or(0, |two| u16::from_le_bytes(*two));
            if !bit(pairs, two) {
                continue;
            }
            // The three bytes begin with the pair, or end with it.
            for three_at in [pair.checked_sub(1), Some(pair)].into_iter().flatten() {
                let three = three_of(text::from(bytes, three_at));
                if self.may_be(three) && !self.verify(bytes, three_at, three, false, each) {
                    return false;
                }
            }
        }
        true
    }

    /// Looks at eight bytes of which some may be characters of UTF-16, and at the character before them.
    fn look_wide(&self, bytes: &[u8], place: usize, wide: &[u64], each: &mut impl FnMut(Seen) -> bool) -> bool {
        let before = place.saturating_sub(2);
        for pair in [before, place, place.wrapping_add(2), place.wrapping_add(4), place.wrapping_add(6)] {
            let Some([a, 0, b, 0, c, 0]) = text::from(bytes, pair).first_chunk::<6>() else { continue };
            if bit(wide, u16::from_le_bytes([*a, *b])) {
                let three = three_of(&[*a, *b, *c]);
                if self.may_be(three) && !self.verify(bytes, pair, three, true, each) {
                    return false;
                }
            }
        }
        true
    }

    fn may_be(&self, three: u32) -> bool {
        let hash = hash(three);
        let word = self.bits.get(usize_of(u64::from(hash >> 6))).copied().unwrap_or_default();
        word.wrapping_shr(hash & 63) & 1 == 1
    }

    /// Passes on the marks that are at a place indeed.
    fn verify(&self, bytes: &[u8], place: usize, three: u32, wide: bool, each: &mut impl FnMut(Seen) -> bool) -> bool {
        let list = self.by_hash.get(usize_of(u64::from(hash(three)))).map_or(&[][..], Vec::as_slice);
        for sought in list.iter().filter_map(|number| self.sought.get(usize::from(*number))) {
            let step = if wide { 2 } else { 1 };
            let Some(start) = place.checked_sub(sought.rarest.saturating_mul(step)) else { continue };
            let is_here = if wide {
                sought.wide && is_wide(bytes, start, &sought.bytes, sought.any_case)
            } else if sought.any_case {
                text::has_any_case(bytes, start, &sought.bytes)
            } else {
                text::has(bytes, start, &sought.bytes)
            };
            if !is_here {
                continue;
            }
            let coding = if wide { Coding::Wide } else { sought.coding };
            let Some(place) = start.checked_sub(sought.phase) else { continue };
            if !each(Seen { number: sought.number, place, coding }) {
                return false;
            }
        }
        true
    }
}

fn is_wide(bytes: &[u8], place: usize, mark: &[u8], any_case: bool) -> bool {
    let here = text::from(bytes, place);
    let Some(here) = here.get(..mark.len().saturating_mul(2)) else { return false };
    here.as_chunks::<2>()
        .0
        .iter()
        .zip(mark)
        .all(|([low, high], byte)| *high == 0 && if any_case { low.eq_ignore_ascii_case(byte) } else { low == byte })
}

/// The characters of base64 that are certain where a text is encoded, for each number of bytes before it in its group of
/// three; with the characters of the group before them that are not.
fn base64_forms(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let forms = (0_usize..3).filter_map(|before| {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let text = data_encoding::BASE64_NOPAD.encode(&padded);
        // The first certain character, and the one behind the last.
        let first = [0, 2, 3].get(before).copied()?;
        let last = padded.len().checked_mul(8)?.checked_div(6)?;
        let form = text.as_bytes().get(first..last)?.to_vec();
        (form.len() >= 4).then_some((first, form))
    });
    forms.collect()
}

/// A mark as the filter takes it.
pub(super) fn entry(mark: &Mark, wrapped: bool) -> (Vec<u8>, bool, bool) {
    (mark.bytes().to_vec(), matches!(mark, Mark::AnyCase(_)), wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(filter: &Prefilter, bytes: &[u8]) -> Vec<(usize, usize, Coding)> {
        let mut all = Vec::new();
        filter.find(bytes, 0..bytes.len(), |seen| {
            all.push((seen.number, seen.place, seen.coding));
            true
        });
        all
    }

    #[test]
    fn marks_are_found_in_all_codings() {
        let marks = [("ghp_", false, true), ("password", true, false), ("eyJ", false, true)];
        let filter =
            Prefilter::new(marks.iter().map(|(text, any, wrapped)| (text.as_bytes().to_vec(), *any, *wrapped)));
        assert_eq!(found(&filter, b"..ghp_"), [(0, 2, Coding::Plain)]);
        assert_eq!(found(&filter, b"PassWord GHP_ eyj"), [(1, 0, Coding::Plain)]);
        assert_eq!(found(&filter, b"..e\0y\0J\0"), [(2, 2, Coding::Wide)]);
        for before in 0..3 {
            let text = format!("{}ghp_0123456789", &"xyz"[..before]);
            let encoded = data_encoding::BASE64.encode(text.as_bytes());
            assert_eq!(found(&filter, encoded.as_bytes()), [(0, 0, Coding::Base64)], "{encoded}");
        }
    }
}
