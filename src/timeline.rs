//! Times of rows, and what each of them means: when a file was changed, a line was logged, or the dump was made. A row
//! may have several times, or none.
//!
//! Formats with a time for each row use it, such as Timesketch and ECS. It knows rows and their columns, and nothing of
//! where they come from.
//!
//! ```
//! # fn main() -> Result<(), cryoscope::Error> {
//! use cryoscope::timeline;
//!
//! let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
//! let container = checkpoint.rows().container();
//! let columns = timeline::columns(&cryoscope::tables::Container::TABLE).map(|(number, _)| number).collect::<Vec<_>>();
//! let moments = timeline::moments(&container, columns);
//! assert!(moments.iter().any(|moment| moment.meaning == timeline::CHECKPOINT_CREATED));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

use std::borrow::Cow;

use jiff::Timestamp;

use crate::tables::{Column, Form, Row, Table, Type, Value};

/// The meaning of the time of the dump.
pub const CHECKPOINT_CREATED: &str = "Checkpoint Created";

/// A time of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// The time.
    pub time: Timestamp,
    /// What happened at that time, for example `Process Start`.
    pub meaning: Cow<'static, str>,
    /// Number of the column that holds the time.
    pub column: usize,
}

/// Returns the columns of a table that hold times, with their numbers.
pub fn columns(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table.columns.iter().enumerate().filter(|(_, column)| column.column_type == Type::Time)
}

/// Returns the times of a row in some columns, in the order of the columns. Null times are skipped.
///
/// ```
/// # fn main() -> Result<(), cryoscope::Error> {
/// use cryoscope::tables::Row;
/// use cryoscope::timeline;
///
/// let checkpoint = cryoscope::Checkpoint::open("fixtures/forms-reference/podman-runc.tar")?;
/// let container = checkpoint.rows().container();
/// let columns = timeline::columns(container.table()).map(|(number, _)| number);
/// for moment in timeline::moments(&container, columns) {
///     println!("{} {}", moment.time, moment.meaning);
/// }
/// # Ok(())
/// # }
/// ```
pub fn moments(row: &dyn Row, columns: impl IntoIterator<Item = usize>) -> Vec<Moment> {
    let table = row.table();
    let moment = |number: usize| match (row.value(number), table.columns.get(number)) {
        (Value::Time(time), Some(column)) => Some(Moment { time, meaning: meaning(table, column), column: number }),
        _ => None,
    };
    columns.into_iter().filter_map(moment).collect()
}

/// Returns the meaning of the times of a column: as declared by the column, or its table and name.
pub fn meaning(table: &Table, column: &Column) -> Cow<'static, str> {
    let declared = column.targets().iter().find(|target| target.form == Form::Moment);
    declared.map_or_else(|| Cow::Owned(format!("{} {}", table.name, column.name)), |target| target.field.into())
}

/// Returns the time of the event that a row describes, if its table is one of events. Times before 1970, which servers
/// refuse, are skipped.
pub fn event_time(row: &dyn Row) -> Option<Timestamp> {
    let column = row.table().column(row.table().event.at?)?;
    match row.value(column) {
        Value::Time(time) => Some(time).filter(|time| *time >= Timestamp::UNIX_EPOCH),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Record;

    #[test]
    fn each_time_of_a_row_has_its_meaning() {
        let table = Table::new(
            "findings",
            vec![Column::new("rule", Type::Text), Column::new("first", Type::Time), Column::new("last", Type::Time)],
        );
        assert_eq!(columns(&table).map(|(number, _)| number).collect::<Vec<_>>(), [1, 2]);
        let time = Timestamp::UNIX_EPOCH;
        let row = Record::new(table, vec![Value::Text("x".into()), Value::Time(time), Value::Null]);
        let found = moments(&row, 0..9);
        assert_eq!(found, [Moment { time, meaning: "findings first".into(), column: 1 }]);
        assert_eq!(event_time(&row), None, "its table is not one of events");
    }
}
