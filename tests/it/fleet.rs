//! Many archives at once: their rows come in the order in which they were named, one that is bad costs its own rows, and
//! files of output are whole or not there.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;

const GOOD: [&str; 3] = ["tree", "pod", "sockets-tcp"];

fn archive(case: &str) -> String {
    fixtures::archive_of(case).to_str().unwrap().to_owned()
}

fn archives_in(lines: &str) -> Vec<String> {
    let mut names: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["archive"].as_str().unwrap().to_owned())
        .collect();
    names.dedup();
    names
}

#[test]
fn rows_come_in_the_order_of_arguments_at_any_number_of_threads() {
    let archives: Vec<String> = GOOD.iter().chain(&GOOD).map(|case| archive(case)).collect();
    for format in ["ndjson", "csv", "json", "table", "ecs", "bulk"] {
        let at = |threads: &str| {
            let flags =
                ["table", "processes", "mounts", "-q", "--format", format, "--threads", threads].map(str::to_owned);
            run(flags.iter().chain(&archives)).ok()
        };
        let one = at("1");
        assert!(one.lines().count() > 6, "{one}");
        assert_eq!(one, at("4"), "{format}");
        if format == "ndjson" {
            assert_eq!(archives_in(&one), archives);
        }
    }
}

#[test]
fn one_bad_archive_costs_its_own_rows() {
    let bad = fixtures::path("malformed/elf").to_str().unwrap().to_owned();
    for command in ["table", "inspect", "show"] {
        let tables: &[&str] = if command == "table" { &["processes"] } else { &[] };
        let arguments = [&archive("tree"), &bad, &archive("pod")];
        let mut all = vec![command, "--format", "ndjson"];
        all.extend(tables);
        all.extend(arguments.iter().map(|text| text.as_str()));
        let ran = run(all);
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        assert_eq!(archives_in(&ran.out), [archive("tree"), archive("pod")], "{command}");
        assert!(ran.err.contains("this is an ELF file") || ran.err.contains(&bad), "{}", ran.err);
        assert!(ran.err.contains("3 archives: 2 read, 1 failed"), "{}", ran.err);
    }
}

#[test]
fn archives_are_named_by_directories_wildcards_and_lists() {
    let folder = tempfile::tempdir().unwrap();
    for case in GOOD {
        fs::copy(fixtures::archive_of(case), folder.path().join(format!("{case}.tar"))).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "not a checkpoint\n").unwrap();
    let ran = |arguments: &[&str]| {
        Ran::of(
            cryoscope(folder.path())
                .args(["table", "container", "-q", "--format", "ndjson"])
                .args(arguments)
                .output()
                .unwrap(),
        )
    };
    assert_eq!(archives_in(&ran(&["."]).ok()), ["./pod.tar", "./sockets-tcp.tar", "./tree.tar"]);
    assert_eq!(archives_in(&ran(&["*o*.tar"]).ok()), ["pod.tar", "sockets-tcp.tar"]);
    assert!(ran(&["*.zip"]).err.contains("nothing matches"));
    let path = |case: &str| folder.path().join(format!("{case}.tar")).to_str().unwrap().to_owned();
    let list = format!("{}\n{}\n", path("tree"), path("pod"));
    let from = |list: &str| {
        run_with(list.as_bytes(), ["table", "container", "-q", "--format", "ndjson", "--files-from", "-"]).ok()
    };
    assert_eq!(archives_in(&from(&list)), [path("tree"), path("pod")]);
    assert_eq!(archives_in(&from(&list.replace('\n', "\0"))), [path("tree"), path("pod")]);
}

#[test]
fn an_archive_can_be_named_by_its_digest() {
    let tree = archive("tree");
    let out = run(["table", "container", &tree, "--format", "ndjson", "--source-id", "sha256"]).ok();
    let output = std::process::Command::new("sha256sum").arg(&tree).output();
    let Ok(output) = output else { return };
    let expected = String::from_utf8(output.stdout).unwrap();
    assert_eq!(archives_in(&out), [expected.split(' ').next().unwrap()]);
}

