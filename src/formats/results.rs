//! Results of queries: rows whose columns are known only when they are asked for, in the same formats as rows of tables.

use std::io::{self, Write};

use super::grid::cell_of;
use super::{Grid, GridColumn, csv, json, write_csv};
use crate::tables::Value;

/// A format of results. What a query makes up is no event, so there are no documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResultFormat {
    /// Aligned columns, for people.
    Table,
    /// An array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// RFC 4180.
    Csv,
}

/// Writes rows of values under some names.
#[derive(Debug)]
pub struct ResultWriter<W: Write> {
    out: W,
    format: ResultFormat,
    width: Option<usize>,
    names: Vec<String>,
    has_rows: bool,
    /// Cells for people, and of what kind those of each column are.
    lines: Vec<Vec<String>>,
    kinds: Vec<Kind>,
}

/// What all cells of a column are, as far as they are not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Null,
    Number,
    /// Hexadecimal: cut, it would be another.
    Address,
    Text,
}

impl Kind {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Kind::Null,
            Value::Integer(_) => Kind::Number,
            Value::Json(json) if json.is_number() => Kind::Number,
            Value::Text(text) if is_hexadecimal(text) => Kind::Address,
            _ => Kind::Text,
        }
    }
}

fn is_hexadecimal(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

impl<W: Write> ResultWriter<W> {
    /// Begins a result. `width` is how many columns the screen has, if there is one.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn new(mut out: W, format: ResultFormat, width: Option<usize>, names: &[String]) -> io::Result<Self> {
        let names = distinct(names);
        match format {
            ResultFormat::Csv => write_csv(&mut out, names.iter().map(String::as_str))?,
            ResultFormat::Json => out.write_all(b"[")?,
            ResultFormat::Ndjson | ResultFormat::Table => {}
        }
        let kinds = vec![Kind::Null; names.len()];
        Ok(ResultWriter { out, format, width, names, has_rows: false, lines: Vec::new(), kinds })
    }

    /// Writes a row: a value for each name.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let entries = self.names.iter().map(String::as_str).zip(values);
        match self.format {
            ResultFormat::Json => {
                self.out.write_all(if self.has_rows { b",\n" } else { b"\n" })?;
                json::named(&mut self.out, entries)?;
            }
            ResultFormat::Ndjson => {
                json::named(&mut self.out, entries)?;
                self.out.write_all(b"\n")?;
            }
            ResultFormat::Csv => {
                let cells: Vec<String> = values.iter().map(csv::cell).collect();
                write_csv(&mut self.out, cells.iter().map(String::as_str))?;
            }
            ResultFormat::Table => {
                for (kind, value) in self.kinds.iter_mut().zip(values) {
                    *kind = if *kind == Kind::Null || Kind::of(value) == Kind::Null {
                        Kind::of(value).max(*kind)
                    } else if *kind == Kind::of(value) {
                        *kind
                    } else {
                        Kind::Text
                    };
                }
                self.lines.push(values.iter().map(cell_of).collect());
            }
        }
        self.has_rows = true;
        Ok(())
    }

    /// Ends the result.
    ///
    /// # Errors
    ///
    /// If writing fails.
    pub fn finish(mut self) -> io::Result<()> {
        match self.format {
            ResultFormat::Json => self.out.write_all(if self.has_rows { b"\n]\n" } else { b"]\n" })?,
            ResultFormat::Table if self.has_rows => {
                let columns = self.names.iter().zip(&self.kinds).map(|(name, kind)| {
                    let name = super::escape(name.as_bytes());
                    let title = name.to_uppercase();
                    match kind {
                        Kind::Number => GridColumn::number(title),
                        Kind::Address => GridColumn::fixed(title),
                        Kind::Null | Kind::Text => GridColumn::named(&name),
                    }
                });
                let mut grid = Grid::new(columns);
                for line in self.lines {
                    grid.push(line);
                }
                self.out.write_all(grid.render(self.width).as_bytes())?;
            }
            _ => {}
        }
        self.out.flush()
    }
}

/// Names of which no two are the same, nor is one that of another's bytes (`<name>_hex`): the later one is numbered.
fn distinct(names: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for name in names {
        let is_taken = |name: &str| {
            distinct.iter().any(|other| {
                other == name || name.strip_suffix("_hex") == Some(other) || other.strip_suffix("_hex") == Some(name)
            })
        };
        let numbered = (2..=distinct.len().saturating_add(2)).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name));
        distinct.extend(free);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn written(format: ResultFormat, rows: &[Vec<Value<'_>>]) -> String {
        let mut out = Vec::new();
        let mut writer = ResultWriter::new(&mut out, format, Some(30), &names(&["pid", "at", "path"])).unwrap();
        for row in rows {
            writer.row(row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_two_columns_have_one_name() {
        let all = distinct(&names(&["pid", "pid", "pid_2", "pid", "path", "path_hex", "x_hex", "x"]));
        assert_eq!(all, ["pid", "pid_2", "pid_2_2", "pid_3", "path", "path_hex_2", "x_hex", "x_2"]);
    }

    #[test]
    fn every_format_has_the_same_rows() {
        let rows = [
            vec![Value::Integer(7), Value::Text("0x1000".into()), Value::Bytes(b"/tmp/\xff".into())],
            vec![Value::Null, Value::Text("0x20000000000".into()), Value::Text("a,b".into())],
        ];
        let table = "PID  AT             PATH\n  7  0x1000         /tmp/\\xff\n  -  0x20000000000  a,b\n";
        assert_eq!(written(ResultFormat::Table, &rows), table);
        let first = r#"{"pid":7,"at":"0x1000","path":"/tmp/�","path_hex":"2f746d702fff"}"#;
        let second = r#"{"pid":null,"at":"0x20000000000","path":"a,b"}"#;
        assert_eq!(written(ResultFormat::Ndjson, &rows), format!("{first}\n{second}\n"));
        assert_eq!(written(ResultFormat::Json, &rows), format!("[\n{first},\n{second}\n]\n"));
        assert_eq!(written(ResultFormat::Csv, &rows), "pid,at,path\n7,0x1000,/tmp/\\xff\n,0x20000000000,\"a,b\"\n");
    }

    #[test]
    fn nothing_is_nothing_in_every_format() {
        assert_eq!(written(ResultFormat::Table, &[]), "");
        assert_eq!(written(ResultFormat::Ndjson, &[]), "");
        assert_eq!(written(ResultFormat::Json, &[]), "[]\n");
        assert_eq!(written(ResultFormat::Csv, &[]), "pid,at,path\n");
    }
}
