//! Rows of tables as one output.

use std::fmt;
use std::io::{self, Write};

use super::encoder::{Encoded, Encoder};
use super::format::{Head, Sheet};
use super::style::Style;
use crate::tables::{Row, Table};

/// Writes rows of one table after the other.
pub struct RowWriter<W: Write> {
    out: W,
    encoder: Encoder,
    /// Whether a table was begun.
    begun: bool,
    /// The table that was begun last.
    sheet: Option<Box<dyn Sheet>>,
}

impl<W: Write + fmt::Debug> fmt::Debug for RowWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWriter").field("out", &self.out).field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl<W: Write> RowWriter<W> {
    /// A writer of a style.
    pub fn new(out: W, style: Style) -> Self {
        RowWriter { out, encoder: Encoder::new(style), begun: false, sheet: None }
    }

    /// What encodes its rows.
    pub fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Begins a table: one of ours, or one that was made while the program runs.
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

    /// Writes a row of the table that was begun.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn row(&mut self, row: &dyn Row) -> io::Result<()> {
        let encoded = self.encoder.encode(row)?;
        self.put(encoded)
    }

    /// Writes a row of the table that was begun, which was encoded in the same style.
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

    /// Bytes of memory that rows take until they can be written together. A caller that writes many files bounds them by
    /// [`RowWriter::write_waiting`].
    pub fn waiting(&self) -> usize {
        self.sheet.as_ref().map_or(0, |sheet| sheet.waiting())
    }

    /// Writes the rows that [wait](RowWriter::waiting).
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_waiting(&mut self) -> io::Result<()> {
        self.sheet.as_mut().map_or(Ok(()), |sheet| sheet.write_waiting(&mut self.out))
    }

    /// Writes what is known already.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the last table and the output, and gives it back.
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
