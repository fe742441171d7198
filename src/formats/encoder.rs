//! Rows in a format, one by one: made where the row is, written where its turn comes.

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

/// What the cells of a column hold that has no type, unless they are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Nothing yet.
    Null,
    /// Numbers.
    Number,
    /// Hexadecimal: cut, it would be another.
    Address,
    /// Anything else.
    Text,
}

/// A row in a format, without what stands between rows. Made where the row is; written where its turn comes.
#[derive(Clone, Debug)]
pub enum Encoded {
    /// As it is written.
    Bytes(Vec<u8>),
    /// Cells, whose widths the others decide, and what those hold whose columns have no type.
    Cells(Vec<String>, Vec<Content>),
    /// Cells with their types.
    #[cfg(feature = "parquet")]
    Typed(TypedCells),
}

impl Encoded {
    /// Bytes of memory that it takes, about.
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
    /// If the format is one of documents, and the checkpoint of the row is not known.
    pub fn encode(&mut self, row: &dyn Row) -> io::Result<Encoded> {
        let table = row.table();
        let given = self.lead.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        let lead = self.style.lead.iter().zip(given).map(|(key, text)| {
            // A table that has a column of that name knows best.
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
