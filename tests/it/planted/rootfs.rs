//! What was changed on disk, and what was written to logs.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::{each, opened, planted};
use crate::fixtures::{Rows, rows_of};

/// The row of a path.
fn change<'r>(rows: &'r Rows, path: &Value) -> Option<&'r Value> {
    rows["rootfs_changes"].iter().find(|row| row["path"] == *path)
}

#[test]
fn changed_files_are_listed_with_mode_and_size() {
    let mut missing = Vec::new();
    each("file", &["rootfs_changes"], |case, fact, rows| {
        let Some(row) = change(rows, &fact["path"]) else {
            missing.push(fact["path"].as_str().unwrap().to_owned());
            return;
        };
        assert_eq!(row["change"], "added_or_changed", "{case}: {fact}");
        assert_eq!((&row["mode"], &row["size"]), (&fact["mode"], &fact["size"]), "{case}: {fact}");
        assert_eq!(row["setuid"].as_bool().unwrap(), fact["mode"].as_str().unwrap().starts_with('4'), "{case}: {fact}");
    });
    // The engine leaves a changed file out that the host does not have at the same path: it is nowhere in the archive.
    assert_eq!(missing, ["/data/changed.txt"]);
}

#[test]
fn deleted_files_are_listed() {
    each("deleted", &["rootfs_changes"], |case, fact, rows| {
        let row = change(rows, &fact["path"]).unwrap_or_else(|| panic!("{case}: {fact}"));
        assert_eq!((row["change"].as_str(), &row["type"]), (Some("deleted"), &Value::Null), "{case}");
    });
}

#[test]
fn extended_attributes_are_shown() {
    each("xattr", &["rootfs_changes"], |case, fact, rows| {
        let row = change(rows, &fact["path"]).unwrap_or_else(|| panic!("{case}: {fact}"));
        let name = fact["name"].as_str().unwrap();
        assert_eq!(row["xattrs"][name], fact["value"], "{case}");
        if name == "security.capability" {
            assert_eq!(row["capabilities"], fact["value"], "{case}");
        }
    });
}

#[test]
fn the_containers_log_is_there_line_by_line() {
    for (case, facts) in planted("log_lines") {
        let checkpoint = &opened(&case)[0];
        let rows = rows_of(checkpoint, &["log_lines"]).remove("log_lines").unwrap();
        let written: Vec<String> = rows
            .iter()
            .filter(|row| row["source"] == "container")
            .map(|row| {
                let mut line = row["time"].as_str().unwrap().to_owned();
                for column in ["stream", "tag", "text"] {
                    let _ = write!(line, " {}", row[column].as_str().unwrap());
                }
                line
            })
            .collect();
        let planted = facts.iter().map(|fact| {
            let (time, rest) = fact.as_str().unwrap().split_once(' ').unwrap();
            format!("{} {rest}", time.parse::<Timestamp>().unwrap())
        });
        // The truth has the first twenty lines. It was read when the container ran on: then, the engine's copy ends earlier.
        let both = written.len().min(facts.len());
        assert!(both >= 2, "{case}: {written:?}");
        assert_eq!(written[..both], planted.take(both).collect::<Vec<_>>(), "{case}");
        assert!(
            rows.iter().any(|row| row["source"] == "criu" && row["elapsed_us"].is_u64()),
            "{case}: CRIU's log, too"
        );
    }
}
