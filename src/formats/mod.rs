//! From rows to bytes: text, JSON, NDJSON, CSV, trees. One format a file; no format knows where rows come from.

pub mod checkpointctl;
mod csv;
pub mod decode;
mod escape;
mod grid;
mod hexdump;
mod json;
mod text;
pub mod tree;
pub mod units;

use std::io::{self, Write};

pub use escape::escape;
pub use grid::{Column as GridColumn, Grid};
pub use hexdump::hexdump;
pub use json::pretty;
pub use text::cut;

use crate::tables::{Column, Row, Table};

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// An array of objects; of several tables, an object of arrays.
    Json,
    /// An object a line.
    Ndjson,
    /// RFC 4180.
    Csv,
}

/// Which columns are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All.
    All,
    /// Those that fit a screen.
    Brief,
    /// These, in this order, as far as the table has them.
    Named(Vec<String>),
}

impl Columns {
    /// The columns of a table, with their numbers.
    fn of(&self, table: &Table) -> impl Iterator<Item = (usize, &'static Column)> + use<> {
        let numbers: Vec<usize> = match self {
            Columns::All => (0..table.columns.len()).collect(),
            Columns::Brief => table.brief.iter().filter_map(|name| table.column(name)).collect(),
            Columns::Named(names) => names.iter().filter_map(|name| table.column(name)).collect(),
        };
        let columns = table.columns;
        numbers.into_iter().filter_map(move |number| Some((number, columns.get(number)?)))
    }
}

/// How rows are written.
#[derive(Clone, Debug)]
pub struct Style {
    /// The format.
    pub format: Format,
    /// Which columns.
    pub columns: Columns,
    /// Whether each row tells its table.
    pub name_tables: bool,
    /// Columns of the screen; `None` if there is none.
    pub width: Option<usize>,
}

/// Writes rows of one table after the other.
#[derive(Debug)]
pub struct RowWriter<W: Write> {
    out: W,
    style: Style,
    /// Keys before those of each row, such as the checkpoint's name in an archive of several.
    lead: Vec<(&'static str, String)>,
    state: State,
}

#[derive(Debug)]
enum State {
    Before,
    /// In a table; whether it has rows.
    Table(&'static Table, bool, Option<Grid>),
}

impl<W: Write> RowWriter<W> {
    /// A writer of a style.
    pub fn new(out: W, style: Style) -> Self {
        RowWriter { out, style, lead: Vec::new(), state: State::Before }
    }

    /// Sets a key that comes before those of each row.
    pub fn lead(&mut self, key: &'static str, text: String) {
        self.lead.retain(|(k, _)| *k != key);
        self.lead.push((key, text));
    }

    /// Begins a table.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn begin(&mut self, table: &'static Table) -> io::Result<()> {
        self.end_table()?;
        let first = matches!(self.state, State::Before);
        let mut grid = None;
        match self.style.format {
            Format::Json if self.style.name_tables => {
                let separator = if first { "{" } else { "," };
                write!(self.out, "{separator}\n{:?}: [", table.name)?;
            }
            Format::Json => self.out.write_all(b"[")?,
            Format::Ndjson => {}
            Format::Csv => {
                if !first {
                    self.out.write_all(b"\n")?;
                }
                let names: Vec<&str> = self.style.columns.of(table).map(|(_, column)| column.name).collect();
                let lead = self.lead.iter().map(|(key, _)| *key);
                let table_name = self.style.name_tables.then_some("table");
                write_csv(&mut self.out, table_name.into_iter().chain(lead).chain(names))?;
            }
            Format::Table => {
                if self.style.name_tables {
                    let gap = if first { "" } else { "\n" };
                    writeln!(self.out, "{gap}{}", table.name)?;
                }
                grid = Some(Grid::of_table(table, &self.style.columns));
            }
        }
        self.state = State::Table(table, false, grid);
        Ok(())
    }

    /// Writes a row of the table that was begun.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn row(&mut self, row: &dyn Row) -> io::Result<()> {
        let State::Table(table, has_rows, grid) = &mut self.state else { return Ok(()) };
        let columns = &self.style.columns;
        let table_name = (self.style.name_tables && self.style.format != Format::Json).then_some(("table", table.name));
        let others = self.lead.iter().map(|(key, text)| (*key, text.as_str()));
        let lead: Vec<(&str, &str)> = table_name.into_iter().chain(others).collect();
        match self.style.format {
            Format::Table => {
                if let Some(grid) = grid {
                    grid.add(row, columns);
                }
            }
            Format::Json => {
                self.out.write_all(if *has_rows { b",\n" } else { b"\n" })?;
                json::row(&mut self.out, &lead, row, columns)?;
            }
            Format::Ndjson => {
                json::row(&mut self.out, &lead, row, columns)?;
                self.out.write_all(b"\n")?;
            }
            Format::Csv => {
                let cells = csv::cells(row, columns);
                write_csv(&mut self.out, lead.iter().map(|(_, text)| *text).chain(cells.iter().map(String::as_str)))?;
            }
        }
        *has_rows = true;
        Ok(())
    }

    fn end_table(&mut self) -> io::Result<()> {
        let State::Table(_, has_rows, grid) = &self.state else { return Ok(()) };
        match (self.style.format, grid) {
            (Format::Json, _) => self.out.write_all(if *has_rows { b"\n]" } else { b"]" }),
            (Format::Table, Some(grid)) if !grid.is_empty() => {
                self.out.write_all(grid.render(self.style.width).as_bytes())
            }
            (Format::Table, _) if self.style.name_tables => self.out.write_all(b"(no rows)\n"),
            _ => Ok(()),
        }
    }

    /// Ends the last table and the output.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<()> {
        self.end_table()?;
        if self.style.format == Format::Json {
            self.out.write_all(if self.style.name_tables { b"\n}\n" } else { b"\n" })?;
        }
        self.out.flush()
    }
}

fn write_csv<'a>(out: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().from_writer(out);
    writer.write_record(cells).map_err(io::Error::from)?;
    writer.flush()
}
