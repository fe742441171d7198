//! `extract`: what it writes is what the tables say, and nothing else is ever touched.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use cryoscope::extract::original;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::archives::Members;
use crate::command::{Ran, cryoscope};
use crate::fixtures;

/// A folder with an archive in it, in which the command runs.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { home: tempfile::tempdir().unwrap() }
    }

    /// With the reference, whose changed files are a tar.
    fn with_rootfs(tar: Vec<u8>) -> Self {
        Place::with(&[("rootfs-diff.tar", tar)])
    }

    /// With the reference and further members.
    fn with(more: &[(&str, Vec<u8>)]) -> Self {
        let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
        for (name, contents) in more {
            members.set(name, contents.clone());
        }
        let place = Place::new();
        fs::write(place.path("a.tar"), members.tar()).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(cryoscope(self.home.path()).arg("extract").args(arguments).output().unwrap())
    }

    /// The lines of the manifest of a folder.
    fn manifest(&self, folder: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(folder).join("manifest.ndjson")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Everything below the home, with its type and, of files, its contents; links are not followed.
    fn everything(&self) -> BTreeMap<PathBuf, (String, Vec<u8>)> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let contents = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                all.insert(path, (format!("{:?}", metadata.file_type()), contents));
            }
        }
        all
    }
}

/// A tar whose members have any names: the `tar` crate would refuse them.
#[derive(Default)]
struct Forge(Vec<u8>);

