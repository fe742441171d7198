//! Many archives at once: their rows come in the order in which they were named, one that is bad costs its own rows, and
//! files of output are whole or not there.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;
use crate::programs;

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
    let none = ran(&["*.zip"]);
    assert_eq!((none.code, none.err.contains("no file matches")), (Some(1), true), "{}", none.err);
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
    if !programs::runs("sha256sum", &["--version"]) {
        return;
    }
    let output = std::process::Command::new("sha256sum").arg(&tree).output().unwrap();
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
    // Folders on the way are made.
    let deep = folder.path().join("a/b/c");
    run(["table", &tree, "mounts", "-q", "--output-dir", deep.to_str().unwrap()]).ok();
    assert!(deep.join("mounts.txt").is_file());
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
    assert_eq!((missing.code, missing.err.contains("no archive named")), (Some(2), true), "{}", missing.err);
}

#[test]
fn tables_of_several_archives_have_one_header() {
    let out = run(["table", &archive("tree"), &archive("pod"), "processes", "mounts", "-q", "--format", "csv"]).ok();
    assert_eq!(out.matches("table,archive,set,pid,").count(), 1);
    assert_eq!(out.matches("table,archive,set,mount_namespace,").count(), 1);
    let empty = run(["table", &archive("tree"), &archive("pod"), "warnings", "-q", "--format", "json"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&empty).unwrap(), serde_json::json!([]));
}

/// Every command says the same of a place where nothing is.
#[test]
fn where_there_is_no_checkpoint_nothing_is_found() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["empty", "other/below"] {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    fs::write(home.path().join("other/notes.txt"), "not a checkpoint\n").unwrap();
    fs::write(home.path().join("other/manifest.json"), "[]").unwrap();
    let ran = |words: &str| {
        let words = words.split(' ').map(|word| word.replace('+', " "));
        Ran::of(cryoscope(home.path()).args(words).stdin(std::process::Stdio::null()).output().unwrap())
    };
    for folder in ["empty", "other", "empty other"] {
        for command in [
            "show IN",
            "list IN",
            "inspect --all IN",
            "inspect --format json IN",
            "table --all IN",
            "table processes --format ndjson IN",
            #[cfg(feature = "query")]
            "query IN SELECT+1+FROM+processes",
        ] {
            let ran = ran(&command.replace("IN", folder));
            assert_eq!(ran.code, Some(1), "{command} {folder}: {}", ran.err);
            assert!(ran.err.contains("no checkpoints in"), "{command} {folder}: {}", ran.err);
        }
    }
    for command in ["memparse IN", "core IN --pid 1 -o x", "extract IN -o x", "decode IN --all"] {
        let ran = ran(&command.replace("IN", "empty"));
        assert_eq!((ran.code, ran.err.lines().count()), (Some(1), 1), "{command}: {}", ran.err);
    }
    for lists in ["show --files-from -", "table processes --files-from /dev/null", "show *.tar"] {
        let ran = ran(lists);
        assert!(ran.code == Some(1) && ran.err.contains("no checkpoints in"), "{lists}: {}", ran.err);
    }
    // What was named itself, and is none, is a mistake.
    for named in ["show other/notes.txt", "show nowhere", "list nowhere", "show nowhere/*.tar"] {
        assert_eq!(ran(named).code, Some(2), "{named}");
    }
}

