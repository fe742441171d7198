//! Finds the marks of all detectors in one pass. Every 64 bytes are tested at once for what may be there (`signs`): three
//! bytes of a mark, which `buckets` chose; text in UTF-16, in which marks have two bytes a character; text in base64, in
//! which a mark has three forms, depending on what stands before it; random bytes, which may be keys. Only where the test
//! holds, marks are looked for.

mod blocks;
mod buckets;
mod frequency;
mod signs;
mod trigrams;

use std::ops::Range;

pub(super) use self::blocks::SAMPLE;
use self::buckets::{Buckets, Groups, TESTED};
use self::signs::BLOCK;
use self::trigrams::{Place, Trigrams, in_all_cases, three_of};
use super::detector::Mark;
use super::text;

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

/// What the filter found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Mark(Seen),
    /// Where random bytes begin that passed the caller's test.
    Random(usize),
}

/// Digits of base64 in a row that a block has with a mark in it or before it; bytes of UTF-16 that do not end one. A mark
/// with its secret is longer than twice this.
const RUN: usize = 12;

/// The filter.
#[derive(Clone, Debug)]
pub(super) struct Prefilter {
    sought: Vec<Sought>,
    /// Number of marks.
    marks: usize,
    groups: Groups,
    buckets: Buckets,
    plain: Trigrams,
    wide: Trigrams,
    base64: Trigrams,
}

impl Prefilter {
    /// A filter for marks: `(mark, in any case, whether also in UTF-16 and base64)`. Marks of fewer than three bytes are not
    /// found.
    pub(super) fn new(marks: impl Iterator<Item = (Vec<u8>, bool, bool)>) -> Self {
        let mut sought: Vec<Sought> = Vec::new();
        let (mut wide, mut base64) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (number, (bytes, any_case, wrapped)) in marks.enumerate() {
            count = number.saturating_add(1);
            if bytes.len() < TESTED {
                continue;
            }
            if wrapped && bytes.len() >= 4 {
                for (phase, form) in spellings(&bytes, any_case).iter().flat_map(|bytes| base64_forms(bytes)) {
                    base64.extend(base64_places(&form, sought.len()));
                    sought.push(Sought { bytes: form, any_case: false, coding: Coding::Base64, number, phase });
                }
            }
            if wrapped && bytes.is_ascii() {
                let place = Place { mark: sought.len(), before: 0 };
                wide.extend(in_all_cases(&bytes).map(|three| (three, place)));
                sought.push(Sought { bytes: bytes.clone(), any_case, coding: Coding::Wide, number, phase: 0 });
            }
            sought.push(Sought { bytes, any_case, coding: Coding::Plain, number, phase: 0 });
        }
        let mut groups = Groups::default();
        let plain = places(&mut groups, &sought, 0);
        let buckets = groups.tables();
        let [plain, wide, base64] = [plain, wide, base64].map(Trigrams::new);
        Prefilter { sought, marks: count, groups, buckets, plain, wide, base64 }
    }

    /// The same filter with more marks, which are numbered on. They are not looked for in UTF-16 and base64. `None` if one of
    /// them has fewer than three bytes.
    pub(super) fn with(&self, marks: &[&[u8]]) -> Option<Self> {
        let mut all = self.clone();
        for (number, bytes) in (self.marks..).zip(marks) {
            let bytes = (bytes.len() >= TESTED).then(|| bytes.to_vec())?;
            all.sought.push(Sought { bytes, any_case: false, coding: Coding::Plain, number, phase: 0 });
        }
        all.marks = self.marks.saturating_add(marks.len());
        let places = places(&mut all.groups, &all.sought, self.sought.len());
        all.plain = self.plain.with(places);
        all.buckets = all.groups.tables();
        Some(all)
    }

