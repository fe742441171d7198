//! Texts of several lines that something else holds: a log, which has the same words before each line or an object of
//! JSON on each; a text in JSON. They are read as they were, and what is found in them is brought back.

use std::ops::Range;

use bstr::ByteSlice;

use super::detector::Match;
use super::text::{self, at, before, is_digit, part, run};

/// Longest words before a line of a log.
const PREFIX: usize = 128;

/// A text as it was, and where its bytes are.
#[derive(Default)]
pub(super) struct Unwrapped {
    pub(super) text: Vec<u8>,
    /// The place of the mark in it.
    pub(super) mark: usize,
    places: Vec<usize>,
    /// Where the wrapped text begins.
    start: usize,
}

/// How far to read.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes before the mark and behind it.
    pub(super) before: usize,
    pub(super) behind: usize,
    /// Whether a line is the first of something else.
    pub(super) is_other: fn(&[u8]) -> bool,
}

impl Unwrapped {
    /// The lines of a log around a mark, if on its line words stand before a place, and other lines have such words, too.
    pub(super) fn of_log(bytes: &[u8], text: usize, mark: usize, limits: Limits) -> Option<Self> {
        let is_of_line = |byte: u8| byte == b'\t' || (b' '..0x7f).contains(&byte);
        let start = text::run_back(bytes, text, is_of_line, PREFIX);
        let prefix = part(bytes, start..text).trim_end_with(|sign| matches!(sign, ' ' | '-'));
        if prefix.is_empty() {
            return None;
        }
        let has_blank = at(bytes, start.saturating_add(prefix.len())) == Some(b' ');
        let is_json = prefix.starts_with(b"{") && prefix.ends_with(b"\"");
        // Where the text of a line begins and ends.
        let content = |line: Range<usize>| {
            let words = words_like(prefix, part(bytes, line.clone()))?;
            let words = line.start.saturating_add(words);
            let from = if has_blank { text::maybe(bytes, words, |byte| byte == b' ') } else { words };
            Some(from..line.end)
        };
        let line_end = |from: usize| run(bytes, from, |byte| !matches!(byte, b'\n' | 0), limits.behind);
        let mut lines = vec![content(start..line_end(start))?];
        let mut first = start;
        while let Some(end) = first.checked_sub(1).filter(|end| at(bytes, *end) == Some(b'\n')) {
            let line = text::run_back(bytes, end, |byte| !matches!(byte, b'\n' | 0), limits.before);
            let Some(range) = content(line..end).filter(|_| mark.saturating_sub(line) <= limits.before) else { break };
            let is_other = (limits.is_other)(part(bytes, range.clone()));
            lines.push(range);
            first = line;
            if is_other {
                break;
            }
        }
        lines.reverse();
        let mut next = line_end(start);
        while at(bytes, next) == Some(b'\n') && next.saturating_sub(mark) < limits.behind {
            let line = next.saturating_add(1);
            next = line_end(line);
            let Some(range) = content(line..next) else { break };
            if (limits.is_other)(part(bytes, range.clone())) {
                break;
            }
            lines.push(range);
        }
        if lines.len() < 2 {
            return None;
        }
        let mut unwrapped = Unwrapped { start, ..Unwrapped::default() };
        for line in lines {
            if is_json {
                unwrapped.unescape(bytes, line.start, line.end);
            } else {
                for place in line {
                    unwrapped.push(at(bytes, place).unwrap_or(b'\n'), place);
                }
            }
            if unwrapped.text.last() != Some(&b'\n') {
                let end = unwrapped.places.last().map_or(start, |last| last.saturating_add(1));
                unwrapped.push(b'\n', end);
            }
        }
        unwrapped.mark = unwrapped.places.partition_point(|place| *place < mark);
        Some(unwrapped)
    }

    /// The text in JSON around a mark, as it is without its escapes.
    pub(super) fn of_json(bytes: &[u8], mark: usize, limits: Limits) -> Option<Self> {
        let from = mark.saturating_sub(limits.before);
        let head = part(bytes, from..mark);
        let open = memchr::memrchr_iter(b'"', head).find(|quote| before(head, *quote) != Some(b'\\'))?;
        let start = from.saturating_add(open).saturating_add(1);
        let mut unwrapped = Unwrapped { start: mark, ..Unwrapped::default() };
        unwrapped.unescape(bytes, start, mark.saturating_add(limits.behind).min(bytes.len()));
        unwrapped.mark = unwrapped.places.partition_point(|place| *place < mark);
        (unwrapped.mark < unwrapped.text.len()).then_some(unwrapped)
    }

    fn push(&mut self, byte: u8, place: usize) {
        self.text.push(byte);
        self.places.push(place);
    }

