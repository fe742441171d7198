//! Writes the rows of one table, from one checkpoint after another.

use std::io;

use cryoscope::formats::{Columns, RowWriter, Style};
use cryoscope::tables::Table;

use super::super::args::{DocumentArgs, MemparseArgs};
use super::super::lead::Lead;
use super::super::rows::{One, origin};
use super::super::screen::Screen;
use super::super::{Failure, Outcome};
use crate::cli::exit::Exit;

/// The rows of a table. Nothing is written before the first archive is open.
pub(super) struct Rows<'a> {
    screen: Option<Screen>,
    writer: Option<RowWriter<Screen>>,
    table: &'static Table,
    style: Style,
    documents: &'a DocumentArgs,
}

impl<'a> Rows<'a> {
    /// Rows of a table, with the archive's name if there are `several`.
    pub(super) fn new(
        screen: Screen,
        table: &'static Table,
        columns: Columns,
        args: &'a MemparseArgs,
        lead: &Lead<'_>,
        several: bool,
    ) -> Self {
        let format = args.format.format();
        let (lead, width) = (lead.names(format, several), screen.width);
        let style = Style { format, columns, name_tables: false, lead, width };
        Rows { screen: Some(screen), writer: None, table, style, documents: &args.documents }
    }

    /// Chooses other columns, before the first row.
    pub(super) fn choose(&mut self, columns: Columns) {
        self.style.columns = columns;
    }

    /// Whether rows have been written.
    pub(super) fn has_begun(&self) -> bool {
        self.writer.is_some()
    }

    /// The writer for the rows of a checkpoint.
    pub(super) fn of(&mut self, one: &One<'_>) -> Result<&mut RowWriter<Screen>, Failure> {
        let origin = origin(one.checkpoint, self.style.format, &one.id, &one.lead, self.documents)?;
        let lead = one.lead.values(&self.style.lead, &one.id, one.checkpoint);
        self.begin()?;
        let Some(writer) = &mut self.writer else { return Err(gone()) };
        writer.encoder().lead(lead);
        if let Some(origin) = origin {
            writer.encoder().origin(origin);
        }
        Ok(writer)
    }

    /// Writes all pending rows, so that warnings come after them.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), RowWriter::flush)
    }

    /// Ends the table.
    pub(super) fn finish(mut self) -> Outcome {
        self.begin()?;
        let Some(writer) = self.writer else { return Err(gone()) };
        writer.finish()?.finish(Exit::Done)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        if let Some(screen) = self.screen.take() {
            self.writer.insert(RowWriter::new(screen, self.style.clone())).begin(self.table)?;
        }
        Ok(())
    }
}

fn gone() -> Failure {
    Failure::Output(io::ErrorKind::NotConnected.into())
}
