//! Converts values of rows to SQLite values and back.

use std::borrow::Cow;

use bstr::ByteSlice;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use serde_json::{Number, Value as Json};

use crate::formats::json_of;
use crate::formats::units::instant;
use crate::tables::Value;

/// A value of a row. Numbers that SQLite cannot hold become text, bytes that are not UTF-8 a blob, lists and objects
/// JSON.
pub(super) fn to_sql<'v>(value: &'v Value<'_>) -> ToSqlOutput<'v> {
    let owned = |text: String| ToSqlOutput::Owned(Owned::Text(text));
    match value {
        Value::Null => ToSqlOutput::Owned(Owned::Null),
        Value::Bool(on) => ToSqlOutput::Owned(Owned::Integer((*on).into())),
        Value::Integer(number) => integer(*number),
        Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::Bytes(bytes) if bytes.to_str().is_ok() => ToSqlOutput::Borrowed(ValueRef::Text(bytes)),
        Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        Value::Address(address) => owned(format!("{address:#x}")),
        Value::Mask(mask) => owned(format!("{mask:016x}")),
        Value::Time(time) => owned(instant(*time)),
        Value::List(list) => owned(json_of(&Value::List(list.iter().map(item).collect()))),
        Value::Object(_) | Value::Json(_) => owned(json_of(value)),
    }
}

/// A whole number, or text if SQLite cannot hold it.
pub(super) fn integer<'v>(number: i128) -> ToSqlOutput<'v> {
    ToSqlOutput::Owned(i64::try_from(number).map_or_else(|_| Owned::Text(number.to_string()), Owned::Integer))
}

/// An item of a list. Bytes that are not UTF-8 become an object with `text` and `text_hex`.
fn item<'v>(value: &'v Value<'_>) -> Value<'v> {
    match value {
        Value::Bytes(bytes) if bytes.to_str().is_err() => {
            Value::Object(vec![("text".into(), Value::Bytes(Cow::Borrowed(bytes)))])
        }
        Value::List(list) => Value::List(list.iter().map(item).collect()),
        other => other.clone(),
    }
}

/// A fraction, as JSON that the result can borrow from.
pub(super) fn fraction(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Real(number) => {
            Number::from_f64(number).map_or_else(|| Json::String(number.to_string()), Json::Number)
        }
        _ => Json::Null,
    }
}

/// A value of a result.
pub(super) fn from_sql<'v>(value: ValueRef<'v>, fraction: &'v Json) -> Value<'v> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number.into()),
        // JSON has no infinite numbers.
        ValueRef::Real(_) => {
            fraction.as_str().map_or(Value::Json(Cow::Borrowed(fraction)), |text| Value::Text(Cow::Borrowed(text)))
        }
        ValueRef::Text(text) => match text.to_str() {
            Ok(text) => Value::Text(Cow::Borrowed(text)),
            Err(_) => Value::Bytes(Cow::Borrowed(text)),
        },
        ValueRef::Blob(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value<'_>) -> String {
        match to_sql(value) {
            ToSqlOutput::Owned(Owned::Text(text)) => text,
            ToSqlOutput::Borrowed(ValueRef::Text(text)) => String::from_utf8(text.to_vec()).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    #[test]
    fn what_sqlite_cannot_hold_is_text() {
        assert_eq!(text(&Value::Integer(u64::MAX.into())), "18446744073709551615");
        assert_eq!(to_sql(&Value::Integer(i64::MAX.into())), ToSqlOutput::Owned(Owned::Integer(i64::MAX)));
        assert_eq!(to_sql(&Value::Integer(i64::MIN.into())), ToSqlOutput::Owned(Owned::Integer(i64::MIN)));
        assert_eq!(text(&Value::Address(0x7ffc)), "0x7ffc");
        assert_eq!(text(&Value::Mask(0xa0)), "00000000000000a0");
    }

    #[test]
    fn bytes_stay_what_they_are() {
        assert_eq!(text(&Value::Bytes(Cow::Borrowed(b"a\0b"))), "a\0b");
        let bad = Value::Bytes(Cow::Borrowed(b"a\xff"));
        assert_eq!(to_sql(&bad), ToSqlOutput::Borrowed(ValueRef::Blob(b"a\xff")));
        let list = Value::List(vec![Value::Bytes(Cow::Borrowed(b"a")), bad.clone(), Value::List(vec![bad])]);
        let object = r#"{"text":"a�","text_hex":"61ff"}"#;
        assert_eq!(text(&list), format!(r#"["a",{object},[{object}]]"#));
    }

    #[test]
    fn results_are_values_again() {
        let back = |value| {
            let fraction = fraction(value);
            json_of(&from_sql(value, &fraction))
        };
        assert_eq!(back(ValueRef::Real(1.5)), "1.5");
        assert_eq!(back(ValueRef::Real(f64::INFINITY)), "\"inf\"");
        assert_eq!(back(ValueRef::Integer(-3)), "-3");
        assert_eq!(back(ValueRef::Text(b"\xff")), "\"\u{fffd}\"");
    }
}
