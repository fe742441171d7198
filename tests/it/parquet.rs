//! Parquet says what NDJSON says, in types that engines take, whatever archives hold.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use cryoscope::catalog;
use cryoscope::formats::{Columns, Format, RowWriter, Style};
use cryoscope::tables::{self, Column, Row, Table, Type, Value};
use parquet::basic::{Encoding, LogicalType, Type as Physical};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, SortingColumn};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::printer::print_schema;
use serde_json::{Value as Json, json};

use crate::command::{cryoscope, run, run_with};
use crate::{fixtures, hostile};

/// All tables, those too that are asked for by commands of their own.
fn all() -> impl Iterator<Item = &'static Table> {
    catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied())
}

/// A value of a file as JSON; times as microseconds.
fn of_field(field: &Field) -> Json {
    match field {
        Field::Null => Json::Null,
        Field::Bool(on) => (*on).into(),
        Field::Long(number) | Field::TimestampMicros(number) => (*number).into(),
        Field::Decimal(number) => {
            let bytes = number.data().iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
            u64::try_from(bytes).unwrap().into()
        }
        Field::Str(text) => text.as_str().into(),
        Field::ListInternal(list) => list.elements().iter().map(of_field).collect(),
        other => panic!("{other:?}"),
    }
}

/// The rows of a file, as JSON.
fn rows_of(path: &Path) -> Vec<Json> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = |row: parquet::record::Row| {
        row.get_column_iter().map(|(name, field)| (name.clone(), of_field(field))).collect::<Json>()
    };
    reader.get_row_iter(None).unwrap().map(|found| row(found.unwrap())).collect()
}

/// The schema of a file, without the name of the table.
fn schema_of(path: &Path) -> String {
    let mut text = Vec::new();
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    print_schema(&mut text, reader.metadata().file_metadata().schema());
    String::from_utf8(text).unwrap()
}

/// What a cell of NDJSON is in Parquet.
fn expected(column: &Column, cell: &Json) -> Json {
    match (column.column_type, cell) {
        (_, Json::Null) => Json::Null,
        (Type::Time, time) => {
            let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
            time.as_microsecond().into()
        }
        (Type::List, Json::Array(items)) if !matches!(column.item, Some(Type::Text | Type::Integer)) => {
            items.iter().map(|item| Json::from(item.to_string())).collect()
        }
        (_, cell) => cell.clone(),
    }
}

#[test]
fn each_cell_is_what_ndjson_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut cells = 0;
    let hostile = folder.path().join("hostile.tar");
    std::fs::write(&hostile, hostile::all_text_hostile("files-more")).unwrap();
    let archives = ["webapp-compromise", "files", "counters", "ipc", "criu-3.17-unix"];
    let archives = archives.map(|case| (case, fixtures::archive_of(case)));
    for (case, archive) in archives.into_iter().chain([("hostile", hostile)]) {
        let out = |format: &str| {
            let path = folder.path().join(format!("{case}-{format}"));
            let paths = [archive.to_str().unwrap(), "--output-dir", path.to_str().unwrap()];
            run(["table", "--all", "-q", "--stable-secret-hash", "--source-id", "path", "--format", format]
                .into_iter()
                .chain(paths));
            path
        };
        let (columns, lines) = (out("parquet"), out("ndjson"));
        for table in catalog::all().map(|source| source.table) {
            let name = &*table.name;
            let found = rows_of(&columns.join(name).join("part-000001.parquet"));
            let text = std::fs::read_to_string(lines.join(format!("{name}.ndjson"))).unwrap();
            assert_eq!(found.len(), text.lines().count(), "{name}");
            for (row, line) in found.into_iter().zip(text.lines()) {
                let line: Json = serde_json::from_str(line).unwrap();
                assert_eq!(row["archive"], line["archive"]);
                let lost: Json = row["_hex"].as_str().map_or(Json::Null, |text| serde_json::from_str(text).unwrap());
                for column in table.columns.iter() {
                    let (found, cell) = (&row[&*column.name], &line[&*column.name]);
                    if column.column_type == Type::Object && !cell.is_null() {
                        let found: Json = serde_json::from_str(found.as_str().unwrap()).unwrap();
                        assert_eq!(found, *cell, "{name}.{}", column.name);
                    } else {
                        assert_eq!(*found, expected(column, cell), "{name}.{}", column.name);
                    }
                    let own = table.column(&format!("{}_hex", column.name)).is_some();
                    if !own {
                        assert_eq!(lost[&*column.name], line[format!("{}_hex", column.name)], "{name}.{}", column.name);
                    }
                    cells += 1;
                }
            }
        }
    }
    assert!(cells > 10_000, "{cells} cells");
    let archive = fixtures::archive_of("tree");
    let several = run(["inspect", archive.to_str().unwrap(), "--format", "parquet"]);
    assert_eq!((several.code, several.out.as_str()), (Some(2), ""), "a file has one table");
}

