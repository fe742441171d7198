//! Objects of kind Secret of Kubernetes: as JSON, as YAML, and as etcd stores them.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, is_url64, part, run, run_back};
use super::super::unwrapped::{Limits, Unwrapped};
use super::kubernetes_yaml::{REACH, VALUES, Value, yaml};
use super::placeholder::{is_template, is_usual};

/// Objects of kind Secret.
pub(super) static SECRET: Detector = Detector {
    id: "kubernetes-secret",
    title: "Value of a Kubernetes Secret",
    provider: Some("Kubernetes"),
    action: "Replace the value in the Secret, and at whatever it opens.",
    style: Style::Password,
    marks: &[
        Mark::text("\"Secret\""),
        // In a text in JSON, such as the configuration that was applied last.
        Mark::text("\\\"Secret\\\""),
        Mark::text("'Secret'"),
        Mark::text("kind: Secret"),
        Mark::text("kind:  Secret"),
        Mark::Exact(b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let before = out.len();
        object(bytes, place, out);
        if out.len() == before
            && let Some(text) = unwrapped_at(bytes, place)
        {
            let mut found = Vec::new();
            object(&text.text, text.mark, &mut found);
            out.extend(found.into_iter().map(|found| text.found(found)));
        }
    },
};

/// The text around a mark, if it is one in JSON, or one in a log.
fn unwrapped_at(bytes: &[u8], place: usize) -> Option<Unwrapped> {
    const OF_LOG: Limits = Limits { before: REACH, behind: REACH, is_other: is_other_object };
    const OF_JSON: Limits = Limits { before: REACH / 3, behind: REACH / 3, ..OF_LOG };
    let kind = match at(bytes, place)? {
        b'k' if text::has(bytes, place, b"kind") => place,
        b'"' | b'\'' => name_of(bytes, place)?.0,
        b'\\' => bytes.get(..place)?.trim_end().strip_suffix(b":")?.strip_suffix(b"\\\"kind\\\"")?.len(),
        _ => return None,
    };
    let is_text = at(bytes, place) == Some(b'\\') || bytes.get(..kind)?.ends_with(b"\\n");
    if is_text { Unwrapped::of_json(bytes, place, OF_JSON) } else { Unwrapped::of_log(bytes, kind, place, OF_LOG) }
}

/// Whether a line begins another object.
fn is_other_object(line: &[u8]) -> bool {
    line.starts_with(b"---") || line.starts_with(b"kind:")
}

/// The values of an object whose kind is at a place.
fn object(bytes: &[u8], place: usize, out: &mut Vec<Match>) {
    let first = at(bytes, place);
    let is_quoted = matches!(first, Some(b'"' | b'\''));
    let len = if is_quoted { 8 } else { 6 };
    let (values, end) = if text::has(bytes, place, b"k8s") {
        (protobuf(bytes, place), place.saturating_add(18))
    } else if is_quoted || text::has(bytes, place, b"kind:") {
        let start = if is_quoted { place } else { run(bytes, place.saturating_add(5), blank, 4) };
        let end = start.saturating_add(len);
        let kind = name_of(bytes, start);
        match kind {
            Some((kind, false)) => (yaml(bytes, kind, end), end),
            Some((kind, true)) if first == Some(b'"') => (json(bytes, kind, end), end),
            _ => (Vec::new(), end),
        }
    } else {
        return;
    };
    for value in values.into_iter().take(VALUES) {
        let raw = value.text.as_deref().unwrap_or_else(|| part(bytes, value.place.clone()));
        let inner = if value.is_encoded { decoded(raw) } else { Some(raw.to_vec()) };
        let Some(inner) = inner.filter(|inner| !is_open(&value.key, inner)) else { continue };
        let span = value.start..value.place.end.max(end);
        let mut found = Match::of(value.place).within(span).of_whom(Some(format!("key {}", value.key)));
        // The same value stands in an environment without the end of a line.
        let line = inner.trim_end_with(|sign| matches!(sign, '\r' | '\n'));
        if is_usual(line) {
            found.tags.push("weak");
        }
        found.read = (value.is_encoded || value.text.is_some()).then(|| line.to_vec());
        found.inner = value.is_encoded.then_some(inner);
        out.push(found);
    }
}

/// The name `kind` before a value at a place: where it is, and whether it is in quotes.
fn name_of(bytes: &[u8], value: usize) -> Option<(usize, bool)> {
    let colon = run_back(bytes, value, blank, 8).checked_sub(1).filter(|colon| at(bytes, *colon) == Some(b':'))?;
    let name = run_back(bytes, colon, blank, 4);
    let head = bytes.get(..name)?;
    if head.ends_with(b"\"kind\"") {
        return Some((name.checked_sub(6)?, true));
    }
    head.ends_with(b"kind").then(|| Some((name.checked_sub(4)?, false)))?
}

/// Decodes base64, which may have several lines.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    text::base64(&text)
}

