//! Hashes file contents for the rows of a table, if requested.

use crate::Checkpoint;
use crate::archive::{Contents, Digest};
use crate::limits::Limits;
use crate::warning::Place;

/// Hashes file contents for the rows of a table, if requested.
#[derive(Debug)]
pub(crate) struct Hasher<'c> {
    checkpoint: &'c Checkpoint,
    holes_left: u64,
}

impl<'c> Hasher<'c> {
    pub(crate) fn new(checkpoint: &'c Checkpoint) -> Self {
        Hasher { checkpoint, holes_left: checkpoint.limits().hole_bytes }
    }

    /// The hash of some contents. `place` and `offset` are for warnings.
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
                format!("files have more than {limit} bytes of holes in total; this one was not hashed")
            });
        }
        digest.finish()
    }
}
