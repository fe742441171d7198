//! Standard output, which the record of a run has the hash of.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::evidence::Record;

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
        self.hash.clone().finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
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
        let len = self.out.write(bytes)?;
        self.record.stdout(|written| written.add(bytes.get(..len).unwrap_or_default()));
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
