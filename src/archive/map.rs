//! The map of an input file. This is the only module with `unsafe` code.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap, MmapOptions};

#[cfg(unix)]
use crate::int::u64_of;

/// A regular file, mapped for reading. Pages are read only when they are touched.
#[derive(Debug)]
pub(crate) struct Map {
    map: Mmap,
    /// The file itself, if it was kept. Reading all of it once is faster than building the map.
    file: Option<File>,
}

impl Map {
    /// Maps a whole file, and keeps it open for [`Map::copy`].
    ///
    /// # Errors
    ///
    /// As [`Map::whole`].
    pub(crate) fn keeping(file: File) -> io::Result<Self> {
        let map = Map::whole(&file)?;
        Ok(Map { file: Some(file), ..map })
    }

    /// Maps a whole file.
    ///
    /// # Errors
    ///
    /// If the file cannot be mapped, as with files that are not regular; read it instead.
    pub(crate) fn whole(file: &File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "mapping a file is the one thing that needs it")]
        // SAFETY: the map is read-only, and its bytes are only ever seen as `&[u8]`. Another process that writes to the
        // file while it is mapped could change those bytes, which no decoder here takes for a promise: every length is
        // checked against the slice in the same expression that uses it. A file that shrinks ends the process with
        // SIGBUS; `Options::map(false)` reads instead, for evidence on media that may vanish.
        let map = unsafe { Mmap::map(file)? };
        // The headers of a tar are far apart: reading ahead would fetch unneeded pages.
        let _ = map.advise(Advice::Random);
        Ok(Map { map, file: None })
    }

    /// Maps a part of a file that no other process has, such as an unlinked temporary file.
    ///
    /// # Errors
    ///
    /// As [`Map::whole`].
    pub(crate) fn part(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "mapping a file is the one thing that needs it")]
        // SAFETY: the map is read-only, and its bytes are only ever seen as `&[u8]`. Nobody else can open the file, so it
        // does not shrink; bytes are written to it before they are lent, and never again.
        let map = unsafe { MmapOptions::new().offset(offset).len(len).map(file)? };
        Ok(Map { map, file: None })
    }

    /// Whether there is a file for [`Map::copy`].
    pub(crate) fn has_file(&self) -> bool {
        cfg!(unix) && self.file.is_some()
    }

    /// Fills a buffer with the bytes at an offset by reading the file, which costs a copy but no mapped page.
    ///
    /// # Errors
    ///
    /// Fails if the file was not kept, or no longer has the bytes.
    pub(crate) fn copy(&self, offset: usize, buffer: &mut [u8]) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileExt;

            let file = self.file.as_ref().ok_or(io::ErrorKind::Unsupported)?;
            file.read_exact_at(buffer, u64_of(offset))
        }
        #[cfg(not(unix))]
        {
            let _ = (offset, buffer);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Reads a range ahead in one go, for callers that read all of it. Only a hint.
    pub(crate) fn will_read(&self, offset: usize, len: usize) {
        let _ = self.map.advise_range(Advice::WillNeed, offset, len);
        #[cfg(target_os = "linux")]
        let _ = self.map.advise_range(Advice::PopulateRead, offset, len);
    }

    /// Returns the pages of a range to the kernel, so that reading a large file does not fill memory.
    /// They can be read again. Only a hint.
    pub(crate) fn give_back(&self, offset: usize, len: usize) {
        #[cfg(unix)]
        {
            use memmap2::UncheckedAdvice;

            /// Touching a page also brings in those around it, including those before, which a reader may look back at.
            const AROUND: usize = 64 << 10;
            let end = offset
                .saturating_add(len)
                .checked_next_multiple_of(AROUND)
                .map_or(self.map.len(), |end| end.min(self.map.len()));
            let offset = offset.saturating_sub(1) & !AROUND.wrapping_sub(1);
            let len = end.saturating_sub(offset);
            #[expect(unsafe_code, reason = "the advice is unchecked because it would lose what was written to a map")]
            // SAFETY: the map is read-only and of a file, so nothing can have been written to it: the kernel drops the
            // pages of the range and reads the same bytes again from the file when they are touched. Slices of the map
            // that others hold stay valid: the range stays mapped.
            let _ = unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, len) };
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}