/// A row with values that somebody made up; all others are null.
struct Made {
    table: &'static Table,
    values: Vec<(&'static str, Value<'static>)>,
}

impl Row for Made {
    fn table(&self) -> &Table {
        self.table
    }

    fn value(&self, number: usize) -> Value<'_> {
        let name = &self.table.columns[number].name;
        self.values.iter().find(|(column, _)| column == name).map_or(Value::Null, |(_, value)| value.clone())
    }
}

/// A file of some rows, each with its archive.
fn written(path: &Path, table: &'static Table, rows: impl IntoIterator<Item = (String, Made)>) {
    let style = Style {
        format: Format::PARQUET,
        columns: Columns::All,
        name_tables: false,
        lead: vec!["archive".to_owned()],
        width: None,
    };
    let mut writer = RowWriter::new(File::create(path).unwrap(), style);
    writer.encoder().lead(vec![None]);
    writer.begin(table).unwrap();
    for (archive, row) in rows {
        writer.encoder().lead(vec![Some(archive.into())]);
        writer.row(&row).unwrap();
        assert!(writer.waiting() < 20 << 20, "{}", writer.waiting());
    }
    writer.finish().unwrap();
}

fn named(name: &str) -> &'static Table {
    all().find(|table| table.name == name).unwrap()
}

#[test]
fn lists_are_null_or_empty_or_have_items_that_are_null_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("processes.parquet");
    let table = named("processes");
    let bytes = |bytes: &'static [u8]| Value::Bytes(Cow::Borrowed(bytes));
    let lists = [
        Value::Null,
        Value::List(vec![]),
        Value::List(vec![Value::Null]),
        Value::List(vec![bytes(b"a"), Value::Null, bytes(b"\xffb"), bytes(b"")]),
        Value::Null,
        Value::List(vec![bytes(b"a")]),
    ];
    let numbers = [
        Value::List(vec![Value::Integer(7), Value::Null]),
        Value::List(vec![]),
        Value::Null,
        Value::List(vec![Value::Integer(i64::MAX.into()), Value::Integer(u64::MAX.into())]),
        Value::List(vec![Value::Null]),
        Value::Null,
    ];
    let row = |(argv, groups)| Made { table, values: vec![("argv", argv), ("groups", groups)] };
    let rows = lists.into_iter().zip(numbers).map(|both| ("a".to_owned(), row(both)));
    written(&path, table, rows);
    let found = rows_of(&path);
    let column = |name: &str| found.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        column("argv"),
        [json!(null), json!([]), json!([null]), json!(["a", null, "\u{fffd}b", ""]), json!(null), json!(["a"])]
    );
    assert_eq!(
        column("groups"),
        [json!([7, null]), json!([]), json!(null), json!([i64::MAX, null]), json!([null]), json!(null)]
    );
    let lost: Vec<Option<Json>> =
        column("_hex").iter().map(|text| text.as_str().map(|text| serde_json::from_str(text).unwrap())).collect();
    let third = json!({ "argv": ["61", null, "ff62", ""], "groups": [null, "0xffffffffffffffff"] });
    assert_eq!(lost, [None, None, None, Some(third), None, None]);
}

