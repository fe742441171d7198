//! The command of each finding shows something.

use std::collections::HashMap;
use std::process::Command;

use cryoscope::Checkpoint;
use cryoscope::analysis::{Next, Scan, Selection};
use serde_json::Value;

use crate::command::Ran;
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
    let is_text = |value: &Value, wanted: &str| {
        let printed = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        printed == wanted
    };
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

/// A process that starts takes a while: one command of each kind is run, and some with words that a shell would take apart.
#[test]
fn commands_can_be_typed_as_they_are() {
    let archives = [fixtures::path("scan").join("persist-login.tar.zst"), fixtures::archive_of("webapp-compromise")];
    let mut kinds = Vec::new();
    let mut with_quotes = 0;
    for archive in archives {
        let checkpoint = Checkpoint::open(&archive).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&archive, home.path().join("archive")).unwrap();
        for (number, finding) in Scan::of(&checkpoint).findings.iter().enumerate() {
            let line = finding.next.command("archive");
            let kind = (std::mem::discriminant(&finding.next), table_of(&finding.next));
            let is_quoted = line.contains('\'') && with_quotes < 3;
            if kinds.contains(&kind) && !is_quoted {
                continue;
            }
            kinds.push(kind);
            with_quotes += usize::from(is_quoted);
            let typed = line.replace("-o DIR", &format!("-o out{number}"));
            let typed = typed.replacen("cryoscope", &format!("'{}'", env!("CARGO_BIN_EXE_cryoscope")), 1);
            let mut shell = Command::new("bash");
            let ran = Ran::of(shell.arg("-c").arg(&typed).current_dir(home.path()).output().unwrap());
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        }
    }
    assert!(kinds.len() > 5 && with_quotes > 0, "{kinds:?}");
}
