//! The table of a query's result. Its columns are known when the query is compiled, their types only row by row.

use crate::tables::{Column, Table, Type};

/// The table of a result with named columns.
pub(super) fn table(names: &[String]) -> Table {
    Table::new("query", distinct(names).into_iter().map(|name| Column::new(name, Type::Any)).collect())
}

/// Makes names distinct, also from those for raw bytes (`<name>_hex`), by numbering the later ones.
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
    use crate::formats::{Columns, Format, RowWriter, Style};
    use crate::tables::{Borrowed, Value};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn written(format: Format, rows: &[Vec<Value<'_>>]) -> String {
        let mut out = Vec::new();
        let style = Style { format, columns: Columns::All, name_tables: false, lead: Vec::new(), width: Some(30) };
        let mut writer = RowWriter::new(&mut out, style);
        let table = table(&names(&["pid", "at", "path"]));
        writer.begin(&table).unwrap();
        for row in rows {
            writer.row(&Borrowed::new(&table, row)).unwrap();
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
        assert_eq!(written(Format::TABLE, &rows), table);
        let first = r#"{"pid":7,"at":"0x1000","path":"/tmp/�","path_hex":"2f746d702fff"}"#;
        let second = r#"{"pid":null,"at":"0x20000000000","path":"a,b"}"#;
        assert_eq!(written(Format::NDJSON, &rows), format!("{first}\n{second}\n"));
        assert_eq!(written(Format::JSON, &rows), format!("[\n{first},\n{second}\n]\n"));
        assert_eq!(written(Format::CSV, &rows), "pid,at,path\n7,0x1000,/tmp/\\xff\n,0x20000000000,\"a,b\"\n");
    }

    #[test]
    fn nothing_is_nothing_in_every_format() {
        assert_eq!(written(Format::TABLE, &[]), "");
        assert_eq!(written(Format::NDJSON, &[]), "");
        assert_eq!(written(Format::JSON, &[]), "[]\n");
        assert_eq!(written(Format::CSV, &[]), "pid,at,path\n");
    }
}
