//! Private keys as programs hold them in memory: DER, by structure (PKCS#1, PKCS#8, SEC1).

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::{from, part};
use super::known::is_known;

/// Largest key.
const LARGEST: usize = 12 << 10;

/// Length of a header with some tag, and of the contents behind it.
pub(super) fn header(bytes: &[u8], tag: u8) -> Option<(usize, usize)> {
    let [first, len, rest @ ..] = bytes else { return None };
    if *first != tag {
        return None;
    }
    match (*len, rest) {
        (short @ 0..=0x7f, _) => Some((2, usize::from(short))),
        (0x81, [len @ 0x80..=0xff, ..]) => Some((3, usize::from(*len))),
        (0x82, [high @ 1..=0xff, low, ..]) => Some((4, usize::from(u16::from_be_bytes([*high, *low])))),
        _ => None,
    }
}

/// The contents of an element with some tag, and what follows it. If the end is missing, what is there.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, len) = header(bytes, tag)?;
    let body = bytes.get(head..)?;
    Some(body.split_at_checked(len).unwrap_or((body, &[])))
}

/// A positive number of at least so many bytes.
fn number(bytes: &[u8], least: usize) -> Option<(&[u8], &[u8])> {
    let (value, rest) = element(bytes, 2)?;
    let is_short_form = !matches!(value, [0, 0..=0x7f, _, ..]);
    let is_positive = value.first().is_some_and(|first| *first < 0x80);
    (value.len() >= least && is_short_form && is_positive).then_some((value, rest))
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let rest = from(number, zeros);
    let unused = rest.first().map_or(0, |byte| usize::try_from(byte.leading_zeros()).unwrap_or(0));
    rest.len().saturating_mul(8).saturating_sub(unused)
}

/// PKCS#1: version, modulus, public exponent, private exponent, the primes.
fn rsa(contents: &[u8]) -> Option<String> {
    let (version, rest) = element(contents, 2)?;
    let (modulus, rest) = number(rest, 64)?;
    let (exponent, rest) = number(rest, 1)?;
    let (private, _) = number(rest, 32)?;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let is_key = matches!(version, [0 | 1])
        && is_odd(modulus)
        && is_odd(exponent)
        && exponent.len() <= 8
        && private.len() <= modulus.len()
        && is_varied(modulus);
    is_key.then(|| format!("RSA, {} bits", bits(modulus)))
}

/// DSA: version, the domain (a prime, its divisor, the base), the public number, the private one.
fn dsa(contents: &[u8]) -> Option<String> {
    let (version, rest) = element(contents, 2)?;
    let (prime, rest) = number(rest, 64)?;
    let (divisor, rest) = number(rest, 20)?;
    let (_, rest) = number(rest, 16)?;
    let (_, rest) = number(rest, 16)?;
    let (private, _) = number(rest, 16)?;
    let is_key = version == [0] && divisor.len() <= 33 && private.len() <= divisor.len() && is_varied(prime);
    is_key.then(|| format!("DSA, {} bits", bits(prime)))
}

/// Whether a number is not one of a few bytes over and over.
fn is_varied(number: &[u8]) -> bool {
    let mut seen = [false; 256];
    let mut kinds = 0_usize;
    for byte in number.iter().take(64) {
        if let Some(seen) = seen.get_mut(usize::from(*byte))
            && !std::mem::replace(seen, true)
        {
            kinds = kinds.saturating_add(1);
        }
    }
    kinds >= number.len().min(64) / 3
}

/// Whether a secret is as random as those are that programs make. A constant of a program is followed by what is next in
/// its file or memory.
fn is_random(secret: &[u8]) -> bool {
    let is_spread = |part: &[u8]| {
        let mut bytes = part.to_vec();
        bytes.sort_unstable();
        bytes.dedup();
        bytes.len().saturating_mul(32) >= part.len().saturating_mul(22)
    };
    secret.chunks(32).all(is_spread) && !secret.windows(4).any(|four| four == [0; 4])
}

/// Curves by their object ids, with the length of the secret number.
const CURVES: [(&[u8], &str, usize); 10] = [
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x01", "EC P-192", 24),
    (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", "EC P-256", 32),
    (b"\x2b\x81\x04\x00\x22", "EC P-384", 48),
    (b"\x2b\x81\x04\x00\x23", "EC P-521", 66),
    (b"\x2b\x81\x04\x00\x0a", "EC secp256k1", 32),
    (b"\x2b\x81\x04\x00\x21", "EC P-224", 28),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x07", "EC brainpoolP256r1", 32),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", "EC brainpoolP384r1", 48),
    (b"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", "EC brainpoolP512r1", 64),
    (b"\x2a\x81\x1c\xcf\x55\x01\x82\x2d", "SM2", 32),
];

/// SEC1: version 1, the secret number, and maybe the curve and the public point.
fn elliptic(contents: &[u8], curve: Option<&str>) -> Option<String> {
    let (version, rest) = element(contents, 2)?;
    let (secret, rest) = element(rest, 4)?;
    if version != [1] || !matches!(secret.len(), 24 | 28 | 32 | 48 | 64 | 66) || !is_random(secret) {
        return None;
    }
    let (parameters, rest) = element(rest, 0xa0).map_or((None, rest), |(object, rest)| (Some(object), rest));
    let named = parameters.and_then(|object| element(object, 6));
    let named = named.and_then(|(id, _)| CURVES.iter().find(|(known, _, len)| *known == id && *len == secret.len()));
    match (named, curve) {
        (Some((_, name, _)), _) => Some((*name).to_owned()),
        (None, Some(curve)) => Some(curve.to_owned()),
        // Without a curve that is known, the point must be there.
        (None, None) => element(rest, 0xa1).map(|_| "EC".to_owned()),
    }
}

