//! Standard output. Its hash goes into the record of the run.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::record::Record;

/// Whether standard output was closed (`>&-`) when the program started. Later this cannot be detected: the runtime
/// opens `/dev/null` in its place, and output would be lost silently.
static CLOSED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
#[ctor::ctor(unsafe)]
fn look_before_the_runtime() {
    use std::os::fd::AsFd;
    CLOSED.store(io::stdout().as_fd().try_clone_to_owned().is_err(), Ordering::Relaxed);
}

/// Checks that standard output can be written to.
pub(crate) fn check() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::other("standard output is closed; redirect it, or name a file with --output"));
    }
    Ok(())
}

/// Standard output. It is hashed only for a manifest.
pub(crate) struct Stdout {
    out: io::Stdout,
    record: Record,
}

impl Stdout {
    /// Standard output, reported to a record.
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