/// Of each table a row with the greatest numbers: what has no room is in `_hex`, and only that.
#[test]
fn numbers_that_have_no_room_are_null_and_stand_exact_in_hex() {
    let folder = tempfile::tempdir().unwrap();
    let (mut large, mut narrow) = (0, 0);
    for table in all() {
        let path = folder.path().join(format!("{}.parquet", table.name));
        let whole: Vec<&'static Column> =
            table.columns.iter().filter(|column| column.column_type == Type::Integer).collect();
        assert!(whole.iter().all(|column| !column.large || column.wide), "{}", table.name);
        let most = |column: &&'static Column| {
            let most = if column.wide { u64::MAX.into() } else { i64::MAX.into() };
            (&*column.name, Value::Integer(most))
        };
        let row = Made { table, values: whole.iter().map(most).collect() };
        written(&path, table, [("a".to_owned(), row)]);
        let [row] = rows_of(&path).try_into().unwrap();
        let lost: Json = row["_hex"].as_str().map_or(Json::Null, |text| serde_json::from_str(text).unwrap());
        for column in whole {
            let (found, lost) = (&row[&*column.name], &lost[&*column.name]);
            let (number, hex) = match (column.large, column.wide) {
                (true, _) => (json!(u64::MAX), json!(null)),
                (false, true) => (json!(null), json!("0xffffffffffffffff")),
                (false, false) => (json!(i64::MAX), json!(null)),
            };
            assert_eq!((found, lost), (&number, &hex), "{}.{}", table.name, column.name);
            large += usize::from(column.large);
            narrow += usize::from(column.wide && !column.large);
        }
    }
    assert!(large >= 5 && narrow > 100, "{large} and {narrow}");
}

/// Nothing that engines stumble over, and the same whether there are rows or not.
#[test]
fn types_are_plain_and_the_same_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (full, empty) = (folder.path().join("full"), folder.path().join("empty"));
    let table = |archives: &[&Path], out: &Path| {
        let flags = ["table", "--all", "-q", "--source-id", "path", "--format", "parquet", "--output-dir"];
        let arguments = flags.map(AsRef::<std::ffi::OsStr>::as_ref).into_iter().chain([out.as_os_str()]);
        run(arguments.chain(archives.iter().map(|path| path.as_os_str())))
    };
    let broken = folder.path().join("broken.tar");
    std::fs::write(&broken, b"no archive").unwrap();
    table(&[&fixtures::archive_of("webapp-compromise"), &fixtures::archive_of("files")], &full);
    table(&[&broken, &folder.path().join("not-there.tar")], &empty);
    for table in catalog::all().map(|source| source.table) {
        let path = |folder: &Path| folder.join(&*table.name).join("part-000001.parquet");
        let schema = schema_of(&path(&full));
        assert_eq!(schema, schema_of(&path(&empty)), "{}", table.name);
        assert_eq!(rows_of(&path(&empty)).len(), 0);
        assert!(!schema.contains("JSON") && !schema.contains("false)"), "{schema}");
        let reader = SerializedFileReader::new(File::open(path(&full)).unwrap()).unwrap();
        let file = reader.metadata().file_metadata();
        assert!(file.created_by().unwrap().starts_with("cryoscope version "));
        let names: Vec<&str> = file.schema().get_fields().iter().map(|field| field.name()).collect();
        let own = table.columns.iter().map(|column| &*column.name);
        assert_eq!(
            names,
            ["archive", "set", "archive_sha256"].into_iter().chain(own).chain(["_hex"]).collect::<Vec<_>>()
        );
        for column in file.schema_descr().columns() {
            let is_plain = match column.physical_type() {
                Physical::BOOLEAN => column.logical_type_ref().is_none(),
                Physical::BYTE_ARRAY => matches!(column.logical_type_ref(), Some(LogicalType::String)),
                Physical::INT64 => matches!(
                    column.logical_type_ref(),
                    Some(LogicalType::Integer { .. } | LogicalType::Timestamp { .. })
                ),
                Physical::FIXED_LEN_BYTE_ARRAY => {
                    matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }))
                }
                _ => false,
            };
            assert!(is_plain, "{}.{}: {column:?}", table.name, column.path());
        }
    }
}