/// Whether a value is no secret: empty, filled in or decrypted later, a switch, a certificate, the name of a namespace.
fn is_open(key: &str, value: &[u8]) -> bool {
    const KEPT_ELSEWHERE: [&str; 3] = ["ENC[", "vault:", "ref+"];
    let is_certificate = value.contains_str("-----BEGIN CERTIFICATE-----") && !value.contains_str("PRIVATE KEY");
    let words = value.trim();
    words.is_empty()
        || is_template(words)
        || matches!(words, b"true" | b"false" | b"null")
        || KEPT_ELSEWHERE.iter().any(|beginning| words.starts_with(beginning.as_bytes()))
        || is_certificate
        || matches!(key, "namespace" | "ca.crt")
}

fn blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// `"kind": "Secret"`, from a place to another, and the values of its object.
fn json(bytes: &[u8], kind: usize, behind: usize) -> Vec<Value> {
    let from = kind.saturating_sub(REACH);
    let head = part(bytes, from..kind);
    // Back to the brace that opens the object of the kind.
    let mut depth = 0_usize;
    let open = memchr::memrchr2_iter(b'{', b'}', head).find(|brace| {
        let is_open = at(head, *brace) == Some(b'{');
        let is_ours = is_open && depth == 0;
        depth = if is_open { depth.saturating_sub(1) } else { depth.saturating_add(1) };
        is_ours
    });
    let Some(open) = open.and_then(|open| from.checked_add(open)) else { return Vec::new() };
    let object = part(bytes, open..behind.saturating_add(REACH).min(bytes.len()));
    let mut values = Vec::new();
    for (key, is_encoded) in sections(object) {
        let colon = run(object, key, blank, 4);
        let brace = run(object, colon.saturating_add(1), blank, 4);
        if at(object, colon) == Some(b':') && at(object, brace) == Some(b'{') {
            pairs(object, brace.saturating_add(1), open, is_encoded, &mut values);
        }
    }
    values
}

/// Deepest object that is read.
const DEEPEST: usize = 64;

