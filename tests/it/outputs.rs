//! Where output may go: never onto what is read, never two to one file, and to nobody else's eyes. Standard output that is closed
//! is an error.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope};
use crate::fixtures;

/// A folder with an archive, an unpacked one, another that is a parent, and lists.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        let archive = fixtures::path("forms-reference/podman-runc.tar");
        for name in ["a.tar", "parent.tar"] {
            fs::copy(&archive, place.path(name)).unwrap();
        }
        for member in &Members::of(&archive).0 {
            let path = place.path("unpacked").join(&member.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &member.contents).unwrap();
        }
        fs::write(place.path("list"), "a.tar\n").unwrap();
        fs::write(place.path("patterns"), "needle\n").unwrap();
        fs::write(place.path("question.sql"), "SELECT pid FROM processes").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Ran {
        let words = arguments.split(' ').map(|word| word.replace('+', " "));
        Ran::of(cryoscope(self.0.path()).args(words).stdin(Stdio::null()).output().unwrap())
    }

    /// All files, with their contents and the times of their folders.
    fn all(&self) -> Vec<(PathBuf, Vec<u8>, u64)> {
        let (mut all, mut folders) = (Vec::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                let contents = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                all.push((path, contents, metadata.ino()));
            }
        }
        all.sort();
        all
    }
}

#[test]
fn nothing_is_written_onto_what_is_read() {
    let place = Place::new();
    symlink("a.tar", place.path("link.tar")).unwrap();
    fs::hard_link(place.path("a.tar"), place.path("hard.tar")).unwrap();
    fs::hard_link(place.path("unpacked/spec.dump"), place.path("spec")).unwrap();
    symlink("unpacked", place.path("way")).unwrap();
    let before = place.all();
    for arguments in [
        "table a.tar processes -o a.tar",
        "table a.tar processes -o ./link.tar",
        "table a.tar processes -o hard.tar",
        "table link.tar processes -o a.tar",
        "show a.tar --manifest a.tar",
        "show a.tar --manifest hard.tar",
        "inspect a.tar -o a.tar",
        "decode a.tar pstree.img -o a.tar",
        "decode a.tar:checkpoint/pstree.img -o a.tar",
        "decode unpacked/checkpoint/pstree.img -o unpacked/checkpoint/pstree.img",
        "core a.tar --pid 1 -o link.tar",
        "memparse a.tar --pid 1 --dump a.tar",
        "memparse a.tar --pid 1 --dump hard.tar",
        "memparse a.tar --search x --patterns patterns -o patterns",
        "memparse a.tar --parent parent.tar -o parent.tar",
        "show --files-from list -o list",
        "show --files-from list -o a.tar",
        "show --files-from list --manifest a.tar",
        "show *.ta? -o a.tar",
        "table unpacked processes -o unpacked/config.dump",
        "table unpacked processes -o unpacked/new",
        "table unpacked processes -o way/new",
        "table way processes -o unpacked/checkpoint/new",
        "table unpacked processes -o spec",
        "table unpacked processes --output-dir unpacked/checkpoint",
        "table unpacked processes --output-dir unpacked/out",
        "table unpacked processes --output-dir unpacked/new/below",
        "table unpacked processes --output-dir unpacked/new/../below",
        "table unpacked processes --output-dir none/../unpacked/new",
        "table way processes --output-dir unpacked/new/below",
        "show unpacked --manifest unpacked/run.json",
        "memparse unpacked --pid 1 --dump unpacked/",
        "memparse unpacked --pid 1 --dump unpacked/pages",
        "extract unpacked -o unpacked",
        "extract unpacked -o unpacked/out",
        "extract a.tar -o a.tar",
        "show . -o rows",
        #[cfg(feature = "query")]
        "query a.tar SELECT+1 -o a.tar",
    ] {
        let ran = place.run(&format!("{arguments} --force"));
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.err);
        assert!(ran.err.contains("evidence is never overwritten"), "{arguments}: {}", ran.err);
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{arguments}: {}", ran.err);
        assert!(place.all() == before, "{arguments} changed something");
    }
}

/// What an earlier run extracted may be the evidence of the next.
#[test]
fn nothing_is_extracted_over_what_is_read() {
    let place = Place::new();
    assert_eq!(place.run("extract a.tar -o out --what images").code, Some(0));
    let before = place.all();
    let ran = place.run("extract out/images -o out --what images --force");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("out/images is an input") && place.all() == before, "{}", ran.err);
    fs::rename(place.path("a.tar"), place.path("out/a.tar")).unwrap();
    assert_eq!(place.run("extract out/a.tar -o out --what logs --force").code, Some(0), "beside it is no harm");
}

