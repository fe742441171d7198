//! Unpacked archives: what may not be read, what is swapped or changed while it is read, what is no file; and inputs that are
//! neither files nor folders.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cryoscope::{Checkpoint, Code, ErrorKind, Options, Warning};
use serde_json::Value;

use crate::archives::Members;
use crate::command::{Ran, cryoscope, run};
use crate::fixtures::{self, rows_of};
use crate::programs;

/// A small container of two processes.
fn reference() -> Members {
    Members::of(&fixtures::path("forms-reference/podman-runc.tar"))
}

/// Unpacks members into a folder.
fn unpack(members: &Members, folder: &Path) {
    for member in &members.0 {
        let path = folder.join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &member.contents).unwrap();
    }
}

/// Makes a named pipe.
fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Times are only as exact as the kernel's clock ticks.
fn tick() {
    std::thread::sleep(std::time::Duration::from_millis(20));
}

fn open(folder: &Path, map: bool) -> Checkpoint {
    Options::new().map(map).open(folder).unwrap().pop().unwrap()
}

/// The warnings of a code, with the member that each is about.
fn of_code(warnings: &[Warning], code: Code) -> Vec<(String, String)> {
    let found = warnings.iter().filter(|warning| warning.code == code);
    found.map(|warning| (warning.place.member.to_string(), warning.message.clone())).collect()
}

/// The command, run by somebody who may not read everything.
struct Nobody {
    home: tempfile::TempDir,
    binary: PathBuf,
}

impl Nobody {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        // Where the tests lie, nobody else may look.
        let binary = home.path().join("cryoscope");
        fs::copy(env!("CARGO_BIN_EXE_cryoscope"), &binary).unwrap();
        Nobody { home, binary }
    }

    /// A folder with the members in it.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home.path().join(name);
        unpack(&reference(), &folder);
        folder
    }

    fn run(&self, arguments: &[&dyn AsRef<OsStr>]) -> Ran {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.home.path()).stdin(Stdio::null());
        command.args(arguments.iter().map(AsRef::as_ref));
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
            std::os::unix::process::CommandExt::gid(&mut command, 65_534);
        }
        Ran::of(command.output().unwrap())
    }
}

