//! Damage: what can be read is shown, what cannot is said, and nothing panics, hangs or depends on chance.

use cryoscope::Code;
use cryoscope::images::proto::{FdinfoEntry, FileEntry, MmEntry};

use super::{codes, reference};
use crate::archives::Members;
use crate::command::{run, run_with};
use crate::fixtures;

/// `inspect --all` of some members.
fn inspect(members: &Members) -> crate::command::Ran {
    run_with(&members.tar(), ["inspect", "--all", "-"])
}

/// W30: peers panic at images without records.
#[test]
fn images_without_records_cost_only_what_was_in_them() {
    for image in ["pstree", "core-1", "mm-1", "pagemap-1", "fdinfo-2", "files", "fs-1", "ids-1", "inventory"] {
        let mut members = reference();
        members.parts(&format!("checkpoint/{image}.img"), |image| image.records.clear());
        let ran = inspect(&members);
        assert!(ran.out.contains("tick"), "{image}: {}{}", ran.out, ran.err);
        assert!(ran.code == Some(3) && ran.err.contains(image) || image.starts_with("fdinfo"), "{image}: {}", ran.err);
    }
}

/// W31: peers show nothing at all if one part fails.
#[test]
fn one_missing_part_suppresses_no_other() {
    let cases = [
        ("stats-dump", 0, "2 processes"),
        ("checkpoint/fs-1.img", 3, "2 processes"),
        ("checkpoint/ids-1.img", 3, "2 processes"),
        ("checkpoint/files.img", 3, "2 processes"),
        ("checkpoint/pages-2.img", 3, "2 processes"),
        ("checkpoint/mountpoints-13.img", 0, "2 processes"),
        ("spec.dump", 3, "2 processes"),
        ("config.dump", 3, "2 processes"),
    ];
    for (name, code, expected) in cases {
        let mut members = reference();
        members.remove(name);
        let ran = inspect(&members);
        assert_eq!(ran.code, Some(code), "without {name}: {}", ran.err);
        assert!(ran.out.contains(expected), "without {name}: {}", ran.out);
        assert_eq!(ran.err.is_empty(), code == 0, "without {name}: {}", ran.err);
    }
    // An id that is in no table, and a table that lacks one.
    let mut members = reference();
    members.edit("checkpoint/fdinfo-2.img", |number, fd: &mut FdinfoEntry| {
        if number == 0 {
            fd.id = Some(4_000_000_000);
        }
    });
    let checkpoint = members.open();
    let files: Vec<_> = checkpoint.rows().process_open_files().filter(|f| f.pid.0 == 1).collect();
    assert!(files.len() > 3 && files[0].path.is_none() && files[1].path.is_some());
    assert!(codes(&checkpoint).contains(&Code::FileMissing));
}

/// W32: peers read pages up to the end of the address space if ten bytes of an image say so.
#[test]
fn claims_are_bounded_before_they_are_believed() {
    let mut members = reference();
    members.edit("checkpoint/mm-1.img", |_, mm: &mut MmEntry| {
        mm.mm_arg_start = Some(0x1000);
        mm.mm_arg_end = Some(0x7fff_ffff_f000);
        mm.mm_env_end = Some(u64::MAX);
    });
    let checkpoint = members.open();
    assert_eq!(checkpoint.rows().processes().count(), 2);
    let mut members = reference();
    members.parts("checkpoint/pstree.img", |image| {
        let last = image.records.last_mut().unwrap();
        last.0.truncate(2);
        // A record that claims almost 4 GiB.
        image.head.extend([0xff, 0xff, 0xff, 0xff]);
    });
    let checkpoint = members.open();
    assert!(codes(&checkpoint).contains(&Code::ImageTruncated));
}

/// W34: peers print children, annotations and variables in another order each time.
#[test]
fn output_is_the_same_byte_by_byte() {
    for format in ["tree", "json", "ndjson", "csv", "table", "checkpointctl-json"] {
        // One large archive, for the formats that differ most.
        let cases: &[&str] =
            if matches!(format, "tree" | "json") { &["webapp-compromise", "pod"] } else { &["tree", "pod"] };
        let archives: Vec<_> = cases.iter().map(|case| fixtures::archive_of(case)).collect();
        let arguments = || {
            let flags = ["inspect", "--all", "--format", format].map(std::ffi::OsString::from);
            flags.into_iter().chain(archives.iter().map(|path| path.clone().into_os_string()))
        };
        let first = run(arguments());
        assert_eq!(first.code, Some(0), "{format}: {}", first.err);
        assert_eq!(run(arguments()).out, first.out, "{format}");
    }
    let directory = fixtures::path("malformed");
    let list = |threads: &str| {
        let ran = run([
            "list".as_ref(),
            directory.as_os_str(),
            "--threads".as_ref(),
            threads.as_ref(),
            "--format=ndjson".as_ref(),
        ]);
        (ran.out, ran.err)
    };
    assert_eq!(list("1"), list("7"));
}

/// W49, W62: peers lose a record whose name is not UTF-8, or the bytes of the name.
#[test]
fn names_that_are_not_utf8_keep_their_bytes() {
    let mut members = reference();
    members.edit("checkpoint/files.img", |_, entry: &mut FileEntry| {
        if let Some(file) = entry.reg.as_mut().filter(|file| file.name() == b"/dev/null") {
            file.name = Some(b"/tmp/\xff\xfe\x1b[31m".to_vec());
        }
    });
    let ran = run_with(&members.tar(), ["table", "-", "process_open_files", "--format", "ndjson"]);
    let rows: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let row = rows.iter().find(|row| row.get("path_hex").is_some()).expect("the bytes are there");
    assert_eq!(row["path"], "/tmp/\u{fffd}\u{fffd}\u{1b}[31m", "each bad byte is one replacement");
    assert_eq!(row["path_hex"], "2f746d702ffffe1b5b33316d");
    let screen = run_with(&members.tar(), ["inspect", "--files", "-"]);
    assert!(screen.out.contains("/tmp/\\xff\\xfe\\x1b[31m"), "{}", screen.out);
}
