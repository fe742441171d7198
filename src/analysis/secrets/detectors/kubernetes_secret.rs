//! Objects of kind Secret of Kubernetes: as JSON, as YAML, and as etcd stores them.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, is_url64, part, run, run_back};
use super::kubernetes_yaml::{REACH, VALUES, Value, yaml};
use super::placeholder::is_placeholder;

/// Objects of kind Secret.
pub(super) static SECRET: Detector = Detector {
    id: "kubernetes-secret",
    title: "Value of a Kubernetes Secret",
    provider: Some("Kubernetes"),
    action: "Replace the value in the Secret, and at whatever it opens.",
    style: Style::Password,
    marks: &[
        Mark::text("\"Secret\""),
        Mark::text("kind: Secret"),
        Mark::Exact(b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret"),
    ],
    wrapped: false,
    find: |bytes, place, out| {
        let is_quoted = at(bytes, place) == Some(b'"');
        let kind = if is_quoted { place.saturating_sub(6) } else { place };
        let (values, end) = if text::has(bytes, kind, b"kind: ") {
            (yaml(bytes, kind, is_quoted), place.saturating_add(12))
        } else if is_quoted {
            (json(bytes, place), place.saturating_add(8))
        } else {
            (protobuf(bytes, place), place.saturating_add(18))
        };
        for value in values.into_iter().take(VALUES) {
            let raw = part(bytes, value.place.clone());
            let inner = if value.is_encoded { unwrapped(raw) } else { Some(raw.to_vec()) };
            let Some(inner) = inner.filter(|inner| !is_open(&value.key, inner)) else { continue };
            let span = value.start..value.place.end.max(end);
            let mut found = Match::of(value.place).within(span).of_whom(Some(format!("key {}", value.key)));
            found.inner = value.is_encoded.then_some(inner);
            out.push(found);
        }
    },
};

/// Decodes base64, which may have several lines.
fn unwrapped(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    text::base64(&text)
}

/// Whether a value is no secret: empty, a placeholder, a certificate, the name of a namespace.
fn is_open(key: &str, value: &[u8]) -> bool {
    let is_certificate = value.contains_str("-----BEGIN CERTIFICATE-----") && !value.contains_str("PRIVATE KEY");
    let words = value.trim();
    words.is_empty() || is_placeholder(words) || is_certificate || matches!(key, "namespace" | "ca.crt")
}

fn blank(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// `"kind": "Secret"` at a place, and its object.
fn json(bytes: &[u8], place: usize) -> Vec<Value> {
    let colon = run_back(bytes, place, blank, 4).saturating_sub(1);
    let name = run_back(bytes, colon, blank, 4);
    if at(bytes, colon) != Some(b':') || !bytes.get(..name).is_some_and(|head| head.ends_with(b"\"kind\"")) {
        return Vec::new();
    }
    let from = place.saturating_sub(REACH);
    // Back to the brace that opens the object of the kind.
    let mut depth = 0_usize;
    let open = part(bytes, from..name).iter().rposition(|byte| match byte {
        b'}' => {
            depth = depth.saturating_add(1);
            false
        }
        b'{' if depth == 0 => true,
        b'{' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => false,
    });
    let Some(open) = open.and_then(|open| from.checked_add(open)) else { return Vec::new() };
    let to = place.saturating_add(REACH).min(bytes.len());
    let object = part(bytes, open..to);
    let mut values = Vec::new();
    for (name, is_encoded) in [("data", true), ("stringData", false)] {
        for key in keys(object, name) {
            let colon = run(object, key, blank, 4);
            let brace = run(object, colon.saturating_add(1), blank, 4);
            if at(object, colon) == Some(b':') && at(object, brace) == Some(b'{') {
                pairs(object, brace.saturating_add(1), open, is_encoded, &mut values);
            }
        }
    }
    values
}

/// Where texts end that are this name and are in no object but the first, in an object that begins with its brace.
fn keys(object: &[u8], name: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut depth, mut text_start, mut is_escaped) = (0_usize, None, false);
    for (place, byte) in object.iter().enumerate() {
        match (text_start, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(start), b'"') => {
                if depth == 1 && part(object, start..place) == name.as_bytes() {
                    found.push(place.saturating_add(1));
                }
                text_start = None;
            }
            (None, b'"') => text_start = Some(place.saturating_add(1)),
            (None, b'{' | b'[') => depth = depth.saturating_add(1),
            (None, b'}' | b']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// Pairs of texts in a flat object that begins at a place.
fn pairs(object: &[u8], place: usize, base: usize, is_encoded: bool, values: &mut Vec<Value>) {
    let between = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
    let mut here = place;
    while values.len() < VALUES {
        let quote = run(object, here, between, 256);
        let Some(key) = text::skip(object, quote, b"\"") else { return };
        let key_end = run(object, key, |byte| is_url64(byte) || byte == b'.', 253);
        let colon = run(object, key_end.saturating_add(1), blank, 16);
        let quote = run(object, colon.saturating_add(1), blank, 16);
        let start = quote.saturating_add(1);
        let end = run(object, start, |byte| byte != b'"' && byte != 0, REACH);
        let is_pair = at(object, key_end) == Some(b'"')
            && at(object, colon) == Some(b':')
            && at(object, quote) == Some(b'"')
            && at(object, end) == Some(b'"');
        if !is_pair {
            return;
        }
        let key = part(object, key..key_end).to_str_lossy().into_owned();
        let place = base.saturating_add(start)..base.saturating_add(end);
        values.push(Value { key, place, is_encoded, start: base });
        here = end.saturating_add(1);
    }
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
            values.push(Value { key, place: value, is_encoded: false, start: place });
        }
    }
    values
}