#[cfg(feature = "query")]
#[test]
fn standard_input_and_output_are_looked_at_too() {
    let place = Place::new();
    let before = place.all();
    let open = |name: &str| File::open(place.path(name)).unwrap();
    let run = |arguments: &[&str], input: &str| {
        let child = cryoscope(place.0.path()).args(arguments).arg("--force").stdin(open(input)).output().unwrap();
        Ran::of(child)
    };
    for (arguments, input) in [
        (&["show", "-", "-o", "a.tar"][..], "a.tar"),
        (&["show", "--files-from", "-", "-o", "list"], "list"),
        (&["query", "a.tar", "-o", "question.sql"], "question.sql"),
    ] {
        let ran = run(arguments, input);
        assert!(ran.code == Some(2) && ran.err.contains("is standard input; evidence"), "{arguments:?}: {}", ran.err);
    }
    // `>> a.tar`
    let output = File::options().append(true).open(place.path("a.tar")).unwrap();
    let child = cryoscope(place.0.path()).args(["show", "a.tar"]).stdout(output).output().unwrap();
    let ran = Ran::of(child);
    assert!(ran.code == Some(2) && ran.err.contains("standard output is the input a.tar"), "{}", ran.err);
    assert!(place.all() == before);
}

#[test]
fn two_outputs_never_go_to_one_file() {
    let place = Place::new();
    fs::create_dir(place.path("out")).unwrap();
    fs::write(place.path("there"), "").unwrap();
    fs::hard_link(place.path("there"), place.path("twin")).unwrap();
    let before = place.all();
    for arguments in [
        "table a.tar processes -o new --manifest new",
        "table a.tar processes -o new --manifest ./out/../new",
        "table a.tar processes -o there --manifest twin",
        "table a.tar processes --output-dir out --manifest out/processes.txt",
        "memparse a.tar --pid 1 --dump new --manifest new",
        "memparse a.tar --pid 1 --dump new --manifest new.index.ndjson",
        "extract a.tar -o out --manifest out/run.json",
    ] {
        let ran = place.run(&format!("{arguments} --force"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments}: {}", ran.err);
        assert!(ran.err.contains("name a"), "{arguments}: {}", ran.err);
        assert!(place.all() == before, "{arguments} left something");
    }
    let to_twin = File::create(place.path("rows")).unwrap();
    let mut command = cryoscope(place.0.path());
    let command = command.args(["show", "a.tar", "--manifest", "rows", "--force"]).stdout(to_twin);
    let ran = Ran::of(command.output().unwrap());
    assert!(ran.code == Some(2) && ran.err.contains("is also standard output"), "{}", ran.err);
    assert_eq!(place.run("show a.tar -o /dev/null --manifest /dev/null").code, Some(2), "a device is no new file");
}

#[test]
fn the_record_may_go_to_standard_output_if_nothing_else_does() {
    let place = Place::new();
    for arguments in ["table a.tar processes -o rows", "memparse a.tar --pid 1 --dump pages", "extract a.tar -o out"] {
        let ran = place.run(&format!("{arguments} --manifest -"));
        assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.err);
        let manifest: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
        assert!(manifest["outputs"][0]["sha256"].is_string(), "{manifest}");
    }
    for arguments in ["show a.tar", "show a.tar -o -", "memparse a.tar --pid 1 --dump -"] {
        let ran = place.run(&format!("{arguments} --manifest -"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments}");
        assert!(ran.err.contains("--manifest - is standard output"), "{}", ran.err);
    }
    assert!(!place.path("-").exists());
}

/// The archive holds all memory and is root's alone; so is what comes from it.
#[test]
fn what_comes_from_an_archive_is_the_users_alone() {
    let place = Place::new();
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    for (arguments, files) in [
        ("memparse a.tar --pid 1 --dump pages", &["pages", "pages.index.ndjson"][..]),
        ("memparse a.tar --pid 1 --dump dumps/", &["dumps/index.ndjson"]),
        ("memparse a.tar --strings -o strings", &["strings"]),
        ("core a.tar --pid 1 -o core.1", &["core.1"]),
        ("table a.tar process_envs -o rows", &["rows"]),
        ("table a.tar processes --output-dir out", &["out/processes.txt"]),
        ("show a.tar -o /dev/null --manifest run.json", &["run.json"]),
    ] {
        assert_eq!(place.run(arguments).code, Some(0), "{arguments}");
        assert!(files.iter().all(|name| mode(name) == 0o600), "{arguments}");
    }
    assert_eq!((mode("dumps"), mode("out")), (0o700, 0o700));
    // A file that is replaced does not keep what others may do.
    fs::set_permissions(place.path("rows"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(place.run("table a.tar process_envs -o rows --force").code, Some(0));
    assert_eq!(mode("rows"), 0o600);
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", "umask 022; exec \"$0\" schema -o schema", env!("CARGO_BIN_EXE_cryoscope")]);
    assert!(shell.current_dir(place.0.path()).status().unwrap().success());
    assert_eq!(mode("schema"), 0o644, "it says nothing of any archive");
}

#[test]
fn a_closed_standard_output_is_an_error() {
    let place = Place::new();
    let run = |arguments: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" {arguments} >&-"), env!("CARGO_BIN_EXE_cryoscope")]);
        Ran::of(shell.current_dir(place.0.path()).output().unwrap())
    };
    for arguments in [
        "--help",
        "--version",
        "show a.tar",
        "table a.tar processes",
        "memparse a.tar --pid 1 --dump -",
        "schema",
        "man",
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.err);
        assert!(
            ran.err.contains("standard output is closed") && ran.err.lines().count() == 1,
            "{arguments}: {}",
            ran.err
        );
    }
    let ran = run("table a.tar processes -o rows");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "nothing goes there");
}

