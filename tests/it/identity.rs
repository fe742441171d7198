//! What tells dumps apart: the same for all copies of one, another for each other one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Options};
use sha2::{Digest, Sha256};

use crate::archives::{Members, inflated};
use crate::fixtures;

fn open(path: &Path) -> Vec<Checkpoint> {
    Options::new().open(path).unwrap_or_else(|error| panic!("{error}"))
}

/// All that is in the images of a checkpoint but pages, by a way of its own: names and hashes of members.
fn images_of(checkpoint: &Checkpoint) -> BTreeMap<String, String> {
    let archive = checkpoint.archive();
    let own = archive.members().iter().filter(|member| member.folder() == checkpoint.images().folder.as_slice());
    own.filter_map(|member| {
        let name = String::from_utf8_lossy(member.file_name()).into_owned();
        let is_image = Path::new(&name).extension().is_some_and(|end| end == "img");
        let is_counted = is_image && !name.starts_with("pages-") && !name.starts_with("ghost-file");
        let (bytes, _) = archive.contents(archive.resolve(member).ok()?).prefix(u64::MAX);
        is_counted.then(|| (name, fixtures::hex(&Sha256::digest(&bytes))))
    })
    .collect()
}

#[test]
fn no_two_dumps_are_called_alike_and_copies_are() {
    let mut by_id: BTreeMap<String, (BTreeMap<String, String>, String)> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for case in fixtures::cases() {
        for archive in fixtures::archives_of(&case) {
            for checkpoint in open(&archive) {
                let (id, images) = (checkpoint.identity(), images_of(&checkpoint));
                let name = format!("{} {}", archive.display(), checkpoint.set_name());
                let (first, other) = by_id.entry(id.clone()).or_insert_with(|| (images.clone(), name.clone()));
                assert_eq!(*first, images, "{name} is called as {other} is, and is not a copy of it");
                ids.insert(name, id);
            }
        }
    }
    assert!(by_id.len() > 40, "have fixtures been lost?");
    assert_eq!(ids.len(), by_id.len(), "of these, no two are copies of one dump");
}

#[test]
fn two_dumps_of_one_container_differ() {
    // The same container, a moment later: all that CRIU before 4.1 writes may be equal but for how long the dump took.
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let first = Checkpoint::from_reader(Cursor::new(members.tar())).unwrap().identity();
    let statistics = members.0.iter().position(|member| member.name == "stats-dump").unwrap();
    *members.0[statistics].contents.last_mut().unwrap() ^= 1;
    let other = Checkpoint::from_reader(Cursor::new(members.tar())).unwrap().identity();
    assert_ne!(first, other);
}

#[test]
fn copies_have_one_id_however_they_are_packed() {
    let archives = ["forms-reference/podman-runc.tar", "criu-1.8-tree/criu-1.8-tree.tar.zst", "tree/tree.tar.zst"];
    for name in archives {
        let path = fixtures::path(name);
        let id = open(&path)[0].identity();
        let members = Members::of(&path);
        let plain = inflated(&fs::read(&path).unwrap());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let repacked = Members(members.0.iter().rev().cloned().collect()).tar();
        let below = members.0.iter().map(|m| crate::archives::Member { name: format!("a/b/{}", m.name), ..m.clone() });
        let copies = [plain, gzip.finish().unwrap(), repacked, Members(below.collect()).tar()];
        for (number, copy) in copies.into_iter().enumerate() {
            for keep in [Keep::Tables, Keep::Arguments, Keep::Everything] {
                let found = Options::new().keep(keep).open_reader(Cursor::new(&copy)).unwrap();
                assert_eq!(found[0].identity(), id, "{name}: copy {number}, {keep:?}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        for member in members.0 {
            let path = folder.path().join(&member.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, member.contents).unwrap();
        }
        assert_eq!(open(folder.path())[0].identity(), id, "{name}: unpacked");
    }
}

#[test]
fn pages_and_names_of_archives_do_not_count() {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    let id = Checkpoint::from_reader(Cursor::new(members.tar())).unwrap().identity();
    members.0.retain(|member| !member.name.contains("pages-"));
    assert_eq!(Checkpoint::from_reader(Cursor::new(members.tar())).unwrap().identity(), id);
}
