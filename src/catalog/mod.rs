//! The catalog: all tables, those of a checkpoint and those of its analysis, with their columns and their schema.

mod columns;
mod schema;

pub use self::columns::{ColumnRow, columns_of, on_one_line};
pub use self::schema::{SCHEMA_VERSION, schema};
use crate::analysis;
use crate::tables::{self, ASKED, Rows, Sink, Summary, Table, TableSource};

/// All tables, in the order in which they are documented. Those of the analysis come last.
pub fn all() -> impl Iterator<Item = &'static TableSource> + Clone {
    tables::ALL.iter().chain(analysis::tables::ALL)
}

/// The table with a name.
pub fn find(name: &str) -> Option<&'static TableSource> {
    all().find(|source| source.table.name == name)
}

/// All tables whose rows are printed by any command.
pub fn every() -> impl Iterator<Item = &'static Table> + Clone {
    all().map(|source| source.table).chain(ASKED.iter().copied()).chain([&Summary::TABLE])
}

impl Rows<'_> {
    /// Passes the rows of a table, given by name, to a sink in the table's order. Returns `None` if there is no such
    /// table.
    ///
    /// ```
    /// # fn main() -> Result<(), cryoscope::Error> {
    /// use std::ops::ControlFlow;
    ///
    /// let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
    /// let mut count = 0;
    /// let found = checkpoint.rows().table("mounts", &mut |_| {
    ///     count += 1;
    ///     ControlFlow::Continue(())
    /// });
    /// assert!(found.is_some() && count > 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn table(self, name: &str, sink: &mut Sink<'_>) -> Option<()> {
        find(name).map(|source| source.each(self.checkpoint, sink))
    }
}
