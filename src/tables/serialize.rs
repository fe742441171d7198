//! Values and rows for serde, as in our JSON: addresses and masks are hexadecimal text, times RFC 3339 with nine
//! digits. For bytes that are not UTF-8, each bad byte becomes U+FFFD, and another key, `<column>_hex`, holds all
//! bytes.

use bstr::ByteSlice;
use data_encoding::HEXLOWER;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::table::Row;
use super::value::Value;

/// Serializes a row as a map of its columns.
pub(crate) fn row<S: Serializer>(row: &dyn Row, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (number, column) in row.table().columns.iter().enumerate() {
        entry(&mut map, &column.name, &row.value(number))?;
    }
    map.end()
}

impl Serialize for dyn Row + '_ {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        row(self, serializer)
    }
}

fn entry<M: SerializeMap>(map: &mut M, key: &str, value: &Value<'_>) -> Result<(), M::Error> {
    map.serialize_entry(key, value)?;
    if has_hex(value) { map.serialize_entry(&format!("{key}_hex"), &Hex(value)) } else { Ok(()) }
}

/// Whether a value has bytes that are lost as text.
pub(crate) fn has_hex(value: &Value<'_>) -> bool {
    match value {
        Value::Bytes(bytes) => bytes.to_str().is_err(),
        Value::List(list) => list.iter().any(|item| matches!(item, Value::Bytes(_)) && has_hex(item)),
        _ => false,
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(on) => serializer.serialize_bool(*on),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_u64(number),
                _ => serializer.serialize_i128(*number),
            },
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => match bytes.to_str() {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_str(&lossy(bytes)),
            },
            Value::Address(address) => serializer.collect_str(&format_args!("{address:#x}")),
            Value::Mask(mask) => serializer.collect_str(&format_args!("{mask:016x}")),
            Value::Time(time) => serializer.collect_str(&format_args!("{time:.9}")),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in entries {
                    entry(&mut map, key, value)?;
                }
                map.end()
            }
            Value::Json(json) => json.serialize(serializer),
        }
    }
}

/// All bytes of a value in hexadecimal.
struct Hex<'v>(&'v Value<'v>);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bytes(bytes) => serializer.serialize_str(&HEXLOWER.encode(bytes)),
            Value::List(items) => serializer.collect_seq(items.iter().map(Hex)),
            _ => serializer.serialize_unit(),
        }
    }
}

/// Text with U+FFFD for each byte that is not UTF-8, so that the number of such bytes is kept.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut lossy = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        lossy.push_str(chunk.valid());
        lossy.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    lossy
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn what_text_loses_is_in_hexadecimal() {
        let bytes = |bytes: &'static [u8]| Value::Bytes(Cow::Borrowed(bytes));
        let value = Value::Object(vec![
            ("p".into(), bytes(b"x\xff")),
            ("l".into(), Value::List(vec![bytes(b"a"), bytes(b"\xfe"), Value::Null])),
            ("n".into(), Value::Integer(u64::MAX.into())),
            ("a".into(), Value::Address(0x7ffc)),
            ("m".into(), Value::Mask(0xa0)),
        ]);
        let expected = concat!(
            r#"{"p":"x�","p_hex":"78ff","l":["a","�",null],"l_hex":["61","fe",null],"#,
            r#""n":18446744073709551615,"a":"0x7ffc","m":"00000000000000a0"}"#
        );
        assert_eq!(serde_json::to_string(&value).unwrap(), expected);
    }
}
