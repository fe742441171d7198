//! Archives are evidence: their hashes, that they stay as they are, and the record of what was done with them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use cryoscope::{Code, ErrorKind, Options};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn plain() -> std::path::PathBuf {
    fixtures::path("forms-reference/podman-runc.tar")
}

fn hashes(rows: &str) -> Vec<Value> {
    rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// W45: peers give no hash of anything.
#[test]
fn members_are_hashed_in_every_form() {
    let members = Members::of(&plain());
    let gzip = fixtures::archive_of("criu-4.2-threads");
    let tar = members.tar();
    let home = tempfile::tempdir().unwrap();
    for member in &members.0 {
        let path = home.path().join("unpacked").join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &member.contents).unwrap();
    }
    let directory = home.path().join("unpacked");
    let flags = ["members", "--hash", "--format", "ndjson"].map(std::ffi::OsStr::new);
    let of = |archive: &Path, more: &[&str]| {
        let more = more.iter().map(std::ffi::OsStr::new);
        run(["table".as_ref(), archive.as_os_str()].into_iter().chain(flags).chain(more)).ok()
    };
    let inputs = [
        (of(&plain(), &[]), &members),
        (of(&plain(), &["--no-mmap"]), &members),
        (of(&directory, &[]), &members),
        (run_with(&tar, ["table", "-"].map(std::ffi::OsStr::new).into_iter().chain(flags)).ok(), &members),
        (of(&gzip, &[]), &Members::of(&gzip)),
    ];
    for (rows, members) in inputs {
        let rows = hashes(&rows);
        let files: Vec<&Value> = rows.iter().filter(|row| row["type"] == "file").collect();
        assert!(files.len() >= members.0.len() && !members.0.is_empty());
        for member in &members.0 {
            let name = |row: &&&Value| row["path"].as_str().unwrap().trim_start_matches("./") == member.name;
            let row = files.iter().rev().find(name).unwrap_or_else(|| panic!("no {}", member.name));
            assert_eq!(row["sha256"], hash(&member.contents), "{}", member.name);
        }
        assert!(rows.iter().filter(|row| row["type"] != "file").all(|row| row["sha256"].is_null()));
    }
    assert!(hashes(&of(&plain(), &[])).iter().any(|row| row["sha256"].is_string()));
    let unasked = run(["table".as_ref(), plain().as_os_str(), "members".as_ref(), "--format=ndjson".as_ref()]).ok();
    assert!(hashes(&unasked).iter().all(|row| row["sha256"].is_null()));
}

#[test]
fn what_is_cut_has_no_hash() {
    let tar = Members::of(&plain()).tar();
    let mut cut = tar.clone();
    cut.truncate(tar.len() - 12_000);
    for input in [&cut, &tar] {
        let ran = run_with(input, ["table", "-", "members", "--hash", "--format", "ndjson"]);
        let last = hashes(&ran.out).pop().unwrap();
        assert_eq!(last["sha256"].is_string(), input.len() == tar.len(), "{last}");
    }
}

#[test]
fn an_archive_is_verified() {
    let forms: Vec<_> =
        [plain(), fixtures::archive_of("criu-4.2-threads"), fixtures::path("malformed/gzip-garbage.tar.gz")]
            .into_iter()
            .map(|path| (hash(&fs::read(&path).unwrap()), path))
            .collect();
    for (expected, path) in &forms {
        for more in ["--quiet", "--no-mmap"] {
            let ran = run(["show".as_ref(), path.as_os_str(), "--verify".as_ref(), more.as_ref()]);
            let size = fs::metadata(path).unwrap().len();
            let line = format!(
                "{}: sha256 {expected}, {size} bytes; SHA-256, size and times were the same afterwards",
                path.display()
            );
            assert!(ran.err.contains(&line), "{line} is not in: {}", ran.err);
        }
        let bytes = fs::read(path).unwrap();
        let ran = run_with(&bytes, ["show", "-", "--verify"]);
        assert!(ran.err.contains(&format!("-: sha256 {expected}")), "{}", ran.err);
        let right =
            run(["show".as_ref(), path.as_os_str(), "--expect-sha256".as_ref(), expected.to_uppercase().as_ref()]);
        assert!(matches!(right.code, Some(0 | 3)) && !right.out.is_empty(), "{}", right.err);
        let wrong = run(["show".as_ref(), path.as_os_str(), "--expect-sha256".as_ref(), hash(b"").as_ref()]);
        assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), ""));
        assert!(wrong.err.contains(expected) && wrong.err.contains(&hash(b"")), "{}", wrong.err);
    }
    let ran = run(["show".as_ref(), plain().as_os_str(), "--expect-sha256".as_ref(), "12".as_ref()]);
    assert!(ran.code == Some(2) && ran.err.contains("64 hexadecimal digits"), "{}", ran.err);
}

