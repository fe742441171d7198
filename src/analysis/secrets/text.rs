//! Small pieces of reading that detectors share: classes of bytes, runs of them, entropy, base64.

use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding};

/// A class of bytes.
pub(super) type Class = fn(u8) -> bool;

pub(super) fn is_alnum(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// What `\w` matches.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A word, or a hyphen: base64url.
pub(super) fn is_url64(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

pub(super) fn is_base32(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7')
}

pub(super) fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Hexadecimal in lower case.
pub(super) fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

pub(super) fn is_any_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

pub(super) fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// White space and control bytes, which end every value.
pub(super) fn is_break(byte: u8) -> bool {
    byte <= b' '
}

/// The byte at a place.
pub(super) fn at(text: &[u8], place: usize) -> Option<u8> {
    text.get(place).copied()
}

/// The byte before a place.
pub(super) fn before(text: &[u8], place: usize) -> Option<u8> {
    text.get(place.checked_sub(1)?).copied()
}

/// The rest of the text from a place.
pub(super) fn from(text: &[u8], place: usize) -> &[u8] {
    text.get(place..).unwrap_or_default()
}

/// A part of the text.
pub(super) fn part(text: &[u8], range: Range<usize>) -> &[u8] {
    text.get(range).unwrap_or_default()
}

/// Behind the end of a line: as such, or as text of a program or of JSON.
pub(super) fn line_end(text: &[u8], place: usize) -> Option<usize> {
    const ENDS: [&str; 6] = ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\\u000a"];
    ENDS.iter().find_map(|end| skip(text, place, end.as_bytes()))
}

/// Decodes `%2B` and the like.
pub(super) fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    bytes
}

/// Where a run of a class ends that begins at a place, after `most` bytes at the latest.
pub(super) fn run(text: &[u8], place: usize, class: Class, most: usize) -> usize {
    place.saturating_add(from(text, place).iter().take(most).take_while(|byte| class(**byte)).count())
}

/// Where a run of a class begins that ends at a place, `most` bytes before it at the earliest.
pub(super) fn run_back(text: &[u8], place: usize, class: Class, most: usize) -> usize {
    let head = text.get(..place).unwrap_or_default();
    place.saturating_sub(head.iter().rev().take(most).take_while(|byte| class(**byte)).count())
}

/// Whether no word continues into a place from before it. The end of a line may stand there as a program writes it: `\n`,
/// `%0A`, `\u000a`.
pub(super) fn begins_word(text: &[u8], place: usize) -> bool {
    before(text, place).is_none_or(|byte| !is_word(byte)) || ends_escape(text.get(..place).unwrap_or_default())
}

/// Whether text ends in one character that is written with others.
fn ends_escape(head: &[u8]) -> bool {
    match head {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', a, b] => is_any_hex(*a) && is_any_hex(*b),
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].into_iter().all(|byte| is_any_hex(*byte)),
        _ => false,
    }
}

/// Whether no word continues behind a place.
pub(super) fn ends_word(text: &[u8], place: usize) -> bool {
    at(text, place).is_none_or(|byte| !is_word(byte))
}

/// Whether the text at a place begins with some bytes.
pub(super) fn has(text: &[u8], place: usize, bytes: &[u8]) -> bool {
    from(text, place).starts_with(bytes)
}

/// The same in any case of letters.
pub(super) fn has_any_case(text: &[u8], place: usize, bytes: &[u8]) -> bool {
    from(text, place).get(..bytes.len()).is_some_and(|here| here.eq_ignore_ascii_case(bytes))
}

/// The place behind bytes, if they are at a place.
pub(super) fn skip(text: &[u8], place: usize, bytes: &[u8]) -> Option<usize> {
    has(text, place, bytes).then(|| place.saturating_add(bytes.len()))
}

/// The place behind at most one byte of a class.
pub(super) fn maybe(text: &[u8], place: usize, class: Class) -> usize {
    run(text, place, class, 1)
}

/// Shannon's entropy in bits per byte.
pub(super) fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let parts = counts.into_iter().filter(|count| *count > 0).map(|count| {
        let share = f64::from(count) / all;
        -share * share.log2()
    });
    parts.sum()
}

/// Kinds of bytes in a value: lower case, upper case, digits, others.
pub(super) fn classes(value: &[u8]) -> usize {
    let kinds: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, |byte| !byte.is_ascii_alphanumeric()];
    kinds.into_iter().filter(|kind| value.iter().any(kind)).count()
}

/// Decodes base64 with or without padding. Bits that are left over need not be zero.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    decoded(text, &BASE64_NOPAD)
}

/// Decodes base64url with or without padding.
pub(super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    decoded(text, &BASE64URL_NOPAD)
}

