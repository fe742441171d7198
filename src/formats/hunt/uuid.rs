//! UUIDs that follow from a name: version 5 of RFC 9562.

use sha1::{Digest, Sha1};

/// The namespace of our names, made from `cryoscope` in the namespace of URLs.
const OURS: [u8; 16] = [0x6b, 0x1f, 0x0c, 0x1e, 0x5e, 0x6a, 0x5d, 0x0b, 0x9a, 0x52, 0x1c, 0x52, 0x0b, 0x7d, 0x9c, 0x11];

/// The UUID of a name.
pub(super) fn uuid(name: &str) -> String {
    of(&OURS, name.as_bytes())
}

fn of(namespace: &[u8; 16], name: &[u8]) -> String {
    let digest = Sha1::new().chain_update(namespace).chain_update(name).finalize();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    if let Some(byte) = bytes.get_mut(6) {
        *byte = *byte & 0x0f | 0x50;
    }
    if let Some(byte) = bytes.get_mut(8) {
        *byte = *byte & 0x3f | 0x80;
    }
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_those_of_the_standard() {
        // RFC 9562, A.4: `www.example.com` in the namespace of DNS.
        let dns = [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        assert_eq!(of(&dns, b"www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
        assert_ne!(uuid("a"), uuid("b"));
    }
}
