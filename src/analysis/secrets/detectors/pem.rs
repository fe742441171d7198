//! Private keys in PEM, also as text in JSON, where lines end in `\n`.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, has, is_base64, is_upper, line_end, part, run};
use super::super::unwrapped::{Limits, Unwrapped};
use super::der;

/// Longest body: an RSA key of 16384 bits has 13 KiB.
const LONGEST: usize = 14 << 10;
/// Blanks before a line.
const INDENTED: usize = 80;
/// Characters that documents show of a key at most: two lines.
const ELIDED: usize = 129;
/// Bytes of a key whose end is missing that are enough to know it.
const LEAST: usize = 32;

/// What stands between `BEGIN` and the dashes: at most three words before `PRIVATE KEY`, and perhaps `BLOCK` behind it.
fn label(bytes: &[u8], place: usize) -> Option<Range<usize>> {
    let end = run(bytes, place, |byte| is_upper(byte) || byte == b' ', 64);
    let label = part(bytes, place..end);
    let kind = label.strip_suffix(b" BLOCK").unwrap_or(label).strip_suffix(b"PRIVATE KEY")?;
    let words = memchr::memchr_iter(b' ', kind).count();
    (words <= 3 && (kind.is_empty() || kind.ends_with(b" ")) && has(bytes, end, b"-----")).then_some(place..end)
}

/// The base64 of a body, and where the key ends; and whether its end is there.
struct Body {
    base64: Vec<u8>,
    end: usize,
    is_whole: bool,
    is_encrypted: bool,
    /// Whether something is left out, as documents do: `MIIE...`.
    is_elided: bool,
}

/// What stands between two lines of a text in source code: `\n" +`, then `"`.
fn is_between(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n' | b'+' | b',')
}

fn body(bytes: &[u8], start: usize, label: &[u8]) -> Body {
    let mut body = Body { base64: Vec::new(), end: start, is_whole: false, is_encrypted: false, is_elided: false };
    let mut at =
        if matches!(text::at(bytes, start), Some(b'"' | b'\'')) { run(bytes, start, is_between, 96) } else { start };
    let limit = start.saturating_add(LONGEST);
    while at < limit {
        at = run(bytes, at, |byte| matches!(byte, b' ' | b'\t'), INDENTED);
        if let Some(next) = line_end(bytes, at) {
            let is_escaped = text::at(bytes, at) == Some(b'\\');
            let is_quote = matches!(text::at(bytes, next), Some(b'"' | b'\''));
            at = if is_escaped && is_quote { run(bytes, next, is_between, 96) } else { next };
            continue;
        }
        if let Some(tail) = text::skip(bytes, at, b"-----END ") {
            if has(bytes, tail, label) {
                body.is_whole = true;
                body.end = tail.saturating_add(label.len()).saturating_add(5);
            }
            return body;
        }
        let line = run(bytes, at, |byte| is_base64(byte) || byte == b'=', LONGEST);
        let next = text::at(bytes, line);
        // A header: `Proc-Type: 4,ENCRYPTED`, `Version: …`.
        let is_name = matches!(next, Some(b':' | b'-' | b' ')) && body.base64.is_empty();
        let end = run(bytes, line, |byte| !matches!(byte, b'\r' | b'\n' | b'\\' | 0), 128);
        let header = part(bytes, at..end);
        // A body may be on one line, with blanks instead of the ends of lines.
        let is_line = next == Some(b' ') && !header.contains(&b':');
        if is_name && !is_line {
            if !header.contains(&b':') {
                return body;
            }
            body.is_encrypted |= header.contains_str(b"ENCRYPTED");
            at = end;
            continue;
        }
        if line == at {
            // Where the page is cut, or where something else was written over it.
            let is_sign = matches!(next, Some(b'.' | b'<' | b'[' | b'{' | b'$' | b'*' | b'%' | 0xe2));
            let is_ended = part(bytes, at..bytes.len().min(at.saturating_add(256))).contains_str("-----END ");
            body.is_elided = is_sign && (is_ended || body.base64.len() < ELIDED);
            return body;
        }
        body.base64.extend_from_slice(part(bytes, at..line));
        body.end = line;
        at = line;
    }
    body
}

