//! Private keys as OpenSSH's programs hold them in memory, an agent for example: the inner form, which is not encrypted.

use super::super::detector::{Detector, Mark, Match, Style};
use super::super::text::from;

/// A field: its length in four bytes, then its bytes.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

/// A positive number, as short as it can be written. What follows a public key in a list of keys is none.
fn positive(bytes: &[u8], least: usize, most: usize) -> Option<(&[u8], &[u8])> {
    let (number, rest) = field(bytes)?;
    let is_positive = number.first().is_some_and(|first| *first < 0x80);
    let is_short = !matches!(number, [0, 0..=0x7f, ..]);
    let is_number = is_positive && is_short && (least..=most).contains(&number.len());
    is_number.then_some((number, rest))
}

/// The kind of a private key behind the name of its algorithm, and the length of its fields.
fn kind(name: &[u8], fields: &[u8]) -> Option<(String, usize)> {
    let taken = |rest: &[u8]| fields.len().saturating_sub(rest.len());
    match name {
        b"ssh-ed25519" => {
            let (public, rest) = field(fields)?;
            let (private, rest) = field(rest)?;
            // The private half ends in the public one.
            let is_pair = public.len() == 32 && private.len() == 64 && private.ends_with(public);
            is_pair.then(|| ("Ed25519".to_owned(), taken(rest)))
        }
        b"ssh-rsa" => {
            let (modulus, rest) = positive(fields, 64, 2049)?;
            let (exponent, rest) = positive(rest, 1, 8)?;
            let (private, rest) = positive(rest, 32, 2049)?;
            let (_, rest) = positive(rest, 16, 1025)?;
            let (_, rest) = positive(rest, 16, 1025)?;
            let (_, rest) = positive(rest, 16, 1025)?;
            let is_key = private.len() <= modulus.len() && exponent.last().is_some_and(|last| last & 1 == 1);
            let bits = modulus.len().saturating_sub(usize::from(modulus.first() == Some(&0))).saturating_mul(8);
            is_key.then(|| (format!("RSA, {bits} bits"), taken(rest)))
        }
        b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521" => {
            let (curve, rest) = field(fields)?;
            let (point, rest) = field(rest)?;
            // A coordinate of the curve, and a zero before it if its first bit is set.
            let size = match curve {
                b"nistp256" => 32_usize,
                b"nistp384" => 48,
                _ => 66,
            };
            let (_, rest) = positive(rest, size.saturating_sub(16), size.saturating_add(1))?;
            let is_point = point.first() == Some(&4) && point.len() == size.saturating_mul(2).saturating_add(1);
            let is_key = name.ends_with(curve) && curve.starts_with(b"nistp") && is_point;
            let curve = std::str::from_utf8(curve.get(5..)?).ok()?;
            is_key.then(|| (format!("EC P-{curve}"), taken(rest)))
        }
        _ => None,
    }
}

/// A private key in its inner form. Public keys have the same names, but fewer fields.
pub(super) static PRIVATE_KEY: Detector = Detector {
    id: "openssh-private-key",
    title: "OpenSSH private key in memory",
    provider: None,
    action: "Make a new key pair and remove the public key from all `authorized_keys`.",
    style: Style::Key,
    marks: &[Mark::text("ssh-ed25519\0"), Mark::text("ssh-rsa\0"), Mark::text("ecdsa-sha2-nistp")],
    wrapped: false,
    find: |bytes, place, out| {
        let Some(start) = place.checked_sub(4) else { return };
        let Some((name, fields)) = field(from(bytes, start)) else { return };
        if name.len() <= 19
            && let Some((kind, len)) = kind(name, fields)
        {
            let end = place.saturating_add(name.len()).saturating_add(len);
            out.push(Match::of(start..end).of_whom(Some(kind)));
        }
    },
};
