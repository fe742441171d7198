//! Rows without secrets: documents spread through a SIEM, where many more people can read them than the archive.

use crate::tables::{Row, Table, Value};

/// A row whose secret values are null.
pub(super) struct Withheld<'r>(pub(super) &'r dyn Row);

impl Row for Withheld<'_> {
    fn table(&self) -> &Table {
        self.0.table()
    }

    fn value(&self, column: usize) -> Value<'_> {
        let withheld = self.withheld();
        match self.table().columns.get(column) {
            Some(column) if withheld.contains(&&*column.name) => Value::Null,
            _ => self.0.value(column),
        }
    }

    fn withheld(&self) -> Vec<&str> {
        secrets_of(self.0)
    }
}

/// The columns of a row that hold a secret value.
fn secrets_of(row: &dyn Row) -> Vec<&'static str> {
    let table = row.table();
    let Some(secrets) = table.event.secrets else { return Vec::new() };
    let value = |name: &str| table.column(name).map_or(Value::Null, |column| row.value(column));
    if secrets.only_if.is_some_and(|(column, text)| value(column) != Value::Text(text.into())) {
        return Vec::new();
    }
    let nameless = secrets.nameless.filter(|(_, other)| value(other) == Value::Null).map(|(name, _)| name);
    secrets.columns.iter().copied().chain(nameless).filter(|name| value(name) != Value::Null).collect()
}
