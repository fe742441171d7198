//! The record of a run: the archives it read, the files it wrote, and the warnings.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryoscope::archive::Identity;
use cryoscope::{Checkpoint, Error, Warning};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The record of a run. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) warnings: Vec<(String, Warning)>,
    /// Files of directories that are not checkpoints.
    pub(crate) skipped: Vec<PathBuf>,
    /// Size and hash of standard output. `None` if they are not needed.
    pub(crate) stdout: Option<Written>,
}

/// An archive that was read, or could not be read.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) identity: Option<Identity>,
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<String>,
    /// The hash at the end of the run. `None` if it was not computed.
    pub(crate) sha256_after: Option<Result<String, String>>,
    pub(crate) error: Option<String>,
}

impl Record {
    /// Records an archive.
    pub(crate) fn input(&self, path: &Path, opened: &Result<Vec<Checkpoint>, Error>) {
        let path = path.to_owned();
        let input = match opened.as_ref().map(|checkpoints| checkpoints.first().map(Checkpoint::archive)) {
            Ok(Some(archive)) => Input {
                path,
                identity: archive.identity().copied(),
                size: archive.input_bytes(),
                sha256: archive.sha256().map(str::to_owned),
                sha256_after: None,
                error: None,
            },
            // A file that could not be opened as an archive is hashed directly.
            other => Input::of_file(path, other.err().map(ToString::to_string)),
        };
        self.lock().inputs.push(input);
    }

    /// Records a file of a directory that is not a checkpoint.
    pub(crate) fn skipped(&self, path: &Path) {
        self.lock().skipped.push(path.to_owned());
    }

    /// Records a file that was written.
    pub(crate) fn output(&self, path: &Path) {
        self.lock().outputs.push(path.to_owned());
    }

    /// Records the warnings of an archive.
    pub(crate) fn warnings(&self, archive: &str, warnings: &[Warning]) {
        self.lock().warnings.extend(warnings.iter().map(|warning| (archive.to_owned(), warning.clone())));
    }

    /// Updates the record of standard output, if it is kept.
    pub(crate) fn stdout(&self, note: impl FnOnce(&mut Written)) {
        if let Some(written) = &mut self.lock().stdout {
            note(written);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    /// Hashes a file directly.
    pub(crate) fn of_file(path: PathBuf, error: Option<String>) -> Self {
        let identity = Identity::read(&path).ok().filter(|_| path.is_file());
        let sha256 = identity.and_then(|_| hash_of(&path).ok());
        Input { identity, size: identity.map(|identity| identity.size), sha256, sha256_after: None, error, path }
    }

    /// Hashes a file a second time. Its times are not enough: a write through a mapping may update them much later.
    pub(crate) fn hash_again(&mut self) {
        if self.identity.is_some() && self.sha256.is_some() {
            let hash = if self.path == Path::new("-") { hash_of_stdin() } else { hash_of(&self.path) };
            self.sha256_after = Some(hash.map_err(|error| error.to_string()));
        }
    }

    /// How the file has changed.
    pub(crate) fn changed(&self) -> Option<String> {
        let by_metadata = self.identity.and_then(|before| match Identity::read(&self.path) {
            Ok(now) => before.differs(&now),
            // Standard input has no path to check.
            Err(_) if self.path == Path::new("-") => None,
            Err(error) => Some(error.to_string()),
        });
        by_metadata.or_else(|| match (&self.sha256, self.sha256_after.as_ref()?) {
            (Some(before), Ok(after)) => (before != after).then(|| format!("its SHA-256 is now {after}")),
            (_, Err(error)) => Some(format!("it could not be hashed again ({error})")),
            (None, Ok(_)) => None,
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        let changed = self.changed();
        let time =
            |of: fn(&Identity) -> Option<Timestamp>| self.identity.as_ref().and_then(of).map(|time| time.to_string());
        json!({
            "path": self.path.to_string_lossy(),
            "size": self.size,
            "sha256": self.sha256,
            "sha256_after": self.sha256_after.as_ref().and_then(|hash| hash.as_ref().ok()),
            "modified": time(|identity| identity.modified),
            "metadata_changed": time(|identity| identity.changed),
            "inode": self.identity.and_then(|identity| identity.inode).map(|(_, number)| number),
            "changed": changed,
            "error": self.error,
        })
    }
}

/// Size and hash of standard output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    bytes: u64,
    hash: Sha256,
}

impl Written {
    /// Number of bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the bytes, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        self.hash.clone().finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hash.update(bytes);
    }
}

/// SHA-256 of the whole file that is standard input.
fn hash_of_stdin() -> io::Result<String> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        file.rewind()?;
        hash_of_file(&mut file)
    }
    #[cfg(not(unix))]
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    hash_of_file(&mut File::open(path)?)
}

fn hash_of_file(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")));
        }
        hash.update(buffer.get(..len).unwrap_or_default());
    }
}