/// Decodes as much of a body as is whole.
fn decoded(body: &Body) -> Vec<u8> {
    // The checksum of OpenPGP stands behind the padding.
    let end = body.base64.find_byte(b'=').unwrap_or(body.base64.len());
    let data = body.base64.get(..end).unwrap_or_default();
    let whole = data.len().saturating_sub(data.len() % 4);
    text::base64(data).or_else(|| text::base64(data.get(..whole)?)).unwrap_or_default()
}

/// What kind of key a decoded body is. `None` if it is no key.
fn kind(bytes: &[u8], label: &[u8], is_whole: bool) -> Option<(String, bool)> {
    if label.ends_with(b" BLOCK") {
        // A packet of OpenPGP, a secret key: tag 5, in the old or the new format.
        let first = *bytes.first()?;
        let tag = if first & 0x40 == 0 { first >> 2 & 15 } else { first & 63 };
        return (first & 0x80 != 0 && tag == 5 && bytes.len() >= LEAST).then(|| ("OpenPGP key".to_owned(), false));
    }
    if let Some(rest) = bytes.strip_prefix(b"openssh-key-v1\0") {
        let cipher = rest.get(4..).unwrap_or_default();
        let is_encrypted = !cipher.starts_with(b"none");
        return (bytes.len() >= LEAST).then(|| ("OpenSSH key".to_owned(), is_encrypted));
    }
    let (head, len) = der::header(bytes, 0x30)?;
    let is_long = if is_whole { head.saturating_add(len) <= bytes.len() } else { bytes.len() >= LEAST };
    if !is_long {
        // Shorter than it says: a part of a key, if it begins as one and is random.
        let name = label.strip_suffix(b"PRIVATE KEY").unwrap_or(label).trim().to_str_lossy().into_owned();
        let is_part = bytes.len() >= LEAST && bytes.get(head) == Some(&2) && text::entropy(bytes) >= 4.5;
        return is_part.then(|| (format!("{name} key, cut off").trim().to_owned(), false));
    }
    if len < 16 {
        return None;
    }
    if label.starts_with(b"ENCRYPTED") {
        return Some(("encrypted key".to_owned(), true));
    }
    let described = der::describe(bytes);
    // The outer structure alone may be a certificate or a list. If all is there, it must be a key.
    match described {
        Some(kind) => Some((kind, false)),
        None if is_whole => {
            let name = label.strip_suffix(b"PRIVATE KEY").unwrap_or(label).trim().to_str_lossy().into_owned();
            (bytes.get(head) != Some(&0x30)).then(|| (format!("{name} key").trim().to_owned(), false))
        }
        None => Some(("key, cut off".to_owned(), false)),
    }
}

/// PEM. The end may be missing, where a page is not recorded.
pub(super) static PRIVATE_KEY: Detector = Detector {
    id: "private-key",
    title: "Private key",
    provider: None,
    action: "Make a new key pair, replace certificates and authorized keys, and revoke the old certificate.",
    style: Style::Key,
    marks: &[Mark::text("-----BEGIN ")],
    wrapped: true,
    find: |bytes, place, out| {
        const LINES: Limits = Limits { before: 0, behind: LONGEST, is_other: |line| line.starts_with(b"-----BEGIN ") };
        let logged = || {
            let log = Unwrapped::of_log(bytes, place, place, LINES)?;
            Some(log.found(key(&log.text, log.mark)?))
        };
        out.extend(key(bytes, place).or_else(logged));
    },
};

/// A key whose first line begins at a place.
fn key(bytes: &[u8], place: usize) -> Option<Match> {
    let range = label(bytes, place.saturating_add(11))?;
    let label = part(bytes, range.clone());
    let behind = range.end.saturating_add(5);
    let start = line_end(bytes, behind).or_else(|| text::skip(bytes, behind, b" "))?;
    let body = body(bytes, start, label);
    if body.is_elided {
        return None;
    }
    let data = decoded(&body);
    let (kind, is_encrypted) = if body.is_encrypted {
        (data.len() >= LEAST).then(|| ("encrypted key".to_owned(), true))?
    } else {
        kind(&data, label, body.is_whole)?
    };
    let sure = match (is_encrypted, body.is_whole) {
        (true, _) => Confidence::Low,
        (false, true) => Confidence::High,
        (false, false) => Confidence::Medium,
    };
    let found = Match::of(place..body.end).sure(sure).of_whom(Some(kind));
    let found = if der::is_published(&data) { found.tag("example") } else { found };
    Some(if is_encrypted { found.tag("encrypted") } else { found })
}
