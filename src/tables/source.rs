//! Sources of rows.

use std::fmt;

use super::{Sink, Table};
use crate::Checkpoint;
use crate::memory::Keep;

/// A table and the function that makes its rows.
#[derive(Clone, Copy)]
pub struct TableSource {
    /// The table.
    pub table: &'static Table,
    /// What must be kept for its rows when the archive is read as a stream.
    pub keep: Keep,
    pub(super) each: fn(Context<'_>, &mut Sink<'_>),
}

/// The data that rows are made from. [`From`] a checkpoint gives just that; tables that need more will find it here.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Context<'c> {
    /// The checkpoint.
    pub checkpoint: &'c Checkpoint,
}

impl<'c> From<&'c Checkpoint> for Context<'c> {
    fn from(checkpoint: &'c Checkpoint) -> Self {
        Context { checkpoint }
    }
}

impl fmt::Debug for TableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableSource").field(&self.table.name).finish()
    }
}

impl TableSource {
    /// Creates a source.
    pub(crate) const fn new(table: &'static Table, keep: Keep, each: fn(Context<'_>, &mut Sink<'_>)) -> Self {
        TableSource { table, keep, each }
    }

    /// Passes the table's rows to a sink, in the table's order.
    pub fn each<'c>(&self, context: impl Into<Context<'c>>, sink: &mut Sink<'_>) {
        (self.each)(context.into(), sink);
    }
}