#[test]
fn the_library_refuses_another_archive() {
    let expected = hash(&fs::read(plain()).unwrap());
    assert!(Options::new().expect_sha256([hash(b""), expected.to_uppercase()]).open(plain()).is_ok());
    let refused = Options::new().expect_sha256([hash(b"")]).open(plain()).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::OtherHash { found, .. } if *found == expected));
    let directory = Options::new().expect_sha256([hash(b"")]).open(fixtures::path("bare")).err();
    assert!(
        directory.is_none_or(|error| !matches!(error.kind(), ErrorKind::OtherHash { found, .. } if found != "none"))
    );
}

/// Something that is done to a file.
type Change = fn(&Path);

#[test]
fn an_archive_that_changes_while_it_is_read_is_said_to() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("archive.tar");
    let bytes = fs::read(plain()).unwrap();
    let changes: [(Change, &str); 3] = [
        (
            |path| fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap(),
            "bytes and is now",
        ),
        (|path| fs::File::options().write(true).open(path).unwrap().write_all(b"a").unwrap(), "written to"),
        (
            |path| {
                let other = path.with_extension("other");
                fs::copy(path, &other).unwrap();
                fs::rename(other, path).unwrap();
            },
            "another file has taken its place",
        ),
    ];
    for (change, how) in changes {
        for map in [true, false] {
            fs::write(&path, &bytes).unwrap();
            let checkpoint = Options::new().map(map).open(&path).unwrap().pop().unwrap();
            checkpoint.read_all();
            assert!(!checkpoint.is_partial() && checkpoint.archive().changed().is_none());
            // Times are only as exact as the kernel's clock ticks.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change(&path);
            let warnings = checkpoint.warnings();
            let warning = warnings.iter().find(|w| w.code == Code::InputChanged).expect("it is said");
            assert!(warning.message.contains(how) && checkpoint.is_partial(), "{}", warning.message);
        }
    }
}

/// Runs a command in a folder of its own, and gives what it wrote into `manifest.json`.
fn with_manifest(home: &Path, arguments: &[&std::ffi::OsStr]) -> (Ran, Value) {
    let output =
        cryoscope(home).args(arguments).args(["--manifest", "manifest.json"]).stdin(Stdio::null()).output().unwrap();
    let manifest =
        serde_json::from_slice(&fs::read(home.join("manifest.json")).unwrap_or_default()).unwrap_or_default();
    (Ran::of(output), manifest)
}

