//! Where rows go: to one output, or to a file for each table.

use std::io::{self, Read as _, Seek as _, Write};

use cryoscope::formats::{Encoded, RowWriter, Style};
use cryoscope::tables::Table;
use tempfile::SpooledTempFile;

use super::super::Failure;
use super::super::exit::Exit;
use super::super::newfile::make_folder;
use super::super::record::Record;
use super::super::screen::Screen;
use super::super::table_file::{Folder, TableFile};
use super::super::waiting;
use super::Job;

/// Bytes of rows that wait in memory until the tables before theirs are written.
const SPOOLED: usize = 1 << 20;

/// Destination of rows.
pub(crate) enum Place<'a> {
    /// One output for all.
    Screen(Screen),
    /// One file per table in a directory.
    Directory(Folder<'a>),
}

/// Rows on their way to their destination.
pub(super) enum Output<'a> {
    /// Rows are written as they come. The table begins with the first archive that can be read.
    Straight { writer: Box<RowWriter<Screen>>, table: Option<&'a Table> },
    /// One table below the other: rows wait until all archives are read.
    Waiting { screen: Box<Screen>, style: Box<Style>, tables: Vec<(&'a Table, Spool)> },
    /// One file per table.
    Files { files: Vec<TableFile<'a>>, begun: bool },
}

impl<'a> Output<'a> {
    /// Opens the destination. An existing file is refused before anything is read.
    pub(super) fn open(job: &Job<'_>, tables: &[&'a Table], place: Place<'a>) -> Result<Self, Failure> {
        match place {
            Place::Screen(_) if job.style.format.is_one_table() && job.sources.len() > 1 => {
                let message = "a file in this format holds one table; name one, or write one file per table with `table --output-dir`";
                Err(Failure::Usage(message.to_owned()))
            }
            Place::Screen(screen) if job.style.format.is_by_table() && job.sources.len() > 1 => {
                let tables = tables.iter().map(|&table| (table, Spool::default())).collect();
                Ok(Output::Waiting { screen: Box::new(screen), style: Box::new(job.style.clone()), tables })
            }
            Place::Screen(screen) => {
                let writer = Box::new(RowWriter::new(screen, job.style.clone()));
                Ok(Output::Straight { writer, table: tables.first().copied() })
            }
            Place::Directory(folder) => {
                let message = |error: io::Error| {
                    Failure::Usage(format!("cannot create the directory {}: {error}", folder.path.display()))
                };
                make_folder(folder.path).map_err(message)?;
                let file = |&table: &&'a Table| TableFile::create(folder, table, job.style.clone());
                let files = tables.iter().map(file).collect::<Result<_, Failure>>()?;
                Ok(Output::Files { files, begun: false })
            }
        }
    }

    /// Begins with the first archive that can be read. Without one, there is nothing to write.
    pub(super) fn opened(&mut self) -> io::Result<()> {
        match self {
            Output::Straight { writer, table } => table.take().map_or(Ok(()), |table| writer.begin(table)),
            Output::Files { files, begun } if !*begun => {
                *begun = true;
                files.iter_mut().try_for_each(TableFile::begin)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn rows(&mut self, table: usize, rows: Vec<Encoded>) -> Result<(), Failure> {
        let mut rows = rows.into_iter();
        match self {
            Output::Straight { writer, .. } => Ok(rows.try_for_each(|row| writer.put(row))?),
            Output::Waiting { tables, .. } => match tables.get_mut(table) {
                Some((_, spool)) => Ok(rows.try_for_each(|row| spool.add(row))?),
                None => Ok(()),
            },
            Output::Files { files, .. } => {
                if let Some(file) = files.get_mut(table) {
                    rows.try_for_each(|row| file.put(row))?;
                }
                Ok(waiting::bound(files, waiting::MOST)?)
            }
        }
    }

    /// Writes all pending rows, so that warnings come after them.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Straight { writer, .. } => writer.flush(),
            _ => Ok(()),
        }
    }

    /// Completes the output: files get their names.
    pub(super) fn finish(mut self, record: &Record) -> Result<(), Failure> {
        // Without any row, an empty table is written.
        self.opened()?;
        match self {
            Output::Straight { writer, .. } => writer.finish()?.finish(Exit::Done).map(drop),
            Output::Files { files, .. } => {
                let whole = files.into_iter().map(TableFile::close).collect::<Result<Vec<_>, Failure>>()?;
                whole.into_iter().flatten().try_for_each(|file| {
                    record.output(&file.finish()?);
                    Ok(())
                })
            }
            Output::Waiting { screen, style, tables } => {
                let mut writer = RowWriter::new(*screen, *style);
                for (table, spool) in tables {
                    writer.begin(table)?;
                    spool.take(&mut writer)?;
                }
                writer.finish()?.finish(Exit::Done).map(drop)
            }
        }
    }
}

/// Rows that wait. Many of them are kept in a file without a name.
pub(super) struct Spool {
    bytes: SpooledTempFile,
    cells: Vec<Encoded>,
}

impl Default for Spool {
    fn default() -> Self {
        Spool { bytes: SpooledTempFile::new(SPOOLED), cells: Vec::new() }
    }
}

impl Spool {
    fn add(&mut self, row: Encoded) -> io::Result<()> {
        match row {
            Encoded::Cells(..) => self.cells.push(row),
            // Output in this format has one table, so its rows need not wait.
            #[cfg(feature = "parquet")]
            Encoded::Typed(_) => {}
            Encoded::Bytes(bytes) => {
                self.bytes.write_all(&bytes.len().to_ne_bytes())?;
                self.bytes.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    fn take<W: Write>(mut self, writer: &mut RowWriter<W>) -> io::Result<()> {
        self.cells.drain(..).try_for_each(|cells| writer.put(cells))?;
        let mut left = self.bytes.stream_position()?;
        self.bytes.rewind()?;
        let mut bytes = io::BufReader::new(self.bytes);
        while left > 0 {
            let mut len = [0; size_of::<usize>()];
            bytes.read_exact(&mut len)?;
            let mut row = vec![0; usize::from_ne_bytes(len)];
            bytes.read_exact(&mut row)?;
            left = left.saturating_sub(u64::try_from(row.len() + len.len()).unwrap_or(u64::MAX));
            writer.put(Encoded::Bytes(row))?;
        }
        Ok(())
    }
}
