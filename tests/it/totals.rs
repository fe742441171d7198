//! The counts of the header are those of the tables.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::command::run;

const FIXTURES: [&str; 8] = [
    "webapp-compromise/webapp-compromise.tar.zst",
    "forms-reference/podman-runc.tar",
    "forms-bare/runc-images.tar",
    "files/files.tar.zst",
    "files-more/files-more.tar.zst",
    "rootfs-diff/rootfs-diff.tar.zst",
    "memory/memory.tar.zst",
    "crio-logs/checkpoint-logs_team-a-dev-log-agent-2026-11-23T11:47:14Z.tar",
];

fn rows(archive: &str, table: &str) -> Vec<Value> {
    let out = run(["table", archive, table, "--format", "ndjson"]).out;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The line of a header.
fn fact(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(&format!("  {name:<14}"))?.to_owned()))
}

#[test]
fn recovered_files_are_counted_as_their_table_lists_them() {
    let mut seen = BTreeMap::new();
    for fixture in FIXTURES {
        let archive = format!("{}/fixtures/{fixture}", env!("CARGO_MANIFEST_DIR"));
        let rows = rows(&archive, "recovered_files");
        let line = fact(&run(["inspect", &archive]).out, "recovered").unwrap_or_default();
        let counts: Vec<(usize, &str)> = line
            .split(" · ")
            .filter_map(|fact| fact.split_once(' '))
            .map(|(number, what)| (number.parse().unwrap(), what))
            .collect();
        assert_eq!(counts.iter().map(|(number, _)| number).sum::<usize>(), rows.len(), "{fixture}: {line}");
        for (number, what) in counts {
            let source = match what.trim_end_matches('s') {
                "deleted file" => "ghost",
                "deleted name" => "link_remap",
                "memfd" => "memfd",
                "segment" => "sysv",
                "in /dev/shm" => "devshm",
                "in tmpf" => "tmpfs",
                other => panic!("{other}"),
            };
            assert_eq!(number, rows.iter().filter(|row| row["source"] == source).count(), "{fixture}: {line}");
            *seen.entry(source).or_insert(0) += number;
        }
    }
    assert_eq!(seen.len(), 6, "every source is there: {seen:?}");
}

#[test]
fn changed_files_have_the_size_of_their_contents() {
    let mut shown = 0;
    for fixture in FIXTURES {
        let archive = format!("{}/fixtures/{fixture}", env!("CARGO_MANIFEST_DIR"));
        let rows = rows(&archive, "rootfs_changes");
        let of_files = |row: &&Value| row["type"] == "regular" && row["link"].is_null() && row["engine_noise"] == false;
        let sizes: Vec<u64> = rows.iter().filter(of_files).filter_map(|row| row["size"].as_u64()).collect();
        let text = run(["inspect", &archive]).out;
        let line = fact(&text, "size").unwrap();
        if sizes.is_empty() {
            assert!(!line.contains("changed files"), "{fixture}: {line}");
            continue;
        }
        let size = cryoscope::formats::units::size(sizes.iter().sum());
        assert!(line.contains(&format!("changed files {size}")), "{fixture}: {line} is not {size}");
        shown += 1;
    }
    assert!(shown >= 3);
}
