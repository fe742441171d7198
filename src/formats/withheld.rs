//! Rows without secrets: documents spread through a SIEM, where many more people can read them than the archive.

use std::borrow::Cow;

use crate::analysis::secrets::{redacted, redacted_arguments};
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
            _ => without_secrets(self.0.value(column)),
        }
    }

    fn withheld(&self) -> Vec<&str> {
        secrets_of(self.0)
    }
}

/// A value in which secrets that detectors know are replaced by what is shown of them: a command line with a password,
/// a line of a log.
fn without_secrets(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) => match redacted(text.as_bytes()) {
            Cow::Owned(bytes) => Value::Text(String::from_utf8_lossy(&bytes).into_owned().into()),
            Cow::Borrowed(_) => Value::Text(text),
        },
        Value::Bytes(bytes) => match redacted(&bytes) {
            Cow::Owned(bytes) => Value::Bytes(bytes.into()),
            Cow::Borrowed(_) => Value::Bytes(bytes),
        },
        Value::List(items) => Value::List(items_without_secrets(items)),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, without_secrets(value))).collect())
        }
        other => other,
    }
}

/// The items of a list. Those of texts may be arguments, of which a flag says what the next one is.
fn items_without_secrets(items: Vec<Value<'_>>) -> Vec<Value<'_>> {
    let text = |item: &Value<'_>| match item {
        Value::Text(text) => Some(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        _ => None,
    };
    let Some(texts) = items.iter().map(text).collect::<Option<Vec<Vec<u8>>>>() else {
        return items.into_iter().map(without_secrets).collect();
    };
    let shown = redacted_arguments(&texts).into_iter().zip(items).map(|(shown, item)| match (shown, item) {
        (Cow::Borrowed(_), item) => item,
        (Cow::Owned(bytes), Value::Text(_)) => Value::Text(String::from_utf8_lossy(&bytes).into_owned().into()),
        (Cow::Owned(bytes), _) => Value::Bytes(bytes.into()),
    });
    shown.collect()
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
