//! From rows to bytes: text, JSON, NDJSON, CSV, trees, documents for SIEMs. One format a file; no format knows where rows
//! come from.

mod bulk;
mod community_id;
mod csv;
pub mod decode;
mod document;
mod ecs;
mod escape;
mod grid;
mod hec;
mod hexdump;
mod json;
mod kind;
mod known;
mod ocsf;
mod origin;
#[cfg(feature = "parquet")]
mod parquet;
mod results;
mod schema;
mod template;
mod text;
mod timesketch;
pub mod tree;
pub mod units;
mod withheld;

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

pub use bulk::{BadIndex, BulkAction, Index};
pub use escape::escape;
pub use grid::{Column as GridColumn, Grid};
pub use hexdump::hexdump;
pub use json::pretty;
#[cfg(feature = "query")]
pub(crate) use json::to_text as json_of;
pub use origin::Origin;
#[cfg(feature = "parquet")]
pub use parquet::Cells as TypedCells;
pub use results::{ResultFormat, ResultWriter};
pub use schema::{SchemaForm, schema_in};
pub use template::{SearchEngine, index_template};
pub use text::{cut, wrapped};

use bstr::BString;
use serde_json::{Map, Value as Json};

use self::origin::Ids;
use self::withheld::Withheld;
use crate::tables::{Column, Row, Table, Value};

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
    /// Documents of the Elastic Common Schema, one a line.
    Ecs,
    /// Events of the Open Cybersecurity Schema Framework, one a line.
    Ocsf,
    /// Events for Timesketch, one a line.
    Timesketch,
    /// ECS documents for `_bulk` of Elasticsearch and OpenSearch.
    Bulk(BulkAction),
    /// Events for Splunk's HTTP Event Collector, one a line.
    Hec,
    /// Apache Parquet: one table a file.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// Whether all rows of a table stand together, whichever checkpoints they are from. Of other formats, each row stands
    /// for itself.
    pub fn is_by_table(self) -> bool {
        matches!(self, Format::Table | Format::Json | Format::Csv) || self.is_one_table()
    }

    /// Whether an output has one table and no more. It is no text, either.
    pub fn is_one_table(self) -> bool {
        #[cfg(feature = "parquet")]
        return self == Format::Parquet;
        #[cfg(not(feature = "parquet"))]
        false
    }

    /// Whether rows are documents, which say what checkpoint they are from.
    pub fn needs_origin(self) -> bool {
        !self.is_by_table() && self != Format::Ndjson
    }

    /// Whether a document has to have a time.
    pub fn needs_time(self) -> bool {
        self.needs_origin() && self != Format::Hec
    }
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
    fn of<'t>(&self, table: &'t Table) -> impl Iterator<Item = (usize, &'t Column)> + use<'t> {
        let numbers: Vec<usize> = match self {
            Columns::All => (0..table.columns.len()).collect(),
            Columns::Brief => table.brief.iter().filter_map(|name| table.column(name)).collect(),
            Columns::Named(names) => names.iter().filter_map(|name| table.column(name)).collect(),
        };
        let columns = &*table.columns;
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
    /// Names of columns before those of each row, such as `archive`: [`Encoder::lead`] sets what they have. A table that has a
    /// column of that name has its own there.
    pub lead: Vec<String>,
    /// Columns of the screen; `None` if there is none.
    pub width: Option<usize>,
}

impl Style {
    /// The columns of a table that come behind [`Style::lead`].
    fn behind(&self, table: &Table) -> Cow<'_, Columns> {
        if !self.lead.iter().any(|key| table.column(key).is_some()) {
            return Cow::Borrowed(&self.columns);
        }
        let names = self.columns.of(table).map(|(_, column)| column.name.to_string());
        Cow::Owned(Columns::Named(names.filter(|name| !self.lead.contains(name)).collect()))
    }
}

/// A row in a format, without what stands between rows. Made where the row is; written where its turn comes.
#[derive(Clone, Debug)]
pub enum Encoded {
    /// As it is written.
    Bytes(Vec<u8>),
    /// Cells, whose widths the others decide.
    Cells(Vec<String>),
    /// Cells with their types.
    #[cfg(feature = "parquet")]
    Typed(TypedCells),
}