/// Names of files come from whoever put them there.
#[test]
fn no_message_has_raw_control_characters() {
    let place = Place::new();
    let evil = "\u{1b}]0;OWNED\u{7}\u{202e}\u{9b}2J\nerror: gone\r.tar";
    for name in ["--", "-", ""] {
        fs::copy(place.path("a.tar"), place.path(&format!("{name}{evil}"))).unwrap();
    }
    fs::create_dir(place.path("sub")).unwrap();
    fs::write(place.path(&format!("sub/{evil}")), [7; 600]).unwrap();
    let name = |text: &str| text.replace("EVIL", evil);
    for arguments in [
        &["show", "--EVIL"][..],
        &["show", "-EVIL"],
        &["EVIL"],
        &["show", "--EVIL=x"],
        &["show", "a.tar", "--format", "EVIL"],
        &["show", "a.tar", "--width=EVIL"],
        &["show", "a.tar", "--time", "EVIL"],
        &["show", "a.tar", "--expect-sha256", "EVIL"],
        &["show", "no-EVIL"],
        &["show", "noEVIL*"],
        &["show", "--", "--EVIL", "--verify"],
        &["show", "EVIL", "--verify"],
        &["list", "sub"],
        &["list", "no-EVIL"],
        &["inspect", "EVIL", "--pid", "99"],
        &["table", "EVIL", "processes", "--columns", "EVIL"],
        &["table", "a.tar", "processes", "-o", "EVIL"],
        &["table", "EVIL", "processes", "-o", "EVIL", "--force"],
        &["table", "--list", "EVIL"],
        &["decode", "a.tar", "EVIL"],
        &["decode", "EVIL:EVIL"],
        &["memparse", "a.tar", "--search-hex", "EVIL"],
        &["memparse", "a.tar", "--search", "EVIL"],
        &["memparse", "a.tar", "--search-regex", "(EVIL"],
        &["memparse", "a.tar", "--patterns", "no-EVIL"],
        &["memparse", "a.tar", "--path", "[EVIL"],
        &["memparse", "a.tar", "--kind", "EVIL"],
        &["memparse", "a.tar", "--range", "EVIL"],
        &["memparse", "a.tar", "--prot", "EVIL"],
        &["extract", "a.tar", "-o", "out", "--what", "EVIL"],
        &["extract", "a.tar", "-o", "no/EVIL"],
        &["extract", "a.tar", "-o", "out", "--path", "[EVIL"],
        &["core", "EVIL", "--pid", "99", "-o", "x"],
        &["schema", "EVIL"],
        &["completions", "EVIL"],
        &["show", "a.tar", "--set", "EVIL"],
        &["show", "a.tar", "--parent", "no-EVIL"],
        #[cfg(feature = "query")]
        &["query", "a.tar", "SELECT EVIL"],
        #[cfg(feature = "query")]
        &["query", "EVIL", "SELECT 1"],
    ] {
        let arguments: Vec<String> = arguments.iter().map(|text| name(text)).collect();
        let ran = Ran::of(cryoscope(place.0.path()).args(&arguments).output().unwrap());
        for (stream, text) in [("stderr", &ran.err), ("stdout", &ran.out)] {
            let is_raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.chars().any(is_raw), "{arguments:?}: {stream}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: gone")), "{arguments:?}: {stream}: {text}");
        }
    }
    // The record has them as JSON, which loses nothing.
    let ran = cryoscope(place.0.path()).args(["show", evil, "--manifest", "run.json"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    let text = fs::read(place.path("run.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(manifest["inputs"][0]["path"], evil);
}

/// Whose name is not UTF-8 gets its bytes shown.
#[test]
fn names_that_are_no_text_are_shown_by_their_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let name = Path::new(std::ffi::OsStr::from_bytes(b"--\xff\x1b[2J"));
    let ran = Ran::of(cryoscope(place.0.path()).arg("show").arg(name).output().unwrap());
    assert!(ran.code == Some(2) && ran.err.contains("\\xff\\x1b[2J"), "{}", ran.err);
}
