//! Output that cannot be written: a full disk, a reader that has gone, a folder that is not there. It is one message and exit
//! code 2, and nothing half lies under a name that somebody may take for the whole.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{Ran, cryoscope, run};
use crate::fixtures;

/// All formats of rows.
const FORMATS: &[&str] = &[
    "table",
    "json",
    "ndjson",
    "csv",
    "ecs",
    "ocsf",
    "timesketch",
    "bulk",
    "hec",
    #[cfg(feature = "parquet")]
    "parquet",
];

/// Commands that print something, with `IN` for an archive.
const PRINTING: &[&str] = &[
    "--help",
    "--version",
    "show IN",
    "show IN --format json",
    "list DIR",
    "inspect IN",
    "inspect IN --all --format json",
    "inspect IN --format checkpointctl-json",
    "memparse IN",
    "memparse IN --search needle",
    "memparse IN --strings",
    "memparse IN --pid 1 --hexdump",
    "memparse IN --pid 1 --dump -",
    "core IN --pid 1 -o -",
    "decode IN --info",
    "decode IN pstree.img",
    "table",
    "table --list",
    "schema",
    "schema --format ecs-template",
    "completions bash",
    "man",
    #[cfg(feature = "query")]
    "query IN SELECT+*+FROM+processes",
];

fn archive() -> PathBuf {
    fixtures::path("forms-reference/podman-runc.tar")
}

/// The arguments of each command that prints, and of a table in each format.
fn printing() -> Vec<Vec<String>> {
    let archive = archive();
    let folder = archive.parent().unwrap().to_str().unwrap().to_owned();
    let rows = FORMATS.iter().map(|format| format!("table IN processes --format {format}"));
    let commands = PRINTING.iter().map(|&command| command.to_owned()).chain(rows);
    let word = |word: &str| match word {
        "IN" => archive.to_str().unwrap().to_owned(),
        "DIR" => folder.clone(),
        other => other.replace('+', " "),
    };
    commands.map(|command| command.split(' ').map(word).collect()).collect()
}

/// That a run failed with one message, which has some words.
fn is_one_message(ran: &Ran, words: &[&str], what: &dyn std::fmt::Debug) {
    assert_eq!(ran.code, Some(2), "{what:?}: {}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{what:?}: {}", ran.err);
    assert!(words.iter().all(|word| ran.err.contains(word)), "{what:?}: {}", ran.err);
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_full_device_is_one_message_of_every_command_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    for arguments in printing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = cryoscope(home.path()).args(&arguments).stdout(full).output().unwrap();
        is_one_message(&Ran::of(output), &["No space left"], &arguments);
    }
    let named = run(["table", archive().to_str().unwrap(), "processes", "-o", "/dev/full"]);
    is_one_message(&named, &["/dev/full", "No space left"], &"-o");
}

/// Whoever has seen enough (`| head`) wants no message.
#[test]
fn a_reader_that_has_gone_ends_every_command_quietly() {
    let home = tempfile::tempdir().unwrap();
    for arguments in printing() {
        let mut child = cryoscope(home.path())
            .args(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// Runs the command where no file can be longer than 1 KiB.
fn bounded(home: &Path, arguments: &[&str]) -> Ran {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_cryoscope")]);
    Ran::of(shell.args(arguments).current_dir(home).output().unwrap())
}

#[test]
fn a_disk_that_is_full_leaves_no_half_file_in_any_format() {
    let archive = fixtures::archive_of("webapp-compromise");
    let archive = archive.to_str().unwrap();
    for format in FORMATS {
        let home = tempfile::tempdir().unwrap();
        // The last table is small: it would be whole, but it does not stand alone.
        let tables = ["table", archive, "processes", "threads", "container", "-q", "--columns", "all"];
        let into = |place: [&'static str; 2]| [&tables[..], &["--format", *format], &place].concat();
        is_one_message(&bounded(home.path(), &into(["--output-dir", "out"])), &["out/", "File too large"], format);
        assert_eq!(files(home.path()), [] as [PathBuf; 0], "{format}");
        let one = [archive, "processes", "--format", format, "-o", "rows", "-q", "--columns", "all"];
        is_one_message(&bounded(home.path(), &[&["table"][..], &one].concat()), &["rows", "File too large"], format);
        assert_eq!(files(home.path()), [] as [PathBuf; 0], "{format}");
    }
}

#[test]
fn a_disk_that_is_full_leaves_no_half_file_of_any_command() {
    let archive = archive();
    let archive = archive.to_str().unwrap();
    let commands: &[(&[&str], &str)] = &[
        (&["core", archive, "--pid", "1", "-o", "core.1"], "core.1"),
        (&["decode", archive, "--all", "-o", "images.json"], "images.json"),
        (&["memparse", archive, "--pid", "1", "--dump", "pages"], "pages"),
        (&["inspect", archive, "--all", "-o", "screen"], "screen"),
        (&["schema", "-o", "schema"], "schema"),
        #[cfg(feature = "query")]
        (&["query", archive, "-o", "rows", "SELECT * FROM process_memory_map"], "rows"),
    ];
    for (arguments, name) in commands {
        let home = tempfile::tempdir().unwrap();
        is_one_message(&bounded(home.path(), arguments), &[name, "File too large"], arguments);
        assert_eq!(files(home.path()), [] as [PathBuf; 0], "{arguments:?}");
    }
    // Of what is extracted, each file that is there is whole.
    let home = tempfile::tempdir().unwrap();
    let ran = bounded(home.path(), &["extract", archive, "-o", "out", "--what", "rootfs,logs,queues"]);
    is_one_message(&ran, &["out/", "File too large"], &"extract");
    assert!(!ran.err.contains(".cryoscope"), "no name that nobody knows: {}", ran.err);
    let whole = tempfile::tempdir().unwrap();
    let path = whole.path().join("out");
    run(["extract", archive, "-o", path.to_str().unwrap(), "--what", "rootfs,logs,queues"]);
    for file in files(&home.path().join("out")) {
        let same = path.join(file.strip_prefix(home.path().join("out")).unwrap());
        assert_eq!(fs::read(&file).unwrap(), fs::read(same).unwrap(), "{}", file.display());
    }
}

#[test]
fn a_folder_that_is_not_there_is_one_message_in_every_format() {
    let archive = archive();
    let archive = archive.to_str().unwrap();
    let home = tempfile::tempdir().unwrap();
    let ran = |arguments: &[&str]| Ran::of(cryoscope(home.path()).args(arguments).output().unwrap());
    // A directory of output is made, but not where a file is.
    fs::write(home.path().join("file"), "").unwrap();
    for format in FORMATS {
        let rows = ["table", archive, "processes", "--format", format];
        is_one_message(&ran(&[&rows[..], &["-o", "none/rows"]].concat()), &["none"], format);
        is_one_message(&ran(&[&rows[..], &["--output-dir", "file/rows"]].concat()), &["file/rows"], format);
    }
    is_one_message(&ran(&["extract", archive, "-o", "none/out"]), &["none/out"], &"extract");
    is_one_message(&ran(&["inspect", archive, "--manifest", "none/run.json"]), &["none/run.json"], &"manifest");
    assert_eq!(files(home.path()), [home.path().join("file")]);
}