fn decoded(text: &[u8], encoding: &Encoding) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last.saturating_add(1));
    if text.len().saturating_sub(end) > 2 {
        return None;
    }
    let body = text.get(..end)?;
    if let Ok(bytes) = encoding.decode(body) {
        return Some(bytes);
    }
    // Strict decoders refuse unused bits that are not zero. Programs that read secrets do not.
    let whole = body.len().checked_sub(body.len() % 4)?;
    let (head, tail) = body.split_at_checked(whole)?;
    let mut bytes = encoding.decode(head).ok()?;
    let last = |place: usize| tail.get(place).copied();
    let zeroed: &[u8] = match tail.len() {
        2 => &[last(0)?, b'A'],
        3 => &[last(0)?, last(1)?, b'A'],
        _ => return None,
    };
    if !tail.iter().all(|byte| encoding.specification().symbols.as_bytes().contains(byte)) {
        return None;
    }
    let rest = encoding.decode(zeroed).ok()?;
    bytes.extend(rest);
    Some(bytes)
}

/// Whether all bytes are printable text: ASCII, or UTF-8 without control characters.
pub(super) fn is_printable(text: &[u8]) -> bool {
    !text.is_empty() && std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// Text between quotes.
pub(super) struct Quoted {
    /// Where the closing quote is, or the backslash before it.
    pub(super) end: usize,
    /// The text without escapes.
    pub(super) text: Vec<u8>,
}

/// Reads to a closing quote, at most so many bytes of one line of printable ASCII. A text in a text has each of its signs
/// escaped once more.
pub(super) fn quoted(bytes: &[u8], start: usize, sign: u8, is_inner: bool, most: usize) -> Option<Quoted> {
    let mut text = Vec::new();
    let mut here = start;
    // One character of the outer text: what it is, whether it was escaped, what follows.
    let character = |place: usize| {
        let byte = at(bytes, place)?;
        match at(bytes, place.saturating_add(1)).filter(|_| is_inner && byte == b'\\') {
            Some(escaped) => Some((escaped, true, place.saturating_add(2))),
            None => Some((byte, false, place.saturating_add(1))),
        }
    };
    while here < start.saturating_add(most) {
        let (byte, is_escaped, next) = character(here)?;
        if byte == sign && is_escaped == is_inner {
            return Some(Quoted { end: here, text });
        }
        here = next;
        let is_text = (b' '..0x7f).contains(&byte) && (!is_escaped || matches!(byte, b'\\' | b'/' | b'"' | b'\''));
        if !is_text {
            return None;
        }
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let (escaped, _, next) = character(here)?;
        let digits = part(bytes, next..next.saturating_add(4));
        let code = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (escaped, code) {
            (b'"' | b'\'' | b'\\' | b'/', _) => {
                text.push(escaped);
                here = next;
            }
            (b'u', Some(code @ b' '..0x7f)) => {
                text.push(code);
                here = next.saturating_add(4);
            }
            _ => text.push(b'\\'),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_and_classes() {
        assert!(entropy(b"aaaa").abs() < 1e-9 && (entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert_eq!((classes(b"abc"), classes(b"aB3-"), classes(b"")), (1, 4, 0));
    }

    #[test]
    fn base64_is_read_as_programs_do() {
        assert_eq!(base64(b"dXNlcjpwdw==").unwrap(), b"user:pw");
        assert_eq!(base64(b"dXNlcjpwdw").unwrap(), b"user:pw");
        assert_eq!(base64(b"dXNlcjpwdx").unwrap(), b"user:pt");
        assert!(base64(b"dXNlc").is_none() && base64(b"a===").is_none() && base64(b"a-b_").is_none());
        assert_eq!(base64url(b"-_-_").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn words_begin_behind_what_stands_for_a_sign() {
        let begins = |text: &str| begins_word(text.as_bytes(), text.len());
        assert!(["", " ", "a=", "x\\n", "x%3D", "x\\u0026"].iter().all(|text| begins(text)));
        assert!(!["x", "n", "%3G", "u0026", "_"].iter().any(|text| begins(text)));
    }

    #[test]
    fn text_between_quotes_is_read_without_escapes() {
        let read = |text: &str, sign, is_inner| {
            let Quoted { end, text } = quoted(text.as_bytes(), 0, sign, is_inner, 64)?;
            Some((end, String::from_utf8(text).unwrap()))
        };
        assert_eq!(read(r#"a'b" c"#, b'"', false).unwrap(), (3, "a'b".to_owned()));
        assert_eq!(read(r#"a\"b\u0026\/\\" c"#, b'"', false).unwrap(), (14, r#"a"b&/\"#.to_owned()));
        assert_eq!(read(r#"a\\\"b\" c"#, b'"', true).unwrap(), (6, r#"a"b"#.to_owned()));
        assert_eq!(read(r"C:\dir' c", b'\'', false).unwrap(), (6, r"C:\dir".to_owned()));
        assert!(read("a\nb'", b'\'', false).is_none() && read("ab", b'\'', false).is_none());
    }

    #[test]
    fn runs_stop_at_the_class_and_the_limit() {
        assert_eq!((run(b"ab1-", 0, is_alnum, 9), run(b"ab1-", 0, is_alnum, 2), run(b"", 5, is_alnum, 2)), (3, 2, 5));
        assert_eq!((run_back(b"-ab1", 4, is_alnum, 9), run_back(b"-ab1", 4, is_alnum, 1)), (1, 3));
    }
}