impl Forge {
    fn add(mut self, name: &[u8], flag: u8, link: &[u8], contents: &[u8]) -> Self {
        if name.len() > 100 {
            self = self.add(b"././@LongLink", b'L', b"", &[name, b"\0"].concat());
        }
        if link.len() > 100 {
            self = self.add(b"././@LongLink", b'K', b"", &[link, b"\0"].concat());
        }
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o4755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(contents.len() as u64);
        header.set_mtime(1_795_432_612);
        header.set_entry_type(tar::EntryType::new(flag));
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        let raw = header.as_old_mut();
        raw.name[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        raw.linkname[..link.len().min(100)].copy_from_slice(&link[..link.len().min(100)]);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: impl AsRef<[u8]>, contents: &str) -> Self {
        self.add(name.as_ref(), b'0', b"", contents.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// That the manifest and what is on disk are the same, and that nothing was made that is no file or folder of the user's own.
fn check(place: &Place, folder: &str) -> Vec<Value> {
    let manifest = place.manifest(folder);
    let root = place.path(folder);
    let mut named: Vec<PathBuf> = vec![root.join("manifest.ndjson")];
    for row in manifest.iter().filter(|row| !row["file"].is_null()) {
        let path = root.join(row["file"].as_str().unwrap());
        if row["type"] != "directory" {
            let bytes = fs::read(&path).unwrap();
            assert_eq!(row["size"], bytes.len(), "{row}");
            if row["missing_bytes"] == 0 {
                assert_eq!(row["sha256"], sha256(&bytes), "{row}");
            } else {
                assert_eq!((&row["sha256"], &row["state"]), (&Value::Null, &"partial".into()), "{row}");
            }
        }
        named.push(path);
    }
    for (path, (_, _)) in place.everything().iter().filter(|(path, _)| path.starts_with(&root) && **path != root) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        assert!(metadata.is_file() || metadata.is_dir(), "{} was made", path.display());
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if metadata.is_file() {
            assert!(named.contains(path), "{} is in no line of the manifest", path.display());
        }
    }
    manifest
}

#[test]
fn names_that_do_harm_stay_in_the_folder_and_can_be_turned_back() {
    let long = "n".repeat(4096);
    let deep = format!("{}end", "d/".repeat(2000));
    let names: Vec<Vec<u8>> = vec![
        b"../../escaped".to_vec(),
        b"/absolute".to_vec(),
        b"a/../../../../escaped".to_vec(),
        b"line\nbreak".to_vec(),
        b"not-utf8-\xff\xc3(".to_vec(),
        b"\x1b[31mred".to_vec(),
        b"back\\slash:stream".to_vec(),
        b"-rf".to_vec(),
        b" ".to_vec(),
        b"manifest.ndjson".to_vec(),
        long.into_bytes(),
        deep.into_bytes(),
    ];
    let mut forge = Forge::default();
    for (number, name) in names.iter().enumerate() {
        forge = forge.file(name, &format!("contents {number}"));
    }
    let place = Place::with_rootfs(forge.end());
    let before = place.everything();
    let ran = place.run(&["a.tar", "-o", "out", "--what", "rootfs"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let manifest = check(&place, "out");
    assert_eq!(manifest.len(), names.len(), "each has its file: {manifest:?}");
    for (number, row) in manifest.iter().enumerate() {
        let file = row["file"].as_str().unwrap();
        assert_eq!(fs::read_to_string(place.path("out").join(file)).unwrap(), format!("contents {number}"));
        assert!(!file.contains("..") && file.starts_with("rootfs/"), "{file}");
        let name = names[number].rsplit(|&b| b == b'/').next().unwrap();
        match original(file.rsplit('/').next().unwrap()) {
            Some(original) => assert_eq!(original, name),
            None => assert!(file.contains('~') && name.len() > 200, "{file}"),
        }
    }
    for (path, contents) in &before {
        assert_eq!(place.everything().get(path), Some(contents), "{} was changed", path.display());
    }
    let new: Vec<PathBuf> = place.everything().into_keys().filter(|path| !before.contains_key(path)).collect();
    assert!(new.iter().all(|path| path.starts_with(place.path("out"))), "{new:?}");
}

#[test]
fn links_and_devices_are_listed_and_never_followed() {
    let place = Place::new();
    let outside = place.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    let target = outside.to_str().unwrap().as_bytes().to_vec();
    let victim = [&target[..], b"/victim"].concat();
    let tar = Forge::default()
        .add(b"way", b'2', &target, b"")
        .file("way/victim", "overwritten")
        .file("way/new", "new")
        .add(b"direct", b'2', &victim, b"")
        .file("direct", "overwritten")
        .add(b"hard", b'1', &victim, b"")
        .add(b"null", b'3', b"", b"")
        .add(b"disk", b'4', b"", b"")
        .add(b"pipe", b'6', b"", b"")
        .end();
    let forged = Place::with_rootfs(tar);
    fs::copy(forged.path("a.tar"), place.path("a.tar")).unwrap();
    let ran = place.run(&["a.tar", "-o", "out", "--what", "rootfs"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("rootfs: skipped 1 files; manifest.ndjson has the reasons"), "{}", ran.err);
    let manifest = check(&place, "out");
    assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "nothing was made there");
    assert_eq!(fs::read_to_string(place.path("out/rootfs/way/victim")).unwrap(), "overwritten");
    let listed: BTreeMap<&str, (&str, &str, &str)> = manifest
        .iter()
        .filter(|row| row["state"] != "written")
        .map(|row| {
            let text = |column: &str| row[column].as_str().unwrap_or_default();
            (text("path"), (text("state"), text("type"), text("device")))
        })
        .collect();
    let expected = [
        ("/disk", ("listed", "block", "1:3")),
        ("/hard", ("left_out", "other", "")),
        ("/null", ("listed", "character", "1:3")),
        ("/pipe", ("listed", "fifo", "")),
        ("/way", ("listed", "symlink", "")),
    ];
    assert_eq!(listed, BTreeMap::from(expected), "the last member of a name counts");
}

#[test]
fn a_file_and_a_folder_of_one_name_both_have_a_place() {
    let tar = Forge::default().file("x", "file").file("x/y", "below").file("z/y", "below").file("z", "file").end();
    let place = Place::with_rootfs(tar);
    assert_eq!(place.run(&["a.tar", "-o", "out", "--what", "rootfs"]).code, Some(0));
    let files: Vec<Value> = check(&place, "out").into_iter().map(|row| row["file"].clone()).collect();
    assert_eq!(files, ["rootfs/x", "rootfs/x~2/y", "rootfs/z/y", "rootfs/z~2"]);
}

#[test]
fn a_folder_with_something_in_it_is_refused_and_links_in_it_even_with_force() {
    let place = Place::with_rootfs(Forge::default().file("etc/new", "new").file("etc/old", "new").end());
    let arguments = ["a.tar", "-o", "out", "--what", "rootfs"];
    let forced = [&arguments[..], &["--force"]].concat();
    fs::create_dir_all(place.path("out")).unwrap();
    assert_eq!(place.run(&arguments).code, Some(0), "an empty folder is as good as a new one");
    let ran = place.run(&arguments);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("not empty") && ran.err.contains("--force"), "{}", ran.err);

    // A file that is there is replaced; a link in its place, too, and not what it leads to.
    fs::write(place.path("victim"), "untouched").unwrap();
    fs::remove_file(place.path("out/rootfs/etc/old")).unwrap();
    symlink(place.path("victim"), place.path("out/rootfs/etc/old")).unwrap();
    fs::write(place.path("out/rootfs/etc/new"), "before").unwrap();
    assert_eq!(place.run(&forced).code, Some(0));
    assert_eq!(fs::read_to_string(place.path("victim")).unwrap(), "untouched");
    assert_eq!(fs::read_to_string(place.path("out/rootfs/etc/new")).unwrap(), "new");
    check(&place, "out");

    // A link in the place of a folder is not followed.
    fs::remove_dir_all(place.path("out/rootfs")).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    symlink(place.path("elsewhere"), place.path("out/rootfs")).unwrap();
    let ran = place.run(&forced);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("links are not followed"), "{}", ran.err);
    assert_eq!(fs::read_dir(place.path("elsewhere")).unwrap().count(), 0);

    // Nor is the folder itself one, or a file.
    symlink(place.path("elsewhere"), place.path("link")).unwrap();
    fs::write(place.path("file"), "").unwrap();
    for target in ["link", "file"] {
        assert_eq!(place.run(&["a.tar", "-o", target, "--what", "rootfs", "--force"]).code, Some(2), "{target}");
    }
    assert_eq!(place.run(&["a.tar", "-o", "no/such/folder"]).code, Some(2));
    assert_eq!(place.run(&["a.tar"]).code, Some(2));
}

#[test]
fn a_write_that_fails_leaves_no_half_file() {
    let place = Place::with_rootfs(Forge::default().file("first", "whole").file("d/second", "x").end());
    fs::create_dir_all(place.path("out/rootfs")).unwrap();
    symlink("/", place.path("out/rootfs/d")).unwrap();
    let ran = place.run(&["a.tar", "-o", "out", "--what", "rootfs", "--force"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    let left: Vec<_> = place.everything().into_keys().filter(|path| path.starts_with(place.path("out"))).collect();
    let expected =
        ["", "manifest.ndjson", "rootfs", "rootfs/d", "rootfs/first"].map(|name| place.path("out").join(name));
    assert_eq!(left, expected, "what is whole, the manifest of it, and nothing else");
    assert_eq!(place.manifest("out").len(), 1);
}

#[test]
fn limits_leave_out_and_say_so() {
    let place = Place::with_rootfs(Forge::default().file("a", "12345").file("b", "123456").file("c", "1").end());
    let bytes = place.run(&["a.tar", "-o", "bytes", "--what", "rootfs", "--max-extracted", "8"]);
    assert_eq!(bytes.code, Some(3));
    assert!(bytes.err.contains("--max-extracted"), "{}", bytes.err);
    let states: Vec<Value> = check(&place, "bytes").into_iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["written", "left_out", "written"]);
    let files = place.run(&["a.tar", "-o", "files", "--what", "rootfs", "--max-files", "2"]);
    assert_eq!(files.code, Some(3));
    assert!(files.err.contains("--max-files"), "{}", files.err);
    assert_eq!(check(&place, "files").iter().filter(|row| row["state"] == "left_out").count(), 2, "a folder counts");
}

#[test]
fn holes_take_no_room_and_are_hashed_within_bounds() {
    let mut sparse = tempfile::tempfile().unwrap();
    sparse.write_all(b"begin").unwrap();
    sparse.write_all_at(b"end", 64 << 20).unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_mode(0o600);
    header.set_size(1024);
    let regions = [(0_u64, 512_u64), (64 << 20, 512)];
    let raw = header.as_gnu_mut().unwrap();
    for (field, (at, len)) in raw.sparse.iter_mut().zip(regions) {
        field.offset[..11].copy_from_slice(format!("{at:011o}").as_bytes());
        field.numbytes[..11].copy_from_slice(format!("{len:011o}").as_bytes());
    }
    raw.realsize[..11].copy_from_slice(format!("{:011o}", (64 << 20) + 512).as_bytes());
    header.set_path("sparse").unwrap();
    header.set_cksum();
    tar.append(&header, &[b"b".as_slice(), &[0; 511], b"e", &[0; 511]].concat()[..]).unwrap();
    let place = Place::with_rootfs(tar.into_inner().unwrap());
    assert_eq!(place.run(&["a.tar", "-o", "out", "--what", "rootfs"]).code, Some(0));
    let row = check(&place, "out").remove(0);
    let metadata = fs::metadata(place.path("out/rootfs/sparse")).unwrap();
    assert_eq!((metadata.len(), &row["size"]), ((64 << 20) + 512, &Value::from((64 << 20) + 512)));
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    let bounded = place.run(&["a.tar", "-o", "bounded", "--what", "rootfs", "--max-holes", "1000"]);
    assert!(bounded.code == Some(3) && bounded.err.contains("--max-holes"), "{}", bounded.err);
    assert_eq!(place.manifest("bounded")[0]["sha256"], Value::Null);
}

#[test]
fn what_was_cut_is_zeros_and_is_said() {
    let place = Place::with_rootfs(Forge::default().file("a", &"x".repeat(3000)).end());
    let whole = fs::read(place.path("a.tar")).unwrap();
    let cut = whole.len() - 1024 - 1024 - 1024;
    fs::write(place.path("cut.tar"), &whole[..cut]).unwrap();
    let ran = place.run(&["cut.tar", "-o", "out", "--what", "rootfs"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    let rows = check(&place, "out");
    let row = rows.first().unwrap();
    assert_eq!((row["state"].as_str(), row["missing_bytes"].as_u64().unwrap() > 0), (Some("partial"), true), "{row}");
}

/// The files in all of the output equal what the tables say of them.
#[test]
fn contents_are_those_of_the_tables() {
    let mut compared = BTreeMap::new();
    for case in ["rootfs-diff", "mounts", "files", "ipc", "containerd2-logs", "crio-counters-oci", "webapp-compromise"]
    {
        let place = Place::new();
        let archive = fixtures::archive_of(case);
        let ran =
            place.run(&[archive.to_str().unwrap(), "-o", "out", "--what", "recovered,rootfs,tmpfs,devshm,volumes"]);
        assert_eq!(ran.code, Some(0), "{case}: {}", ran.err);
        let manifest = check(&place, "out");
        let tables = ["rootfs_changes", "volume_files", "recovered_files"];
        let mut command = cryoscope(place.home.path());
        command.arg("table").arg(&archive).args(tables).args(["--hash", "--format", "ndjson"]);
        let rows = fixtures::parse(Ran::of(command.output().unwrap()).ok().as_bytes(), &tables);
        for row in rows.values().flatten().filter(|row| !row["sha256"].is_null() && row["link"].is_null()) {
            let table = row["table"].as_str().unwrap();
            let line = manifest.iter().find(|line| {
                line["path"] == row["path"] && line["member"] == row["member"] && line["sha256"] == row["sha256"]
            });
            let line = line.unwrap_or_else(|| panic!("{case}: {row}"));
            for column in ["size", "mode", "uid", "gid", "mtime", "type"] {
                assert_eq!(line[column], row[column], "{case}: {column} of {row}");
            }
            *compared.entry(table.to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(compared.len(), 3, "{compared:?}");
}

#[test]
fn every_kind_is_written_and_streams_give_the_same() {
    for case in ["files", "sockets-unix", "webapp-compromise", "crio-logs"] {
        let place = Place::new();
        let archive = fixtures::archive_of(case);
        let ran = place.run(&[archive.to_str().unwrap(), "-o", "out", "--what", "all"]);
        assert_eq!(ran.code, Some(0), "{case}: {}", ran.err);
        check(&place, "out");
        fs::write(place.path("plain.tar"), crate::archives::inflated(&fs::read(&archive).unwrap())).unwrap();
        assert_eq!(place.run(&["plain.tar", "-o", "plain", "--what", "all"]).code, Some(0), "{case}");
        let manifests = ["out", "plain"].map(|name| fs::read(place.path(name).join("manifest.ndjson")).unwrap());
        assert!(manifests[0] == manifests[1], "{case}: mapped and inflated archives give the same");
    }
}

#[test]
fn images_are_copied_and_memory_is_what_memparse_dumps() {
    let place = Place::with(&[]);
    assert_eq!(place.run(&["a.tar", "-o", "out", "--what", "images,memory", "--pid", "6"]).code, Some(0));
    let manifest = check(&place, "out");
    assert!(manifest.iter().all(|row| row["what"] == "memory"), "images belong to no process");
    let mut command = cryoscope(place.home.path());
    command.args(["memparse", "a.tar", "--pid", "6", "--dump", "dump/"]);
    Ran::of(command.output().unwrap()).ok();
    let mut files = 0;
    for row in manifest.iter().filter(|row| row["state"] != "listed" && row["why"] != "the index") {
        let file = row["file"].as_str().unwrap();
        let dumped = file.strip_prefix("memory/6/").unwrap();
        let dumped = fs::read(place.path("dump").join(format!("6-{dumped}"))).unwrap();
        assert!(fs::read(place.path("out").join(file)).unwrap() == dumped, "{file}");
        files += 1;
    }
    assert!(files > 5);
    assert_eq!(place.run(&["a.tar", "-o", "images", "--what", "images"]).code, Some(0));
    let members = Members::of(&place.path("a.tar"));
    for member in &members.0 {
        let copied = fs::read(place.path("images/images").join(&member.name)).unwrap();
        assert!(copied == member.contents, "{}", member.name);
    }
    check(&place, "images");
}

#[test]
fn paths_and_processes_choose() {
    let place = Place::new();
    let archive = fixtures::archive_of("webapp-compromise");
    let archive = archive.to_str().unwrap();
    let ran = place.run(&[archive, "-o", "out", "--path", "/tmp/*", "--path", "/etc/passwd", "--what", "rootfs"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let paths: Vec<Value> = check(&place, "out").into_iter().map(|row| row["path"].clone()).collect();
    assert!(paths.len() > 5 && paths.contains(&"/etc/passwd".into()), "{paths:?}");
    assert!(paths.iter().all(|path| path == "/etc/passwd" || path.as_str().unwrap().starts_with("/tmp/")), "{paths:?}");
    let ran = place.run(&[archive, "-o", "of-15", "--pid", "15", "--what", "recovered,rootfs,logs"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = check(&place, "of-15");
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row["pids"].as_array().unwrap().contains(&15.into())),
        "{rows:?}"
    );
    assert_eq!(place.run(&[archive, "-o", "nobody", "--pid", "4711"]).code, Some(2));
    assert!(!place.path("nobody").exists(), "nothing is made before it is known what is wanted");
    assert_eq!(place.run(&[archive, "-o", "nothing", "--what", "rotfs"]).code, Some(2));
}

proptest! {
    #![proptest_config(fixtures::cases_of(16))]

    #[test]
    fn any_names_stay_in_the_folder(
        names in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 1..300), 1..20)
    ) {
        let mut forge = Forge::default();
        for name in names.iter().filter(|name| !name.contains(&0)) {
            forge = forge.file(name, "x");
        }
        let place = Place::with_rootfs(forge.end());
        let ran = place.run(&["a.tar", "-o", "out", "--what", "rootfs"]);
        // Names may all be of the folder itself (`.`, `//`) or left out above: nothing is there to extract.
        let nothing = ran.code == Some(1) && ran.err.contains("nothing to extract");
        prop_assert!(nothing || matches!(ran.code, Some(0 | 3)), "{:?}: {}", ran.code, ran.err);
        if ran.code == Some(0) {
            check(&place, "out");
        }
        let at_home: Vec<_> = fs::read_dir(place.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert_eq!(at_home.len(), 2, "{:?}", at_home);
    }
}

/// Nothing is written beside the archive by a command that only reads.
#[test]
fn hashing_a_table_writes_nothing() {
    let place = Place::with_rootfs(Forge::default().file("a", "abc").end());
    let before = place.everything();
    let mut command = cryoscope(place.home.path());
    command.args(["table", "a.tar", "members", "rootfs_changes", "--hash", "--format", "ndjson"]);
    let rows = fixtures::parse(Ran::of(command.output().unwrap()).ok().as_bytes(), &["members", "rootfs_changes"]);
    assert_eq!(rows["rootfs_changes"][0]["sha256"], sha256(b"abc"));
    let members = Members::of(Path::new(&place.path("a.tar")));
    for row in rows["members"].iter().filter(|row| row["type"] == "file") {
        assert_eq!(row["sha256"], sha256(members.get(row["path"].as_str().unwrap())), "{row}");
    }
    assert_eq!(before, place.everything());
}

#[test]
fn nothing_to_extract_is_nothing_found() {
    let place = Place::with(&[]);
    let ran = place.run(&["a.tar", "-o", "m1", "--path", "/nope"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("nothing to extract") && ran.err.contains("matches /nope"), "{}", ran.err);
    let ran = place.run(&["a.tar", "-o", "m2", "--what", "volumes"]);
    assert_eq!((ran.code, ran.err.contains("no volumes")), (Some(1), true), "{}", ran.err);
    assert_eq!(place.run(&["a.tar", "-o", "m3", "--what", "volumes,images", "-q"]).code, Some(0));
    let quiet = place.run(&["a.tar", "-o", "m4", "--what", "volumes", "-q"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(1), ""));
}
