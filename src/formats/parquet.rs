//! Rows as Apache Parquet, one table a file, for engines that ask many archives at once (`DuckDB`, Spark, `ClickHouse`,
//! Athena).
//!
//! Switches, numbers and times have Parquet's types, times in microseconds of UTC; what else is text in our JSON is text
//! here, lists and objects are JSON. Rows have one more column, `_hex`: an object with the bytes of those columns whose text
//! lost some, in hexadecimal.

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::Type as Schema;

use super::{Columns, document, json};
use crate::tables::{Column, Row, Table, Type, Value};

/// Rows that are written together, at most.
const ROWS: usize = 1 << 16;
/// Bytes of text that are written together, about.
const BYTES: usize = 16 << 20;
/// The column of bytes that text loses.
const HEX: &str = "_hex";

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    /// The bits of a number, or microseconds.
    Number(i64),
    Text(String),
}

/// The cells of a row.
#[derive(Clone, Debug)]
pub struct Cells(Vec<Cell>);

impl Cells {
    /// Of a row, behind some keys.
    pub(super) fn of(lead: &[(&str, Value<'_>)], row: &dyn Row, columns: &Columns) -> Self {
        let mut cells = Vec::new();
        let mut hex = Vec::new();
        for (key, value) in lead {
            hex.extend(lost(key, value));
            cells.push(cell(false, value));
        }
        for (number, column) in columns.of(row.table()) {
            let value = row.value(number);
            hex.extend(lost(column.name, &value));
            cells.push(cell(column.wide, &value));
        }
        let hex = serde_json::Map::from_iter(hex);
        let text = || json::to_text(&Value::Json(&serde_json::Value::Object(hex.clone())));
        cells.push(if hex.is_empty() { Cell::Null } else { Cell::Text(text()) });
        Cells(cells)
    }

    /// Bytes of memory that they take, about.
    pub(super) fn len(&self) -> usize {
        let texts = self.0.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 8 });
        texts.fold(0, usize::saturating_add)
    }
}

/// The bytes that the text of a column loses, under its name.
fn lost(name: &str, value: &Value<'_>) -> Option<(String, serde_json::Value)> {
    let key = format!("{name}_hex");
    let (_, bytes) = document::entries(name, value).into_iter().find(|(other, _)| *other == key)?;
    Some((name.to_owned(), bytes))
}

fn cell(wide: bool, value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(on) => Cell::Bool(*on),
        Value::Integer(number) if wide => u64::try_from(*number).map_or(Cell::Null, |n| Cell::Number(n.cast_signed())),
        Value::Integer(number) => i64::try_from(*number).map_or(Cell::Null, Cell::Number),
        Value::Time(time) => Cell::Number(time.as_microsecond()),
        Value::Text(text) => Cell::Text(text.clone().into_owned()),
        Value::Bytes(bytes) => Cell::Text(document::text_of(bytes).into_owned()),
        Value::Address(address) => Cell::Text(format!("{address:#x}")),
        Value::Mask(mask) => Cell::Text(format!("{mask:016x}")),
        Value::List(_) | Value::Object(_) | Value::Json(_) => Cell::Text(json::to_text(value)),
    }
}

/// What a column is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Signed,
    Unsigned,
    Time,
    Text,
    Json,
}

impl Kind {
    fn of(column: &Column) -> Self {
        match column.column_type {
            Type::Bool => Kind::Bool,
            Type::Integer if column.wide => Kind::Unsigned,
            Type::Integer => Kind::Signed,
            Type::Time => Kind::Time,
            Type::Text | Type::Address | Type::Mask => Kind::Text,
            Type::List | Type::Object => Kind::Json,
        }
    }

    fn schema(self, name: &str) -> Result<Arc<Schema>, ParquetError> {
        let (physical, logical) = match self {
            Kind::Bool => (Physical::BOOLEAN, None),
            Kind::Signed => (Physical::INT64, Some(LogicalType::integer(64, true))),
            Kind::Unsigned => (Physical::INT64, Some(LogicalType::integer(64, false))),
            Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        };
        let builder = Schema::primitive_type_builder(name, physical).with_logical_type(logical);
        builder.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    }
}

