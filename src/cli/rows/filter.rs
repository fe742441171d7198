//! Filters of rows, by process.

use std::collections::HashSet;

use cryoscope::tables::{Row, Table, Value};

/// Selects the rows to write.
pub(crate) trait Filter {
    /// Whether a row of a checkpoint is written.
    fn wants(&self, row: &dyn Row) -> bool;
}

/// Writes all rows.
pub(crate) struct All;

impl Filter for All {
    fn wants(&self, _: &dyn Row) -> bool {
        true
    }
}

/// The process that a row is about.
pub(crate) fn pid_of(row: &dyn Row) -> Option<u32> {
    match row.value(row.table().column("pid")?) {
        Value::Integer(pid) => u32::try_from(pid).ok(),
        _ => None,
    }
}

/// Columns that list the processes that hold the object of the row.
const HOLDERS: [&str; 4] = ["holders", "open_by", "readers", "writers"];

/// Rows about some processes, or about objects that they hold.
pub(crate) struct OfProcesses(pub(crate) HashSet<u32>);

impl OfProcesses {
    /// Whether the rows of a table are about processes.
    pub(crate) fn are_in(table: &Table) -> bool {
        table.column("pid").is_some() || HOLDERS.iter().any(|name| table.column(name).is_some())
    }
}

impl Filter for OfProcesses {
    fn wants(&self, row: &dyn Row) -> bool {
        match pid_of(row) {
            Some(pid) => self.0.contains(&pid),
            None => holders_of(row).iter().any(|pid| self.0.contains(pid)),
        }
    }
}

/// The processes that hold the object of a row, which lists them as `PID:HOW`.
pub(crate) fn holders_of(row: &dyn Row) -> Vec<u32> {
    let columns = HOLDERS.iter().filter_map(|name| row.table().column(name));
    let listed = columns.flat_map(|column| match row.value(column) {
        Value::List(holders) => holders,
        _ => Vec::new(),
    });
    let pid = |holder: Value<'_>| match holder {
        Value::Text(text) => text.split_once(':')?.0.parse().ok(),
        _ => None,
    };
    listed.filter_map(pid).collect()
}