fn forbid(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What is wrong to say of a file that is there and may not be read.
const WRONG: [&str; 11] = [
    "file is empty",
    "no magic",
    "truncated by the end",
    "0 bytes are",
    "not in the table of open files",
    "which does not exist",
    "lists no processes",
    "is missing",
    "are missing",
    "neither a tar",
    "redirected",
];

#[test]
fn what_may_not_be_read_is_said_to_be_so_once_and_nothing_else_is_said_of_it() {
    let nobody = Nobody::new();
    let folder = nobody.folder("files");
    for member in &reference().0 {
        let path = folder.join(&member.name);
        forbid(&path, 0);
        let ran = nobody.run(&[&"table", &folder, &"warnings", &"--format", &"ndjson"]);
        assert_eq!(ran.code, Some(3), "{}: {}", member.name, ran.err);
        let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let about = rows.iter().filter(|row| row["place"]["member"] == member.name.as_str());
        let codes: Vec<&str> = about.map(|row| row["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["member_unreadable"], "{}", ran.out);
        assert!(ran.out.contains("permission denied"), "{}", ran.out);
        for wrong in WRONG {
            assert!(!ran.out.contains(wrong), "{}: {wrong}: {}", member.name, ran.out);
        }
        let info = nobody.run(&[&"decode", &folder, &"--all", &"--info", &"--format", &"ndjson"]);
        assert!(info.code == Some(3) && !info.out.contains(&member.name), "{}", info.out);
        forbid(&path, 0o644);
    }

    // All at once, in every command.
    for member in &reference().0 {
        forbid(&folder.join(&member.name), 0);
    }
    let commands: [&[&str]; 9] = [
        &["show"],
        &["inspect"],
        &["table", "images"],
        &["table", "members", "--hash"],
        &["table", "rootfs_changes", "log_lines", "container"],
        &["decode", "--all"],
        &["memparse"],
        &["memparse", "--search", "needle"],
        &["extract", "-o", "out", "--what", "all"],
    ];
    for command in commands {
        let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&command[0], &folder];
        arguments.extend(command[1..].iter().map(|argument| -> &dyn AsRef<OsStr> { argument }));
        let ran = nobody.run(&arguments);
        assert!(matches!(ran.code, Some(2 | 3)), "{command:?}: {:?} {}", ran.code, ran.err);
        assert!(ran.err.contains("permission denied"), "{command:?}: {}", ran.err);
        for wrong in WRONG {
            assert!(!ran.err.contains(wrong), "{command:?}: {wrong}: {}", ran.err);
        }
    }
    let image = nobody.run(&[&"decode", &folder.join("checkpoint/core-1.img")]);
    assert!(image.code == Some(2) && image.err.contains("permission denied"), "{}", image.err);

    // A folder that may be listed but not searched: names are known, and no more.
    let listed = nobody.folder("listed");
    forbid(&listed.join("checkpoint"), 0o744);
    let ran = nobody.run(&[&"table", &listed, &"images", &"--format", &"ndjson"]);
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let core = rows.iter().find(|row| row["path"] == "checkpoint/core-1.img").expect("its name is known");
    assert!(core["bytes"].is_null() && core["note"].as_str().unwrap().contains("permission denied"), "{core}");
    assert!(ran.code == Some(3) && WRONG.iter().all(|wrong| !ran.out.contains(wrong)), "{}", ran.out);
    let members = nobody.run(&[&"table", &listed, &"members", &"--format", &"csv"]);
    assert!(members.out.contains("checkpoint/core-1.img,file,,"), "{}", members.out);

    // Folders of which nothing is known.
    for (name, mode, below) in [("closed", 0o700, "checkpoint"), ("root", 0o700, ""), ("names", 0o744, "")] {
        let closed = nobody.folder(name);
        forbid(&closed.join(below), if below.is_empty() && mode == 0o700 { 0 } else { mode });
        if below.is_empty() {
            assert!(nobody.run(&[&"show", &closed.join("checkpoint")]).err.contains("permission denied"));
        } else {
            forbid(&closed.join(below), 0);
        }
        for command in ["show", "list"] {
            let ran = nobody.run(&[&command, &closed]);
            let found = ran.code != Some(0) || command == "list" && below == "checkpoint";
            assert!(found && WRONG.iter().all(|wrong| !ran.err.contains(wrong)), "{name} {command}: {}", ran.err);
        }
        assert!(nobody.run(&[&"inspect", &closed]).err.contains("permission denied"), "{name}");
        forbid(&closed.join(below), 0o755);
    }
}

/// Something that is done to an unpacked archive.
type Change = fn(&Path);

/// Swaps that happen between the listing of a folder and the opening of its files.
#[test]
fn what_is_swapped_for_a_link_or_another_file_is_not_read_in_its_place() {
    let swaps: [(Change, &str); 5] = [
        (
            |folder| {
                let (image, other) = (folder.join("checkpoint/core-1.img"), folder.with_extension("other"));
                fs::copy(&image, &other).unwrap();
                fs::remove_file(&image).unwrap();
                symlink(other, image).unwrap();
            },
            "link",
        ),
        (
            |folder| {
                let (images, other) = (folder.join("checkpoint"), folder.with_extension("others"));
                fs::rename(&images, &other).unwrap();
                symlink(other, images).unwrap();
            },
            "link",
        ),
        (
            |folder| {
                let image = folder.join("checkpoint/core-1.img");
                fs::remove_file(&image).unwrap();
                fifo(&image);
            },
            "now a fifo",
        ),
        (
            |folder| {
                let (image, other) = (folder.join("checkpoint/core-1.img"), folder.with_extension("another"));
                fs::copy(&image, &other).unwrap();
                fs::rename(other, image).unwrap();
            },
            "another file has taken its place",
        ),
        (|folder| fs::remove_file(folder.join("checkpoint/core-1.img")).unwrap(), "removed"),
    ];
    for (swap, how) in swaps {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("unpacked");
        unpack(&reference(), &folder);
        let checkpoint = open(&folder, true);
        assert!(!checkpoint.is_partial());
        swap(&folder);
        checkpoint.read_all();
        let changed = of_code(&checkpoint.warnings(), Code::InputChanged);
        let core = changed.iter().find(|(member, _)| member == "checkpoint/core-1.img").expect("it is said");
        assert!(core.1.contains(how) && checkpoint.is_partial(), "{how}: {}", core.1);
        let rows = rows_of(&checkpoint, &["processes"]).remove("processes").unwrap();
        let first = rows.iter().find(|row| row["pid"] == 1).expect("the tree names it");
        assert!(first["name"].is_null(), "{how}: nothing of its image is used: {first}");
        assert!(checkpoint.archive().changed().is_some_and(|text| text.contains("checkpoint/")));
    }
}

#[test]
fn a_file_of_a_folder_that_changes_while_it_is_read_is_said_to() {
    let changes: [(Change, &str); 4] = [
        (
            |file| fs::OpenOptions::new().append(true).open(file).unwrap().write_all(b"more").unwrap(),
            "bytes and is now",
        ),
        (|file| fs::File::options().write(true).open(file).unwrap().write_all(b"a").unwrap(), "written to"),
        (|file| fs::File::options().write(true).open(file).unwrap().set_len(9).unwrap(), "bytes and is now 9"),
        (
            |file| {
                let mut bytes = fs::read(file).unwrap();
                bytes.reverse();
                fs::write(file.with_extension("new"), bytes).unwrap();
                fs::rename(file.with_extension("new"), file).unwrap();
            },
            "another file has taken its place",
        ),
    ];
    for (change, how) in changes {
        for map in [true, false] {
            let home = tempfile::tempdir().unwrap();
            unpack(&reference(), home.path());
            let checkpoint = open(home.path(), map);
            checkpoint.read_all();
            assert!(!checkpoint.is_partial() && checkpoint.archive().changed().is_none());
            tick();
            change(&home.path().join("checkpoint/core-1.img"));
            let warnings = of_code(&checkpoint.warnings(), Code::InputChanged);
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            assert!(warnings[0].0 == "checkpoint/core-1.img" && warnings[0].1.contains(how), "{warnings:?}");
            assert!(checkpoint.is_partial());
        }
    }
}

/// A file that shrinks under a map would end the process.
#[test]
fn without_maps_a_file_that_shrinks_is_a_warning() {
    let home = tempfile::tempdir().unwrap();
    unpack(&reference(), home.path());
    let big = home.path().join("checkpoint/pages-77.img");
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    for (before, map) in [(false, false), (true, false), (false, true)] {
        fs::write(&big, &bytes).unwrap();
        let checkpoint = Options::new().map(map).hash(true).open(home.path()).unwrap().pop().unwrap();
        let member = checkpoint.archive().find(b"checkpoint/pages-77.img").unwrap();
        let contents = checkpoint.archive().contents(member);
        if before {
            assert!(*contents.slice(3_000_000, 3_000_100).unwrap() == bytes[3_000_000..3_000_100]);
        }
        fs::File::options().write(true).open(&big).unwrap().set_len(5000).unwrap();
        if !map {
            assert!(contents.slice(1_000_000, 1_000_100).is_none(), "it is not there any more");
            // What was read before stays.
            assert_eq!(contents.slice(3_000_000, 3_000_100).is_some(), before);
        }
        let rows = rows_of(&checkpoint, &["members"]).remove("members").unwrap();
        let row = rows.iter().find(|row| row["path"] == "checkpoint/pages-77.img").unwrap();
        assert!(row["sha256"].is_null(), "{row}");
        let changed = of_code(&checkpoint.warnings(), Code::InputChanged);
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert!(changed[0].1.contains("was 4000000 bytes and is now 5000"), "{changed:?}");
    }
}

#[test]
fn without_maps_everything_is_the_same() {
    let members = Members::of(&fixtures::archive_of("webapp-compromise"));
    assert!(members.0.iter().any(|member| member.contents.len() > 1 << 20), "some are large enough to be mapped");
    let home = tempfile::tempdir().unwrap();
    unpack(&members, home.path());
    let tables = ["processes", "process_envs", "process_memory_map", "members", "recovered_files", "rootfs_changes"];
    let answers: Vec<_> = [true, false]
        .into_iter()
        .map(|map| {
            let checkpoint = Options::new().map(map).hash(true).open(home.path()).unwrap().pop().unwrap();
            let rows = rows_of(&checkpoint, &tables);
            assert!(!checkpoint.is_partial());
            rows
        })
        .collect();
    assert!(answers[0] == answers[1]);
    let flags = ["--search", "PATH=", "--format", "ndjson"].map(OsStr::new);
    let found = |more: &[&str]| {
        let more = more.iter().map(OsStr::new);
        run(["memparse".as_ref(), home.path().as_os_str()].into_iter().chain(flags).chain(more)).ok()
    };
    let mapped = found(&[]);
    assert!(mapped.lines().count() > 1 && mapped == found(&["--no-mmap"]));
}

#[test]
fn special_files_in_a_folder_are_listed_and_never_opened() {
    let home = tempfile::tempdir().unwrap();
    unpack(&reference(), home.path());
    for name in ["checkpoint/core-77.img", "checkpoint/unknown.img", "dump.log", "ctr.log", "rootfs-diff.tar"] {
        let _ = fs::remove_file(home.path().join(name));
        fifo(&home.path().join(name));
    }
    let _socket = std::os::unix::net::UnixListener::bind(home.path().join("socket")).unwrap();
    symlink("/dev/zero", home.path().join("checkpoint/core-78.img")).unwrap();
    for command in [
        &["inspect"][..],
        &["table", "members", "log_lines", "rootfs_changes", "images", "--hash"],
        &["decode", "--all"],
        &["memparse", "--search", "needle"],
    ] {
        let ran =
            run([command[0].as_ref(), home.path().as_os_str()].into_iter().chain(command[1..].iter().map(OsStr::new)));
        assert_eq!(ran.code, Some(3), "{command:?}: {}", ran.err);
        assert!(ran.err.contains("not a file (type: fifo)"), "{command:?}: {}", ran.err);
    }
    let rows = rows_of(&open(home.path(), true), &["members"]).remove("members").unwrap();
    let kind = |path: &str| rows.iter().find(|row| row["path"] == path).unwrap()["type"].clone();
    assert_eq!(
        (kind("dump.log"), kind("socket"), kind("checkpoint/core-78.img")),
        ("fifo".into(), "other".into(), "symlink".into())
    );
}

#[test]
fn what_is_neither_a_file_nor_a_folder_is_refused_with_the_word_for_it() {
    let home = tempfile::tempdir().unwrap();
    let (pipe, socket) = (home.path().join("pipe"), home.path().join("socket"));
    fifo(&pipe);
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut inputs = vec![
        (PathBuf::from("/dev/zero"), "a character device"),
        ("/dev/null".into(), "a character device"),
        (pipe, "a named pipe without a writer"),
        (socket, "a socket"),
    ];
    if cfg!(target_os = "linux") {
        inputs.push(("/proc".into(), "kernel file system"));
        inputs.push(("/proc/self".into(), "kernel file system"));
        inputs.push(("/proc/self/environ".into(), "kernel file system"));
    }
    for (input, what) in inputs {
        for command in ["show", "inspect", "memparse"] {
            let ran = run([OsStr::new(command), input.as_os_str()]);
            assert_eq!(ran.code, Some(2), "{command} {}: {}", input.display(), ran.err);
            assert!(ran.err.contains(what), "{command} {}: {}", input.display(), ran.err);
        }
    }
    let given = |input: &str| {
        let mut command = cryoscope(home.path());
        Ran::of(command.args(["show", "-"]).stdin(fs::File::open(input).unwrap()).output().unwrap())
    };
    assert!(given("/dev/zero").err.contains("a character device"));
    assert!(given("/").err.contains("a directory"), "{}", given("/").err);
    // Zeros without end, but from a pipe.
    let endless = Command::new("sh")
        .args(["-c", "cat /dev/zero | \"$0\" show - --verify", env!("CARGO_BIN_EXE_cryoscope")])
        .output()
        .unwrap();
    assert_eq!(endless.status.code(), Some(2), "{}", String::from_utf8_lossy(&endless.stderr));
}

/// Lists of names and of patterns are files beside the archive, and no other way in.
#[test]
fn lists_and_patterns_without_end_are_refused_too() {
    let home = tempfile::tempdir().unwrap();
    let (pipe, large) = (home.path().join("pipe"), home.path().join("large"));
    let tar = fixtures::path("forms-reference/podman-runc.tar");
    fifo(&pipe);
    fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    let mut inputs = vec![
        (PathBuf::from("/dev/zero"), "a character device"),
        (pipe, "a named pipe without a writer; give a file or a pipe"),
        (home.path().to_owned(), "a directory; give a file or a pipe"),
        (large, "larger than 67108864 bytes"),
        (home.path().join("missing"), "No such file"),
    ];
    if cfg!(target_os = "linux") {
        inputs.push(("/proc/self/environ".into(), "kernel file system"));
    }
    for (input, what) in inputs {
        for (command, flag) in [("show", "--files-from"), ("table", "--files-from"), ("memparse", "--patterns")] {
            let table = (command == "table").then_some(OsStr::new("processes"));
            let words = [OsStr::new(command), tar.as_os_str(), OsStr::new(flag), input.as_os_str()];
            let ran = run(words.into_iter().chain(table));
            assert_eq!(ran.code, Some(2), "{command} {flag} {}: {}", input.display(), ran.err);
            assert!(ran.err.contains(what), "{command} {flag} {}: {}", input.display(), ran.err);
        }
    }
    let shown = |script: &str, code: i32, what: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script, env!("CARGO_BIN_EXE_cryoscope")]).arg(&tar);
        let ran = Ran::of(command.output().unwrap());
        assert!(
            ran.code == Some(code) && (ran.out.clone() + &ran.err).contains(what),
            "{script}: {}{}",
            ran.out,
            ran.err
        );
    };
    shown(r#""$0" show --files-from - < /dev/zero"#, 2, "standard input: larger than");
    shown(r#"echo "$1" | "$0" show --files-from -"#, 0, "tick");
    if cfg!(target_os = "linux") && programs::runs("bash", &["-c", "true < <(true)"]) {
        shown(r#""$0" show --files-from <(sleep 0.2; echo "$1")"#, 0, "tick");
        shown(r#""$0" show --files-from <(true)"#, 1, "the list: it is empty");
        shown(r#""$0" memparse "$1" --patterns <(echo nowhere-to-be-found)"#, 1, "");
    }
}

/// What shells make of `<(…)` and `|`, and a named pipe whose writer is there or comes at once.
#[test]
fn pipes_that_somebody_writes_to_are_read() {
    let home = tempfile::tempdir().unwrap();
    let (pipe, tar) = (home.path().join("pipe"), fixtures::path("forms-reference/podman-runc.tar"));
    fifo(&pipe);
    let shown = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-c", script, env!("CARGO_BIN_EXE_cryoscope")]).arg(&tar).arg(&pipe);
        let ran = Ran::of(command.output().unwrap());
        assert!(ran.code == Some(0) && ran.out.contains("tick"), "{script}: {}{}", ran.out, ran.err);
    };
    shown(r#"cat "$1" | "$0" show -"#);
    shown(r#""$0" show /dev/stdin < "$1""#);
    shown(r#"cat "$1" > "$2" & "$0" show "$2"; wait"#);
    if cfg!(target_os = "linux") && programs::runs("bash", &["-c", "true < <(true)"]) {
        shown(r#""$0" show <(cat "$1")"#);
        shown(r#""$0" show <(gzip -c "$1")"#);
        shown(r#""$0" show <(sleep 0.2; cat "$1")"#);
    }
}

/// The time of a file in a folder is that of a copy more often than that of a dump.
#[test]
fn the_moment_of_the_dump_is_never_that_of_a_copied_file() {
    let home = tempfile::tempdir().unwrap();
    let times = |path: &Path| {
        let container = Checkpoint::open(path).unwrap().rows().container();
        (container.checkpointed.map(|time| time.to_string()), container.checkpointed_from)
    };
    let podman = home.path().join("podman");
    unpack(&reference(), &podman);
    assert_eq!(times(&podman), (None, Some("copied")));
    let tar = fixtures::path("forms-reference/podman-runc.tar");
    assert!(times(&tar).0.is_some_and(|time| time.starts_with("2026-11-23T")));
    assert_eq!(times(&tar).1, Some("inventory"), "a tar recorded it");

    // What the archive itself says counts in every form.
    let crio = fixtures::archive_of("crio-logs");
    let unpacked = home.path().join("crio");
    unpack(&Members::of(&crio), &unpacked);
    assert_eq!(times(&unpacked), times(&crio));
    assert_eq!(times(&unpacked).1, Some("config.dump"));
    let named = home.path().join("checkpoint-web-0_shop-front-tick-2026-11-23T11:16:51Z");
    fs::rename(&podman, &named).unwrap();
    assert_eq!(times(&named), (Some("2026-11-23T11:16:51Z".to_owned()), Some("file name")));

    // Documents ask for it.
    fs::rename(&named, &podman).unwrap();
    let ran = run(["table".as_ref(), podman.as_os_str(), "processes".as_ref(), "--format".as_ref(), "ecs".as_ref()]);
    assert!(ran.code == Some(2) && ran.err.contains("--time"), "{}", ran.err);
    let screen = run([OsStr::new("inspect"), podman.as_os_str()]).out;
    assert!(screen.contains("unknown (the times of files in a directory may be those of a copy)"), "{screen}");
}

#[test]
fn folders_that_lie_too_deep_are_not_left_out_in_silence() {
    let home = tempfile::tempdir().unwrap();
    unpack(&reference(), home.path());
    let deep = (0..70).fold(home.path().to_owned(), |path, _| path.join("d"));
    fs::create_dir_all(&deep).unwrap();
    let checkpoint = open(home.path(), true);
    let limits = of_code(&checkpoint.warnings(), Code::LimitReached);
    assert!(limits.len() == 1 && limits[0].1.contains("more than 64 deep"), "{limits:?}");
}

#[test]
fn a_folder_without_a_file_is_no_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    let error = Options::new().open(home.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoImages(_)), "{error}");
}
