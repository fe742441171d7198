//! Rows as JSON: lossless, in the order of the columns, one row per line.
//!
//! For bytes that are not UTF-8, each bad byte becomes U+FFFD, and another key, `<column>_hex`, holds all bytes.

use std::fmt::Write as _;
use std::io::{self, Write};

use bstr::ByteSlice;
use data_encoding::HEXLOWER;

use super::encoder::Encoded;
use super::format::{Encode, Head, Kind, Line, Sheet};
use super::style::{Columns, Style};
use super::units;
use crate::escape::is_unsafe;
pub(super) use crate::tables::lossy;
use crate::tables::{Row, Value, has_hex};

/// An array of rows. For several tables, an object of arrays.
pub(super) struct Json;

impl Encode for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn doc(&self) -> &'static str {
        "An array of objects; for several tables, an object of arrays"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn kind(&self) -> Kind {
        Kind::ByTable
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let mut out = Vec::new();
        row(&mut out, line.lead.iter().cloned(), line.row, &line.behind)?;
        Ok(Encoded::Bytes(out))
    }

    fn begin(&self, head: &Head<'_>, out: &mut dyn Write) -> io::Result<Box<dyn Sheet>> {
        if head.style.name_tables {
            let separator = if head.first { "{" } else { "," };
            write!(out, "{separator}\n{:?}: ", head.table.name)?;
        }
        out.write_all(b"[")?;
        Ok(Box::new(Array { has_rows: false }))
    }

    fn finish(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if style.name_tables { b"\n}\n" } else { b"\n" })
    }
}

/// The rows of a table.
#[derive(Debug)]
struct Array {
    has_rows: bool,
}

impl Sheet for Array {
    fn put(&mut self, row: Encoded, out: &mut dyn Write) -> io::Result<()> {
        let Encoded::Bytes(bytes) = row else { return Ok(()) };
        out.write_all(if self.has_rows { b",\n" } else { b"\n" })?;
        self.has_rows = true;
        out.write_all(&bytes)
    }

    fn end(self: Box<Self>, _: &Style, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.has_rows { b"\n]" } else { b"]" })
    }
}

/// Writes a row as an object, with some keys in front of its own.
///
/// # Errors
///
/// If writing fails.
pub(super) fn row<'l>(
    out: &mut dyn Write,
    lead: impl Iterator<Item = (&'l str, Value<'l>)>,
    row: &dyn Row,
    columns: &Columns,
) -> io::Result<()> {
    let mut object = ObjectWriter::begin(out)?;
    for (key, value) in lead {
        object.entry(key, &value)?;
    }
    for (number, column) in columns.of(row.table()) {
        object.entry(&column.name, &row.value(number))?;
    }
    object.end()
}

/// Writes named values as an object.
///
/// # Errors
///
/// If writing fails.
pub(super) fn named<'v>(
    out: &mut dyn Write,
    entries: impl IntoIterator<Item = (&'v str, &'v Value<'v>)>,
) -> io::Result<()> {
    let mut object = ObjectWriter::begin(out)?;
    for (key, entry) in entries {
        object.entry(key, entry)?;
    }
    object.end()
}

/// Writes the entries of an object.
struct ObjectWriter<'w> {
    out: &'w mut dyn Write,
    first: bool,
}

impl<'w> ObjectWriter<'w> {
    fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(ObjectWriter { out, first: true })
    }

    fn entry(&mut self, key: &str, entry: &Value<'_>) -> io::Result<()> {
        self.key(key)?;
        value(self.out, entry)?;
        if has_hex(entry) {
            self.key(&format!("{key}_hex"))?;
            hex(self.out, entry)?;
        }
        Ok(())
    }

    fn key(&mut self, key: &str) -> io::Result<()> {
        if !self.first {
            self.out.write_all(b",")?;
        }
        self.first = false;
        text(self.out, key)?;
        self.out.write_all(b":")
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"}")
    }
}

