//! Rows as CSV (RFC 4180), for spreadsheets and databases. Text is escaped as on screens, and text that a spreadsheet
//! would read as a formula starts with an apostrophe. The items of a list are joined by spaces; if an item contains a
//! space, the list is JSON.

use std::borrow::Cow;
use std::io::{self, Write};

use super::encoder::Encoded;
use super::format::{Encode, Head, Kind, Line, Lines, Sheet};
use super::{Columns, escape, json, units};
use crate::tables::{Row, Value};

/// CSV.
pub(super) struct Csv;

impl Encode for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn doc(&self) -> &'static str {
        "Comma-separated values; several tables follow each other"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn kind(&self) -> Kind {
        Kind::ByTable
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let lead: Vec<String> = line.named_lead().map(|(_, value)| cell(&value)).collect();
        let cells: Vec<String> = lead.into_iter().chain(cells(line.row, &line.behind)).collect();
        let mut out = Vec::new();
        write(&mut out, cells.iter().map(String::as_str))?;
        Ok(Encoded::Bytes(out))
    }

    fn begin(&self, head: &Head<'_>, out: &mut dyn Write) -> io::Result<Box<dyn Sheet>> {
        if !head.first {
            out.write_all(b"\n")?;
        }
        write(out, head.named_lead().chain(head.columns().map(|column| &*column.name)))?;
        Ok(Box::new(Lines))
    }
}

fn write<'a>(out: &mut dyn Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut writer = ::csv::WriterBuilder::new().from_writer(out);
    writer.write_record(cells).map_err(io::Error::from)?;
    writer.flush()
}

/// The cells of a row.
pub(super) fn cells(row: &dyn Row, columns: &Columns) -> Vec<String> {
    columns.of(row.table()).map(|(number, _)| cell(&row.value(number))).collect()
}

/// A cell. Empty for null.
pub(super) fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(on) => on.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => guarded(escape(text.as_bytes())),
        Value::Bytes(bytes) => guarded(escape(bytes)),
        Value::Address(address) => format!("{address:#x}"),
        Value::Mask(mask) => format!("{mask:016x}"),
        Value::Time(time) => units::instant(*time),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(item).collect();
            let plain = list.iter().all(is_simple) && items.iter().all(|item| !item.is_empty() && !item.contains(' '));
            guarded(Cow::Owned(if plain {
                items.join(" ")
            } else {
                escape(json::to_text(value).as_bytes()).into_owned()
            }))
        }
        Value::Json(json) if json.is_number() => json.to_string(),
        Value::Object(_) | Value::Json(_) => guarded(Cow::Owned(escape(json::to_text(value).as_bytes()).into_owned())),
    }
}

/// An item of a list, not yet guarded against formulas.
fn item(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => escape(text.as_bytes()).into_owned(),
        Value::Bytes(bytes) => escape(bytes).into_owned(),
        other => cell(other),
    }
}

fn is_simple(value: &Value<'_>) -> bool {
    !matches!(value, Value::Null | Value::List(_) | Value::Object(_) | Value::Json(_))
}

/// Guards text against being read as a formula.
fn guarded(text: Cow<'_, str>) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_be_formulas_or_escapes() {
        let text = |t: &'static str| Value::Text(t.into());
        assert_eq!(cell(&text("=cmd|' /C calc'!A0")), "'=cmd|' /C calc'!A0");
        assert_eq!(cell(&text("@SUM(1)")), "'@SUM(1)");
        assert_eq!(cell(&Value::Integer((-5).into())), "-5", "numbers are numbers");
        assert_eq!(cell(&Value::Json(Cow::Owned(serde_json::json!(-0.5)))), "-0.5");
        assert_eq!(cell(&text("\x1b[2J")), "\\x1b[2J");
    }

    #[test]
    fn lists_are_joined_or_json() {
        let list = |items: &[&'static str]| Value::List(items.iter().map(|&t| Value::Text(t.into())).collect());
        assert_eq!(cell(&list(&["a", "b"])), "a b");
        assert_eq!(cell(&list(&["sh", "-c", "echo hi"])), r#"["sh","-c","echo hi"]"#);
        assert_eq!(cell(&list(&[])), "");
        assert_eq!(cell(&list(&["-x"])), "'-x");
    }
}
