//! Identity of an archive, whatever its name: a dataset holds each archive once.

use std::path::Path;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::archive::Identity;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::cli::fleet::Entry;
use crate::cli::record::hash_of;

/// Identity of an archive, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// SHA-256 of its bytes.
    Bytes(String),
    /// For a directory: a hash of what identifies its dumps.
    Dumps(String),
    /// Its path, if it could not be read.
    Path(BString),
}

impl Key {
    /// The identity of an open archive. A directory is identified by all of its dumps, and by the names and sizes of
    /// its files: one that was read while it was still being copied differs from the complete one.
    pub(crate) fn of(sha256: Option<&str>, checkpoints: &[Checkpoint]) -> Self {
        if let Some(hash) = sha256 {
            return Key::Bytes(hash.to_owned());
        }
        let mut digest = Sha256::new();
        for checkpoint in checkpoints {
            digest.update(checkpoint.identity());
            digest.update([0]);
        }
        for member in checkpoints.first().into_iter().flat_map(|first| first.archive().members()) {
            digest.update(&member.path);
            digest.update([0]);
            digest.update(member.size.to_be_bytes());
        }
        Key::Dumps(HEXLOWER.encode(&digest.finalize()))
    }
}

/// The hash of a file, with the file's state at that time.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) sha256: String,
    identity: Identity,
}

impl Hashed {
    /// Hashes an archive. `None` if it is not a file or cannot be read: opening it reports why.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let path: &Path = &entry.path;
        if entry.is_stdin() || !path.is_file() {
            return None;
        }
        let identity = Identity::read(path).ok()?;
        Some(Hashed { sha256: hash_of(path).ok()?, identity })
    }

    /// Whether the archive has changed between hashing and opening.
    pub(crate) fn is_stale(&self, opened: Option<&Checkpoint>) -> bool {
        let now = opened.and_then(|checkpoint| checkpoint.archive().identity());
        now.is_some_and(|now| self.identity.differs(now).is_some())
    }
}