fn metadata_of(path: &Path) -> ParquetMetaData {
    let pages = parquet::file::metadata::PageIndexPolicy::Required;
    let reader = ParquetMetaDataReader::new().with_page_index_policy(pages);
    reader.parse_and_finish(&File::open(path).unwrap()).unwrap()
}

/// A group of rows says that it is sorted if it is, and only then.
#[test]
fn groups_say_whether_they_are_sorted_and_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("strings.parquet");
    let table = named("process_envs");
    // 40 MiB: some groups, of which the last has archives that fall.
    let archive =
        |n: u32| if n < 40_000 { format!("a{:05}.tar", n / 100) } else { format!("a{:05}.tar", 99_999 - n / 100) };
    let row = |n: u32| {
        let text = Value::Text(format!("{n:06}{}", "x".repeat(994)).into());
        (archive(n), Made { table, values: vec![("pid", Value::Integer(n.into())), ("value", text)] })
    };
    written(&path, table, (0..41_000).map(row));
    let metadata = metadata_of(&path);
    let groups = metadata.row_groups();
    assert!(groups.len() > 1, "{}", groups.len());
    let by_archive = vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }];
    let mut number = 0_i64;
    let rows = rows_of(&path);
    assert_eq!(rows.len(), 41_000);
    let mut sorted = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let pid = group.columns().iter().position(|column| column.column_path().string() == "pid").unwrap();
        let statistics = group.column(pid).statistics().unwrap();
        assert_eq!(statistics.min_bytes_opt(), Some(number.to_le_bytes().as_slice()));
        let begin = u32::try_from(number).unwrap();
        number += group.num_rows();
        let end = u32::try_from(number).unwrap();
        let is_sorted = (begin..end).map(archive).is_sorted();
        assert_eq!(group.sorting_columns(), is_sorted.then_some(&by_archive), "{begin} to {end}");
        sorted.push(is_sorted);
        assert_eq!(statistics.max_bytes_opt(), Some((number - 1).to_le_bytes().as_slice()));
        let value = group.columns().iter().position(|column| column.column_path().string() == "value").unwrap();
        assert_eq!(group.column(value).statistics().unwrap().max_bytes_opt().map(<[u8]>::len), Some(64));
        assert!(group.column(0).encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
        let pages = metadata.page_index().unwrap();
        assert!(pages.column_index(index, pid).is_some() && pages.offset_index(index, pid).is_some());
    }
    assert!(sorted.contains(&true) && sorted.contains(&false), "{sorted:?}");
    for (n, row) in rows.iter().enumerate() {
        let n = u32::try_from(n).unwrap();
        assert_eq!((row["archive"].as_str(), row["pid"].as_u64()), (Some(archive(n).as_str()), Some(n.into())));
    }
}

/// To a file, to standard output and through a pipe: the same bytes.
#[test]
fn standard_output_takes_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let archive = fixtures::archive_of("webapp-compromise");
    let arguments = ["table", archive.to_str().unwrap(), "processes", "-q", "--format", "parquet"];
    let (file, redirected) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    let _ = run(arguments.into_iter().chain(["-o", file.to_str().unwrap()])).ok();
    let bytes = std::fs::read(&file).unwrap();
    let mut command = cryoscope(folder.path());
    let done = command.args(arguments).stdout(File::create(&redirected).unwrap()).status().unwrap();
    assert!(done.success());
    assert_eq!(std::fs::read(&redirected).unwrap(), bytes);
    let piped = cryoscope(folder.path()).args(arguments).stdout(Stdio::piped()).output().unwrap();
    assert_eq!(piped.stdout, bytes);
    assert!(rows_of(&file).len() > 10);
    // From standard input as well.
    let input = std::fs::read(&archive).unwrap();
    let from_input = folder.path().join("c.parquet");
    let arguments = ["table", "-", "processes", "-q", "--format", "parquet", "-o", from_input.to_str().unwrap()];
    let named = arguments.into_iter().chain(["--source-name", archive.to_str().unwrap()]);
    let _ = run_with(&input, named).ok();
    assert_eq!(rows_of(&from_input), rows_of(&file));
}
