//! The map of an input file. This is the only place with `unsafe` code.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap};

/// A regular file, mapped for reading. Pages are read when they are touched, and no sooner.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps a whole file.
    ///
    /// # Errors
    ///
    /// If the file cannot be mapped, as with files that are not regular; read it instead.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "mapping a file is the one thing that needs it")]
        // SAFETY: the map is read-only, and its bytes are only ever seen as `&[u8]`. Another process that writes to the
        // file while it is mapped could change those bytes, which no decoder here takes for a promise: every length is
        // checked against the slice in the same expression that uses it. A file that shrinks ends the process with
        // SIGBUS; `Options::map(false)` reads instead, for evidence on media that may vanish.
        let map = unsafe { Mmap::map(file)? };
        // The headers of a tar lie far apart: reading ahead would fetch pages that nobody asked for.
        let _ = map.advise(Advice::Random);
        Ok(Map(map))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
