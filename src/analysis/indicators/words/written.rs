//! How values are written in text and in memory: words, URLs, addresses of sockets, names of DNS.

use std::net::{IpAddr, Ipv6Addr};

use bstr::ByteSlice;

use super::super::value::plain;
use super::DOMAIN;
use super::classes::{WORD, is};

/// The words of a text, each with its place.
pub(super) fn words_of(text: &[u8]) -> Vec<(usize, &[u8])> {
    let words = text.split(|&byte| !is(byte, WORD));
    let placed = words.scan(0_usize, |at, word| {
        let start = *at;
        *at = start.saturating_add(word.len()).saturating_add(1);
        Some((start, word))
    });
    placed.collect()
}

/// A URL in the form of its key: without scheme, its host in lower case, without what ends a sentence.
pub(super) fn url_of(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.find_byteset(b"/?#").unwrap_or(text.len());
    let (host, path) = text.split_at_checked(end)?;
    if host.is_empty() || path.is_empty() && !host.contains(&b':') {
        return None;
    }
    let mut key = host.to_ascii_lowercase();
    key.extend_from_slice(path);
    if key.ends_with(b"/") {
        key.pop();
    }
    Some(key)
}

/// The address of a `sockaddr` of the kernel.
pub(super) fn socket_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes {
        [2, 0, high, low, rest @ .., 0, 0, 0, 0, 0, 0, 0, 0] if (*high, *low) != (0, 0) && rest.len() == 4 => {
            let bytes: [u8; 4] = rest.try_into().ok()?;
            Some(IpAddr::from(bytes)).filter(|_| bytes.first() != Some(&0))
        }
        [10, 0, high, low, 0, 0, 0, 0, rest @ ..] if (*high, *low) != (0, 0) && rest.len() == 16 => {
            let bytes: [u8; 16] = rest.try_into().ok()?;
            Some(plain(IpAddr::V6(Ipv6Addr::from(bytes))))
                .filter(|address| !address.is_unspecified() && !address.is_loopback())
        }
        _ => None,
    }
}

/// A domain as DNS writes it: each label behind its length, a zero at the end.
pub(super) fn wire_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut name: Vec<u8> = Vec::new();
    let mut rest = bytes;
    loop {
        let (&len, after) = rest.split_first()?;
        if len == 0 {
            return (after.is_empty() && !name.is_empty()).then_some(name);
        }
        if len > 63 || name.len() > DOMAIN {
            return None;
        }
        let (label, after) = after.split_at_checked(len.into())?;
        if label.iter().any(|&byte| byte == b'.' || !is(byte, WORD)) {
            return None;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend(label.iter().map(u8::to_ascii_lowercase));
        rest = after;
    }
}
