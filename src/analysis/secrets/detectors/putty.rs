//! Private keys of `PuTTY`.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{at, is_alnum, is_base64, line_end, part, run};

/// Bytes behind the first line in which the private lines may be.
const REACH: usize = 8 << 10;

/// So many lines of base64 behind a place: where they are, and what they say. They may be indented, or text in JSON.
fn private_lines(bytes: &[u8], place: usize, count: usize) -> Option<(Range<usize>, Vec<u8>)> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t');
    let mut lines: Option<Range<usize>> = None;
    let (mut key, mut here) = (Vec::new(), place);
    for _ in 0..count.min(REACH / 64) {
        let Some(line) = line_end(bytes, here) else { break };
        let start = run(bytes, line, blank, 80);
        here = run(bytes, start, |byte| is_base64(byte) || byte == b'=', 80);
        if here == start {
            break;
        }
        key.extend_from_slice(part(bytes, start..here));
        lines = Some(lines.map_or(start, |lines| lines.start)..here);
    }
    lines.filter(|_| key.len() >= 16).map(|lines| (lines, key))
}

/// A key file: the first line, then fields, then the private lines.
pub(super) static PRIVATE_KEY: Detector = Detector {
    id: "putty-private-key",
    title: "PuTTY private key",
    provider: None,
    action: "Make a new key pair and remove the public key from all `authorized_keys`.",
    style: Style::Key,
    marks: &[Mark::text("PuTTY-User-Key-File-")],
    wrapped: false,
    find: |bytes, place, out| {
        let number = place.saturating_add(20);
        let kind = number.saturating_add(3);
        let to = run(bytes, kind, |byte| is_alnum(byte) || byte == b'-', 40);
        let is_head = matches!(at(bytes, number), Some(b'2' | b'3'))
            && part(bytes, number.saturating_add(1)..kind) == b": "
            && to.saturating_sub(kind) >= 3;
        let body = part(bytes, to..to.saturating_add(REACH).min(bytes.len()));
        let Some(lines) = body.find(b"Private-Lines:").filter(|_| is_head) else { return };
        let number = run(bytes, to.saturating_add(lines).saturating_add(14), |byte| byte == b' ', 4);
        let digits = run(bytes, number, |byte| byte.is_ascii_digit(), 4);
        let count = part(bytes, number..digits).to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(0_usize);
        let Some((range, key)) = private_lines(bytes, digits, count) else { return };
        let is_encrypted = body.get(..lines).is_some_and(|head| {
            head.find(b"Encryption: ")
                .is_some_and(|at| !head.get(at.saturating_add(12)..).unwrap_or_default().starts_with(b"none"))
        });
        let whom = part(bytes, kind..to).to_str().ok().map(str::to_owned);
        let mut found = Match::of(range.clone()).within(place..range.end).of_whom(whom);
        found.read = Some(key);
        out.push(if is_encrypted { found.tag("encrypted").sure(Confidence::Low) } else { found });
    },
};
