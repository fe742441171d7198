//! Files that are on no disk any more.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use cryoscope::Options;
use cryoscope::memory::{Content, Keep};
use cryoscope::recovered::{RecoveredFile, RecoveredFiles};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{each, is_held, of_compromise, opened, planted};
use crate::fixtures::{self, Rows, hex, rows_of};

/// All bytes of a file, which must all be here.
fn bytes_of(recovered: &RecoveredFiles<'_>, file: &RecoveredFile) -> Vec<u8> {
    let mut all = Vec::new();
    recovered.each_piece(file, &mut |offset, content| {
        assert_eq!(offset, all.len() as u64, "pieces have no gap");
        match content {
            Content::Bytes(bytes) => all.extend_from_slice(bytes),
            Content::Zeros(len) | Content::Untouched(len) => all.resize(all.len() + usize::try_from(*len).unwrap(), 0),
            Content::Missing(..) => panic!("{:?} is not whole", file.path),
        }
        ControlFlow::Continue(())
    });
    all
}

/// The row of the file that a descriptor holds.
fn held<'r>(rows: &'r Rows, pid: &Value, how: &str) -> Option<&'r Value> {
    rows["recovered_files"].iter().find(|row| is_held(&row["holders"], pid, how))
}

#[test]
fn deleted_files_and_memfds_have_their_contents() {
    let mut kinds = BTreeMap::new();
    for (case, facts) in planted("content") {
        for checkpoint in opened(&case) {
            let recovered = checkpoint.recovered();
            for fact in &facts {
                let source = match fact["what"].as_str().unwrap() {
                    "deleted" => "ghost",
                    "memfd" => "memfd",
                    // A file of the root file system that is still there, and what has a table of its own.
                    "append" | "pipe" | "fifo" => continue,
                    other => panic!("{case}: what is {other}?"),
                };
                *kinds.entry(source).or_insert(0) += 1;
                let name = format!("{}:{}", fact["pid"], fact["fd"]);
                let file = recovered.iter().find(|file| file.holders.iter().any(|holder| holder.to_string() == name));
                let file = file.unwrap_or_else(|| panic!("{case}: {fact}"));
                let hex: String = hex(&bytes_of(&recovered, file));
                assert_eq!((file.source.as_str(), file.size), (source, fact["bytes"].as_u64()), "{case}");
                assert!(hex.starts_with(fact["begins"].as_str().unwrap()), "{case}: {fact}");
                assert_eq!(hex.len() as u64, 2 * fact["bytes"].as_u64().unwrap(), "{case}");
            }
        }
    }
    assert_eq!(kinds.len(), 2, "both kinds were looked at: {kinds:?}");
}

#[test]
fn sparse_files_are_as_long_as_they_were() {
    each("sparse", &["recovered_files"], |case, fact, rows| {
        let row = held(rows, &fact["pid"], &fact["fd"].to_string()).unwrap_or_else(|| panic!("{case}: {fact}"));
        assert_eq!((&row["size"], &row["missing_bytes"]), (&fact["size"], &0.into()), "{case}");
        assert!(row["hole_bytes"].as_u64().unwrap() > fact["size"].as_u64().unwrap() / 2, "{case}: {row}");
        assert_eq!(row["sha256"].as_str().unwrap().len(), 64);
    });
}

