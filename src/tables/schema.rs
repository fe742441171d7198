//! The tables as JSON Schema (draft 2020-12), for programs that read our rows.

use serde_json::{Map, Value as Json, json};

use super::table::{Column, Table};
use super::value::Type;
use super::{ALL, DumpedRun, Extracted, Summary};

/// The version of the schema: the first number changes when a column is removed, renamed or gets another type, which
/// breaks who reads it; the second when one is added.
pub const SCHEMA_VERSION: &str = "3.0";

/// The schema of the rows of some tables, one definition a table. With all tables it is whole: it has the rows that `show` and
/// `list` print of each checkpoint, too, and those of `query`, and says which command prints which.
pub fn schema(tables: impl Iterator<Item = &'static Table>) -> Json {
    let mut definitions: Map<String, Json> = tables.map(|table| (table.name.to_string(), of_table(table))).collect();
    let mut commands = Map::new();
    if ALL.iter().all(|source| definitions.contains_key(&*source.table.name)) {
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
                        Columns are added without notice; what is here stays. `commands` says which rows a \
                        command prints, as `--format json` and a line each, as `--format ndjson`.",
        "anyOf": any,
        "commands": commands,
        "$defs": definitions,
    })
}

/// What a command prints, by `--format`.
fn printed(row: &str, description: &str) -> Json {
    let row = json!({ "$ref": format!("#/$defs/{row}") });
    json!({
        "description": description,
        "json": { "type": "array", "items": row },
        "ndjson": row,
    })
}

/// A row of a result of `query`: which columns it has, the SQL says.
fn of_query() -> Json {
    json!({
        "type": "object",
        "description": "A row of a result: its columns are those of the SQL, in their order. Lists and objects are JSON text; a \
                        second column of one name is `name_2`. What is no text has U+FFFD for each byte that is not UTF-8, and \
                        one more key, `<column>_hex`, with all bytes.",
        "properties": {},
        "additionalProperties": { "type": ["integer", "number", "string", "null"] },
    })
}

fn of_table(table: &Table) -> Json {
    let mut properties = Map::new();
    // What tells rows of several tables, archives and checkpoints apart. Tables may have columns of these names.
    for (name, description) in [
        ("table", "The table, where there are rows of several."),
        ("archive", "The archive, where there are rows of several."),
        ("set", "The folder in the archive, where there are several checkpoints."),
        ("archive_sha256", "SHA-256 of the archive's bytes, where it was hashed."),
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
    // Of what lies beside files that were written, everybody knows where it is from.
    let is_beside = [Extracted::TABLE.name, DumpedRun::TABLE.name].contains(&table.name);
    let before = ["archive", "set"].into_iter().filter(|name| !is_beside && table.column(name).is_none());
    let names: Vec<&str> = before.chain(own).collect();
    json!({
        "type": "object",
        "description": flat(&table.doc),
        "x-key": table.key,
        "properties": properties,
        "required": names,
        // Keys and values of the user's own.
        "additionalProperties": { "type": "string" },
    })
}

/// The key that tells all bytes of a column.
fn of_hex(column: &Column) -> Json {
    let description = format!("All bytes of `{}` in hexadecimal, where they are not UTF-8.", column.name);
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

/// What a value of a type is. Any can be null.
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
