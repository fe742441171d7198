//! The command of each finding shows something.

use std::collections::HashMap;

use cryoscope::Checkpoint;
use cryoscope::analysis::{Next, Scan, Selection};
use serde_json::Value;

use crate::command::run;
use crate::fixtures::{self, rows_of};

/// The table that a command prints, or that has what it writes.
fn table_of(next: &Next) -> Option<&'static str> {
    match next {
        Next::Table { table, .. } => Some(table),
        Next::Extract { what: "rootfs", .. } | Next::Below { what: "rootfs", .. } => Some("rootfs_changes"),
        Next::Extract { what: "volumes", .. } | Next::Below { what: "volumes", .. } => Some("volume_files"),
        Next::Extract { .. } => Some("recovered_files"),
        _ => None,
    }
}

fn shows(checkpoint: &Checkpoint, next: &Next, rows: &[Value]) -> bool {
    let is_text =
        |value: &Value, wanted: &str| value.as_str().map_or_else(|| value.to_string() == wanted, |text| text == wanted);
    let has_contents = |row: &Value| matches!(row["type"].as_str(), Some("regular" | "symlink"));
    match next {
        Next::Table { pid, condition, .. } => rows.iter().any(|row| {
            pid.is_none_or(|pid| row["pid"] == pid.0)
                && condition.as_ref().is_none_or(|(column, wanted)| is_text(&row[*column], wanted))
        }),
        Next::Extract { path: Some(path), .. } => {
            rows.iter().any(|row| has_contents(row) && row["path"].as_str() == Some(path))
        }
        Next::Extract { .. } => rows.iter().any(has_contents),
        Next::Below { path, .. } => rows.iter().any(|row| {
            has_contents(row) && row["path"].as_str().is_some_and(|below| below.starts_with(&format!("{path}/")))
        }),
        Next::Memory { pid, start, end } => {
            let space = checkpoint.memory().space_of(*pid).unwrap();
            space.runs(*start, *end).next().is_some()
        }
        _ => true,
    }
}

#[test]
fn each_finding_names_a_command_that_shows_something() {
    let scanned = |name: &str| fixtures::path("scan").join(format!("{name}.tar.zst"));
    let archives = [
        fixtures::archive_of("webapp-compromise"),
        scanned("shells-relays"),
        scanned("persist-login"),
        scanned("persist-loader"),
        scanned("quiet-admin"),
    ];
    for archive in archives {
        let checkpoint = Checkpoint::open(&archive).unwrap();
        let scan = Scan::run(&checkpoint, &Selection::default());
        let mut tables: Vec<&str> = scan.findings.iter().filter_map(|finding| table_of(&finding.next)).collect();
        tables.sort_unstable();
        tables.dedup();
        let rows: HashMap<_, Vec<Value>> = rows_of(&checkpoint, &tables).into_iter().collect();
        for finding in &scan.findings {
            let rows = table_of(&finding.next).map_or(&[][..], |table| rows[table].as_slice());
            assert!(
                shows(&checkpoint, &finding.next, rows),
                "{}: {}: {}",
                archive.display(),
                finding.rule.id,
                finding.next
            );
        }
    }
}

#[test]
fn the_commands_can_be_typed_as_they_are() {
    let archive = fixtures::path("scan").join("persist-login.tar.zst");
    let checkpoint = Checkpoint::open(&archive).unwrap();
    let scan = Scan::run(&checkpoint, &Selection::default());
    let home = tempfile::tempdir().unwrap();
    let mut kinds = Vec::new();
    for (number, finding) in scan.findings.iter().enumerate() {
        // One of each kind: a process that starts takes a while.
        let kind = (std::mem::discriminant(&finding.next), table_of(&finding.next));
        if kinds.contains(&kind) {
            continue;
        }
        kinds.push(kind);
        let line = finding.next.command("ARCHIVE");
        let folder = home.path().join(number.to_string());
        let words = line.split(' ').skip(1).map(|word| match word {
            "ARCHIVE" => archive.clone(),
            "DIR" => folder.clone(),
            word => word.into(),
        });
        let ran = run(words);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.err);
    }
    assert!(kinds.len() > 2, "{kinds:?}");
}
