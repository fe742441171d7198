//! Rows as Apache Parquet, one table per file, for engines that query many archives at once (`DuckDB`, Spark,
//! `ClickHouse`, Athena).
//!
//! Booleans, numbers and times have Parquet's types, with times in microseconds of UTC. Lists are lists. Other values
//! are the text of our JSON, and objects are JSON. Rows have an additional column, `_hex`: an object with what the
//! columns lost, in hexadecimal. See `docs/parquet.md`.

mod cell;
mod column;
mod file;
mod texts;

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{Type as Schema, TypePtr};

pub use self::cell::Cells;

use self::cell::Cell;
use self::column::Column;
use self::file::File;
use super::encoder::Encoded;
use super::format::{Encode, Head, Kind as Rules, Line, Sheet};
use super::kind::{HEX, Kind, Scalar};
use super::style::{Columns, Style};
use crate::tables::{Table, Value};

/// Maximum number of rows that are written together.
const ROWS: usize = 1 << 20;
/// Approximate memory that a table's rows use until they are written, in bytes.
const BYTES: usize = 16 << 20;
/// The column by which rows may be sorted.
const SORTED_BY: &str = "archive";
/// Digits of the largest unsigned number of 64 bits.
const LARGE_DIGITS: i32 = 20;
/// Bytes needed for that number of digits.
const LARGE_BYTES: usize = 9;

/// Apache Parquet.
pub(super) struct Parquet;

impl Encode for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn doc(&self) -> &'static str {
        "Apache Parquet, one table per file"
    }

    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn kind(&self) -> Rules {
        Rules::OneTable
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let lead: Vec<(&str, Value<'_>)> = line.named_lead().collect();
        Ok(Encoded::Typed(Cells::of(&lead, line.row, &line.behind)))
    }

    fn begin(&self, head: &Head<'_>, _: &mut dyn Write) -> io::Result<Box<dyn Sheet>> {
        Ok(Box::new(Writer::new(head.table, &head.behind, head.named_lead())?))
    }
}

impl Sheet for Writer {
    fn put(&mut self, row: Encoded, out: &mut dyn Write) -> io::Result<()> {
        match row {
            Encoded::Typed(cells) => self.take(&cells, out),
            _ => Ok(()),
        }
    }

    fn end(self: Box<Self>, _: &Style, out: &mut dyn Write) -> io::Result<()> {
        self.finish(out)
    }

    fn waiting(&self) -> usize {
        self.size()
    }

    fn write_waiting(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.write_group(out)
    }
}

/// The schema of a file with named columns.
pub(super) fn schema_of<'n>(
    table: &str,
    columns: impl Iterator<Item = (&'n str, Kind)>,
) -> Result<TypePtr, ParquetError> {
    let fields = columns.map(|(name, kind)| field(name, kind)).collect::<Result<_, _>>()?;
    Schema::group_type_builder(table).with_fields(fields).build().map(Arc::new)
}

fn field(name: &str, kind: Kind) -> Result<TypePtr, ParquetError> {
    if !kind.list {
        return value(name, kind.scalar);
    }
    let list = Schema::group_type_builder("list").with_repetition(Repetition::REPEATED);
    let list = list.with_fields(vec![value("element", kind.scalar)?]).build().map(Arc::new)?;
    let outer = Schema::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
    outer.with_logical_type(Some(LogicalType::List)).with_fields(vec![list]).build().map(Arc::new)
}

fn value(name: &str, scalar: Scalar) -> Result<TypePtr, ParquetError> {
    let of = |physical, logical| Schema::primitive_type_builder(name, physical).with_logical_type(logical);
    let builder = match scalar {
        Scalar::Bool => of(Physical::BOOLEAN, None),
        Scalar::Number => of(Physical::INT64, Some(LogicalType::integer(64, true))),
        Scalar::Large => of(Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(0, LARGE_DIGITS)))
            .with_length(i32::try_from(LARGE_BYTES).unwrap_or(i32::MAX))
            .with_precision(LARGE_DIGITS)
            .with_scale(0),
        Scalar::Time => of(Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Scalar::Text => of(Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    builder.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
}

/// Writes a file of one table.
struct Writer {
    file: File,
    columns: Vec<Column>,
    /// Number of waiting rows.
    rows: usize,
    order: Order,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates a file for columns of a table, after those of some keys.
    fn new<'k>(table: &Table, columns: &Columns, lead: impl Iterator<Item = &'k str>) -> io::Result<Self> {
        let lead: Vec<&str> = lead.collect();
        let own = columns.of(table).map(|(_, column)| (&*column.name, Kind::of(column)));
        let all = lead.iter().map(|key| (*key, Kind::TEXT)).chain(own).chain([(HEX, Kind::TEXT)]);
        let all: Vec<(&str, Kind)> = all.collect();
        let sorted_by = lead.iter().position(|key| *key == SORTED_BY);
        let schema = schema_of(&table.name, all.iter().copied()).map_err(failed)?;
        let file = File::new(schema, sorted_by)?;
        let columns = all.into_iter().map(|(_, kind)| Column::new(kind)).collect();
        Ok(Writer { file, columns, rows: 0, order: Order::by(sorted_by) })
    }

    /// Takes a row. Writes the waiting rows if there are many.
    fn take(&mut self, row: &Cells, out: &mut dyn Write) -> io::Result<()> {
        self.order.see(row);
        for (column, cell) in self.columns.iter_mut().zip(&row.0) {
            if !column.push(cell) {
                let message = "a cell is larger than 1 GiB, the limit of Parquet; write this table as ndjson";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        self.rows = self.rows.saturating_add(1);
        if self.rows < ROWS && self.size() < BYTES {
            return Ok(());
        }
        self.write_group(out)
    }

    /// Memory used by the waiting rows, in bytes.
    fn size(&self) -> usize {
        self.columns.iter().map(Column::size).fold(0, usize::saturating_add)
    }

    /// Writes the waiting rows as a group.
    fn write_group(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows > 0 {
            self.rows = 0;
            self.file.group(&mut self.columns, self.order.next_group()).map_err(failed)?;
        }
        out.write_all(&self.file.take()?)
    }

    /// Completes the file.
    fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.write_group(out)?;
        out.write_all(&self.file.finish().map_err(failed)?)
    }
}

/// Tracks whether the rows of a group are sorted by a column.
struct Order {
    /// Number of the column.
    by: Option<usize>,
    last: Option<String>,
    rises: bool,
}

impl Order {
    fn by(column: Option<usize>) -> Self {
        Order { by: column, last: None, rises: column.is_some() }
    }

    fn see(&mut self, row: &Cells) {
        let Some(cell) = self.by.and_then(|by| row.0.get(by)) else { return };
        let Cell::Text(text) = cell else {
            self.rises = false;
            return;
        };
        if self.last.as_ref() == Some(text) {
            return;
        }
        self.rises &= self.last.as_ref().is_none_or(|last| last < text);
        self.last = Some(text.clone());
    }

    /// Returns the result for the current group, and begins the next.
    fn next_group(&mut self) -> bool {
        let rose = self.rises;
        *self = Order::by(self.by);
        rose
    }
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