impl Encoded {
    /// Bytes of memory that it takes, about.
    pub fn len(&self) -> usize {
        match self {
            Encoded::Bytes(bytes) => bytes.len(),
            Encoded::Cells(cells) => cells.iter().map(String::len).sum(),
            #[cfg(feature = "parquet")]
            Encoded::Typed(cells) => cells.len(),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Encodes the rows of one checkpoint.
#[derive(Debug)]
pub struct Encoder {
    style: Style,
    /// What the columns before those of each row have.
    lead: Vec<Option<BString>>,
    origin: Option<Arc<Origin>>,
    ids: Ids,
}

impl Encoder {
    /// An encoder of a style.
    pub fn new(style: Style) -> Self {
        Encoder { style, lead: Vec::new(), origin: None, ids: Ids::default() }
    }

    /// Sets what the columns of [`Style::lead`] have in the next rows, in their order; those without a value are null.
    pub fn lead(&mut self, values: Vec<Option<BString>>) {
        self.lead = values;
    }

    /// Sets the checkpoint that the next rows are from. Documents need it.
    pub fn origin(&mut self, origin: Arc<Origin>) {
        self.origin = Some(origin);
        self.ids = Ids::default();
    }

    /// A row.
    ///
    /// # Errors
    ///
    /// If the format is one of documents, and nobody said what checkpoint the row is from.
    pub fn encode(&mut self, row: &dyn Row) -> io::Result<Encoded> {
        let (columns, format) = (&self.style.columns, self.style.format);
        let table = row.table();
        let table_name = (self.style.name_tables && format != Format::Json).then_some(("table", &*table.name));
        let table_name = table_name.map(|(key, name)| (key, Value::Text(name.into())));
        let given = self.lead.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let others = self.style.lead.iter().zip(given).map(|(key, text)| {
            // A table that has a column of that name knows best.
            let own = table.column(key).map(|number| row.value(number));
            let given = || text.map_or(Value::Null, |text| Value::Bytes((&**text).into()));
            (key.as_str(), own.unwrap_or_else(given))
        });
        let lead: Vec<(&str, Value<'_>)> = table_name.into_iter().chain(others).collect();
        let mut out = Vec::new();
        if format.needs_origin() {
            let origin = self.origin.as_deref();
            let missing = || io::Error::new(io::ErrorKind::InvalidInput, "documents need to know their checkpoint");
            let origin = origin.ok_or_else(missing)?;
            let id = self.ids.next(row, origin);
            let withheld = Withheld(row);
            let row: &dyn Row = if origin.secrets { row } else { &withheld };
            match format {
                Format::Ecs => line(&mut out, ecs::document(row, columns, origin, &id)),
                Format::Bulk(action) => {
                    bulk::action(&mut out, action, &origin.index, &table.name, &id)?;
                    line(&mut out, ecs::document(row, columns, origin, &id));
                }
                Format::Ocsf => line(&mut out, ocsf::event(row, columns, origin, &id)),
                Format::Timesketch => {
                    for event in timesketch::events(row, columns, origin, &id) {
                        line(&mut out, event);
                    }
                }
                _ => hec::event(&mut out, row, &self.style.behind(table), &lead, origin, &id)?,
            }
            return Ok(Encoded::Bytes(out));
        }
        match format {
            Format::Table => {
                let lead = lead.iter().filter(|(key, _)| *key != "table").map(|(_, value)| value);
                return Ok(Encoded::Cells(grid::cells(lead, row, &self.style.behind(table))));
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => return Ok(Encoded::Typed(TypedCells::of(&lead, row, &self.style.behind(table)))),
            Format::Csv => {
                let cells: Vec<String> = lead
                    .iter()
                    .map(|(_, value)| csv::cell(value))
                    .chain(csv::cells(row, &self.style.behind(table)))
                    .collect();
                write_csv(&mut out, cells.iter().map(String::as_str))?;
            }
            _ => {
                json::row(&mut out, &lead, row, &self.style.behind(table))?;
                if format == Format::Ndjson {
                    out.push(b'\n');
                }
            }
        }
        Ok(Encoded::Bytes(out))
    }
}

/// Writes a document as a line.
fn line(out: &mut Vec<u8>, document: Map<String, Json>) {
    out.extend_from_slice(json::harmless(Json::Object(document).to_string()).as_bytes());
    out.push(b'\n');
}

/// Writes rows of one table after the other.
#[derive(Debug)]
pub struct RowWriter<W: Write> {
    out: W,
    encoder: Encoder,
    state: State,
}

#[derive(Debug)]
enum State {
    Before,
    /// In a table; whether it has rows.
    Table(bool, Sheet),
}

/// What holds rows of a table back.
#[derive(Debug)]
enum Sheet {
    /// Nothing does.
    Open,
    /// The widths of its columns.
    Grid(Grid),
    /// Columns that are written one by one.
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Writer>),
}

impl<W: Write> RowWriter<W> {
    /// A writer of a style.
    pub fn new(out: W, style: Style) -> Self {
        RowWriter { out, encoder: Encoder::new(style), state: State::Before }
    }

    /// What encodes its rows.
    pub fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Begins a table.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn begin(&mut self, table: &Table) -> io::Result<()> {
        self.end_table()?;
        let first = matches!(self.state, State::Before);
        let style = &self.encoder.style;
        let columns = style.behind(table);
        let names = || columns.of(table).map(|(_, column)| &*column.name);
        let own = || style.lead.iter().map(String::as_str);
        let lead = || style.name_tables.then_some("table").into_iter().chain(own());
        let mut sheet = Sheet::Open;
        match style.format {
            Format::Json if style.name_tables => {
                let separator = if first { "{" } else { "," };
                write!(self.out, "{separator}\n{:?}: [", table.name)?;
            }
            Format::Json => self.out.write_all(b"[")?,
            Format::Csv => {
                if !first {
                    self.out.write_all(b"\n")?;
                }
                write_csv(&mut self.out, lead().chain(names()))?;
            }
            Format::Table => {
                if style.name_tables {
                    let gap = if first { "" } else { "\n" };
                    writeln!(self.out, "{gap}{}", table.name)?;
                }
                sheet = Sheet::Grid(Grid::of_table(own(), table, &columns));
            }
            #[cfg(feature = "parquet")]
            Format::Parquet => sheet = Sheet::Parquet(Box::new(parquet::Writer::new(table, &columns, lead())?)),
            _ => {}
        }
        self.state = State::Table(false, sheet);
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
        let State::Table(has_rows, sheet) = &mut self.state else { return Ok(()) };
        match (row, sheet) {
            (Encoded::Cells(cells), Sheet::Grid(grid)) => grid.push(cells),
            (Encoded::Cells(_), _) => {}
            #[cfg(feature = "parquet")]
            (Encoded::Typed(cells), Sheet::Parquet(file)) => file.put(&cells, &mut self.out)?,
            #[cfg(feature = "parquet")]
            (Encoded::Typed(_), _) => {}
            (Encoded::Bytes(bytes), _) => {
                if self.encoder.style.format == Format::Json {
                    self.out.write_all(if *has_rows { b",\n" } else { b"\n" })?;
                }
                self.out.write_all(&bytes)?;
            }
        }
        *has_rows = true;
        Ok(())
    }

    fn end_table(&mut self) -> io::Result<()> {
        let State::Table(has_rows, sheet) = std::mem::replace(&mut self.state, State::Table(false, Sheet::Open)) else {
            self.state = State::Before;
            return Ok(());
        };
        let style = &self.encoder.style;
        match (style.format, sheet) {
            (Format::Json, _) => self.out.write_all(if has_rows { b"\n]" } else { b"]" }),
            (Format::Table, Sheet::Grid(grid)) if !grid.is_empty() => {
                self.out.write_all(grid.render(style.width).as_bytes())
            }
            (Format::Table, _) if style.name_tables => self.out.write_all(b"(no rows)\n"),
            #[cfg(feature = "parquet")]
            (_, Sheet::Parquet(file)) => file.finish(&mut self.out),
            _ => Ok(()),
        }
    }

    /// Bytes of memory that rows take until they can be written together. Who writes many files bounds them by
    /// [`RowWriter::write_waiting`].
    pub fn waiting(&self) -> usize {
        match &self.state {
            #[cfg(feature = "parquet")]
            State::Table(_, Sheet::Parquet(file)) => file.waiting(),
            _ => 0,
        }
    }

    /// Writes the rows that [wait](RowWriter::waiting).
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn write_waiting(&mut self) -> io::Result<()> {
        match &mut self.state {
            #[cfg(feature = "parquet")]
            State::Table(_, Sheet::Parquet(file)) => file.write_waiting(&mut self.out),
            _ => Ok(()),
        }
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
        let style = &self.encoder.style;
        if style.format == Format::Json {
            self.out.write_all(if style.name_tables { b"\n}\n" } else { b"\n" })?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

fn write_csv<'a>(out: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().from_writer(out);
    writer.write_record(cells).map_err(io::Error::from)?;
    writer.flush()
}
