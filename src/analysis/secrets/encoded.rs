//! Looks at marks in UTF-16 and in base64: decodes what is around them, asks the detector, and maps its matches back.

use std::ops::Range;

use super::detector::{Detector, Mark, Match};
use super::prefilter::{Coding, Seen};
use super::text;

/// Characters before and behind a mark that are read.
const BEFORE: usize = 48;
const BEHIND: usize = 6 << 10;
/// Digits in a line of base64 that goes on in the next one. Programs write lines of 60, 64, 72 or 76.
const LINE: std::ops::RangeInclusive<usize> = 56..=80;

/// What a detector finds at a mark that is encoded. Spans and values are those of the encoded text.
pub(super) fn find(detector: &Detector, bytes: &[u8], seen: Seen, out: &mut Vec<Match>) {
    match seen.coding {
        Coding::Plain => {}
        Coding::Wide => wide(detector, bytes, seen.place, out),
        Coding::Base64 => base64(detector, bytes, seen.place, out),
    }
}

/// Asks a detector about a place in decoded text. `to` tells where a range of it is in the encoded text.
fn ask(
    detector: &Detector,
    text: &[u8],
    place: usize,
    to: impl Fn(&Range<usize>) -> Range<usize>,
    out: &mut Vec<Match>,
) {
    let before = out.len();
    (detector.find)(text, place, out);
    for found in out.iter_mut().skip(before) {
        let value = || text::part(text, found.value.clone()).to_vec();
        found.read = Some(found.read.take().unwrap_or_else(value));
        (found.span, found.value) = (to(&found.span), to(&found.value));
    }
}

fn wide(detector: &Detector, bytes: &[u8], place: usize, out: &mut Vec<Match>) {
    let is_wide = |pair: &[u8; 2]| pair[1] == 0 && pair[0] != 0;
    let head = bytes.get(..place).unwrap_or_default();
    let back = head.as_rchunks::<2>().1.iter().rev().take(BEFORE).take_while(|pair| is_wide(pair)).count();
    let start = place.saturating_sub(back.saturating_mul(2));
    let tail = text::from(bytes, start).as_chunks::<2>().0;
    let narrow: Vec<u8> = tail.iter().take(BEHIND).take_while(|pair| is_wide(pair)).map(|pair| pair[0]).collect();
    let at = |place: usize| start.saturating_add(place.saturating_mul(2));
    ask(detector, &narrow, back, |range| at(range.start)..at(range.end), out);
}

fn base64(detector: &Detector, bytes: &[u8], place: usize, out: &mut Vec<Match>) {
    let digits = digits_around(bytes, place);
    let encoded: Vec<u8> = digits.iter().filter_map(|at| text::at(bytes, *at)).collect();
    let whole = encoded.len().saturating_sub(encoded.len().wrapping_rem(4));
    let Some(decoded) = text::base64(&encoded).or_else(|| text::base64(encoded.get(..whole)?)) else { return };
    // The mark begins in this group of four.
    let before = digits.partition_point(|at| *at < place);
    let first = before.saturating_mul(3).wrapping_div(4);
    let is_here = |place: &usize| {
        detector.marks.iter().any(|mark| match mark {
            Mark::Exact(mark) => text::has(&decoded, *place, mark),
            Mark::AnyCase(mark) => text::has_any_case(&decoded, *place, mark),
        })
    };
    let Some(mark) = (first..first.saturating_add(3)).find(is_here) else { return };
    // The whole groups of four that hold a range.
    let to = |range: &Range<usize>| {
        let start = digits.get(range.start.wrapping_div(3).saturating_mul(4)).copied().unwrap_or(place);
        let last = range.end.div_ceil(3).saturating_mul(4).min(digits.len()).saturating_sub(1);
        start..digits.get(last).map_or(start, |last| last.saturating_add(1))
    };
    let found = out.len();
    ask(detector, &decoded, mark, to, out);
    // Text is searched that is encoded once, not twice.
    out.iter_mut().skip(found).for_each(|found| found.inner = None);
}

