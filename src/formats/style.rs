//! Selects the columns to write, and how.

use std::borrow::Cow;

use super::Format;
use crate::tables::{Column, Table};

/// Selection of columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// All columns.
    All,
    /// The columns that fit on a screen.
    Brief,
    /// These columns in this order, if the table has them.
    Named(Vec<String>),
}

impl Columns {
    /// The selected columns of a table, with their numbers.
    pub(super) fn of<'t>(&self, table: &'t Table) -> impl Iterator<Item = (usize, &'t Column)> + use<'t> {
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
    /// The selection of columns.
    pub columns: Columns,
    /// Whether each row names its table.
    pub name_tables: bool,
    /// Names of leading columns, such as `archive`. [`Encoder::lead`](super::Encoder::lead) sets their values. If the table has a column with
    /// the same name, its value is used.
    pub lead: Vec<String>,
    /// Width of the screen in columns. `None` without a screen.
    pub width: Option<usize>,
}

impl Style {
    /// The columns of a table after [`Style::lead`].
    pub(super) fn behind(&self, table: &Table) -> Cow<'_, Columns> {
        if !self.lead.iter().any(|key| table.column(key).is_some()) {
            return Cow::Borrowed(&self.columns);
        }
        let names = self.columns.of(table).map(|(_, column)| column.name.to_string());
        Cow::Owned(Columns::Named(names.filter(|name| !self.lead.contains(name)).collect()))
    }
}