    /// Adds a text of JSON up to its closing quote.
    fn unescape(&mut self, bytes: &[u8], start: usize, end: usize) {
        let mut here = start;
        while here < end {
            let place = here;
            here = here.saturating_add(1);
            match at(bytes, place) {
                None | Some(b'"' | 0) => return,
                Some(b'\\') => {
                    let escaped = at(bytes, here);
                    let digits = part(bytes, here.saturating_add(1)..here.saturating_add(5));
                    let code = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    let (byte, len) = match (escaped, code) {
                        (Some(b'n'), _) => (b'\n', 1),
                        (Some(b'r'), _) => (b'\r', 1),
                        (Some(b't'), _) => (b'\t', 1),
                        (Some(b'u'), Some(code)) => (code, 5),
                        (Some(other), _) => (other, 1),
                        (None, _) => return,
                    };
                    here = here.saturating_add(len);
                    self.push(byte, place);
                }
                Some(byte) => self.push(byte, place),
            }
        }
    }

    /// A place of the text, in what holds it.
    fn place(&self, place: usize) -> usize {
        let behind = || self.places.last().map_or(self.start, |last| last.saturating_add(1));
        self.places.get(place).copied().unwrap_or_else(behind)
    }

    /// A range of the text, in what holds it. Its end is behind its last byte.
    fn range(&self, range: &Range<usize>) -> Range<usize> {
        let last = range.end.saturating_sub(1).max(range.start);
        self.place(range.start)..self.place(last).saturating_add(1)
    }

    /// What was found in the text, as found in what holds it. What gave it away begins with the words before it.
    pub(super) fn found(&self, found: Match) -> Match {
        let read = found.read.clone().unwrap_or_else(|| part(&self.text, found.value.clone()).to_vec());
        let (span, value) = (self.range(&found.span), self.range(&found.value));
        Match { span: span.start.min(self.start)..span.end, value, read: Some(read), ..found }
    }
}

/// The length of the words at the beginning of a line, if they are those before a line of the same log, in which only
/// numbers differ.
fn words_like(prefix: &[u8], line: &[u8]) -> Option<usize> {
    let (mut known, mut here) = (0_usize, 0_usize);
    while let Some(byte) = at(prefix, known) {
        if is_digit(byte) {
            let end = run(line, here, is_digit, PREFIX);
            if end == here {
                return None;
            }
            here = end;
            known = run(prefix, known, is_digit, PREFIX);
        } else {
            here = text::skip(line, here, &[byte])?;
            known = known.saturating_add(1);
        }
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { before: 400, behind: 400, is_other: |line| line.starts_with(b"--") };

    fn of_log(text: &str) -> Option<(String, usize)> {
        let read = Unwrapped::of_log(text.as_bytes(), text.find("MARK").unwrap(), text.find("MARK").unwrap(), LIMITS)?;
        Some((String::from_utf8(read.text).unwrap(), read.mark))
    }

    #[test]
    fn lines_of_a_log_are_read_without_what_is_before_them() {
        let log = "1.10Z out F a: b\n1.2Z out F  c\n33.1Z out F MARK\n1.4Z out F d\n1.4Z err F e\n";
        assert_eq!(of_log(log).unwrap(), ("a: b\n c\nMARK\nd\n".to_owned(), 8));
        let objects = "{\"log\":\"MARK \\\"x\\\"\\n\",\"time\":\"1\"}\n{\"log\":\"y\\n\",\"time\":\"2\"}\n";
        assert_eq!(of_log(objects).unwrap(), ("MARK \"x\"\ny\n".to_owned(), 0));
        assert!(of_log("a MARK\nb\n").is_none() && of_log("MARK\nb\n").is_none());
        assert_eq!(of_log("> --\n> MARK\n> --\n> x").unwrap().0, "--\nMARK\n");
    }

    #[test]
    fn what_was_found_is_brought_back() {
        let text = b"12 first\n13 MARK\n14 last\n";
        let read = Unwrapped::of_log(text, 12, 12, LIMITS).unwrap();
        let at = read.text.find("MARK\nla").unwrap();
        let found = read.found(Match::of(at..at + 7));
        assert_eq!((found.span, found.value, found.read.unwrap()), (9..22, 12..22, b"MARK\nla".to_vec()));
        let json = br#"{"x":"{\"a\":\"MARK\"}"}"#;
        let read = Unwrapped::of_json(json, 15, LIMITS).unwrap();
        assert_eq!((read.text.as_slice(), read.mark), (br#"{"a":"MARK"}"#.as_slice(), 6));
        assert_eq!(read.found(Match::of(6..10)).value, 15..19);
    }
}
