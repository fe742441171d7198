//! Writes rows of tables to one output.

use std::fmt;
use std::io::{self, Write};

use super::encoder::{Encoded, Encoder};
use super::format::{Head, Sheet};
use super::style::Style;
use crate::tables::{Row, Table};

/// Writes the rows of one table after another.
pub struct RowWriter<W: Write> {
    out: W,
    encoder: Encoder,
    /// Whether a table was begun.
    begun: bool,
    /// The current table.
    sheet: Option<Box<dyn Sheet>>,
}

impl<W: Write + fmt::Debug> fmt::Debug for RowWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWriter").field("out", &self.out).field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl<W: Write> RowWriter<W> {
    /// Creates a writer with a style.
    pub fn new(out: W, style: Style) -> Self {
        RowWriter { out, encoder: Encoder::new(style), begun: false, sheet: None }
    }

    /// Its output, for text around the rows.
    pub fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// The encoder of its rows.
    pub fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Begins a table: a predefined one, or one defined at run time.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn begin(&mut self, table: &Table) -> io::Result<()> {
        self.end_table()?;
        let style = self.encoder.style();
        let head = Head { style, table, behind: style.behind(table), first: !self.begun };
        self.sheet = Some(style.format.rules().begin(&head, &mut self.out)?);
        self.begun = true;
        Ok(())
    }

    /// Writes a row of the current table.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn row(&mut self, row: &dyn Row) -> io::Result<()> {
        let encoded = self.encoder.encode(row)?;
        self.put(encoded)
    }

    /// Writes a row of the current table that was encoded in the same style.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn put(&mut self, row: Encoded) -> io::Result<()> {
        self.sheet.as_mut().map_or(Ok(()), |sheet| sheet.put(row, &mut self.out))
    }

    fn end_table(&mut self) -> io::Result<()> {
        self.sheet.take().map_or(Ok(()), |sheet| sheet.end(self.encoder.style(), &mut self.out))
    }

    /// Bytes of memory used by rows that wait to be written together. A caller that writes many files bounds them with
    /// [`RowWriter::write_waiting`].
    pub fn waiting(&self) -> usize {
        self.sheet.as_ref().map_or(0, |sheet| sheet.waiting())
    }

    /// Writes the [waiting](RowWriter::waiting) rows.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_waiting(&mut self) -> io::Result<()> {
        self.sheet.as_mut().map_or(Ok(()), |sheet| sheet.write_waiting(&mut self.out))
    }

    /// Writes all pending data.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Completes the last table and the output, and returns the output.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_table()?;
        let style = self.encoder.style();
        style.format.rules().finish(style, &mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
