//! The forms of the tables' schemas for engines of analysis.

use std::fmt::Write as _;

use cryoscope::catalog;
use cryoscope::tables::{self, Table};
use serde_json::Value;

use crate::command::run;

/// The tables whose schemas are printed.
fn all() -> Vec<&'static Table> {
    let tables = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    tables.chain([&tables::Summary::TABLE]).collect()
}

/// The forms in SQL, and how each quotes a name.
const SQL: [(&str, char); 5] = [("spark", '`'), ("duckdb", '"'), ("clickhouse", '`'), ("trino", '"'), ("athena", '`')];

fn printed(form: &str, tables: &[&str]) -> String {
    run(["schema", "--format", form].into_iter().chain(tables.iter().copied())).ok()
}

#[test]
fn forms_of_a_table_are_as_they_were() {
    let mut text = String::new();
    let forms = SQL.iter().map(|(form, _)| *form).chain(["arrow"]);
    for form in forms.chain(cfg!(feature = "parquet").then_some("parquet")) {
        let _ = writeln!(text, "-- {form}\n{}", printed(form, &["limits", "namespaces"]));
    }
    insta::assert_snapshot!("schema_forms", text);
}

/// The columns of a table, and those that files have beside them.
fn names(table: &'static Table) -> Vec<&'static str> {
    let mut names = vec!["archive", "set", "archive_sha256"];
    // A table that has one of them has it in the same place.
    let own = table.columns.iter().map(|column| &*column.name).filter(|name| !names.contains(name));
    names.extend(own.collect::<Vec<_>>());
    names.push("_hex");
    names
}

#[test]
fn every_column_of_every_table_is_in_every_form_of_sql() {
    for (form, quote) in SQL {
        let sql = printed(form, &[]);
        let statements: Vec<&str> = sql.split_terminator(";\n").collect();
        assert_eq!(statements.len(), all().len(), "{form}");
        for (statement, table) in statements.into_iter().zip(all()) {
            let quoted = |name: &str| format!("{quote}{name}{quote}");
            assert!(statement.contains(&format!("TABLE {} (\n", quoted(&table.name))), "{statement}");
            let columns = statement.lines().filter_map(|line| line.strip_prefix("  ")?.strip_prefix(quote));
            let found: Vec<&str> = columns.map(|line| line.split(quote).next().unwrap()).collect();
            assert_eq!(found, names(table), "{form} of {}", table.name);
        }
    }
}

#[test]
fn every_column_of_every_table_has_a_type_of_arrow() {
    let schemas: Value = serde_json::from_str(&printed("arrow", &[])).unwrap();
    assert_eq!(schemas.as_object().unwrap().len(), all().len());
    for table in all() {
        let fields = schemas[&*table.name]["fields"].as_array().unwrap();
        let found: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
        assert_eq!(found, names(table), "{}", table.name);
        for field in fields {
            let children = field["children"].as_array().unwrap().len();
            assert_eq!(children, usize::from(field["type"]["name"] == "list"), "{field}");
        }
    }
}

/// The message is the one that files have, and can be read again.
#[cfg(feature = "parquet")]
#[test]
fn messages_of_parquet_are_those_of_files() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::printer::print_schema;

    let messages = printed("parquet", &[]);
    let messages: Vec<&str> = messages.split_inclusive("\n}\n").collect();
    assert_eq!(messages.len(), all().len());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let archive = crate::fixtures::archive_of("tree");
    let flags = ["table", "--all", "-q", "--source-id", "path", "--format", "parquet", "--output-dir"];
    run(flags.into_iter().chain([out.to_str().unwrap(), archive.to_str().unwrap()]));
    let mut compared = 0;
    for (message, table) in messages.into_iter().zip(all()) {
        let schema = parse_message_type(message).unwrap_or_else(|error| panic!("{error}: {message}"));
        let columns: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        assert_eq!(columns, names(table), "{}", table.name);
        let Ok(file) = std::fs::File::open(out.join(&*table.name).join("part-000001.parquet")) else { continue };
        let mut text = Vec::new();
        print_schema(&mut text, SerializedFileReader::new(file).unwrap().metadata().file_metadata().schema());
        let of_file = String::from_utf8(text).unwrap();
        // What is hashed and what is one of several, not every run has.
        let may_lack = ["  OPTIONAL BYTE_ARRAY archive_sha256 (STRING);", "  OPTIONAL BYTE_ARRAY set (STRING);"];
        let lines = |text: &str| -> Vec<String> {
            text.trim().lines().filter(|line| !may_lack.contains(line)).map(str::to_owned).collect()
        };
        assert_eq!(lines(message), lines(&of_file), "{}", table.name);
        compared += 1;
    }
    assert_eq!(compared, catalog::all().count() + 1);
}
