//! What the tables say of real checkpoints, against what `/proc` said of the same processes a moment before the freeze.
//!
//! `truth.json` of a case has the rows of each table, with the columns that can be known from a checkpoint. A table that
//! is there is complete: rows of ours that it has not are wrong. `fixtures/README.md` says how the truth was taken.

use std::collections::BTreeMap;
use std::fs;

use cryoscope::Checkpoint;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::fixtures::{self, Rows};

/// Tables that are compared, with the columns that identify a row.
const KEYS: [(&str, &[&str]); 8] = [
    ("container", &[]),
    ("processes", &["pid"]),
    ("threads", &["pid", "tid"]),
    ("process_envs", &["pid", "position"]),
    ("process_memory_map", &["pid", "start"]),
    ("process_open_files", &["pid", "fd"]),
    ("process_open_sockets", &["pid", "fd"]),
    ("mounts", &["mount_id"]),
];

/// Where the truth knows what the images do not: case, table, column (`None`: the row is not in the truth), how often.
const EXCEPTIONS: [(&str, &str, Option<&str>, usize, &str); 5] = [
    ("criu-1.5-aged", "processes", Some("oom_score_adj"), 2, OOM),
    ("criu-1.5-aged-chain", "processes", Some("oom_score_adj"), 2, OOM),
    ("criu-1.5-agedipc", "processes", Some("oom_score_adj"), 2, OOM),
    ("criu-1.8-tree", "processes", Some("oom_score_adj"), 8, OOM),
    (
        "forms-reference",
        "process_open_files",
        None,
        10,
        "its truth lists the descriptors that the program opened, not 0, 1 and 2, which the image has as well",
    ),
];
const OOM: &str = "CRIU before 2.0 does not record it, and what is not recorded is null, not a default";

#[test]
fn every_fact_of_every_case_is_equal() {
    let mut report = Vec::new();
    let (mut facts, mut exceptions) = (0, 0);
    for case in fixtures::cases() {
        let truth: Value =
            serde_json::from_slice(&fs::read(fixtures::path(&case).join("truth.json")).unwrap()).unwrap();
        for archive in fixtures::archives_of(&case) {
            let checkpoint = Checkpoint::open(&archive).unwrap();
            let tables: Vec<&str> =
                KEYS.iter().map(|(name, _)| *name).filter(|name| truth["tables"].get(name).is_some()).collect();
            let rows = fixtures::rows_of(&checkpoint, &tables);
            let mut differences = Vec::new();
            facts += compare(&truth["tables"], &rows, &mut differences);
            exceptions += except(&case, &mut differences);
            report.extend(differences.iter().map(|difference| format!("{case}: {difference}")));
        }
    }
    assert!(report.is_empty(), "{} differences:\n{}", report.len(), report.join("\n"));
    assert!(facts > 30_000, "only {facts} facts were compared; have fixtures been lost?");
    assert_eq!(exceptions, EXCEPTIONS.iter().map(|e| e.3).sum::<usize>(), "an exception that no case needs any more");
}

/// Takes out what is known to differ. How often each exception must be met is part of it.
fn except(case: &str, differences: &mut Vec<Difference>) -> usize {
    let before = differences.len();
    for (of, table, column, times, why) in EXCEPTIONS {
        let is_met = |d: &Difference| d.table == table && d.column.as_deref() == column;
        if of == case {
            let met = differences.iter().filter(|d| is_met(d)).count();
            assert_eq!(met, times, "{case}: {table} {column:?}: {why}");
            differences.retain(|d| !is_met(d));
        }
    }
    before - differences.len()
}

/// A fact that is not equal.
#[derive(Debug)]
struct Difference {
    table: &'static str,
    key: String,
    /// `None` where a whole row is too many or too few.
    column: Option<String>,
    what: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}] {}: {}", self.table, self.key, self.column.as_deref().unwrap_or("row"), self.what)
    }
}

/// Compares rows with the truth; returns how many facts were compared.
fn compare(truth: &Value, rows: &Rows, differences: &mut Vec<Difference>) -> usize {
    let mut facts = 0;
    for (table, key) in KEYS.iter().filter(|(table, _)| rows.contains_key(*table)) {
        let key_of = |row: &Value| key.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join(",");
        let mut add = |key: &str, column: Option<&str>, what: String| {
            let (key, column) = (key.to_owned(), column.map(str::to_owned));
            differences.push(Difference { table, key, column, what });
        };
        let mut got: BTreeMap<String, &Value> = BTreeMap::new();
        // Of mounts, only what was mounted is known to `/proc`.
        for row in rows[*table].iter().filter(|row| *table != "mounts" || row["from"] == "image") {
            if got.insert(key_of(row), row).is_some() {
                add(&key_of(row), None, "the same key twice".to_owned());
            }
        }
        for want in truth[*table].as_array().unwrap() {
            let key = key_of(want);
            let columns: Vec<(&String, &Value)> =
                want.as_object().unwrap().iter().filter(|(c, _)| *c != "from").collect();
            let Some(row) = got.remove(&key) else {
                add(&key, None, format!("missing, {} facts", columns.len()));
                continue;
            };
            for (column, want) in columns {
                facts += 1;
                let reader = row.get(column).unwrap_or_else(|| panic!("{table} has no column {column}"));
                if !same(table, column, want, reader) {
                    add(&key, Some(column), format!("truth {want}, reader {reader}"));
                }
            }
        }
        for (key, row) in got {
            add(&key, None, format!("not in the truth: {}", brief(row)));
        }
    }
    facts
}

/// Whether a column says what the truth says, whatever the notation.
fn same(table: &str, column: &str, want: &Value, got: &Value) -> bool {
    match (table, column, want, got) {
        ("container", "ip_addresses", Value::Array(want), Value::Array(got)) => {
            let sorted = |list: &[Value]| {
                let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
                texts.sort();
                texts
            };
            sorted(want) == sorted(got)
        }
        ("container", "created", Value::String(want), Value::String(got)) => {
            let moment = |text: &str| text.parse::<Timestamp>().ok();
            moment(want) == moment(got)
        }
        _ => want == got,
    }
}

fn brief(row: &Value) -> String {
    let first: Map<String, Value> = row.as_object().unwrap().clone().into_iter().take(6).collect();
    Value::Object(first).to_string()
}

/// Odd as they may be (zombies whose threads are any numbers, sockets half open), archives that nobody tampered with are read
/// without a warning.
#[test]
fn what_nobody_tampered_with_is_read_without_a_warning() {
    for case in ["console", "criu-1.8-tree", "files", "pod", "sockets-tcp", "tree", "webapp-compromise"] {
        let archive = fixtures::archive_of(case);
        let ran = crate::command::run(["table", archive.to_str().unwrap(), "warnings", "--format", "ndjson"]);
        let warnings: Vec<&str> = ran.out.lines().filter(|row| row.contains(r#""severity":"warning""#)).collect();
        assert!(warnings.is_empty() && ran.code == Some(0), "{case}: {warnings:?}");
    }
}
