//! Which columns are written, and how.

use std::borrow::Cow;

use super::Format;
use crate::tables::{Column, Table};

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
    pub(super) fn behind(&self, table: &Table) -> Cow<'_, Columns> {
        if !self.lead.iter().any(|key| table.column(key).is_some()) {
            return Cow::Borrowed(&self.columns);
        }
        let names = self.columns.of(table).map(|(_, column)| column.name.to_string());
        Cow::Owned(Columns::Named(names.filter(|name| !self.lead.contains(name)).collect()))
    }
}