/// Where the digits of base64 are around the beginning of a group of four: from a group before it on, over the ends of lines
/// that are as long as programs make them.
fn digits_around(bytes: &[u8], place: usize) -> Vec<usize> {
    let line_start = text::run_back(bytes, place, text::is_base64, *LINE.end());
    let groups = place.saturating_sub(line_start).min(BEFORE).wrapping_div(4);
    let mut digits = Vec::new();
    let (mut line, mut at) = (line_start, place.saturating_sub(groups.saturating_mul(4)));
    while digits.len() < BEHIND {
        let end = text::run(bytes, at, text::is_base64, BEHIND.saturating_sub(digits.len()));
        digits.extend(at..end);
        let len = end.saturating_sub(line);
        match next_line(bytes, end).filter(|_| LINE.contains(&len) && len.is_multiple_of(4)) {
            Some(next) => (line, at) = (next, next),
            None => break,
        }
    }
    digits
}

/// Where the text of the next line begins, if this one ends here.
fn next_line(bytes: &[u8], end: usize) -> Option<usize> {
    let end = text::maybe(bytes, end, |byte| byte == b'\r');
    let end = text::skip(bytes, end, b"\n")?;
    let start = text::run(bytes, end, |byte| byte == b' ' || byte == b'\t', BEFORE);
    text::at(bytes, start).filter(|byte| text::is_base64(*byte)).map(|_| start)
}

#[cfg(test)]
mod tests {
    use super::super::engine::plain_engine;

    fn values(text: &[u8]) -> Vec<(String, String)> {
        let hits = plain_engine().find(text);
        let name = |number: usize| super::super::engine::Engine::detector(number).unwrap().id.to_owned();
        hits.into_iter().map(|hit| (name(hit.detector), String::from_utf8(hit.value).unwrap())).collect()
    }

    const TOKEN: &str = "glpat-k3Jd9xTmWqZr8pLk2xYv";

    fn expected() -> Vec<(String, String)> {
        vec![("gitlab-token".to_owned(), TOKEN.to_owned())]
    }

    #[test]
    fn values_go_on_in_the_next_line_of_base64() {
        for before in 0..80 {
            let text = format!("{} {TOKEN} {}", "x".repeat(before), "y".repeat(60));
            let encoded = data_encoding::BASE64.encode(text.as_bytes());
            for (width, end) in [(76, "\n"), (64, "\r\n"), (76, "\n    ")] {
                let lines: Vec<&str> =
                    encoded.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
                let found = values(lines.join(end).as_bytes());
                // A mark that a line's end cuts in two is not found.
                let digits = (before + 1) * 4 / 3;
                let is_cut = digits / width != (digits + 10) / width;
                assert!(found == expected() || is_cut && found.is_empty(), "{before} {width}: {found:?}");
            }
        }
    }

    #[test]
    fn short_lines_are_not_joined() {
        let encoded = data_encoding::BASE64.encode(format!("a {TOKEN}.").as_bytes());
        assert_eq!(values(format!("{encoded}\nQUJD").as_bytes()), expected());
    }

    #[test]
    fn wide_text_begins_anywhere() {
        let wide: Vec<u8> = format!("the token {TOKEN} ").bytes().flat_map(|byte| [byte, 0]).collect();
        for before in 0..9 {
            let text = [&vec![b'\x01'; before][..], &wide, b"\x01\x02"].concat();
            assert_eq!(values(&text), expected(), "{before}");
        }
    }

    #[test]
    fn names_in_any_case_are_found_in_base64() {
        for name in ["AccountKey", "ACCOUNT_KEY", "account-key"] {
            let key = data_encoding::BASE64.encode(&(0..64).map(|n: u8| n.wrapping_mul(37) ^ 0x5a).collect::<Vec<_>>());
            let text = data_encoding::BASE64.encode(format!("AccountName=shop;{name}={key};End").as_bytes());
            let found = values(text.as_bytes());
            assert!(
                found.iter().any(|(detector, value)| detector == "azure-storage-key" && *value == key),
                "{name}: {found:?}"
            );
        }
    }
}