/// A shared mapping of a file shows the file: of every such mapping in the truth, the bytes of the recovered file hash to
/// what `/proc/PID/mem` gave.
#[test]
fn recovered_files_hash_to_what_was_mapped() {
    let mut compared = BTreeMap::new();
    for case in fixtures::cases() {
        let text = std::fs::read_to_string(fixtures::path(&case).join("truth.json")).unwrap();
        let truth: Value = serde_json::from_str(&text).unwrap();
        let Some(memory) = truth["memory"].as_array() else { continue };
        for archive in fixtures::archives_of(&case) {
            let Ok(checkpoint) = Options::new().keep(Keep::Everything).open(&archive) else { continue };
            let [checkpoint] = checkpoint.as_slice() else { continue };
            let rows = rows_of(checkpoint, &["process_memory_map"]);
            let recovered = checkpoint.recovered();
            for fact in memory.iter().filter(|fact| fact["without_pages"].is_null()) {
                let is_it = |row: &&Value| ["pid", "start", "end"].iter().all(|column| row[*column] == fact[*column]);
                let Some(mapping) = rows["process_memory_map"].iter().find(is_it) else { continue };
                let Some(file) = of_mapping(&recovered, mapping) else { continue };
                let mut bytes = bytes_of(&recovered, file);
                let offset = usize::try_from(mapping["offset"].as_u64().unwrap()).unwrap();
                // Behind its end, the last page of a file is zeros.
                bytes.resize(offset + len_of(mapping), 0);
                assert_eq!(hash(&bytes[offset..]), fact["sha256"].as_str().unwrap(), "{case}: {fact}");
                *compared.entry(file.source.as_str()).or_insert(0) += 1;
            }
        }
    }
    let enough = ["memfd", "sysv"].iter().all(|source| compared.get(source).is_some_and(|&count| count >= 4));
    assert!(enough, "{compared:?}");
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn len_of(mapping: &Value) -> usize {
    let address = |column: &str| usize::from_str_radix(&mapping[column].as_str().unwrap()[2..], 16).unwrap();
    address("end") - address("start")
}

/// The recovered file that a shared mapping shows.
fn of_mapping<'r>(recovered: &'r RecoveredFiles<'_>, mapping: &Value) -> Option<&'r RecoveredFile> {
    let path = mapping["path"].as_str()?;
    let (path, sources) = match path.strip_suffix(" (deleted)") {
        Some(path) => (path, &["ghost", "memfd", "sysv"][..]),
        None => (path, &["devshm", "tmpfs"][..]),
    };
    let shared = mapping["permissions"].as_str()?.ends_with('s');
    let is_it = |file: &&RecoveredFile| {
        sources.contains(&file.source.as_str()) && file.path.as_ref().is_some_and(|other| other == path)
    };
    let mut found = recovered.iter().filter(|_| shared).filter(is_it);
    // Of two of one name, it is not known which was mapped.
    found.next().filter(|_| found.next().is_none())
}

#[test]
fn programs_that_are_on_no_disk_are_recovered() {
    let checkpoint = &opened("webapp-compromise")[0];
    let rows = rows_of(checkpoint, &["recovered_files"]);
    let (fileless, deleted) = (of_compromise("fileless"), of_compromise("deleted-executable"));
    let exe = |fact: &Value| held(&rows, &fact["pid"], "exe").unwrap_or_else(|| panic!("{fact}"));
    for (fact, source) in [(&fileless[0], "memfd"), (&deleted[0], "ghost")] {
        let row = exe(fact);
        assert_eq!(row["source"], source);
        assert_eq!(format!("{} (deleted)", row["path"].as_str().unwrap()), fact["path"].as_str().unwrap());
        assert_eq!((&row["missing_bytes"], &row["missing_reason"]), (&0.into(), &Value::Null));
    }
    // One program was started in both ways.
    assert_eq!(exe(&fileless[0])["sha256"], exe(&deleted[0])["sha256"]);
    let recovered = checkpoint.recovered();
    let program = recovered.iter().find(|file| file.holders.iter().any(|holder| holder.to_string().ends_with(":exe")));
    assert!(bytes_of(&recovered, program.unwrap()).starts_with(b"\x7fELF"));
}

#[test]
fn a_log_that_was_deleted_while_open_is_recovered() {
    let checkpoint = &opened("webapp-compromise")[0];
    let rows = rows_of(checkpoint, &["recovered_files"]);
    for fact in of_compromise("deleted-open-file") {
        let row = held(&rows, &fact["pid"], &fact["fds"][0].to_string()).unwrap();
        assert_eq!((&row["path"], &row["source"]), (&fact["file"], &"ghost".into()));
        assert!(!row["sha256"].is_null() && !row["atime"].is_null() && !row["mtime"].is_null());
    }
}