/// Where the names `data` and `stringData` end that are in no object but the first, in an object that begins with its
/// brace, and whether their values are encoded.
fn sections(object: &[u8]) -> Vec<(usize, bool)> {
    let mut found = Vec::new();
    let (mut depth, mut text_start, mut is_escaped) = (0_usize, None, false);
    for (place, byte) in object.iter().enumerate() {
        match (text_start, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(start), b'"') => {
                let name = part(object, start..place);
                if depth == 1 && matches!(name, b"data" | b"stringData") {
                    found.push((place.saturating_add(1), name == b"data"));
                }
                text_start = None;
            }
            (None, b'"') => text_start = Some(place.saturating_add(1)),
            (None, b'{' | b'[') => depth = depth.saturating_add(1),
            (None, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 || depth > DEEPEST {
            break;
        }
    }
    found
}

/// Pairs of texts in a flat object that begins at a place. Values of other types are no secrets.
fn pairs(object: &[u8], place: usize, base: usize, is_encoded: bool, values: &mut Vec<Value>) {
    let between = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
    let mut here = place;
    while values.len() < VALUES {
        let quote = run(object, here, between, 256);
        let Some(key) = text::skip(object, quote, b"\"") else { return };
        let key_end = run(object, key, |byte| is_url64(byte) || byte == b'.', 253);
        let colon = run(object, key_end.saturating_add(1), blank, 16);
        let start = run(object, colon.saturating_add(1), blank, 16);
        if at(object, key_end) != Some(b'"') || at(object, colon) != Some(b':') {
            return;
        }
        let Some(start) = text::skip(object, start, b"\"") else {
            here = run(object, start, |byte| !matches!(byte, b',' | b'}' | b'"'), 64);
            if at(object, here) == Some(b',') {
                continue;
            }
            return;
        };
        let Some((end, text)) = text_of(object, start) else { return };
        let key = part(object, key..key_end).to_str_lossy().into_owned();
        let text = (text != part(object, start..end)).then_some(text);
        let place = base.saturating_add(start)..base.saturating_add(end);
        values.push(Value { key, place, is_encoded, start: base, text });
        here = end.saturating_add(1);
    }
}

/// A text of JSON that begins at a place: where its closing quote is, and what it says.
fn text_of(object: &[u8], start: usize) -> Option<(usize, Vec<u8>)> {
    let mut end = run(object, start, |byte| !matches!(byte, b'"' | b'\\' | 0), REACH);
    while at(object, end) == Some(b'\\') && end.saturating_sub(start) < REACH {
        let behind = end.saturating_add(2);
        end = run(object, behind, |byte| !matches!(byte, b'"' | b'\\' | 0), REACH);
    }
    let quoted = part(object, start.checked_sub(1)?..end.checked_add(1)?);
    let is_escaped = part(object, start..end).contains(&b'\\');
    if at(object, end) != Some(b'"') {
        return None;
    }
    let read = if is_escaped { serde_json::from_slice::<String>(quoted).ok().map(String::into_bytes) } else { None };
    Some((end, read.unwrap_or_else(|| part(object, start..end).to_vec())))
}

/// A field of protobuf with a length: its number, its contents, what follows.
fn field(bytes: &[u8], base: usize) -> Option<(u64, Range<usize>)> {
    let (tag, at_len) = varint(bytes, base)?;
    (tag & 7 == 2).then_some(())?;
    let (len, start) = varint(bytes, at_len)?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    (end <= bytes.len()).then_some((tag >> 3, start..end))
}

fn varint(bytes: &[u8], place: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (step, byte) in (0_u32..5).zip(text::from(bytes, place)) {
        value |= u64::from(byte & 0x7f).wrapping_shl(step.saturating_mul(7));
        if byte & 0x80 == 0 {
            return Some((value, place.checked_add(usize::try_from(step).ok()?)?.checked_add(1)?));
        }
    }
    None
}

/// An object as etcd stores it: `k8s`, the type, the object.
fn protobuf(bytes: &[u8], place: usize) -> Vec<Value> {
    let mut values = Vec::new();
    let raw = place.saturating_add(18);
    let Some((2, object)) = field(bytes, raw) else { return values };
    let mut here = object.start;
    while let Some((number, range)) = field(bytes, here).filter(|(_, range)| range.end <= object.end) {
        here = range.end;
        if number != 2 || values.len() >= VALUES {
            continue;
        }
        let pair = field(bytes, range.start).zip(field(bytes, range.start).and_then(|(_, key)| field(bytes, key.end)));
        if let Some(((1, key), (2, value))) = pair.filter(|(_, (_, value))| value.end <= range.end) {
            let key = part(bytes, key).to_str_lossy().into_owned();
            values.push(Value { key, place: value, is_encoded: false, start: place, text: None });
        }
    }
    values
}