    /// Calls `each` with the marks whose tested bytes begin in a span, and with where random bytes begin that pass a test,
    /// until it has enough. Marks may reach beyond the span.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        span: Range<usize>,
        random: impl Fn(&[u8; SAMPLE]) -> u64 + Copy,
        mut each: impl FnMut(Found) -> bool,
    ) {
        // Where text in UTF-16 and in base64 was looked at.
        let (mut wide, mut base64) = (span.start, span.start);
        let places = span.start..span.end.min(bytes.len());
        blocks::each_block(bytes, places, &self.buckets, random, |block| {
            let mut marks = block.marks;
            while marks != 0 {
                let at = block.place.saturating_add(usize::try_from(marks.trailing_zeros()).unwrap_or_default());
                marks &= marks.wrapping_sub(1);
                if !self.plain.of(three_of(text::from(bytes, at))).all(|mark| self.verify(bytes, at, mark, &mut each)) {
                    return false;
                }
            }
            let end = block.place.saturating_add(BLOCK);
            let from = |last: usize| block.place.saturating_sub(RUN).max(last);
            if block.base64 && !self.look_base64(bytes, from(std::mem::replace(&mut base64, end))..end, &mut each) {
                return false;
            }
            if block.wide && !self.look_wide(bytes, from(std::mem::replace(&mut wide, end))..end, &mut each) {
                return false;
            }
            block.random.is_none_or(|place| each(Found::Random(place)))
        });
    }

    /// Looks for marks in base64. Two groups of three bytes of each are known, at neighbouring places, so every second
    /// place is looked at.
    #[cold]
    fn look_base64(&self, bytes: &[u8], places: Range<usize>, each: &mut impl FnMut(Found) -> bool) -> bool {
        places.step_by(2).all(|place| {
            self.base64.of(three_of(text::from(bytes, place))).all(|mark| self.verify(bytes, place, mark, each))
        })
    }

    /// Looks for marks in UTF-16, which may begin at any place.
    #[cold]
    fn look_wide(&self, bytes: &[u8], mut places: Range<usize>, each: &mut impl FnMut(Found) -> bool) -> bool {
        places.all(|place| {
            let Some([a, 0, b, 0, c, 0]) = text::from(bytes, place).first_chunk::<6>() else { return true };
            self.wide.of(three_of(&[*a, *b, *c])).all(|mark| self.verify(bytes, place, mark, each))
        })
    }

    /// Passes on a mark if it is at a place indeed.
    fn verify(&self, bytes: &[u8], place: usize, known: Place, each: &mut impl FnMut(Found) -> bool) -> bool {
        let Some(sought) = self.sought.get(known.mark) else { return true };
        let Some(start) = place.checked_sub(known.before) else { return true };
        // Most others differ in the first byte.
        let first = |bytes: &[u8], place: usize| bytes.get(place).map(u8::to_ascii_lowercase);
        if first(bytes, start) != first(&sought.bytes, 0) {
            return true;
        }
        let is_here = match (sought.coding, sought.any_case) {
            (Coding::Wide, any_case) => is_wide(bytes, start, &sought.bytes, any_case),
            (_, true) => text::has_any_case(bytes, start, &sought.bytes),
            (_, false) => text::has(bytes, start, &sought.bytes),
        };
        match start.checked_sub(sought.phase).filter(|_| is_here) {
            Some(place) => each(Found::Mark(Seen { number: sought.number, place, coding: sought.coding })),
            None => true,
        }
    }
}

/// Puts the marks from one on, as far as they are not encoded, into groups. Gives the three bytes that tell of each.
fn places(groups: &mut Groups, sought: &[Sought], first: usize) -> Vec<(u32, Place)> {
    let plain = || sought.iter().enumerate().skip(first).filter(|(_, one)| one.coding == Coding::Plain);
    let texts: Vec<(&[u8], bool)> = plain().map(|(_, one)| (one.bytes.as_slice(), one.any_case)).collect();
    let mut places = Vec::new();
    for ((mark, one), before) in plain().zip(groups.put(&texts)) {
        let (three, place) = (text::from(&one.bytes, before), Place { mark, before });
        if one.any_case {
            places.extend(in_all_cases(three).map(|three| (three, place)));
        } else {
            places.push((three_of(three), place));
        }
    }
    places
}

/// The two groups of three bytes of a mark in base64 that are looked for: the rarest two that overlap.
fn base64_places(form: &[u8], mark: usize) -> impl Iterator<Item = (u32, Place)> {
    let cost = |four: &[u8]| frequency::of(four);
    let rarest = form.windows(4).enumerate().min_by(|(_, a), (_, b)| cost(a).total_cmp(&cost(b)));
    rarest.into_iter().flat_map(move |(before, four)| {
        let place = move |more: usize| Place { mark, before: before.saturating_add(more) };
        [(three_of(four), place(0)), (three_of(text::from(four, 1)), place(1))]
    })
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

/// How a mark is written in base64, where upper and lower case have nothing in common: in lower case, in upper case, as one
/// word with a capital, and with one in front of what mostly is a word of its own.
fn spellings(bytes: &[u8], any_case: bool) -> Vec<Vec<u8>> {
    if !any_case {
        return vec![bytes.to_vec()];
    }
    let capital = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.iter_mut().take(1).for_each(u8::make_ascii_uppercase);
        bytes
    };
    let mut all = vec![bytes.to_ascii_lowercase(), bytes.to_ascii_uppercase(), capital(bytes)];
    if let Some((first, key)) = bytes.split_last_chunk::<3>().filter(|(_, key)| *key == b"key") {
        all.push([capital(first), capital(key)].concat());
    }
    all.dedup();
    all
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
        filter.find(
            bytes,
            0..bytes.len(),
            |_| 0,
            |found| {
                if let Found::Mark(seen) = found {
                    all.push((seen.number, seen.place, seen.coding));
                }
                true
            },
        );
        all
    }

    #[test]
    fn marks_are_found_in_all_codings() {
        let marks = [("ghp_", false, true), ("password", true, false), ("eyJ", false, true)];
        let filter =
            Prefilter::new(marks.iter().map(|(text, any, wrapped)| (text.as_bytes().to_vec(), *any, *wrapped)));
        assert_eq!(found(&filter, b"..ghp_"), [(0, 2, Coding::Plain)]);
        assert_eq!(found(&filter, b"PassWord GHP_ eyj"), [(1, 0, Coding::Plain)]);
        // What is no longer than its mark is no secret.
        assert_eq!(found(&filter, b"..e\0y\0J\0h\0b\0G\0c\0i\0"), [(2, 2, Coding::Wide)]);
        for before in 0..3 {
            let text = format!("{}ghp_0123456789", &"xyz"[..before]);
            let encoded = data_encoding::BASE64.encode(text.as_bytes());
            assert_eq!(found(&filter, encoded.as_bytes()), [(0, 0, Coding::Base64)], "{encoded}");
        }
    }
}
