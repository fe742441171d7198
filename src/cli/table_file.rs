//! The files of one table in an output directory: one, or several if servers accept only a limited size. They get their
//! names when all of them are complete.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use cryoscope::formats::{Encoded, RowWriter, Style};
use cryoscope::tables::Table;

use super::Failure;
use super::args::RowFormat;
use super::newfile::{NewFile, Readers, Whole};
use super::outputs::Outputs;
use super::waiting::Waiting;

/// Settings for the files of a directory.
#[derive(Clone, Copy)]
pub(crate) struct Folder<'a> {
    pub(crate) path: &'a Path,
    pub(crate) format: RowFormat,
    /// Maximum size of a file in bytes. A longer row gets a file of its own.
    pub(crate) most: Option<u64>,
    /// Whether existing files are replaced.
    pub(crate) replace: bool,
    /// The outputs, which refuse evidence.
    pub(crate) outputs: &'a Outputs,
}

/// The files of a table.
pub(crate) struct TableFile<'a> {
    folder: Folder<'a>,
    table: &'a Table,
    style: Style,
    writer: RowWriter<BufWriter<NewFile>>,
    /// Size of the current file in bytes.
    bytes: u64,
    /// The completed files before it.
    whole: Vec<Whole>,
}

impl<'a> TableFile<'a> {
    /// Creates the first file. Refuses an existing one, unless it may be replaced.
    pub(crate) fn create(folder: Folder<'a>, table: &'a Table, style: Style) -> Result<Self, Failure> {
        let writer = writer(folder, table, &style, 1)?;
        Ok(TableFile { folder, table, style, writer, bytes: 0, whole: Vec::new() })
    }

    /// Begins the table.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.writer.begin(self.table)
    }

    /// Writes a row.
    pub(crate) fn put(&mut self, row: Encoded) -> Result<(), Failure> {
        let len = u64::try_from(row.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.folder.most.is_some_and(|most| self.bytes.saturating_add(len) > most) {
            let number = self.whole.len().saturating_add(2);
            let next = writer(self.folder, self.table, &self.style, number)?;
            self.whole.push(close(std::mem::replace(&mut self.writer, next))?);
            self.bytes = 0;
            self.begin()?;
        }
        self.bytes = self.bytes.saturating_add(len);
        Ok(self.writer.put(row)?)
    }

    /// Completes the last file. None has its name yet.
    pub(crate) fn close(mut self) -> Result<Vec<Whole>, Failure> {
        self.whole.push(close(self.writer)?);
        Ok(self.whole)
    }
}

impl Waiting for TableFile<'_> {
    fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        self.writer.write_waiting()
    }
}

fn close(writer: RowWriter<BufWriter<NewFile>>) -> Result<Whole, Failure> {
    Ok(writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.close())
}

/// The writer for a numbered file: `processes.ndjson`, then `processes.0002.ndjson`.
fn writer(
    folder: Folder<'_>,
    table: &Table,
    style: &Style,
    number: usize,
) -> Result<RowWriter<BufWriter<NewFile>>, Failure> {
    let part = if number > 1 { format!(".{number:04}") } else { String::new() };
    let path: PathBuf = folder.path.join(format!("{}{part}.{}", table.name, folder.format.format().extension()));
    let file = NewFile::create(&folder.outputs.claim(&path)?, folder.replace, Readers::Owner)?;
    Ok(RowWriter::new(BufWriter::new(file), style.clone()))
}