#[test]
fn a_directory_of_output_has_a_whole_file_for_each_table() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let (tree, pod) = (archive("tree"), archive("pod"));
    let ask = |more: &[&str]| {
        let all = ["table", &tree, &pod, "processes", "mounts", "-q", "--format", "ndjson", "--output-dir", out];
        run(all.iter().copied().chain(more.iter().copied()))
    };
    assert_eq!(ask(&[]).ok(), "");
    let names = || {
        let mut names: Vec<String> =
            fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["mounts.ndjson", "processes.ndjson"]);
    let straight = run(["table", &tree, &pod, "mounts", "-q", "--format", "ndjson"]).ok();
    assert_eq!(fs::read_to_string(Path::new(out).join("mounts.ndjson")).unwrap(), straight);
    let again = ask(&[]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("processes.ndjson exists") && again.err.contains("--force"), "{}", again.err);
    assert_eq!(names().len(), 2, "nothing is left behind");
    assert_eq!(ask(&["--force"]).code, Some(0));
    let nowhere = run(["table", &tree, "mounts", "--output-dir", folder.path().join("a/b").to_str().unwrap()]);
    assert_eq!(nowhere.code, Some(2));
    assert_eq!(nowhere.err.lines().count(), 1, "{}", nowhere.err);
}

/// Servers take only so much at once.
#[test]
fn files_of_bulk_are_split_between_documents() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, pod) = (archive("tree"), archive("pod"));
    let ask = |out: &str, size: &str| {
        let out = folder.path().join(out);
        let all = ["table", &tree, &pod, "processes", "mounts", "-q", "--format", "bulk", "--bulk-size", size];
        let ran = run(all.iter().copied().chain(["--output-dir", out.to_str().unwrap()]));
        assert_eq!(ran.ok(), "");
        out
    };
    let (whole, parts) = (ask("whole", "100000000"), ask("parts", "20000"));
    for table in ["processes", "mounts"] {
        let whole = fs::read_to_string(whole.join(format!("{table}.ndjson"))).unwrap();
        let mut joined = fs::read_to_string(parts.join(format!("{table}.ndjson"))).unwrap();
        let mut number = 2;
        while let Ok(part) = fs::read_to_string(parts.join(format!("{table}.{number:04}.ndjson"))) {
            assert!(part.starts_with(r#"{"create":"#) && part.ends_with("}\n"), "{part}");
            assert!(part.len() <= 20_000 || part.lines().count() == 2, "{}", part.len());
            joined.push_str(&part);
            number += 1;
        }
        assert!(number > 2, "{table} is in one file");
        assert_eq!(joined, whole);
    }
    let refused = run(["table", &tree, "mounts", "--format", "bulk", "--bulk-size", "1"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--output-dir"), "{}", refused.err);
}

#[test]
fn tables_and_archives_may_stand_in_any_order() {
    let tree = archive("tree");
    let usual = run(["table", &tree, "processes"]).ok();
    assert_eq!(run(["table", "processes", &tree]).ok(), usual);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(&tree, folder.path().join("processes")).unwrap();
    let ran = cryoscope(folder.path()).args(["table", "./processes", "processes"]).output().unwrap();
    assert_eq!(Ran::of(ran).ok(), usual);
    let missing = run(["table", "processes"]);
    assert_eq!((missing.code, missing.err.contains("which archive?")), (Some(2), true), "{}", missing.err);
}

#[test]
fn tables_of_several_archives_have_one_header() {
    let out = run(["table", &archive("tree"), &archive("pod"), "processes", "mounts", "-q", "--format", "csv"]).ok();
    assert_eq!(out.matches("table,archive,set,pid,").count(), 1);
    assert_eq!(out.matches("table,archive,set,mount_namespace,").count(), 1);
    let empty = run(["table", &archive("tree"), &archive("pod"), "warnings", "-q", "--format", "json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&empty).unwrap(), serde_json::json!([]));
}
