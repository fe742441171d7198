//! Private keys of `PuTTY`.

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{at, is_alnum, is_base64, part, run};

/// Bytes behind the first line in which the private lines may be.
const REACH: usize = 8 << 10;

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
        let start = to.saturating_add(lines).saturating_add(14);
        let start = run(bytes, start, |byte| byte == b' ' || byte.is_ascii_digit(), 8);
        let start = run(bytes, start, |byte| matches!(byte, b'\r' | b'\n'), 2);
        let end = run(bytes, start, |byte| is_base64(byte) || matches!(byte, b'=' | b'\r' | b'\n'), REACH);
        if end.saturating_sub(start) < 16 {
            return;
        }
        let is_encrypted = body.get(..lines).is_some_and(|head| {
            head.find(b"Encryption: ")
                .is_some_and(|at| !head.get(at.saturating_add(12)..).unwrap_or_default().starts_with(b"none"))
        });
        let whom = part(bytes, kind..to).to_str().ok().map(str::to_owned);
        let found = Match::of(start..end).within(place..end).of_whom(whom);
        out.push(if is_encrypted { found.tag("encrypted").sure(Confidence::Low) } else { found });
    },
};