/// Writes a value.
fn value(out: &mut dyn Write, value: &Value<'_>) -> io::Result<()> {
    match value {
        Value::Null => out.write_all(b"null"),
        Value::Bool(on) => write!(out, "{on}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Text(t) => text(out, t),
        Value::Bytes(bytes) => match bytes.to_str() {
            Ok(t) => text(out, t),
            Err(_) => text(out, &lossy(bytes)),
        },
        Value::Address(address) => write!(out, "\"{address:#x}\""),
        Value::Mask(mask) => write!(out, "\"{mask:016x}\""),
        Value::Time(time) => write!(out, "\"{}\"", units::instant(*time)),
        Value::List(list) => {
            out.write_all(b"[")?;
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.write_all(b",")?;
                }
                self::value(out, item)?;
            }
            out.write_all(b"]")
        }
        Value::Object(entries) => {
            let mut object = ObjectWriter::begin(out)?;
            for (key, entry) in entries {
                object.entry(key, entry)?;
            }
            object.end()
        }
        Value::Json(json) => out.write_all(harmless(json.to_string()).as_bytes()),
    }
}

/// Writes text.
pub(super) fn text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.chars().any(is_unsafe) {
        let json = serde_json::to_string(text).map_err(io::Error::from)?;
        out.write_all(harmless(json).as_bytes())
    } else {
        serde_json::to_writer(out, text).map_err(io::Error::from)
    }
}

/// A document as indented text, with two blanks per level and no newline at its end.
pub fn pretty(document: &serde_json::Value) -> String {
    harmless(format!("{document:#}"))
}

/// Escapes characters that JSON allows but that affect a terminal. The meaning stays the same.
pub(super) fn harmless(json: String) -> String {
    // Text has no raw newline, so each one is between values.
    let is_harmful = |c: char| c != '\n' && is_unsafe(c);
    if !json.chars().any(is_harmful) {
        return json;
    }
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(c);
        }
    }
    harmless
}

fn hex(out: &mut dyn Write, value: &Value<'_>) -> io::Result<()> {
    match value {
        Value::Bytes(bytes) => {
            write!(out, "\"{}\"", HEXLOWER.encode_display(bytes))
        }
        Value::List(list) => {
            out.write_all(b"[")?;
            for (i, item) in list.iter().enumerate() {
                if i > 0 {
                    out.write_all(b",")?;
                }
                hex(out, item)?;
            }
            out.write_all(b"]")
        }
        _ => out.write_all(b"null"),
    }
}

/// The JSON of a value, as text.
pub(crate) fn to_text(v: &Value<'_>) -> String {
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = value(&mut out, v);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn values_have_the_notation_of_the_contract() {
        assert_eq!(to_text(&Value::Address(0x7ffc)), "\"0x7ffc\"");
        assert_eq!(to_text(&Value::Mask(0xa0)), "\"00000000000000a0\"");
        assert_eq!(to_text(&Value::Integer(u64::MAX.into())), "18446744073709551615");
        assert_eq!(to_text(&Value::List(vec![Value::Null, Value::Bool(true)])), "[null,true]");
        assert_eq!(to_text(&Value::Text("a\"\n\u{1b}".into())), "\"a\\\"\\n\\u001b\"");
    }

    #[test]
    fn what_moves_a_terminal_is_escaped_and_means_the_same() {
        let text = "a\u{202e}\u{7f}\u{9b}\u{e0041}b\u{1b}";
        let json = to_text(&Value::Text(text.into()));
        assert_eq!(json, r#""a\u202e\u007f\u009b\udb40\udc41b\u001b""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        let document = serde_json::json!({ "k\u{202e}": ["\u{200b}"] });
        let json = to_text(&Value::Json(Cow::Borrowed(&document)));
        assert_eq!(json, r#"{"k\u202e":["\u200b"]}"#);
        assert_eq!(pretty(&document), "{\n  \"k\\u202e\": [\n    \"\\u200b\"\n  ]\n}");
    }

    #[test]
    fn each_bad_byte_is_one_replacement() {
        assert_eq!(lossy(b"a\xff\xfeb\xe2\x82"), "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}");
        let bytes = |b: &'static [u8]| Value::Bytes(Cow::Borrowed(b));
        let object = Value::Object(vec![
            ("p".into(), bytes(b"x\xff")),
            ("l".into(), Value::List(vec![bytes(b"a"), bytes(b"\xfe")])),
        ]);
        let expected = r#"{"p":"x�","p_hex":"78ff","l":["a","�"],"l_hex":["61","fe"]}"#;
        assert_eq!(to_text(&object), expected);
    }
}
