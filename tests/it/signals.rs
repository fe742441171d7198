//! Signals that end the command while it writes: nothing half stays, the caller sees the signal, and what stays after SIGKILL is
//! overwritten by the next run.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::archives::{Member, Members};
use crate::command::cryoscope;
use crate::fixtures;

const HUP: i32 = 1;
const INT: i32 = 2;
const KILL: i32 = 9;
const TERM: i32 = 15;

/// An archive with many images, so that writing them takes long.
fn archive(home: &Path) -> PathBuf {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    for number in 0..1000 {
        let name = format!("checkpoint/pages-9{number:05}.img");
        members.0.push(Member { name, contents: vec![7; 64 << 10] });
    }
    let path = home.join("big.tar");
    fs::write(&path, members.tar()).unwrap();
    path
}

/// The files below a folder that bear no name of their own yet.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(unfinished(&path));
        } else if path.file_name().unwrap().as_encoded_bytes().starts_with(b".") {
            found.push(path);
        }
    }
    found
}

/// Waits until the command has begun to write. Returns whether it was seen to before it ended.
fn begun(child: &mut Child, folder: &Path) -> bool {
    let start = Instant::now();
    while unfinished(folder).is_empty() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "it never writes");
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Runs a command and sends it a signal while it writes into `out`, which is made anew. Returns how it ended. A command that
/// is done before the signal comes is run again, because that depends on how busy the machine is.
fn met(mut command: Command, out: &Path, number: i32) -> ExitStatus {
    for _ in 0..50 {
        if out.exists() {
            fs::remove_dir_all(out).unwrap();
        }
        fs::create_dir(out).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if begun(&mut child, out) {
            signal(&child, number);
        }
        let status = child.wait().unwrap();
        if !status.success() {
            return status;
        }
    }
    panic!("{command:?} was never stopped by signal {number}");
}

fn signal(child: &Child, signal: i32) {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

/// Commands that write for a while, into `out`.
fn commands() -> Vec<Vec<&'static str>> {
    vec![
        vec!["extract", "big.tar", "-o", "out/e", "--what", "images"],
        vec!["table", "big.tar", "members", "--hash", "-o", "out/rows"],
        vec!["table", "big.tar", "members", "images", "--hash", "--output-dir", "out/tables"],
        vec!["show", "big.tar", "--verify", "--manifest", "out/run.json"],
    ]
}

#[test]
fn signals_leave_no_unfinished_file() {
    let home = tempfile::tempdir().unwrap();
    archive(home.path());
    let out = home.path().join("out");
    for number in [HUP, INT, TERM] {
        for arguments in commands() {
            let mut command = cryoscope(home.path());
            command.args(&arguments);
            let status = met(command, &out, number);
            assert_eq!(status.signal(), Some(number), "{arguments:?}: {status}");
            assert_eq!(unfinished(&out), [] as [PathBuf; 0], "{arguments:?}");
        }
    }
}

#[test]
fn what_a_killed_run_leaves_is_overwritten_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    archive(home.path());
    let out = home.path().join("out");
    for arguments in commands() {
        let mut command = cryoscope(home.path());
        command.args(&arguments);
        let status = met(command, &out, KILL);
        assert_eq!(status.signal(), Some(KILL), "{arguments:?}: {status}");
        let output = cryoscope(home.path()).args(&arguments).arg("--force").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(unfinished(&out), [] as [PathBuf; 0], "{arguments:?}");
    }
}

/// `nohup` means it.
#[test]
fn a_signal_that_is_ignored_stays_so() {
    let home = tempfile::tempdir().unwrap();
    archive(home.path());
    let out = home.path().join("out");
    fs::create_dir(&out).unwrap();
    let script = "trap '' HUP; exec \"$0\" table big.tar members --hash -o out/rows";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_cryoscope")]).current_dir(home.path());
    // It may be done before it was seen to write.
    let met = (0..50).any(|_| {
        let _ = fs::remove_file(out.join("rows"));
        let mut child = shell.spawn().unwrap();
        let has_begun = begun(&mut child, &out);
        if has_begun {
            signal(&child, HUP);
        }
        assert!(child.wait().unwrap().success());
        assert!(out.join("rows").is_file() && unfinished(&out).is_empty());
        has_begun
    });
    assert!(met, "it was never seen to write");
}
