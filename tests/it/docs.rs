//! Pages that are generated from the code: tables, warnings, SIEM fields, the schema. `UPDATE_DOCS=1 cargo test docs` rewrites
//! them.

use std::fmt::Write as _;
use std::path::Path;

use cryoscope::catalog;
use cryoscope::tables::System;
use cryoscope::{Code, tables};

#[test]
fn tables_are_documented() {
    let mut text = "# Tables\n\nEvery output is made of rows of these tables. Any column can be null, which means that the \
                    archive does not say. Times are\nRFC 3339 in UTC, addresses and masks hexadecimal text, sizes bytes. For text \
                    that is not UTF-8, `<column>_hex` has all bytes. The\n[glossary](glossary.md) explains the words.\n"
        .to_owned();
    for table in catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied()) {
        let _ = write!(text, "\n## `{}`\n\n{}\n\n", table.name, flat(&table.doc));
        if !table.key.is_empty() {
            let keys: Vec<String> = table.key.iter().map(|key| format!("`{key}`")).collect();
            let _ = write!(text, "Key: {}.\n\n", keys.join(", "));
        }
        text.push_str("| column | type | meaning |\n| --- | --- | --- |\n");
        for column in table.columns.iter() {
            // Rows of several tables have a key of this name.
            assert_ne!(column.name, "table", "a column of {}", table.name);
            let _ = writeln!(text, "| `{}` | {} | {} |", column.name, column.column_type.as_str(), flat(&column.doc));
        }
    }
    compare("docs/tables.md", &text);
}

#[test]
fn warnings_are_documented() {
    let mut text =
        "# Warnings\n\nEach names the member, record and offset that it is about. A *warning* means that something is \
                    missing or wrong: the answer is partial,\nand the exit code is 3. A *note* means that something is \
                    odd, but nothing is missing; `--verbose` prints notes too. The codes are\nstable.\n\n\
                    | code | severity | meaning |\n| --- | --- | --- |\n"
            .to_owned();
    for code in Code::ALL {
        let _ = writeln!(text, "| `{code}` | {} | {} |", code.severity().as_str(), flat(code.meaning()));
    }
    compare("docs/warnings.md", &text);
}

#[test]
fn where_columns_go_is_documented() {
    let mut text =
        "# SIEM fields\n\nThese columns have a field in another schema. All others keep their own names: in ECS below \
                    `cryoscope` and the name given\nhere, in OCSF in `unmapped`, in Timesketch at the top level. \
                    [siem.md](siem.md) describes what else documents contain.\n"
            .to_owned();
    let all = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    for table in all.chain([&tables::Summary::TABLE]).filter(|table| table.event != tables::Event::PLAIN) {
        let event = &table.event;
        let prefix = if event.prefix.is_empty() { &*table.name } else { event.prefix };
        let action = if event.action.is_empty() { &*table.name } else { event.action };
        let kind = format!("`event.kind` `{}`, `event.action` `{action}`", event.kind);
        let _ = write!(text, "\n## `{}`\n\nECS: {kind}, own columns below `cryoscope.{prefix}`.\n", table.name);
        if let Some(secrets) = event.secrets {
            let columns: Vec<String> = secrets.columns.iter().map(|name| format!("`{name}`")).collect();
            let only_if = secrets.only_if.map(|(column, value)| format!(" in rows whose `{column}` is `{value}`"));
            let only_if = only_if.unwrap_or_default();
            let _ = writeln!(text, "Omitted unless `--with-env` is given: {}{only_if}.", columns.join(", "));
        }
        let going: Vec<_> = table.columns.iter().filter(|column| !column.targets().is_empty()).collect();
        if going.is_empty() {
            continue;
        }
        text.push_str("\n| column | ECS | OCSF | Timesketch |\n| --- | --- | --- | --- |\n");
        for column in going {
            let of = |system| -> String {
                let targets = column.targets().iter().filter(|target| target.system == system);
                let names: Vec<String> = targets.map(|target| format!("`{}`", target.field)).collect();
                names.join(", ")
            };
            let (ecs, ocsf, timesketch) = (of(System::Ecs), of(System::Ocsf), of(System::Timesketch));
            let flow = of(System::Flow);
            let flow = if flow.is_empty() { flow } else { format!("source or destination ({flow})") };
            let _ = writeln!(text, "| `{}` | {ecs}{flow} | {ocsf} | {timesketch} |", column.name);
        }
    }
    compare("docs/siem-fields.md", &text);
}

#[test]
fn the_schema_of_rows_is_documented() {
    // `row_schema` compares this with the previous one.
    let tables = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    compare("docs/schema.json", &format!("{}\n", cryoscope::formats::pretty(&catalog::schema(tables))));
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

pub(crate) fn compare(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is stale; UPDATE_DOCS=1 cargo test docs rewrites it", path.display());
}
