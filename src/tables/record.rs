//! Rows that own their values.

use serde::{Serialize, Serializer};

use super::table::{Row, Table, TableRef};
use super::value::Value;

/// A row that owns its values. It may outlive its checkpoint.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use std::ops::ControlFlow;
///
/// use cryoscope::tables::{Record, Row};
///
/// let mut records = Vec::new();
/// {
///     let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
///     checkpoint.rows().table("mounts", &mut |row| {
///         records.push(Record::of(row));
///         ControlFlow::Continue(())
///     });
/// }
/// records.sort_by(|a, b| a.values().cmp(b.values()));
/// assert_eq!(records[0].table().name, "mounts");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Record {
    table: TableRef,
    values: Vec<Value<'static>>,
}

impl Record {
    /// Creates a row of a table, with a value for each of its columns. Missing values are null.
    pub fn new(table: impl Into<TableRef>, values: Vec<Value<'static>>) -> Self {
        Record { table: table.into(), values }
    }

    /// Copies a row.
    pub fn of(row: &dyn Row) -> Self {
        let table = row.shared_table();
        let values = (0..table.columns.len()).map(|column| row.value(column).into_owned()).collect();
        Record { table, values }
    }

    /// The values, in the order of the table's columns.
    pub fn values(&self) -> &[Value<'static>] {
        &self.values
    }

    /// The values, in the order of the table's columns.
    pub fn into_values(self) -> Vec<Value<'static>> {
        self.values
    }
}

impl Row for Record {
    fn table(&self) -> &Table {
        &self.table
    }

    fn value(&self, column: usize) -> Value<'_> {
        self.values.get(column).map_or(Value::Null, Value::borrowed)
    }

    fn shared_table(&self) -> TableRef {
        self.table.clone()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        super::serialize::row(self, serializer)
    }
}

/// A row that borrows its values, such as a row of a result before the next one replaces it.
#[derive(Clone, Copy, Debug)]
pub struct Borrowed<'r> {
    table: &'r Table,
    values: &'r [Value<'r>],
}

impl<'r> Borrowed<'r> {
    /// Creates a row of a table, with a value for each of its columns. Missing values are null.
    pub fn new(table: &'r Table, values: &'r [Value<'r>]) -> Self {
        Borrowed { table, values }
    }
}

impl Row for Borrowed<'_> {
    fn table(&self) -> &Table {
        self.table
    }

    fn value(&self, column: usize) -> Value<'_> {
        self.values.get(column).map_or(Value::Null, Value::borrowed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tables::table::Kept;
    use crate::tables::{Column, Failure, Type};

    #[test]
    fn a_copy_has_the_values_and_the_table_of_its_row() {
        let failure = Failure::new("a.tar", None, "io_error", "it is gone");
        let record = Record::of(&failure);
        assert!(matches!(record.table.0, Kept::Static(table) if table.name == "failures"), "no table is copied");
        let number = |name: &str| Failure::TABLE.column(name).unwrap();
        assert_eq!(record.value(number("archive")), failure.value(number("archive")));
        assert_eq!(record.value(number("archive_sha256")), Value::Null);
        assert_eq!(record.values().len(), Failure::TABLE.columns.len());
    }

    #[test]
    fn a_table_can_be_made_while_the_program_runs() {
        let name = format!("{}s", "finding");
        let table =
            Arc::new(Table::new(name, vec![Column::new("rule", Type::Text), Column::new("pid", Type::Integer)]));
        let rows: Vec<Record> = [7, 3]
            .map(|pid| {
                Record::new(Arc::clone(&table), vec![Value::Text(format!("rule {pid}").into()), Value::Integer(pid)])
            })
            .into();
        drop(table);
        let row: &dyn Row = &rows[1];
        assert_eq!((&*row.table().name, row.table().column("pid")), ("findings", Some(1)));
        assert_eq!(
            (row.value(0), row.value(1), row.value(2)),
            (Value::Text("rule 3".into()), Value::Integer(3), Value::Null)
        );
        assert_eq!(serde_json::to_string(&rows[0]).unwrap(), r#"{"rule":"rule 7","pid":7}"#);
    }
}
