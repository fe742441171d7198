//! Hashes of images.

use tlsh2::TlshDefaultBuilder;

use crate::archive::Digest;
use crate::elf::Bytes;

/// The hashes of an image, and what they are not of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests {
    /// SHA-256 in hexadecimal. `None` if bytes are missing.
    pub(crate) sha256: Option<String>,
    /// TLSH, which is similar for similar contents. `None` if bytes are missing, or too few or too equal.
    pub(crate) tlsh: Option<String>,
    /// Bytes that are missing.
    pub(crate) missing: u64,
    /// Why.
    pub(crate) why: Option<&'static str>,
}

/// Hashes contents part by part.
pub(super) struct Hashing {
    digest: Digest,
    similar: TlshDefaultBuilder,
    missing: u64,
    why: Option<&'static str>,
}

impl Hashing {
    /// `holes` is how many bytes of holes may be hashed.
    pub(super) fn new(holes: u64) -> Self {
        Hashing { digest: Digest::new(holes), similar: TlshDefaultBuilder::new(), missing: 0, why: None }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.digest.bytes(bytes);
        if self.missing == 0 {
            self.similar.update(bytes);
        }
    }

    pub(super) fn hole(&mut self, len: u64) {
        const ZEROS: [u8; 4096] = [0; 4096];
        self.digest.hole(len);
        let mut left = if self.digest.is_over() || self.missing > 0 { 0 } else { len };
        while left > 0 {
            let part = crate::int::usize_of(left).min(ZEROS.len());
            self.similar.update(ZEROS.get(..part).unwrap_or_default());
            left = left.saturating_sub(crate::int::u64_of(part));
        }
    }

    pub(super) fn missing(&mut self, len: u64, why: &'static str) {
        self.digest.missing();
        self.missing = self.missing.saturating_add(len);
        self.why.get_or_insert(why);
    }

    /// How many bytes of holes may still be hashed.
    pub(super) fn holes_left(&self) -> u64 {
        self.digest.holes_left()
    }

    pub(super) fn finish(self) -> Digests {
        let why = self.why.or(self.digest.is_over().then_some("more holes than are hashed"));
        let is_whole = self.missing == 0 && !self.digest.is_over();
        let similar = || {
            let hash = self.similar.build()?.hash();
            Some(String::from_utf8_lossy(&hash).into_owned())
        };
        Digests {
            tlsh: if is_whole { similar() } else { None },
            sha256: self.digest.finish(),
            missing: self.missing,
            why,
        }
    }
}

impl Digests {
    /// The hashes of an image of which all is said to be known up to `len`.
    pub(super) fn of(bytes: &Bytes<'_>, len: u64, why: &'static str) -> Self {
        let mut hashing = Hashing::new(0);
        let mut at = 0_u64;
        for (from, piece) in bytes.pieces() {
            if from >= len {
                break;
            }
            if from > at {
                hashing.missing(from.saturating_sub(at), why);
            }
            let rest = crate::int::usize_of(len.saturating_sub(from));
            let piece = piece.get(..rest.min(piece.len())).unwrap_or_default();
            hashing.bytes(piece);
            at = from.saturating_add(crate::int::u64_of(piece.len()));
        }
        if at < len {
            hashing.missing(len.saturating_sub(at), why);
        }
        hashing.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn only_whole_images_have_hashes() {
        let text: Vec<u8> = (0..2048_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let whole = Digests::of(&Bytes::whole(text.clone()), 8192, "gone");
        assert!(whole.sha256.is_some() && whole.tlsh.is_some_and(|hash| hash.starts_with("T1")));
        let mut bytes = Bytes::default();
        bytes.push(0, Cow::Borrowed(text.get(..4096).unwrap()));
        let cut = Digests::of(&bytes, 8192, "gone");
        assert_eq!((cut.sha256, cut.tlsh, cut.missing, cut.why), (None, None, 4096, Some("gone")));
    }
}
