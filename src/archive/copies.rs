//! Copies of files that may not be mapped. A part is copied into one unlinked temporary file when it is first needed,
//! and borrowed from there. No other process has that file, so it cannot shrink.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::map::Map;
use crate::int::usize_of;

/// Bytes copied at once.
const PART: u64 = 256 << 10;
/// Alignment of copies: maps begin at pages, whatever their size.
const ALIGNMENT: u64 = 64 << 10;

/// The temporary file, created when first needed.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Option<Room>>);

#[derive(Debug)]
struct Room {
    file: File,
    end: u64,
}

/// The copy of one file, so far.
#[derive(Debug)]
pub(super) struct Copied {
    base: u64,
    len: u64,
    map: Map,
    parts: Mutex<Vec<Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Unread,
    Here,
    Lost,
}

impl Copies {
    /// Reserves room for a copy of `len` bytes. It takes no disk space until they are written.
    pub(super) fn reserve(&self, len: u64) -> io::Result<Copied> {
        let mut room = lock(&self.0);
        let (file, base) = match room.take() {
            Some(Room { file, end }) => (file, end),
            None => (tempfile::tempfile()?, 0),
        };
        let end = base.saturating_add(len).checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
        let mapped = file.set_len(end).and_then(|()| Map::part(&file, base, usize_of(len)));
        *room = Some(Room { file, end });
        let parts = vec![Part::Unread; usize_of(len.div_ceil(PART))];
        Ok(Copied { base, len, map: mapped?, parts: Mutex::new(parts) })
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut room = lock(&self.0);
        let Some(Room { file, .. }) = room.as_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes)
    }
}

impl Copied {
    /// The bytes of a range up to the first that cannot be read. `read` reads the file at an offset; its errors are
    /// passed to `failed`.
    pub(super) fn get(
        &self,
        copies: &Copies,
        offset: u64,
        len: u64,
        read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
        failed: impl Fn(io::Error),
    ) -> &[u8] {
        let end = offset.saturating_add(len).min(self.len);
        let mut here = offset.min(end);
        let mut parts = lock(&self.parts);
        let mut buffer = Vec::new();
        while here < end {
            let number = here.checked_div(PART).unwrap_or_default();
            let Some(part) = parts.get_mut(usize_of(number)) else { break };
            let start = number.saturating_mul(PART);
            let stop = start.saturating_add(PART).min(self.len);
            if *part == Part::Unread {
                buffer.resize(usize_of(stop.saturating_sub(start)), 0);
                let done =
                    read(start, &mut buffer).and_then(|()| copies.write(self.base.saturating_add(start), &buffer));
                *part = if done.is_ok() { Part::Here } else { Part::Lost };
                if let Err(error) = done {
                    failed(error);
                }
            }
            if *part == Part::Lost {
                break;
            }
            here = stop;
        }
        self.map.get(usize_of(offset)..usize_of(here.min(end))).unwrap_or_default()
    }

    /// The map of the temporary file, for advice on what has been read.
    pub(super) fn map(&self) -> &Map {
        &self.map
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::int::u64_of;

    #[test]
    fn parts_are_copied_once_and_only_when_they_are_wanted() {
        let data: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let copies = Copies::default();
        let reads = AtomicUsize::new(0);
        let get = |copied: &Copied, from: usize, len: usize| {
            let read = |at: u64, buffer: &mut [u8]| {
                reads.fetch_add(1, Ordering::Relaxed);
                buffer.copy_from_slice(&data[usize_of(at)..][..buffer.len()]);
                Ok(())
            };
            copied.get(&copies, u64_of(from), u64_of(len), read, |error| panic!("{error}")) == &data[from..from + len]
        };
        let (one, two) = (copies.reserve(u64_of(data.len())).unwrap(), copies.reserve(u64_of(data.len())).unwrap());
        assert!(get(&one, 500_000, 20) && get(&one, 500_010, 30));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        assert!(get(&one, 0, data.len()) && get(&two, 0, data.len()));
        assert_eq!(reads.load(Ordering::Relaxed), 2 * data.len().div_ceil(256 << 10));
    }

    #[test]
    fn what_cannot_be_read_ends_what_is_here_and_is_tried_once() {
        let copies = Copies::default();
        let copy = copies.reserve(1 << 20).unwrap();
        let failures = AtomicUsize::new(0);
        let read = |at: u64, buffer: &mut [u8]| {
            buffer.fill(1);
            if at < 512 << 10 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        };
        for _ in 0..2 {
            let bytes = copy.get(&copies, 10, 1 << 20, read, |_| {
                failures.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(bytes.len(), (512 << 10) - 10);
        }
        assert_eq!(failures.load(Ordering::Relaxed), 1);
    }
}
