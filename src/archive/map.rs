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

    /// Reads a range ahead, for who will read all of it: in one go, not page by page. Only a hint.
    pub(crate) fn will_read(&self, offset: usize, len: usize) {
        let _ = self.0.advise_range(Advice::WillNeed, offset, len);
        #[cfg(target_os = "linux")]
        let _ = self.0.advise_range(Advice::PopulateRead, offset, len);
    }

    /// Gives the pages of a range back to the kernel, so that who reads a large file does not come to hold all of it.
    /// They can be read again. Only a hint.
    pub(crate) fn give_back(&self, offset: usize, len: usize) {
        #[cfg(unix)]
        {
            use memmap2::UncheckedAdvice;

            /// Who touches a page gets those around it, too.
            const AROUND: usize = 64 << 10;
            let from = offset & !AROUND.wrapping_sub(1);
            let len = len.saturating_add(offset.saturating_sub(from));
            let offset = from;
            #[expect(unsafe_code, reason = "the advice is unchecked because it would lose what was written to a map")]
            // SAFETY: the map is read-only and of a file, so nothing can have been written to it: the kernel drops the
            // pages of the range and reads the same bytes again from the file when they are touched. Slices of the map
            // that others hold stay valid: the range stays mapped.
            let _ = unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, len) };
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