#[cfg(unix)]
#[test]
fn special_files_that_are_called_archives_are_named() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("evidence");
    fs::create_dir_all(folder.join("node1")).unwrap();
    let tar = fixtures::path("forms-reference/podman-runc.tar");
    fs::copy(&tar, folder.join("a.tar")).unwrap();
    let fifo = |name: &str| {
        assert!(std::process::Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    };
    let ran = |words: &[&str]| Ran::of(cryoscope(home.path()).args(words).output().unwrap());
    let commands = [
        &["list", "evidence"][..],
        &["show", "evidence"],
        &["table", "evidence", "container"],
        &["show", "evidence/*"],
    ];
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("control")).unwrap();
    fifo("events");
    for command in commands {
        let ran = ran(&[command, &["-v"]].concat());
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
        for name in ["control", "events"] {
            assert!(
                ran.err.contains(&format!("evidence/{name}: not a checkpoint, skipped")),
                "{command:?}: {}",
                ran.err
            );
        }
    }
    fifo("b.tar.gz");
    fifo("node1/checkpoint-web");
    std::os::unix::fs::symlink("/dev/null", folder.join("c.tar")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(folder.join("d.tar")).unwrap();
    for command in commands {
        let ran = ran(command);
        assert_eq!(ran.code, Some(3), "{command:?}: {}", ran.err);
        let all = ["b.tar.gz: a named pipe, skipped", "c.tar: a device, skipped", "d.tar: a socket, skipped"];
        for what in all {
            assert!(ran.err.contains(what), "{command:?}: {what}: {}", ran.err);
        }
        if !command.contains(&"evidence/*") {
            assert!(ran.err.contains("node1/checkpoint-web: a named pipe"), "{command:?}: {}", ran.err);
        }
    }
}

#[test]
fn a_folder_hides_no_archive_and_no_damage() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("evidence");
    let tree = fs::read(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    let unpack = |place: &str| {
        for member in &crate::archives::Members::of(&fixtures::path("forms-reference/podman-runc.tar")).0 {
            let path = folder.join(place).join(&member.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &member.contents).unwrap();
        }
    };
    unpack("node2/unpacked");
    fs::create_dir_all(folder.join("node1")).unwrap();
    for name in ["a.tar", "node1/b.tar", "node1/c"] {
        fs::write(folder.join(name), &tree).unwrap();
    }
    // What others mean by these names hides nothing.
    for (name, text) in [("manifest.json", "[]"), ("index.json", "{}"), ("vm.img", "a disk"), ("notes.txt", "notes")] {
        fs::write(folder.join(name), text).unwrap();
    }
    let ran = |more: &[&str]| Ran::of(cryoscope(home.path()).args(more).args(["--format", "ndjson"]).output().unwrap());
    let all = ["evidence/a.tar", "evidence/node1/b.tar", "evidence/node1/c", "evidence/node2/unpacked"];
    for command in [&["list", "evidence"][..], &["show", "evidence"], &["table", "evidence", "container"]] {
        let ran = ran(command);
        assert_eq!(
            (archives_in(&ran.out), ran.code),
            (all.map(str::to_owned).to_vec(), Some(0)),
            "{command:?}: {}",
            ran.err
        );
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", folder.join("elsewhere")).unwrap();
    let said = ran(&["show", "evidence", "-v"]).err;
    assert!(cfg!(not(unix)) || said.contains("elsewhere: not a checkpoint, skipped"), "{said}");
    assert!(["manifest.json", "notes.txt", "vm.img"].iter().all(|name| said.contains(name)), "{said}");

    // What may have been a checkpoint is named.
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut padded = crate::archives::Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    for number in 0..50 {
        let name = format!("a{number}");
        padded.0.insert(0, crate::archives::Member { name, contents: Vec::new() });
    }
    let broken = [
        ("cut.tar.gz", gzip(&tree)[..20].to_vec()),
        ("early.tar.gz", gzip(&padded.tar())[..300].to_vec()),
        ("no-header", vec![7; 4096]),
        ("empty.tar", Vec::new()),
    ];
    for (name, bytes) in broken {
        fs::write(folder.join("node1").join(name), bytes).unwrap();
        for command in [&["list", "evidence"][..], &["show", "evidence"], &["table", "evidence", "container"]] {
            let ran = ran(command);
            assert_eq!(
                (archives_in(&ran.out), ran.code),
                (all.map(str::to_owned).to_vec(), Some(3)),
                "{name}: {}",
                ran.err
            );
            assert!(ran.err.contains(name), "{command:?}: {name} is not in {}", ran.err);
        }
        fs::remove_file(folder.join("node1").join(name)).unwrap();
    }
    fs::write(folder.join("limit.tar"), padded.tar()).unwrap();
    let limited = ran(&["show", "evidence", "--max-members", "40"]);
    assert_eq!(limited.code, Some(3), "{}", limited.err);
    assert!(limited.err.contains("limit.tar") && limited.err.contains("--max-members"), "{}", limited.err);
    assert!(!limited.err.contains("redirected"), "{}", limited.err);
}
