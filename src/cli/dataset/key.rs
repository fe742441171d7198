//! What tells archives apart, whatever they are called: a dataset has each of them once.

use std::path::Path;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::archive::Identity;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::cli::evidence::hash_of;
use crate::cli::fleet::Entry;

/// An archive, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Key {
    /// SHA-256 of its bytes.
    Bytes(String),
    /// Of a directory: what tells its dumps from all others.
    Dumps(String),
    /// Its name, where there is nothing else: it could not be read.
    Name(BString),
}

impl Key {
    /// Of an archive that was opened. A directory with several dumps is told by all of them.
    pub(crate) fn of(sha256: Option<&str>, checkpoints: &[Checkpoint]) -> Self {
        match (sha256, checkpoints) {
            (Some(hash), _) => Key::Bytes(hash.to_owned()),
            (None, [one]) => Key::Dumps(one.identity()),
            (None, several) => {
                let mut digest = Sha256::new();
                for checkpoint in several {
                    digest.update(checkpoint.identity());
                    digest.update([0]);
                }
                Key::Dumps(HEXLOWER.encode(&digest.finalize()))
            }
        }
    }
}

/// The hash of a file, and what it was then.
#[derive(Clone, Debug)]
pub(crate) struct Hashed {
    pub(crate) sha256: String,
    identity: Identity,
}

impl Hashed {
    /// Of an archive; `None` of what is no file or cannot be read: opening it tells why.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let path: &Path = &entry.path;
        if entry.is_stdin() || !path.is_file() {
            return None;
        }
        let identity = Identity::of(path).ok()?;
        Some(Hashed { sha256: hash_of(path).ok()?, identity })
    }

    /// Whether an archive that was opened since is another.
    pub(crate) fn is_stale(&self, opened: Option<&Checkpoint>) -> bool {
        let now = opened.and_then(|checkpoint| checkpoint.archive().identity());
        now.is_some_and(|now| self.identity.differs(now).is_some())
    }
}
