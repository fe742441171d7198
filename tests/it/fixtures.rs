//! Where the fixtures are, and their rows as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cryoscope::Checkpoint;
use cryoscope::catalog;
use cryoscope::formats::{Columns, Format, RowWriter, Style};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;

/// The rows of some tables, by table.
pub(crate) type Rows = BTreeMap<String, Vec<Value>>;

/// Files of a case that are not its archive.
const BESIDE: [&str; 3] = ["truth.json", "case.json", "README.md"];

/// A path below `fixtures/`, or below the folder that `CRYOSCOPE_FIXTURES` names: a larger corpus of the same form.
pub(crate) fn path(name: &str) -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    std::env::var_os("CRYOSCOPE_FIXTURES").map_or_else(own, PathBuf::from).join(name)
}

/// The folders that have a truth, by name.
pub(crate) fn cases() -> Vec<String> {
    let mut cases: Vec<String> = fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("truth.json").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    cases.sort();
    cases
}

/// The archives of a case: its files but for those about it.
pub(crate) fn archives_of(case: &str) -> Vec<PathBuf> {
    let mut archives: Vec<PathBuf> = fs::read_dir(path(case))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.is_file() && !BESIDE.iter().any(|name| file.ends_with(name)))
        .collect();
    archives.sort();
    assert!(!archives.is_empty(), "{case} has no archive");
    archives
}

/// The one archive of a case.
pub(crate) fn archive_of(case: &str) -> PathBuf {
    match archives_of(case).as_slice() {
        [one] => one.clone(),
        several => panic!("{case} has {} archives", several.len()),
    }
}

/// The lines of a manifest.
pub(crate) fn manifest(name: &str) -> Vec<Value> {
    fs::read_to_string(path(name)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of a checkpoint as any program would read them: NDJSON, parsed.
pub(crate) fn rows_of(checkpoint: &Checkpoint, tables: &[&str]) -> Rows {
    parse(&printed(checkpoint, tables), tables)
}

/// The rows of a checkpoint as NDJSON.
pub(crate) fn printed(checkpoint: &Checkpoint, tables: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let style =
        Style { format: Format::NDJSON, columns: Columns::All, name_tables: true, lead: Vec::new(), width: None };
    let mut writer = RowWriter::new(&mut bytes, style);
    for name in tables {
        let source = catalog::find(name).unwrap_or_else(|| panic!("no table {name}"));
        writer.begin(source.table).unwrap();
        source.each(checkpoint, &mut |row| {
            writer.row(row).unwrap();
            std::ops::ControlFlow::Continue(())
        });
    }
    writer.finish().unwrap();
    bytes
}

/// Rows of NDJSON, by table.
pub(crate) fn parse(bytes: &[u8], tables: &[&str]) -> Rows {
    let mut rows: Rows = tables.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for line in bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let row: Value = serde_json::from_slice(line).unwrap();
        let table = row["table"].as_str().unwrap().to_owned();
        rows.get_mut(&table).unwrap_or_else(|| panic!("a row of {table}, which nobody asked for")).push(row);
    }
    rows
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap());
    bytes.iter().flat_map(digits).collect()
}

/// So many cases of a property, or as many as `PROPTEST_CASES` asks for.
pub(crate) fn cases_of(usual: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    // Beside the source of the property, to be committed with what mends it.
    let failures = FileFailurePersistence::WithSource("failures");
    ProptestConfig { cases, failure_persistence: Some(Box::new(failures)), ..ProptestConfig::default() }
}
