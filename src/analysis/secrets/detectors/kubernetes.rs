//! Secrets of Kubernetes: bootstrap tokens, and client keys of kubeconfig files.

use bstr::ByteSlice;

use super::super::super::Confidence;
use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{self, at, has_any_case, is_alnum, is_base64, part, run};

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
