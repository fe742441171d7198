//! The bytes kept of a stream: in memory up to a limit, beyond it in an unlinked temporary file. Zeros are not kept, so that
//! an archive that inflates to gigabytes of zeros costs nothing.

use std::fs::File;
use std::io::{self, Write};

use super::absence::Absence;
use super::contents::{Backing, Extent, Location};
use super::input::Input;
use super::map::Map;
use crate::int::{u64_of, usize_of};

/// Runs of at least this size are searched for zeros. Smaller ones stay whole, to be borrowed in one piece.
const DENSE_BELOW: u64 = 1 << 20;
/// Unit in which zeros are found.
const UNIT: usize = 4096;

/// Keeps runs of bytes.
#[derive(Debug)]
pub(super) struct Spool {
    limit: u64,
    in_memory: u64,
    /// Number of this spool's first backing, which is the temporary file.
    base: usize,
    heap: Vec<Vec<u8>>,
    file: Option<File>,
    in_file: u64,
    failed: Option<io::Error>,
}

impl Spool {
    /// A spool that keeps `limit` bytes in memory, and numbers its backings from `base`.
    pub(super) fn new(limit: u64, base: usize) -> Self {
        Spool { limit, in_memory: 0, base, heap: Vec::new(), file: None, in_file: 0, failed: None }
    }

    /// Keeps the next `len` bytes of the input, which belong at `at` in their member.
    pub(super) fn keep(&mut self, input: &mut impl Input, len: u64, at: u64) -> Vec<Extent> {
        let mut run = Run { extents: Vec::new(), at, open: false };
        let sparse = len >= DENSE_BELOW;
        let end = at.saturating_add(len);
        while run.at < end {
            let chunk = input.chunk(usize_of(end.saturating_sub(run.at)));
            if chunk.is_empty() {
                break;
            }
            if !sparse {
                self.append(&mut run, chunk);
                continue;
            }
            for unit in chunk.chunks(UNIT) {
                if is_zero(unit) { run.skip(u64_of(unit.len())) } else { self.append(&mut run, unit) }
            }
        }
        if run.at < end {
            let len = end.saturating_sub(run.at);
            run.extents.push(Extent { at: run.at, len, location: Location::Absent(Absence::Truncated) });
        }
        if run.open
            && let Some(last) = self.heap.last_mut()
        {
            last.shrink_to_fit();
        }
        run.extents
    }

    /// Adds bytes to a run, in memory or in the file, and to its last extent if possible.
    fn append(&mut self, run: &mut Run, bytes: &[u8]) {
        let len = u64_of(bytes.len());
        let location = if self.in_memory.saturating_add(len) <= self.limit {
            self.in_memory = self.in_memory.saturating_add(len);
            if !run.open {
                run.open = true;
                self.heap.push(Vec::new());
            }
            let number = self.base.saturating_add(self.heap.len());
            let offset = self.heap.last().map_or(0, Vec::len);
            if let Some(last) = self.heap.last_mut() {
                last.extend_from_slice(bytes);
            }
            Location::Backing { number, offset: u64_of(offset) }
        } else {
            match self.write(bytes) {
                Ok(offset) => Location::Backing { number: self.base, offset },
                Err(error) => {
                    self.failed.get_or_insert(error);
                    Location::Absent(Absence::NotKept)
                }
            }
        };
        run.add(len, location);
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.in_file;
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile()?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.in_file = self.in_file.saturating_add(u64_of(bytes.len()));
        Ok(offset)
    }

    /// The bytes of a run that lies in memory in one piece, while more is being kept.
    pub(super) fn bytes(&self, location: Location, len: u64) -> Option<&[u8]> {
        let Location::Backing { number, offset } = location else { return None };
        let run = self.heap.get(number.checked_sub(self.base)?.checked_sub(1)?)?;
        run.get(usize_of(offset)..usize_of(offset.saturating_add(len)))
    }

    /// The backings of the kept bytes, in the order of their numbers, and the error if some could not be kept.
    pub(super) fn into_backings(self) -> (Vec<Backing>, Option<io::Error>) {
        let mut failed = self.failed;
        let file = match self.file.as_ref().map(Map::whole) {
            Some(Ok(map)) => Backing::Map(map),
            Some(Err(error)) => {
                failed = Some(error);
                Backing::Heap(Vec::new())
            }
            None => Backing::Heap(Vec::new()),
        };
        let backings = std::iter::once(file).chain(self.heap.into_iter().map(Backing::Heap)).collect();
        (backings, failed)
    }
}

/// A run that is being kept.
struct Run {
    extents: Vec<Extent>,
    at: u64,
    /// Whether the last vector on the spool's heap belongs to this run.
    open: bool,
}

impl Run {
    fn skip(&mut self, len: u64) {
        self.at = self.at.saturating_add(len);
    }

    fn add(&mut self, len: u64, location: Location) {
        match self.extents.last_mut() {
            Some(last) if last.at.saturating_add(last.len) == self.at && last.location.skip(last.len) == location => {
                last.len = last.len.saturating_add(len);
            }
            _ => self.extents.push(Extent { at: self.at, len, location }),
        }
        self.at = self.at.saturating_add(len);
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().all(|chunk| *chunk == [0; 64]) && rest.iter().all(|&b| b == 0)
}

#[cfg(test)]
mod tests {
    use super::super::contents::{Contents, Layout};
    use super::super::input::StreamInput;
    use super::*;

    fn keep(data: &[u8], limit: u64, len: u64) -> (Vec<u8>, u64, usize) {
        let mut input = StreamInput::new(data, u64::MAX, &|| ());
        let mut spool = Spool::new(limit, 0);
        let layout = Layout { len, extents: spool.keep(&mut input, len, 0) };
        let in_memory = spool.in_memory;
        let (backings, failed) = spool.into_backings();
        assert!(failed.is_none());
        let contents = Contents { layout: &layout, backings: &backings };
        (contents.prefix(u64::MAX).0.into_owned(), in_memory, layout.extents.len())
    }

    #[test]
    fn what_is_kept_comes_back_from_memory_and_from_the_file() {
        let data: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        for limit in [0, 100_000, u64::MAX] {
            assert_eq!(keep(&data, limit, u64_of(data.len())).0, data, "limit {limit}");
        }
    }

    #[test]
    fn zeros_are_not_kept() {
        let mut data = vec![0; 8 << 20];
        data[5 << 20] = 1;
        let (kept, in_memory, _) = keep(&data, u64::MAX, u64_of(data.len()));
        assert!(kept == data && in_memory == u64_of(UNIT));
    }

    #[test]
    fn small_runs_stay_whole() {
        let (kept, in_memory, extents) = keep(&vec![0; 20_000], u64::MAX, 20_000);
        assert_eq!((kept.len(), in_memory, extents), (20_000, 20_000, 1));
    }

    #[test]
    fn a_run_that_ends_early_is_truncated() {
        let (kept, _, extents) = keep(b"abc", u64::MAX, 10);
        assert_eq!((kept.as_slice(), extents), (&b"abc"[..], 2));
    }
}
