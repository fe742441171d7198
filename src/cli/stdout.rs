//! Standard output, which the record of a run has the hash of.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::evidence::Record;

/// Standard output was closed (`>&-`) when the program began. Afterwards nobody can tell: the runtime puts `/dev/null` in its
/// place, where all that is written would be lost without a word.
static CLOSED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
#[ctor::ctor(unsafe)]
fn look_before_the_runtime() {
    use std::os::fd::AsFd;
    CLOSED.store(io::stdout().as_fd().try_clone_to_owned().is_err(), Ordering::Relaxed);
}

/// That standard output can be written to.
pub(crate) fn check() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::other("standard output is closed; redirect it, or name a file by --output"));
    }
    Ok(())
}

/// What went to standard output.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    bytes: u64,
    hash: Sha256,
}

impl Written {
    /// How many bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Their SHA-256, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        HEXLOWER.encode(&self.hash.clone().finalize())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.hash.update(bytes);
    }
}

/// Standard output. What takes it is hashed only for a manifest.
pub(crate) struct Stdout {
    out: io::Stdout,
    record: Record,
}

impl Stdout {
    /// It, told of to a record.
    pub(crate) fn new(record: &Record) -> Self {
        Stdout { out: io::stdout(), record: record.clone() }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check()?;
        let len = self.out.write(bytes)?;
        self.record.stdout(|written| written.add(bytes.get(..len).unwrap_or_default()));
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
