//! Files that lie in an archive beside the images: what was changed on disk, what was logged, and getting them out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Options};
use serde_json::Value;

use super::reference;
use crate::archives::Members;
use crate::command::{Ran, cryoscope};
use crate::fixtures;

/// A case with all of its files.
fn open(case: &str) -> Checkpoint {
    Options::new().keep(Keep::Files).open(fixtures::archive_of(case)).unwrap().remove(0)
}

fn rows(case: &str, table: &str) -> Vec<Value> {
    fixtures::rows_of(&open(case), &[table]).remove(table).unwrap()
}

/// W25: of what a container changed on disk, peers show the size.
#[test]
fn changes_on_disk_are_listed_and_held_against_what_ran() {
    let rows = rows("webapp-compromise", "rootfs_changes");
    let by_path: BTreeMap<&str, &Value> = rows.iter().map(|row| (row["path"].as_str().unwrap(), row)).collect();
    let shell = by_path["/var/tmp/.font-unix/.sh"];
    assert_eq!((shell["mode"].as_str(), shell["setuid"].as_bool()), (Some("4755"), Some(true)), "a setuid shell");
    assert_eq!(shell["mtime"], "2026-11-23T11:12:27.000000000Z");
    let holders = |path: &str| by_path[path]["open_by"].as_array().unwrap().clone();
    assert_eq!(holders("/tmp/.cache/.x/xmrig")[0], "21:exe", "what was dropped, and ran");
    assert_eq!(holders("/tmp/.cache/.x/libhook.so"), ["22:map"], "what was dropped, and is mapped");
    let noise = |path: &str| by_path[path]["engine_noise"].as_bool().unwrap();
    assert!(noise("/run/secrets/kubernetes.io/serviceaccount") && noise("/run/docker.sock"));
    assert!(!noise("/etc/ld.so.preload") && !noise("/root/.ssh"));
}

/// W25: nor what was deleted, in either of two notations, nor volumes.
#[test]
fn deletions_are_listed_in_both_notations_and_volumes_with_their_paths() {
    let deleted = |rows: &[Value]| -> Vec<String> {
        let deleted = rows.iter().filter(|row| row["change"] != "added_or_changed");
        deleted.map(|row| format!("{} {}", row["change"], row["path"])).collect()
    };
    assert_eq!(deleted(&rows("rootfs-diff", "rootfs_changes")), ["\"deleted\" \"/data/doomed.txt\""]);

    // containerd's layers have whiteouts; in Podman's archives, a file of such a name is a file.
    let mut layer = Members::default();
    layer.set("data/.wh.doomed.txt", "");
    layer.set("cache/.wh..wh..opq", "");
    layer.set("data/kept.txt", "kept");
    let changes = |members: &Members| {
        let checkpoint = members.open_keeping(Keep::Files);
        fixtures::rows_of(&checkpoint, &["rootfs_changes"]).remove("rootfs_changes").unwrap()
    };
    let mut members = reference();
    members.set("rootfs-diff.tar", layer.tar());
    assert!(deleted(&changes(&members)).is_empty());
    members.remove("spec.dump");
    members.set("config.dump", br#"{"id":"1","name":"tick"}"#.as_slice());
    members.set("status", br#"{"CreatedAt":1795432612000000000}"#.as_slice());
    let rows_of_layer = changes(&members);
    assert_eq!(deleted(&rows_of_layer), ["\"deleted\" \"/data/doomed.txt\"", "\"opaque\" \"/cache\""]);
    assert_eq!(rows_of_layer.len(), 3);

    let volumes = rows("mounts", "volume_files");
    assert_eq!((&volumes[0]["volume"], &volumes[0]["path"]), (&"labvol".into(), &"/vol/in-volume".into()));
}

/// W38: peers write wherever the name of a member leads.
#[test]
fn no_name_of_a_member_leads_out_of_the_output() {
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("a/b/c");
    fs::create_dir_all(&work).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["../../../../PWNED-spec.dump", "../PWNED", "/PWNED", "checkpoint/../../../PWNED"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o644);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, b"PWNED".as_slice()).unwrap();
    }
    let inner = archive.into_inner().unwrap();
    let mut forged = inner[..inner.len() - 1024].to_vec();
    let mut members = reference();
    members.set("rootfs-diff.tar", inner);
    forged.extend(members.tar());
    fs::write(work.join("forged.tar"), forged).unwrap();
    for arguments in
        [&["show"][..], &["inspect", "--all"], &["table", "--all"], &["extract", "-o", "out", "--what", "all"]]
    {
        let mut command = cryoscope(&work);
        command.args(arguments).arg("forged.tar");
        if arguments[0] == "table" {
            command = cryoscope(&work);
            command.args(["table", "forged.tar", "--all"]);
        }
        let ran = Ran::of(command.output().unwrap());
        assert!(matches!(ran.code, Some(0 | 3)), "{arguments:?}: {}", ran.err);
    }
    let mut found = Vec::new();
    below(home.path(), &mut found);
    let outside = found.iter().filter(|path| !path.starts_with(work.join("out")));
    assert_eq!(outside.collect::<Vec<_>>(), [&work.join("forged.tar")]);
    assert!(work.join("out/rootfs/PWNED").is_file(), "it is not lost either");
    assert!(!Path::new("/PWNED").exists());
}

/// The files below a folder.
fn below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

/// W59: peers ignore what the container wrote to its log, and CRIU's own.
#[test]
fn logs_are_read() {
    let rows = rows("webapp-compromise", "log_lines");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["member"] == "ctr.log" && row["stream"].is_string()));
    let rows = self::rows("crio-logs", "log_lines");
    let count = |source: &str, level: &str| {
        rows.iter().filter(|row| row["source"] == source && (level.is_empty() || row["level"] == level)).count()
    };
    assert!(count("container", "") > 100 && count("criu", "error") > 0 && count("criu", "warning") > 0);
    let error = rows.iter().find(|row| row["level"] == "error").unwrap();
    assert_eq!((&error["source_file"], &error["source_line"]), (&"criu/util.c".into(), &1533.into()));
}
