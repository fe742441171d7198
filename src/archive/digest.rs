//! Hashes of contents. Holes are hashed as zeros, so that the hash is that of the file. A hole takes no space in an
//! archive but much time to hash, so the total of holes is limited.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::contents::{Contents, Piece};
use crate::int::{u64_of, usize_of};

/// Zeros that are hashed at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// The end of hashing.
struct Over;

/// The SHA-256 of contents that arrive piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    sha256: Sha256,
    /// Zeros in holes that may still be hashed.
    holes_left: u64,
    /// Whether some bytes could not be hashed, so that there is no hash.
    void: bool,
    /// Whether the reason is too many holes.
    over: bool,
}

impl Digest {
    /// Creates a hash that accepts at most `holes` zeros in holes.
    pub(crate) fn new(holes: u64) -> Self {
        Digest { sha256: Sha256::new(), holes_left: holes, void: false, over: false }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if !self.void {
            self.sha256.update(bytes);
        }
    }

    /// Adds a hole of `len` zeros.
    pub(crate) fn hole(&mut self, mut len: u64) {
        if self.void {
            return;
        }
        let Some(left) = self.holes_left.checked_sub(len) else {
            (self.void, self.over) = (true, true);
            return;
        };
        self.holes_left = left;
        while len > 0 {
            let zeros = ZEROS.get(..usize_of(len)).unwrap_or(&ZEROS);
            self.sha256.update(zeros);
            len = len.saturating_sub(u64_of(zeros.len()));
        }
    }

    /// Records that bytes are missing, so that there is no hash.
    pub(crate) fn missing(&mut self) {
        self.void = true;
    }

    /// Adds all contents of a member.
    pub(crate) fn contents(&mut self, contents: &Contents<'_>) {
        let hashed: Result<(), Over> = contents.once(|piece| {
            match piece {
                Piece::Bytes(bytes) => self.bytes(bytes),
                Piece::Hole(len) => self.hole(len),
                Piece::Absent(..) => self.missing(),
            }
            // There will be no hash, so the rest need not be read.
            if self.void { Err(Over) } else { Ok(()) }
        });
        let _ = hashed;
    }

    /// Zeros in holes that may still be hashed.
    pub(crate) fn holes_left(&self) -> u64 {
        self.holes_left
    }

    /// Whether there were too many holes.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The hash in hexadecimal. `None` if bytes were missing.
    pub(crate) fn finish(self) -> Option<String> {
        (!self.void).then(|| HEXLOWER.encode(&self.sha256.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_hash_as_zeros_as_long_as_they_may() {
        let mut digest = Digest::new(200_001);
        digest.bytes(b"a");
        digest.hole(200_000);
        assert_eq!(digest.holes_left(), 1);
        let expected = [b"a".to_vec(), vec![0; 200_000]].concat();
        assert_eq!(digest.clone().finish().unwrap(), HEXLOWER.encode(&Sha256::digest(expected)));
        digest.hole(2);
        assert!(digest.is_over() && digest.finish().is_none());
    }

    #[test]
    fn what_is_not_all_here_has_no_hash() {
        let mut digest = Digest::new(0);
        digest.bytes(b"a");
        digest.missing();
        digest.hole(u64::MAX);
        assert!(!digest.is_over() && digest.finish().is_none());
    }
}