#[test]
fn a_run_leaves_a_record_if_asked() {
    let home = tempfile::tempdir().unwrap();
    let path = fixtures::path("malformed/length-second.tar.gz");
    let arguments = ["inspect".as_ref(), path.as_os_str(), "--max-json".as_ref(), "1000000".as_ref()];
    let ids = ["--case", "2026-17", "--examiner", "A. Nalyst", "--evidence-id", "E4", "--output", "tree.txt"];
    let arguments: Vec<_> = arguments.into_iter().chain(ids.iter().map(std::ffi::OsStr::new)).collect();
    let (ran, manifest) = with_manifest(home.path(), &arguments);
    assert_eq!((ran.code, &manifest["exit_code"]), (Some(3), &Value::from(3)), "{}", ran.err);
    assert_eq!(
        (&manifest["case"], &manifest["examiner"], &manifest["evidence_id"]),
        (&"2026-17".into(), &"A. Nalyst".into(), &"E4".into())
    );
    assert_eq!(manifest["tool"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["arguments"][1], "inspect");
    assert_eq!(
        (&manifest["limits"]["--max-json"], &manifest["limits"]["--max-nested"]),
        (&1_000_000.into(), &(16_u64 << 30).into())
    );
    let input = &manifest["inputs"][0];
    assert_eq!(input["sha256"], hash(&fs::read(&path).unwrap()));
    assert_eq!((&input["size"], &input["changed"]), (&fs::metadata(&path).unwrap().len().into(), &Value::Null));
    let output = &manifest["outputs"][0];
    let written = fs::read(home.path().join("tree.txt")).unwrap();
    assert_eq!((&output["path"], &output["sha256"]), (&"tree.txt".into(), &hash(&written).into()));
    assert!(manifest["warnings"].as_array().unwrap().iter().any(|w| w["code"] == "image_truncated"), "{manifest}");
    let time = |key: &str| manifest[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("started") <= time("ended"));

    // It is never replaced unasked, and then nothing is read.
    let (ran, _) = with_manifest(home.path(), &["show".as_ref(), path.as_os_str()]);
    assert!(ran.code == Some(2) && ran.out.is_empty() && ran.err.contains("manifest.json exists"), "{ran:?}");
    let (ran, manifest) = with_manifest(home.path(), &["show".as_ref(), path.as_os_str(), "--force".as_ref()]);
    assert!(manifest["case"].is_null() && matches!(ran.code, Some(0 | 3)));
}

#[test]
fn what_goes_to_standard_output_is_in_the_record() {
    let archive = plain();
    let commands: [&[&str]; 5] = [
        &["table", "ARCHIVE", "processes", "--format", "ndjson"],
        &["inspect", "ARCHIVE", "--all"],
        &["decode", "ARCHIVE:checkpoint/pstree.img"],
        &["memparse", "ARCHIVE", "--pid", "1", "--dump", "-"],
        &["extract", "ARCHIVE", "--what", "logs", "--output", "out"],
    ];
    for command in commands {
        let home = tempfile::tempdir().unwrap();
        let output = cryoscope(home.path())
            .args(command.iter().map(|argument| argument.replace("ARCHIVE", archive.to_str().unwrap())))
            .args(["--manifest", "manifest.json"])
            .output()
            .unwrap();
        let manifest: Value = serde_json::from_slice(&fs::read(home.path().join("manifest.json")).unwrap()).unwrap();
        assert!(!output.stdout.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let stdout = &manifest["stdout"];
        assert_eq!(stdout["size"], output.stdout.len(), "{command:?}");
        assert_eq!(stdout["sha256"], hash(&output.stdout), "{command:?}");
    }
}

#[test]
fn a_run_that_fails_leaves_a_record_too() {
    let home = tempfile::tempdir().unwrap();
    let path = fixtures::path("malformed/pdf.pdf");
    let (ran, manifest) = with_manifest(home.path(), &["show".as_ref(), path.as_os_str()]);
    assert_eq!((ran.code, &manifest["exit_code"]), (Some(2), &Value::from(2)));
    assert!(manifest["failure"].as_str().unwrap().contains("PDF"), "{manifest}");
    assert_eq!(manifest["inputs"][0]["sha256"], hash(&fs::read(&path).unwrap()), "the hash of what was refused");
}

#[test]
fn files_of_a_dump_are_in_the_record() {
    let home = tempfile::tempdir().unwrap();
    let arguments: [std::ffi::OsString; 4] =
        ["memparse".into(), plain().into(), "--pid=1".into(), "--dump=pages.bin".into()];
    let arguments: Vec<&std::ffi::OsStr> = arguments.iter().map(std::ffi::OsString::as_os_str).collect();
    let (ran, manifest) = with_manifest(home.path(), &arguments);
    let outputs: Vec<&str> =
        manifest["outputs"].as_array().unwrap().iter().map(|o| o["path"].as_str().unwrap()).collect();
    assert_eq!(outputs, ["pages.bin", "pages.bin.index.ndjson"], "{}", ran.err);
    for output in manifest["outputs"].as_array().unwrap() {
        let written = fs::read(home.path().join(output["path"].as_str().unwrap())).unwrap();
        assert_eq!(output["sha256"], hash(&written));
    }
}

/// Times do not tell of everything: what is written through a map may show in them long afterwards, and the contents of a file
/// system in memory can be changed with the times set back.
#[test]
fn contents_are_compared_not_times_alone() {
    use std::os::unix::fs::FileExt;
    let home = tempfile::tempdir().unwrap();
    let archive = home.path().join("archive.tar");
    fs::copy(plain(), &archive).unwrap();
    let before = hash(&fs::read(&archive).unwrap());
    // The run waits for somebody who reads its rows; in the meantime the archive becomes another.
    let pipe = home.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = cryoscope(home.path())
        .args(["memparse", "archive.tar", "--pid", "1", "--dump", "pipe", "--verify", "--manifest", "run.json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Opened for reading only when the archive is open: the other end waits for that.
    let mut reader = fs::File::open(&pipe).unwrap();
    fs::File::options().write(true).open(&archive).unwrap().write_all_at(b"x", 300).unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let after = hash(&fs::read(&archive).unwrap());
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("changed while it was read"), "{}", ran.err);
    let manifest: Value = serde_json::from_slice(&fs::read(home.path().join("run.json")).unwrap()).unwrap();
    let input = &manifest["inputs"][0];
    assert_eq!((&input["sha256"], &input["sha256_after"]), (&before.into(), &after.into()));
}
