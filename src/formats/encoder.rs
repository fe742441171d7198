//! Encodes rows one by one: where the row is made. They are written in their turn.

use std::io;
use std::sync::Arc;

use bstr::BString;

#[cfg(feature = "parquet")]
use super::TypedCells;
use super::format::Line;
use super::origin::Ids;
use super::withheld::Withheld;
use super::{Origin, Style};
use crate::tables::{Row, Value};

/// Contents of a column without a type, except for nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Nothing so far.
    Null,
    /// Numbers.
    Number,
    /// Hexadecimal numbers. They must not be truncated.
    Address,
    /// Anything else.
    Text,
}

/// An encoded row, without separators. Made where the row is; written in its turn.
#[derive(Clone, Debug)]
pub enum Encoded {
    /// Bytes to write.
    Bytes(Vec<u8>),
    /// Cells, whose widths depend on all rows, and the contents of cells in columns without a type.
    Cells(Vec<String>, Vec<Content>),
    /// Typed cells.
    #[cfg(feature = "parquet")]
    Typed(TypedCells),
}

impl Encoded {
    /// Approximate size in memory, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Encoded::Bytes(bytes) => bytes.len(),
            Encoded::Cells(cells, _) => cells.iter().map(|cell| cell.len().saturating_add(size_of::<String>())).sum(),
            #[cfg(feature = "parquet")]
            Encoded::Typed(cells) => cells.len(),
        }
    }

    /// Gives spare memory back, for rows that are kept for long.
    pub fn shrink(&mut self) {
        match self {
            Encoded::Bytes(bytes) => bytes.shrink_to_fit(),
            Encoded::Cells(cells, _) => {
                cells.iter_mut().for_each(String::shrink_to_fit);
                cells.shrink_to_fit();
            }
            #[cfg(feature = "parquet")]
            Encoded::Typed(_) => {}
        }
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Encodes the rows of one checkpoint.
#[derive(Debug)]
pub struct Encoder {
    style: Style,
    /// Values of the leading columns.
    lead: Vec<Option<BString>>,
    origin: Option<Arc<Origin>>,
    ids: Ids,
}

impl Encoder {
    /// Creates an encoder for a style.
    pub fn new(style: Style) -> Self {
        Encoder { style, lead: Vec::new(), origin: None, ids: Ids::default() }
    }

    /// Sets the values of the columns of [`Style::lead`] for the next rows, in order. Missing values are null.
    pub fn lead(&mut self, values: Vec<Option<BString>>) {
        self.lead = values;
    }

    /// Sets the checkpoint of the next rows. Documents need it.
    pub fn origin(&mut self, origin: Arc<Origin>) {
        self.origin = Some(origin);
        self.ids = Ids::default();
    }

    /// Encodes a row.
    ///
    /// # Errors
    ///
    /// If the format writes documents and the checkpoint of the row is not set.
    pub fn encode(&mut self, row: &dyn Row) -> io::Result<Encoded> {
        let table = row.table();
        let given = self.lead.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let lead = self.style.lead.iter().zip(given).map(|(key, text)| {
            // A column of the table with the same name has precedence.
            let own = table.column(key).map(|number| row.value(number));
            let given = || text.map_or(Value::Null, |text| Value::Bytes((&**text).into()));
            (key.as_str(), own.unwrap_or_else(given))
        });
        let lead: Vec<(&str, Value<'_>)> = lead.collect();
        let format = self.style.format;
        let origin = self.origin.as_deref().filter(|_| format.needs_origin());
        let origin = origin.map(|origin| (origin, self.ids.next(row, origin)));
        let withheld = Withheld(row);
        let tells_all = origin.as_ref().is_none_or(|(origin, _)| origin.secrets);
        format.rules().encode(&Line {
            row: if tells_all { row } else { &withheld },
            behind: self.style.behind(table),
            columns: &self.style.columns,
            table_name: self.style.name_tables.then_some(&*table.name),
            lead,
            origin,
        })
    }

    pub(super) fn style(&self) -> &Style {
        &self.style
    }
}