/// Writes a file of one table.
pub(super) struct Writer {
    file: SerializedFileWriter<Vec<u8>>,
    kinds: Vec<Kind>,
    waiting: Vec<Cells>,
    bytes: usize,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Writer {
    /// A file for some columns of a table, behind those of some keys.
    pub(super) fn new<'k>(table: &Table, columns: &Columns, lead: impl Iterator<Item = &'k str>) -> io::Result<Self> {
        let columns: Vec<&Column> = columns.of(table).map(|(_, column)| column).collect();
        let named = lead.map(|key| (key, Kind::Text));
        let named: Vec<(&str, Kind)> =
            named.chain(columns.iter().map(|c| (c.name, Kind::of(c)))).chain([(HEX, Kind::Json)]).collect();
        let fields = named.iter().map(|(name, kind)| kind.schema(name)).collect::<Result<_, _>>().map_err(failed)?;
        let schema = Schema::group_type_builder(table.name).with_fields(fields).build().map_err(failed)?;
        let creator = format!("cryoscope version {}", env!("CARGO_PKG_VERSION"));
        let properties = WriterProperties::builder()
            .set_compression(::parquet::basic::Compression::SNAPPY)
            .set_created_by(creator)
            .build();
        let file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let kinds = named.into_iter().map(|(_, kind)| kind).collect();
        Ok(Writer { file, kinds, waiting: Vec::new(), bytes: 0 })
    }

    /// Takes a row; writes those that wait if they are many.
    pub(super) fn put(&mut self, row: Cells, out: &mut dyn Write) -> io::Result<()> {
        self.bytes = self.bytes.saturating_add(row.len());
        self.waiting.push(row);
        if self.waiting.len() < ROWS && self.bytes < BYTES {
            return Ok(());
        }
        self.group().map_err(failed)?;
        self.drain(out)
    }

    /// Ends the file.
    pub(super) fn finish(mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.group().map_err(failed)?;
        }
        self.file.finish().map_err(failed)?;
        self.drain(out)
    }

    /// Hands on what was written; only what is to come is kept.
    fn drain(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.file.flush()?;
        out.write_all(&std::mem::take(self.file.inner_mut()))
    }

    /// Writes the rows that wait.
    fn group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let mut group = self.file.next_row_group()?;
        for (number, kind) in self.kinds.iter().enumerate() {
            let Some(mut column) = group.next_column()? else { break };
            write(&mut column, *kind, rows.iter().filter_map(|row| row.0.get(number)))?;
            column.close()?;
        }
        group.close().map(drop)
    }
}

/// Writes a column of some rows: what is there, and of which rows.
fn write<'c>(
    column: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    cells: impl Iterator<Item = &'c Cell> + Clone,
) -> Result<(), ParquetError> {
    let there: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Null)).collect();
    let there = Some(there.as_slice());
    match kind {
        Kind::Bool => {
            let values: Vec<bool> =
                cells.filter_map(|c| if let Cell::Bool(on) = c { Some(*on) } else { None }).collect();
            column.typed::<BoolType>().write_batch(&values, there, None)?;
        }
        Kind::Signed | Kind::Unsigned | Kind::Time => {
            let values: Vec<i64> =
                cells.filter_map(|c| if let Cell::Number(n) = c { Some(*n) } else { None }).collect();
            column.typed::<Int64Type>().write_batch(&values, there, None)?;
        }
        Kind::Text | Kind::Json => {
            let text =
                |cell: &Cell| if let Cell::Text(text) = cell { Some(ByteArray::from(text.as_str())) } else { None };
            let values: Vec<ByteArray> = cells.filter_map(text).collect();
            column.typed::<ByteArrayType>().write_batch(&values, there, None)?;
        }
    }
    Ok(())
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
