//! The parts of a batch while it is written. No file stays open: rows wait in memory and are written many at a time. If
//! there are too many parts for that, the part unused for longest is completed, and further rows begin a new one.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use cryoscope::extract::Name;
use cryoscope::formats::{Encoded, RowWriter, Style};
use cryoscope::tables::TableSource;
use rayon::prelude::*;

use super::ledger::part_name;
use super::root::Root;
use crate::cli::Failure;
use crate::cli::newfile::not_written;
use crate::cli::waiting::{self, Waiting};

/// Maximum number of parts written at once: all tables, for some months by day.
const OPEN_MOST: usize = 4096;

/// The directory below that of a table. `None` without partitions.
pub(crate) type Folder = Option<Arc<str>>;

/// A table of a dataset.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) source: &'static TableSource,
    pub(crate) style: Style,
}

/// A part that is being written.
struct Open {
    writer: RowWriter<Appender>,
    path: String,
    /// A counter value of the last write.
    used: u64,
}

impl Waiting for Open {
    fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        self.writer.write_waiting()
    }
}

/// A file that is opened only for writing to it.
struct Appender {
    name: Name,
    size: u64,
}

impl Write for Appender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.name.append()?.write_all(bytes)?;
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Where a whole file system cannot be synced at once, each file is.
        #[cfg(not(target_os = "linux"))]
        self.name.append()?.sync_all()?;
        Ok(())
    }
}

/// A complete part, without its name yet.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) name: Name,
    pub(crate) path: String,
    pub(crate) size: u64,
}

/// The parts of a batch.
pub(crate) struct Parts<'d> {
    root: &'d Root,
    tables: &'d [Table],
    batch: u64,
    open: HashMap<(usize, Folder), Open>,
    closed: Vec<Closed>,
    /// Number of parts of a table in a directory.
    counts: HashMap<(usize, Folder), usize>,
    /// Number of files begun.
    files: u64,
    clock: u64,
    /// Bytes of waiting rows.
    waiting: usize,
}

impl<'d> Parts<'d> {
    pub(crate) fn new(root: &'d Root, tables: &'d [Table], batch: u64) -> Self {
        let (open, counts) = (HashMap::new(), HashMap::new());
        Parts { root, tables, batch, open, closed: Vec::new(), counts, files: 0, clock: 0, waiting: 0 }
    }

    /// Writes rows of a table, given by number.
    pub(crate) fn put(&mut self, table: usize, folder: &Folder, rows: Vec<Encoded>) -> Result<(), Failure> {
        self.clock += 1;
        let clock = self.clock;
        let open = self.opened(table, folder)?;
        open.used = clock;
        let before = open.waiting();
        rows.into_iter().try_for_each(|row| open.writer.put(row))?;
        let after = open.waiting();
        self.waiting = self.waiting.saturating_sub(before).saturating_add(after);
        if self.waiting > waiting::MOST {
            let mut all: Vec<&mut Open> = self.open.values_mut().collect();
            waiting::bound(&mut all, waiting::MOST / 2)?;
            self.waiting = self.open.values().map(Open::waiting).fold(0, usize::saturating_add);
        }
        Ok(())
    }

    /// Begins a part of a table, if there is none.
    pub(crate) fn begin(&mut self, table: usize, folder: &Folder) -> Result<(), Failure> {
        self.opened(table, folder).map(drop)
    }

    fn opened(&mut self, table: usize, folder: &Folder) -> Result<&mut Open, Failure> {
        let key = (table, folder.clone());
        if !self.open.contains_key(&key) {
            if self.open.len() >= OPEN_MOST {
                self.close_oldest()?;
            }
            let open = self.create(&key)?;
            self.open.insert(key.clone(), open);
        }
        let gone = || Failure::Output(io::Error::other("a part is missing"));
        self.open.get_mut(&key).ok_or_else(gone)
    }

    fn create(&mut self, key: &(usize, Folder)) -> Result<Open, Failure> {
        let none = || Failure::Output(io::Error::other("there is no such table"));
        let table = self.tables.get(key.0).ok_or_else(none)?;
        let count = self.counts.entry(key.clone()).or_default();
        *count += 1;
        let name = part_name(self.batch, *count);
        let own = &*table.source.table.name;
        let path = key.1.as_ref().map_or_else(|| format!("{own}/{name}"), |folder| format!("{own}/{folder}/{name}"));
        self.files += 1;
        let at = self.root.unfinished(self.files);
        let file = self.root.scratch().create(&at, true);
        let file = file.map_err(|error| not_written(&self.root.path().join(&path), &error))?;
        let file = Appender { name: file.close(), size: 0 };
        let mut writer = RowWriter::new(file, table.style.clone());
        writer.begin(table.source.table)?;
        Ok(Open { writer, path, used: self.clock })
    }

    fn close_oldest(&mut self) -> Result<(), Failure> {
        let oldest = self.open.iter().min_by_key(|(_, open)| open.used).map(|(key, _)| key.clone());
        oldest.map_or(Ok(()), |key| self.close_one(&key))
    }

    fn close_one(&mut self, key: &(usize, Folder)) -> Result<(), Failure> {
        let Some(open) = self.open.remove(key) else { return Ok(()) };
        self.waiting = self.waiting.saturating_sub(open.waiting());
        self.closed.push(close(open, self.root)?);
        Ok(())
    }

    /// Completes the parts of a directory, which gets no more rows.
    pub(crate) fn close_folder(&mut self, folder: &Folder) -> Result<(), Failure> {
        let keys: Vec<_> = self.open.keys().filter(|(_, other)| other == folder).cloned().collect();
        keys.iter().try_for_each(|key| self.close_one(key))
    }

    /// Number of parts.
    pub(crate) fn len(&self) -> usize {
        self.open.len() + self.closed.len()
    }

    /// Whether a table has a part.
    pub(crate) fn has(&self, table: usize) -> bool {
        self.counts.keys().any(|(other, _)| *other == table)
    }

    /// A directory that is in use.
    pub(crate) fn any_folder(&self) -> Option<Folder> {
        self.counts.keys().map(|(_, folder)| folder).filter(|folder| folder.is_some()).min().cloned()
    }

    /// Completes all parts in parallel: each encodes its waiting rows.
    pub(crate) fn close(mut self) -> Result<Vec<Closed>, Failure> {
        let open: Vec<Open> = self.open.into_values().collect();
        let root = self.root;
        let closed = open.into_par_iter().map(|open| close(open, root)).collect::<Result<Vec<_>, Failure>>()?;
        self.closed.extend(closed);
        self.closed.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.closed)
    }
}

fn close(open: Open, root: &Root) -> Result<Closed, Failure> {
    let Open { writer, path, .. } = open;
    let failed = |error: io::Error| not_written(&root.path().join(&path), &error);
    let Appender { name, size } = writer.finish().map_err(failed)?;
    Ok(Closed { name, path, size })
}
