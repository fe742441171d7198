//! Table `columns`: the list of tables and their columns.

use crate::tables::{Name, Table, table};

table! {
    "columns", key(table_name, column_name), brief(table_name, column_name, type, meaning);
    /// The columns of all tables, in the order of the documentation. The rows do not depend on an archive.
    pub struct ColumnRow {
        /// The table.
        pub table_name: Name,
        /// What the table's rows are.
        pub table_meaning: String,
        /// The column.
        pub column_name: Name,
        /// `bool`, `int`, `text`, `address`, `mask`, `time`, `list` or `object`.
        pub r#type: &'static str,
        /// Whether the column is one of those that identify a row.
        pub key: bool,
        /// Meaning of the column, with its unit and what null means.
        pub meaning: String,
    }
}

/// The rows of a table.
pub fn columns_of(table: &Table) -> impl Iterator<Item = ColumnRow> {
    table.columns.iter().map(|column| ColumnRow {
        table_name: table.name.clone(),
        table_meaning: on_one_line(&table.doc),
        column_name: column.name.clone(),
        r#type: column.column_type.as_str(),
        key: table.key.contains(&column.name),
        meaning: on_one_line(&column.doc),
    })
}

/// Documentation in one line.
pub fn on_one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether documentation consists of sentences.
#[cfg(test)]
fn is_sentence(doc: &str) -> bool {
    doc.len() > 3 && doc.ends_with(['.', '…'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::ASKED;

    #[test]
    fn every_table_and_column_has_a_sentence() {
        for table in crate::catalog::all().map(|source| source.table).chain(ASKED.iter().copied()) {
            assert!(is_sentence(&on_one_line(&table.doc)), "{}: {}", table.name, table.doc);
            for row in columns_of(table) {
                assert!(is_sentence(&row.meaning), "{}.{}: {}", table.name, row.column_name, row.meaning);
            }
        }
    }

    #[test]
    fn keys_and_brief_columns_are_columns() {
        for table in crate::catalog::all().map(|source| source.table).chain(ASKED.iter().copied()) {
            for name in table.key.iter().chain(&*table.brief) {
                assert!(table.column(name).is_some(), "{} has no column {name}", table.name);
            }
        }
    }
}
