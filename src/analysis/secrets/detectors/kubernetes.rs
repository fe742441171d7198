//! Secrets of Kubernetes: bootstrap tokens, client keys of kubeconfig files, objects of kind Secret.

use std::ops::Range;

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, has_any_case, is_alnum, is_base64, is_url64, part, run, run_back};

fn is_small(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Tokens with which nodes join a cluster.
pub(super) static KUBEADM_TOKEN: Detector = Detector {
    id: "kubeadm-token",
    title: "Kubernetes bootstrap token",
    provider: Some("Kubernetes"),
    action: "Delete the token (`kubeadm token delete`), and look for nodes that joined with it.",
    style: Style::Token,
    marks: &[Mark::any_case("token"), Mark::any_case("bootstrap"), Mark::any_case("kubeadm")],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(mark) = KUBEADM_TOKEN.marks.iter().find(|mark| has_any_case(bytes, place, mark.bytes())) else {
            return;
        };
        let behind = place.saturating_add(mark.bytes().len());
        let to = run(bytes, behind, |byte| !matches!(byte, 0 | b'\r' | b'\n'), 21);
        let token = (behind..to).find_map(|sign| {
            matches!(at(bytes, sign), Some(b' ' | b'"' | b'\'' | b':' | b'=')).then_some(())?;
            let start = sign.checked_add(1)?;
            let dot = run(bytes, start, is_small, 7);
            let end = run(bytes, dot.checked_add(1)?, is_small, 17);
            let is_shape = dot.saturating_sub(start) == 6
                && at(bytes, dot) == Some(b'.')
                && end.saturating_sub(dot) == 17
                && at(bytes, end).is_none_or(|byte| !is_alnum(byte) && byte != b'.');
            is_shape.then_some(start..end)
        });
        let Some(value) = token else { return };
        let secret = part(bytes, value.clone());
        if secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_lowercase) {
            out.push(Match::of(value.clone()).within(place..value.end).public(7).sure(Confidence::Medium));
        }
    },
};

/// Keys of users in kubeconfig files.
pub(super) static CLIENT_KEY: Detector = Detector {
    id: "kubeconfig-client-key",
    title: "Client key of a kubeconfig file",
    provider: Some("Kubernetes"),
    action: "Client certificates cannot be revoked: remove the rights of the user, or replace the cluster's CA.",
    style: Style::Key,
    marks: &[Mark::text("client-key-data")],
    wrapped: false,
    find: |bytes, place, out| {
        let quote = text::maybe(bytes, place.saturating_add(15), |byte| byte == b'"');
        let blank = run(bytes, quote.saturating_add(1), |byte| byte == b' ', 2);
        let start = text::maybe(bytes, blank, |byte| byte == b'"');
        let body = run(bytes, start, is_base64, 8000);
        let end = run(bytes, body, |byte| byte == b'=', 2);
        let is_shape = at(bytes, quote) == Some(b':') && body.saturating_sub(start) >= 100;
        let key = is_shape.then(|| text::base64(part(bytes, start..end))).flatten().unwrap_or_default();
        if key.contains_str(b"PRIVATE KEY") {
            out.push(Match::of(start..end).within(place..end));
        }
    },
};

/// Bytes before and after the kind in which the object may be.
const REACH: usize = 8 << 10;
/// Values of one object.
const VALUES: usize = 64;

/// Objects of kind Secret, as JSON, YAML and protobuf.
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
        let values = match at(bytes, place) {
            Some(b'"') => json(bytes, place),
            _ if text::has(bytes, place, b"kind") => yaml(bytes, place),
            _ => protobuf(bytes, place),
        };
        for (key, value, is_encoded) in values.into_iter().take(VALUES) {
            let raw = part(bytes, value.clone());
            let inner = if is_encoded { text::base64(raw) } else { Some(raw.to_vec()) };
            let Some(inner) = inner.filter(|inner| !inner.is_empty()) else { continue };
            let mut found = Match::of(value.clone()).within(place..value.end).of_whom(Some(format!("key {key}")));
            found.inner = is_encoded.then_some(inner);
            out.push(found);
        }
    },
};

type Value = (String, Range<usize>, bool);

/// `"kind": "Secret"` at a place, and its object.
fn json(bytes: &[u8], place: usize) -> Vec<Value> {
    let blank = |byte: u8| byte.is_ascii_whitespace();
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
    for (name, is_encoded) in [("\"data\"", true), ("\"stringData\"", false)] {
        for start in object.find_iter(name) {
            let colon = run(object, start.saturating_add(name.len()), blank, 4);
            let brace = run(object, colon.saturating_add(1), blank, 4);
            if at(object, colon) == Some(b':') && at(object, brace) == Some(b'{') {
                pairs(object, brace.saturating_add(1), open, is_encoded, &mut values);
            }
        }
    }
    values
}

/// Pairs of texts in a flat object that begins at a place.
fn pairs(object: &[u8], place: usize, base: usize, is_encoded: bool, values: &mut Vec<Value>) {
    let blank = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
    let mut here = place;
    while values.len() < VALUES {
        let quote = run(object, here, blank, 256);
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
        let name = part(object, key..key_end).to_str_lossy().into_owned();
        values.push((name, base.saturating_add(start)..base.saturating_add(end), is_encoded));
        here = end.saturating_add(1);
    }
}

/// `kind: Secret` at a place, in a document of YAML.
fn yaml(bytes: &[u8], place: usize) -> Vec<Value> {
    let is_line = text::before(bytes, place).is_none_or(|byte| byte == b'\n')
        && matches!(at(bytes, place.saturating_add(12)), None | Some(b'\r' | b'\n' | 0));
    if !is_line {
        return Vec::new();
    }
    let from = place.saturating_sub(REACH);
    let to = place.saturating_add(REACH).min(bytes.len());
    let head = part(bytes, from..place);
    let cut = head.rfind(b"\n---").map_or(0, |at| at.saturating_add(4));
    let cut = cut.max(head.rfind_byte(0).map_or(0, |at| at.saturating_add(1)));
    let start = from.saturating_add(cut);
    let tail = part(bytes, place..to);
    let end =
        [tail.find(b"\n---"), tail.find_byte(0)].into_iter().flatten().min().map_or(to, |at| place.saturating_add(at));
    let mut values = Vec::new();
    let mut section = None;
    let mut at_line = start;
    for line in part(bytes, start..end).split_inclusive(|byte| *byte == b'\n') {
        let here = at_line;
        at_line = at_line.saturating_add(line.len());
        let text_of = line.trim_end();
        match text_of {
            b"data:" => section = Some(true),
            b"stringData:" => section = Some(false),
            [b' ' | b'\t', ..] | [] => {}
            _ => section = None,
        }
        let Some(is_encoded) = section.filter(|_| text_of.starts_with(b"  ")) else { continue };
        let Some((key, value)) = text_of.split_once_str(": ") else { continue };
        let value_text = value.trim().trim_with(|c| c == '"' || c == '\'');
        let is_value =
            !value_text.is_empty() && (!is_encoded || value_text.iter().all(|b| is_base64(*b) || *b == b'='));
        if let Some(offset) = text_of.find(value_text).filter(|_| is_value && values.len() < VALUES) {
            let offset = text_of.rfind(value_text).unwrap_or(offset);
            let from = here.saturating_add(offset);
            values.push((
                key.trim().to_str_lossy().into_owned(),
                from..from.saturating_add(value_text.len()),
                is_encoded,
            ));
        }
    }
    values
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
            values.push((part(bytes, key).to_str_lossy().into_owned(), value, false));
        }
    }
    values
}
