//! Reach: every kind of input, every kind of output, in one pass and without a trace.

use std::fs;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use cryoscope::{Checkpoint, ErrorKind, Options};

use super::reference;
use crate::archives::{Members, inflated};
use crate::command::{cryoscope, run, run_with};
use crate::fixtures;

/// W35: peers want a directory member, and take any that begins with `checkpoint`.
#[test]
fn directories_need_not_be_members() {
    let members = reference();
    assert!(!members.0.iter().any(|member| member.name.ends_with('/')));
    assert_eq!(members.open().rows().processes().count(), 2);
    let elsewhere = Members(members.0.into_iter().filter(|m| !m.name.starts_with("checkpoint/")).collect::<Vec<_>>());
    let error = elsewhere.open_all().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoImages(_)));
}

/// W36: the runtime's configuration may put images elsewhere; then the archive has them under another name, or not at all.
#[test]
fn images_are_found_wherever_they_are_or_the_reason_is_named() {
    let mut renamed = reference();
    for member in &mut renamed.0 {
        member.name = member.name.replace("checkpoint/", "dumps/run-7/");
    }
    assert_eq!(renamed.open().rows().processes().count(), 2);

    let unpacked = tempfile::tempdir().unwrap();
    for member in reference().0 {
        let path = unpacked.path().join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, member.contents).unwrap();
    }
    let whole = Checkpoint::open(unpacked.path()).unwrap();
    assert_eq!((whole.rows().processes().count(), whole.rows().container().name.as_deref()), (2, Some("tick")));
    let bare = Checkpoint::open(unpacked.path().join("checkpoint")).unwrap();
    assert_eq!((bare.rows().processes().count(), bare.rows().container().name), (2, None));

    let mut without = reference();
    without.0.retain(|member| !member.name.starts_with("checkpoint/"));
    let ran = run_with(&without.tar(), ["inspect", "-"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no CRIU images") && ran.err.contains("images-dir"), "{}", ran.err);
}

/// W37: peers unpack to a temporary directory, whose permissions were wrong, and which stays behind.
#[test]
fn nothing_is_written_anywhere() {
    let home = tempfile::tempdir().unwrap();
    let archive = fixtures::archive_of("webapp-compromise");
    let nowhere = home.path().join("not-there");
    let output =
        cryoscope(home.path()).env("TMPDIR", nowhere).args(["inspect", "--all"]).arg(archive).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}

/// W46: peers read regular files only.
#[test]
fn standard_input_pipes_and_directories_are_inputs() {
    let archive = fixtures::archive_of("tree");
    let expected = run(["table".as_ref(), archive.as_os_str(), "processes".as_ref(), "--format=ndjson".as_ref()]).ok();
    let compressed = fs::read(&archive).unwrap();
    for input in [&compressed, &inflated(&compressed)] {
        let named = ["table", "-", "processes", "--format=ndjson", "--source-name", archive.to_str().unwrap()];
        assert_eq!(run_with(input, named).ok(), expected);
        let by_path = run_with(input, ["table", "/dev/stdin", "processes", "--format=ndjson"]).ok();
        assert_eq!(by_path.replace("/dev/stdin", archive.to_str().unwrap()), expected);
    }
    let home = tempfile::tempdir().unwrap();
    let plain = home.path().join("plain.tar");
    fs::write(&plain, inflated(&compressed)).unwrap();
    let file = fs::File::open(&plain).unwrap();
    let output =
        cryoscope(home.path()).args(["table", "-", "processes", "--format=ndjson"]).stdin(file).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let nameless = expected.replace(archive.to_str().unwrap(), "-");
    assert_eq!(out, nameless, "a file on standard input");
}

/// W47: peers read no images of containers that hold a checkpoint.
#[test]
fn oci_images_are_archives() {
    for name in ["oci-archive.tar", "oci-layout.tar", "docker-archive.tar.zst", "ctr-checkpoint.tar"] {
        let checkpoint = Checkpoint::open(fixtures::path("forms-oci").join(name)).unwrap();
        assert!(checkpoint.rows().processes().count() >= 1, "{name}");
    }
    // The layout as a directory.
    let unpacked = tempfile::tempdir().unwrap();
    for member in Members::of(&fixtures::path("forms-oci/oci-layout.tar")).0 {
        let path = unpacked.path().join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, member.contents).unwrap();
    }
    assert_eq!(Checkpoint::open(unpacked.path()).unwrap().rows().container().name.as_deref(), Some("tick"));
}

/// W48: peers have JSON for one command only, without the name of the file in it.
#[test]
fn every_command_speaks_json_and_names_the_archive() {
    let archives = ["tree", "pod"].map(fixtures::archive_of);
    let [one, two] = archives.each_ref().map(|path| path.to_str().unwrap());
    let shown = run(["show", "--format", "json", one, two]).json();
    assert_eq!((shown[0]["archive"].as_str(), shown[1]["archive"].as_str()), (Some(one), Some(two)));
    let lines = run(["show", "-q", "--format", "ndjson", one, two]).ok();
    assert_eq!(lines.lines().count(), 2);
    let listed = run(["list", "--format", "json", fixtures::path("forms-engines").to_str().unwrap()]).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let inspected = run(["inspect", "-q", "--format", "ndjson", one, two]).ok();
    for line in inspected.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row["table"].is_string() && row["archive"].is_string(), "{line}");
    }
    let table = run(["table", one, "processes", "mounts", "--format", "json"]).json();
    assert!(table["processes"].as_array().unwrap().len() == 13 && table["mounts"].is_array());
}

/// W50: peers inflate an archive three times.
#[test]
fn compressed_input_is_read_once_from_front_to_back() {
    /// Counts what is read of it; it cannot be rewound.
    struct Once<'a>(&'a [u8], &'a AtomicUsize);

    impl Read for Once<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.0.read(buffer)?;
            self.1.fetch_add(len, Ordering::Relaxed);
            Ok(len)
        }
    }

    let bytes = fs::read(fixtures::archive_of("webapp-compromise")).unwrap();
    let read = AtomicUsize::new(0);
    let checkpoints = Options::new().open_reader(Once(&bytes, &read)).unwrap();
    let living = |process: &cryoscope::tables::Process| process.state != Some("zombie");
    assert!(checkpoints[0].rows().processes().filter(living).all(|process| process.argv.is_some()));
    assert!(!checkpoints[0].is_partial());
    assert_eq!(read.into_inner(), bytes.len());
}
