//! Hashes of contents. Holes are hashed as the zeros that they stand for, so that a hash is that of the file; but a file
//! of holes costs nothing to record and very much to hash, so holes are bounded.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::Checkpoint;
use crate::archive::{Contents, Piece};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::Place;

/// Zeros that are hashed at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// There is nothing more to hash.
struct Over;

/// The hash of what comes piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Digest {
    sha256: Sha256,
    /// Zeros of holes that may still be hashed.
    holes_left: u64,
    /// Something could not be hashed: there is no hash.
    void: bool,
    /// Because there are too many holes.
    over: bool,
}

impl Digest {
    /// A hash with so many zeros of holes at most.
    pub(crate) fn new(holes: u64) -> Self {
        Digest { sha256: Sha256::new(), holes_left: holes, void: false, over: false }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if !self.void {
            self.sha256.update(bytes);
        }
    }

    /// So many zeros.
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

    /// Something that is not here.
    pub(crate) fn missing(&mut self) {
        self.void = true;
    }

    /// All of some contents.
    pub(crate) fn contents(&mut self, contents: &Contents<'_>) {
        let hashed: Result<(), Over> = contents.once(|piece| {
            match piece {
                Piece::Bytes(bytes) => self.bytes(bytes),
                Piece::Hole(len) => self.hole(len),
                Piece::Absent(..) => self.missing(),
            }
            // There will be no hash: the rest need not be read.
            if self.void { Err(Over) } else { Ok(()) }
        });
        let _ = hashed;
    }

    /// Zeros of holes that may still be hashed.
    pub(crate) fn holes_left(&self) -> u64 {
        self.holes_left
    }

    /// Whether there were too many holes.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The hash in hexadecimal, if everything was here.
    pub(crate) fn finish(self) -> Option<String> {
        (!self.void).then(|| hex(&self.sha256.finalize()))
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hashes contents for the rows of a table, if hashes were asked for.
#[derive(Debug)]
pub(crate) struct Hasher<'c> {
    checkpoint: &'c Checkpoint,
    holes_left: u64,
}

impl<'c> Hasher<'c> {
    pub(crate) fn of(checkpoint: &'c Checkpoint) -> Self {
        Hasher { checkpoint, holes_left: checkpoint.limits().hole_bytes }
    }

    /// The hash of some contents; `place` and `offset` are where they are, should there be something to say of them.
    pub(crate) fn hash(&mut self, contents: &Contents<'_>, place: &[u8], offset: u64) -> Option<String> {
        if !self.checkpoint.hashes() {
            return None;
        }
        let mut digest = Digest::new(self.holes_left);
        digest.contents(contents);
        self.holes_left = digest.holes_left();
        if digest.is_over() {
            let limit = self.checkpoint.limits().hole_bytes;
            self.checkpoint.warn(&Limits::HOLE_BYTES, Place::member(place).at(offset), || {
                format!("files with more than {limit} bytes of holes in all; not hashed")
            });
        }
        digest.finish()
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
        assert_eq!(digest.clone().finish().unwrap(), hex(&Sha256::digest(expected)));
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
