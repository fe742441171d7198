//! Typed cells of a row. They are made where the row is, and wait in columns.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::super::kind::{Kind, Scalar};
use super::super::{Columns, document, json};
use crate::tables::{Row, Value};

/// The beginning of the year 1.
const FIRST: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    /// A number, or microseconds.
    Number(i64),
    Large(u64),
    Text(String),
    List(Vec<Cell>),
}

/// The cells of a row.
#[derive(Clone, Debug)]
pub struct Cells(pub(super) Vec<Cell>);

impl Cells {
    /// The cells of a row, after some keys.
    pub(in super::super) fn of(lead: &[(&str, Value<'_>)], row: &dyn Row, columns: &Columns) -> Self {
        let (mut cells, mut lost) = (Vec::new(), Map::new());
        let mut add = |name: &str, kind: Kind, value: &Value<'_>| {
            let cell = cell(kind, value);
            lost.extend(self::lost(&cell, value).map(|all| (name.to_owned(), all)));
            cells.push(cell);
        };
        for (name, value) in lead {
            add(name, Kind::TEXT, value);
        }
        for (number, column) in columns.of(row.table()) {
            add(&column.name, Kind::of(column), &row.value(number));
        }
        let text = |lost| json::to_text(&Value::Json(Cow::Owned(Json::Object(lost))));
        cells.push(if lost.is_empty() { Cell::Null } else { Cell::Text(text(lost)) });
        Cells(cells)
    }

    /// Approximate size in memory, in bytes.
    pub(in super::super) fn len(&self) -> usize {
        self.0.iter().map(Cell::len).fold(0, usize::saturating_add)
    }
}

impl Cell {
    fn len(&self) -> usize {
        match self {
            Cell::Text(text) => text.len(),
            Cell::List(items) => items.iter().map(Cell::len).fold(8, usize::saturating_add),
            _ => 8,
        }
    }
}

fn cell(kind: Kind, value: &Value<'_>) -> Cell {
    match (kind.list, value) {
        (_, Value::Null) => Cell::Null,
        (false, value) => scalar(kind.scalar, value),
        (true, Value::List(items)) => Cell::List(items.iter().map(|item| scalar(kind.scalar, item)).collect()),
        (true, _) => Cell::Null,
    }
}

fn scalar(scalar: Scalar, value: &Value<'_>) -> Cell {
    match (scalar, value) {
        (_, Value::Null) => Cell::Null,
        (Scalar::Bool, Value::Bool(on)) => Cell::Bool(*on),
        (Scalar::Number, Value::Integer(number)) => i64::try_from(*number).map_or(Cell::Null, Cell::Number),
        (Scalar::Large, Value::Integer(number)) => u64::try_from(*number).map_or(Cell::Null, Cell::Large),
        // Engines have no years before year 1.
        (Scalar::Time, Value::Time(time)) if *time >= FIRST => Cell::Number(time.as_microsecond()),
        (Scalar::Text, value) => Cell::Text(text(value)),
        _ => Cell::Null,
    }
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.clone().into_owned(),
        Value::Bytes(bytes) => document::text_of(bytes).into_owned(),
        Value::Address(address) => format!("{address:#x}"),
        Value::Mask(mask) => format!("{mask:016x}"),
        Value::Time(time) => time.to_string(),
        other => json::to_text(other),
    }
}

/// What a cell loses of a value: the bytes of text that is not UTF-8, and values that the type of the column cannot
/// hold.
fn lost(cell: &Cell, value: &Value<'_>) -> Option<Json> {
    match (cell, value) {
        (Cell::List(cells), Value::List(items)) => lost_of_list(cells, items),
        (Cell::Null, Value::Null) => None,
        (Cell::Null, Value::Integer(number)) if *number >= 0 => Some(format!("{number:#x}").into()),
        (Cell::Null, other) => Some(json::to_text(other).into()),
        (_, Value::Bytes(bytes)) if std::str::from_utf8(bytes).is_err() => Some(HEXLOWER.encode(bytes).into()),
        _ => None,
    }
}

/// The same for a list: if one item loses something, the bytes of all items.
fn lost_of_list(cells: &[Cell], items: &[Value<'_>]) -> Option<Json> {
    let all: Vec<Option<Json>> = cells.iter().zip(items).map(|(cell, item)| lost(cell, item)).collect();
    if all.iter().all(Option::is_none) {
        return None;
    }
    let whole = |(lost, item): (Option<Json>, &Value<'_>)| match (lost, item) {
        (Some(lost), _) => lost,
        (None, Value::Bytes(bytes)) => HEXLOWER.encode(bytes).into(),
        (None, _) => Json::Null,
    };
    Some(all.into_iter().zip(items).map(whole).collect::<Vec<Json>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Kind = Kind { scalar: Scalar::Number, list: false };
    const LARGE: Kind = Kind { scalar: Scalar::Large, list: false };
    const TEXTS: Kind = Kind { scalar: Scalar::Text, list: true };

    #[test]
    fn what_a_type_does_not_hold_is_null_and_stands_in_hex() {
        let both = |kind, value: Value<'_>| {
            let cell = cell(kind, &value);
            let lost = lost(&cell, &value);
            (cell, lost)
        };
        let most = i128::from(u64::MAX);
        assert_eq!(both(NUMBER, Value::Integer(7)), (Cell::Number(7), None));
        assert_eq!(both(NUMBER, Value::Integer(most)), (Cell::Null, Some("0xffffffffffffffff".into())));
        assert_eq!(both(NUMBER, Value::Integer(i128::MIN)), (Cell::Null, Some(i128::MIN.to_string().into())));
        assert_eq!(both(LARGE, Value::Integer(most)), (Cell::Large(u64::MAX), None));
        assert_eq!(both(LARGE, Value::Integer(-1)), (Cell::Null, Some("-1".into())));
        assert_eq!(both(NUMBER, Value::Null), (Cell::Null, None));
        let list = vec![Value::Bytes(b"\xff".into()), Value::Null, Value::Text("a".into())];
        let expected = vec![Cell::Text("\u{fffd}".to_owned()), Cell::Null, Cell::Text("a".to_owned())];
        let hex = serde_json::json!(["ff", null, null]);
        assert_eq!(both(TEXTS, Value::List(list)), (Cell::List(expected), Some(hex)));
        assert_eq!(both(TEXTS, Value::Text("a".into())), (Cell::Null, Some("\"a\"".into())), "no list");
    }
}