/// PKCS#8: version, algorithm, and the key in an octet string.
fn wrapped(contents: &[u8]) -> Option<String> {
    let (version, rest) = element(contents, 2)?;
    let (algorithm, rest) = element(rest, 0x30)?;
    let (id, parameters) = element(algorithm, 6)?;
    let (key, _) = element(rest, 4)?;
    if !matches!(version, [0 | 1]) {
        return None;
    }
    match id {
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" | b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => rsa(element(key, 0x30)?.0),
        b"\x2a\x86\x48\xce\x38\x04\x01" => {
            let (prime, _) = number(element(parameters, 0x30)?.0, 64)?;
            let (private, _) = number(key, 16)?;
            (private.len() <= 33 && is_varied(prime)).then(|| format!("DSA, {} bits", bits(prime)))
        }
        // Diffie-Hellman, of PKCS#3 and of X9.42.
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01" | b"\x2a\x86\x48\xce\x3e\x02\x01" => {
            let (prime, _) = number(element(parameters, 0x30)?.0, 64)?;
            let (private, _) = number(key, 16)?;
            (private.len() <= prime.len() && is_varied(prime)).then(|| format!("DH, {} bits", bits(prime)))
        }
        b"\x2a\x86\x48\xce\x3d\x02\x01" => {
            let curve = element(parameters, 6).and_then(|(id, _)| CURVES.iter().find(|(known, ..)| *known == id));
            elliptic(element(key, 0x30)?.0, Some(curve.map_or("EC", |(_, name, _)| name)))
        }
        b"\x2b\x65\x70" | b"\x2b\x65\x6e" => {
            let (secret, _) = element(key, 4)?;
            let name = if id.ends_with(b"\x70") { "Ed25519" } else { "X25519" };
            (secret.len() == 32 && is_random(secret)).then(|| name.to_owned())
        }
        b"\x2b\x65\x71" | b"\x2b\x65\x6f" => {
            let (secret, _) = element(key, 4)?;
            let name = if id.ends_with(b"\x71") { "Ed448" } else { "X448" };
            (matches!(secret.len(), 56 | 57) && is_random(secret)).then(|| name.to_owned())
        }
        _ => None,
    }
}

/// Whether a key is one that everybody has.
pub(super) fn is_published(key: &[u8]) -> bool {
    modulus(key).is_some_and(is_known)
}

/// The modulus of an RSA key, in PKCS#1 or PKCS#8. What is behind it may be missing.
fn modulus(bytes: &[u8]) -> Option<&[u8]> {
    let (contents, _) = element(bytes, 0x30)?;
    let (_, rest) = element(contents, 2)?;
    if let Some((modulus, _)) = number(rest, 64) {
        return Some(modulus);
    }
    let (_, rest) = element(rest, 0x30)?;
    let (key, _) = element(rest, 4)?;
    let (_, rest) = element(element(key, 0x30)?.0, 2)?;
    Some(number(rest, 64)?.0)
}

/// What kind of private key an encoding is.
pub(super) fn describe(bytes: &[u8]) -> Option<String> {
    let (contents, _) = element(bytes, 0x30)?;
    wrapped(contents).or_else(|| rsa(contents)).or_else(|| elliptic(contents, None)).or_else(|| dsa(contents))
}

/// Keys in DER. The version behind the header is the mark.
pub(super) static PRIVATE_KEY: Detector = Detector {
    id: "der-private-key",
    title: "Private key in DER",
    provider: None,
    action: "Make a new key pair, replace certificates and authorized keys, and revoke the old certificate.",
    style: Style::Key,
    marks: &[Mark::Exact(b"\x02\x01\x00"), Mark::Exact(b"\x02\x01\x01\x04"), Mark::Exact(b"\x02\x01\x01\x30")],
    wrapped: false,
    find: |bytes, place, out| {
        // The header before it has two to four bytes.
        let found = (2..=4).find_map(|head| {
            let start = place.checked_sub(head)?;
            let here = from(bytes, start);
            let (length, len) = header(here, 0x30).filter(|(length, _)| *length == head)?;
            let end = start.checked_add(length)?.checked_add(len)?;
            let is_size = (46..=LARGEST).contains(&length.saturating_add(len)) && end <= bytes.len();
            let whole = is_size.then(|| part(bytes, start..end))?;
            Some((start..end, describe(whole)?))
        });
        if let Some((range, kind)) = found {
            let is_published = is_published(part(bytes, range.clone()));
            let found = Match::of(range).of_whom(Some(kind));
            out.push(if is_published { found.tag("example") } else { found });
        }
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_key_is_known_by_its_modulus() {
        // The modulus of the key of Go's tests of TLS, in a key that is cut behind it.
        let head = concat!(
            "MIIBOwIBAAJBANLJhPHhITqQbPklG3ibCVxwGMRfp/v4XqhfdQHdcVfHap6NQ5Wo",
            "k/4xIA+ui35/MmNartNuC+BdZ1tMuVCPFZcCAwEA"
        );
        let head = data_encoding::BASE64.decode(head.as_bytes()).unwrap();
        assert!(is_published(&head));
        let mut other = head;
        other[40] ^= 1;
        assert!(!is_published(&other) && !is_published(b"") && !is_published(b"\x30\x03\x02\x01\x00"));
    }
}
