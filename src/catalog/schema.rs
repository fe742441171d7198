//! The tables as JSON Schema (draft 2020-12), for programs that read our rows.

use serde_json::{Map, Value as Json, json};

use crate::tables::{Column, DumpedRun, Extracted, Summary, Table, Type};

/// Version of the schema. The first number changes when a column is removed, renamed or changes its type, which breaks
/// readers; the second when one is added.
pub const SCHEMA_VERSION: &str = "3.0";

/// Returns the schema of the rows of some tables, with one definition per table. If all tables are given, it is
/// complete: it also has the rows that `show` and `list` print for each checkpoint, and those of `query`, and tells
/// which command prints which.
pub fn schema(tables: impl Iterator<Item = &'static Table>) -> Json {
    let mut definitions: Map<String, Json> = tables.map(|table| (table.name.to_string(), of_table(table))).collect();
    let mut commands = Map::new();
    if super::all().all(|source| definitions.contains_key(&*source.table.name)) {
        let listed = &*Summary::TABLE.name;
        definitions.insert(listed.to_owned(), of_table(&Summary::TABLE));
        definitions.insert("query".to_owned(), of_query());
        let prints = [
            ("show", listed, "A row for each checkpoint."),
            ("list", listed, "A row for each checkpoint of the directory."),
            ("query", "query", "A row for each row of the result."),
        ];
        commands.extend(prints.map(|(command, row, description)| (command.to_owned(), printed(row, description))));
    }
    let any: Vec<Json> = definitions.keys().map(|name| json!({ "$ref": format!("#/$defs/{name}") })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rows of cryoscope",
        "version": SCHEMA_VERSION,
        "description": "A row is an object with all columns of its table. Any column can be null: the archive does not say. \
                        Columns may be added at any time; existing ones stay. `commands` says which rows a \
                        command prints, as `--format json` and a line each, as `--format ndjson`.",
        "anyOf": any,
        "commands": commands,
        "$defs": definitions,
    })
}

/// Describes the output of a command, by `--format`.
fn printed(row: &str, description: &str) -> Json {
    let row = json!({ "$ref": format!("#/$defs/{row}") });
    json!({
        "description": description,
        "json": { "type": "array", "items": row },
        "ndjson": row,
    })
}

/// A result row of `query`. Its columns depend on the SQL.
fn of_query() -> Json {
    json!({
        "type": "object",
        "description": "A row of the result, with the columns of the SQL in order. Lists and objects are JSON text. A \
                        second column with the same name is `name_2`. Values that are not text have U+FFFD for each byte that is not UTF-8, and \
                        one more key, `<column>_hex`, with all bytes.",
        "properties": {},
        "additionalProperties": { "type": ["integer", "number", "string", "null"] },
    })
}

fn of_table(table: &Table) -> Json {
    let mut properties = Map::new();
    // Columns that distinguish tables, archives and checkpoints. A table may have columns with the same names.
    for (name, description) in [
        ("table", "Name of the table, if there are several."),
        ("archive", "Archive of the row, if there are several."),
        ("set", "Directory in the archive, if it holds several checkpoints."),
        ("archive_sha256", "SHA-256 of the archive, if it was hashed."),
    ] {
        properties.insert(name.to_owned(), json!({ "type": "string", "description": description }));
    }
    if let Some(Json::Object(name)) = properties.get_mut("table") {
        name.insert("const".to_owned(), (*table.name).into());
    }
    for column in table.columns.iter() {
        properties.insert(column.name.to_string(), of_column(column));
        if matches!(column.column_type, Type::Text | Type::List) {
            let own = table.columns.iter().any(|other| other.name == format!("{}_hex", column.name));
            if !own {
                properties.insert(format!("{}_hex", column.name), of_hex(column));
            }
        }
    }
    let own = table.columns.iter().map(|column| &*column.name);
    // Files of rows written next to extracted files belong to a known archive.
    let is_beside = [Extracted::TABLE.name, DumpedRun::TABLE.name].contains(&table.name);
    let before = ["archive", "set"].into_iter().filter(|name| !is_beside && table.column(name).is_none());
    let names: Vec<&str> = before.chain(own).collect();
    json!({
        "type": "object",
        "description": flat(&table.doc),
        "x-key": table.key,
        "properties": properties,
        "required": names,
        // The user's own keys and values.
        "additionalProperties": { "type": "string" },
    })
}

/// The key for all bytes of a column.
fn of_hex(column: &Column) -> Json {
    let description = format!("All bytes of `{}` in hexadecimal, if they are not UTF-8.", column.name);
    match column.column_type {
        Type::Text => json!({ "type": "string", "description": description }),
        _ => json!({ "type": "array", "items": { "type": ["string", "null"] }, "description": description }),
    }
}

fn of_column(column: &Column) -> Json {
    let mut rules = of_type(column.column_type, column.wide);
    if let Some(item) = column.item {
        rules.insert("items".to_owned(), Json::Object(of_type(item, false)));
    }
    rules.insert("description".to_owned(), flat(&column.doc).into());
    Json::Object(rules)
}

/// The schema of a type. Any value can be null.
fn of_type(column_type: Type, wide: bool) -> Map<String, Json> {
    let (name, pattern, format) = match column_type {
        Type::Bool => ("boolean", None, None),
        Type::Integer if wide => ("integer", None, Some("uint64")),
        Type::Integer => ("integer", None, Some("int64")),
        Type::Text => ("string", None, None),
        Type::Address => ("string", Some("^0x[0-9a-f]+$"), None),
        Type::Mask => ("string", Some("^([0-9a-f]{16}){1,2}$"), None),
        Type::Time => (
            "string",
            Some("^-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{9}Z$"),
            Some("date-time"),
        ),
        Type::Any => return Map::new(),
        Type::List => ("array", None, None),
        Type::Object => ("object", None, None),
    };
    let mut rules = Map::new();
    rules.insert("type".to_owned(), json!([name, "null"]));
    rules.extend(pattern.map(|pattern| ("pattern".to_owned(), pattern.into())));
    rules.extend(format.map(|format| ("format".to_owned(), format.into())));
    if column_type == Type::Integer && wide {
        rules.insert("minimum".to_owned(), 0.into());
        rules.insert("maximum".to_owned(), u64::MAX.into());
    }
    rules
}

fn flat(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
