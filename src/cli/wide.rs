//! Tables with the columns that the command adds to them, so that `--where`, `--sort` and `--columns` know these, too.

use bstr::BString;
use cryoscope::tables::{Column, Row, Table, Type, Value};

/// A table with the added columns behind its own. A column of the table with the same name has precedence.
pub(crate) struct Wide {
    pub(crate) table: Table,
    /// Number of the table's own columns.
    own: usize,
    /// Names of the added columns.
    added: Vec<String>,
}

impl Wide {
    /// Adds columns to a table.
    pub(crate) fn new(table: &Table, names: &[String]) -> Self {
        let mut wide = Wide { table: table.clone(), own: table.columns.len(), added: Vec::new() };
        for name in names.iter().filter(|name| table.column(name).is_none()) {
            wide.table.columns.to_mut().push(Column::new(name.clone(), Type::Text));
            wide.added.push(name.clone());
        }
        wide
    }

    /// Names of the added columns.
    pub(crate) fn added(&self) -> &[String] {
        &self.added
    }

    /// A row of the table, with values of the added columns.
    pub(crate) fn row<'r>(&'r self, row: &'r dyn Row, values: &'r [Option<BString>]) -> WideRow<'r> {
        WideRow { wide: self, row, values }
    }
}

/// A row with added columns.
pub(crate) struct WideRow<'r> {
    wide: &'r Wide,
    row: &'r dyn Row,
    values: &'r [Option<BString>],
}

impl Row for WideRow<'_> {
    fn table(&self) -> &Table {
        &self.wide.table
    }

    fn value(&self, column: usize) -> Value<'_> {
        match column.checked_sub(self.wide.own) {
            None => self.row.value(column),
            Some(number) => {
                let value = self.values.get(number).and_then(Option::as_ref);
                value.map_or(Value::Null, |text| Value::Bytes(text.as_slice().into()))
            }
        }
    }

    fn withheld(&self) -> Vec<&str> {
        self.row.withheld()
    }
}

#[cfg(test)]
mod tests {
    use cryoscope::tables::Borrowed;

    use super::*;

    #[test]
    fn added_columns_follow_those_of_the_table() {
        let table = Table::new("t", vec![Column::new("pid", Type::Integer), Column::new("set", Type::Integer)]);
        let wide = Wide::new(&table, &["archive".to_owned(), "set".to_owned(), "node".to_owned()]);
        assert_eq!(wide.added(), ["archive", "node"], "the table has a column `set`");
        let values = [Value::Integer(1), Value::Integer(2)];
        let row = Borrowed::new(&table, &values);
        let added = [Some("a.tar".into()), None];
        let row = wide.row(&row, &added);
        let value = |name: &str| row.value(row.table().column(name).unwrap());
        assert_eq!((value("pid"), value("set")), (Value::Integer(1), Value::Integer(2)));
        assert_eq!((value("archive"), value("node")), (Value::Bytes(b"a.tar".as_slice().into()), Value::Null));
        assert_eq!(row.value(99), Value::Null);
    }
}
