//! What an archive can do to the machine of the person who looks at it: nothing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cryoscope::images::proto::FileEntry;

use super::reference;
use crate::archives::Members;
use crate::command::{cryoscope, run_with};
use crate::fixtures;
use crate::hostile::COMMANDS;

/// All files below a folder, with their sizes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        all.push((path.clone(), metadata.len()));
        if metadata.is_dir() {
            all.extend(files(&path));
        }
    }
    all.sort();
    all
}

/// Runs all commands on an archive, in a folder in which they may write to `out` only; what is in it otherwise stays as it is.
fn run_all(archive: &[u8], path: Option<&Path>) -> String {
    let home = tempfile::tempdir().unwrap();
    for folder in ["deep/er/home", "in", "out"] {
        fs::create_dir_all(home.path().join(folder)).unwrap();
    }
    let input = home.path().join("in/archive.tar");
    fs::write(&input, archive).unwrap();
    let mut said = String::new();
    for command in COMMANDS {
        let before = files(home.path());
        let out = home.path().join("out");
        let arguments = command.iter().map(|argument| match *argument {
            "IN" => input.clone().into_os_string(),
            "DIR" => home.path().join("in").into_os_string(),
            other => other.replace("OUT", out.to_str().unwrap()).into(),
        });
        let mut process = cryoscope(&home.path().join("deep/er/home"));
        if let Some(path) = path {
            process.env("PATH", path);
        }
        let output = process.args(arguments).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 4), "{command:?}: {}", output.status);
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        fs::remove_dir_all(&out).unwrap();
        fs::create_dir(&out).unwrap();
        assert_eq!(files(home.path()), before, "{command:?} has written beside what it was told to");
    }
    said
}

/// W38: peers write members to wherever their names lead.
#[test]
fn names_that_lead_out_write_nothing() {
    let mut members = reference().tar();
    members.truncate(members.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    for name in
        ["../PWNED", "../../../../PWNED-spec.dump", "/cryoscope-PWNED", "checkpoint/../../PWNED", "deep/../../PWNED"]
    {
        for link in [None, Some("../../PWNED")] {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(if link.is_some() { tar::EntryType::Symlink } else { tar::EntryType::Regular });
            if let Some(link) = link {
                header.set_link_name(link).unwrap();
            }
            header.set_size(0);
            header.set_mode(0o4777);
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
        }
    }
    members.extend(builder.into_inner().unwrap());
    let said = run_all(&members, None);
    assert!(said.contains("PWNED"), "they are listed");
    assert!(!Path::new("/cryoscope-PWNED").exists());
}

/// W40: peers print names as they are, with a line break that forges a row, and colours that hide one.
#[test]
fn names_cannot_forge_a_line_or_speak_to_the_terminal() {
    let mut members = reference();
    let name = "real\n1  root  innocent\u{1b}[8mhidden\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";
    members.set("config.dump", serde_json::json!({ "id": "1", "name": name, "rootfsImageName": "image" }).to_string());
    members.edit("checkpoint/files.img", |_, entry: &mut FileEntry| {
        if let Some(file) = entry.reg.as_mut() {
            file.name = Some(["/\x1b[2J\r└─".as_bytes(), file.name()].concat());
        }
    });
    let ran = run_with(&members.tar(), ["show", "-"]);
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    let ran = run_with(&members.tar(), ["inspect", "--all", "-"]);
    for text in [ran.out, ran.err] {
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("1  root  innocent")), "{text}");
    }
}

/// W42: peers run whatever is called `pigz`, `zstd` or like a plugin of theirs.
#[test]
fn no_program_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("was-run");
    for name in
        ["pigz", "unpigz", "gzip", "zstd", "xz", "bzip2", "tar", "buildah", "gdb", "sh", "less", "cryoscope-plugin"]
    {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\necho {name} >> {}\n", mark.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for archive in ["malformed/base.tar.gz", "malformed/zstd-checksum.tar.zst"] {
        run_all(&fs::read(fixtures::path(archive)).unwrap(), Some(folder.path()));
    }
    assert!(!mark.exists(), "{}", fs::read_to_string(mark).unwrap());
}

/// W43: peers leave the memory of the container in the temporary folder.
#[test]
fn nothing_of_the_container_stays_on_the_disk() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&reference().tar()).unwrap();
    let archive = encoder.finish().unwrap();
    let home = tempfile::tempdir().unwrap();
    let good = home.path().join("good.tar.gz");
    fs::write(&good, archive).unwrap();
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    // What is kept goes to a temporary file from the first byte on.
    let run = |arguments: &[&str]| {
        let mut command = cryoscope(home.path());
        command.env("TMPDIR", &temporary).args(arguments).args(["good.tar.gz", "--max-memory", "0"]);
        command
    };
    for more in [&["inspect", "--all", "missing.tar"][..], &["show"], &["memparse", "--search", "nothing like it"]] {
        let output = run(more).output().unwrap();
        assert!(output.status.code().is_some_and(|code| code < 4));
        assert_eq!(files(&temporary), [], "{more:?}");
    }
    // Not even if it is ended in the middle of its work: the file never had a name.
    let mut child = run(&["memparse", "--strings"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(30));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files(&temporary), []);
}

/// W44: peers unpack whatever inflates, and read whatever is long.
#[test]
fn what_an_archive_costs_is_bounded() {
    let cases: [(&str, &[&str], &str); 4] = [
        ("malformed/bomb-zstd.tar.zst", &["--max-unpacked", "1000000"], "--max-unpacked"),
        ("malformed/bomb-json.tar.gz", &[], "--max-json"),
        ("malformed/members-many.tar.zst", &["--max-members", "1000"], "--max-members"),
        ("malformed/config-deep.tar.gz", &[], "--max-json-depth"),
    ];
    for (archive, flags, named) in cases {
        let home = tempfile::tempdir().unwrap();
        let output =
            cryoscope(home.path()).args(["table", "--all"]).arg(fixtures::path(archive)).args(flags).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{archive}: {said}");
        assert!(output.status.code() == Some(2) || said.contains(named), "{archive}: {named} is not named: {said}");
    }
    // A member that claims more than there is costs nothing.
    let mut members = Members::default();
    members.set("checkpoint/pstree.img", "");
    let mut archive = members.tar();
    archive[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    archive[148..156].copy_from_slice(b"        ");
    let sum: u32 = archive[..512].iter().map(|&byte| u32::from(byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let ran = run_with(&archive, ["inspect", "-", "--all"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("before the end of the member"), "{}", ran.err);
}
