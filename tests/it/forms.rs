//! Odd forms of one checkpoint read like their reference.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::command::cryoscope;
use crate::fixtures::{self, Rows};

const TABLES: [&str; 8] = [
    "container",
    "processes",
    "threads",
    "process_envs",
    "process_memory_map",
    "process_open_files",
    "process_open_sockets",
    "mounts",
];

/// What differs between two archives of one container, whatever their form.
const NOT_COMPARED: [&str; 4] = ["annotations", "labels", "checkpointed", "checkpointed_from"];

pub(crate) fn exit_code(expected: &Value) -> Option<i32> {
    Some(match expected.as_str()? {
        "ok" => 0,
        "partial" => 3,
        "error" => 2,
        other => panic!("a manifest expects {other}"),
    })
}

/// Does the same with every item, on as many threads as there are processors; what comes back is what went wrong.
pub(crate) fn each<T: Sync>(items: &[T], check: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // Items take more or less time, so each thread takes the next one that is left.
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| items.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.flat_map(&check).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn odd_forms_read_like_their_reference() {
    let home = tempfile::tempdir().unwrap();
    let read = |name: &str| -> (Option<i32>, Rows) {
        let output = cryoscope(home.path())
            .arg("table")
            .arg(fixtures::path(name))
            .args(TABLES)
            .args(["--format", "ndjson"])
            .output()
            .unwrap();
        let mut rows = fixtures::parse(&output.stdout, &TABLES);
        for (table, rows) in &mut rows {
            let is_compared = |column: &str| {
                !matches!(column, "archive" | "set") && (table != "container" || !NOT_COMPARED.contains(&column))
            };
            for row in rows {
                row.as_object_mut().unwrap().retain(|column, _| is_compared(column));
            }
        }
        (output.status.code(), rows)
    };
    let entries = fixtures::manifest("MANIFEST.forms.jsonl");
    let wrong = each(&entries, |entry| {
        let name = entry["archive"].as_str().unwrap();
        let (code, mut rows) = read(name);
        let mut wrong = Vec::new();
        if code != exit_code(&entry["expect"]) {
            wrong.push(format!("{name}: exit {code:?}, expected {}", entry["expect"]));
        }
        for column in ["engine", "pod", "namespace"] {
            let of_container = rows["container"].first().map_or(&Value::Null, |row| &row[column]);
            if let Some(expected) = entry.get(column).filter(|expected| *expected != of_container) {
                wrong.push(format!("{name}: {column} is {of_container}, expected {expected}"));
            }
        }
        if let Some(reference) = entry["same_as"].as_str() {
            let mut expected = read(reference).1;
            if matches!(entry["form"].as_str(), Some("bare" | "docker-archive" | "oci-layout")) {
                // What the engine knew is not in these forms.
                for table in ["container", "mounts"] {
                    rows.remove(table);
                    expected.remove(table);
                }
            }
            assert!(expected.values().any(|rows| !rows.is_empty()));
            if rows != expected {
                wrong.push(format!("{name}: rows differ from those of {reference}"));
            }
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(entries.len() > 45, "have fixtures been lost?");
}
